#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::contract::{dataset, dataset_with_cold_items};
use crate::model::Scorer;
use crate::{Event, Query};

const DAY_S: i64 = 86_400;

fn config() -> TransitionsValidParams {
    TransitionsValidParams {
        window: 3,
        backward_weight: 0.0,
        fade_days: 0.0,
        query_fade_days: 0.0,
        count_power: 1.0,
        from_power: 1.0,
        to_power: 0.0,
        history_length: 10,
        half_life: 2.0,
        seen_weight: 1.0,
        borrowed_events: 0.0,
        smoothing: 1.0,
    }
}

/// Users with their items, an event an hour.
fn histories(users: &[Vec<u32>]) -> Histories {
    Histories::of_events(users.iter().map(|items| (0..).zip(items).map(|(event, item)| (*item, 3600 * event))))
}

fn events(items: &[u32]) -> Vec<Event> {
    (0..).zip(items).map(|(event, item)| Event { item: *item, timestamp_s: event * 3600 }).collect()
}

fn fit(users: &[Vec<u32>], n_items: usize, config: &TransitionsValidParams) -> Fitted {
    let histories = histories(users);
    let counts = follow_ups(&histories, &Places::of(&histories, n_items), &config.counting(), None, &()).unwrap();
    let n_events = events_by_item(&histories, n_items, None);
    Fitted::fit(&counts, &n_events, Popular::count(&histories, n_items), config)
}

fn scores(fitted: &Fitted, items: &[u32], n_items: u32) -> Vec<f32> {
    let history = events(items);
    fitted.rank(&Query { history: &history, ..Query::default() }, &(0..n_items).collect::<Vec<_>>())
}

/// The formula of the module's documentation, over dense matrices and in double precision.
fn slow_twin(users: &[Vec<u32>], n_items: usize, config: &TransitionsValidParams, asked: &[u32]) -> Vec<f64> {
    let fade = |hours: usize, days: f64| if days == 0.0 { 1.0 } else { 1.0 / (1.0 + hours as f64 / 24.0 / days) };
    let mut counts = vec![vec![0.0; n_items]; n_items];
    for user in users {
        for (a, i) in user.iter().enumerate() {
            for (b, j) in user.iter().enumerate() {
                let distance = a.abs_diff(b);
                if (1..=config.window).contains(&distance) {
                    let direction = if b > a { 1.0 } else { config.backward_weight };
                    counts[*i as usize][*j as usize] += direction * fade(distance, config.fade_days) / distance as f64;
                }
            }
        }
    }
    let n_events = |item: usize| users.iter().flatten().filter(|other| **other as usize == item).count().max(1) as f64;
    let n_users = |item: usize| users.iter().filter(|user| user.contains(&(item as u32))).count() as f64;
    let n_pairs: f64 = (0..n_items).map(n_users).sum::<f64>().max(1.0);
    let mut scores = vec![0.0; n_items];
    for (place, i) in asked.iter().rev().take(config.history_length).map(|item| *item as usize).enumerate() {
        let weight = (-(place as f64) / config.half_life).exp2() * fade(place, config.query_fade_days);
        let weight = weight * n_events(i).powf(-config.from_power);
        for (j, score) in scores.iter_mut().enumerate() {
            let count = counts[i][j].powf(config.count_power) * n_events(j).powf(-config.to_power);
            *score += weight * (count + config.smoothing * n_users(j) / n_pairs);
        }
    }
    if scores.iter().sum::<f64>() == 0.0 {
        scores = (0..n_items).map(|item| n_users(item) / n_pairs).collect();
    }
    for (item, score) in (0..).zip(&mut scores) {
        if asked.contains(&item) {
            *score *= config.seen_weight;
        }
    }
    let sum: f64 = scores.iter().sum();
    scores.iter().map(|score| if sum > 0.0 { score / sum } else { 0.0 }).collect()
}

prop_compose! {
    fn any_config()(
        window in 1_usize..5,
        backward_weight in 0.0..=1.0,
        fade_days in prop_oneof![Just(0.0), 0.05..2.0],
        query_fade_days in prop_oneof![Just(0.0), 0.05..2.0],
        count_power in 0.1..=1.0,
        from_power in 0.0..=1.0,
        to_power in 0.0..=1.0,
        history_length in 1_usize..5,
        half_life in 0.5..10.0,
        seen_weight in prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0],
        smoothing in 0.01..3.0,
    ) -> TransitionsValidParams {
        TransitionsValidParams {
            window, backward_weight, fade_days, query_fade_days, count_power, from_power, to_power, history_length,
            half_life, seen_weight, borrowed_events: 0.0, smoothing,
        }
    }
}

fn any_users() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0_u32..6, 0..9), 1..9)
}

