#![allow(clippy::unwrap_used)]

mod metadata;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::contract::page;
use crate::model::Scorer;
use crate::neural::blend::tests::{assert_second_is_halved, halving_the_newest};
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{Dataset, DatasetParts, Event, EventWeight, ItemSet, Progress, Query, Selection, UserState};

/// Users by their events: item and time.
fn dataset(users: &[Vec<(usize, i64)>]) -> Dataset {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for (user, events) in users.iter().enumerate() {
        for (item, timestamp_s) in events {
            part.push_str(0, &format!("u{user:03}"));
            part.push_str(1, &format!("i{item:03}"));
            part.push_long(2, *timestamp_s);
        }
    }
    let interactions = vec![part.finish().unwrap()];
    Dataset::read(&DatasetParts { interactions, ..DatasetParts::default() }, &Selection::default()).unwrap()
}

/// Has time for so many looks at the clock.
struct Clock(AtomicUsize);

impl Progress for Clock {
    fn report(&self, _step: &str, _done: f64) {}

    fn time_left(&self) -> Option<Duration> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        Some(left.map_or(Duration::ZERO, |_| Duration::from_secs(3600)))
    }
}

fn train(dataset: &Dataset, hyperparameters: &[(&str, &str)], looks: usize) -> (Trained, Arc<dyn Model>) {
    let hyperparameters = hyperparameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let clock = Clock(AtomicUsize::new(looks));
    let task = TrainingTask::new(dataset, &hyperparameters, 1, &clock);
    let trained = USER_PERSONALIZATION_V2.train(&task).unwrap();
    let model = USER_PERSONALIZATION_V2.open(&trained.files).unwrap();
    (trained, model)
}

/// Users who go through 24 items in a ring, from different places on.
fn ring() -> Dataset {
    let events = |user: usize| (0..15).map(|event| ((user + event) % 24, (100 * event) as i64)).collect();
    dataset(&(0..120).map(events).collect::<Vec<_>>())
}

#[test]
fn what_comes_back_is_weighed_in_answers() {
    let (dataset, hyperparameters, clock) = (ring(), BTreeMap::new(), Clock(AtomicUsize::new(4)));
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &clock);
    let mut scorer = fit::fit(&task, USER_PERSONALIZATION_V2.info(), true).unwrap().scorer;
    scorer.sequence.seen_weight = 1.0;
    let history = [Event { item: 3, timestamp_s: 0 }, Event { item: 5, timestamp_s: 100 }];
    let query = Query { history: &history, ..Query::default() };
    let before = scorer.rank(&query, &[3, 5, 7]);
    scorer.blend = halving_the_newest(&scorer.blend);
    assert_second_is_halved(&before, &scorer.rank(&query, &[3, 5, 7]));
}

#[test]
fn the_network_by_itself_learns_what_comes_next() {
    let dataset = ring();
    let hyperparameters = BTreeMap::new();
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
    let scorer = fit::fit(&task, USER_PERSONALIZATION_V2.info(), true).unwrap().scorer;
    for first in 0..24_u32 {
        let history: Vec<Event> =
            (0..10).map(|event| Event { item: (first + event) % 24, timestamp_s: 100 * i64::from(event) }).collect();
        let all: Vec<u32> = (0..24).collect();
        let shares = scorer.sequence.rank(&Query { history: &history, ..Query::default() }, &all);
        let best = (0..24).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap();
        assert_eq!(best as u32, (first + 10) % 24);
    }
}

#[test]
fn unusual_histories_are_learned_from_and_answered() {
    let mut users: Vec<Vec<(usize, i64)>> = (0..60).map(|user| vec![(user % 20, 5), ((user + 1) % 20, 5)]).collect();
    users.push((0..100_000).map(|event| (event % 20, 7)).collect());
    users.push((0..900).map(|event| (event % 3, 4_000_000_000_000 - event as i64)).collect());
    users.push((0..900).map(|event| (event % 7, event as i64 - 4_000_000_000_000)).collect());
    users.extend((0..40).map(|user| vec![(user % 20, 9)]));
    let dataset = dataset(&users);
    let (trained, model) = train(&dataset, &[], 4);
    assert!(trained.report.metrics.values().all(|metric| metric.is_finite()));
    let long: Vec<Event> = (0..100_000).map(|event| Event { item: event % 20, timestamp_s: 7 }).collect();
    let back: Vec<Event> = (0..50).map(|event| Event { item: event % 20, timestamp_s: -i64::from(event) }).collect();
    for history in [&[][..], &long[..1], &long, &back] {
        let list = model.recommend(&Query { history, ..Query::default() }, 100);
        assert_eq!(list.len(), 20);
        let sum: f32 = list.iter().filter_map(|scored| scored.score).sum();
        // Twenty roundings of numbers below 1.
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        assert!(list.iter().all(|scored| scored.score.is_some_and(f32::is_finite)));
    }
}

