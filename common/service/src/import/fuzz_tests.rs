//! Mutated files and schemas. `PROPTEST_CASES=1000000` makes the run a long one.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use bytes::Bytes;
use palate_recipes::parts::{ColumnType, Part};
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::runtime::Runtime;

use super::corpus::Corpus;
use super::errors::BadRow;
use super::test_stores::Memory;
use super::*;
use crate::import::layout::Layout;

/// One runtime for all cases: its threads outlive each of them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static CORPUS: LazyLock<Corpus> = LazyLock::new(Corpus::read);

/// The text files of the corpus with their schemas' names: seeds to begin with.
static SEEDS: LazyLock<Vec<(String, Bytes)>> = LazyLock::new(|| {
    let cases = CORPUS.cases.iter().filter(|case| case.file.ends_with(".csv"));
    let seeds = cases.map(|case| (case.schema.clone(), case.content()));
    seeds.filter(|(_, content)| content.len() < 4_000).collect()
});

/// A change at a place, given as a share of the file's length.
#[derive(Clone, Debug)]
enum Change {
    Insert(Vec<u8>),
    Replace(Vec<u8>),
    /// Takes bytes away.
    Cut(usize),
    /// Takes everything behind away.
    End,
    /// Writes bytes twice.
    Repeat(usize),
}

fn change() -> impl Strategy<Value = (f64, Change)> {
    let pieces: Vec<&[u8]> = vec![
        b",",
        b"\"",
        b"\"\"",
        b"\\",
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b"|",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"u1",
        b"1",
        b"-",
        b"1e9",
        b"9223372036854775808",
        b"NaN",
        b"true",
        b"\xe2\x82\xac",
        b"USER_ID",
        b"TIMESTAMP",
        b"\t",
    ];
    let piece = prop_oneof![4 => select(pieces).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 1..6)];
    let change = prop_oneof![
        piece.clone().prop_map(Change::Insert),
        piece.prop_map(Change::Replace),
        (1..40_usize).prop_map(Change::Cut),
        Just(Change::End),
        (1..80_usize).prop_map(Change::Repeat),
    ];
    (0.0..1.0, change)
}

/// A schema's name and a file that is nearly, or not at all, what it asks for.
fn file() -> impl Strategy<Value = (String, Vec<u8>)> {
    let changed = (any::<prop::sample::Index>(), vec(change(), 0..6)).prop_map(|(seed, changes)| {
        let (schema, content) = seed.get(&SEEDS);
        let mut bytes = content.to_vec();
        for (share, change) in changes {
            let at = (share * (bytes.len() + 1) as f64) as usize;
            let to = |length: usize| (at + length).min(bytes.len());
            match change {
                Change::Insert(piece) => drop(bytes.splice(at..at, piece)),
                Change::Replace(piece) => drop(bytes.splice(at..to(piece.len()), piece)),
                Change::Cut(length) => drop(bytes.drain(at..to(length))),
                Change::End => bytes.truncate(at),
                Change::Repeat(length) => {
                    let piece = bytes[at..to(length)].to_vec();
                    drop(bytes.splice(at..at, piece));
                }
            }
        }
        (schema.clone(), bytes)
    });
    let random = (select(vec!["users", "items", "visits"]), vec(any::<u8>(), 0..400));
    prop_oneof![9 => changed, 1 => random.prop_map(|(schema, bytes)| (schema.to_owned(), bytes))]
}

/// All rows as text, or the bad rows and the reason.
type Outcome = Result<Vec<String>, (String, Vec<BadRow>)>;

fn outcome(schema: &Schema, content: &[u8], range_bytes: u64) -> Outcome {
    let parts = Memory::of(&[]);
    let request = ImportRequest {
        source: Memory::of(&[("in.csv", Bytes::copy_from_slice(content))]),
        bucket: "b".into(),
        location: "in.csv".into(),
        schema,
        destination: parts.clone(),
        prefix: "parts".into(),
    };
    let tuning = Tuning { range_bytes, part_rows: 5, ..TUNING };
    match RUNTIME.block_on(import_tuned(request, tuning)) {
        Ok(outcome) => {
            let contents = outcome.parts.iter().map(|part| RUNTIME.block_on(parts.get(&part.key)).unwrap());
            Ok(contents.flat_map(|content| rows(&Part::open(content).unwrap())).collect())
        }
        Err(ImportError::Data(reason)) => Err((reason, Vec::new())),
        Err(ImportError::BadRows(bad)) => Err((bad.reason(), bad.rows().to_vec())),
        Err(ImportError::Store(error)) => panic!("{error}"),
    }
}

fn rows(part: &Part) -> Vec<String> {
    let mut rows = vec![String::new(); part.n_rows()];
    for column in part.columns() {
        let name = &*column.name;
        let cell: Box<dyn Fn(usize) -> String> = match column.kind {
            ColumnType::String => {
                let values = part.strings(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
            ColumnType::Int => {
                let values = part.ints(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
            ColumnType::Long => {
                let values = part.longs(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
            ColumnType::Float => {
                let values = part.floats(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
            ColumnType::Double => {
                let values = part.doubles(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
            ColumnType::Boolean => {
                let values = part.booleans(name).unwrap();
                Box::new(move |row| format!("{:?}", values.get(row)))
            }
        };
        for (number, row) in rows.iter_mut().enumerate() {
            row.push_str(&cell(number));
        }
    }
    rows
}

proptest! {
    #[test]
    fn chunks_of_any_size_give_the_same_rows_or_the_same_bad_rows(
        (schema, content) in file(),
        range_bytes in prop_oneof![1..8_u64, 8..200_u64],
    ) {
        let schema = &CORPUS.schemas[&schema];
        let whole = outcome(schema, &content, TUNING.range_bytes);
        prop_assert_eq!(&outcome(schema, &content, range_bytes), &whole);
        if let Err((reason, bad)) = whole {
            prop_assert!(bad.len() <= MOST_BAD_ROWS && reason.chars().count() < 1_000, "{}", reason);
            let short = |row: &BadRow| row.value.as_ref().is_none_or(|value| value.chars().count() <= 64);
            prop_assert!(bad.iter().all(short));
            prop_assert!(bad.windows(2).all(|pair| pair[0].line < pair[1].line || pair[1].line.is_none()));
        }
    }

    #[test]
    fn rows_are_refused_if_and_only_if_a_flaw_is_told((schema, content) in file()) {
        let schema = &CORPUS.schemas[&schema];
        let columns = schema.columns();
        let header: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let layout = Layout::read(&header.join(","), schema, "in.csv").unwrap();
        let mut builder = PartBuilder::new(&columns);
        let read = read_rows(&content, &layout, &mut builder);
        let (counts, flaws) = check_rows(&content, &layout, &columns, usize::MAX);
        match read {
            Ok(read) => {
                prop_assert_eq!(read, counts);
                prop_assert!(flaws.is_empty());
                prop_assert_eq!(Part::open(builder.finish().unwrap()).unwrap().n_rows() as u64, counts.rows);
            }
            Err(_) => prop_assert!(!flaws.is_empty()),
        }
    }
}
