use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::config::TransitionsValidParams;
use super::count::{Counting, Places, follow_ups};
use super::scorer::{events_by_item, powers};
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::params::Params;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Users whose last event is predicted, between these bounds as many as [`MAX_ADDITIONS`] allows. The
/// error of a difference between two candidates, which see the same users, is then some thousandths.
const N_USERS: (usize, usize) = (1000, 10_000);

/// Additions to the sums of all users that one candidate may cost, about a hundredth of a second.
const MAX_ADDITIONS: usize = 10_000_000;

/// What a candidate has to be better by, lest chance decide.
const LEAST_GAIN: f64 = 1.001;

/// Share of the held-back events from which on items are taken to come back.
const SOME_REPEATS: f64 = 0.01;

/// Events to count in; of more, some users are left out.
const MAX_EVENTS: usize = 5_000_000;

/// Chooses the hyperparameters that were not given.
///
/// Each user's last event is held back and predicted from the others. One hyperparameter after the other
/// goes up or down its list of candidates as long as NDCG at 25 grows, twice round. `seen_weight` is
/// 1 or 0 by [`SOME_REPEATS`]: the last event alone would speak against items that come back, since few
/// are bought twice in one basket.
pub fn choose(
    histories: &Histories,
    n_items: usize,
    given: &Params,
    seed: u64,
    progress: &dyn Progress,
) -> Result<TransitionsValidParams, TrainError> {
    let mut start = TransitionsValidParams::start(given);
    if TransitionsValidParams::settled(given).is_some() {
        return Ok(start);
    }
    if given.continuous("seen_weight").is_none() {
        start.seen_weight = if share_of_repeats(histories) < SOME_REPEATS { 0.0 } else { 1.0 };
    }
    let mut search =
        Search { trial: Trial::new(histories, n_items, seed, &start, progress)?, best: start, score: 0.0, progress };
    search.score = search.trial.score(&search.best, progress)?;
    let open = |step: &&Step| given.integer(step.0).is_none() && given.continuous(step.0).is_none();
    for (done, (name, values, set)) in ROUNDS.iter().flat_map(|round| round.iter()).filter(open).enumerate() {
        search.along(values, *set)?;
        let n_steps = ROUNDS[0].len() + ROUNDS[1].len();
        progress.report(&format!("choosing {name}"), 0.5 * (done + 1) as f64 / n_steps as f64);
    }
    Ok(search.best)
}

/// How many of the users' last events are with an item that the user had before.
fn share_of_repeats(histories: &Histories) -> f64 {
    let lasts = || histories.users().filter_map(|user| histories.items_of(user).split_last());
    let asked = lasts().filter(|(_, before)| !before.is_empty()).count();
    lasts().filter(|(last, before)| before.contains(last)).count() as f64 / asked.max(1) as f64
}

/// A hyperparameter, its candidates in order, and how to set it.
type Step = (&'static str, &'static [f64], Set);
type Set = fn(&mut TransitionsValidParams, f64);

const BACKWARD_WEIGHT: Step =
    ("backward_weight", &[0.0, 0.3, 0.6, 1.0], |config, value| config.backward_weight = value);
const FADE_DAYS: Step = ("fade_days", &[0.0, 180.0, 45.0], |config, value| config.fade_days = value);
const COUNT_POWER: Step = ("count_power", &[0.4, 0.5, 0.6, 0.7, 0.85, 1.0], |config, value| config.count_power = value);
const FROM_POWER: Step =
    ("from_power", &[0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0], |config, value| config.from_power = value);
const TO_POWER: Step = ("to_power", &[0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5], |config, value| config.to_power = value);
const HALF_LIFE: Step = ("half_life", &[1.0, 1.5, 2.0, 3.0, 4.5, 7.0, 12.0], |config, value| config.half_life = value);
const HISTORY_LENGTH: Step =
    ("history_length", &[5.0, 10.0, 20.0, 40.0], |config, value| config.history_length = value as usize);
const WINDOW: Step = ("window", &[5.0, 10.0, 20.0, 40.0], |config, value| config.window = value as usize);

/// The second round is for what depends on other choices most.
const ROUNDS: [&[Step]; 2] = [
    &[BACKWARD_WEIGHT, FROM_POWER, COUNT_POWER, HALF_LIFE, TO_POWER, FADE_DAYS, WINDOW, HISTORY_LENGTH],
    &[FROM_POWER, COUNT_POWER, HALF_LIFE, TO_POWER, BACKWARD_WEIGHT],
];

