//! The order of answers: score downwards, then item row upwards.

use std::cmp::Ordering;

/// An item with its score, which is finite.
pub type Ranked = (u32, f32);

pub fn order(a: &Ranked, b: &Ranked) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// Keeps the best `k`, best first. Cost `O(n + k log k)`.
pub fn keep_best(items: &mut Vec<Ranked>, k: usize) {
    if k < items.len() {
        items.select_nth_unstable_by(k, order);
        items.truncate(k);
    }
    items.sort_unstable_by(order);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_the_sorted_whole(scores in prop::collection::vec(0_u8..4, 0..40), k in 0_usize..50) {
            let mut items: Vec<Ranked> =
                scores.iter().enumerate().map(|(item, score)| (item as u32, f32::from(*score))).collect();
            let mut sorted = items.clone();
            sorted.sort_by(order);
            sorted.truncate(k);
            keep_best(&mut items, k);
            prop_assert_eq!(items, sorted);
        }
    }
}
