#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::matrix::Matrix;
use super::observed::Observed;
use super::solve::{Against, half_step};
use super::*;
use crate::features::Features;
use crate::model::{Scorer, SparseRows};
use crate::{Event, Part, Query, cholesky};

mod metadata;

const N_ITEMS: usize = 9;

fn config() -> IalsValidParams {
    IalsValidParams {
        factors: 5,
        iterations: 4,
        unobserved_weight: 0.1,
        regularization: 0.05,
        frequency_exponent: 1.0,
        history_length: 10,
        half_life: 3.0,
        seen_weight: 1.0,
    }
}

fn events(items: &[u32]) -> Vec<Event> {
    (0..).zip(items).map(|(time, item)| Event { item: *item, timestamp_s: time }).collect()
}

/// Alternating least squares without metadata.
fn learned(users: &[Vec<u32>], config: &IalsValidParams) -> Learned {
    let none = Features::default();
    let observed = Observed::of(&Histories::of_items(users), N_ITEMS);
    let course = Course { config, items: &none, users: &none, start: None, seed: 1, progress: &(), span: None };
    course.run(&observed).unwrap()
}

/// The factors, and the recipe around them.
fn fitted(users: &[Vec<u32>], config: &IalsValidParams) -> Fitted {
    let Learned { item_factors, base, .. } = learned(users, config);
    let popular = Popular::count(&Histories::of_items(users), N_ITEMS);
    Fitted::new(Arc::new(Factors::new(item_factors, base, None)), popular, config, 1.0)
}

fn all_items() -> Vec<u32> {
    (0..N_ITEMS as u32).collect()
}

fn random(n_rows: usize, n_factors: usize, seed: u64) -> Matrix {
    let mut matrix = Matrix::random(n_rows, n_factors, &mut ChaCha8Rng::seed_from_u64(seed));
    // Numbers of about 1, of which those that were added stay 0.
    matrix.values.iter_mut().for_each(|value| *value *= 10.0 * (n_factors as f32).sqrt());
    matrix
}

/// `(α YᵀY + Σ c y yᵀ + λ I)⁻¹ (Σ c y + λ prior)`, dense and in double precision.
fn slow_solution(y: &Matrix, pairs: &[(u32, f32)], alpha: f64, pull: f64, prior: &[f32]) -> Vec<f64> {
    let n = y.width;
    let mut matrix = vec![0.0; n * n];
    let mut right: Vec<f64> = prior.iter().map(|value| pull * f64::from(*value)).collect();
    let mut add = |row: &[f32], weight: f64, right_weight: f64| {
        for (a, left) in row.iter().enumerate() {
            right[a] += right_weight * f64::from(*left);
            for (b, other) in row.iter().enumerate() {
                matrix[a * n + b] += weight * f64::from(*left) * f64::from(*other);
            }
        }
    };
    y.rows().for_each(|row| add(row, alpha, 0.0));
    for (item, weight) in pairs {
        add(y.row(*item as usize), f64::from(*weight), f64::from(*weight));
    }
    (0..n).for_each(|a| matrix[a * n + a] += pull);
    assert!(cholesky::solve(&mut matrix, &mut right));
    right
}

fn any_pairs() -> impl Strategy<Value = Vec<(u32, f32)>> {
    prop::collection::btree_map(0_u32..N_ITEMS as u32, 0.1_f32..3.0, 0..N_ITEMS)
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn any_users() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0_u32..N_ITEMS as u32, 0..7), 1..9)
}

