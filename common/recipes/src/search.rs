//! Choosing hyperparameters on a validation part of the training users.

use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::dataset::Histories;
use crate::model::Scorer;
use crate::params::Params;
use crate::training::go_on;
use crate::{Event, Progress, Query, Record, TrainError};

/// Users whose last event is to be told. The error of a difference between two candidates, which see the same
/// users, is then some thousandths.
const MAX_ASKED: usize = 5000;

/// Length of the lists that candidates are judged by.
const LIST_LENGTH: usize = 25;

/// What a candidate has to be better by, lest chance decide.
const LEAST_GAIN: f64 = 1.001;

/// Share of the held-back events from which on items are taken to come back.
const SOME_REPEATS: f64 = 0.01;

/// Histories, those of some users without their last event, and these events.
pub struct Trial {
    pub histories: Histories,
    asked: Vec<Asked>,
}

struct Asked {
    /// Row of the user in the dataset.
    row: usize,
    history: Vec<Event>,
    next: u32,
}

impl Trial {
    /// Holds back the last event of some users with at least two, drawn at random.
    pub fn draw(histories: &Histories, seed: u64) -> Self {
        Self::draw_at_most(histories, seed, MAX_ASKED)
    }

    /// As [`Trial::draw`], of so many users.
    pub fn draw_at_most(histories: &Histories, seed: u64, max_asked: usize) -> Self {
        let length = |user: usize| histories.items_of(user).len();
        let mut users: Vec<usize> = histories.users().filter(|user| length(*user) >= 2).collect();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        users.truncate(max_asked);
        let mut is_asked = vec![false; histories.n_users()];
        let asked = users.iter().filter_map(|user| {
            is_asked[*user] = true;
            let next = *histories.items_of(*user).last()?;
            let row = histories.row_of(*user);
            Some(Asked { row, history: histories.events(*user, length(*user) - 1), next })
        });
        let asked = asked.collect();
        let all: Vec<usize> = histories.users().collect();
        Self { histories: histories.cut(&all, |user| length(user) - usize::from(is_asked[user])), asked }
    }

    /// Mean NDCG at 25 of the held-back events; the query item is the event before. Sums run over users in their order.
    pub fn ndcg(&self, scorer: &impl Scorer, progress: &dyn Progress) -> Result<f64, TrainError> {
        self.ndcg_with(scorer, |_| None, progress)
    }

    /// As [`Trial::ndcg`], with the record of each user, by the row in the dataset.
    pub fn ndcg_with(
        &self,
        scorer: &impl Scorer,
        record: impl Fn(usize) -> Option<Record> + Sync,
        progress: &dyn Progress,
    ) -> Result<f64, TrainError> {
        let gains: Result<Vec<f64>, TrainError> = self
            .asked
            .par_iter()
            .map(|asked| {
                go_on(progress)?;
                let item = asked.history.last().map(|event| event.item);
                let record = record(asked.row);
                let query = Query { history: &asked.history, item, user: record.as_ref(), ..Query::default() };
                let list = scorer.recommend(&query, LIST_LENGTH);
                let place = list.iter().position(|scored| scored.item == asked.next);
                Ok(place.map_or(0.0, |place| 1.0 / ((2 + place) as f64).log2()))
            })
            .collect();
        let gains = gains?;
        Ok(gains.iter().sum::<f64>() / gains.len().max(1) as f64)
    }
}

/// 0 if users hardly ever come back to an item that they had before, else 1: what the score of such an item is
/// multiplied by. The last event alone would speak against items that come back, since few are bought twice in
/// one basket, so the rule is not a comparison of candidates.
pub fn seen_weight(histories: &Histories) -> f64 {
    let lasts = || histories.users().filter_map(|user| histories.items_of(user).split_last());
    let asked = lasts().filter(|(_, before)| !before.is_empty()).count();
    let repeats = lasts().filter(|(last, before)| before.contains(last)).count();
    if (repeats as f64) < SOME_REPEATS * asked.max(1) as f64 { 0.0 } else { 1.0 }
}

/// What was made of choices that candidates come back to.
pub struct Memo<K, V>(Vec<(K, Arc<V>)>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Memo<K, V> {
    /// What was made of `key`, or is now; `make` is given what was made last.
    pub fn of(&mut self, key: K, make: impl FnOnce(Option<&V>) -> Result<V, TrainError>) -> Result<Arc<V>, TrainError> {
        if let Some((_, made)) = self.0.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make(self.0.last().map(|(_, last)| last.as_ref()))?);
        self.0.push((key, Arc::clone(&made)));
        Ok(made)
    }
}