#[test]
fn what_was_had_is_no_candidate_but_fills_lists_up_and_has_an_order_in_rankings() {
    let (_, model) = train(&ring(), &[], 40);
    for n_had in [0, 5, 24] {
        let history: Vec<Event> =
            (0..n_had).map(|event| Event { item: event, timestamp_s: i64::from(event) }).collect();
        let query = Query { history: &history, ..Query::default() };
        let list = model.recommend(&query, 30);
        let (scored, filled) = list.split_at(24 - n_had as usize);
        assert!(scored.iter().all(|scored| scored.item >= n_had && scored.score > Some(0.0)), "{list:?}");
        assert!(filled.iter().all(|scored| scored.item < n_had && scored.score.is_none()), "{list:?}");
        let sum: f32 = scored.iter().filter_map(|scored| scored.score).sum();
        // Some roundings of numbers below 1.
        assert!((sum - 1.0).abs() < 1e-4 || n_had == 24, "{sum}");
        let items: Vec<u32> = (0..24).collect();
        let shares = model.rank(&query, &items);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{shares:?}");
        let distinct: HashSet<u32> = shares.iter().map(|share| share.to_bits()).collect();
        assert!(distinct.len() == 24 && shares.iter().all(|share| *share > 0.0), "{shares:?}");
        // A filter that leaves one candidate and what the user had.
        let allowed = ItemSet::from_words(vec![1 << 23 | 0b11], 24);
        let list = model.recommend(&Query { allowed: Some(&allowed), ..query }, 3);
        assert_eq!(
            list.iter().filter(|scored| scored.score.is_none()).count(),
            [0, 2, 3][usize::min(n_had as usize / 5, 2)]
        );
    }
}

#[test]
fn a_bias_to_what_is_recent_shows_in_the_model_and_nothing_else_does() {
    let dataset = ring();
    let files = |value: &str| {
        let (trained, _) = train(&dataset, &[("apply_recency_bias", value)], 4);
        trained.files.into_iter().map(|file| (file.name, file.content)).collect::<BTreeMap<_, _>>()
    };
    let (with, without, again) = (files("true"), files("false"), files("true"));
    assert_eq!(with, again);
    assert_ne!(with["network.safetensors"], without["network.safetensors"]);
    assert_eq!(with["neighbours.safetensors"], without["neighbours.safetensors"]);
}

#[test]
fn shares_of_a_list_to_be_ranked_sum_to_one() {
    let dataset = ring();
    let (_, model) = train(&dataset, &[], 4);
    let history = [Event { item: 3, timestamp_s: 0 }];
    let scores = model.rank(&Query { history: &history, ..Query::default() }, &[4, 9, 17]);
    assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert!(scores.iter().all(|score| *score > 0.0));
}

