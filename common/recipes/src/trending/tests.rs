#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{Dataset, DatasetParts, ItemCounts, Model, Query, Selection, Trained, TrainingTask, recipe};

const NAME: &str = "aws-trending-now";

/// Rows of user, item and time.
fn dataset(rows: impl Iterator<Item = (usize, String, i64)>) -> Dataset {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for (user, item, time) in rows {
        part.push_str(0, &format!("u{user:03}"));
        part.push_str(1, &item);
        part.push_long(2, time);
    }
    let parts = DatasetParts { interactions: vec![part.finish().unwrap()], ..DatasetParts::default() };
    Dataset::read(&parts, &Selection::default()).unwrap()
}

fn train(dataset: &Dataset, frequency: &str) -> Trained {
    let given = BTreeMap::from([("trend_discovery_frequency".to_owned(), frequency.to_owned())]);
    let task = TrainingTask::new(dataset, &given, 3, &());
    recipe(NAME).unwrap().train(&task).unwrap()
}

fn ids(model: &dyn Model, k: usize) -> Vec<&str> {
    model.recommend(&Query::default(), k).iter().map(|scored| model.item_id(scored.item)).collect()
}

/// 100 users over 100 hours; everybody has `hit-H` in hours H and H + 1, twice in the second, and an evergreen.
fn waves() -> Dataset {
    dataset((0..100).flat_map(|user| {
        (0..100).flat_map(move |hour| {
            let time = hour * 3600 + user as i64;
            [
                (user, format!("hit-{hour:03}"), time),
                (user, format!("hit-{:03}", hour - 1), time + 200),
                (user, format!("hit-{:03}", hour - 1), time + 400),
                (user, "evergreen".to_owned(), time + 600),
            ]
        })
    }))
}

fn open(trained: &Trained) -> Arc<dyn Model> {
    recipe(NAME).unwrap().open(&trained.files).unwrap()
}

#[test]
fn popular_items_are_the_answer_until_something_happens_and_when_nothing_grows() {
    let model = open(&train(&waves(), "1 hour"));
    assert_eq!(ids(model.as_ref(), 1), ["evergreen"]);
    for counts in [ItemCounts::new(), ItemCounts::from([("hit-007".into(), [9, 9]), ("hit-008".into(), [9, 2])])] {
        let evaluated = model.trends().unwrap().evaluated(&counts);
        assert_eq!(ids(evaluated.as_ref(), 9), ids(model.as_ref(), 9));
    }
}

#[test]
fn what_grows_comes_first_and_may_be_new() {
    let model = open(&train(&waves(), "1 hour"));
    let counts = [("hit-007", [1, 3]), ("brand new", [0, 40]), ("hit-009", [100, 250]), ("gone", [50, 0])];
    let counts: ItemCounts = counts.into_iter().map(|(id, counts)| (id.to_owned(), counts)).collect();
    let evaluated = model.trends().unwrap().evaluated(&counts);
    assert_eq!(ids(evaluated.as_ref(), 4), ["brand new", "hit-009", "hit-007", "evergreen"]);
    assert_eq!(evaluated.n_items(), model.n_items() + 2);
    assert_eq!(evaluated.item_index("evergreen"), model.item_index("evergreen"));
    assert!(ids(evaluated.as_ref(), 500).contains(&"gone"));
    assert!(evaluated.recommend(&Query::default(), 500).iter().all(|scored| scored.score.is_none()));
    // An evaluation does not build on the one before.
    let again = evaluated.trends().unwrap().evaluated(&ItemCounts::new());
    assert_eq!(ids(again.as_ref(), 1), ["evergreen"]);
}

#[test]
fn trends_are_told_for_users_who_were_not_looked_at() {
    let report = train(&waves(), "1 hour").report;
    // Of each hour's three items that change, two fall; the one that grows is found every time.
    assert_eq!(report.metrics["trend_prediction_accuracy"], 1.0);
    assert_eq!(report.popularity_baseline["trend_prediction_accuracy"], 0.0);
    assert_eq!(report.metrics.len(), 9);
}

#[test]
fn time_stamps_that_are_all_equal_give_a_sound_model() {
    let same = dataset((0..1200).map(|event| (event / 12, format!("i{:02}", event % 12), 1_000)));
    for frequency in ["30 minutes", "1 hour", "2 hours", "3 hours", "1 day"] {
        let trained = train(&same, frequency);
        assert!(trained.report.metrics.values().all(|value| value.is_finite()), "{frequency}");
        assert_eq!(ids(open(&trained).as_ref(), 1), ["i00"]);
    }
    // At the ends of time.
    let times = [i64::MIN, 0, i64::MAX];
    let ends = dataset((0..1200).map(|event| (event / 12, format!("i{:02}", event % 12), times[event % 3])));
    assert!(train(&ends, "1 day").report.metrics.values().all(|value| value.is_finite()));
}
