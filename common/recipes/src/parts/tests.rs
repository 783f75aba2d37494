#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Str(String),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Bool(bool),
}

const KINDS: [ColumnType; 6] =
    [ColumnType::String, ColumnType::Int, ColumnType::Long, ColumnType::Float, ColumnType::Double, ColumnType::Boolean];

fn column(name: &str, kind: ColumnType, nullable: bool) -> Column {
    Column { name: name.into(), kind, nullable }
}

/// Each type once required and once nullable.
fn all_columns() -> Vec<Column> {
    let of = |nullable: bool| KINDS.map(|kind| column(&format!("{kind:?}_{nullable}"), kind, nullable));
    of(false).into_iter().chain(of(true)).collect()
}

fn cell(kind: ColumnType, nullable: bool) -> BoxedStrategy<Cell> {
    let value = match kind {
        ColumnType::String => prop_oneof!["[a-c]{0,2}", ".{0,40}"].prop_map(Cell::Str).boxed(),
        ColumnType::Int => any::<i32>().prop_map(Cell::Int).boxed(),
        ColumnType::Long => any::<i64>().prop_map(Cell::Long).boxed(),
        ColumnType::Float => proptest::num::f32::NORMAL.prop_map(Cell::Float).boxed(),
        ColumnType::Double => proptest::num::f64::NORMAL.prop_map(Cell::Double).boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(Cell::Bool).boxed(),
    };
    if nullable { prop_oneof![1 => Just(Cell::Null), 2 => value].boxed() } else { value }
}

fn rows(max: usize) -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let row: Vec<_> = all_columns().iter().map(|column| cell(column.kind, column.nullable)).collect();
    proptest::collection::vec(row, 0..max)
}

fn build(columns: &[Column], rows: &[Vec<Cell>]) -> Bytes {
    let mut builder = PartBuilder::new(columns);
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match cell {
                Cell::Null => builder.push_null(column),
                Cell::Str(value) => builder.push_str(column, value),
                Cell::Int(value) => builder.push_int(column, *value),
                Cell::Long(value) => builder.push_long(column, *value),
                Cell::Float(value) => builder.push_float(column, *value),
                Cell::Double(value) => builder.push_double(column, *value),
                Cell::Bool(value) => builder.push_bool(column, *value),
            }
        }
    }
    assert_eq!(builder.n_rows(), rows.len());
    builder.finish().unwrap()
}

/// Every cell of a part, row by row; any error at all if one column cannot be read.
fn read(content: Bytes) -> Result<Vec<Vec<Cell>>, PartError> {
    let part = Part::open(content)?;
    let mut rows = vec![Vec::new(); part.n_rows()];
    for Column { name, kind, .. } in part.columns() {
        let cells: Vec<Option<Cell>> = match kind {
            ColumnType::String => {
                let values = part.strings(name)?;
                (0..part.n_rows()).map(|row| values.get(row).map(|value| Cell::Str(value.into()))).collect()
            }
            ColumnType::Int => cells(&part.ints(name)?, part.n_rows(), Cell::Int),
            ColumnType::Long => cells(&part.longs(name)?, part.n_rows(), Cell::Long),
            ColumnType::Float => cells(&part.floats(name)?, part.n_rows(), Cell::Float),
            ColumnType::Double => cells(&part.doubles(name)?, part.n_rows(), Cell::Double),
            ColumnType::Boolean => cells(&part.booleans(name)?, part.n_rows(), Cell::Bool),
        };
        for (row, cell) in rows.iter_mut().zip(cells) {
            row.push(cell.unwrap_or(Cell::Null));
        }
    }
    Ok(rows)
}

