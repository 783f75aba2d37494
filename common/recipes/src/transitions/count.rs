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
/// `backward_weight / d`. An item can follow itself. The largest [`N_FOLLOWERS`] of a row are kept.
///
/// Rows are summed each by one thread in the order of the events, so the number of threads does not show.
/// Cost `O(n_events · window)`, and `O(n_items)` memory a thread.
pub fn follow_ups(
    histories: &Histories,
    places: &Places,
    counting: &Counting,
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
            || Scratch { counts: vec![0.0; n_items], found: Vec::new(), keys: Vec::new() },
            |scratch, item| {
                go_on(progress)?;
                for (user, place) in places.of_item(item) {
                    let (user, place) = (*user as usize, *place as usize);
                    let items = histories.items_of(user);
                    let (before, after) = (&items[..place], &items[place + 1..]);
                    if counting.fade.days == 0.0 {
                        scratch.add(after.iter().zip(forward.iter().copied()));
                        scratch.add(before.iter().rev().zip(backward.iter().copied()));
                    } else {
                        let times = histories.timestamps_of(user);
                        let now_s = times.get(place);
                        let fade = |time_s: i64| counting.fade.after(time_s.saturating_sub(now_s).saturating_abs());
                        let after_fades = times.slice(place + 1..items.len()).iter().map(fade);
                        let before_fades = times.slice(0..place).iter().rev().map(fade);
                        let faded = |(share, fade): (&f32, f32)| share * fade;
                        scratch.add(after.iter().zip(forward.iter().zip(after_fades).map(faded)));
                        scratch.add(before.iter().rev().zip(backward.iter().zip(before_fades).map(faded)));
                    }
                }
                Ok(scratch.take_row())
            },
        )
        .collect();
    Ok(SparseRows::from_rows(rows?))
}

/// Memory that one thread counts in.
struct Scratch {
    /// By item; all 0 between rows.
    counts: Vec<f32>,
    found: Vec<u32>,
    keys: Vec<u64>,
}

impl Scratch {
    fn add<'a>(&mut self, counts: impl Iterator<Item = (&'a u32, f32)>) {
        for (item, count) in counts {
            let cell = &mut self.counts[*item as usize];
            if *cell == 0.0 {
                self.found.push(*item);
            }
            *cell += count;
        }
    }

    /// Empties the counts into a row.
    fn take_row(&mut self) -> (Vec<u32>, Vec<f32>) {
        // Counts are not negative, so their bits are in their order; of equal counts the lower item goes first.
        let keys = self.found.drain(..).map(|item| {
            let count = std::mem::take(&mut self.counts[item as usize]);
            (u64::from(count.to_bits()) << 32) | u64::from(!item)
        });
        self.keys.clear();
        // Time can fade a count to nothing, which puts the item on the list again; it counts once.
        self.keys.extend(keys.filter(|key| *key >> 32 != 0));
        if self.keys.len() > N_FOLLOWERS {
            self.keys.select_nth_unstable_by(N_FOLLOWERS, |a, b| b.cmp(a));
            self.keys.truncate(N_FOLLOWERS);
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

    fn of_item(&self, item: usize) -> &[(u32, u32)] {
        &self.places[self.offsets[item]..self.offsets[item + 1]]
    }
}
