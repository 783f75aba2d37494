#![allow(clippy::unwrap_used)]
use palate_recipes::parts::PartBuilder;

use super::report::{Insights, Severity};
use super::{IdSet, Survey, add_ids};
use crate::schema::{DatasetType, Schema};
use bytes::Bytes;

const NOW_S: i64 = 1_700_000_000;
const ARN: &str = "arn:aws:personalize:us-east-1:000000000000:dataset/films/INTERACTIONS";

fn interactions() -> Schema {
    let schema = r#"{"type": "record", "name": "Interactions", "fields": [
        {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": "string"},
        {"name": "EVENT_VALUE", "type": ["null", "float"]}]}"#;
    Schema::parse(schema, None).unwrap()
}

fn items() -> Schema {
    let schema = r#"{"type": "record", "name": "Items", "fields": [
        {"name": "ITEM_ID", "type": "string"}, {"name": "GENRE", "type": ["null", "string"], "categorical": true},
        {"name": "PLOT", "type": ["null", "string"], "textual": true}]}"#;
    Schema::parse(schema, None).unwrap()
}

type Event<'a> = (&'a str, &'a str, i64, &'a str, Option<f32>);

fn events(rows: &[Event<'_>]) -> Bytes {
    let mut part = PartBuilder::new(&interactions().columns());
    for (user, item, timestamp_s, event_type, value) in rows {
        part.push_str(0, user);
        part.push_str(1, item);
        part.push_long(2, *timestamp_s);
        part.push_str(3, event_type);
        match value {
            Some(value) => part.push_float(4, *value),
            None => part.push_null(4),
        }
    }
    part.finish().unwrap()
}

fn catalogue(rows: &[(&str, Option<&str>, Option<&str>)]) -> Bytes {
    let mut part = PartBuilder::new(&items().columns());
    for (id, genre, plot) in rows {
        part.push_str(0, id);
        for (column, value) in [(1, genre), (2, plot)] {
            match value {
                Some(value) => part.push_str(column, value),
                None => part.push_null(column),
            }
        }
    }
    part.finish().unwrap()
}

fn told(schema: &Schema, parts: Vec<Bytes>) -> Insights {
    let mut survey = Survey::new(schema, NOW_S);
    parts.into_iter().for_each(|part| survey.add(part).unwrap());
    survey.finish(ARN, NOW_S, Vec::new())
}

fn names(insights: &Insights) -> Vec<&str> {
    insights.findings.iter().map(|finding| finding.name.as_str()).collect()
}

#[test]
fn users_items_types_and_repeats_are_counted_over_all_parts() {
    let insights = told(
        &interactions(),
        vec![
            events(&[
                ("a", "x", 1_600_000_000, "watch", Some(1.0)),
                ("a", "y", 1_600_000_100, "buy", None),
                ("b", "x", 1_600_090_000, "watch", None),
            ]),
            events(&[
                ("b", "x", 1_600_090_000, "watch", None),
                ("c", "x", 1_600_090_000, "watch", None),
                ("a", "x", 1_600_000_000, "watch", Some(2.0)),
            ]),
        ],
    );
    assert_eq!(insights.rows, 6);
    let users = insights.users.as_ref().unwrap();
    assert_eq!((users.n, users.with_one_event, users.most_events, users.mean_events), (3, 1, 3, 2.0));
    assert_eq!((users.quantiles["0.50"], users.quantiles["1.00"]), (2, 3));
    let popularity = insights.items.as_ref().unwrap();
    assert_eq!((popularity.n, popularity.with_one_event), (2, 1));
    assert_eq!((popularity.top[0].id.as_str(), popularity.top[0].events), ("x", 5));
    // Counts 1 and 5: the mean difference of all pairs is 2, over twice the mean of 3.
    assert!((popularity.gini - 1.0 / 3.0).abs() < 1e-12);
    let types: Vec<(&str, u64)> = insights.event_types.iter().map(|of| (of.event_type.as_str(), of.events)).collect();
    assert_eq!(types, [("watch", 5), ("buy", 1)]);
    // Only one row agrees with another in the value as well.
    assert_eq!(insights.repeats.map(|repeats| (repeats.n, repeats.exact)), Some((1, true)));
    let days = &insights.times.as_ref().unwrap().periods;
    let days: Vec<(&str, u64)> = days.iter().map(|day| (day.from.as_str(), day.events)).collect();
    assert_eq!(days, [("2020-09-13", 3), ("2020-09-14", 3)]);
    let value = insights.columns.iter().find(|column| column.name == "EVENT_VALUE").unwrap();
    assert_eq!((value.missing, value.different.n), (4, 2));
    assert_eq!(value.numbers.map(|numbers| (numbers.least, numbers.mean, numbers.most)), Some((1.0, 1.5, 2.0)));
}

#[test]
fn no_user_is_named() {
    let insights = told(&interactions(), vec![events(&[("somebody", "x", 1_600_000_000, "watch", None)])]);
    assert!(!serde_json::to_string(&insights).unwrap().contains("somebody"));
    assert!(!insights.page().contains("somebody"));
    assert!(insights.page().contains('x'));
}

#[test]
fn what_is_told_is_read_again_the_same() {
    let insights = told(&interactions(), vec![events(&[("a", "x", 1_600_000_000, "watch", Some(0.5))])]);
    let json = serde_json::to_vec(&insights).unwrap();
    assert_eq!(serde_json::from_slice::<Insights>(&json).unwrap(), insights);
}

#[test]
fn categorical_values_are_counted_one_by_one_and_texts_measured() {
    let rows = [
        ("x", Some("drama|crime"), Some("abc")),
        ("y", Some("crime"), Some("äöüßé")),
        ("x", None, Some("a")),
        ("z", Some("crime|drama"), None),
    ];
    let insights = told(&items(), vec![catalogue(&rows)]);
    let ids = insights.ids.unwrap();
    assert_eq!((ids.n, ids.replaced_rows), (3, 1));
    let column = |name: &str| insights.columns.iter().find(|column| column.name == name).unwrap();
    assert_eq!((column("GENRE").missing, column("GENRE").different.n), (1, 2));
    let lengths = column("PLOT").lengths.unwrap();
    assert_eq!((lengths.least, lengths.median, lengths.mean, lengths.most), (1, 3, 3.0, 5));
    assert_eq!(names(&insights), ["repeated-ids"]);
}

#[test]
fn a_part_from_before_a_column_was_added_has_it_missing() {
    let old = r#"{"type": "record", "name": "Items", "fields": [
        {"name": "ITEM_ID", "type": "string"}, {"name": "GENRE", "type": ["null", "string"], "categorical": true}]}"#;
    let old = Schema::parse(old, None).unwrap();
    let mut part = PartBuilder::new(&old.columns());
    part.push_str(0, "x");
    part.push_str(1, "drama");
    let insights = told(&items(), vec![part.finish().unwrap(), catalogue(&[("y", None, Some("text"))])]);
    let missing: Vec<u64> = insights.columns.iter().map(|column| column.missing).collect();
    assert_eq!(missing, [0, 1, 1]);
}

