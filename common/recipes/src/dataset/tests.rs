#![allow(clippy::unwrap_used)]

mod columns;
mod reference;
mod streams;

use super::*;
use crate::EventWeight;
use crate::event_weights::Weighing;
use crate::parts::{AT_MS, Column, ColumnType, PartBuilder, SESSION_ID};

/// An interaction as a test writes it down.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    user: Option<String>,
    item: Option<String>,
    time_s: i64,
    kind: Option<String>,
    value: Option<f32>,
    device: Option<String>,
    session: Option<String>,
}

fn row(user: &str, item: &str, time_s: i64) -> Row {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Row { user: text(user), item: text(item), time_s, kind: None, value: None, device: None, session: None }
}

impl Row {
    fn of(self, kind: &str, value: f32) -> Self {
        Self { kind: Some(kind.into()), value: Some(value), ..self }
    }

    fn on(self, device: &str) -> Self {
        Self { device: Some(device.into()), ..self }
    }

    fn within(self, session: &str) -> Self {
        Self { session: Some(session.into()), ..self }
    }
}

fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
    Column { name: name.into(), kind, nullable }
}

fn push(part: &mut PartBuilder, column: usize, text: Option<&String>) {
    match text {
        Some(text) => part.push_str(column, text),
        None => part.push_null(column),
    }
}

fn push_value(part: &mut PartBuilder, column: usize, value: Option<f32>) {
    match value {
        Some(value) => part.push_float(column, value),
        None => part.push_null(column),
    }
}

/// A part as an import writes it, without the columns that are not `with`.
fn bulk_with(rows: &[Row], with: &[&str]) -> Bytes {
    let optional = [
        column("EVENT_TYPE", ColumnType::String, true),
        column("EVENT_VALUE", ColumnType::Float, true),
        column("DEVICE", ColumnType::String, true),
    ];
    let mut columns = vec![
        column("USER_ID", ColumnType::String, false),
        column("ITEM_ID", ColumnType::String, false),
        column("TIMESTAMP", ColumnType::Long, false),
    ];
    columns.extend(optional.into_iter().filter(|column| with.contains(&column.name.as_str())));
    let mut part = PartBuilder::new(&columns);
    for row in rows {
        for (place, column) in columns.iter().enumerate() {
            match column.name.as_str() {
                "USER_ID" => push(&mut part, place, row.user.as_ref()),
                "ITEM_ID" => push(&mut part, place, row.item.as_ref()),
                "TIMESTAMP" => part.push_long(place, row.time_s),
                "EVENT_TYPE" => push(&mut part, place, row.kind.as_ref()),
                "DEVICE" => push(&mut part, place, row.device.as_ref()),
                _ => push_value(&mut part, place, row.value),
            }
        }
    }
    part.finish().unwrap()
}

fn bulk(rows: &[Row]) -> Bytes {
    bulk_with(rows, &["EVENT_TYPE", "EVENT_VALUE", "DEVICE"])
}

/// A part as compaction writes it.
fn put(rows: &[Row]) -> Bytes {
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String, true),
        column("ITEM_ID", ColumnType::String, true),
        column("TIMESTAMP", ColumnType::Long, true),
        column("EVENT_TYPE", ColumnType::String, true),
        column("EVENT_VALUE", ColumnType::Float, true),
        column("DEVICE", ColumnType::String, true),
        column(AT_MS, ColumnType::Long, false),
        column(SESSION_ID, ColumnType::String, true),
    ]);
    for (at_ms, row) in (1..).zip(rows) {
        let texts = [(0, &row.user), (1, &row.item), (3, &row.kind), (5, &row.device), (7, &row.session)];
        texts.into_iter().for_each(|(place, text)| push(&mut part, place, text.as_ref()));
        part.push_long(2, row.time_s);
        push_value(&mut part, 4, row.value);
        part.push_long(6, at_ms);
    }
    part.finish().unwrap()
}

fn read(interactions: Vec<Bytes>, selection: &Selection) -> Dataset {
    Dataset::read(&DatasetParts { interactions, ..DatasetParts::default() }, selection).unwrap()
}

