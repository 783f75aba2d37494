use rayon::prelude::*;

use super::config::Fade;
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError, rank};

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
    n_items: usize,
    counting: &Counting,
    progress: &dyn Progress,
) -> Result<SparseRows, TrainError> {
    let places = Places::of(histories, n_items);
    let shares: Vec<f32> = (1..=counting.window).map(|distance| 1.0 / distance as f32).collect();
    let rows: Result<Vec<_>, TrainError> = (0..n_items)
        .into_par_iter()
        .map_init(
            || vec![0.0_f32; n_items],
            |counts, item| {
                go_on(progress)?;
                let mut found = Vec::new();
                for (user, place) in places.of_item(item) {
                    let (items, times) = (histories.items_of(*user as usize), histories.timestamps_of(*user as usize));
                    let place = *place as usize;
                    let fade = |other: usize| counting.fade.after((times[other] - times[place]).abs());
                    let mut add = |other: usize, count: f32| {
                        let cell = &mut counts[items[other] as usize];
                        if *cell == 0.0 {
                            found.push(items[other]);
                        }
                        *cell += count;
                    };
                    for (other, share) in (place + 1..items.len()).zip(&shares) {
                        add(other, share * fade(other));
                    }
                    if counting.backward_weight > 0.0 {
                        for (other, share) in (0..place).rev().zip(&shares) {
                            add(other, share * fade(other) * counting.backward_weight);
                        }
                    }
                }
                Ok(take_row(counts, found))
            },
        )
        .collect();
    Ok(SparseRows::from_rows(rows?))
}

/// Empties the counts of the items that were found into a row.
fn take_row(counts: &mut [f32], found: Vec<u32>) -> (Vec<u32>, Vec<f32>) {
    let mut row: Vec<rank::Ranked> = found
        .into_iter()
        .map(|item| (item, std::mem::take(&mut counts[item as usize])))
        // Time can fade a count to nothing, which puts the item on the list again; it counts once.
        .filter(|(_, count)| *count > 0.0)
        .collect();
    rank::keep_largest(&mut row, N_FOLLOWERS);
    row.into_iter().unzip()
}

/// Where each item occurs.
struct Places {
    offsets: Vec<usize>,
    /// User, and place in that user's history; by user and place within an item.
    places: Vec<(u32, u32)>,
}

impl Places {
    fn of(histories: &Histories, n_items: usize) -> Self {
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

    fn of_item(&self, item: usize) -> &[(u32, u32)] {
        &self.places[self.offsets[item]..self.offsets[item + 1]]
    }
}
