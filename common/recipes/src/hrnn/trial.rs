//! Events that are held back from learning, to tell when it is enough and how to blend.

use rayon::prelude::*;

use super::encode::Encoding;
use super::learner::{Material, drawn};
use super::weights::Weights;
use super::window::Reading;
use crate::dataset::Histories;
use crate::model::Scorer;
use crate::neural::blend::{Blend, Told};
use crate::neural::returns::Came;
use crate::neural::shares::{gain, n_asked, shares, weigh_seen};
use crate::training::go_on;
use crate::transitions::Fitted;
use crate::{Event, Progress, Query, TrainError};

/// Users whose last event is to be told. The error of the difference of two networks is then about a hundredth.
const MAX_ASKED: usize = 2000;

/// Length of the lists that networks are judged by.
const LIST_LENGTH: usize = 25;

pub struct Trial {
    /// All histories, those of the users who are asked without their last event.
    pub histories: Histories,
    /// Users of `histories`, ascending, and what came next.
    asked: Vec<(usize, u32)>,
}

/// What both parts answer a user.
struct Parts {
    history: Vec<Event>,
    network: Vec<f32>,
    others: Vec<f32>,
    next: u32,
}

impl Trial {
    /// Holds back the last event of some users with at least three, drawn at random; of fewer in a large catalogue.
    pub fn draw(histories: &Histories, n_items: usize, seed: u64) -> Self {
        let length = |user: usize| histories.items_of(user).len();
        let users =
            drawn(histories.users().filter(|user| length(*user) >= 3).collect(), n_asked(n_items, MAX_ASKED), seed);
        let mut is_asked = vec![false; histories.n_users()];
        let asked = users.iter().filter_map(|user| {
            is_asked[*user] = true;
            Some((*user, *histories.items_of(*user).last()?))
        });
        let asked = asked.collect();
        let all: Vec<usize> = histories.users().collect();
        Self { histories: histories.cut(&all, |user| length(user) - usize::from(is_asked[user])), asked }
    }

    /// Mean NDCG at 25 of the events held back, with the items of the history left out of the lists if `seen_weight`
    /// is 0. `finish` does what is still to be done with the vectors of items.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn ndcg(
        &self,
        weights: &Weights,
        material: &Material<'_>,
        seen_weight: f64,
        finish: impl Fn(&mut [f32]),
        progress: &dyn Progress,
    ) -> Result<f64, TrainError> {
        let mut vectors = weights.items.vectors(material.items, &all(material), material.cold);
        finish(&mut vectors);
        let queries = self.queries(weights, &vectors, material, progress)?;
        let gains: Vec<f64> = queries
            .par_iter()
            .zip(&self.asked)
            .map(|(query, (user, next))| {
                let mut shares = shares(&vectors, query);
                weigh_seen(&mut shares, self.histories.items_of(*user).iter().copied(), seen_weight);
                gain(&shares, *next, LIST_LENGTH)
            })
            .collect();
        Ok(gains.iter().sum::<f64>() / gains.len().max(1) as f64)
    }

    /// What those who are asked ask for next, in their order.
    fn queries(
        &self,
        weights: &Weights,
        vectors: &[f32],
        material: &Material<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        let reading = &Reading { histories: &self.histories, ..material.reading };
        let users: Vec<usize> = self.asked.iter().map(|(user, _)| *user).collect();
        Encoding { weights, vectors, reading, of_users: material.users, users: &users, progress }.queries()
    }

    /// The weights of the two parts that find the most, and, if users come back to items, what becomes of the shares of
    /// these.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn blend(
        &self,
        weights: &Weights,
        material: &Material<'_>,
        seen_weight: f64,
        transitions: &Fitted,
        progress: &dyn Progress,
    ) -> Result<Blend, TrainError> {
        let items = all(material);
        let vectors = weights.items.vectors(material.items, &items, material.cold);
        let queries = self.queries(weights, &vectors, material, progress)?;
        let parts = |place: usize| -> Result<Parts, TrainError> {
            go_on(progress)?;
            let (user, next) = self.asked[place];
            let mut network = shares(&vectors, &queries[place]);
            weigh_seen(&mut network, self.histories.items_of(user).iter().copied(), seen_weight);
            let history: Vec<Event> = self.histories.events(user, usize::MAX);
            let others = transitions.rank(&Query { history: &history, ..Query::default() }, &items);
            Ok(Parts { history, network, others, next })
        };
        let told = |place: usize| {
            let Parts { history, network, others, next } = parts(place)?;
            Ok(Told::new(history.len(), &network, &others, next, LIST_LENGTH))
        };
        let all = 0..queries.len();
        let told: Result<Vec<Told>, TrainError> = all.clone().into_par_iter().map(told).collect();
        let blend = Blend::of(&told?);
        if seen_weight < 1.0 {
            return Ok(blend);
        }
        let came = |place: usize| {
            let Parts { history, network: mut mixed, others, next } = parts(place)?;
            blend.mix(history.len(), transitions.popular().n_users(), &mut mixed, &others);
            Ok(Came::new(&history, &mixed, next))
        };
        let came: Result<Vec<Came>, TrainError> = all.into_par_iter().map(came).collect();
        Ok(blend.with_returns(&came?))
    }
}

fn all(material: &Material<'_>) -> Vec<u32> {
    (0..material.n_events.len() as u32).collect()
}
