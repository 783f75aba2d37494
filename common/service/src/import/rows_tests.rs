#![allow(clippy::unwrap_used)]

use palate_recipes::parts::Part;
use serde_json::json;

use super::*;
use crate::schema::Schema;

const FILE: &str = "s3://b/x.csv";

fn interactions() -> Schema {
    let json = json!({"type": "record", "name": "Interactions", "fields": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_VALUE", "type": ["null", "float"]},
        {"name": "IMPRESSION", "type": ["null", "string"]},
    ]});
    Schema::parse(&json.to_string(), None).unwrap()
}

fn items() -> Schema {
    let json = json!({"type": "record", "name": "Items", "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "GENRES", "type": ["null", "string"], "categorical": true},
        {"name": "TEXT", "type": ["null", "string"], "textual": true},
        {"name": "NOTE", "type": ["null", "string"]},
        {"name": "YEAR", "type": ["null", "int"]},
        {"name": "PRICE", "type": ["null", "double"]},
        {"name": "NEW", "type": ["null", "boolean"]},
    ]});
    Schema::parse(&json.to_string(), None).unwrap()
}

/// Reads rows under a header that names the fields in the schema's order.
fn read(schema: &Schema, rows: impl AsRef<[u8]>) -> Result<(Part, Counts), Flaw> {
    let header: Vec<&str> = schema.fields().iter().map(|field| &*field.name).collect();
    let layout = Layout::read(&header.join(","), schema, FILE).unwrap();
    let mut builder = PartBuilder::new(&schema.columns());
    let (checked, flaws) = check_rows(rows.as_ref(), &layout, &schema.columns(), 2);
    match read_rows(rows.as_ref(), &layout, &mut builder) {
        Ok(counts) => {
            assert_eq!((checked, &flaws[..]), (counts, &[][..]));
            Ok((Part::open(builder.finish().unwrap()).unwrap(), counts))
        }
        Err(Flawed) => Err(flaws.into_iter().next().unwrap()),
    }
}

/// Why a file with these rows is refused, if its header is line 1.
fn reason(schema: &Schema, rows: impl AsRef<[u8]>) -> String {
    match read(schema, rows) {
        Ok(_) => "accepted".into(),
        Err(flaw) => flaw.reason(FILE, 2),
    }
}

