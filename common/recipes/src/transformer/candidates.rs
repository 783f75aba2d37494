//! Shares of the items that an answer can be made of.
//!
//! Of a catalogue of up to [`LARGE`] items that is all of them. Of a larger one it is those that come into question:
//! what a coarse search finds with the network, and what transitions lead to. Their exact inner products and shares are
//! computed, and shares sum to 1 over them. Items that are asked for beside them, because of a filter say, have shares
//! by the same measure.

use std::borrow::Cow;

use crate::neural::elementwise::{dot, softmax_row};
use crate::neural::returns::Returns;
use crate::neural::shares::{self, Own, weigh_seen};
use crate::{Event, Query, Scored, rank};

/// Items up to which the network is compared with every one.
pub const LARGE: usize = 100_000;

/// Items that a coarse search finds at least, and for each place of the answer.
const FOUND: usize = 4000;
const FOUND_A_PLACE: usize = 8;

/// How many items a search for an answer of `k` should find.
pub fn n_found(k: usize) -> usize {
    k.saturating_mul(FOUND_A_PLACE).max(FOUND)
}

/// Items of a large catalogue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Ascending.
    items: Vec<u32>,
    /// By place in `items`: whether it is one of those whose shares sum to 1.
    counts: Vec<bool>,
}

impl Candidates {
    /// Those whose shares sum to 1, and others; in any order, repeated or not.
    pub fn new(counted: Vec<u32>, others: Vec<u32>) -> Self {
        let mut counted = counted;
        counted.sort_unstable();
        counted.dedup();
        let mut items = counted.clone();
        items.extend(others);
        items.sort_unstable();
        items.dedup();
        let counts = items.iter().map(|item| counted.binary_search(item).is_ok()).collect();
        Self { items, counts }
    }
}

/// The shares of all items, or of candidates in their order.
pub struct Shares {
    candidates: Option<Candidates>,
    values: Vec<f32>,
    own: Own,
}

impl Shares {
    /// From the inner products of a state with the rows of a table.
    pub fn of_state(table: &[f32], state: &[f32], candidates: Option<Candidates>) -> Self {
        let values = match &candidates {
            None => shares::shares(table, state),
            Some(candidates) => {
                let row = |item: &u32| &table[*item as usize * state.len()..][..state.len()];
                let mut values: Vec<f32> = candidates.items.iter().map(|item| dot(row(item), state)).collect();
                softmax_row(&mut values);
                values
            }
        };
        let mut shares = Self { candidates, values, own: Own::default() };
        shares.settle();
        shares
    }

    /// Multiplies those of items that were seen, and scales all so that their sum stays 1.
    pub fn weigh_seen(&mut self, seen: impl Iterator<Item = u32>, weight: f64) {
        let places: Vec<u32> = seen.filter_map(|item| self.place(item)).map(|place| place as u32).collect();
        self.own = Own::of(&self.values, places.iter().map(|place| *place as usize));
        weigh_seen(&mut self.values, places.into_iter(), weight);
        self.settle();
    }

    /// Weighs those of items that the user had.
    pub fn weigh_returns(&mut self, returns: &Returns, history: &[Event]) {
        let mut values = std::mem::take(&mut self.values);
        returns.weigh(history, |item| self.place(item), &mut values);
        self.values = values;
        self.settle();
    }

