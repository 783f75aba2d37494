#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::model::Scorer;
use crate::{Event, Part, Query};

const N_ITEMS: usize = 7;

fn config() -> EaseValidParams {
    EaseValidParams {
        regularization: 2.0,
        history_length: 10,
        half_life: 2.0,
        seen_weight: 1.0,
        weights_per_item: 100,
        exact_items: 30_000,
    }
}

fn events(items: &[u32]) -> Vec<Event> {
    (0..).zip(items).map(|(time, item)| Event { item: *item, timestamp_s: time }).collect()
}

fn fitted(users: &[Vec<u32>], config: &EaseValidParams) -> Linear {
    let histories = Histories::of_items(users);
    let rows = fit::fit(&histories, N_ITEMS, config, &()).unwrap();
    Linear::new(Arc::new(rows), Popular::count(&histories, N_ITEMS), config)
}

fn scores(linear: &Linear, items: &[u32]) -> Vec<f32> {
    let history = events(items);
    linear.rank(&Query { history: &history, ..Query::default() }, &(0..N_ITEMS as u32).collect::<Vec<_>>())
}

/// `B` by Gauss-Jordan elimination with row exchanges on dense matrices.
fn slow_weights(users: &[Vec<u32>], regularization: f64) -> Vec<Vec<f64>> {
    let mut wide = vec![vec![0.0; 2 * N_ITEMS]; N_ITEMS];
    for (item, row) in wide.iter_mut().enumerate() {
        row[item] = regularization;
        row[N_ITEMS + item] = 1.0;
    }
    for user in users {
        for (i, row) in (0..).zip(&mut wide) {
            for (j, cell) in (0..N_ITEMS as u32).zip(row) {
                if user.contains(&i) && user.contains(&j) {
                    *cell += 1.0;
                }
            }
        }
    }
    for pivot in 0..N_ITEMS {
        let best = (pivot..N_ITEMS).max_by(|a, b| wide[*a][pivot].abs().total_cmp(&wide[*b][pivot].abs())).unwrap();
        wide.swap(pivot, best);
        let row: Vec<f64> = wide[pivot].iter().map(|cell| cell / wide[pivot][pivot]).collect();
        for (other, cells) in wide.iter_mut().enumerate() {
            let factor = cells[pivot];
            for (cell, own) in cells.iter_mut().zip(&row) {
                *cell = if other == pivot { *own } else { *cell - factor * own };
            }
        }
    }
    let p = |i: usize, j: usize| wide[i][N_ITEMS + j];
    let weight = |i: usize, j: usize| if i == j { 0.0 } else { -p(i, j) / p(j, j) };
    (0..N_ITEMS).map(|i| (0..N_ITEMS).map(|j| weight(i, j)).collect()).collect()
}

fn any_users() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0_u32..N_ITEMS as u32, 0..6), 1..9)
}

