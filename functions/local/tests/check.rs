//! `palate check` as its users meet it.
#![allow(clippy::unwrap_used)]

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

/// Runs `palate check` in a folder; whether it found the files good, and all that it said.
fn check(folder: &Path, arguments: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palate"));
    let output = command.current_dir(folder).arg("check").args(arguments.split(' ')).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    (output.status.success(), said)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schema = json!({"type": "record", "name": "Users", "fields": [
        {"name": "USER_ID", "type": "string"}, {"name": "AGE", "type": ["null", "int"]}]});
    fs::write(folder.path().join("schema.json"), schema.to_string()).unwrap();
    folder
}

#[test]
fn files_that_can_be_imported_are_told_by_their_rows() {
    let folder = folder();
    fs::create_dir(folder.path().join("in")).unwrap();
    for name in ["in/a.csv", "in/b.csv", "c.csv"] {
        fs::write(folder.path().join(name), "USER_ID,AGE\nu1,30\nu2,\n").unwrap();
    }
    fs::write(folder.path().join("in/notes.txt"), "not to be read").unwrap();
    let (good, said) = check(folder.path(), "c.csv --schema schema.json --dataset-type users");
    assert_eq!((good, &*said), (true, "2 rows can be imported.\n"));
    let (good, said) = check(folder.path(), "in c.csv --schema schema.json");
    assert_eq!((good, &*said), (true, "6 rows can be imported.\n"));
}

#[test]
fn bad_rows_are_shown_in_a_table_and_written_to_a_file() {
    let folder = folder();
    fs::write(folder.path().join("a.csv"), "USER_ID,AGE\nu1,30\nu2,old\n,5\n").unwrap();
    fs::write(folder.path().join("b.csv"), "USER_ID\n").unwrap();
    let (good, said) = check(folder.path(), "a.csv b.csv --schema schema.json --errors errors.jsonl");
    assert!(!good);
    let expected = "  \
        file    line   column    value   expected
  ─────   ────   ───────   ─────   ──────────────────────────────────────────────────────
  a.csv      3   AGE       'old'   a whole number of 32 bits (int)
  a.csv      4   USER_ID   ''      a value; the schema does not allow null for this field
  Input CSV is missing the following columns:[AGE]. b.csv, line 1: the header is 'USER_ID'.

palate: the files cannot be imported: 3 rows are bad; they are in errors.jsonl
";
    assert_eq!(said, expected);
    let lines = fs::read_to_string(folder.path().join("errors.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"file": "a.csv", "line": 3, "column": "AGE", "value": "old", "expected": "a whole number of 32 bits (int)"})
    );
    assert_eq!(lines.lines().count(), 3);

    fs::write(folder.path().join("a.csv"), "USER_ID,AGE\nu1,30\n").unwrap();
    assert!(check(folder.path(), "a.csv --schema schema.json --errors errors.jsonl").0);
    assert_eq!(fs::read_to_string(folder.path().join("errors.jsonl")).unwrap(), "");
}

#[test]
fn what_cannot_be_checked_is_told_by_name() {
    let folder = folder();
    fs::write(folder.path().join("a.csv"), "USER_ID,AGE\n").unwrap();
    fs::write(folder.path().join("broken.json"), "{").unwrap();
    for (arguments, expected) in [
        ("a.csv --schema schema.json", "palate: a.csv has no rows below the header."),
        ("no.csv --schema schema.json", "palate: Invalid Data location. no.csv does not exist."),
        ("a.csv --schema no.json", "palate: no.json: No such file"),
        ("a.csv --schema broken.json", "palate: broken.json: Invalid schema: it is not JSON"),
        ("a.csv --schema schema.json --dataset-type Items", "palate: schema.json: Invalid schema: its name is 'Users'"),
        ("a.csv --schema schema.json --dataset-type Films", "palate: schema.json: The dataset type is 'Films'"),
        ("a.csv --schema schema.json --domain MUSIC", "palate: schema.json: Invalid schema: the domain is 'MUSIC'"),
    ] {
        let (good, said) = check(folder.path(), arguments);
        assert!(!good && said.starts_with(expected), "{arguments}: {said}");
    }
}
