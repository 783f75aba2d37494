#![allow(clippy::unwrap_used)]

use super::*;
use crate::parts::{Column, ColumnType, PartBuilder};
use crate::{ColumnChoice, ColumnKind, Dataset, DatasetParts, Selection, TimedPart};

/// Genres, title, price and a constant of some items.
fn features(rows: &[(&str, &str, f64)]) -> Features {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: true };
    let mut part = PartBuilder::new(&[
        column("ITEM_ID", ColumnType::String),
        column("GENRES", ColumnType::String),
        column("TITLE", ColumnType::String),
        column("PRICE", ColumnType::Double),
        column("SHOP", ColumnType::String),
    ]);
    for (row, (genres, title, price)) in rows.iter().enumerate() {
        part.push_str(0, &format!("i{row:02}"));
        part.push_str(1, genres);
        part.push_str(2, title);
        part.push_double(3, *price);
        part.push_str(4, "the only one");
    }
    let items = vec![TimedPart { content: part.finish().unwrap(), at_ms: 1 }];
    let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
    let selection = Selection {
        item_columns: vec![
            choice("GENRES", ColumnKind::Categorical),
            choice("TITLE", ColumnKind::Text),
            choice("PRICE", ColumnKind::Number),
            choice("SHOP", ColumnKind::Categorical),
        ],
        ..Selection::default()
    };
    let dataset = Dataset::read(&DatasetParts { items, ..DatasetParts::default() }, &selection).unwrap();
    Features::of(dataset.item_columns())
}

fn names(features: &Features) -> Vec<&str> {
    features.columns.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn each_column_of_a_row_has_unit_length_and_rarer_categories_weigh_more() {
    let features = features(&[
        ("Crime|Drama", "heat", 1.0),
        ("Crime", "heat wave", 2.0),
        ("Drama", "wave", 3.0),
        ("Crime", "one", f64::NAN),
    ]);
    assert_eq!(names(&features), ["GENRES", "TITLE", "PRICE"]);
    for row in 0..4 {
        let (places, values) = features.rows.row(row);
        assert!(places.is_sorted());
        for (name, range) in &features.columns {
            let cells = places.iter().zip(values).filter(|(place, _)| range.contains(place));
            let length: f32 = cells.map(|(_, value)| value * value).sum();
            // A word that nobody else has, and a number that is none.
            let wanted = if row == 3 && name != "GENRES" { 0.0 } else { 1.0 };
            assert!((length - wanted).abs() < 1e-6, "{row} {name}");
        }
    }
    let (_, values) = features.rows.row(0);
    // Three rows of four have a crime, two a drama.
    let (crime, drama) = ((1.0 + 4.0 / 3.0_f32).ln(), 3.0_f32.ln());
    assert!((values[0] / values[1] - crime / drama).abs() < 1e-6);
}

#[test]
fn what_is_in_one_row_or_in_all_is_left_out() {
    let features = features(&[("A|B", "x", 5.0), ("A", "y", 5.0), ("A", "z", 5.0)]);
    assert!(features.is_empty());
    assert_eq!(features.rows.n_rows(), 3);
}

#[test]
fn numbers_near_each_other_share_features_and_extremes_are_no_trouble() {
    let prices = (0..60).map(f64::from).chain([f64::MIN, f64::MAX, f64::INFINITY, f64::NAN]);
    let rows: Vec<(&str, &str, f64)> = prices.map(|price| ("", "", price)).collect();
    let features = features(&rows);
    assert_eq!(names(&features), ["PRICE"]);
    let product = |a: u32, b: u32| -> f32 {
        let (a, b) = (features.rows.row(a), features.rows.row(b));
        let other = |place: &u32| b.0.iter().position(|other| other == place).map_or(0.0, |at| b.1[at]);
        a.0.iter().zip(a.1).map(|(place, value)| value * other(place)).sum()
    };
    assert!(product(30, 31) > product(30, 33));
    assert_eq!(product(30, 50), 0.0);
    assert!((0..64).all(|row| features.rows.row(row).1.iter().all(|value| value.is_finite())));
    assert!((62..64).all(|row| features.rows.row(row).0.is_empty()));
}

#[test]
fn no_columns_give_no_features() {
    assert!(Features::of(&Columns::default()).is_empty());
}

#[test]
fn other_rows_have_the_features_of_those_that_they_are() {
    let features = features(&[("a|b", "", 1.0), ("a", "", 2.0), ("b", "", 3.0)]);
    let others = features.of_rows([Some(2), None, Some(0)]);
    assert_eq!(others.rows.n_rows(), 3);
    assert_eq!(others.rows.row(0), features.rows.row(2));
    assert!(others.rows.row(1).0.is_empty());
    assert_eq!(others.rows.row(2), features.rows.row(0));
    assert!(!others.rows.row(2).0.is_empty());
    assert_eq!((others.n_features, &others.columns), (features.n_features, &features.columns));
}