/// A hyperparameter, its candidates in order, and how to set it.
pub struct Step<C> {
    pub name: &'static str,
    pub values: &'static [f64],
    pub set: fn(&mut C, f64),
}

/// The steps in an order, without those whose hyperparameter is settled.
pub fn open<'a, C>(steps: &'a [Step<C>], order: &[usize], given: &Params) -> Vec<&'a Step<C>> {
    order.iter().map(|step| &steps[*step]).filter(|step| !given.settles(step.name)).collect()
}

/// One hyperparameter after the other goes up or down its list of candidates as long as the score grows.
///
/// A start that is not in the list stands before its first candidate.
pub fn climb<C: Clone + PartialEq>(
    start: C,
    steps: &[&Step<C>],
    progress: &dyn Progress,
    mut score: impl FnMut(&C) -> Result<f64, TrainError>,
) -> Result<C, TrainError> {
    if steps.is_empty() {
        return Ok(start);
    }
    let (mut best_score, mut best) = (score(&start)?, start);
    for (done, step) in steps.iter().enumerate() {
        // The first half of a training.
        progress.report(&format!("choosing {}", step.name), 0.5 * done as f64 / steps.len() as f64);
        let with = |config: &C, value: f64| {
            let mut candidate = config.clone();
            (step.set)(&mut candidate, value);
            candidate
        };
        let here = step.values.iter().position(|value| with(&best, *value) == best);
        let (down, up) = here.map_or((&[][..], step.values), |here| (&step.values[..here], &step.values[here + 1..]));
        let mut climbed = false;
        let mut try_one = |value: f64| -> Result<bool, TrainError> {
            go_on(progress)?;
            let candidate = with(&best, value);
            let reached = score(&candidate)?;
            let better = reached > best_score * LEAST_GAIN;
            if better {
                (best, best_score) = (candidate, reached);
            }
            Ok(better)
        };
        for value in up {
            if !try_one(*value)? {
                break;
            }
            climbed = true;
        }
        for value in down.iter().rev() {
            if climbed || !try_one(*value)? {
                break;
            }
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn histories(users: &[&[u32]]) -> Histories {
        Histories::of_events(users.iter().map(|items| items.iter().copied().zip(0..)))
    }

    #[test]
    fn the_last_event_is_held_back_and_a_single_one_is_not() {
        let trial = Trial::draw(&histories(&[&[1, 2, 3], &[4], &[]]), 0);
        assert_eq!(trial.histories.items_of(0), [1, 2]);
        assert_eq!(trial.histories.items_of(1), [4]);
        assert_eq!(trial.asked.len(), 1);
        assert_eq!(trial.asked[0].next, 3);
        assert_eq!(trial.asked[0].history.len(), 2);
    }

    #[test]
    fn repeats_decide_whether_seen_items_count() {
        assert_eq!(seen_weight(&histories(&[&[1, 2, 3], &[4]])), 0.0);
        assert_eq!(seen_weight(&histories(&[&[1, 2, 1], &[4]])), 1.0);
        assert_eq!(seen_weight(&histories(&[])), 0.0);
    }

    #[test]
    fn what_was_made_once_is_not_made_again() {
        let mut memo = Memo::default();
        let mut make = |key: u32| *memo.of(key, |last: Option<&u32>| Ok(10 * key + last.unwrap_or(&0))).unwrap();
        assert_eq!([1, 2, 1, 3].map(&mut make), [10, 30, 10, 60]);
    }

    #[test]
    fn a_climb_ends_at_the_top_of_a_hill_and_leaves_the_rest() {
        const STEPS: [Step<(f64, f64)>; 2] = [
            Step { name: "first", values: &[1.0, 2.0, 3.0, 4.0, 5.0], set: |pair, value| pair.0 = value },
            Step { name: "second", values: &[1.0, 2.0, 3.0], set: |pair, value| pair.1 = value },
        ];
        let hill = |pair: &(f64, f64)| Ok(100.0 - (pair.0 - 4.0).powi(2) - (pair.1 - 1.0).powi(2));
        assert_eq!(climb((2.0, 3.0), &[&STEPS[0], &STEPS[1]], &(), hill).unwrap(), (4.0, 1.0));
        assert_eq!(climb((2.0, 3.0), &[&STEPS[1]], &(), hill).unwrap(), (2.0, 1.0));
        // A start outside of the list.
        assert_eq!(climb((2.5, 1.0), &[&STEPS[0]], &(), hill).unwrap(), (2.5, 1.0));
    }
}
