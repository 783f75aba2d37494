#![allow(clippy::unwrap_used)]

use std::{io::Write, sync::Arc};

use bytes::Bytes;
use palate_recipes::parts::{ColumnType, Part};
use parquet::{
    basic::{Compression as Codec, Encoding, ZstdLevel},
    data_type::{
        BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
        Int64Type, Int96, Int96Type,
    },
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};
use proptest::prelude::*;
use serde_json::json;

use super::test_stores::Memory;
use super::*;

/// Small enough that a few thousand rows of CSV are many chunks, and of Parquet more than is held at once.
const SMALL: Tuning =
    Tuning { range_bytes: 4_000, reads_ahead: 2, max_line_bytes: 1 << 20, part_rows: 2_000, part_bytes: 1 << 20 };

fn schema(name: &str, fields: serde_json::Value) -> Schema {
    Schema::parse(&json!({"type": "record", "name": name, "fields": fields}).to_string(), None).unwrap()
}

fn users() -> Schema {
    schema("Users", json!([{"name": "USER_ID", "type": "string"}, {"name": "AGE", "type": ["int", "null"]}]))
}

fn interactions() -> Schema {
    schema(
        "Interactions",
        json!([{"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
               {"name": "TIMESTAMP", "type": "long"}]),
    )
}

fn items() -> Schema {
    schema(
        "Items",
        json!([{"name": "ITEM_ID", "type": "string"}, {"name": "GENRES", "type": ["null", "string"], "categorical": true},
               {"name": "TEXT", "type": ["null", "string"], "textual": true}, {"name": "YEAR", "type": ["null", "int"]},
               {"name": "CREATION_TIMESTAMP", "type": "long"}, {"name": "PRICE", "type": ["null", "double"]},
               {"name": "SCORE", "type": ["null", "float"]}, {"name": "NEW", "type": ["null", "boolean"]}]),
    )
}

async fn import_of(
    files: &[(&str, Bytes)],
    location: &str,
    schema: &Schema,
    tuning: Tuning,
) -> Result<Vec<Part>, String> {
    let destination = Memory::of(&[]);
    let request = ImportRequest {
        source: Memory::of(files),
        bucket: "b".into(),
        location: location.into(),
        schema,
        destination: destination.clone(),
        prefix: "parts".into(),
    };
    let outcome = import_tuned(request, tuning).await.map_err(|error| error.to_string())?;
    let mut parts = Vec::new();
    for part in outcome.parts {
        parts.push(Part::open(destination.get(&part.key).await.unwrap()).unwrap());
    }
    assert_eq!(parts.iter().map(Part::n_rows).sum::<usize>() as u64, outcome.rows);
    Ok(parts)
}

async fn reason(name: &str, content: impl Into<Bytes>, schema: &Schema) -> String {
    import_of(&[(name, content.into())], name, schema, SMALL).await.err().unwrap_or_else(|| "accepted".into())
}

/// Every cell as text, row by row; none where a row is null.
fn cells(parts: &[Part], schema: &Schema) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for part in parts {
        let first = rows.len();
        rows.resize(first + part.n_rows(), Vec::new());
        for field in schema.fields() {
            let name = &*field.name;
            let cell: Box<dyn Fn(usize) -> Option<String>> = match field.kind {
                ColumnType::String => {
                    let column = part.strings(name).unwrap();
                    Box::new(move |row| column.get(row).map(str::to_owned))
                }
                ColumnType::Int => text(part.ints(name).unwrap()),
                ColumnType::Long => text(part.longs(name).unwrap()),
                ColumnType::Float => text(part.floats(name).unwrap()),
                ColumnType::Double => text(part.doubles(name).unwrap()),
                ColumnType::Boolean => text(part.booleans(name).unwrap()),
            };
            for row in 0..part.n_rows() {
                rows[first + row].push(cell(row));
            }
        }
    }
    rows
}

