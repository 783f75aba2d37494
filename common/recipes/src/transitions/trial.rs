use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::config::TransitionsValidParams;
use super::count::{Counting, Places, follow_ups};
use super::loans::Loans;
use super::scorer::{events_by_item, powers};
use super::source::Source;
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::{Progress, TrainError};

/// Users whose last event is predicted, between these bounds as many as [`MAX_ADDITIONS`] allows. The
/// error of a difference between two candidates, which see the same users, is then some thousandths.
const N_USERS: (usize, usize) = (1000, 10_000);

/// Additions to the sums of all users that one candidate may cost, about a hundredth of a second.
const MAX_ADDITIONS: usize = 10_000_000;

/// Events to count in; of more, some users are left out.
const MAX_EVENTS: usize = 5_000_000;

/// Histories without the last event, that event, and what was counted last.
pub struct Trial {
    histories: Histories,
    /// Of each event, if events are weighed.
    weights: Option<Vec<f32>>,
    asked: Vec<Asked>,
    n_events: Vec<f32>,
    pub loans: Option<Loans>,
    places: Places,
    /// What was counted last, in front, and before: candidates often go back to it.
    counted: Vec<(Counting, SparseRows)>,
    /// The counts in front with so much borrowed, to this power.
    made_with: (f64, f64),
    powered: SparseRows,
    /// So much of the items is touched that sums are kept for all.
    dense: bool,
}

/// A user whose next item is to be told.
struct Asked {
    user: usize,
    next: u32,
    /// Of that event.
    weight: f32,
    /// Distinct items of the history.
    seen: Vec<u32>,
}

impl Trial {
    pub fn new(
        histories: &Histories,
        source: &Source<'_>,
        seed: u64,
        config: &TransitionsValidParams,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let n_items = source.n_items;
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
        let weights = source.weighing.events(&cut);
        let counts = follow_ups(&cut, &places, &counting, weights.as_deref(), progress)?;
        // A row is read as often as its item occurs.
        let lengths: usize = cut.items().par_iter().map(|item| counts.row(*item).0.len()).sum();
        let additions = config.history_length * lengths.div_ceil(cut.n_events().max(1));
        let n_asked = (MAX_ADDITIONS / additions.max(1)).clamp(N_USERS.0, N_USERS.1);
        let asked = users.iter().enumerate().take(n_asked).filter_map(|(user, whole)| {
            let mut seen = cut.items_of(user).to_vec();
            seen.sort_unstable();
            seen.dedup();
            let last = histories.items_of(*whole).len() - 1;
            let weight = source.weighing.event(histories, *whole, last);
            histories.items_of(*whole).last().map(|next| Asked { user, next: *next, weight, seen })
        });
        Ok(Self {
            asked: asked.collect(),
            n_events: events_by_item(&cut, n_items, weights.as_deref()),
            loans: source.loans(&cut, progress)?,
            histories: cut,
            weights,
            places,
            powered: counts.clone(),
            made_with: (0.0, 1.0),
            counted: vec![(counting, counts)],
            dense: n_items <= 2 * additions,
        })
    }

    /// Mean NDCG at 25 of the held-out events, each by its weight.
    pub fn score(&mut self, config: &TransitionsValidParams, progress: &dyn Progress) -> Result<f64, TrainError> {
        let recounted = self.count(&config.counting(), progress)?;
        let (borrowed, power) = (config.borrowed_events, config.count_power as f32);
        if recounted || self.made_with != (borrowed, config.count_power) {
            self.made_with = (borrowed, config.count_power);
            let raise = |counts: &SparseRows| counts.map(|_, _, count| count.powf(power));
            let counts = &self.counted[0].1;
            self.powered = match self.loans.as_ref().filter(|_| borrowed > 0.0) {
                Some(loans) => raise(&loans.spread(counts, &self.n_events, borrowed, progress)?),
                None => raise(counts),
            };
        }
        let loans = self.loans.as_ref();
        let n_events = loans.map_or_else(|| self.n_events.clone(), |loans| loans.n_events(&self.n_events, borrowed));
        let (from, to) = (powers(&n_events, config.from_power), powers(&n_events, config.to_power));
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
                    let gain = rank.filter(|rank| *rank <= 25).map_or(0.0, |rank| 1.0 / ((1 + rank) as f64).log2());
                    f64::from(asked.weight) * gain
                },
            )
            .collect();
        let weights: f64 = self.asked.iter().map(|asked| f64::from(asked.weight)).sum();
        Ok(if weights > 0.0 { gains.iter().sum::<f64>() / weights } else { 0.0 })
    }

    /// Puts these counts in front; false if they were.
    fn count(&mut self, counting: &Counting, progress: &dyn Progress) -> Result<bool, TrainError> {
        let found = self.counted.iter().position(|(other, _)| other == counting);
        match found {
            Some(0) => return Ok(false),
            Some(place) => self.counted[..=place].rotate_right(1),
            None => {
                let counts = follow_ups(&self.histories, &self.places, counting, self.weights.as_deref(), progress)?;
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
            let weight = config.event_weight(place, age_s) * from[*item as usize];
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
