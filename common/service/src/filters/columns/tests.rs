#![allow(clippy::unwrap_used)]

use palate_recipes::parts::{Column as PartColumn, ColumnType, Part, PartBuilder, PartError};
use proptest::prelude::*;
use serde_json::json;

use super::codes::Codes;
use super::words::Words;
use super::*;
use crate::filters::Field;

fn field(name: &str, kind: ColumnType) -> Field {
    Field { name: name.into(), kind, textual: name == "TEXT" }
}

fn fields() -> Vec<Field> {
    let (text, float) = (ColumnType::String, ColumnType::Float);
    vec![field("id", text), field("Genre", text), field("PRICE", float), field("TEXT", text)]
}

/// Ids, genres and prices as a part without the column TEXT.
fn part(rows: &[(&str, Option<&str>, Option<f32>)]) -> Part {
    let column = |name: &str, kind, nullable| PartColumn { name: name.into(), kind, nullable };
    let mut part = PartBuilder::new(&[
        column("ID", ColumnType::String, false),
        column("GENRE", ColumnType::String, true),
        column("PRICE", ColumnType::Float, true),
    ]);
    for (id, genre, price) in rows {
        part.push_str(0, id);
        match genre {
            Some(genre) => part.push_str(1, genre),
            None => part.push_null(1),
        }
        match price {
            Some(price) => part.push_float(2, *price),
            None => part.push_null(2),
        }
    }
    Part::open(part.finish().unwrap()).unwrap()
}

fn shown(columns: &Columns, id: &str) -> [Option<String>; 3] {
    let row = columns.row(id).unwrap();
    ["genre", "price", "text"].map(|field| columns.text(field, row))
}

fn texts(texts: [Option<&str>; 3]) -> [Option<String>; 3] {
    texts.map(|text| text.map(str::to_owned))
}

fn all(builder: &mut ColumnsBuilder, part: &Part) -> Result<(), PartError> {
    builder.part(part, &vec![true; part.n_rows()])
}

#[test]
fn a_later_record_of_an_id_replaces_the_earlier_one_whole() {
    let mut builder = ColumnsBuilder::new("ID", &fields(), None);
    all(&mut builder, &part(&[("a", Some("x"), Some(130.0)), ("b", Some("y"), None), ("b", None, Some(0.1))])).unwrap();
    builder.put("c", json!({"GENRE": "z|x", "TEXT": "long", "OTHER": 1}).as_object().unwrap());
    all(&mut builder, &part(&[("a", None, Some(2.5)), ("d", Some("x"), None)])).unwrap();
    builder.put("d", json!({"price": 7}).as_object().unwrap());
    all(&mut builder, &part(&[("c", Some("z"), None)])).unwrap();
    let columns = builder.finish();
    assert_eq!(columns.n_rows(), 4);
    assert_eq!(shown(&columns, "a"), texts([None, Some("2.5"), None]));
    assert_eq!(shown(&columns, "b"), texts([None, Some("0.1"), None]));
    assert_eq!(shown(&columns, "c"), texts([Some("z"), None, None]));
    assert_eq!(shown(&columns, "d"), texts([None, Some("7.0"), None]));
    assert_eq!(columns.row("e"), None);
    assert_eq!(columns.text("GENRE", 4), None);
    let Some(Column::Text(genre)) = columns.column("GENRE") else { panic!("a column of text") };
    assert_eq!(genre.rows_with(["x"].into_iter()).count(), 0, "no row has it any more");
    assert_eq!(genre.rows_with(["z"].into_iter()).count(), 1);
}

#[test]
fn given_ids_decide_the_rows() {
    let mut ids = ["c", "a", "lonely"].into_iter();
    let mut builder = ColumnsBuilder::new("ID", &fields(), Some(&mut ids));
    all(&mut builder, &part(&[("a", Some("x"), None), ("b", Some("y"), None), ("c", Some("z"), None)])).unwrap();
    builder.put("b", json!({"GENRE": "y"}).as_object().unwrap());
    let columns = builder.finish();
    assert_eq!(columns.n_rows(), 3);
    assert_eq!([columns.row("c"), columns.row("a"), columns.row("lonely")], [Some(0), Some(1), Some(2)]);
    assert_eq!(columns.row("b"), None);
    assert_eq!([0, 1, 2].map(|row| columns.text("GENRE", row)), texts([Some("z"), Some("x"), None]));
}

#[test]
fn no_records_are_no_rows() {
    let columns = ColumnsBuilder::new("ID", &fields(), None).finish();
    assert_eq!((columns.n_rows(), columns.row("a"), columns.text("GENRE", 0)), (0, None, None));
    assert!(columns.has("GENRE") && columns.has("ID") && !columns.has("OTHER"));
}

