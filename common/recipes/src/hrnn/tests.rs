#![allow(clippy::unwrap_used)]

mod metadata;

use std::collections::HashSet;

use super::body::Shape;
use super::config::HrnnValidParams;
use super::learner::{Learner, Material, Pace};
use super::weights::Weights;
use super::window::{NONE, Reading};
use super::*;
use crate::contract::{Hurry, page};
use crate::dataset::Histories;
use crate::model::{Scorer, SparseRows};
use crate::neural::allowance::Allowance;
use crate::neural::blend::Blend;
use crate::neural::blend::tests::{assert_second_is_halved, halving_the_newest};
use crate::neural::checkpoint::Checkpoint;
use crate::neural::learning::{Learner as _, Rules, Stand};
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{Dataset, DatasetParts, Event, Progress, Query, Selection, UserState};

fn dataset(rows: &[(String, String, i64)]) -> Dataset {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for (user, item, timestamp_s) in rows {
        part.push_str(0, user);
        part.push_str(1, item);
        part.push_long(2, *timestamp_s);
    }
    let interactions = vec![part.finish().unwrap()];
    Dataset::read(&DatasetParts { interactions, ..DatasetParts::default() }, &Selection::default()).unwrap()
}

/// Users who go through twenty items in a ring, some seconds apart, with a day's pause now and then.
fn rings(n_users: usize, n_events: usize) -> Vec<(String, String, i64)> {
    let mut rows = Vec::new();
    for user in 0..n_users {
        let mut time_s = 1_600_000_000 + 1000 * user as i64;
        for event in 0..n_events {
            time_s += if event % 7 == 6 { 86_400 } else { 20 };
            rows.push((format!("u{user:03}"), format!("i{:02}", (user + event) % 20), time_s));
        }
    }
    rows
}

fn train(rows: &[(String, String, i64)]) -> (Trained, Arc<dyn Model>) {
    train_for(rows, &())
}

fn train_for(rows: &[(String, String, i64)], progress: &dyn Progress) -> (Trained, Arc<dyn Model>) {
    let dataset = dataset(rows);
    let hyperparameters = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, progress);
    let trained = HRNN.train(&task).unwrap();
    let model = HRNN.open(&trained.files).unwrap();
    (trained, model)
}

#[test]
fn what_comes_back_is_weighed_in_answers() {
    let (trained, _) = train(&rings(60, 30));
    let contents = Contents::verify(&trained.files, HRNN.info().name).unwrap();
    let side = ItemSide::read(&contents).unwrap();
    let (mut scorer, _) = store::read(&contents, &Settings::read(&contents).unwrap(), &side).unwrap();
    let history = [Event { item: 3, timestamp_s: 0 }, Event { item: 5, timestamp_s: 100 }];
    let query = Query { history: &history, ..Query::default() };
    scorer.blend = Blend::default();
    let before = scorer.rank(&query, &[3, 5, 7]);
    scorer.blend = halving_the_newest(&scorer.blend);
    assert_second_is_halved(&before, &scorer.rank(&query, &[3, 5, 7]));
}

#[test]
fn the_state_of_a_page_and_newer_events_say_what_the_whole_history_does() {
    let (trained, model) = train(&rings(60, 20));
    let page = page(&trained, &model, "u007");
    let known = page.history("u007").unwrap();
    let last_s = known[known.len() - 1].timestamp_s;
    let later =
        |item: &str, after_s: i64| Event { item: model.item_index(item).unwrap(), timestamp_s: last_s + after_s };
    for newer in [vec![], vec![later("i03", 5)], vec![later("i03", 200_000), later("i19", 200_020)]] {
        let history = [known, &newer].concat();
        let whole = Query { history: &history, ..Query::default() };
        let state = UserState { bytes: page.state("u007").unwrap(), newer: &newer };
        let stepped = Query { state: Some(state), ..whole };
        let (whole, stepped) = (model.recommend(&whole, 20), model.recommend(&stepped, 20));
        for (whole, stepped) in whole.iter().zip(&stepped) {
            // Sums of products in another order.
            assert!((whole.score.unwrap() - stepped.score.unwrap()).abs() < 1e-5, "{whole:?} {stepped:?}");
        }
    }
    assert_eq!(page.state("nobody"), None);
}

