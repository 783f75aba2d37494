#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use palate_recipes::parts::{AT_MS, Column, ColumnType, PartBuilder, SESSION_ID};
use palate_store::{BlobStore, PutCondition, embedded};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::import::{ImportRequest, import};

const BULK: Tuning = Tuning { rows_a_pass: 1 << 20, rows_a_chunk: 1 << 16, file_bytes: 1 << 30 };

fn schema(record: &str, fields: Value) -> Schema {
    let json = json!({
        "type": "record", "name": record, "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": fields,
    });
    Schema::parse(&json.to_string(), None).unwrap()
}

fn items() -> Schema {
    schema(
        "Items",
        json!([
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRES", "type": ["null", "string"], "categorical": true},
            {"name": "PRICE", "type": ["null", "float"]},
            {"name": "RATING", "type": ["null", "double"]},
            {"name": "YEAR", "type": ["null", "int"]},
            {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]},
            {"name": "SOLD", "type": ["null", "boolean"]},
            {"name": "TITLE", "type": ["null", "string"]},
        ]),
    )
}

fn events() -> Schema {
    schema(
        "Interactions",
        json!([
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TIMESTAMP", "type": "long"},
        ]),
    )
}

/// Stores in a folder of their own, with a bucket.
struct Place {
    _folder: tempfile::TempDir,
    stores: palate_store::Stores,
    bucket: Arc<dyn BlobStore>,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let stores = embedded::open(folder.path()).unwrap();
    std::fs::create_dir_all(folder.path().join("s3/bucket")).unwrap();
    let bucket = stores.buckets.bucket("bucket").unwrap();
    Place { _folder: folder, stores, bucket }
}

impl Place {
    async fn import(&self, schema: &Schema, key: &str, prefix: &str) -> Vec<Bytes> {
        let request = ImportRequest {
            source: Arc::clone(&self.bucket),
            bucket: "bucket".into(),
            location: key.into(),
            schema,
            destination: Arc::clone(&self.stores.blobs),
            prefix: prefix.into(),
        };
        let mut parts = Vec::new();
        for part in import(request).await.unwrap().parts {
            parts.push(self.stores.blobs.get(&part.key).await.unwrap());
        }
        parts
    }

    async fn export(&self, schema: &Schema, parts: &[(u64, Bytes)], newest: bool, tuning: Tuning) -> u64 {
        let fetch = |number: usize| -> BoxFuture<'_, Result<Bytes, WorkError>> {
            let content = parts[number].1.clone();
            Box::pin(async move { Ok(content) })
        };
        let rows = |content: &Bytes| Part::open(content.clone()).unwrap().n_rows() as u64;
        let request = ExportRequest {
            schema,
            newest,
            parts: parts.iter().map(|(at_ms, content)| SourcePart { rows: rows(content), at_ms: *at_ms }).collect(),
            fetch: &fetch,
            output: Arc::clone(&self.bucket),
            folder: "out/job".into(),
            lost: &Lost::default(),
        };
        export_tuned(request, tuning).await.unwrap()
    }

    async fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for blob in self.bucket.list("out/", None, 1000).await.unwrap().entries {
            let content = self.bucket.get(&blob.key).await.unwrap();
            files.push((blob.key, String::from_utf8(content.to_vec()).unwrap()));
        }
        files
    }

    /// The lines of all files, sorted, without headers.
    async fn lines(&self) -> Vec<String> {
        let files = self.files().await;
        let mut lines: Vec<String> =
            files.iter().flat_map(|(_, text)| text.lines().skip(1).map(str::to_owned)).collect();
        lines.sort();
        lines
    }
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, nullable: name != AT_MS }
}

/// Streamed events: user, item, time, session.
fn streamed(rows: &[(Option<&str>, &str, i64, &str)]) -> Bytes {
    let text = |name: &str| column(name, ColumnType::String);
    let long = |name: &str| column(name, ColumnType::Long);
    let columns = [text("USER_ID"), text("ITEM_ID"), long("TIMESTAMP"), long(AT_MS), text(SESSION_ID)];
    let mut part = PartBuilder::new(&columns);
    for (user, item, time, session) in rows {
        match user {
            Some(user) => part.push_str(0, user),
            None => part.push_null(0),
        }
        part.push_str(1, item);
        part.push_long(2, *time);
        part.push_long(3, 1);
        part.push_str(4, session);
    }
    part.finish().unwrap()
}