#[test]
fn both_sides_tell_the_same_of_cold_items_and_of_items_without_metadata() {
    let events = events(&[
        ("a", "x", NOW_S, "watch", None),
        ("b", "q", NOW_S, "watch", None),
        ("b", "q", 1_600_000_000, "w", None),
    ]);
    let rows = catalogue(&[("x", None, None), ("y", None, None), ("z", None, None)]);
    let (mut of_events, mut of_items) = (Survey::new(&interactions(), NOW_S), Survey::new(&items(), NOW_S));
    of_events.add(events.clone()).unwrap();
    of_items.add(rows.clone()).unwrap();
    let (mut in_events, mut in_items) = (IdSet::new(), IdSet::new());
    add_ids(events, "ITEM_ID", &mut in_events).unwrap();
    add_ids(rows, "ITEM_ID", &mut in_items).unwrap();
    let here = of_events.coverage(DatasetType::Items, &in_items).unwrap();
    assert_eq!((here.in_both, here.only_here, here.only_there, here.rows_only_here), (1, 1, 2, 2));
    let there = of_items.coverage(DatasetType::Interactions, &in_events).unwrap();
    assert_eq!((there.in_both, there.only_here, there.only_there), (1, 2, 1));
    for insights in [of_events.finish(ARN, NOW_S, vec![here]), of_items.finish(ARN, NOW_S, vec![there])] {
        let of = |name: &str| insights.findings.iter().find(|finding| finding.name == name).unwrap().finding.clone();
        assert!(of("items-without-metadata").starts_with("50 % of the items in interactions are not in Items"));
        assert_eq!(of("cold-items"), "67 % of the items in Items have no interactions");
    }
    let users = Survey::new(&items(), NOW_S);
    assert_eq!(users.coverage(DatasetType::Users, &IdSet::new()), None, "items have no users");
}

/// 2,000 rows: 100 users with 20 events each, at different times, among 50 items.
fn plain() -> Vec<(String, String, i64)> {
    (0..2_000).map(|row| (format!("u{}", row % 100), format!("i{}", row % 49), 1_600_000_000 + row * 1_000)).collect()
}

fn found(rows: &[(String, String, i64)]) -> Vec<(Severity, String)> {
    let rows: Vec<Event<'_>> = rows
        .iter()
        .map(|(user, item, at)| (user.as_str(), item.as_str(), *at, "watch", Some((*at % 7) as f32)))
        .collect();
    let insights = told(&interactions(), vec![events(&rows)]);
    insights.findings.into_iter().map(|finding| (finding.severity, finding.name)).collect()
}

