use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::parzen::{Observed, propose};
use super::{Budget, Dimension};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// The share of a search that is spent before there is a model of its results.
const START_SHARE: f64 = 0.25;
const LEAST_START: usize = 4;

/// How often something that was not tried yet is looked for, if the model only proposes what was.
const N_DRAWS: usize = 256;

type Point = Vec<f64>;
type Texts = BTreeMap<String, String>;

/// A search, whatever is searched.
pub struct Rounds<'a> {
    pub space: &'a [Dimension],
    pub budget: Budget,
    pub seed: u64,
    pub progress: &'a dyn Progress,
}

/// What a trial came to.
pub struct Outcome {
    /// Higher is better.
    pub objective: f64,
    /// Every hyperparameter in force.
    pub in_force: Texts,
}

pub struct Tried {
    /// Of each dimension.
    pub values: Texts,
    pub result: Result<Outcome, TrainError>,
}

impl Rounds<'_> {
    /// Runs the trials, in the order of their beginning. Fewer than the budget only if the space has no more values
    /// or the time is up.
    ///
    /// # Errors
    /// [`TrainError::Stopped`] and errors of the model; a trial that fails otherwise is one with that result.
    pub fn run<F>(&self, start: &Texts, train: F) -> Result<Vec<Tried>, TrainError>
    where
        F: Fn(&Texts, &dyn Progress) -> Result<Outcome, TrainError> + Sync,
    {
        let n_trials = self.budget.trials.max(1);
        let done: Vec<AtomicU64> = (0..n_trials).map(|_| AtomicU64::new(0)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut first = self.start_points(n_trials, &mut rng).into_iter();
        let mut tried: Vec<Tried> = Vec::new();
        let mut seen = HashSet::from([start.clone()]);
        while tried.len() < n_trials && (tried.is_empty() || !self.progress.out_of_time()) {
            go_on(self.progress)?;
            let mut round: Vec<Texts> = Vec::new();
            while round.len() < self.budget.parallel.max(1) && tried.len() + round.len() < n_trials {
                let next = if tried.is_empty() && round.is_empty() {
                    Some(start.clone())
                } else {
                    let known = tried.iter().map(|trial| &trial.values).chain(&seen);
                    if self.is_used_up(known) { None } else { self.next(&mut first, &tried, &round, &seen, &mut rng) }
                };
                let Some(next) = next else { break };
                seen.insert(next.clone());
                round.push(next);
            }
            if round.is_empty() {
                break;
            }
            let begun = tried.len();
            let results: Vec<Result<Outcome, TrainError>> = round
                .par_iter()
                .enumerate()
                .map(|(place, values)| {
                    let share = Share { inner: self.progress, done: &done, number: begun + place };
                    let result = train(values, &share);
                    share.report("done", 1.0);
                    result
                })
                .collect();
            for (planned, result) in round.into_iter().zip(results) {
                if let Err(error @ (TrainError::Stopped | TrainError::Model(_))) = result {
                    return Err(error);
                }
                let values = self.values(planned, &result);
                seen.insert(values.clone());
                tried.push(Tried { values, result });
            }
        }
        Ok(tried)
    }

    /// A Latin hypercube: in each dimension, every point has a stripe of its own.
    fn start_points(&self, n_trials: usize, rng: &mut ChaCha8Rng) -> Vec<Point> {
        let n_points =
            ((n_trials as f64 * START_SHARE).ceil() as usize).clamp(LEAST_START, n_trials.max(LEAST_START)) - 1;
        let mut points = vec![Vec::with_capacity(self.space.len()); n_points];
        for _ in self.space {
            let mut stripes: Vec<usize> = (0..n_points).collect();
            stripes.shuffle(rng);
            for (point, stripe) in points.iter_mut().zip(stripes) {
                point.push((stripe as f64 + rng.random::<f64>()) / n_points as f64);
            }
        }
        points
    }

    /// Something that was not tried yet; `None` if nothing is found.
    fn next(
        &self,
        first: &mut impl Iterator<Item = Point>,
        tried: &[Tried],
        pending: &[Texts],
        seen: &HashSet<Texts>,
        rng: &mut ChaCha8Rng,
    ) -> Option<Texts> {
        let is_new = |point: Point| Some(self.texts(&point)).filter(|values| !seen.contains(values));
        if let Some(values) = first.find_map(is_new) {
            return Some(values);
        }
        let observed: Vec<Observed> = tried
            .iter()
            .map(|trial| (&trial.values, trial.result.as_ref().ok().map(|outcome| outcome.objective)))
            // What is being tried counts as bad, lest a round try the same thing many times.
            .chain(pending.iter().map(|values| (values, None)))
            .map(|(values, objective)| Observed { point: self.point(values), objective })
            .collect();
        if let Some(values) = propose(self.space, &observed, rng).into_iter().find_map(is_new) {
            return Some(values);
        }
        (0..N_DRAWS).find_map(|_| is_new(self.space.iter().map(|_| rng.random()).collect()))
    }

    /// Whether so few values are possible that all of them were tried.
    fn is_used_up<'t>(&self, known: impl Iterator<Item = &'t Texts>) -> bool {
        let n = self.space.iter().try_fold(1_usize, |n, dimension| n.checked_mul(dimension.n_values()?));
        let whole = |values: &&Texts| self.space.iter().all(|dimension| values.contains_key(&dimension.name));
        n.is_some_and(|n| known.filter(whole).collect::<HashSet<_>>().len() >= n)
    }

    fn texts(&self, point: &[f64]) -> Texts {
        self.space.iter().zip(point).map(|(dimension, share)| (dimension.name.clone(), dimension.at(*share))).collect()
    }

    /// What is not known is taken for the middle.
    fn point(&self, values: &Texts) -> Point {
        let share = |dimension: &Dimension| dimension.share_of(values.get(&dimension.name)?);
        self.space.iter().map(|dimension| share(dimension).unwrap_or(0.5)).collect()
    }

    /// What was planned, and what the recipe chose where nothing was.
    fn values(&self, mut planned: Texts, result: &Result<Outcome, TrainError>) -> Texts {
        if let Ok(outcome) = result {
            for dimension in self.space {
                if let (None, Some(value)) = (planned.get(&dimension.name), outcome.in_force.get(&dimension.name)) {
                    planned.insert(dimension.name.clone(), value.clone());
                }
            }
        }
        planned
    }
}

/// Hears one trial, and tells how far all of them are.
struct Share<'a> {
    inner: &'a dyn Progress,
    /// Bits of the share that is done, of each trial.
    done: &'a [AtomicU64],
    number: usize,
}

impl Progress for Share<'_> {
    fn report(&self, step: &str, done: f64) {
        self.done[self.number].store(done.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
        let sum: f64 = self.done.iter().map(|done| f64::from_bits(done.load(Ordering::Relaxed))).sum();
        let n_trials = self.done.len();
        self.inner.report(&format!("trial {} of {n_trials}: {step}", self.number + 1), sum / n_trials as f64);
    }

    fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    fn time_left(&self) -> Option<Duration> {
        self.inner.time_left()
    }
}
