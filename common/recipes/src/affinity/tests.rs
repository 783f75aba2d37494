#![allow(clippy::unwrap_used)]

mod corners;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attributes::Attributes;
use super::judge::judge;
use super::subspace::Subspace;
use super::targets::{Targets, cut};
use super::tower::{Choice, Tower};
use crate::contract::leaks::newest_fifth;
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::search::seen_weight;
use crate::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, Model, ModelFile, Progress, Selection, TimedPart, TrainError,
    Trained, TrainingTask, recipe, without_users,
};

const RECIPES: [&str; 2] = ["aws-item-affinity", "aws-item-attribute-affinity"];

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, nullable: false }
}

/// 200 users, of whom the even ones have even items of 40 alone and the odd ones odd items, each at most once; the
/// higher a user's number, the more events. Even items are dramas and odd ones comedies, of the year of their number.
fn dataset(n_users: usize) -> Dataset {
    let mut interactions = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    for user in 0..n_users {
        for event in 0..5 + user / 20 {
            interactions.push_str(0, &format!("u{user:03}"));
            interactions.push_str(1, &format!("i{:02}", user % 2 + 2 * ((user / 2 * 7 + event) % 20)));
            interactions.push_long(2, event as i64);
        }
    }
    let mut items = PartBuilder::new(&[
        column("ITEM_ID", ColumnType::String),
        column("GENRES", ColumnType::String),
        column("YEAR", ColumnType::Int),
        column("PLOT", ColumnType::String),
    ]);
    for item in 0..40 {
        items.push_str(0, &format!("i{item:02}"));
        items.push_str(1, if item % 2 == 0 { "drama|all" } else { "comedy|all" });
        items.push_int(2, 1980 + item);
        items.push_str(3, "a plot");
    }
    let parts = DatasetParts {
        interactions: vec![interactions.finish().unwrap()],
        items: vec![TimedPart { content: items.finish().unwrap(), at_ms: 0 }],
        ..DatasetParts::default()
    };
    let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
    let item_columns = vec![
        choice("GENRES", ColumnKind::Categorical),
        choice("YEAR", ColumnKind::Number),
        choice("PLOT", ColumnKind::Text),
    ];
    Dataset::read(&parts, &Selection { item_columns, ..Selection::default() }).unwrap()
}

fn train_with(name: &str, dataset: &Dataset, progress: &dyn Progress) -> Result<Trained, TrainError> {
    let hyperparameters = BTreeMap::from([("hidden_dimension".to_owned(), "32".to_owned())]);
    recipe(name).unwrap().train(&TrainingTask::new(dataset, &hyperparameters, 1, progress))
}

fn train(name: &str) -> Trained {
    train_with(name, &dataset(200), &()).unwrap()
}

fn open(name: &str, files: &[ModelFile]) -> Arc<dyn Model> {
    recipe(name).unwrap().open(files).unwrap()
}

/// All users with their scores, as pages give them.
fn scores(model: &dyn Model, files: &[ModelFile], target: crate::Target) -> Vec<(String, f32)> {
    let segments = model.segments().unwrap();
    let mut all = Vec::new();
    for page in segments.pages() {
        let file = files.iter().find(|file| file.name == *page.file).unwrap();
        let content = file.content.slice(page.range.start as usize..page.range.end as usize);
        let rows = segments.score(&page, content, std::slice::from_ref(&target)).unwrap();
        assert_eq!(rows.ids.len(), rows.scores.len());
        all.extend(rows.ids.into_iter().zip(rows.scores));
    }
    all
}

fn best(all: &[(String, f32)], n: usize) -> Vec<usize> {
    let mut sorted: Vec<&(String, f32)> = all.iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    sorted.iter().take(n).map(|(id, _)| id[1..].parse().unwrap()).collect()
}

