#![allow(clippy::unwrap_used)]

use super::*;
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{ColumnChoice, ColumnKind, Dataset, DatasetParts, Selection, TimedPart};

fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
    Column { name: name.into(), kind, nullable }
}

/// Items with genres, title and price, each of which somebody turned to.
fn dataset(rows: &[(&str, Option<&str>, &str, Option<f32>)]) -> Dataset {
    let mut interactions = PartBuilder::new(&[
        column("USER_ID", ColumnType::String, false),
        column("ITEM_ID", ColumnType::String, false),
        column("TIMESTAMP", ColumnType::Long, false),
    ]);
    let mut items = PartBuilder::new(&[
        column("ITEM_ID", ColumnType::String, false),
        column("GENRES", ColumnType::String, true),
        column("TITLE", ColumnType::String, false),
        column("PRICE", ColumnType::Float, true),
    ]);
    for (id, genres, title, price) in rows {
        interactions.push_str(0, "u");
        interactions.push_str(1, id);
        interactions.push_long(2, 0);
        items.push_str(0, id);
        match genres {
            Some(genres) => items.push_str(1, genres),
            None => items.push_null(1),
        }
        items.push_str(2, title);
        match price {
            Some(price) => items.push_float(3, *price),
            None => items.push_null(3),
        }
    }
    let parts = DatasetParts {
        interactions: vec![interactions.finish().unwrap()],
        items: vec![TimedPart { content: items.finish().unwrap(), at_ms: 0 }],
        ..DatasetParts::default()
    };
    let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
    let item_columns = vec![
        choice("GENRES", ColumnKind::Categorical),
        choice("TITLE", ColumnKind::Text),
        choice("PRICE", ColumnKind::Number),
    ];
    Dataset::read(&parts, &Selection { item_columns, ..Selection::default() }).unwrap()
}

fn films() -> Dataset {
    dataset(&[
        ("a", Some("Drama|Crime"), "The night train", Some(1.0)),
        ("b", Some("Drama"), "Night and day", Some(2.0)),
        ("c", Some("Drama|Crime"), "A long night", Some(3.0)),
        ("d", Some("Crime"), "Summer", Some(4.0)),
        ("e", Some("Musical"), "Winter", None),
        ("f", None, "Autumn", Some(f32::NAN)),
        ("g", None, "Spring", Some(1.0)),
    ])
}

#[test]
fn values_words_and_ranges_are_features_of_their_rows() {
    let films = films();
    let features = Features::of(films.item_columns());
    // Crime and Drama, "night", and a range for each price.
    assert_eq!(features.len(), 2 + 1 + 4);
    let rows = features.rows(films.item_columns());
    let half = 1.0 / 2_f32.sqrt();
    assert_eq!(rows.row(0), (&[1, 0, 2, 3][..], &[half, half, 1.0, 1.0][..]));
    assert_eq!(rows.row(1), (&[1, 2, 4][..], &[1.0; 3][..]));
    // Few have the genre; the price is missing or no number.
    assert_eq!(rows.row(4).0.len(), 0);
    assert_eq!(rows.row(5).0.len(), 0);
    assert_eq!(rows.row(6), rows_of(&[3]).row(0));
}

fn rows_of(features: &[u32]) -> SparseRows {
    SparseRows::from_rows([(features.to_vec(), vec![1.0; features.len()])])
}

#[test]
fn a_record_has_the_features_that_a_row_with_its_values_has() {
    let films = films();
    let features = Features::of(films.item_columns());
    let record = |fields: &[(&str, &str)]| -> Record {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let rows = features.rows(films.item_columns());
    let (found, weights) =
        features.of_record(&record(&[("GENRES", "Drama|Crime"), ("TITLE", "The night train"), ("PRICE", "1.0")]));
    assert_eq!((found.as_slice(), weights.as_slice()), rows.row(0));
    for unknown in [
        record(&[]),
        record(&[("GENRES", ""), ("TITLE", ""), ("PRICE", "")]),
        record(&[("GENRES", "Opera|Opera"), ("TITLE", "???"), ("PRICE", "inf"), ("OTHER", "x")]),
    ] {
        assert_eq!(features.of_record(&unknown), (vec![], vec![]));
    }
    // Beyond what was seen is the nearest range.
    assert_eq!(features.of_record(&record(&[("PRICE", "1e30")])).0, [6]);
    assert_eq!(features.of_record(&record(&[("PRICE", "-5")])).0, [3]);
}

#[test]
fn columns_without_values_have_no_features() {
    let empty = dataset(&[("a", None, "", None), ("b", None, "", None)]);
    let features = Features::of(empty.item_columns());
    assert_eq!(features.len(), 0);
    assert_eq!(features.rows(empty.item_columns()).n_rows(), 0);
}
