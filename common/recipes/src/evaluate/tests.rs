#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::training::judged;
use crate::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, EventWeight, Objective, Progress, Query, Reads, RecipeInfo,
    Scored, Selection, Sensitivity, TimedPart, TrainingTask, describe,
};

/// Interactions in the order of the input: user, item, time, and where it was.
fn dataset(rows: &[(&str, &str, i64, &str)]) -> Dataset {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
        column("PLACE", ColumnType::String),
    ]);
    for (user, item, timestamp_s, place) in rows {
        part.push_str(0, user);
        part.push_str(1, item);
        part.push_long(2, *timestamp_s);
        part.push_str(3, place);
    }
    let mut users = PartBuilder::new(&[column("USER_ID", ColumnType::String), column("WANTS", ColumnType::String)]);
    users.push_str(0, "u");
    users.push_str(1, "b");
    let mut items = PartBuilder::new(&[column("ITEM_ID", ColumnType::String), column("PRICE", ColumnType::Double)]);
    for item in ["a", "b", "c", "d"] {
        items.push_str(0, item);
        items.push_double(1, 2.5);
    }
    let [users, items] = [users, items].map(|mut part| vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }]);
    let parts = DatasetParts { interactions: vec![part.finish().unwrap()], users, items };
    let choice = |name: &str, kind| vec![ColumnChoice { name: name.into(), kind }];
    let selection = Selection {
        interaction_columns: choice("PLACE", ColumnKind::Categorical),
        user_columns: choice("WANTS", ColumnKind::Categorical),
        item_columns: choice("PRICE", ColumnKind::Number),
        ..Selection::default()
    };
    Dataset::read(&parts, &selection).unwrap()
}

/// Answers with one item: the first that was given, or that of the place's name, or what the user's record says.
struct Told<'a>(&'a Dataset);

impl Scorer for Told<'_> {
    fn recommend(&self, query: &Query<'_>, _k: usize) -> Vec<Scored> {
        let place = query.context.and_then(|context| context.get("PLACE"));
        let told = place.or_else(|| query.user.and_then(|user| user.get("WANTS")));
        let item = match told {
            Some(id) => self.0.items().get(id),
            None => query.history.first().map(|event| event.item),
        };
        item.map(|item| Scored::new(item, None)).into_iter().collect()
    }

    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        vec![0.0; items.len()]
    }

    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        vec![("itself", self)]
    }

    fn resident_bytes(&self) -> usize {
        0
    }
}

/// One user, whose events of time 5 were written down in the order `c`, `b`, and the earlier ones between them.
fn one_user() -> Dataset {
    dataset(&[("u", "c", 5, "d"), ("u", "a", 3, "d"), ("u", "b", 5, "b"), ("u", "d", 3, "d")])
}

/// Whoever asks for a report, with so much time.
struct Asks {
    left: Option<Duration>,
    stopped: bool,
}

impl Progress for Asks {
    fn report(&self, _step: &str, _done: f64) {}

    fn stopped(&self) -> bool {
        self.stopped
    }

    fn time_left(&self) -> Option<Duration> {
        self.left
    }
}

fn report(dataset: &Dataset, reads: Reads) -> Report {
    told_within(dataset, reads, None, false).unwrap()
}

fn told_within(dataset: &Dataset, reads: Reads, left: Option<Duration>, stopped: bool) -> Result<Report, TrainError> {
    let info = RecipeInfo { reads, ..*describe("palate-transitions").unwrap() };
    let split = Split::draw(dataset.histories(), 1);
    let (none, progress) = (BTreeMap::new(), Asks { left, stopped });
    let task = TrainingTask::new(dataset, &none, 1, &progress);
    judged(&task, &info, &split, &dataset.histories().of(&split.training), &Told(dataset))
}