proptest! {
    #[test]
    fn a_half_step_goes_to_the_solution_of_the_normal_equations(
        rows in prop::collection::vec(any_pairs(), 1..5),
        factors in 1_usize..12,
        alpha in 0.01_f32..1.0,
        pull in 0.5_f32..2.0,
        with_prior: bool,
    ) {
        let y = random(N_ITEMS, factors, 3);
        let prior = random(rows.len(), factors, 4);
        let observed = SparseRows::from_rows(rows.iter().map(|pairs| pairs.iter().copied().unzip()));
        let mut solved = random(rows.len(), factors, 5);
        let pulls = vec![pull; rows.len()];
        let prior = if with_prior { prior } else { Matrix::zero(rows.len(), factors) };
        let against = Against {
            factors: &y,
            unobserved_weight: alpha,
            regularization: &pulls,
            prior: with_prior.then_some(&prior),
        };
        half_step(&observed, &against, 60, &mut solved, &()).unwrap();
        for (row, pairs) in rows.iter().enumerate() {
            let wanted = slow_solution(&y, pairs, f64::from(alpha), f64::from(pull), prior.row(row));
            for (value, wanted) in solved.row(row).iter().zip(wanted) {
                // Roundings in single precision, times the condition of the matrix: some hundreds.
                prop_assert!((f64::from(*value) - wanted).abs() < 1e-3, "{value} {wanted}");
            }
        }
    }

    #[test]
    fn scores_are_products_with_the_solution_for_the_newest_events(
        users in any_users(),
        asked in prop::collection::vec(0_u32..N_ITEMS as u32, 0..8),
        history_length in 1_usize..6,
    ) {
        let config = IalsValidParams { history_length, ..config() };
        let histories = Histories::of_items(&users);
        let raw = learned(&users, &config);
        let pull = fit::Pull::of(Observed::of(&histories, N_ITEMS).sides().0, N_ITEMS, &config).mean;
        let mut pairs: Vec<(u32, f32)> = Vec::new();
        for (place, item) in asked.iter().rev().take(history_length).enumerate() {
            if !pairs.iter().any(|(other, _)| other == item) {
                pairs.push((*item, (-(place as f32) / 3.0).exp2()));
            }
        }
        let y = &raw.item_factors;
        let user = slow_solution(y, &pairs, config.unobserved_weight, f64::from(pull), &vec![0.0; y.width]);
        let popular = Popular::count(&histories, N_ITEMS);
        let n_pairs: f64 = popular.n_users().iter().map(|n| f64::from(*n)).sum::<f64>().max(1.0);
        let history = events(&asked);
        let found = fitted(&users, &config).rank(&Query { history: &history, ..Query::default() }, &all_items());
        for (item, score) in found.into_iter().enumerate() {
            let product: f64 = user.iter().zip(y.row(item)).map(|(a, b)| a * f64::from(*b)).sum();
            let wanted = product + 1e-6 * f64::from(popular.n_users()[item]) / n_pairs;
            // Roundings in single precision of numbers about 1.
            prop_assert!((f64::from(score) - wanted).abs() < 1e-4, "{score} {wanted}");
        }
    }

    #[test]
    fn the_parts_sum_to_the_score(
        users in any_users(),
        asked in prop::collection::vec(0_u32..N_ITEMS as u32, 0..8),
        seen_weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
    ) {
        let model = fitted(&users, &IalsValidParams { seen_weight, ..config() });
        let history = events(&asked);
        let query = Query { history: &history, ..Query::default() };
        for item in all_items() {
            let explanation = model.explain(&query, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // Roundings in single precision of numbers about 1.
            prop_assert!((sum - explanation.score).abs() < 1e-5, "{explanation:?}");
            prop_assert_eq!(explanation.score, f64::from(model.rank(&query, &[item])[0]));
        }
    }

    #[test]
    fn a_list_is_the_ranking_of_all_items_cut_at_k(
        users in any_users(),
        asked in prop::collection::vec(0_u32..N_ITEMS as u32, 0..8),
        seen_weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
        k in 0_usize..12,
    ) {
        let model = fitted(&users, &IalsValidParams { seen_weight, ..config() });
        let history = events(&asked);
        let query = Query { history: &history, ..Query::default() };
        let mut ranked: Vec<(u32, f32)> = (0..).zip(model.rank(&query, &all_items())).collect();
        ranked.sort_by(crate::rank::order);
        let list: Vec<(u32, f32)> =
            model.recommend(&query, k).iter().map(|scored| (scored.item, scored.score.unwrap())).collect();
        prop_assert_eq!(&list, &ranked[..k.min(N_ITEMS)]);
    }
}

/// The loss of the module's documentation, over dense matrices and in double precision.
fn loss(users: &[Vec<u32>], x: &Matrix, y: &Matrix, pulls: (&[f32], &[f32]), alpha: f64) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norms = |side: &Matrix, pulls: &[f32]| -> f64 {
        side.rows().zip(pulls).map(|(row, pull)| f64::from(*pull) * product(row, row)).sum()
    };
    let mut sum = norms(x, pulls.0) + norms(y, pulls.1);
    for (user, row) in users.iter().zip(x.rows()) {
        for (item, other) in (0..).zip(y.rows()) {
            let score = product(row, other);
            sum += alpha * score * score;
            if user.contains(&item) {
                sum += (score - 1.0).powi(2);
            }
        }
    }
    sum
}

fn alone<'a>(factors: &'a Matrix, regularization: &'a [f32]) -> Against<'a> {
    Against { factors, unobserved_weight: 0.1, regularization, prior: None }
}

#[test]
fn every_half_step_lowers_the_loss() {
    let users: Vec<Vec<u32>> =
        (0..12).map(|user| (0..4).map(|event| (user * 5 + event * event) % 9).collect()).collect();
    let observed = Observed::of(&Histories::of_items(&users), N_ITEMS);
    let config = config();
    let (by_user, by_item) = observed.sides();
    let user_pull = fit::Pull::of(by_user, N_ITEMS, &config);
    let item_pull = fit::Pull::of(by_item, users.len(), &config);
    let (mut x, mut y) = (random(users.len(), 5, 1), random(N_ITEMS, 5, 2));
    let pulls = (user_pull.by_row.as_slice(), item_pull.by_row.as_slice());
    let mut last = loss(&users, &x, &y, pulls, 0.1);
    for _ in 0..5 {
        half_step(by_user, &alone(&y, pulls.0), 3, &mut x, &()).unwrap();
        let after_users = loss(&users, &x, &y, pulls, 0.1);
        half_step(by_item, &alone(&x, pulls.1), 3, &mut y, &()).unwrap();
        let after_items = loss(&users, &x, &y, pulls, 0.1);
        // Rounding may add a little once nothing is left to gain.
        assert!(after_users < last * (1.0 + 1e-5) && after_items < after_users * (1.0 + 1e-5));
        last = after_items;
    }
}