proptest! {
    #[test]
    fn scores_agree_with_the_formula(
        users in any_users(),
        config in any_config(),
        asked in prop::collection::vec(0_u32..6, 0..6),
    ) {
        let expected = slow_twin(&users, 6, &config, &asked);
        for (score, expected) in scores(&fit(&users, 6, &config), &asked, 6).iter().zip(&expected) {
            // Some tens of roundings in single precision, and a power of a rounded sum. What is taken
            // away from the sum for seen items leaves its error in what remains.
            prop_assert!((f64::from(*score) - expected).abs() < 1e-4, "{score} {expected}");
        }
    }

    #[test]
    fn a_list_is_the_ranking_of_all_items_cut_at_k(
        users in any_users(),
        config in any_config(),
        asked in prop::collection::vec(0_u32..6, 0..6),
        k in 0_usize..9,
    ) {
        let fitted = fit(&users, 6, &config);
        let mut ranked: Vec<(u32, f32)> = (0..).zip(scores(&fitted, &asked, 6)).collect();
        ranked.sort_by(crate::rank::order);
        let history = events(&asked);
        let list = fitted.recommend(&Query { history: &history, ..Query::default() }, k);
        let list: Vec<(u32, f32)> = list.iter().map(|scored| (scored.item, scored.score.unwrap())).collect();
        prop_assert_eq!(&list, &ranked[..k.min(6)]);
        let sum: f32 = ranked.iter().map(|(_, score)| score).sum();
        // Six roundings of numbers below 1; nothing is left if all items were seen and are not wanted.
        prop_assert!((sum - 1.0).abs() < 1e-4 || sum == 0.0, "{sum}");
    }

    #[test]
    fn permuting_the_items_permutes_the_scores(
        users in any_users(),
        asked in prop::collection::vec(0_u32..6, 0..6),
    ) {
        let turn = |items: &Vec<u32>| items.iter().map(|item| (item + 1) % 6).collect::<Vec<u32>>();
        let turned: Vec<Vec<u32>> = users.iter().map(turn).collect();
        let before = scores(&fit(&users, 6, &config()), &asked, 6);
        let after = scores(&fit(&turned, 6, &config()), &turn(&asked), 6);
        for item in 0..6 {
            // Rows are summed in another order.
            prop_assert!((before[item] - after[(item + 1) % 6]).abs() < 1e-6);
        }
    }
}

#[test]
fn a_hand_computed_answer() {
    // After 0 came 1 at distance 1 and 2 at distance 2, once each; 0 occurs twice.
    let users = [vec![0, 1, 2], vec![0, 3]];
    let fitted = fit(&users, 4, &config());
    // Two users took 0, one each of the others, five pairs in all; popularity sums to 1.
    let raw = [0.4, 1.0 + 0.2, 0.5 + 0.2, 1.0 + 0.2];
    for (score, raw) in scores(&fitted, &[0], 4).iter().zip(raw) {
        // Some roundings in single precision.
        assert!((score - raw / 3.5).abs() < 1e-6, "{score} {raw}");
    }
}

#[test]
fn a_user_nothing_is_known_of_gets_popular_items_by_their_share() {
    let fitted = fit(&[vec![0, 1], vec![1, 1], vec![2]], 4, &config());
    assert_eq!(scores(&fitted, &[], 4), [0.25, 0.5, 0.25, 0.0]);
    // Item 3 was never taken, so nothing followed it: popularity alone is left.
    assert_eq!(scores(&fitted, &[3], 4), [0.25, 0.5, 0.25, 0.0]);
}

#[test]
fn time_fades_what_was_counted() {
    let histories = Histories::new(vec![0, 2, 4], vec![0, 1, 0, 2], vec![0, 0, 0, 3 * DAY_S]);
    let counting = TransitionsValidParams { fade_days: 1.0, ..config() }.counting();
    let counts = follow_ups(&histories, &Places::of(&histories, 3), &counting, None, &()).unwrap();
    let (items, weights) = counts.row(0);
    assert_eq!((items, weights), ([1, 2].as_slice(), [1.0, 0.25].as_slice()));
}

#[test]
fn events_of_a_query_count_by_their_age_in_whatever_order_they_come() {
    let users = [vec![0, 2], vec![1, 3]];
    let fitted = fit(&users, 4, &TransitionsValidParams { query_fade_days: 1.0, half_life: 100.0, ..config() });
    let scores = |times: [i64; 2]| {
        let history = [Event { item: 0, timestamp_s: times[0] }, Event { item: 1, timestamp_s: times[1] }];
        fitted.rank(&Query { history: &history, ..Query::default() }, &[2, 3])
    };
    let (close, far) = (scores([0, 60]), scores([0, 9 * DAY_S]));
    assert!(close[1] < 1.1 * close[0] && far[1] > 2.0 * far[0], "{close:?} {far:?}");
    // Of one moment, or newer than the newest event: as if they were of that moment.
    assert_eq!(scores([60, 60]), scores([9 * DAY_S, 60]));
    for extreme in [[i64::MIN, i64::MAX], [i64::MAX, i64::MIN]] {
        assert!(scores(extreme).iter().all(|score| (0.0..=1.0).contains(score)));
    }
}