#[test]
fn without_time_for_states_histories_are_gone_through_and_the_report_says_so() {
    let (dataset, hyperparameters) = (dataset(&rings(60, 20)), BTreeMap::new());
    let trained = HRNN.train(&TrainingTask::new(&dataset, &hyperparameters, 1, &Hurry::over())).unwrap();
    let told = |trained: &Trained| trained.report.warnings.iter().any(|warning| warning.contains("no time to keep"));
    assert!(told(&trained) && !told(&train(&rings(60, 20)).0));
    let model = HRNN.open(&trained.files).unwrap();
    let page = page(&trained, &model, "u007");
    assert_eq!((page.history("u007").unwrap().len(), page.state("u007")), (20, None));
}

#[test]
fn visits_that_are_known_are_sessions_whatever_the_pauses() {
    let (trained, model) = train(&rings(60, 20));
    let page = page(&trained, &model, "u007");
    let known = page.history("u007").unwrap();
    let last_s = known[known.len() - 1].timestamp_s;
    let event =
        |item: &str, after_s: i64| Event { item: model.item_index(item).unwrap(), timestamp_s: last_s + after_s };
    let ask = |newer: &[Event], visits: &[u32]| {
        let state = Some(UserState { bytes: page.state("u007").unwrap(), newer });
        let history = [known, newer].concat();
        let list = model.recommend(&Query { history: &history, state, visits, ..Query::default() }, 20);
        let again = model.recommend(&Query { history: newer, visits, ..Query::default() }, 20);
        (list, again)
    };
    let near = [event("i03", 100_000), event("i04", 100_020)];
    let far = [event("i03", 100_000), event("i04", 300_000)];
    // By their times near ones are one session and far ones two.
    let (near_alone, far_alone) = (ask(&near, &[]), ask(&far, &[]));
    assert_eq!(ask(&near, &[7, 7]), near_alone);
    assert_eq!(ask(&far, &[7, 8]), far_alone);
    assert_ne!(ask(&near, &[7, 8]), near_alone);
    assert_ne!(ask(&far, &[7, 7]), far_alone);
    // More visits than events, or fewer: the last is that of the last event.
    assert_eq!(ask(&near, &[1, 2, 2, 7, 8]), ask(&near, &[7, 8]));
    assert_eq!(ask(&near, &[8]), near_alone);
}

#[test]
fn a_state_that_is_damaged_is_left_for_the_history() {
    let (_, model) = train(&rings(60, 20));
    let history = [Event { item: 3, timestamp_s: 0 }];
    let query = Query { history: &history, ..Query::default() };
    let nan = [0_u8; 8].into_iter().chain(f32::NAN.to_le_bytes().repeat(64)).collect::<Vec<u8>>();
    for bytes in [&[][..], &[1, 2, 3], &nan] {
        let damaged = Query { state: Some(UserState { bytes, newer: &[] }), ..query };
        assert_eq!(model.recommend(&damaged, 5), model.recommend(&query, 5));
    }
}

#[test]
fn somebody_unknown_gets_what_users_begin_with() {
    // Everybody begins with i00, which is no more frequent than the others.
    let mut rows = Vec::new();
    for user in 0..100 {
        for event in 0..12 {
            let item = if event == 0 { 0 } else { 1 + (user * 5 + event * 3) % 11 };
            rows.push((format!("u{user:03}"), format!("i{item:02}"), i64::from(user) * 100 + i64::from(event)));
        }
    }
    let (_, model) = train(&rows);
    let list = model.recommend(&Query::default(), 3);
    assert_eq!(model.item_id(list[0].item), "i00", "{list:?}");
}

#[test]
fn what_was_had_comes_last_but_in_an_order_and_is_the_answer_if_nothing_else_is_left() {
    let (_, model) = train(&rings(100, 12));
    let events = |n: u32| -> Vec<Event> {
        (0..n).map(|item| Event { item, timestamp_s: 1_600_000_000 + 20 * i64::from(item) }).collect()
    };
    let (some, all) = (events(6), events(20));
    let query = Query { history: &some, ..Query::default() };
    let list = model.recommend(&query, 20);
    assert!(list[14..].iter().all(|scored| scored.item < 6));
    let scores = model.rank(&query, &[0, 1, 2, 3]);
    let distinct: HashSet<u32> = scores.iter().map(|score| score.to_bits()).collect();
    assert_eq!(distinct.len(), 4, "{scores:?}");
    let list = model.recommend(&Query { history: &all, ..Query::default() }, 20);
    let sum: f32 = list.iter().filter_map(|scored| scored.score).sum();
    assert!((sum - 1.0).abs() < 1e-4 && list.iter().all(|scored| scored.score > Some(0.0)), "{list:?}");
}