/// Items with a price, as imported or, with times, as put.
fn priced(rows: &[(&str, f32, Option<i64>)]) -> Bytes {
    let mut columns = vec![column("ITEM_ID", ColumnType::String), column("PRICE", ColumnType::Float)];
    if rows.iter().any(|(_, _, at_ms)| at_ms.is_some()) {
        columns.push(column(AT_MS, ColumnType::Long));
    }
    let mut part = PartBuilder::new(&columns);
    for (id, price, at_ms) in rows {
        part.push_str(0, id);
        part.push_float(1, *price);
        if let Some(at_ms) = at_ms {
            part.push_long(2, *at_ms);
        }
    }
    part.finish().unwrap()
}

fn prices() -> Schema {
    schema("Items", json!([{"name": "ITEM_ID", "type": "string"}, {"name": "PRICE", "type": ["null", "float"]}]))
}

/// A value that an import takes: not empty, on one line, and no line end before the file's.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c,\"\\\\| é🦀\t]{1,8}", "[^\n\r]{1,12}", Just("\\".to_owned()), Just("\"".to_owned())]
        .prop_filter("not a value for imports", |text| {
            !text.is_empty() && !text.contains(['\n', '\r', '\0', '\u{feff}'])
        })
}

type Row = (String, Option<String>, Option<f32>, Option<f64>, Option<i32>, Option<i64>, Option<bool>, Option<String>);

fn row() -> impl Strategy<Value = Row> {
    use proptest::option::of;
    let float = prop_oneof![any::<f32>(), Just(1.0), Just(-0.0), Just(1e-7)].prop_filter("finite", |it| it.is_finite());
    let double = any::<f64>().prop_filter("finite", |it| it.is_finite());
    (text(), of(text()), of(float), of(double), of(any::<i32>()), of(any::<i64>()), of(any::<bool>()), of(text()))
}

fn part_of(schema: &Schema, rows: &[Row]) -> Bytes {
    let mut part = PartBuilder::new(&schema.columns());
    for (id, genres, price, rating, year, created, sold, title) in rows {
        macro_rules! push {
            ($at:literal, $value:expr, $push:ident) => {
                match $value {
                    Some(value) => part.$push($at, value),
                    None => part.push_null($at),
                }
            };
        }
        part.push_str(0, id);
        push!(1, genres, push_str);
        push!(2, *price, push_float);
        push!(3, *rating, push_double);
        push!(4, *year, push_int);
        push!(5, *created, push_long);
        push!(6, *sold, push_bool);
        push!(7, title, push_str);
    }
    part.finish().unwrap()
}