    /// Changes the shares, whose items it is told.
    pub fn mix(&mut self, mix: impl FnOnce(&[u32], &mut [f32])) {
        let items: Cow<'_, [u32]> = match &self.candidates {
            None => (0..self.values.len() as u32).collect(),
            Some(candidates) => candidates.items.as_slice().into(),
        };
        mix(&items, &mut self.values);
        self.settle();
    }

    /// 0 of what is no candidate.
    pub fn of(&self, item: u32) -> f32 {
        self.place(item).map_or(0.0, |place| self.values[place])
    }

    /// With something for the items that the user had, if nothing is left to them: see [`Own::put_back`].
    pub fn with_own(mut self) -> Self {
        self.own.put_back(&mut self.values);
        self
    }

    /// The best `k` that the query allows, of those that have a share at all.
    pub fn best(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let items: Box<dyn Iterator<Item = u32>> = match &self.candidates {
            None => Box::new(0..self.values.len() as u32),
            Some(candidates) => Box::new(candidates.items.iter().copied()),
        };
        let pairs = items.zip(self.values.iter().copied());
        let mut ranked: Vec<rank::Ranked> = pairs.filter(|(item, share)| *share > 0.0 && query.allows(*item)).collect();
        rank::keep_best(&mut ranked, k);
        ranked.into_iter().map(|(item, share)| Scored::new(item, Some(share))).collect()
    }

    /// The shares of some items, so that they sum to 1. If none of them has any, they are equal.
    pub fn among(&self, items: &[u32]) -> Vec<f32> {
        if self.candidates.is_none() {
            return shares::among(&self.values, items);
        }
        let values: Vec<f32> = items.iter().map(|item| self.of(*item)).collect();
        shares::among(&values, &(0..values.len() as u32).collect::<Vec<u32>>())
    }

    fn place(&self, item: u32) -> Option<usize> {
        match &self.candidates {
            None => Some(item as usize),
            Some(candidates) => candidates.items.binary_search(&item).ok(),
        }
    }

    /// Scales shares of candidates so that those that count sum to 1, unless they are all 0.
    fn settle(&mut self) {
        let Some(candidates) = &self.candidates else { return };
        let counted = self.values.iter().zip(&candidates.counts).filter(|(_, counts)| **counts);
        let total: f64 = counted.map(|(value, _)| f64::from(*value)).sum();
        if total > 0.0 {
            let scale = (1.0 / total) as f32;
            self.values.iter_mut().for_each(|value| *value *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ItemSet;
    use crate::neural::differences::numbers;

    #[test]
    fn candidates_have_the_shares_that_they_have_among_all_by_another_measure() {
        let (table, state) = (numbers(50 * 4, 1), numbers(4, 2));
        let all = Shares::of_state(&table, &state, None);
        let counted = vec![40, 7, 7, 3, 12];
        let mut some = Shares::of_state(&table, &state, Some(Candidates::new(counted.clone(), vec![7, 30, 1])));
        let total: f32 = [3, 7, 12, 40].iter().map(|item| all.of(*item)).sum();
        for item in [1, 3, 7, 12, 30, 40] {
            assert!((some.of(item) - all.of(item) / total).abs() < 1e-6, "{item}");
        }
        assert_eq!((some.of(2), n_found(10), n_found(1000)), (0.0, 4000, 8000));
        some.weigh_seen([3, 5, 30].into_iter(), 0.0);
        assert_eq!((some.of(3), some.of(30)), (0.0, 0.0));
        assert!((some.of(7) + some.of(12) + some.of(40) - 1.0).abs() < 1e-6);
        some.mix(|items, values| {
            assert_eq!(items, [1, 3, 7, 12, 30, 40]);
            values.copy_from_slice(&[0.5, 0.1, 0.1, 0.1, 0.9, 0.2]);
        });
        assert!((some.of(1) - 1.0).abs() < 1e-6 && (some.of(40) - 0.4).abs() < 1e-6);
        // Item 40 was had just now, item 30 is none of those that count, and item 2 is no candidate.
        let history = [2, 30, 40].map(|item| Event { item, timestamp_s: 5 });
        let returns: Returns = serde_json::from_str("[0.5,1,1,1,1,1,1]").unwrap();
        let own = Own::default();
        let mut returned = Shares { candidates: some.candidates.clone(), values: some.values.clone(), own };
        returned.weigh_returns(&returns, &history);
        assert!((returned.of(40) - 0.25).abs() < 1e-6 && (returned.of(3) - 0.25).abs() < 1e-6);
        assert!((returned.of(30) / returned.of(1) - 0.5 * some.of(30) / some.of(1)).abs() < 1e-6);
        let allowed = ItemSet::from_words(vec![1 << 3 | 1 << 40 | 1 << 2], 50);
        let list = some.best(&Query { allowed: Some(&allowed), ..Query::default() }, 9);
        assert_eq!(list.iter().map(|scored| scored.item).collect::<Vec<_>>(), [40, 3]);
        assert_eq!(some.among(&[2, 40]), [0.0, 1.0]);
    }
}
