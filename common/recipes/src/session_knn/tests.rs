#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::Scorer;
use crate::{Event, Part, Query};

const N_ITEMS: u32 = 6;

/// VMIS-kNN
fn config() -> SessionKnnValidParams {
    SessionKnnValidParams {
        session_gap_minutes: 0,
        sessions_per_item: 1000,
        neighbours: 100,
        query_length: 7,
        half_life: 0.0,
        length_power: 0.0,
        fade_days: 0.0,
        spread: 0.0,
        idf_power: 1.0,
        seen_weight: 1.0,
    }
}

prop_compose! {
    fn any_config()(
        sessions_per_item in 1_usize..5,
        neighbours in 1_usize..5,
        query_length in 1_usize..6,
        half_life in prop_oneof![Just(0.0), 0.5..5.0],
        length_power in prop_oneof![Just(0.0), 0.1..1.0],
        fade_days in prop_oneof![Just(0.0), 0.5..5.0],
        spread in prop_oneof![Just(0.0), 0.5..5.0],
        idf_power in prop_oneof![Just(0.0), 0.5..2.0],
        seen_weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
    ) -> SessionKnnValidParams {
        SessionKnnValidParams {
            session_gap_minutes: 0, sessions_per_item, neighbours, query_length, half_life, length_power, fade_days,
            spread, idf_power, seen_weight,
        }
    }
}

const HOUR_S: i64 = 3600;

/// A session of each user, an event an hour; users begin ten hours apart.
fn histories(users: &[Vec<u32>]) -> Histories {
    let events = |(user, items): (i64, &Vec<u32>)| {
        let timed = (10 * user..).zip(items).map(|(hour, item)| (*item, hour * HOUR_S));
        timed.collect::<Vec<_>>()
    };
    Histories::of_events((0..).zip(users).map(events))
}

/// After all sessions.
fn events(items: &[u32]) -> Vec<Event> {
    (0..).zip(items).map(|(hour, item)| Event { item: *item, timestamp_s: (1000 + hour) * HOUR_S }).collect()
}

fn fit(users: &[Vec<u32>], config: &SessionKnnValidParams) -> Neighbourhood {
    let histories = histories(users);
    let index = Index::build(&histories, N_ITEMS as usize, config.gap_s(), config.sessions_per_item, &()).unwrap();
    assert!(index.is_sound());
    Neighbourhood::new(Arc::new(index), Popular::count(&histories, N_ITEMS as usize), config)
}

fn scores(fitted: &Neighbourhood, asked: &[u32]) -> Vec<f32> {
    let history = events(asked);
    fitted.rank(&Query { history: &history, ..Query::default() }, &(0..N_ITEMS).collect::<Vec<_>>())
}

/// The formula of the module's documentation over sets, in double precision.
fn slow_twin(users: &[Vec<u32>], config: &SessionKnnValidParams, asked: &[u32]) -> Vec<f64> {
    let sessions: Vec<(usize, Vec<u32>)> = users
        .iter()
        .enumerate()
        .filter(|(_, items)| !items.is_empty())
        .map(|(user, items)| {
            let last = |item: &u32| items.iter().rposition(|other| other == item);
            let distinct: BTreeSet<Option<usize>> = items.iter().map(last).collect();
            (user, distinct.into_iter().map(|place| items[place.unwrap()]).collect())
        })
        .collect();
    let query: Vec<u32> = asked.iter().rev().take(config.query_length).copied().collect();
    let mut places = BTreeMap::new();
    for (place, item) in query.iter().enumerate() {
        places.entry(*item).or_insert(place);
    }
    let mut similarity: BTreeMap<usize, f64> = BTreeMap::new();
    for (item, place) in &places {
        let weight = match config.half_life {
            0.0 => (query.len() - place) as f64 / places.len() as f64,
            half_life => (-(*place as f64) / half_life).exp2(),
        };
        let holding = sessions.iter().enumerate().rev().filter(|(_, (_, items))| items.contains(item));
        for (session, _) in holding.take(config.sessions_per_item) {
            *similarity.entry(session).or_default() += weight;
        }
    }
    let recent: Vec<(usize, f64)> = similarity.into_iter().rev().take(config.sessions_per_item).collect();
    let mut neighbours: Vec<(usize, f64)> = recent
        .into_iter()
        .map(|(session, sum)| {
            let (user, items) = &sessions[session];
            let end = (10 * user + users[*user].len() - 1) as f64;
            let age_days = ((1000 + asked.len() - 1) as f64 - end) / 24.0;
            let fade = if config.fade_days == 0.0 { 1.0 } else { (-age_days / config.fade_days).exp2() };
            (session, sum * fade * (items.len() as f64).powf(-config.length_power))
        })
        .collect();
    neighbours.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    neighbours.truncate(config.neighbours);
    let n_pairs: f64 = sessions.iter().map(|(_, items)| items.len() as f64).sum::<f64>().max(1.0);
    let score = |item: u32| {
        let holding = sessions.iter().filter(|(_, items)| items.contains(&item)).count() as f64;
        let idf = (sessions.len() as f64 / holding.max(1.0)).ln().max(0.0);
        let rarity = if config.idf_power == 0.0 { 1.0 } else { idf.powf(config.idf_power) };
        let mut score = 1e-6 * holding / n_pairs;
        for (session, similarity) in &neighbours {
            let items = &sessions[*session].1;
            let Some(place) = items.iter().position(|other| *other == item) else { continue };
            let first = query.iter().position(|item| items.contains(item)).unwrap();
            let shared = items.iter().position(|other| *other == query[first]).unwrap();
            let matched = if config.half_life == 0.0 { 1.0 - 0.1 * (first + 1) as f64 } else { 1.0 };
            let near = match config.spread {
                0.0 => 1.0,
                spread => (-(place.abs_diff(shared) as f64) / spread).exp2(),
            };
            score += matched * similarity * near * rarity;
        }
        if asked.contains(&item) { score * config.seen_weight } else { score }
    };
    (0..N_ITEMS).map(score).collect()
}

