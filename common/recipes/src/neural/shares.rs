//! Shares of all items: what a network's logits come to as an answer.

use super::elementwise::{logits, softmax_row};
use crate::{Query, Scored, rank};

/// `e^(state · row)` of every row of the table, divided by their sum.
pub fn shares(table: &[f32], state: &[f32]) -> Vec<f32> {
    let mut shares = logits(table, state);
    softmax_row(&mut shares);
    shares
}

/// Multiplies the shares of seen items, and scales all so that their sum stays 1. If nothing is left, everything
/// is 0.
pub fn weigh_seen(shares: &mut [f32], seen: impl Iterator<Item = u32>, weight: f64) {
    if weight >= 1.0 {
        return;
    }
    let mut seen: Vec<u32> = seen.collect();
    seen.sort_unstable();
    seen.dedup();
    for item in seen {
        shares[item as usize] *= weight as f32;
    }
    let total: f64 = shares.iter().map(|share| f64::from(*share)).sum();
    if total > 0.0 {
        let scale = (1.0 / total) as f32;
        shares.iter_mut().for_each(|share| *share *= scale);
    }
}

/// What a network by itself gives to the items that a user had.
#[derive(Clone, Debug, Default)]
pub struct Own(Vec<(usize, f32)>);

/// What an item that a user had keeps of its share if it would have none.
const LEAST_OWN: f64 = 1e-6;

impl Own {
    /// From the places of these items among the shares.
    pub fn of(shares: &[f32], places: impl Iterator<Item = usize>) -> Self {
        Self(places.filter_map(|place| Some((place, *shares.get(place)?))).collect())
    }

    /// Those that were left without a share come last, in the order of the network; if nothing else has any, they are the
    /// answer and sum to 1. Gives their places, ascending.
    pub fn put_back(&self, shares: &mut [f32]) -> Vec<usize> {
        let mut lost: Vec<(usize, f32)> = self.0.iter().copied().filter(|(place, _)| shares[*place] <= 0.0).collect();
        lost.sort_unstable_by_key(|(place, _)| *place);
        lost.dedup_by_key(|(place, _)| *place);
        let is_empty = shares.iter().all(|share| *share <= 0.0);
        let total: f64 = lost.iter().map(|(_, share)| f64::from(*share)).sum();
        let scale = if is_empty && total > 0.0 { 1.0 / total } else { LEAST_OWN };
        for (place, share) in &lost {
            shares[*place] = (f64::from(*share) * scale) as f32;
        }
        lost.into_iter().map(|(place, _)| place).collect()
    }
}

/// Inner products that judging a network once may cost, some seconds.
const MAX_PRODUCTS: usize = 1_000_000_000;

/// Users that a network is judged with: `most`, or fewer, but 100, if each costs much.
pub fn n_asked(n_items: usize, most: usize) -> usize {
    (MAX_PRODUCTS / n_items.max(1)).max(100).min(most)
}

/// The best `k` that the query allows.
pub fn best(shares: &[f32], query: &Query<'_>, k: usize) -> Vec<Scored> {
    let mut ranked: Vec<rank::Ranked> =
        (0..).zip(shares.iter().copied()).filter(|(item, _)| query.allows(*item)).collect();
    rank::keep_best(&mut ranked, k);
    ranked.into_iter().map(|(item, share)| Scored::new(item, Some(share))).collect()
}

/// The shares of some items, so that they sum to 1. If none of them has any, they are equal.
pub fn among(shares: &[f32], items: &[u32]) -> Vec<f32> {
    let total: f64 = items.iter().map(|item| f64::from(shares[*item as usize])).sum();
    let share = |item: &u32| match total > 0.0 {
        true => (f64::from(shares[*item as usize]) / total) as f32,
        false => (items.len() as f32).recip(),
    };
    items.iter().map(share).collect()
}

/// What an item gains a list by standing where its score puts it: NDCG at `length` of one relevant item.
pub fn gain(scores: &[f32], item: u32, length: usize) -> f64 {
    let wanted = scores[item as usize];
    let (before, after) = (&scores[..item as usize], &scores[item as usize + 1..]);
    let place =
        before.iter().filter(|score| **score >= wanted).count() + after.iter().filter(|score| **score > wanted).count();
    if place < length { 1.0 / ((2 + place) as f64).log2() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_weighed_once_and_shares_still_sum_to_one() {
        let mut values = vec![0.5, 0.25, 0.25];
        weigh_seen(&mut values, [0, 0].into_iter(), 0.5);
        assert!(values.iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-6));
        weigh_seen(&mut values, std::iter::once(1), 0.0);
        assert_eq!(values, [0.5, 0.0, 0.5]);
        weigh_seen(&mut values, 0..3, 0.0);
        assert_eq!(values, [0.0; 3]);
        assert_eq!(among(&values, &[0, 2]), [0.5, 0.5]);
    }

    #[test]
    fn what_was_had_comes_last_in_order_or_is_all_there_is() {
        let before = [0.5, 0.25, 0.125, 0.125];
        let own = Own::of(&before, [1, 0, 1, 9].into_iter());
        let mut shares = [0.0, 0.0, 0.5, 0.5];
        assert_eq!(own.put_back(&mut shares), [0, 1]);
        assert!(shares[0] > shares[1] && shares[1] > 0.0 && shares[0] < 1e-6);
        assert_eq!(shares[2..], [0.5, 0.5]);
        // What has a share keeps it.
        let mut weighed = [0.25, 0.0, 0.5, 0.25];
        assert_eq!(own.put_back(&mut weighed), [1]);
        assert_eq!((weighed[0], weighed[1]), (0.25, 2.5e-7));
        let mut nothing = [0.0; 4];
        own.put_back(&mut nothing);
        assert_eq!(nothing, [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gain_is_that_of_the_place_with_ties_by_row() {
        assert_eq!(gain(&[0.1, 0.5, 0.1], 1, 25), 1.0);
        assert_eq!(gain(&[0.1, 0.5, 0.1], 2, 25), 1.0 / 4_f64.log2());
        assert_eq!(gain(&[0.1; 40], 39, 25), 0.0);
    }

    #[test]
    fn a_large_catalogue_is_asked_for_fewer_users() {
        assert_eq!([0, 1000, 1_000_000, 100_000_000].map(|n_items| n_asked(n_items, 3000)), [3000, 3000, 1000, 100]);
        assert_eq!(n_asked(100_000_000, 50), 50);
    }

    #[test]
    fn shares_are_those_of_the_formula() {
        let values = shares(&[1.0, 0.0, 0.0, 2.0, -1.0, 1.0], &[0.5, 1.0]);
        let wanted = [0.5_f32, 2.0, 0.5].map(f32::exp);
        let sum: f32 = wanted.iter().sum();
        for (share, wanted) in values.iter().zip(wanted) {
            assert!((share - wanted / sum).abs() < 1e-6);
        }
        assert_eq!(total(&among(&values, &[0, 2])), 1.0);
    }

    fn total(values: &[f32]) -> f32 {
        values.iter().sum()
    }
}