proptest! {
    #[test]
    fn scores_agree_with_the_closed_form(
        users in any_users(),
        asked in prop::collection::vec(0_u32..N_ITEMS as u32, 0..6),
        regularization in 1.0..100.0,
        history_length in 1_usize..6,
        blocks: bool,
    ) {
        // In blocks of all items the solution is the same; they are, if somebody took all.
        let exact_items = if blocks { 0 } else { 30_000 };
        let everything = if blocks { vec![(0..N_ITEMS as u32).collect()] } else { vec![] };
        let users = [users, everything].concat();
        let config = EaseValidParams { regularization, history_length, exact_items, ..config() };
        let weights = slow_weights(&users, regularization);
        let n_pairs: f64 = users.iter().flat_map(|user| (0..7).filter(|item| user.contains(item))).count() as f64;
        let found = scores(&fitted(&users, &config), &asked);
        for (item, score) in (0..N_ITEMS).zip(found) {
            let takers = users.iter().filter(|user| user.contains(&(item as u32))).count() as f64;
            let mut wanted = 1e-6 * takers / n_pairs.max(1.0);
            let mut read = Vec::new();
            for (place, from) in asked.iter().rev().take(history_length).enumerate() {
                if !read.contains(from) {
                    read.push(*from);
                    wanted += (-(place as f64) / 2.0).exp2() * weights[*from as usize][item];
                }
            }
            // Some roundings in single precision of numbers about 1.
            prop_assert!((f64::from(score) - wanted).abs() < 1e-6, "{score} {wanted}");
        }
    }

    #[test]
    fn the_parts_sum_to_the_score(
        users in any_users(),
        asked in prop::collection::vec(0_u32..N_ITEMS as u32, 0..6),
        seen_weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
    ) {
        let linear = fitted(&users, &EaseValidParams { seen_weight, ..config() });
        let history = events(&asked);
        let query = Query { history: &history, ..Query::default() };
        for item in 0..N_ITEMS as u32 {
            let explanation = linear.explain(&query, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // Some roundings in single precision of numbers about 1.
            prop_assert!((sum - explanation.score).abs() < 1e-6, "{explanation:?}");
            prop_assert_eq!(explanation.score, f64::from(linear.rank(&query, &[item])[0]));
        }
    }

    #[test]
    fn permuting_the_items_permutes_the_scores(users in any_users(), asked in prop::collection::vec(0_u32..7, 0..6)) {
        let turn = |items: &Vec<u32>| items.iter().map(|item| (item + 1) % 7).collect::<Vec<u32>>();
        let turned: Vec<Vec<u32>> = users.iter().map(turn).collect();
        let before = scores(&fitted(&users, &config()), &asked);
        let after = scores(&fitted(&turned, &config()), &turn(&asked));
        for item in 0..N_ITEMS {
            // Sums run in another order.
            prop_assert!((before[item] - after[(item + 1) % 7]).abs() < 1e-6);
        }
    }
}

#[test]
fn a_hand_computed_answer() {
    // Two users with both items, one with the first alone, λ = 1: the regression of item 1 on item 0 is
    // 2 / (3 + 1), that of item 0 on item 1 is 2 / (2 + 1).
    let linear = fitted(&[vec![0, 1], vec![1, 0], vec![0]], &EaseValidParams { regularization: 1.0, ..config() });
    // A rounding, and a millionth for popularity.
    assert!((scores(&linear, &[0])[1] - 0.5).abs() < 2e-6);
    assert!((scores(&linear, &[1])[0] - 2.0 / 3.0).abs() < 2e-6);
    assert!(scores(&linear, &[0])[0].abs() < 2e-6);
}

#[test]
fn seen_items_come_last_when_they_are_not_wanted_whatever_the_sign_of_scores() {
    let users = [vec![0, 1], vec![0, 1], vec![2, 3], vec![2, 3], vec![0, 2], vec![4]];
    let linear = fitted(&users, &EaseValidParams { seen_weight: 0.0, ..config() });
    let history = events(&[0, 1]);
    let list = linear.recommend(&Query { history: &history, ..Query::default() }, N_ITEMS);
    let mut last: Vec<u32> = list[N_ITEMS - 2..].iter().map(|scored| scored.item).collect();
    last.sort_unstable();
    assert_eq!(last, [0, 1]);
    assert!(list.iter().all(|scored| scored.score.unwrap().is_finite()));
}

#[test]
fn one_user_with_half_of_all_interactions_and_items_without_any_give_finite_weights() {
    let mut users: Vec<Vec<u32>> = (0..6).map(|user| vec![user % 3]).collect();
    users.push((0..6).collect());
    for exact_items in [0, 30_000] {
        let linear = fitted(&users, &EaseValidParams { regularization: 1.0, exact_items, ..config() });
        linear.check().unwrap();
        assert!(scores(&linear, &[0, 6]).iter().all(|score| score.is_finite()));
    }
}
