use rayon::prelude::*;

use super::config::Fade;
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// What counts as following, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counting {
    pub window: usize,
    /// 0 to 1
    pub backward_weight: f32,
    pub fade: Fade,
}

/// Longest row that is kept. Whole rows find a third of a percent more at rank 10 on MovieLens 1M, for
/// twice the memory and time.
pub const N_FOLLOWERS: usize = 500;

/// Counts what followed each item: `c(i,j)`, rows by `i`, columns in no order.
///
/// A follower at distance `d` counts `1 / d`; going back from `i` to what came before it counts
/// `backward_weight / d`; what fades with the time between the two is [`Counting::fade`]. An item can follow itself.
/// The largest [`N_FOLLOWERS`] of a row are kept. `weights` are of each event, not negative; a pair counts by both.
///
/// Rows are summed each by one thread in the order of the events, so the number of threads does not show.
/// Cost `O(n_events · window)`, and `O(n_items)` memory a thread.
pub fn follow_ups(
    histories: &Histories,
    places: &Places,
    counting: &Counting,
    weights: Option<&[f32]>,
    progress: &dyn Progress,
) -> Result<SparseRows, TrainError> {
    let n_items = places.n_items();
    let forward: Vec<f32> = (1..=counting.window).map(|distance| 1.0 / distance as f32).collect();
    let backward: Vec<f32> = match counting.backward_weight {
        0.0 => Vec::new(),
        weight => forward.iter().map(|share| weight * share).collect(),
    };
    let rows: Result<Vec<_>, TrainError> = (0..n_items)
        .into_par_iter()
        .map_init(
            || (Scratch::new(n_items), Vec::new()),
            |(scratch, shares), item| {
                go_on(progress)?;
                for (user, place) in places.of_item(item) {
                    let (user, place) = (*user as usize, *place as usize);
                    let (items, window) = (histories.items_of(user), counting.window);
                    let after = place + 1..items.len().min(place + 1 + window);
                    let before = place.saturating_sub(backward.len())..place;
                    if counting.fade.is_none() && weights.is_none() {
                        scratch.add_all(items[after].iter().zip(forward.iter().copied()));
                        scratch.add_all(items[before].iter().rev().zip(backward.iter().copied()));
                        continue;
                    }
                    let (times, own) = (histories.timestamps_of(user), histories.events_of(user));
                    let now_s = times.get(place);
                    let weight =
                        |other: usize| weights.map_or(1.0, |all| all[own.start + place] * all[own.start + other]);
                    let left = |(other, time_s): (usize, i64)| {
                        weight(other) * counting.fade.after(time_s.saturating_sub(now_s).saturating_abs())
                    };
                    shares.clear();
                    shares.extend(after.clone().zip(times.slice(after.clone()).iter()).map(left));
                    let counted = forward.iter().zip(shares.iter()).map(|(share, left)| share * left);
                    scratch.add_all(items[after].iter().zip(counted));
                    shares.clear();
                    shares.extend(before.clone().zip(times.slice(before.clone()).iter()).map(left));
                    let counted = backward.iter().zip(shares.iter().rev()).map(|(share, left)| share * left);
                    scratch.add_all(items[before].iter().rev().zip(counted));
                }
                Ok(scratch.take_row(N_FOLLOWERS))
            },
        )
        .collect();
    Ok(SparseRows::from_rows(rows?))
}

/// Memory that one thread counts in.
pub struct Scratch {
    /// By item; all 0 between rows.
    counts: Vec<f32>,
    found: Vec<u32>,
    keys: Vec<u64>,
}

impl Scratch {
    pub fn new(n_items: usize) -> Self {
        Self { counts: vec![0.0; n_items], found: Vec::new(), keys: Vec::new() }
    }

    pub fn add(&mut self, item: u32, count: f32) {
        let cell = &mut self.counts[item as usize];
        if *cell == 0.0 {
            self.found.push(item);
        }
        *cell += count;
    }

    fn add_all<'a>(&mut self, counts: impl Iterator<Item = (&'a u32, f32)>) {
        counts.for_each(|(item, count)| self.add(*item, count));
    }

    /// Empties the counts into a row of the `n_kept` largest.
    pub fn take_row(&mut self, n_kept: usize) -> (Vec<u32>, Vec<f32>) {
        // Counts are not negative, so their bits are in their order; of equal counts the lower item goes first.
        let keys = self.found.drain(..).map(|item| {
            let count = std::mem::take(&mut self.counts[item as usize]);
            (u64::from(count.to_bits()) << 32) | u64::from(!item)
        });
        self.keys.clear();
        // Time or a weight of 0 can leave nothing of a count, which puts the item on the list again; it counts once.
        self.keys.extend(keys.filter(|key| *key >> 32 != 0));
        if self.keys.len() > n_kept {
            self.keys.select_nth_unstable_by(n_kept, |a, b| b.cmp(a));
            self.keys.truncate(n_kept);
        }
        let item = |key: &u64| !(*key as u32);
        let count = |key: &u64| f32::from_bits((*key >> 32) as u32);
        (self.keys.iter().map(item).collect(), self.keys.iter().map(count).collect())
    }
}

/// Where each item occurs.
pub struct Places {
    offsets: Vec<usize>,
    /// User, and place in that user's history; by user and place within an item.
    places: Vec<(u32, u32)>,
}

impl Places {
    pub fn of(histories: &Histories, n_items: usize) -> Self {
        let mut offsets = vec![0; n_items + 1];
        for item in histories.items() {
            offsets[*item as usize + 1] += 1;
        }
        for item in 0..n_items {
            offsets[item + 1] += offsets[item];
        }
        let mut next = offsets.clone();
        let mut places = vec![(0, 0); histories.n_events()];
        for user in histories.users() {
            for (place, item) in histories.items_of(user).iter().enumerate() {
                let free = &mut next[*item as usize];
                places[*free] = (user as u32, place as u32);
                *free += 1;
            }
        }
        Self { offsets, places }
    }

    fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn of_item(&self, item: usize) -> &[(u32, u32)] {
        &self.places[self.offsets[item]..self.offsets[item + 1]]
    }
}
