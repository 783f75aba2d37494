#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::Query;
use crate::model::Scorer;

fn open_params() -> SimsValidParams {
    SimsValidParams {
        popularity_discount_factor: 0.5,
        min_cointeraction_count: 0,
        user_percentiles: (0.0, 1.0),
        item_percentiles: (0.0, 1.0),
    }
}

fn list(neighbours: &Neighbours, item: Option<u32>, k: usize) -> Vec<u32> {
    let query = Query { item, ..Query::default() };
    neighbours.recommend(&query, k).iter().map(|scored| scored.item).collect()
}

proptest! {
    #[test]
    fn rows_agree_with_the_formula_on_a_dense_matrix(
        users in prop::collection::vec(prop::collection::vec(0_u32..6, 0..8), 1..12),
        discount in 0.0_f64..=1.0,
    ) {
        let config = SimsValidParams { popularity_discount_factor: discount, ..open_params() };
        let fitted = fit(&Histories::of_items(&users), 6, &config, &()).unwrap();
        let has = |user: &Vec<u32>, item: u32| user.contains(&item);
        let n = |item| users.iter().filter(|user| has(user, item)).count() as f64;
        for i in 0..6 {
            let (items, weights) = fitted.rows.row(i);
            let mut rows = 0;
            for j in (0..6).filter(|j| *j != i) {
                let n_items = |user: &Vec<u32>| (0..6).filter(|item| has(user, *item)).count() as f64;
                let both = users.iter().filter(|user| has(user, i) && has(user, j));
                let shared: f64 = both.map(|user| n_items(user).powf(-0.5)).sum();
                let found = items.iter().position(|item| *item == j);
                prop_assert_eq!(found.is_some(), shared > 0.0);
                if let Some(place) = found {
                    rows += 1;
                    let expected = shared / (n(i).sqrt() * n(j).powf(discount));
                    // A dozen roundings in single precision.
                    prop_assert!((f64::from(weights[place]) - expected).abs() <= 2e-6 * expected);
                }
            }
            prop_assert_eq!(items.len(), rows);
        }
    }
}

#[test]
fn pairs_that_too_few_share_come_after_the_others_and_popular_items_last() {
    // 0 and 1 share two users, 0 and 2 one, but 2 is the rarer; 3 is popular and shares nobody with 0.
    let users = [vec![0, 1], vec![0, 1], vec![0, 2], vec![1], vec![1], vec![1], vec![3], vec![3], vec![4]];
    let fitted = |min_cointeraction_count| {
        let config = SimsValidParams { min_cointeraction_count, popularity_discount_factor: 1.0, ..open_params() };
        fit(&Histories::of_items(&users), 5, &config, &()).unwrap()
    };
    assert_eq!(list(&fitted(0), Some(0), 9), [2, 1, 3, 4]);
    assert_eq!(list(&fitted(2), Some(0), 9), [1, 2, 3, 4]);
    assert_eq!(list(&fitted(2), Some(0), 2), [1, 2]);
}

#[test]
fn an_unknown_item_and_one_that_stands_alone_get_popular_items() {
    let users = [vec![0, 1], vec![0, 1], vec![0], vec![2]];
    let fitted = fit(&Histories::of_items(&users), 3, &open_params(), &()).unwrap();
    assert_eq!(list(&fitted, None, 9), [0, 1, 2]);
    assert_eq!(list(&fitted, Some(2), 9), [0, 1]);
}