#[test]
fn what_is_held_out_is_newest_and_of_one_moment_what_was_written_last() {
    let dataset = one_user();
    let split = Split::draw(dataset.histories(), 1);
    assert_eq!(split.test, [split::TestUser { user: 0, n_history: 3 }]);
    let id = |item: &u32| dataset.items().id(*item);
    let (given, held_out) = dataset.histories().items_of(0).split_at(3);
    assert_eq!(given.iter().map(id).collect::<Vec<_>>(), ["a", "d", "c"]);
    assert_eq!(held_out.iter().map(id).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_recipe_that_reads_it_is_told_where_the_user_is_when_the_answer_is_due() {
    let without = report(&one_user(), Reads::NOTHING);
    assert_eq!(without.metrics["mean_reciprocal_rank_at_25"], 0.0);
    let with = report(&one_user(), Reads { context: true, ..Reads::NOTHING });
    assert_eq!(with.metrics["mean_reciprocal_rank_at_25"], 1.0);
    assert_ne!(with.fingerprint, without.fingerprint);
}

#[test]
fn aims_are_judged_by_the_lists_that_the_metrics_are_of() {
    let dataset = one_user();
    let split = Split::draw(dataset.histories(), 1);
    let objective = Objective { item_attribute: "PRICE".into(), sensitivity: Sensitivity::Off };
    let weights = [EventWeight { event_type: "watch".into(), event_value_threshold: None, weight: 0.5 }];
    for (reads, found) in [
        (Reads::NOTHING, 0.0),
        (Reads { context: true, ..Reads::NOTHING }, 1.0),
        (Reads { users: true, ..Reads::NOTHING }, 1.0),
    ] {
        let info = RecipeInfo { reads, ..*describe("palate-transitions").unwrap() };
        let (none, test) = (BTreeMap::new(), split.test.as_slice().into());
        let task = TrainingTask { event_weights: &weights, ..TrainingTask::new(&dataset, &none, 1, &()) };
        let asking = Asking { task: &task, info: &info, test };
        let ndcg = weighted_ndcg(&asking, &Told(&dataset)).unwrap();
        assert!(ndcg.len() == 3 && ndcg.values().all(|ndcg| *ndcg == found), "{reads:?} {ndcg:?}");
        assert_eq!(average_rewards(&asking, &Told(&dataset), &objective).unwrap(), found, "{reads:?}");
    }
}

#[test]
fn without_time_for_all_some_of_the_held_out_users_are_asked_for() {
    let users: Vec<String> = (0..3000).map(|user| format!("u{user}")).collect();
    let rows: Vec<(&str, &str, i64, &str)> =
        users.iter().flat_map(|user| [(user.as_str(), "a", 1, "a"), (user.as_str(), "b", 2, "b")]).collect();
    let dataset = dataset(&rows);
    let all = report(&dataset, Reads::NOTHING);
    assert_eq!(all.n_test_users, 300);
    let within = |left: Duration| told_within(&dataset, Reads::NOTHING, Some(left), false).unwrap();
    assert_eq!(within(Duration::from_secs(3600)), all);
    let some = within(Duration::ZERO);
    let told = "There was time to ask for 200 of the 300 users who were held out, drawn at random.";
    assert!(some.n_test_users == 200 && some.warnings.contains(&told.to_owned()), "{:?}", some.warnings);
    assert_eq!(some, within(Duration::ZERO));
    let stopped = told_within(&dataset, Reads::NOTHING, None, true);
    assert!(matches!(stopped, Err(TrainError::Stopped)));
}

#[test]
fn a_report_has_everything_of_every_part() {
    let report = report(&one_user(), Reads { context: true, ..Reads::NOTHING });
    assert_eq!(report.n_test_users, 1);
    assert_eq!(report.figures["recall_at_10"], Figure::plain(1.0));
    assert_eq!(report.parts.len(), 1);
    assert_eq!(report.parts[0].name, "itself");
    assert_eq!(report.parts[0].figures["recall_at_10"], Figure::plain(1.0));
    let by: Vec<&str> = report.breakdowns.iter().map(|breakdown| breakdown.by.as_str()).collect();
    assert_eq!(by, ["events in the user's history", "age of the item", "training users of the item"]);
    assert_eq!(report.breakdowns[0].groups[0].name, "none (withheld)");
    // Nobody is learned from, so every item is new.
    assert_eq!(report.breakdowns[1].groups[0].name, "never seen");
    assert_eq!(report.breakdowns[2].groups[0].name, "none");
    assert_eq!(report.by_cutoff.iter().map(|at| at.k).collect::<Vec<_>>(), [1, 2, 3]);
    for figures in [&report.figures, &report.baseline] {
        for name in ["coverage", "gini", "popularity", "novelty", "repeats", "ndcg_at_10", "mrr_at_25"] {
            assert!(figures.contains_key(name), "{name}");
        }
    }
    let stored = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&stored).unwrap(), report);
}