#[test]
fn cells_become_values_of_the_schemas_types() {
    let rows = "i1,a|b,\"Say \\\"hi\\\", twice\",,1999,2.5,true\r\n\r\n\"i,2\",,,\"x\"\"y\",-7,1e3,false\n\ni3,,,,,,";
    let (part, counts) = read(&items(), rows).unwrap();
    assert_eq!(counts, Counts { lines: 5, rows: 3, span: None });
    let strings = |name| {
        let column = part.strings(name).unwrap();
        (0..3).map(|row| column.get(row).map(str::to_owned)).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(strings("ITEM_ID"), [some("i1"), some("i,2"), some("i3")]);
    assert_eq!(strings("GENRES"), [some("a|b"), None, None]);
    assert_eq!(strings("TEXT"), [some("Say \"hi\", twice"), None, None]);
    assert_eq!(strings("NOTE"), [None, some("x\"y"), None]);
    let (years, prices, new) =
        (part.ints("YEAR").unwrap(), part.doubles("PRICE").unwrap(), part.booleans("NEW").unwrap());
    assert_eq!([years.get(0), years.get(1), years.get(2)], [Some(1999), Some(-7), None]);
    assert_eq!([prices.get(0), prices.get(1), prices.get(2)], [Some(2.5), Some(1000.0), None]);
    assert_eq!([new.get(0), new.get(1), new.get(2)], [Some(true), Some(false), None]);
}

#[test]
fn columns_come_in_any_order_and_others_are_ignored() {
    let schema = interactions();
    let layout = Layout::read("TIMESTAMP,x,\"ITEM_ID\",USER_ID,EVENT_VALUE,,IMPRESSION", &schema, FILE).unwrap();
    let mut builder = PartBuilder::new(&schema.columns());
    let counts = read_rows(b"5,?,i,u,0.5,?,\n-3,?,j,v,,?,i|j\n", &layout, &mut builder).unwrap();
    assert_eq!(counts, Counts { lines: 2, rows: 2, span: Some((-3, 5)) });
    let part = Part::open(builder.finish().unwrap()).unwrap();
    assert_eq!(part.strings("USER_ID").unwrap().get(1), Some("v"));
    assert_eq!(part.longs("TIMESTAMP").unwrap().values, [5, -3]);
    assert_eq!(part.floats("EVENT_VALUE").unwrap().get(0), Some(0.5));
    assert_eq!(part.strings("IMPRESSION").unwrap().get(1), Some("i|j"));
}

#[test]
fn headers_that_lack_or_repeat_columns_are_refused() {
    let read = |header: &str| Layout::read(header, &interactions(), FILE).unwrap_err();
    assert_eq!(
        read("USER_ID;ITEM_ID;TIMESTAMP"),
        "Input CSV is missing the following columns:[USER_ID, ITEM_ID, TIMESTAMP, EVENT_VALUE, IMPRESSION]. \
         s3://b/x.csv, line 1: the header is 'USER_ID;ITEM_ID;TIMESTAMP'. Separate the cells by commas."
    );
    for (header, likely) in [
        ("USER_ID\tITEM_ID", "Separate the cells by commas."),
        ("U\0S\0E\0R", "The file looks like UTF-16; save it as UTF-8."),
        ("USER_ID,ITEM_ID\ru,i\r", "Its lines seem to end with CR alone; save it with LF or CRLF."),
        ("{\"USER_ID\": 1}", "The file looks like JSON; an import takes CSV whose first line names the columns."),
        (
            "user_id, ITEM_ID,TIMESTAMP,EVENT_VALUE,IMPRESSION",
            "Write the names exactly as the schema does, in its case and without spaces.",
        ),
        ("A,B", "the header is 'A,B'."),
    ] {
        assert!(read(header).ends_with(likely), "{}", read(header));
    }
    assert!(
        read("USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE,impression")
            .starts_with("Input CSV is missing the following columns:[IMPRESSION].")
    );
    assert_eq!(
        read("USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE,IMPRESSION,ITEM_ID"),
        "s3://b/x.csv, line 1, column ITEM_ID: the header names this column twice."
    );
    assert!(read("USER_ID,\"ITEM_ID").contains("a quote that is not closed"));
}

#[test]
fn bad_values_are_told_with_place_value_and_what_was_expected() {
    let (interactions, items) = (interactions(), items());
    for (schema, row, expected) in [
        (&interactions, "u,i,12x,,", "TIMESTAMP: '12x' is not a whole number of 64 bits (long)."),
        (&interactions, "u,i,978300019.0,,", "TIMESTAMP: '978300019.0' is not a whole number of 64 bits (long)."),
        (
            &interactions,
            "u,i,9223372036854775808,,",
            "TIMESTAMP: '9223372036854775808' is not a whole number of 64 bits (long).",
        ),
        (&interactions, "u,i, 1,,", "TIMESTAMP: ' 1' is not a whole number of 64 bits (long)."),
        (&interactions, "u,i,1,NaN,", "EVENT_VALUE: 'NaN' is not a finite number (float)."),
        (&interactions, "u,i,1,1e39,", "EVENT_VALUE: '1e39' is not a finite number (float)."),
        (&interactions, "u,i,1,\"4,5\",", "EVENT_VALUE: '4,5' is not a finite number (float)."),
        (&interactions, "u,,1,,", "ITEM_ID: the cell is empty, and the schema does not allow null for this field."),
        (&interactions, "u,\"\",1,,", "ITEM_ID: the cell is empty, and the schema does not allow null for this field."),
        (&items, "i,,,,2147483648,,", "YEAR: '2147483648' is not a whole number of 32 bits (int)."),
        (&items, "i,,,,,inf,", "PRICE: 'inf' is not a finite number (double)."),
        (&items, "i,,,,,,True", "NEW: 'True' is not true or false."),
        (
            &items,
            "i,,\"one, two",
            "TEXT: a quote is not closed before the line's end (each record stands on one line).",
        ),
    ] {
        assert_eq!(reason(schema, row), format!("s3://b/x.csv, line 2, column {expected}"));
    }
    assert_eq!(reason(&items, "i,a,b"), "s3://b/x.csv, line 2: 3 cells, but the header has 7.");
    assert_eq!(reason(&items, "i,,,,,,,"), "s3://b/x.csv, line 2: 8 cells, but the header has 7.");
}

#[test]
fn lengths_are_limited_in_characters() {
    let (interactions, items) = (interactions(), items());
    let long = |n: usize| "é".repeat(n);
    assert_eq!(reason(&interactions, format!("{},i,1,,", long(256))), "accepted");
    assert_eq!(
        reason(&interactions, format!("u,i,1,,\n{},i,1,,", long(257))),
        format!(
            "Length cannot be more than 256 characters for USER_ID. s3://b/x.csv, line 3, column USER_ID: \
             '{}…' has 257 characters.",
            long(63)
        )
    );
    for (schema, row, column) in
        [(&interactions, "u,i,1,,*", "IMPRESSION"), (&items, "i,*,,,,,", "GENRES"), (&items, "i,,,*,,,", "NOTE")]
    {
        assert_eq!(reason(schema, row.replace('*', &long(1000))), "accepted");
        let start = format!("Length cannot be more than 1000 characters for {column}. s3://b/x.csv, line 2");
        assert!(reason(schema, row.replace('*', &long(1001))).starts_with(&start));
    }
}

#[test]
fn texts_are_cut_by_their_language() {
    let cut = |text: String| {
        let (part, _) = read(&items(), format!("i,,{text},,,,\n")).unwrap();
        part.strings("TEXT").unwrap().get(0).unwrap().to_owned()
    };
    assert_eq!(cut("é".repeat(20_001)), "é".repeat(20_000));
    assert_eq!(cut("é".repeat(20_000)), "é".repeat(20_000));
    assert_eq!(cut("東京 5 ".repeat(1_400)), "東京 5 ".repeat(1_400));
    for (piece, kept) in [("東京タワー12", 7_000), ("映画 ", 7_000), ("a film 映", 20_000)] {
        let text = piece.repeat(20_001 / piece.chars().count() + 1);
        assert_eq!(cut(text.clone()), text.chars().take(kept).collect::<String>(), "{piece}");
    }
}

#[test]
fn reserved_keywords_are_no_values() {
    let schema = items();
    let told = reason(&schema, "ITEM_ID,GENRES,,,,,");
    assert!(
        told.starts_with("s3://b/x.csv, line 2, column ITEM_ID: 'ITEM_ID' is not a value but a reserved"),
        "{told}"
    );
    assert!(reason(&schema, "i,EVENT_TYPE,,,,,").contains("column GENRES: 'EVENT_TYPE' is not a value"));
    for row in ["i,event_type,,,,,", "i,ADULT,,,,,", "i,a|EVENT_TYPE,,,,,", "i,,The TIMESTAMP,,,,"] {
        assert_eq!(reason(&schema, row), "accepted");
    }
}

#[test]
fn every_bad_row_is_told_once_with_its_line() {
    let schema = interactions();
    let layout = Layout::read("USER_ID,ITEM_ID,TIMESTAMP,EVENT_VALUE,IMPRESSION", &schema, FILE).unwrap();
    let rows = b"u,i,1,,\n\nu,,x,,\nu,\xff,2,,\r\nu,i\0,3,,\nu,i,4,,\n,i,5,,\nu,i,6";
    let (counts, flaws) = check_rows(rows, &layout, &schema.columns(), 100);
    assert_eq!(counts, Counts { lines: 8, rows: 2, span: Some((1, 4)) });
    let told: Vec<String> = flaws.iter().map(|flaw| flaw.reason("f", 2)).collect();
    assert_eq!(
        told,
        [
            "f, line 4, column ITEM_ID: the cell is empty, and the schema does not allow null for this field.",
            "f, line 5, column ITEM_ID: byte 0xff behind '' is not UTF-8; save the file as UTF-8.",
            "f, line 6, column ITEM_ID: a NUL byte stands behind 'i'; save the file as plain UTF-8 text.",
            "f, line 8, column USER_ID: the cell is empty, and the schema does not allow null for this field.",
            "f, line 9: 3 cells, but the header has 5.",
        ]
    );
    assert_eq!(check_rows(rows, &layout, &schema.columns(), 2).1[..], flaws[..2]);
}

#[test]
fn actions_keep_their_ranges() {
    let json = json!({"type": "record", "name": "Actions", "fields": [
        {"name": "ACTION_ID", "type": "string"}, {"name": "VALUE", "type": ["null", "long"]}]});
    let schema = Schema::parse(&json.to_string(), None).unwrap();
    assert_eq!(reason(&schema, "a,10\nb,\n"), "accepted");
    assert!(reason(&schema, "a,11").ends_with("column VALUE: '11' is not a whole number from 1 to 10."));
}

#[test]
fn text_that_is_not_utf8_is_told_by_byte() {
    let schema = interactions();
    let latin = b"u,i,1,,\nu2,caf\xe9,2,,\n";
    assert_eq!(
        reason(&schema, latin),
        "s3://b/x.csv, line 3, column ITEM_ID: byte 0xe9 behind 'caf' is not UTF-8; save the file as UTF-8."
    );
    // What is wrong on an earlier line comes first.
    assert!(reason(&schema, b"u,i,x,,\nu2,caf\xe9,2,,\n").contains("line 2, column TIMESTAMP: 'x'"));
    assert!(reason(&schema, b"\xff").contains("line 2, column USER_ID: byte 0xff behind ''"));
}

#[test]
fn the_first_flaw_is_the_one_of_the_first_line_and_field() {
    let schema = interactions();
    assert!(reason(&schema, "u,i,1,,\n\r\nu,,x,y,\nu,i,x,,").contains("line 4, column ITEM_ID"));
}