/// Of histories of which nothing is known beside.
fn reading(histories: &Histories) -> Reading<'_> {
    Reading {
        histories,
        gap_s: 100,
        user_row: &|_| NONE,
        context_row: &|_, _| NONE,
        same_visit: &|_, _| None,
        weight: &|_| 1.0,
    }
}

fn pace() -> (Pace, Rules) {
    let pace = Pace { seed: 1, n_shards: 1, lanes: 2, bptt: 4, dropout: 0.0, own_dropout: 0.0, decay: 0.0 };
    (pace, config::pace(&HrnnValidParams::settled(&Params::none()), 8, 4, 1).1)
}

#[test]
fn a_step_whose_gradient_is_not_finite_changes_nothing() {
    let histories = Histories::new(vec![0, 4, 8], vec![0, 1, 2, 3, 3, 2, 1, 0], (0..8).collect::<Vec<i64>>());
    let none = SparseRows::default();
    let reading = reading(&histories);
    let material =
        Material { reading, items: &none, users: &none, contexts: &none, n_events: &[2, 2, 2, 2], cold: &[] };
    let shape = Shape { d: 4, n_user_features: 0, n_context_features: 0 };
    let mut weights = Weights::draw(shape, material.n_events, (&none, 0), 1);
    // Products of two such numbers are infinite, and the difference of two infinities is no number.
    weights.items.own.iter_mut().for_each(|value| *value = value.signum() * 1e38);
    let (pace, rules) = pace();
    let mut learner = Learner::begin(weights.clone());
    let learned = learner.epoch(&material, (&pace, &rules), &Stand::new(1), &Allowance::new(&(), 1.0), &());
    assert_eq!(learned.unwrap(), None);
    assert_eq!(learner.weights, weights);
}

#[test]
fn what_was_kept_is_what_was_learned() {
    let learner = |d: usize, n_features: usize, seed: u64| {
        let shape = Shape { d, n_user_features: n_features, n_context_features: 1 };
        let of = SparseRows::from_rows((0..3).map(|_| (vec![], vec![])));
        Learner::begin(Weights::draw(shape, &[1, 2, 0], (&of, n_features), seed))
    };
    let histories = Histories::new(vec![0, 4, 8], vec![0, 1, 0, 1, 1, 0, 1, 0], (0..8).collect::<Vec<i64>>());
    let features = SparseRows::from_rows([(vec![0], vec![1.0]), (vec![1], vec![1.0]), (vec![], vec![])]);
    for n_features in [0, 2] {
        let none = SparseRows::default();
        let reading = reading(&histories);
        let items = if n_features == 0 { &none } else { &features };
        let material = Material { reading, items, users: &none, contexts: &none, n_events: &[1, 2, 0], cold: &[] };
        let (pace, rules) = pace();
        let mut learned = learner(3, n_features, 1);
        let epoch = learned.epoch(&material, (&pace, &rules), &Stand::new(1), &Allowance::new(&(), 1.0), &());
        assert!(epoch.unwrap().is_some() && learned != learner(3, n_features, 1));
        let kept = learned.keep(Checkpoint::default());
        assert_eq!(learner(3, n_features, 9).restored(&kept), Some(learned));
        assert_eq!(learner(4, n_features, 1).restored(&kept), None);
    }
}

#[test]
fn odd_histories_give_sound_answers() {
    let mut rows = rings(60, 20);
    rows.push(("once".into(), "i03".into(), 1_600_000_000));
    rows.extend(
        (0..100_000).map(|event| ("long".to_owned(), format!("i{:02}", event * 7 % 20), 1_600_000_000 + event)),
    );
    rows.extend((0..50).map(|event| ("at once".to_owned(), format!("i{:02}", event % 20), 1_600_000_000)));
    rows.extend([i64::MIN, -5, i64::MAX].map(|time_s| ("wild".to_owned(), "i01".to_owned(), time_s)));
    let (trained, model) = train_for(&rows, &Hurry::default());
    for user in ["once", "long", "at once", "wild", "u001"] {
        let page = page(&trained, &model, user);
        let history = page.history(user).unwrap();
        // Time runs backwards.
        let newer = [Event { item: 2, timestamp_s: i64::MIN }, Event { item: 4, timestamp_s: 0 }];
        let state = page.state(user).map(|bytes| UserState { bytes, newer: &newer });
        assert!(state.is_some(), "{user}");
        for state in [None, state] {
            let list = model.recommend(&Query { history, state, ..Query::default() }, 20);
            assert_eq!(list.len(), 20);
            assert!(list.iter().all(|scored| scored.score.is_some_and(f32::is_finite)), "{user} {list:?}");
        }
    }
}
