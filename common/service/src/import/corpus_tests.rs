#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::check::{Checked, check_tuned};
use super::corpus::{Case, Corpus};
use super::test_stores::{Endless, Memory};
use super::*;

/// A gigabyte of one line in about a megabyte, made by its test.
const BOMB: &str = "gzip_bomb.csv.gz";

/// What came of a file: the rows imported, or the reason and the number of bad rows (0 if the file as a whole is
/// at fault).
type Outcome = Result<u64, (String, usize)>;

async fn imported(name: &str, content: Bytes, schema: &Schema, tuning: Tuning) -> Outcome {
    let request = ImportRequest {
        source: Memory::of(&[(name, content)]),
        bucket: "b".into(),
        location: name.into(),
        schema,
        destination: Memory::of(&[]),
        prefix: "parts".into(),
    };
    match import_tuned(request, tuning).await {
        Ok(outcome) => Ok(outcome.rows),
        Err(ImportError::Data(reason)) => Err((reason, 0)),
        Err(ImportError::BadRows(bad)) => Err((bad.reason(), bad.rows().len())),
        Err(ImportError::Store(error)) => panic!("{name}: {error}"),
    }
}

async fn checked(name: &str, content: Bytes, schema: &Schema) -> Outcome {
    match check_tuned(Memory::of(&[(name, content)]), &[name.to_owned()], schema, TUNING).await.unwrap() {
        Checked::Good { rows, .. } => Ok(rows),
        Checked::Bad(bad) => Err((bad.reason(), bad.rows().len())),
        Checked::Refused(reason) => Err((reason, 0)),
    }
}

/// Whether the outcome is the expected one, if messages call the file `name`.
fn fits(case: &Case, outcome: &Outcome, name: &str) -> bool {
    let named = |text: &String| text.replace("{file}", name);
    match (outcome, case) {
        (Ok(rows), Case { rows: Some(expected), .. }) => rows == expected,
        (Err((reason, bad)), Case { reason: Some(expected), bad: Some(n), .. }) => {
            (reason, bad) == (&named(expected), n)
        }
        (Err((reason, 0)), Case { refused: Some(expected), .. }) => *reason == named(expected),
        (Err((reason, _)), Case { has, .. }) => !has.is_empty() && has.iter().all(|part| reason.contains(&named(part))),
        _ => false,
    }
}