fn any_users() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0_u32..N_ITEMS, 0..7), 1..9)
}

proptest! {
    #[test]
    fn scores_agree_with_the_formula(
        users in any_users(),
        config in any_config(),
        asked in prop::collection::vec(0_u32..N_ITEMS, 1..8),
        all_neighbours: bool,
    ) {
        // Where neighbours are cut off, weights that single precision holds exactly, lest it orders them otherwise.
        let config = if all_neighbours {
            SessionKnnValidParams { neighbours: 1000, ..config }
        } else {
            SessionKnnValidParams { half_life: 1.0, length_power: 0.0, fade_days: 0.0, ..config }
        };
        let wanted = slow_twin(&users, &config, &asked);
        for (score, wanted) in scores(&fit(&users, &config), &asked).iter().zip(&wanted) {
            // Some tens of roundings in single precision.
            prop_assert!((f64::from(*score) - wanted).abs() < 1e-5 * wanted.max(1.0), "{score} {wanted}");
        }
    }

    #[test]
    fn the_parts_sum_to_the_score(
        users in any_users(),
        config in any_config(),
        asked in prop::collection::vec(0_u32..N_ITEMS, 0..8),
    ) {
        let fitted = fit(&users, &config);
        let history = events(&asked);
        let query = Query { history: &history, ..Query::default() };
        for item in 0..N_ITEMS {
            let explanation = fitted.explain(&query, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // Some tens of roundings in single precision.
            prop_assert!((sum - explanation.score).abs() < 1e-5 * sum.max(1.0), "{explanation:?}");
            prop_assert_eq!(explanation.score, f64::from(fitted.rank(&query, &[item])[0]));
        }
    }

    #[test]
    fn a_session_asks_nothing_of_events_before_its_pause(
        users in any_users(),
        before in prop::collection::vec(0_u32..N_ITEMS, 0..4),
        asked in prop::collection::vec(0_u32..N_ITEMS, 1..4),
    ) {
        let fitted = fit(&users, &SessionKnnValidParams { session_gap_minutes: 90, ..config() });
        let mut history = events(&before);
        for event in &mut history {
            event.timestamp_s -= 100 * HOUR_S;
        }
        history.extend(events(&asked));
        let rank = |history: &[Event]| {
            fitted.rank(&Query { history, ..Query::default() }, &(0..N_ITEMS).collect::<Vec<_>>())
        };
        prop_assert_eq!(rank(&history), rank(&events(&asked)));
    }
}

#[test]
fn a_hand_computed_answer() {
    let fitted = fit(&[vec![0, 1], vec![0, 2], vec![1, 2], vec![3]], &config());
    // Asked 1, then 0: w is 2/2 for 0 and 1/2 for 1. The first session has 3/2, the second 1, the third 1/2; λ is
    // 0.9 where 0 is shared and 0.8 where 1 alone is. Two of four sessions hold each item.
    let raw = [0.9 * 1.5 + 0.9, 0.9 * 1.5 + 0.8 * 0.5, 0.9 + 0.8 * 0.5, 0.0, 0.0, 0.0];
    for (score, raw) in scores(&fitted, &[1, 0]).iter().zip(raw) {
        // Some roundings in single precision, and a millionth for popularity.
        assert!((score - raw * 2_f32.ln()).abs() < 2e-6, "{score} {raw}");
    }
}

#[test]
fn only_the_most_recent_sessions_of_an_item_are_kept() {
    let users = [vec![0, 1], vec![0, 2], vec![0, 3], vec![4, 5]];
    let config = SessionKnnValidParams { sessions_per_item: 2, ..config() };
    let fitted = fit(&users, &config);
    let found = scores(&fitted, &[0]);
    assert!(found[1] < 1e-5 && found[2] > 0.1 && found[3] > 0.1, "{found:?}");
    // Session 0 is listed under item 1, so it is there, though not under item 0.
    let index = Index::build(&histories(&users), 6, None, 2, &()).unwrap();
    assert_eq!(index.recent(0), [2, 1]);
    assert_eq!(index.recent(1), [0]);
    let index = Index::build(&histories(&[vec![0], vec![0], vec![0]]), 1, None, 2, &()).unwrap();
    assert_eq!((index.sessions.len(), index.n_all, index.n_holding[0]), (2, 3, 3));
}

#[test]
fn an_item_that_every_session_holds_says_nothing_by_itself_and_nobody_gets_nan() {
    let fitted = fit(&[vec![0, 1], vec![0, 2]], &config());
    let found = scores(&fitted, &[0]);
    assert!(found[0] < 1e-5 && found[1] > 0.1 && found.iter().all(|score| score.is_finite()));
    let empty = fit(&[vec![], vec![]], &config());
    assert_eq!(scores(&empty, &[]), [0.0; 6]);
    assert_eq!(scores(&empty, &[5]), [0.0; 6]);
}