/// The interactions of a dataset, by user and time. Devices are told if they were asked for.
fn told(dataset: &Dataset) -> Vec<Row> {
    let histories = dataset.histories();
    let mut rows = Vec::new();
    for user in histories.users() {
        for (item, time_s) in histories.items_of(user).iter().zip(histories.timestamps_of(user).iter()) {
            let place = rows.len();
            let device = match dataset.interaction_columns().get("DEVICE") {
                Some(ColumnData::Text(devices)) => devices.get(place).map(str::to_owned),
                _ => None,
            };
            rows.push(Row {
                user: Some(dataset.users().id(user as u32).to_owned()),
                item: Some(dataset.items().id(*item).to_owned()),
                time_s,
                kind: dataset.event_type(place).map(|kind| dataset.event_types().id(kind).to_owned()),
                value: dataset.event_value(place),
                device,
                session: None,
            });
        }
    }
    assert_eq!(rows.len(), dataset.n_interactions());
    rows
}

fn items(dataset: &Dataset, user: &str) -> Vec<String> {
    let user = dataset.users().get(user).unwrap();
    let items = dataset.histories().items_of(user as usize);
    items.iter().map(|item| dataset.items().id(*item).to_owned()).collect()
}

#[test]
fn interactions_are_by_user_and_time_and_ties_keep_the_input_order() {
    let rows = [row("b", "x", 9), row("a", "z", 5), row("a", "y", 5), row("a", "x", 1)];
    let dataset = read(vec![bulk_with(&rows, &[])], &Selection::default());
    assert_eq!(dataset.users().iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(dataset.items().iter().collect::<Vec<_>>(), ["x", "y", "z"]);
    assert_eq!(items(&dataset, "a"), ["x", "z", "y"]);
    assert_eq!(items(&dataset, "b"), ["x"]);
    assert_eq!((dataset.event_type(0), dataset.event_value(0)), (None, None));
}

#[test]
fn only_rows_that_agree_in_everything_are_repetitions() {
    let viewed = row("a", "x", 1).of("View", 1.0);
    let rows = [
        viewed.clone(),
        row("a", "y", 1).of("View", 1.0),
        viewed.clone(),
        row("a", "x", 1).of("Buy", 1.0),
        row("a", "x", 1).of("View", 2.0),
        row("a", "x", 2).of("View", 1.0),
        viewed.clone().on("phone"),
        viewed.clone().on("phone"),
        viewed.clone().on("desk"),
    ];
    let dataset = read(vec![bulk(&rows)], &Selection::default());
    assert_eq!(items(&dataset, "a"), ["x", "y", "x", "x", "x", "x", "x"]);
    let dataset = read(vec![bulk_with(&rows, &["EVENT_TYPE", "EVENT_VALUE"])], &Selection::default());
    assert_eq!(items(&dataset, "a"), ["x", "y", "x", "x", "x"]);
    // More rows of one moment than are compared one by one.
    let many: Vec<Row> = (0..400).map(|event| row("a", &format!("i{}", event % 100), 1)).collect();
    assert_eq!(read(vec![bulk(&many)], &Selection::default()).n_interactions(), 100);
}

#[test]
fn a_selection_ignores_case_and_leaves_out_missing_values() {
    let untyped = Row { value: Some(9.0), ..row("b", "z", 3) };
    let unvalued = Row { value: None, ..row("a", "y", 2).of("watch", 0.0) };
    let rows = [row("a", "x", 1).of("Watch", 3.0), unvalued, row("a", "z", 3).of("Click", 9.0), untyped];
    let watched = Selection { event_type: Some("WATCH".into()), ..Selection::default() };
    let dataset = read(vec![bulk(&rows)], &watched);
    assert_eq!(items(&dataset, "a"), ["x", "y"]);
    assert_eq!((dataset.users().len(), dataset.items().len(), dataset.n_catalogue_items()), (1, 2, 3));
    assert_eq!(dataset.n_catalogue_users(), 2);
    let rated = Selection { event_value_threshold: Some(9.0), ..Selection::default() };
    let dataset = read(vec![bulk(&rows)], &rated);
    assert_eq!((items(&dataset, "a"), items(&dataset, "b")), (vec!["z".into()], vec!["z".into()]));
    // Without the columns, nothing is of a type and nothing has a value.
    for selection in [watched, rated] {
        assert_eq!(read(vec![bulk_with(&rows, &[])], &selection).n_interactions(), 0);
    }
}

#[test]
fn several_types_are_selected_each_by_a_threshold_of_its_own_and_weighed() {
    let rows = [
        row("a", "x", 1).of("Watch", 3.0),
        row("a", "y", 2).of("watch", 1.0),
        row("a", "z", 3).of("Click", 0.0),
        row("a", "v", 4).of("Like", 9.0),
        Row { value: None, ..row("a", "w", 5).of("CLICK", 0.0) },
    ];
    let weight = |event_type: &str, event_value_threshold, weight| EventWeight {
        event_type: event_type.into(),
        event_value_threshold,
        weight,
    };
    let weights = [weight("watch", Some(2.0), 0.3), weight("click", None, 0.1)];
    let events = weights.iter().map(EventWeight::choice).collect();
    let dataset = read(vec![bulk(&rows)], &Selection { events, ..Selection::default() });
    assert_eq!(items(&dataset, "a"), ["x", "z", "w"]);
    assert_eq!(dataset.interaction_weights(&weights), [1.5, 0.5, 0.5]);
    assert_eq!(dataset.interaction_weights(&[]), [1.0; 3]);
    // Of a cut the events that are left, and of no weights none.
    let cut = dataset.histories().cut(&[0], |_| 2);
    assert_eq!(Weighing::of(&dataset, &weights).events(&cut), Some(vec![1.5, 0.5]));
    assert_eq!(Weighing::of(&dataset, &weights).event(&cut, 0, 1), 0.5);
    assert_eq!(Weighing::of(&dataset, &[]).events(&cut), None);
    let short = dataset.check_minimums().unwrap_err();
    assert_eq!(short, "Dataset has fewer than 1000 interactions after filtering by event type: watch, click");
}

#[test]
fn too_little_data_is_told_in_the_documented_words() {
    let build = |n_users: usize, n_events: usize, event_type: Option<&str>| {
        let rows: Vec<Row> =
            (0..n_events).map(|event| row(&(event % n_users).to_string(), "x", event as i64).of("View", 1.0)).collect();
        let selection = Selection { event_type: event_type.map(Into::into), ..Selection::default() };
        read(vec![bulk(&rows)], &selection).check_minimums()
    };
    assert_eq!(build(25, 1000, Some("view")), Ok(()));
    assert_eq!(
        build(25, 999, Some("view")).unwrap_err(),
        "Dataset has fewer than 1000 interactions after filtering by event type: view"
    );
    assert_eq!(
        build(24, 1000, None).unwrap_err(),
        "Dataset has fewer than 25 users with at least 2 interactions each."
    );
    assert_eq!(
        build(9_960, 10_000, None).unwrap_err(),
        "Dataset has fewer than 1% of users with at least 2 interactions each."
    );
}

#[test]
fn an_interaction_takes_thirteen_bytes_beside_eight_of_each_user() {
    let rows: Vec<Row> = (0..20_000_i64)
        .map(|event| row(&(event % 100).to_string(), &(event % 77).to_string(), event).of("View", 1.0))
        .collect();
    let bytes = |with: &[&str]| read(vec![bulk_with(&rows, with)], &Selection::default()).interaction_bytes();
    assert_eq!(bytes(&["EVENT_TYPE", "EVENT_VALUE", "DEVICE"]), 13 * 20_000 + 8 * 101);
    assert_eq!(bytes(&["EVENT_TYPE"]), 9 * 20_000 + 8 * 101);
    assert_eq!(bytes(&[]), 8 * 20_000 + 8 * 101);
    // Milliseconds that were taken for seconds.
    let apart: Vec<Row> = rows.iter().map(|row| Row { time_s: row.time_s * 1_000_000, ..row.clone() }).collect();
    let dataset = read(vec![bulk(&apart)], &Selection::default());
    assert_eq!(dataset.interaction_bytes(), 17 * 20_000 + 8 * 101);
    assert!(dataset.resident_bytes() <= 24 * 20_000);
}

#[test]
fn no_parts_are_an_empty_dataset() {
    let dataset = read(Vec::new(), &Selection::default());
    assert_eq!((dataset.n_interactions(), dataset.users().len(), dataset.n_catalogue_items()), (0, 0, 0));
    assert_eq!(read(vec![bulk(&[])], &Selection::default()).n_interactions(), 0);
}