#[test]
fn a_segment_has_users_of_the_items_kind_and_those_who_had_it_come_last() {
    let trained = train("aws-item-affinity");
    let model = open("aws-item-affinity", &trained.files);
    for (item, parity) in [("i06", 0), ("i17", 1)] {
        let all = scores(model.as_ref(), &trained.files, model.segments().unwrap().item(item).unwrap());
        assert_eq!(all.len(), 200);
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));
        let number = item[1..].parse::<usize>().unwrap();
        let had = |user: &usize| {
            user % 2 == parity && (0..5 + user / 20).any(|event| user % 2 + 2 * ((user / 2 * 7 + event) % 20) == number)
        };
        let first = best(&all, 20);
        assert!(first.iter().all(|user| user % 2 == parity && !had(user)), "{item} {first:?}");
        let n_had = (0..200).filter(had).count();
        assert!(best(&all, 200)[200 - n_had..].iter().all(had));
    }
    assert!(model.segments().unwrap().item("nothing").unwrap_err().contains("nothing"));
    assert!(model.segments().unwrap().attributes("ITEMS.GENRES = \"drama\"").is_err());
}

#[test]
fn attributes_join_their_items_and_text_is_none() {
    let name = "aws-item-attribute-affinity";
    let trained = train(name);
    let model = open(name, &trained.files);
    let segments = model.segments().unwrap();
    for (expression, parity) in
        [(r#"ITEMS.genres = "drama""#, 0), (r#"items.GENRES = "comedy" and ITEMS.Genres = "all""#, 1)]
    {
        let target = segments.attributes(expression).unwrap();
        let first = best(&scores(model.as_ref(), &trained.files, target), 30);
        assert!(first.iter().all(|user| user % 2 == parity), "{expression} {first:?}");
    }
    let target = |expression: &str| segments.attributes(expression);
    assert_eq!(target("ITEMS.YEAR = 1986").unwrap().vector, segments.item("i06").unwrap().vector);
    assert_eq!(target("ITEMS.YEAR = 1986.0").unwrap().vector, segments.item("i06").unwrap().vector);
    for (expression, message) in [
        (r#"ITEMS.PLOT = "a plot""#, "ITEMS.PLOT is no attribute; there are GENRES, YEAR."),
        (r#"ITEMS.GENRES = "opera""#, "no item had ITEMS.GENRES = opera"),
        (r#"ITEMS.GENRES = "Drama""#, "no item had ITEMS.GENRES = Drama"),
        (r#"ITEMS.GENRES = "drama" AND ITEMS.YEAR = 1981"#, "no item had all of these"),
        ("genres", "expected ITEMS"),
    ] {
        let error = target(expression).unwrap_err();
        assert!(error.contains(message), "{expression}: {error}");
    }
}

#[test]
fn the_metrics_are_those_of_segments_and_beat_the_most_active_users() {
    for name in RECIPES {
        let report = train(name).report;
        let names: Vec<&str> = report.metrics.keys().map(String::as_str).collect();
        assert_eq!(names, ["coverage", "hits_at_1_percent", "recall_at_1_percent"], "{name}");
        assert_eq!(report.popularity_baseline.len(), 3);
        assert!(report.n_test_users > 0 && report.n_targets.is_some_and(|n_targets| n_targets > 0), "{name}");
        // Lists that go on beyond the two users of a percent find more.
        let found = |k: usize| report.by_cutoff.iter().find(|at| at.k == k).unwrap().figures["recall"].value;
        assert_eq!(found(2), report.metrics["recall_at_1_percent"], "{name}");
        assert!(found(2) < found(100), "{name}");
        assert!(report.gain["ndcg_at_25"].value > 0.0 && !report.fingerprint.is_empty(), "{report:?}");
        assert!(
            report.metrics["recall_at_1_percent"] >= report.popularity_baseline["recall_at_1_percent"],
            "{report:?}"
        );
    }
}

#[test]
fn segments_that_know_of_the_last_events_whether_users_come_back_are_seen_by_their_lists() {
    let lists = |dataset: &Dataset, cheat: bool| {
        let (histories, n_items) = (dataset.histories(), dataset.items().len());
        let (oldest, newest) = cut(histories);
        let seen = seen_weight(if cheat { histories } else { &oldest }) as f32;
        let subspace = Subspace::fit(&oldest, n_items, 32, 1, &()).unwrap();
        let tower = Tower::new(&subspace, Choice { strength: 0.01, half_life: 20.0 }, seen);
        let attributes = Attributes::of(dataset.item_columns(), n_items).unwrap();
        let targets = [Targets::items(&oldest, &newest, n_items, 1), Targets::attributes(&attributes, &newest)];
        targets.map(|targets| judge(&tower, &oldest, &targets, 200, &()).unwrap().fingerprint)
    };
    let (plain, exchanged) = (newest_fifth(false), newest_fifth(true));
    assert_eq!(lists(&plain, false), lists(&exchanged, false));
    let [plain, exchanged] = [&plain, &exchanged].map(|dataset| lists(dataset, true));
    assert!(plain[0] != exchanged[0] && plain[1] != exchanged[1]);
}

#[test]
fn the_number_of_threads_does_not_show() {
    for name in RECIPES {
        let files = [1, 2, 5].map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let trained = pool.install(|| train(name));
            (trained.files.into_iter().map(|file| file.content).collect::<Vec<_>>(), trained.report)
        });
        assert_eq!(files[0], files[1], "{name}");
        assert_eq!(files[0], files[2], "{name}");
    }
}

#[test]
fn a_stopped_training_ends_as_stopped_and_too_little_data_fail() {
    struct Stop;
    impl Progress for Stop {
        fn report(&self, _step: &str, _done: f64) {}
        fn stopped(&self) -> bool {
            true
        }
    }
    for name in RECIPES {
        assert!(matches!(train_with(name, &dataset(200), &Stop), Err(TrainError::Stopped)), "{name}");
        let error = train_with(name, &dataset(20), &()).err().unwrap().to_string();
        assert_eq!(error, "Dataset has fewer than 1000 interactions.");
    }
}

#[test]
fn items_without_attributes_fail_with_a_reason() {
    let parts = |rows: usize| {
        let mut part = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
        ]);
        for row in 0..rows {
            part.push_str(0, &format!("u{}", row % 50));
            part.push_str(1, &format!("i{}", row % 7));
            part.push_long(2, 5 * (row as i64 / 350));
        }
        DatasetParts { interactions: vec![part.finish().unwrap()], ..DatasetParts::default() }
    };
    let all = Dataset::read(&parts(3500), &Selection::default()).unwrap();
    let error = train_with("aws-item-attribute-affinity", &all, &()).err().unwrap().to_string();
    assert!(error.contains("no categorical or numeric column"), "{error}");
    // More dimensions than items, and every user with every item at the same times.
    let trained = train_with("aws-item-affinity", &all, &()).unwrap();
    assert!(trained.report.metrics.values().all(|value| value.is_finite()));
}

#[test]
fn damage_is_told_and_a_user_who_is_gone_is_in_no_segment() {
    for name in RECIPES {
        let trained = train(name);
        for (number, file) in trained.files.iter().enumerate().filter(|(_, file)| !file.paged) {
            let mut files = trained.files.clone();
            let mut content = file.content.to_vec();
            let middle = content.len() / 2;
            content[middle] ^= 1;
            files[number].content = content.into();
            assert!(recipe(name).unwrap().open(&files).is_err(), "{name} {}", file.name);
        }
        let files = without_users(name, &trained.files, |user| user == "u100").unwrap().unwrap();
        let model = open(name, &files);
        let target = match name {
            "aws-item-affinity" => model.segments().unwrap().item("i06"),
            _ => model.segments().unwrap().attributes("ITEMS.YEAR = 1986"),
        };
        let all = scores(model.as_ref(), &files, target.unwrap());
        assert_eq!(all.len(), 199);
        assert!(all.iter().all(|(user, _)| user != "u100"));
    }
}
