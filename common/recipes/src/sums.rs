//! Scores that are summed item by item, with popularity for what no sum reaches.

use crate::model::Scorer;
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::{Event, Query, Scored};

/// What all of popularity adds up to: so little that it only orders items that are otherwise equal.
const POPULARITY_WEIGHT: f64 = 1e-6;

/// A little popularity for each item.
#[derive(Clone, Debug)]
pub struct Backoff {
    popular: Popular,
    /// By item; sums to [`POPULARITY_WEIGHT`].
    share: Vec<f32>,
}

impl Backoff {
    pub fn new(popular: Popular) -> Self {
        let n_pairs = popular.n_users().iter().map(|n_users| f64::from(*n_users)).sum::<f64>().max(1.0);
        let share = |n_users: &u32| (f64::from(*n_users) / n_pairs * POPULARITY_WEIGHT) as f32;
        Self { share: popular.n_users().iter().map(share).collect(), popular }
    }

    pub fn popular(&self) -> &Popular {
        &self.popular
    }

    pub fn n_items(&self) -> usize {
        self.share.len()
    }

    /// What popularity adds to the score of an item.
    pub fn share(&self, item: u32) -> f32 {
        self.share[item as usize]
    }

    pub fn resident_bytes(&self) -> usize {
        self.popular.resident_bytes() + self.share.len() * size_of::<f32>()
    }
}

/// What becomes of the scores of items in the user's history: `weight · score - penalty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub weight: f32,
    pub penalty: f32,
}

impl Seen {
    /// `weight` runs from 1 (no difference) to 0 (these items come last, if no score is beyond `bound`).
    pub fn new(weight: f64, bound: f32) -> Self {
        Self { weight: weight as f32, penalty: (1.0 - weight) as f32 * bound }
    }
}

/// Sums by item that are emptied at the beginning of a request, at the cost of what the last one filled.
#[derive(Default)]
pub struct Sums {
    sums: Vec<f32>,
    /// Bit 0: touched, bit 1: seen.
    flags: Vec<u8>,
    touched: Vec<u32>,
    seen: Vec<u32>,
}

impl Sums {
    /// Empties the sums and marks the items of the history.
    pub fn begin(&mut self, n_items: usize, history: &[Event]) {
        for item in self.touched.drain(..).chain(self.seen.drain(..)) {
            self.sums[item as usize] = 0.0;
            self.flags[item as usize] = 0;
        }
        if self.sums.len() < n_items {
            self.sums.resize(n_items, 0.0);
            self.flags.resize(n_items, 0);
        }
        for event in history {
            let flags = &mut self.flags[event.item as usize];
            if *flags == 0 {
                *flags = 2;
                self.seen.push(event.item);
            }
        }
    }

    #[inline]
    pub fn add(&mut self, item: u32, weight: f32) {
        let flags = &mut self.flags[item as usize];
        if *flags & 1 == 0 {
            *flags |= 1;
            self.touched.push(item);
        }
        self.sums[item as usize] += weight;
    }

    pub fn is_seen(&self, item: u32) -> bool {
        self.flags[item as usize] & 2 != 0
    }

    pub fn score(&self, item: u32, backoff: &Backoff, seen: Seen) -> f32 {
        let score = self.sums[item as usize] + backoff.share(item);
        if self.is_seen(item) { score * seen.weight - seen.penalty } else { score }
    }

    /// The best `k` items that the query allows.
    ///
    /// Of items that no sum reaches and that were not seen, only the `k` most popular can be among them, since
    /// their scores are in the order of popularity.
    pub fn best(&self, query: &Query<'_>, backoff: &Backoff, seen: Seen, k: usize) -> Vec<Scored> {
        let reached = self.seen.iter().chain(self.touched.iter().filter(|item| !self.is_seen(**item)));
        let others = backoff.popular.order().iter().filter(|item| self.flags[**item as usize] == 0);
        let reached = reached.filter(|item| query.allows(**item));
        let others = others.filter(|item| query.allows(**item)).take(k);
        let mut ranked: Vec<Ranked> =
            reached.chain(others).map(|item| (*item, self.score(*item, backoff, seen))).collect();
        rank::keep_best(&mut ranked, k);
        ranked.into_iter().map(|(item, score)| Scored::new(item, Some(score))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_the_ranking_of_all_items(
            n_users in prop::collection::vec(0_u32..5, 1..12),
            added in prop::collection::vec((0_u32..12, -1.0_f32..1.0), 0..20),
            history in prop::collection::vec(0_u32..12, 0..5),
            weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
            k in 0_usize..14,
        ) {
            let n_items = n_users.len() as u32;
            let backoff = Backoff::new(Popular::new(n_users));
            let history: Vec<Event> =
                history.iter().map(|item| Event { item: item % n_items, timestamp_s: 0 }).collect();
            let mut sums = Sums::default();
            // What an earlier request left is gone.
            sums.begin(12, &[Event { item: 3, timestamp_s: 0 }]);
            sums.add(5, 1.0);
            sums.begin(n_items as usize, &history);
            for (item, value) in added {
                sums.add(item % n_items, value);
            }
            let seen = Seen::new(weight, 100.0);
            let mut wanted: Vec<Ranked> =
                (0..n_items).map(|item| (item, sums.score(item, &backoff, seen))).collect();
            wanted.sort_by(rank::order);
            wanted.truncate(k);
            let query = Query { history: &history, ..Query::default() };
            let list: Vec<Ranked> =
                sums.best(&query, &backoff, seen, k).iter().filter_map(|one| Some((one.item, one.score?))).collect();
            prop_assert_eq!(list, wanted);
        }
    }
}