fn cells<T: Copy>(values: &Values<T>, n_rows: usize, cell: fn(T) -> Cell) -> Vec<Option<Cell>> {
    (0..n_rows).map(|row| values.get(row).map(cell)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(rows in rows(60)) {
        prop_assert_eq!(read(build(&all_columns(), &rows)).unwrap(), rows);
    }

    #[test]
    fn joined_parts_hold_the_rows_of_each_in_order(first in rows(20), second in rows(20), third in rows(20)) {
        let columns = all_columns();
        let parts = [&first, &second, &third].map(|rows| build(&columns, rows));
        let joined = concat(&parts).unwrap();
        prop_assert_eq!(read(joined.clone()).unwrap(), [first, second, third].concat());
        // A joined part is a part: it joins again.
        prop_assert_eq!(Part::open(concat(&[joined.clone(), joined.clone()]).unwrap()).unwrap().n_rows(),
            2 * Part::open(joined).unwrap().n_rows());
    }

    #[test]
    fn a_flipped_bit_is_noticed(rows in rows(20), place in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut content = build(&all_columns(), &rows).to_vec();
        let place = place.index(content.len());
        content[place] ^= 1_u8 << bit;
        let noticed = matches!(read(content.into()), Err(PartError::Corrupt { .. }));
        prop_assert!(noticed);
    }

    #[test]
    fn a_cut_file_is_noticed(rows in rows(20), length in any::<prop::sample::Index>()) {
        let content = build(&all_columns(), &rows);
        let cut = content.slice(..length.index(content.len()));
        let noticed = matches!(read(cut), Err(PartError::Corrupt { .. }));
        prop_assert!(noticed);
    }

    #[test]
    fn a_forged_file_never_panics(rows in rows(20), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut content = build(&all_columns(), &rows).to_vec();
        // The footer's own lengths are left alone: counts of billions only ask for memory.
        let place = place.index(data_end(&content));
        content[place] = byte;
        if seal::seal(&mut content).is_ok() {
            let _ = read(content.into());
        }
    }
}

fn data_end(content: &[u8]) -> usize {
    let tail = content.len() - 8;
    tail - u32::from_le_bytes(*content[tail..].first_chunk().unwrap()) as usize
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let columns = [column("USER_ID", ColumnType::String, false), column("TIMESTAMP", ColumnType::Long, false)];
    let rows: Vec<Vec<Cell>> = (0..10_000).map(|i| vec![Cell::Str(format!("u{}", i % 99)), Cell::Long(i)]).collect();
    let once = build(&columns, &rows);
    assert_eq!(once, build(&columns, &rows));
    // A builder begins anew after `finish`.
    let mut builder = PartBuilder::new(&columns);
    for _ in 0..2 {
        for i in 0..10_000 {
            builder.push_str(0, &format!("u{}", i % 99));
            builder.push_long(1, i);
        }
        assert_eq!(builder.finish().unwrap(), once);
    }
}

#[test]
fn a_dictionary_keeps_each_string_once_in_order_of_first_sight() {
    let columns = [column("ITEM_ID", ColumnType::String, true)];
    let rows: Vec<Vec<Cell>> = ["b", "a", "b", "", "a", "b"].map(|id| vec![Cell::Str(id.into())]).into();
    let read = Part::open(build(&columns, &rows)).unwrap().strings("ITEM_ID").unwrap();
    assert_eq!(read.dictionary.iter().collect::<Vec<_>>(), ["b", "a", ""]);
    assert_eq!(read.codes, [0, 1, 0, 2, 1, 0]);
}

#[test]
fn long_columns_of_text_and_several_row_groups_are_read() {
    let columns = [column("ID", ColumnType::String, false), column("TEXT", ColumnType::String, true)];
    let n_rows = (1 << 20) + 5;
    let mut builder = PartBuilder::new(&columns);
    for i in 0..n_rows {
        builder.push_str(0, &i.to_string());
        // Too much distinct text for a dictionary: the writer keeps lengths and text.
        if i % 3 == 0 { builder.push_null(1) } else { builder.push_str(1, &format!("a text, number {i}")) }
    }
    let part = Part::open(builder.finish().unwrap()).unwrap();
    assert_eq!(part.n_rows(), n_rows);
    let (ids, texts) = (part.strings("ID").unwrap(), part.strings("TEXT").unwrap());
    for row in (0..n_rows).step_by(997).chain(n_rows - 10..n_rows) {
        assert_eq!(ids.get(row), Some(&*row.to_string()));
        assert_eq!(texts.get(row), (row % 3 != 0).then(|| format!("a text, number {row}")).as_deref());
    }
    assert_eq!(ids.get(n_rows), None);
}

#[test]
fn wrong_names_types_and_pushes_are_told() {
    let columns = [column("A", ColumnType::Long, false), column("B", ColumnType::String, true)];
    let part = Part::open(build(&columns, &[])).unwrap();
    assert_eq!((part.n_rows(), part.columns()), (0, &columns[..]));
    assert!(part.longs("A").unwrap().values.is_empty() && part.strings("B").unwrap().codes.is_empty());
    assert_eq!(part.longs("C").unwrap_err().to_string(), "the part has no column `C`");
    assert_eq!(part.longs("B").unwrap_err().to_string(), "column `B` is String, not Long");

    let mut builder = PartBuilder::new(&columns);
    builder.push_long(0, 1);
    let uneven = builder.finish().unwrap_err().to_string();
    assert_eq!(uneven, "the part cannot be built: column `B` has 0 rows and the first column 1");
    builder.push_null(0);
    assert!(builder.finish().unwrap_err().to_string().contains("a null was given for column `A`"));
    builder.push_bool(7, true);
    assert!(builder.finish().unwrap_err().to_string().contains("column number 7"));
    builder.push_long(0, 1);
    builder.push_str(1, "after a misuse the builder begins anew");
    assert_eq!(Part::open(builder.finish().unwrap()).unwrap().n_rows(), 1);
    assert!(matches!(PartBuilder::new(&[]).finish(), Err(PartError::Misused { .. })));
}

#[test]
fn only_parts_of_the_same_columns_join() {
    let [a, b] = ["A", "B"].map(|name| build(&[column(name, ColumnType::Long, false)], &[vec![Cell::Long(1)]]));
    assert!(matches!(concat(&[a.clone(), b]), Err(PartError::Misused { .. })));
    assert!(matches!(concat(&[]), Err(PartError::Misused { .. })));
    assert!(matches!(concat(&[a, Bytes::from_static(b"PAR1")]), Err(PartError::Corrupt { .. })));
}
