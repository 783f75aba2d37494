//! Items and users that only their metadata tell of, and events that weigh more than others.

use std::collections::BTreeMap;

use super::{Event, Part, Query};
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, EventWeight, Model, Record, Selection, TimedPart, TrainingTask,
    recipe,
};
use std::sync::Arc;

const N_USERS: usize = 120;
const N_ITEMS: usize = 30;

fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
    Column { name: name.into(), kind, nullable }
}

fn kind_of(number: usize) -> &'static str {
    ["even", "odd"][number % 2]
}

/// Users have items of their own kind. Of the items "new…" and the users "new…" there are only metadata, of items and
/// users "plain" not even these.
fn dataset(with_metadata: bool) -> Dataset {
    let mut interactions = PartBuilder::new(&[
        column("USER_ID", ColumnType::String, false),
        column("ITEM_ID", ColumnType::String, false),
        column("TIMESTAMP", ColumnType::Long, false),
        column("EVENT_TYPE", ColumnType::String, false),
    ]);
    for user in 0..N_USERS {
        for event in 0..10 {
            interactions.push_str(0, &format!("u{user:03}"));
            interactions.push_str(1, &format!("i{:02}", (user % 2 + 2 * (user / 2 + event * event)) % N_ITEMS));
            interactions.push_long(2, event as i64);
            interactions.push_str(3, if event % 3 == 0 { "buy" } else { "view" });
        }
    }
    let table = |id: &str, letter: char, n: usize| {
        let mut part = PartBuilder::new(&[
            column(id, ColumnType::String, false),
            column("KIND", ColumnType::String, true),
            column("CONSTANT", ColumnType::Double, true),
        ]);
        let mut push = |name: &str, kind: Option<&str>| {
            part.push_str(0, name);
            match kind {
                Some(kind) => part.push_str(1, kind),
                None => part.push_null(1),
            }
            part.push_double(2, 3.5);
        };
        (0..n).for_each(|number| {
            push(&format!("{letter}{number:0width$}", width = if n > 99 { 3 } else { 2 }), Some(kind_of(number)))
        });
        push("new-even", Some("even"));
        push("new-odd", Some("odd"));
        push("plain", None);
        vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }]
    };
    let columns = |with: bool| {
        let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
        let all = vec![choice("KIND", ColumnKind::Categorical), choice("CONSTANT", ColumnKind::Number)];
        if with { all } else { Vec::new() }
    };
    let parts = DatasetParts {
        interactions: vec![interactions.finish().unwrap()],
        items: table("ITEM_ID", 'i', N_ITEMS),
        users: table("USER_ID", 'u', N_USERS),
    };
    let selection = Selection {
        item_columns: columns(with_metadata),
        user_columns: columns(with_metadata),
        ..Selection::default()
    };
    Dataset::read(&parts, &selection).unwrap()
}