#[tokio::test]
async fn every_file_of_the_corpus_comes_out_as_its_table_says() {
    let corpus = Corpus::read();
    let mut wrong = Vec::new();
    for case in &corpus.cases {
        let outcome = imported(&case.file, case.content(), corpus.schema(case), TUNING).await;
        if !fits(case, &outcome, &format!("s3://b/{}", case.file)) {
            wrong.push(format!("{}: {outcome:?}", case.file));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.cases.len(), wrong.join("\n"));
}

#[tokio::test]
async fn the_check_of_a_file_tells_what_its_import_tells() {
    let corpus = Corpus::read();
    for case in &corpus.cases {
        let outcome = checked(&case.file, case.content(), corpus.schema(case)).await;
        assert!(fits(case, &outcome, &case.file), "{}: {outcome:?}", case.file);
    }
}

#[tokio::test]
async fn chunks_of_a_few_bytes_change_no_outcome_of_the_corpus() {
    let corpus = Corpus::read();
    for case in &corpus.cases {
        for range_bytes in [1, 2, 7, 64] {
            let tuning = Tuning { range_bytes, ..TUNING };
            let outcome = imported(&case.file, case.content(), corpus.schema(case), tuning).await;
            let name = format!("s3://b/{}", case.file);
            assert!(fits(case, &outcome, &name), "{} in ranges of {range_bytes}: {outcome:?}", case.file);
        }
    }
}

#[test]
fn the_table_names_every_file_of_the_corpus_once() {
    let corpus = Corpus::read();
    let (mut named, mut there) = (Vec::from_iter(corpus.cases.iter().map(|case| &case.file)), Corpus::files());
    named.sort();
    there.sort();
    assert_eq!(named, there.iter().collect::<Vec<_>>());
}

const USERS: &[u8] = b"USER_ID,AGE,COUNTRY\n";

/// Checks a file of a gigabyte that is made as it is read; gives the outcome and how much was read.
async fn gigabyte(head: &'static [u8], tail: &'static [u8]) -> (Checked, u64) {
    let file = Arc::new(Endless { head, tail, size: 1 << 30, read: AtomicU64::new(0) });
    let corpus = Corpus::read();
    let checked = check_tuned(file.clone(), &["big.csv".into()], &corpus.schemas["users"], TUNING).await.unwrap();
    (checked, file.read.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_line_of_a_gigabyte_is_refused_after_few_reads() {
    for tail in [&b"x"[..], b"u,1,", b"\"", b"\"\"", b"\xff", b"\0"] {
        let (checked, read) = gigabyte(USERS, tail).await;
        let Checked::Bad(bad) = checked else { panic!("{checked:?}") };
        assert_eq!(bad.first(), "big.csv: a line is longer than 16 MiB; each record stands on one line.");
        assert!(read <= 64 << 20, "{read} bytes were read");
    }
    let (checked, _) = gigabyte(b"", b"USER_ID,").await;
    let Checked::Bad(bad) = checked else { panic!("{checked:?}") };
    assert!(bad.first().contains("a line is longer than 16 MiB"), "{}", bad.first());
}

/// A gzip member that holds `content`.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_gzip_bomb_is_refused_like_the_line_that_it_holds() {
    let bomb = [gzip(USERS), gzip(&vec![b'x'; 1 << 24]).repeat(64)].concat();
    assert!(bomb.len() < 2 << 20);
    let outcome = checked(BOMB, bomb.into(), &Corpus::read().schemas["users"]).await;
    let refused = matches!(&outcome, Err((reason, 1)) if reason.contains("a line is longer than 16 MiB"));
    assert!(refused, "{outcome:?}");
}

#[tokio::test]
async fn reading_ends_soon_after_a_thousand_bad_rows() {
    let (checked, read) = gigabyte(USERS, b"u,old,DE\n").await;
    let Checked::Bad(bad) = checked else { panic!("{checked:?}") };
    assert_eq!(bad.rows().len(), 1_000);
    let last = bad.rows().last().unwrap();
    assert_eq!((last.line, last.value.as_deref()), (Some(1_001), Some("old")));
    assert!(bad.reason().ends_with(" At least 999 more rows are bad."));
    assert!(read <= 128 << 20, "{read} bytes were read");
}

#[tokio::test]
async fn bad_rows_of_all_files_are_gathered_in_order() {
    let corpus = Corpus::read();
    let header = "USER_ID,AGE,COUNTRY\n";
    let content = |text: &str| Bytes::from(text.to_owned());
    let files = [
        ("in/a.csv", content(&format!("{header}u,x,\nu,1,\n\nu,y,\n"))),
        ("in/b.csv", content("USER_ID\n")),
        ("in/c.csv", content("")),
        ("in/d.csv", content("AGE,USER_ID,COUNTRY\n")),
        ("in/e.csv", content(&format!("{header}u,1,\n,1,\n"))),
    ];
    for range_bytes in [3, 1 << 20] {
        let tuning = Tuning { range_bytes, ..TUNING };
        let schema = &corpus.schemas["users"];
        let checked = check_tuned(Memory::of(&files), &["in/".into()], schema, tuning).await.unwrap();
        let Checked::Bad(bad) = checked else { panic!("{checked:?}") };
        let places: Vec<_> = bad.rows().iter().map(|row| (&*row.file, row.line, row.value.as_deref())).collect();
        assert_eq!(
            places,
            [
                ("in/a.csv", Some(2), Some("x")),
                ("in/a.csv", Some(5), Some("y")),
                ("in/b.csv", None, None),
                ("in/c.csv", None, None),
                ("in/d.csv", None, None),
                ("in/e.csv", Some(3), Some("")),
            ]
        );
    }
}