#[test]
fn every_kind_of_value_is_shown_as_text() {
    let kinds = [
        ("A", ColumnType::Int),
        ("B", ColumnType::Long),
        ("C", ColumnType::Float),
        ("D", ColumnType::Double),
        ("E", ColumnType::Boolean),
        ("TEXT", ColumnType::String),
    ];
    let mut builder = ColumnsBuilder::new("ID", &kinds.map(|(name, kind)| field(name, kind)), None);
    let values = json!({"A": -1, "B": 9_007_199_254_740_993_i64, "C": 0.1, "D": 1e300, "E": true, "TEXT": "Ü"});
    builder.put("a", values.as_object().unwrap());
    let strings = json!({"A": "7", "B": "8.0", "C": "130", "D": "0.5", "E": "False", "TEXT": 5});
    builder.put("b", strings.as_object().unwrap());
    let wrong = json!({"A": "x", "B": 1.5, "C": [], "D": "nan", "E": 1, "TEXT": {}});
    builder.put("c", wrong.as_object().unwrap());
    let columns = builder.finish();
    let shown = |row| kinds.map(|(name, _)| columns.text(name, row).unwrap_or("null".into()));
    assert_eq!(shown(0), ["-1", "9007199254740993", "0.1", "1e300", "true", "Ü"]);
    assert_eq!(shown(1), ["7", "8", "130.0", "0.5", "false", "5"]);
    assert_eq!(shown(2), ["null"; 6]);
}

#[test]
fn a_part_with_a_column_of_another_type_is_an_error() {
    let mut builder = ColumnsBuilder::new("ID", &[field("GENRE", ColumnType::Long)], None);
    assert!(all(&mut builder, &part(&[("a", Some("x"), None)])).is_err());
    let mut builder = ColumnsBuilder::new("USER_ID", &fields(), None);
    assert!(all(&mut builder, &part(&[("a", Some("x"), None)])).is_err());
}

/// More different values than are listed, and values in so many rows that they are kept as bits.
#[test]
fn rows_are_found_by_rare_and_by_common_values_alike() {
    let n_rows = 70_000_u32;
    let fields = [field("ONE", ColumnType::String), field("MANY", ColumnType::String), field("N", ColumnType::Long)];
    let mut builder = ColumnsBuilder::new("ID", &fields, None);
    for row in 0..n_rows {
        let values =
            json!({"ONE": format!("t{row}"), "MANY": format!("{}|{}|p{}", row % 3, row % 50, row / 2), "N": row});
        builder.put(&row.to_string(), values.as_object().unwrap());
    }
    let columns = builder.finish();
    let rows_with = |field: &str, values: &[&str]| match columns.column(field) {
        Some(Column::Text(column)) => column.rows_with(values.iter().copied()),
        _ => panic!("{field} is a column of text"),
    };
    let expect = |is: &dyn Fn(u32) -> bool, found: &crate::filters::RowSet| {
        assert_eq!(found.count(), (0..n_rows).filter(|row| is(*row)).count());
        assert!((0..n_rows).all(|row| found.contains(row) == is(row)));
    };
    expect(&|row| row == 5, &rows_with("ONE", &["t5", "t70000"]));
    expect(&|row| row == 5 || row == 69_999, &rows_with("ONE", &["t5", "t69999"]));
    expect(&|row| row % 3 == 2 || row % 50 == 2, &rows_with("MANY", &["2"]));
    expect(&|row| row % 50 == 7 || row / 2 == 9, &rows_with("MANY", &["7", "p9"]));
    expect(&|row| row == 100, &rows_with("MANY", &["1|0|p50"]));
    assert_eq!(columns.row("69999"), Some(69_999));
    assert_eq!(columns.row("70000"), None);
}

proptest! {
    #[test]
    fn codes_of_each_width_find_the_rows_of_a_range_and_of_entries(
        codes in prop::collection::vec(0..300_u32, 0..300),
        first in 0..320_u32,
        last in prop_oneof![0..320_u32, Just(70_000), Just(u32::MAX)],
        entries in prop::collection::btree_set(0..320_u32, 0..12),
    ) {
        for greatest in [255, 65_535, 100_000] {
            let codes: Vec<u32> = codes.iter().copied().filter(|code| *code as usize <= greatest).collect();
            let encoded = Codes::new(codes.clone(), greatest);
            let entries: Vec<u32> = entries.iter().copied().collect();
            let (range, listed) = (encoded.rows_in(first..=last), encoded.rows_of(&entries));
            for (row, code) in codes.iter().enumerate() {
                prop_assert_eq!(encoded.entry(row as u32), code.checked_sub(1));
                prop_assert_eq!(range.contains(row as u32), (first..=last).contains(code));
                prop_assert_eq!(listed.contains(row as u32), *code > 0 && entries.contains(&(code - 1)));
            }
            prop_assert_eq!(encoded.entry(codes.len() as u32), None);
        }
    }

    #[test]
    fn words_and_ids_agree_with_a_list_that_is_searched(words in prop::collection::vec("[a-cü]{0,3}", 0..80)) {
        let (mut interned, mut ids) = (Words::default(), ids::Ids::default());
        let mut distinct: Vec<&String> = Vec::new();
        for (place, word) in words.iter().enumerate() {
            if !distinct.contains(&word) {
                distinct.push(word);
            }
            let number = distinct.iter().position(|other| *other == word).map(|number| number as u32);
            prop_assert_eq!(interned.intern(word), number);
            prop_assert_eq!(interned.find(word), number);
            ids.insert(word, place as u32);
        }
        for (number, word) in distinct.iter().enumerate() {
            prop_assert_eq!(interned.get(number as u32), word.as_str());
            let first = words.iter().position(|other| other == *word).map(|row| row as u32);
            prop_assert_eq!(ids.get(word), first);
        }
        prop_assert_eq!(interned.find("d"), None);
        prop_assert_eq!(ids.get("d"), None);
        prop_assert_eq!(interned.get(80), "");
    }
}