fn given(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let given = [("factors", "8"), ("regularization", "0.01"), ("unobserved_weight", "0.1"), ("half_life", "5")];
    let rest = [("history_length", "10"), ("seen_weight", "1")];
    let all = given.iter().chain(&rest).chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn model(dataset: &Dataset, more: &[(&str, &str)], event_weights: &[EventWeight]) -> Arc<dyn Model> {
    let hyperparameters = given(more);
    let task = TrainingTask { event_weights, ..TrainingTask::new(dataset, &hyperparameters, 1, &()) };
    let recipe = recipe("palate-ials").unwrap();
    recipe.open(&recipe.train(&task).unwrap().files).unwrap()
}

fn history(model: &Arc<dyn Model>, items: &[&str]) -> Vec<Event> {
    let event =
        |(time, item): (usize, &&str)| Event { item: model.item_index(item).unwrap(), timestamp_s: time as i64 };
    items.iter().enumerate().map(event).collect()
}

fn score(model: &Arc<dyn Model>, query: &Query<'_>, item: &str) -> f32 {
    let score = model.rank(query, &[model.item_index(item).unwrap()])[0];
    assert!(score.is_finite());
    score
}

#[test]
fn cold_items_are_ranked_by_their_metadata() {
    // More factors than users, too.
    for factors in ["8", "150"] {
        let model = model(&dataset(true), &[("factors", factors)], &[]);
        for (items, own, other) in [(["i02", "i04"], "new-even", "new-odd"), (["i03", "i05"], "new-odd", "new-even")] {
            let history = history(&model, &items);
            let query = Query { history: &history, ..Query::default() };
            assert!(score(&model, &query, own) > score(&model, &query, other) + 0.05, "{factors} {own}");
            // Nothing is known of it at all.
            assert_eq!(score(&model, &query, "plain"), 0.0);
        }
    }
}

#[test]
fn cold_users_are_asked_for_by_their_metadata() {
    let model = model(&dataset(true), &[], &[]);
    for (number, kind) in ["even", "odd"].into_iter().enumerate() {
        let record = Record::from([("KIND".into(), kind.into()), ("CONSTANT".into(), "3.5".into())]);
        let query = Query { user: Some(&record), ..Query::default() };
        let list = model.recommend(&query, 10);
        assert_eq!(list.len(), 10);
        for scored in list {
            let id = model.item_id(scored.item);
            let own = id.strip_prefix('i').map_or(id.ends_with(kind), |id| id.parse::<usize>().unwrap() % 2 == number);
            assert!(own, "{kind} {id}");
        }
        // Parts sum to the score, with events and without.
        for items in [vec![], vec!["i02", "i03"]] {
            let history = history(&model, &items);
            let query = Query { history: &history, ..query };
            let item = model.item_index("i04").unwrap();
            let explanation = model.explain(&query, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // Roundings in single precision of numbers about 1.
            assert!((sum - explanation.score).abs() < 1e-5, "{explanation:?}");
        }
    }
    let unknown = Record::from([("KIND".into(), "neither".into()), ("CONSTANT".into(), "NaN".into())]);
    let empty = Record::new();
    let asked = |user| model.recommend(&Query { user, ..Query::default() }, 5);
    assert_eq!(asked(Some(&empty)), asked(None));
    assert!(asked(Some(&unknown)).iter().all(|scored| scored.score.unwrap().is_finite()));
}

#[test]
fn without_metadata_there_is_nothing_but_items_with_interactions() {
    let model = model(&dataset(false), &[], &[]);
    assert_eq!((model.n_items(), model.item_index("new-odd")), (N_ITEMS, None));
    let record = Record::from([("KIND".into(), "odd".into())]);
    let query = Query { user: Some(&record), ..Query::default() };
    assert_eq!(model.recommend(&query, 5), model.recommend(&Query::default(), 5));
}

#[test]
fn the_weight_of_an_event_scales_its_confidence() {
    let dataset = dataset(false);
    let weights = |buy, view| {
        let weight = |name: &str, weight| EventWeight { event_type: name.into(), event_value_threshold: None, weight };
        [weight("buy", buy), weight("view", view)]
    };
    let scores = |weights: &[EventWeight]| {
        let model = model(&dataset, &[], weights);
        let history = history(&model, &["i00", "i02"]);
        let items: Vec<u32> = (0..N_ITEMS as u32).collect();
        model.rank(&Query { history: &history, ..Query::default() }, &items)
    };
    let plain = scores(&[]);
    // Only the ratio matters.
    assert_eq!(plain, scores(&weights(2.0, 2.0)));
    assert_eq!(scores(&weights(3.0, 1.0)), scores(&weights(0.3, 0.1)));
    assert_ne!(plain, scores(&weights(3.0, 1.0)));
    // Views are not observed at all; everything is still finite.
    let bought = scores(&weights(1.0, 0.0));
    assert!(bought != plain && bought.iter().all(|score| score.is_finite()));
}