#[test]
fn a_pair_counts_by_the_weights_of_both_events() {
    let histories = histories(&[vec![0, 1, 2], vec![0, 1]]);
    let counting = TransitionsValidParams { backward_weight: 0.5, ..config() }.counting();
    let weights = [1.5, 0.5, 0.0, 1.0, 2.0];
    let count = |weights| follow_ups(&histories, &Places::of(&histories, 3), &counting, weights, &()).unwrap();
    let counts = count(Some(&weights[..]));
    // What weighs nothing leads nowhere.
    assert_eq!(counts.row(0), ([1].as_slice(), [1.5 * 0.5 + 1.0 * 2.0].as_slice()));
    assert_eq!(counts.row(1), ([0].as_slice(), [0.5 * (1.5 * 0.5 + 1.0 * 2.0)].as_slice()));
    assert_eq!(counts.row(2).0, [0_u32; 0]);
    assert_eq!(events_by_item(&histories, 3, Some(&weights)), [2.5, 2.5, 0.0]);
    assert_eq!(count(Some(&[1.0; 5][..])), count(None));
}

#[test]
fn models_from_before_time_was_told_apart_open_as_they_were() {
    let mut text = TransitionsValidParams { fade_days: 45.0, ..config() }.to_text();
    text.remove("query_fade_days");
    text.remove("borrowed_events");
    let config = TransitionsValidParams::from_text(&text).unwrap();
    assert_eq!((config.query_fade_days, config.borrowed_events), (45.0, 0.0));
    text.remove("fade_days");
    assert_eq!(TransitionsValidParams::from_text(&text), None);
}

#[test]
fn seen_items_come_last_when_they_are_not_wanted() {
    let users = [vec![0, 1, 2], vec![0, 1, 2], vec![3, 0]];
    let fitted = fit(&users, 4, &TransitionsValidParams { seen_weight: 0.0, ..config() });
    let history = events(&[0, 1]);
    let list = fitted.recommend(&Query { history: &history, ..Query::default() }, 4);
    assert_eq!(list.iter().map(|scored| scored.item).collect::<Vec<_>>(), [2, 3, 0, 1]);
    assert_eq!(list[2].score, Some(0.0));
}

#[test]
fn seen_items_are_kept_where_items_come_back() {
    let (dataset, none) = (dataset(20, 20, 6), BTreeMap::new());
    let source = Source::events(&TrainingTask::new(&dataset, &none, 0, &()), 40);
    let chosen = |users: &[Vec<u32>]| {
        choose(&histories(users), &source, &Params::check(&TRANSITIONS, &none).unwrap(), 0, &()).unwrap().seen_weight
    };
    let never: Vec<Vec<u32>> = (0..30).map(|user| (user..user + 5).collect()).collect();
    let sometimes: Vec<Vec<u32>> = (0..30).map(|user| vec![user, user + 1, user + 2, user]).collect();
    assert_eq!((chosen(&never), chosen(&sometimes)), (0.0, 1.0));
}

#[test]
fn items_that_nobody_had_are_recommended_and_lead_to_others_of_their_kind() {
    let (dataset, none) = (dataset_with_cold_items(200, 20, 6, 4), BTreeMap::new());
    let trained = Transitions.train(&TrainingTask::new(&dataset, &none, 1, &())).unwrap();
    assert_ne!(trained.chosen["borrowed_events"], "0.0");
    let model = Transitions.open(&trained.files).unwrap();
    let row = |id: &str| model.item_index(id).unwrap();
    let history = |id: &str| [Event { item: row(id), timestamp_s: 0 }];
    let kind = |item: u32| model.item_id(item)[1..].parse::<u32>().unwrap() % 2;
    for (cold, even_or_odd) in [("i20", 0), ("i23", 1)] {
        let asked = history(cold);
        let list = model.recommend(&Query { history: &asked, ..Query::default() }, 5);
        assert!(list.iter().all(|scored| kind(scored.item) == even_or_odd), "{cold} {list:?}");
    }
    // Of new items those of the user's kind have the greater scores, which are explained.
    let asked = history("i04");
    let query = Query { history: &asked, ..Query::default() };
    let scores = model.rank(&query, &["i20", "i21", "i22", "i23"].map(row));
    assert!(scores[0].min(scores[2]) > 10.0 * scores[1].max(scores[3]), "{scores:?}");
    let explanation = model.explain(&query, row("i20")).unwrap();
    let sum: f64 = explanation.parts.iter().map(crate::Part::share).sum();
    assert!((sum - f64::from(scores[0])).abs() < 1e-6, "{explanation:?}");
}

#[test]
fn nothing_is_borrowed_where_nothing_is_recorded_or_nothing_is_wanted() {
    let train = |given: &[(&str, &str)]| {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let dataset = dataset_with_cold_items(200, 20, 6, 4);
        Transitions.train(&TrainingTask::new(&dataset, &given, 1, &())).unwrap()
    };
    let trained = train(&[("borrowed_events", "0")]);
    let model = Transitions.open(&trained.files).unwrap();
    let history = [Event { item: model.item_index("i04").unwrap(), timestamp_s: 0 }];
    let cold = model.item_index("i20").unwrap();
    assert_eq!(model.rank(&Query { history: &history, ..Query::default() }, &[cold]), [0.0]);
}