/// The best candidate so far.
struct Search<'a> {
    trial: Trial,
    best: TransitionsValidParams,
    score: f64,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    /// Goes from the value in force up the list, and if that does not help down, as long as it helps.
    fn along(&mut self, values: &[f64], set: Set) -> Result<(), TrainError> {
        let here = values.iter().position(|value| self.with(*value, set) == self.best).unwrap_or(0);
        let mut climbed = false;
        for value in &values[here + 1..] {
            if !self.try_one(*value, set)? {
                break;
            }
            climbed = true;
        }
        if !climbed {
            for value in values[..here].iter().rev() {
                if !self.try_one(*value, set)? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn with(&self, value: f64, set: Set) -> TransitionsValidParams {
        let mut candidate = self.best.clone();
        set(&mut candidate, value);
        candidate
    }

    fn try_one(&mut self, value: f64, set: Set) -> Result<bool, TrainError> {
        go_on(self.progress)?;
        let candidate = self.with(value, set);
        let score = self.trial.score(&candidate, self.progress)?;
        let better = score > self.score * LEAST_GAIN;
        if better {
            (self.best, self.score) = (candidate, score);
        }
        Ok(better)
    }
}

/// Histories without the last event, that event, and what was counted last.
struct Trial {
    histories: Histories,
    asked: Vec<Asked>,
    n_events: Vec<u32>,
    places: Places,
    /// What was counted last, in front, and before: candidates often go back to it.
    counted: Vec<(Counting, SparseRows)>,
    /// The counts in front to this power.
    power: f64,
    powered: SparseRows,
    /// So much of the items is touched that sums are kept for all.
    dense: bool,
}

/// A user whose next item is to be told.
struct Asked {
    user: usize,
    next: u32,
    /// Distinct items of the history.
    seen: Vec<u32>,
}

impl Trial {
    fn new(
        histories: &Histories,
        n_items: usize,
        seed: u64,
        config: &TransitionsValidParams,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let mut users: Vec<usize> = histories.users().filter(|user| histories.items_of(*user).len() >= 2).collect();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut n_events = 0;
        users.retain(|user| {
            n_events += histories.items_of(*user).len();
            n_events <= MAX_EVENTS
        });
        let cut = histories.cut(&users, |user| histories.items_of(user).len() - 1);
        let counting = config.counting();
        let places = Places::of(&cut, n_items);
        let counts = follow_ups(&cut, &places, &counting, progress)?;
        // A row is read as often as its item occurs.
        let lengths: usize = cut.items().par_iter().map(|item| counts.row(*item).0.len()).sum();
        let additions = config.history_length * lengths.div_ceil(cut.n_events().max(1));
        let n_asked = (MAX_ADDITIONS / additions.max(1)).clamp(N_USERS.0, N_USERS.1);
        let asked = users.iter().enumerate().take(n_asked).filter_map(|(user, whole)| {
            let mut seen = cut.items_of(user).to_vec();
            seen.sort_unstable();
            seen.dedup();
            histories.items_of(*whole).last().map(|next| Asked { user, next: *next, seen })
        });
        Ok(Self {
            asked: asked.collect(),
            n_events: events_by_item(&cut, n_items),
            histories: cut,
            places,
            powered: counts.clone(),
            power: 1.0,
            counted: vec![(counting, counts)],
            dense: n_items <= 2 * additions,
        })
    }

    /// Mean NDCG at 25 of the held-out events.
    fn score(&mut self, config: &TransitionsValidParams, progress: &dyn Progress) -> Result<f64, TrainError> {
        let recounted = self.count(&config.counting(), progress)?;
        if recounted || config.count_power != self.power {
            self.power = config.count_power;
            let power = self.power as f32;
            self.powered = self.counted[0].1.map(|_, _, count| count.powf(power));
        }
        let from = powers(&self.n_events, config.from_power);
        let to = powers(&self.n_events, config.to_power);
        let gains: Vec<f64> = self
            .asked
            .par_iter()
            .map_init(
                || (vec![0.0; self.n_events.len()], Vec::new()),
                |(sums, touched), asked| {
                    self.add_up(asked.user, config, &from, sums, touched);
                    for item in &asked.seen {
                        sums[*item as usize] *= config.seen_weight as f32;
                    }
                    let rank = if self.dense {
                        rank(asked.next, sums, &to, 0..sums.len() as u32)
                    } else {
                        rank(asked.next, sums, &to, touched.iter().copied())
                    };
                    if self.dense {
                        sums.fill(0.0);
                    }
                    for item in touched.drain(..) {
                        sums[item as usize] = 0.0;
                    }
                    rank.filter(|rank| *rank <= 25).map_or(0.0, |rank| 1.0 / ((1 + rank) as f64).log2())
                },
            )
            .collect();
        Ok(gains.iter().sum::<f64>() / gains.len().max(1) as f64)
    }

    /// Puts these counts in front; false if they were.
    fn count(&mut self, counting: &Counting, progress: &dyn Progress) -> Result<bool, TrainError> {
        let found = self.counted.iter().position(|(other, _)| other == counting);
        match found {
            Some(0) => return Ok(false),
            Some(place) => self.counted[..=place].rotate_right(1),
            None => {
                let counts = follow_ups(&self.histories, &self.places, counting, progress)?;
                self.counted.truncate(2);
                self.counted.insert(0, (*counting, counts));
            }
        }
        Ok(true)
    }

    fn add_up(
        &self,
        user: usize,
        config: &TransitionsValidParams,
        from: &[f32],
        sums: &mut [f32],
        touched: &mut Vec<u32>,
    ) {
        let (items, times) = (self.histories.items_of(user), self.histories.timestamps_of(user));
        let newest_s = times.last().unwrap_or(0);
        let events = items.iter().zip(times.iter()).rev().take(config.history_length);
        for (place, (item, time_s)) in events.enumerate() {
            let age_s = newest_s.saturating_sub(time_s);
            let weight = config.event_weight(place) * config.fade().after(age_s) * from[*item as usize];
            let (others, counts) = self.powered.row(*item);
            for (other, count) in others.iter().zip(counts) {
                let sum = &mut sums[*other as usize];
                if !self.dense && *sum == 0.0 {
                    touched.push(*other);
                }
                *sum += weight * count;
            }
        }
    }
}

/// The rank of `next` among the items with a score above 0; popularity is left aside. `None` if it has none.
fn rank(next: u32, sums: &[f32], to: &[f32], items: impl Iterator<Item = u32>) -> Option<usize> {
    let score = |item: u32| sums[item as usize] * to[item as usize];
    let wanted = score(next);
    let before = |item: &u32| {
        let score = score(*item);
        score > wanted || (score == wanted && *item < next)
    };
    (wanted > 0.0).then(|| 1 + items.filter(before).count())
}