#[test]
fn ordinary_data_is_only_little() {
    assert_eq!(found(&plain()), [(Severity::Note, "little-data".into()), (Severity::Note, "constant-column".into())]);
}

#[test]
fn each_flaw_of_the_data_is_found() {
    type Flaw = fn(usize, &mut (String, String, i64));
    let flaws: [(Severity, &str, Flaw); 8] = [
        (Severity::Problem, "milliseconds", |row, event| {
            if row == 7 {
                event.2 *= 1_000
            }
        }),
        (Severity::Problem, "timestamps-too-small", |row, event| {
            if row == 7 {
                event.2 /= 86_400
            }
        }),
        (Severity::Problem, "one-timestamp", |_, event| event.2 = 1_600_000_000),
        (Severity::Problem, "too-little-to-train", |row, event| event.0 = format!("u{row}")),
        (Severity::Warning, "future", |row, event| {
            if row == 7 {
                event.2 = NOW_S + 90_000
            }
        }),
        (Severity::Warning, "one-user", |row, event| {
            if row % 10 == 0 {
                event.0 = "robot".into()
            }
        }),
        (Severity::Warning, "one-event-users", |row, event| {
            if row < 1_000 {
                event.0 = format!("once{row}")
            }
        }),
        (Severity::Warning, "repeats", |row, event| {
            if row % 2 == 0 {
                *event = ("u".into(), "i".into(), 1_600_000_000 + (row % 100) as i64);
            }
        }),
    ];
    for (severity, name, flaw) in flaws {
        let mut rows = plain();
        assert!(!found(&rows).iter().any(|(_, found)| found == name), "{name} without the flaw");
        rows.iter_mut().enumerate().for_each(|(row, event)| flaw(row, event));
        assert!(found(&rows).contains(&(severity, name.into())), "{name}: {:?}", found(&rows));
    }
}

#[test]
fn a_categorical_column_that_is_like_an_id_is_found() {
    let rows: Vec<(String, String)> = (0..1_500).map(|row| (format!("i{row}"), format!("g{row}"))).collect();
    let rows: Vec<_> = rows.iter().map(|(id, genre)| (id.as_str(), Some(genre.as_str()), None)).collect();
    let insights = told(&items(), vec![catalogue(&rows)]);
    let finding = insights.findings.iter().find(|finding| finding.name == "many-values").unwrap();
    assert_eq!(finding.finding, "GENRE is categorical and has 1,500 values");
    assert!(finding.meaning.starts_with("nearly every row has its own"));
    assert!(names(&insights).contains(&"missing-values"), "PLOT has none");
}

#[test]
fn a_dataset_without_rows_says_so() {
    let insights = told(&interactions(), Vec::new());
    assert_eq!(names(&insights), ["no-rows"]);
    assert!(insights.page().contains("PROBLEM  the dataset has no rows"));
}

/// Peak memory of this process since it was last forgotten, in MB; on Linux.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

#[test]
#[ignore = "takes minutes and 1 GB of disk"]
fn fifty_million_rows_are_told_of_in_bounded_memory() {
    const PARTS: u64 = 12;
    const ROWS: u64 = 4 << 20;
    const ALONE: &str = "PALATE_TEST_ALONE";
    // In a process of its own: the other tests take memory as well.
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "insights::tests::fifty_million_rows_are_told_of_in_bounded_memory";
        let status = alone.args(["--exact", name, "--include-ignored", "--nocapture"]).env(ALONE, "1").status();
        assert!(status.unwrap().success());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |part: u64| folder.path().join(part.to_string());
    let mut state = 1_u64;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for number in 0..PARTS {
        let mut part = PartBuilder::new(&interactions().columns());
        for _ in 0..ROWS {
            part.push_str(0, &format!("user-{}", next(1_000_000)));
            // Squared, so that some items are popular.
            part.push_str(1, &format!("item-{}", next(400) * next(400)));
            part.push_long(2, 1_600_000_000 + next(80_000_000) as i64);
            part.push_str(3, ["watch", "click", "buy"][next(3) as usize]);
            part.push_float(4, next(10) as f32);
        }
        std::fs::write(file(number), part.finish().unwrap()).unwrap();
    }
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let begun = std::time::Instant::now();
    let mut survey = Survey::new(&interactions(), NOW_S);
    for number in 0..PARTS {
        survey.add(std::fs::read(file(number)).unwrap().into()).unwrap();
    }
    let insights = survey.finish(ARN, NOW_S, Vec::new());
    let (took, peak) = (begun.elapsed().as_secs_f64(), peak_mb());
    eprintln!("{} rows in {took:.1} s, peak {peak} MB\n{}", insights.rows, insights.page());
    assert_eq!(insights.rows, PARTS * ROWS);
    assert!(peak < 600, "{peak} MB");
}