/// The values of all rows, as debug text: floats by their bits.
fn values(schema: &Schema, parts: &[Bytes]) -> Vec<String> {
    let mut rows = Vec::new();
    for content in parts {
        let part = Part::open(content.clone()).unwrap();
        let columns: Vec<PartColumn> =
            schema.fields().iter().map(|field| PartColumn::read(&part, &field.name).unwrap()).collect();
        for row in 0..part.n_rows() {
            let value = |column: &PartColumn| match column {
                PartColumn::Text(values) => format!("{:?}", values.get(row)),
                PartColumn::Int(values) => format!("{:?}", values.get(row)),
                PartColumn::Long(values) => format!("{:?}", values.get(row)),
                PartColumn::Float(values) => format!("{:?}", values.get(row).map(f32::to_bits)),
                PartColumn::Double(values) => format!("{:?}", values.get(row).map(f64::to_bits)),
                PartColumn::Bool(values) => format!("{:?}", values.get(row)),
                PartColumn::Absent => "absent".into(),
            };
            rows.push(columns.iter().map(value).collect::<Vec<_>>().join(" "));
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_exported_and_imported_again_is_the_same(rows in proptest::collection::vec(row(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let (place, schema) = (place(), items());
            let part = part_of(&schema, &rows);
            place.export(&schema, &[(0, part.clone())], false, BULK).await;
            let again = place.import(&schema, "out/job/", "again").await;
            let (mut before, after) = (values(&schema, &[part]), values(&schema, &again));
            // Rows that are equal are written once, where they first stand.
            let mut seen = std::collections::HashSet::new();
            before.retain(|row| seen.insert(row.clone()));
            assert_eq!(before, after);
        });
    }
}

#[tokio::test]
async fn files_are_cut_at_a_size_and_each_has_the_header() {
    let (place, schema) = (place(), prices());
    let rows: Vec<(String, f32)> = (0..100).map(|row| (format!("item-{row:03}"), row as f32)).collect();
    let rows: Vec<(&str, f32, Option<i64>)> = rows.iter().map(|(id, price)| (id.as_str(), *price, None)).collect();
    let tuning = Tuning { rows_a_chunk: 7, file_bytes: 200, ..BULK };
    assert_eq!(place.export(&schema, &[(0, priced(&rows))], false, tuning).await, 100);
    let files = place.files().await;
    assert!(files.len() > 5);
    for (number, (key, text)) in files.iter().enumerate() {
        assert_eq!(*key, format!("out/job/part-{number:05}.csv"));
        assert!(text.starts_with("ITEM_ID,PRICE\n") && text.ends_with('\n') && text.len() <= 220, "{text}");
    }
    assert_eq!(place.lines().await.len(), 100);

    // A later attempt with less to write leaves nothing of the one before, and no other file is touched.
    place.bucket.put("out/job/part-notes.csv", Bytes::from_static(b"mine\n"), PutCondition::Always).await.unwrap();
    place.export(&schema, &[(0, priced(&rows[..3]))], false, BULK).await;
    let keys: Vec<String> = place.files().await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["out/job/part-00000.csv", "out/job/part-notes.csv"]);
}

#[tokio::test]
async fn a_dataset_without_rows_is_a_file_with_a_header() {
    let (place, schema) = (place(), prices());
    assert_eq!(place.export(&schema, &[], true, BULK).await, 0);
    assert_eq!(place.files().await, [("out/job/part-00000.csv".to_owned(), "ITEM_ID,PRICE\n".to_owned())]);
}

#[tokio::test]
async fn equal_rows_are_written_once_and_versions_are_kept_unless_the_newest_is_wanted() {
    let (place, schema) = (place(), prices());
    let parts = [
        (10, priced(&[("a", 1.0, None), ("b", 1.0, None), ("a", 2.0, None), ("b", 1.0, None)])),
        (20, priced(&[("a", 1.0, None), ("c", 3.0, None)])),
        (99, priced(&[("b", 5.0, Some(15)), ("c", 4.0, Some(15)), ("d", 6.0, Some(5)), ("d", 7.0, Some(5))])),
    ];
    for rows_a_pass in [1, 3, 1 << 20] {
        let tuning = Tuning { rows_a_pass, rows_a_chunk: 2, ..BULK };
        assert_eq!(place.export(&schema, &parts, false, tuning).await, 8, "{rows_a_pass}");
        assert_eq!(place.lines().await, ["a,1", "a,2", "b,1", "b,5", "c,3", "c,4", "d,6", "d,7"]);
        assert_eq!(place.export(&schema, &parts, true, tuning).await, 4, "{rows_a_pass}");
        // What was put at 15 came after the first import and before the second; of equal times the later row counts.
        assert_eq!(place.lines().await, ["a,1", "b,5", "c,3", "d,7"]);
    }
}

#[tokio::test]
async fn events_of_a_visitor_are_those_of_the_first_who_signs_in_and_else_of_the_session() {
    let (place, schema) = (place(), events());
    let parts = [
        (0, streamed(&[(None, "i1", 5, "s1"), (Some("late"), "i2", 30, "s1"), (None, "i3", 6, "s2")])),
        (0, streamed(&[(Some("first"), "i4", 20, "s1"), (None, "i1", 40, "s1"), (Some("u"), "i5", 1, "s3")])),
        (0, streamed(&[(Some("first"), "i1", 5, "s9")])),
    ];
    // The visitor's first event and the last row of all agree in every field.
    assert_eq!(place.export(&schema, &parts, true, BULK).await, 6);
    let expected = ["first,i1,40", "first,i1,5", "first,i4,20", "late,i2,30", "s2,i3,6", "u,i5,1"];
    assert_eq!(place.lines().await, expected);
}

#[tokio::test]
async fn fields_that_a_part_is_older_than_are_empty() {
    let (place, schema) = (place(), items());
    place.export(&schema, &[(0, priced(&[("a", 1.5, None)]))], false, BULK).await;
    assert_eq!(place.lines().await, ["a,,1.5,,,,,"]);
}