fn text<T: Copy + ToString + 'static>(
    values: palate_recipes::parts::Values<T>,
) -> Box<dyn Fn(usize) -> Option<String>> {
    Box::new(move |row| values.get(row).map(|value| value.to_string()))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// With the checksum that the programs of Zstandard write.
fn zstd_of(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

fn user_rows(n: usize) -> String {
    "USER_ID,AGE\n".to_owned() + &(0..n).map(|number| format!("user{number},{}\n", number % 90)).collect::<String>()
}

#[tokio::test]
async fn compressed_csv_is_read_as_plain_csv_is_whatever_its_name() {
    let (schema, plain) = (users(), user_rows(5_000));
    let expected = import_of(&[("a.csv", plain.clone().into())], "a.csv", &schema, SMALL).await.unwrap();
    let expected = cells(&expected, &schema);
    assert_eq!(expected.len(), 5_000);
    let (head, tail) = plain.as_bytes().split_at(plain.len() / 3);
    for content in [
        gzip(plain.as_bytes()),
        [gzip(head), gzip(b""), gzip(tail)].concat(),
        zstd_of(plain.as_bytes()),
        [zstd_of(head), zstd_of(tail)].concat(),
    ] {
        for name in ["a.csv.gz", "a.csv", "a.csv.zst", "a"] {
            let parts = import_of(&[(name, content.clone().into())], name, &schema, SMALL).await.unwrap();
            assert_eq!(cells(&parts, &schema), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn compressed_csv_that_ends_early_or_is_damaged_is_refused_by_name() {
    let plain = user_rows(5_000);
    for (content, format) in [(gzip(plain.as_bytes()), "gzip"), (zstd_of(plain.as_bytes()), "Zstandard")] {
        for end in [content.len() - 1, content.len() / 2, 12] {
            let reason = reason("a.csv", content[..end].to_vec(), &users()).await;
            let expected = format!("s3://b/a.csv ends in the middle of its {format} data: it is cut off;");
            assert!(reason.starts_with(&expected), "{end}: {reason}");
        }
        let mut damaged = content.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 20].fill(0x55);
        let reason = reason("a.csv", damaged, &users()).await;
        assert!(reason.contains("s3://b/a.csv"), "{reason}");
        assert_ne!(reason, "accepted");
    }
}

#[tokio::test]
async fn what_becomes_large_when_decompressed_is_refused_before_memory_is() {
    let bomb = [b"USER_ID,AGE\n".to_vec(), vec![b'x'; 256 << 20]].concat();
    for content in [gzip(&bomb), zstd_of(&bomb)] {
        assert!(content.len() < 4 << 20);
        let reason = reason("a.csv", content, &users()).await;
        assert_eq!(reason, "s3://b/a.csv: a line is longer than 1 MiB; each record stands on one line.");
    }
}

#[tokio::test]
async fn a_folder_may_hold_every_format_if_its_columns_are_the_same() {
    let schema = users();
    let parquet =
        table("message t { optional binary USER_ID (UTF8); optional int32 AGE; }", properties(Codec::SNAPPY), |file| {
            strings(file, &["p"], Some(&[1]));
            numbers::<Int32Type>(file, &[7], Some(&[1]));
        });
    let files = [
        ("in/a.csv", Bytes::from("USER_ID,AGE\na,1\n")),
        ("in/b.csv.gz", gzip(b"USER_ID,AGE\nb,2\n").into()),
        ("in/c.CSV.zst", zstd_of(b"USER_ID,AGE\nc,3\n").into()),
        ("in/d.parquet", parquet.clone()),
        ("in/e.txt", Bytes::from("not, to be read")),
        ("in/sub/f.parquet", Bytes::from("not to be read")),
    ];
    let parts = import_of(&files, "in/", &schema, SMALL).await.unwrap();
    let ids: Vec<_> = cells(&parts, &schema).into_iter().map(|row| row[0].clone().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c", "p"]);
    let files = [("in/a.csv", Bytes::from("AGE,USER_ID\n1,a\n")), ("in/d.parquet", parquet)];
    let error = import_of(&files, "in/", &schema, SMALL).await.err().unwrap();
    assert!(error.contains("in/d.parquet, line 1: the header differs from that of s3://b/in/a.csv"), "{error}");
}

type Writer = SerializedFileWriter<Vec<u8>>;
type Group<'a> = parquet::file::writer::SerializedRowGroupWriter<'a, Vec<u8>>;

fn properties(codec: Codec) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(codec)
        .set_data_page_row_count_limit(500)
        .set_write_batch_size(100)
        .build()
}

/// A file of one row group, whose columns `write` writes.
fn table(message: &str, properties: WriterProperties, write: impl Fn(&mut Group<'_>)) -> Bytes {
    let described = Arc::new(parse_message_type(message).unwrap());
    let mut file: Writer = SerializedFileWriter::new(Vec::new(), described, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    file.into_inner().unwrap().into()
}

fn numbers<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<&[i16]>) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, levels, None).unwrap();
    column.close().unwrap();
}

fn strings(group: &mut Group<'_>, values: &[&str], levels: Option<&[i16]>) {
    let values: Vec<ByteArray> = values.iter().map(|value| (*value).into()).collect();
    numbers::<ByteArrayType>(group, &values, levels);
}

/// Interactions of one row, whose columns have these types; the values are `value` where the type allows it.
fn one_row(user: &str, time: &str, write: impl Fn(&mut Group<'_>)) -> Bytes {
    let message = format!("message t {{ required {user}; required binary AGE_TEXT (UTF8); required {time}; }}");
    table(&message, properties(Codec::UNCOMPRESSED), write)
}

fn timed() -> Schema {
    schema(
        "Items",
        json!([{"name": "ITEM_ID", "type": "string"}, {"name": "AGE_TEXT", "type": "string", "categorical": true},
               {"name": "CREATION_TIMESTAMP", "type": "long"}]),
    )
}

/// A type in the file, its column, what writes it, and what the refusal names.
type Case<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Group<'_>), [&'a str; 2]);

#[tokio::test]
async fn whole_numbers_become_ids_and_timestamps_become_seconds() {
    let cases: [Case<'_>; 7] = [
        (
            "int64 ITEM_ID",
            "int64 CREATION_TIMESTAMP (TIMESTAMP(MILLIS,true))",
            &|group| {
                numbers::<Int64Type>(group, &[-5], None);
                strings(group, &["x"], None);
                numbers::<Int64Type>(group, &[1_700_000_000_999], None);
            },
            ["-5", "1700000000"],
        ),
        (
            "int32 ITEM_ID (INTEGER(32,false))",
            "int64 CREATION_TIMESTAMP (TIMESTAMP(MICROS,false))",
            &|group| {
                numbers::<Int32Type>(group, &[-1], None);
                strings(group, &["x"], None);
                numbers::<Int64Type>(group, &[-1], None);
            },
            ["4294967295", "-1"],
        ),
        (
            "int64 ITEM_ID (INTEGER(64,false))",
            "int64 CREATION_TIMESTAMP (TIMESTAMP(NANOS,true))",
            &|group| {
                numbers::<Int64Type>(group, &[-1], None);
                strings(group, &["x"], None);
                numbers::<Int64Type>(group, &[1_700_000_000_000_000_001], None);
            },
            ["18446744073709551615", "1700000000"],
        ),
        (
            "binary ITEM_ID",
            "int32 CREATION_TIMESTAMP",
            &|group| {
                strings(group, &["é"], None);
                strings(group, &["x"], None);
                numbers::<Int32Type>(group, &[1_700_000_000], None);
            },
            ["é", "1700000000"],
        ),
        (
            "binary ITEM_ID (ENUM)",
            "int96 CREATION_TIMESTAMP",
            &|group| {
                strings(group, &["e"], None);
                strings(group, &["x"], None);
                let mut time = Int96::new();
                // The second second of 1970-01-02, by the Julian day.
                time.set_data(2_000_000_000, 0, 2_440_589);
                numbers::<Int96Type>(group, &[time], None);
            },
            ["e", "86402"],
        ),
        (
            "int32 ITEM_ID (INTEGER(8,true))",
            "int64 CREATION_TIMESTAMP (TIMESTAMP_MILLIS)",
            &|group| {
                numbers::<Int32Type>(group, &[-8], None);
                strings(group, &["x"], None);
                numbers::<Int64Type>(group, &[2_500], None);
            },
            ["-8", "2"],
        ),
        (
            "int64 ITEM_ID (DECIMAL(10,0))",
            "int64 CREATION_TIMESTAMP",
            &|group| {
                numbers::<Int64Type>(group, &[12], None);
                strings(group, &["x"], None);
                numbers::<Int64Type>(group, &[3], None);
            },
            ["12", "3"],
        ),
    ];
    for (user, time, write, [id, seconds]) in cases {
        let file = one_row(user, time, write);
        let parts = import_of(&[("a.parquet", file)], "a.parquet", &timed(), TUNING).await.unwrap();
        let expected = vec![vec![Some(id.to_owned()), Some("x".into()), Some(seconds.to_owned())]];
        assert_eq!(cells(&parts, &timed()), expected, "{user}");
    }
}

#[tokio::test]
async fn columns_of_other_types_are_refused_by_name_and_others_ignored() {
    let written = |group: &mut Group<'_>| numbers::<Int32Type>(group, &[1], None);
    let of_users = |user: &str, age: &str, write: &dyn Fn(&mut Group<'_>)| {
        table(&format!("message t {{ {user} {age} }}"), properties(Codec::UNCOMPRESSED), |group| write(group))
    };
    let (user, age) = ("required binary USER_ID (UTF8);", "required int32 AGE;");
    let cases: [(Bytes, &str); 6] = [
        (
            of_users("required double USER_ID;", age, &|group| {
                numbers::<DoubleType>(group, &[1.0], None);
                written(group);
            }),
            "s3://b/a.parquet, column USER_ID: its values are of the type DOUBLE, and the schema wants strings (or \
             whole numbers as ids); convert the column.",
        ),
        (
            of_users(user, "required int32 AGE (DECIMAL(9,2));", &|group| {
                strings(group, &["u"], None);
                written(group);
            }),
            "s3://b/a.parquet, column AGE: its values are decimals, and the schema wants whole numbers (int).",
        ),
        (
            of_users(user, "required int32 AGE (DATE);", &|group| {
                strings(group, &["u"], None);
                written(group);
            }),
            "s3://b/a.parquet, column AGE: its values are dates, and the schema wants whole numbers (int).",
        ),
        (
            of_users(user, "repeated int32 AGE;", &|group| {
                strings(group, &["u"], None);
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<Int32Type>().write_batch(&[1], Some(&[1]), Some(&[0])).unwrap();
                column.close().unwrap();
            }),
            "s3://b/a.parquet, column AGE: it is nested (a list, a map or a structure), and the schema wants whole \
             numbers (int).",
        ),
        (
            of_users("required fixed_len_byte_array(2) USER_ID;", age, &|group| {
                numbers::<FixedLenByteArrayType>(group, &[ByteArray::from("ab").into()], None);
                written(group);
            }),
            "s3://b/a.parquet, column USER_ID: its values are of the type FIXED_LEN_BYTE_ARRAY, and the schema wants",
        ),
        (
            of_users("required binary user_id (UTF8);", age, &|group| {
                strings(group, &["u"], None);
                written(group);
            }),
            "Input Parquet is missing the following columns:[USER_ID]. s3://b/a.parquet: its columns are 'user_id,AGE'.",
        ),
    ];
    for (file, expected) in cases {
        let reason = reason("a.parquet", file, &users()).await;
        assert!(reason.starts_with(expected), "{reason}");
    }
    let extra =
        "message t { required binary USER_ID (UTF8); required group TAGS { repeated int32 ONE; } required int32 AGE; }";
    let file = table(extra, properties(Codec::SNAPPY), |group| {
        strings(group, &["u"], None);
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&[5, 6], Some(&[1, 1]), Some(&[0, 1])).unwrap();
        column.close().unwrap();
        written(group);
    });
    let parts = import_of(&[("a.parquet", file)], "a.parquet", &users(), SMALL).await.unwrap();
    assert_eq!(cells(&parts, &users()), [[Some("u".to_owned()), Some("1".to_owned())]]);
}

#[tokio::test]
async fn flaws_are_told_by_file_row_and_column_in_the_order_of_rows() {
    let n_rows = 5_000;
    let (bad_user, bad_age, no_user) = (4_321, 3_210, 4_400);
    let long = "x".repeat(257);
    let users_of: Vec<String> = (0..n_rows).map(|row| format!("user{row}")).collect();
    let mut values: Vec<&str> = users_of.iter().map(String::as_str).collect();
    values[bad_user] = &long;
    values[no_user] = "";
    let mut ages: Vec<i64> = (0..n_rows as i64).collect();
    ages[bad_age] = 1 << 31;
    let message = "message t { required binary USER_ID (UTF8); required int64 AGE; }";
    let file = table(message, properties(Codec::SNAPPY), |group| {
        strings(group, &values, None);
        numbers::<Int64Type>(group, &ages, None);
    });
    // Held at once, and piece by piece.
    for tuning in [TUNING, SMALL] {
        let told = import_of(&[("a.parquet", file.clone())], "a.parquet", &users(), tuning).await.err().unwrap();
        assert_eq!(
            told,
            "s3://b/a.parquet, row 3211, column AGE: '2147483648' is not a whole number of 32 bits (int). 2 more rows \
             are bad."
        );
    }
}

#[tokio::test]
async fn files_that_are_no_whole_parquet_are_refused() {
    let message = "message t { required binary USER_ID (UTF8); required int32 AGE; }";
    let good = table(message, properties(Codec::SNAPPY), |group| {
        strings(group, &["u"; 3_000], None);
        numbers::<Int32Type>(group, &[1; 3_000], None);
    });
    let mut encrypted = good.to_vec();
    let tail = encrypted.len() - 4;
    encrypted[tail..].copy_from_slice(b"PARE");
    for (content, expected) in [
        (good.slice(..good.len() - 1), "it does not end as Parquet files do"),
        (good.slice(..good.len() / 2), "it does not end as Parquet files do"),
        (good.slice(..4), "it does not end as Parquet files do"),
        (encrypted.into(), "it is encrypted"),
    ] {
        let reason = reason("a.parquet", content, &users()).await;
        let start = format!("s3://b/a.parquet is not a readable Parquet file: {expected}");
        assert!(reason.starts_with(&start), "{reason}");
    }
    let named = reason("a.parquet", "USER_ID,AGE\nu,1\n", &users()).await;
    assert_eq!(named, "s3://b/a.parquet is not a Parquet file: it does not begin with PAR1.");
    let empty = table(message, properties(Codec::SNAPPY), |group| {
        strings(group, &[], None);
        numbers::<Int32Type>(group, &[], None);
    });
    assert_eq!(reason("a.parquet", empty, &users()).await, "s3://b/a.parquet has no rows below the header.");
    // Damage anywhere is refused or harmless, and never a panic.
    for place in (4..good.len() - 8).step_by(7) {
        let mut damaged = good.to_vec();
        damaged[place] ^= 0x41;
        let _ = reason("a.parquet", damaged, &users()).await;
    }
}

#[derive(Clone, Debug)]
struct Row {
    id: String,
    genres: Option<String>,
    text: Option<String>,
    year: Option<i32>,
    created: i64,
    price: Option<f64>,
    score: Option<f32>,
    new: Option<bool>,
}

fn row() -> impl Strategy<Value = Row> {
    let some_text = || proptest::option::of("[a-zé,|\"\\\\ ]{1,12}");
    (
        prop_oneof!["i[0-9]{1,2}", "[a-z\"é,]{1,20}"],
        proptest::option::of("(Action|Crime|Drama)(\\|Crime)?"),
        some_text(),
        proptest::option::of(any::<i32>()),
        any::<i64>(),
        proptest::option::of(proptest::num::f64::NORMAL),
        proptest::option::of(proptest::num::f32::NORMAL),
        any::<Option<bool>>(),
    )
        .prop_map(|(id, genres, text, year, created, price, score, new)| Row {
            id,
            genres,
            text,
            year,
            created,
            price,
            score,
            new,
        })
}

fn as_csv(rows: &[Row]) -> String {
    fn cell(value: Option<impl ToString>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    fn quoted(value: Option<&String>) -> String {
        value.map_or(String::new(), |value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
    }
    let mut csv = "NEW,ITEM_ID,GENRES,TEXT,YEAR,CREATION_TIMESTAMP,PRICE,SCORE\n".to_owned();
    for row in rows {
        csv += &[
            cell(row.new),
            quoted(Some(&row.id)),
            quoted(row.genres.as_ref()),
            quoted(row.text.as_ref()),
            cell(row.year),
            row.created.to_string(),
            cell(row.price),
            cell(row.score),
        ]
        .join(",");
        csv.push('\n');
    }
    csv
}

fn as_parquet(rows: &[Row], properties: WriterProperties, n_groups: usize) -> Bytes {
    let message = "message t { optional boolean NEW; required binary ITEM_ID (UTF8); optional binary GENRES (UTF8);
        optional binary TEXT (UTF8); optional int32 YEAR; required int64 CREATION_TIMESTAMP; optional double PRICE;
        optional float SCORE; }";
    let described = Arc::new(parse_message_type(message).unwrap());
    let mut file: Writer = SerializedFileWriter::new(Vec::new(), described, Arc::new(properties)).unwrap();
    fn nullable<T: DataType>(group: &mut Group<'_>, values: Vec<Option<T::T>>) {
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        numbers::<T>(group, &values.into_iter().flatten().collect::<Vec<_>>(), Some(&levels));
    }
    for rows in rows.chunks(rows.len().div_ceil(n_groups)) {
        let mut writer = file.next_row_group().unwrap();
        let group = &mut writer;
        let text = |value: &Option<String>| value.as_deref().map(ByteArray::from);
        nullable::<BoolType>(group, rows.iter().map(|row| row.new).collect());
        strings(group, &rows.iter().map(|row| &*row.id).collect::<Vec<_>>(), None);
        nullable::<ByteArrayType>(group, rows.iter().map(|row| text(&row.genres)).collect());
        nullable::<ByteArrayType>(group, rows.iter().map(|row| text(&row.text)).collect());
        nullable::<Int32Type>(group, rows.iter().map(|row| row.year).collect());
        numbers::<Int64Type>(group, &rows.iter().map(|row| row.created).collect::<Vec<_>>(), None);
        nullable::<DoubleType>(group, rows.iter().map(|row| row.price).collect());
        nullable::<FloatType>(group, rows.iter().map(|row| row.score).collect());
        writer.close().unwrap();
    }
    file.into_inner().unwrap().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_table_is_the_same_imported_as_csv_and_as_parquet(
        rows in proptest::collection::vec(row(), 1..400),
        codec in proptest::sample::select(vec![
            Codec::UNCOMPRESSED, Codec::SNAPPY, Codec::GZIP(Default::default()),
            Codec::ZSTD(ZstdLevel::default()), Codec::LZ4_RAW,
        ]),
        v2 in any::<bool>(),
        encoding in proptest::sample::select(vec![
            None, Some(Encoding::PLAIN), Some(Encoding::DELTA_LENGTH_BYTE_ARRAY), Some(Encoding::DELTA_BYTE_ARRAY),
        ]),
        n_groups in 1..4_usize,
    ) {
        let mut properties = WriterProperties::builder()
            .set_compression(codec)
            .set_dictionary_enabled(encoding.is_none())
            .set_data_page_row_count_limit(50)
            .set_write_batch_size(10)
            .set_writer_version(if v2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 });
        if let Some(encoding) = encoding {
            for name in ["ITEM_ID", "GENRES", "TEXT"] {
                properties = properties.set_column_encoding(name.into(), encoding);
            }
        }
        let parquet = as_parquet(&rows, properties.build(), n_groups);
        let schema = items();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let csv = runtime.block_on(import_of(&[("a.csv", as_csv(&rows).into())], "a.csv", &schema, SMALL)).unwrap();
        let expected = cells(&csv, &schema);
        prop_assert_eq!(expected.len(), rows.len());
        for tuning in [TUNING, SMALL] {
            let parts = runtime.block_on(import_of(&[("a", parquet.clone())], "a", &schema, tuning)).unwrap();
            prop_assert_eq!(&cells(&parts, &schema), &expected);
        }
    }
}

#[tokio::test]
async fn doing_a_parquet_file_again_gives_the_same_parts() {
    let users_of: Vec<String> = (0..20_000).map(|row| format!("user{}", row * row % 7_919)).collect();
    let values: Vec<&str> = users_of.iter().map(String::as_str).collect();
    let times: Vec<i64> = (0..20_000).map(|row| 1_700_000_000 + row * 7).collect();
    let message =
        "message t { required binary USER_ID (UTF8); required binary ITEM_ID (UTF8); required int64 TIMESTAMP; }";
    let file = table(message, properties(Codec::ZSTD(ZstdLevel::default())), |group| {
        strings(group, &values, None);
        strings(group, &values, None);
        numbers::<Int64Type>(group, &times, None);
    });
    for tuning in [TUNING, SMALL] {
        let mut sums = Vec::new();
        for _ in 0..3 {
            let schema = interactions();
            let request = ImportRequest {
                source: Memory::of(&[("a", file.clone())]),
                bucket: "b".into(),
                location: "a".into(),
                schema: &schema,
                destination: Memory::of(&[]),
                prefix: "parts".into(),
            };
            let outcome = import_tuned(request, tuning).await.unwrap();
            assert_eq!((outcome.rows, outcome.span), (20_000, Some((1_700_000_000, 1_700_139_993))));
            sums.push(outcome.parts);
        }
        assert!(sums.iter().all(|parts| *parts == sums[0]));
    }
}