#[test]
fn seen_items_come_last_when_they_are_not_wanted_whatever_the_sign_of_scores() {
    let users = [vec![0, 1], vec![0, 1], vec![2, 3], vec![2, 3], vec![0, 2], vec![4]];
    let model = fitted(&users, &IalsValidParams { seen_weight: 0.0, ..config() });
    let history = events(&[0, 1]);
    let list = model.recommend(&Query { history: &history, ..Query::default() }, N_ITEMS);
    let mut last: Vec<u32> = list[N_ITEMS - 2..].iter().map(|scored| scored.item).collect();
    last.sort_unstable();
    assert_eq!(last, [0, 1]);
    assert!(list.iter().all(|scored| scored.score.unwrap().is_finite()));
}

#[test]
fn a_user_nothing_is_known_of_gets_popular_items() {
    let model = fitted(&[vec![3, 1], vec![3, 1], vec![3, 2]], &config());
    let list: Vec<u32> = model.recommend(&Query::default(), 3).iter().map(|scored| scored.item).collect();
    assert_eq!(list, [3, 1, 2]);
}

#[test]
fn a_long_history_is_solved_as_short_ones_are() {
    // So many that the rows of the other side are not copied together.
    let users: Vec<Vec<u32>> = (0..2000).map(|user| vec![0, 1 + user % 8]).collect();
    let observed = Observed::of(&Histories::of_items(&users), N_ITEMS);
    let (_, by_item) = observed.sides();
    let x = random(users.len(), 5, 6);
    let mut y = random(N_ITEMS, 5, 7);
    let pulls = vec![1.0; N_ITEMS];
    let against = alone(&x, &pulls);
    half_step(by_item, &against, 30, &mut y, &()).unwrap();
    let pairs: Vec<(u32, f32)> = (0..2000).map(|user| (user, 1.0)).collect();
    for (value, wanted) in y.row(0).iter().zip(slow_solution(&x, &pairs, 0.1, 1.0, &vec![0.0; x.width])) {
        // Roundings in single precision of a sum of 2000.
        assert!((f64::from(*value) - wanted).abs() < 1e-3);
    }
}

#[test]
fn more_factors_than_users_and_one_user_with_half_of_everything_give_finite_scores() {
    let mut users: Vec<Vec<u32>> = (0..8).map(|user| vec![user % 4]).collect();
    users.push((0..8).collect());
    let extremes = [(1e-6, 1e-4), (100.0, 100.0), (1e-6, 100.0), (100.0, 1e-4)];
    for (regularization, unobserved_weight) in extremes {
        let config = IalsValidParams { factors: 200, regularization, unobserved_weight, ..config() };
        let model = fitted(&users, &config);
        let history = events(&[0, 8, 3]);
        let scores = model.rank(&Query { history: &history, ..Query::default() }, &all_items());
        assert!(scores.iter().all(|score| score.is_finite()), "{regularization} {unobserved_weight}");
    }
}

/// A file of a model that was written before metadata were looked at.
macro_rules! stored {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../testdata/formats/palate-ials-1/", $name)).as_slice())
    };
}

#[test]
fn a_model_from_before_metadata_answers_as_it_did() {
    let resident = [
        stored!("model.json"),
        stored!("factors.safetensors"),
        stored!("items.parquet"),
        stored!("user-pages.json"),
        stored!("users.footer"),
    ];
    let files: Vec<ModelFile> = resident
        .into_iter()
        .map(|(name, content)| ModelFile { name: name.into(), content: content.into(), paged: false })
        .collect();
    let recipe = crate::recipe("palate-ials").unwrap();
    let model = recipe.open(&files).unwrap();
    let page = model.user_page("u007").unwrap();
    let (name, users) = stored!("users.parquet");
    assert_eq!(&*page.file, name);
    let content = users[page.range.start as usize..page.range.end as usize].to_vec();
    let page = model.open_user_page(&page, content.into()).unwrap();
    let query = Query { history: page.history("u007").unwrap(), ..Query::default() };
    let before: Vec<(String, f32)> = serde_json::from_slice(stored!("answer.json").1).unwrap();
    let items: Vec<u32> = before.iter().map(|(item, _)| model.item_index(item).unwrap()).collect();
    assert_eq!((items.len(), model.n_items()), (20, 20));
    for (score, (item, wanted)) in model.rank(&query, &items).iter().zip(&before) {
        // Sums of eight products may be taken in another order elsewhere.
        assert!((score - wanted).abs() < 1e-6, "{item}: {score} {wanted}");
    }
    // It knows no metadata, whatever is told of a user.
    let record = crate::Record::from([("KIND".into(), "odd".into())]);
    assert_eq!(model.recommend(&Query { user: Some(&record), ..query }, 20), model.recommend(&query, 20));
}
