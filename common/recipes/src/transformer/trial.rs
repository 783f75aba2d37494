//! Events that are held back from learning, to tell when it is enough and how to blend.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::network::Transformer;
use crate::dataset::Histories;
use crate::model::{Scorer, SparseRows};
use crate::neural::batch::{Moment, Shard};
use crate::neural::blend::{Blend, Told};
use crate::neural::returns::Came;
use crate::neural::shares::{gain, n_asked, shares, weigh_seen};
use crate::training::go_on;
use crate::transitions::Fitted;
use crate::{Event, Progress, Query, TrainError};

/// Users whose last event is to be told. The error of the difference of two networks is then about a hundredth.
const MAX_ASKED: usize = 3000;

/// Items up to which blends are compared that go by how many had an item.
const MAX_COMPARED: usize = 30_000;

/// Length of the lists that networks are judged by.
const LIST_LENGTH: usize = 25;

/// Users whose states are made together.
const TOGETHER: usize = 32;

pub struct Trial {
    /// All histories, those of the users who are asked without their last event.
    pub histories: Histories,
    asked: Vec<Asked>,
    seen_weight: f64,
}

struct Asked {
    history: Vec<Event>,
    next: u32,
    /// Features of the user and of the moment.
    moment: (Vec<u32>, Vec<f32>),
}

/// A network that can be asked.
#[derive(Clone, Copy)]
pub struct Ready<'a> {
    pub network: &'a Transformer,
    pub body: &'a [f32],
    /// Vectors of all items.
    pub vectors: &'a [f32],
}

impl Trial {
    /// Holds back the last event of some users with at least three, drawn at random. `seen_weight` is what the share
    /// of an item is multiplied by that the user had before.
    pub fn draw(
        histories: &Histories,
        n_items: usize,
        seen_weight: f64,
        seed: u64,
        moment: Option<Moment<'_>>,
    ) -> Self {
        let length = |user: usize| histories.items_of(user).len();
        let mut users: Vec<usize> = histories.users().filter(|user| length(*user) >= 3).collect();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        users.truncate(n_asked(n_items, MAX_ASKED));
        let mut is_asked = vec![false; histories.n_users()];
        let asked = users.iter().filter_map(|user| {
            is_asked[*user] = true;
            let (next, before) = histories.items_of(*user).split_last()?;
            let moment = moment.map(|moment| moment(*user, before.len())).unwrap_or_default();
            Some(Asked { history: histories.events(*user, before.len()), next: *next, moment })
        });
        let asked = asked.collect();
        let all: Vec<usize> = histories.users().collect();
        let histories = histories.cut(&all, |user| length(user) - usize::from(is_asked[user]));
        Self { histories, asked, seen_weight }
    }

    /// Mean NDCG at 25 of the network.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn ndcg(&self, ready: Ready<'_>, progress: &dyn Progress) -> Result<f64, TrainError> {
        let gains = self.judge(ready, progress, |asked, shares| gain(shares, asked.next, LIST_LENGTH))?;
        Ok(gains.iter().sum::<f64>() / gains.len().max(1) as f64)
    }

    /// The shares of the two parts that find the most; of a large catalogue by the length of histories alone, since
    /// each comparison goes through all items. If users come back to items, also what becomes of the shares of these.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn blend(&self, ready: Ready<'_>, transitions: &Fitted, progress: &dyn Progress) -> Result<Blend, TrainError> {
        let items: Vec<u32> = (0..(ready.vectors.len() / ready.network.shape.columns) as u32).collect();
        let others = |asked: &Asked| transitions.rank(&Query { history: &asked.history, ..Query::default() }, &items);
        let by_length = Blend::of(&self.judge(ready, progress, |asked, shares| {
            Told::new(asked.history.len(), shares, &others(asked), asked.next, LIST_LENGTH)
        })?);
        let n_users = transitions.popular().n_users();
        let mixed = |blend: &Blend, asked: &Asked, shares: &[f32], others: &[f32]| {
            let mut mixed = shares.to_vec();
            blend.mix(asked.history.len(), n_users, &mut mixed, others);
            mixed
        };
        let blend = match items.len() > MAX_COMPARED {
            true => by_length,
            false => by_length.by_frequency(&|blends| {
                self.judge(ready, progress, |asked, shares| {
                    let others = others(asked);
                    let gained = |blend| gain(&mixed(blend, asked, shares, &others), asked.next, LIST_LENGTH);
                    blends.iter().map(gained).collect()
                })
            })?,
        };
        if self.seen_weight < 1.0 {
            return Ok(blend);
        }
        let came = self.judge(ready, progress, |asked, shares| {
            Came::new(&asked.history, &mixed(&blend, asked, shares, &others(asked)), asked.next)
        })?;
        Ok(blend.with_returns(&came))
    }

    /// What `value` makes of the network's shares, in the order of the users.
    fn judge<T: Send>(
        &self,
        ready: Ready<'_>,
        progress: &dyn Progress,
        value: impl Fn(&Asked, &[f32]) -> T + Sync,
    ) -> Result<Vec<T>, TrainError> {
        let Ready { network, body, vectors } = ready;
        let columns = network.shape.columns;
        let of_some = |some: &[Asked]| -> Result<Vec<T>, TrainError> {
            go_on(progress)?;
            let histories = some.iter().map(|asked| asked.history.as_slice());
            let shard = Shard::asking(histories, network.shape.max_length);
            let moments = SparseRows::from_rows(some.iter().map(|asked| asked.moment.clone()));
            let states = network.last_states((body, vectors), &shard, &moments);
            let of_one = |(asked, state): (&Asked, &[f32])| {
                let mut shares = shares(vectors, state);
                weigh_seen(&mut shares, asked.history.iter().map(|event| event.item), self.seen_weight);
                value(asked, &shares)
            };
            Ok(some.iter().zip(states.chunks_exact(columns)).map(of_one).collect())
        };
        let of_each: Vec<Vec<T>> = self.asked.par_chunks(TOGETHER).map(of_some).collect::<Result<_, _>>()?;
        Ok(of_each.into_iter().flatten().collect())
    }
}