#[test]
fn items_whose_events_weigh_more_rank_higher() {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
        column("EVENT_TYPE", ColumnType::String),
    ]);
    // After the first item of a group, half of the users click the second and half buy the third.
    for user in 0..160 {
        for event in 0..10 {
            let (place, kind) = match (event % 2, user % 2) {
                (0, _) => (0, "view"),
                (_, 0) => (1, "click"),
                _ => (2, "buy"),
            };
            part.push_str(0, &format!("u{user:03}"));
            part.push_str(1, &format!("i{:03}", user / 2 % 8 * 3 + place));
            part.push_long(2, 100 * event);
            part.push_str(3, kind);
        }
    }
    let interactions = vec![part.finish().unwrap()];
    let parts = DatasetParts { interactions, ..DatasetParts::default() };
    let dataset = Dataset::read(&parts, &Selection::default()).unwrap();
    let hyperparameters = BTreeMap::new();
    for (click, buy) in [(0.9, 0.1), (0.1, 0.9)] {
        let weights = [("view", 0.5), ("click", click), ("buy", buy)].map(|(name, weight)| EventWeight {
            event_type: name.into(),
            event_value_threshold: None,
            weight,
        });
        let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
        let task = TrainingTask { event_weights: &weights, ..task };
        let outcome = fit::fit(&task, USER_PERSONALIZATION_V2.info(), false).unwrap();
        let name = "normalized_discounted_cumulative_gain_with_event_weights_at_5";
        assert!(outcome.report.metrics.contains_key(name));
        for group in 0..8_u32 {
            let history = [Event { item: 3 * group, timestamp_s: 0 }];
            let all: Vec<u32> = (0..24).collect();
            let shares = outcome.scorer.sequence.rank(&Query { history: &history, ..Query::default() }, &all);
            let share = |place: u32| shares[(3 * group + place) as usize];
            assert_eq!(share(1) > share(2), click > buy, "{group}: {} {}", share(1), share(2));
        }
    }
}

#[test]
fn somebody_who_did_nothing_since_is_answered_from_what_the_page_keeps() {
    let (trained, model) = train(&ring(), &[], 4);
    let page = page(&trained, &model, "u007");
    let (known, bytes) = (page.history("u007").unwrap(), page.state("u007").unwrap());
    let kept = |user| Some(UserState { bytes: page.state(user).unwrap(), newer: &[] });
    let whole = Query { history: known, ..Query::default() };
    for k in [1, 9] {
        let (read, looked_up) =
            (model.recommend(&whole, k), model.recommend(&Query { state: kept("u007"), ..whole }, k));
        for (read, looked_up) in read.iter().zip(&looked_up) {
            // Sums of products in another order.
            assert!((read.score.unwrap() - looked_up.score.unwrap()).abs() < 1e-5, "{read:?} {looked_up:?}");
        }
    }
    // It is what the answer is made of, and not the history.
    assert_ne!(model.recommend(&Query { state: kept("u003"), ..whole }, 5), model.recommend(&whole, 5));
    // Once there is something newer, it is not, nor is what is not of the model.
    let newer = [Event { item: 3, timestamp_s: 5000 }];
    let history = [known, &newer].concat();
    let whole = Query { history: &history, ..Query::default() };
    for state in [UserState { bytes, newer: &newer }, UserState { bytes: &bytes[4..], newer: &[] }] {
        assert_eq!(model.recommend(&Query { state: Some(state), ..whole }, 5), model.recommend(&whole, 5));
    }
}

#[test]
fn a_searched_catalogue_answers_as_one_that_is_gone_through() {
    let dataset = ring();
    let (hyperparameters, clock) = (BTreeMap::new(), Clock(AtomicUsize::new(200)));
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &clock);
    let mut scorer = fit::fit(&task, USER_PERSONALIZATION_V2.info(), true).unwrap().scorer;
    let history: Vec<Event> = (0..10).map(|event| Event { item: event, timestamp_s: 100 * i64::from(event) }).collect();
    let allowed = ItemSet::from_words(vec![0b1011 << 9], 24);
    let queries = [
        Query::default(),
        Query { history: &history, ..Query::default() },
        Query { history: &history, allowed: Some(&allowed), ..Query::default() },
    ];
    let answers = |scorer: &scorer::Scores| -> Vec<(u32, f32)> {
        let lists = queries.iter().flat_map(|query| {
            let ranked = scorer.rank(query, &[3, 11, 20]);
            let best = scorer.recommend(query, 7).into_iter().map(|scored| (scored.item, scored.score.unwrap_or(0.0)));
            best.chain((0..).zip(ranked)).collect::<Vec<_>>()
        });
        lists.collect()
    };
    let wanted = answers(&scorer);
    scorer.sequence = scorer.sequence.searched_beyond(0);
    for ((item, score), (wanted, exact)) in answers(&scorer).into_iter().zip(wanted) {
        // Sums run in another order.
        assert!(item == wanted && (score - exact).abs() < 1e-5, "{item} {score} {wanted} {exact}");
    }
}
