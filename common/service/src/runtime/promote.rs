//! Promotions: a share of the answer is for items that a filter of their own chooses.

use std::collections::HashMap;

use rand::Rng;
use serde_json::Value;

use super::request::read_values;
use crate::call::Call;
use crate::error::OpError;

pub(super) struct Promotion {
    pub name: String,
    percent: usize,
    pub filter_arn: String,
    pub values: HashMap<String, String>,
}

impl Promotion {
    /// The request's promotion, if it has one.
    pub fn read(call: &Call) -> Result<Option<Self>, OpError> {
        let Some(given) = call.input.get("promotions").and_then(|list| list.get(0)) else { return Ok(None) };
        let missing = |member: &str| OpError::invalid(format!("promotions[0].{member} must be given"));
        let text = |member: &str| given.get(member).and_then(Value::as_str).map(str::to_owned);
        let percent = given.get("percentPromotedItems").and_then(Value::as_f64);
        Ok(Some(Self {
            name: text("name").ok_or_else(|| missing("name"))?,
            percent: percent.ok_or_else(|| missing("percentPromotedItems"))? as usize,
            filter_arn: text("filterArn").ok_or_else(|| missing("filterArn"))?,
            values: read_values(given.get("filterValues")),
        }))
    }

    /// How many of `k` items are promoted: the share rounded down, but at least one.
    pub fn n_promoted(&self, k: usize) -> usize {
        (k * self.percent / 100).max(1).min(k)
    }
}

/// Puts `promoted` at random places among `others`; both keep their order.
pub(super) fn mixed<T>(promoted: Vec<T>, others: Vec<T>, rng: &mut impl Rng) -> Vec<T> {
    let length = promoted.len() + others.len();
    let mut is_promoted = vec![false; length];
    for place in rand::seq::index::sample(rng, length, promoted.len()) {
        is_promoted[place] = true;
    }
    let (mut promoted, mut others) = (promoted.into_iter(), others.into_iter());
    is_promoted.into_iter().filter_map(|promote| if promote { promoted.next() } else { others.next() }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_share_is_rounded_down_but_is_never_nothing() {
        let of = |percent, k| {
            Promotion { name: String::new(), percent, filter_arn: String::new(), values: HashMap::new() }.n_promoted(k)
        };
        for (percent, k, expected) in
            [(50, 10, 5), (50, 25, 12), (1, 25, 1), (33, 3, 1), (100, 7, 7), (99, 100, 99), (100, 0, 0), (1, 0, 0)]
        {
            assert_eq!(of(percent, k), expected, "{percent} % of {k}");
        }
    }

    proptest! {
        #[test]
        fn both_keep_their_order_and_nothing_is_lost(n_promoted in 0_usize..20, n_others in 0_usize..20, seed: u64) {
            let promoted: Vec<i32> = (0..n_promoted as i32).map(|item| -1 - item).collect();
            let others: Vec<i32> = (0..n_others as i32).collect();
            let list = mixed(promoted.clone(), others.clone(), &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(list.iter().copied().filter(|item| *item < 0).collect::<Vec<_>>(), promoted);
            prop_assert_eq!(list.into_iter().filter(|item| *item >= 0).collect::<Vec<_>>(), others);
        }
    }

    #[test]
    fn every_place_is_taken_by_some_seed_and_a_seed_decides() {
        let place = |seed| {
            let list = mixed(vec![-1], (0..9).collect(), &mut ChaCha8Rng::seed_from_u64(seed));
            list.iter().position(|item| *item == -1).unwrap()
        };
        assert_eq!((0..200).map(place).collect::<HashSet<_>>().len(), 10);
        assert_eq!(place(7), place(7));
    }
}
