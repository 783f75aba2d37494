//! Measures the import of interactions: a file in a bucket to parts, in MB/s and rows/s.
//!
//! ```text
//! cargo run --release -p palate-service --example import_throughput [-- ROWS | FILE [SCHEMA.json [TIMES [PARTS]]]]
//! ```
//!
//! FILE is in any format that imports take, and on the file system of the folder for temporary files. The parts
//! of the last import are copied into the folder PARTS.
//!
//! Without a file, rows like those of a rating data set are made up (10 million unless told otherwise).
//! On Linux it tells the peak of the process' memory during the imports as well.

#![allow(clippy::print_stdout, dead_code)]

#[path = "../src/data/part_info.rs"]
mod data;
#[path = "../src/import/mod.rs"]
mod import;
#[path = "../src/schema/mod.rs"]
mod schema;

use std::{error::Error, fmt::Write, fs, path::Path, time::Instant};

use palate_store::{PutCondition, embedded};

const SCHEMA: &str = r#"{"type": "record", "name": "Interactions", "fields": [
    {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": "string"},
    {"name": "EVENT_VALUE", "type": ["null", "float"]}]}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let schema = arguments.get(1).map_or(Ok(SCHEMA.to_owned()), fs::read_to_string)?;
    let schema = schema::Schema::parse(&schema, None)?;
    let times: u32 = arguments.get(2).map_or(Ok(3), |times| times.parse())?;

    let folder = tempfile::tempdir()?;
    let stores = embedded::open(folder.path())?;
    fs::create_dir(folder.path().join("s3/bucket"))?;
    let bucket = stores.buckets.bucket("bucket")?;
    match arguments.first().map(Path::new) {
        // Linked, since what is read to be copied counts as memory.
        Some(file) if file.exists() => fs::hard_link(file, folder.path().join("s3/bucket/in"))?,
        rows => {
            let rows = rows.and_then(Path::to_str).map_or(Ok(10_000_000), str::parse)?;
            bucket.put("in", made_up(rows).into(), PutCondition::Always).await?;
        }
    }
    let megabytes = bucket.head("in").await?.size as f64 / 1e6;
    // Forgets the peak so far, which is that of making up rows.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let mut parts = Vec::new();
    for _ in 0..times {
        let request = import::ImportRequest {
            source: bucket.clone(),
            bucket: "bucket".into(),
            location: "in".into(),
            schema: &schema,
            destination: stores.blobs.clone(),
            prefix: "out".into(),
        };
        let start = Instant::now();
        let outcome = import::import(request).await?;
        let seconds = start.elapsed().as_secs_f64();
        let bytes: u64 = outcome.parts.iter().map(|part| part.bytes).sum();
        println!(
            "{megabytes:.1} MB, {} rows: {seconds:.3} s, {:.0} MB/s, {:.2} M rows/s; {} parts of {:.1} MB in all",
            outcome.rows,
            megabytes / seconds,
            outcome.rows as f64 / seconds / 1e6,
            outcome.parts.len(),
            bytes as f64 / 1e6
        );
        parts = outcome.parts;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak memory {}", peak.trim());
    }
    if let Some(into) = arguments.get(3).map(Path::new) {
        fs::create_dir_all(into)?;
        for (number, part) in parts.iter().enumerate() {
            fs::write(into.join(format!("part-{number:05}.parquet")), stores.blobs.get(&part.key).await?)?;
        }
    }
    Ok(())
}

/// Ratings of about 100 items by each user, in the order of users.
fn made_up(rows: u64) -> String {
    let mut text = String::from("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n");
    // A linear congruential generator: the same data everywhere.
    let mut state = 1_u64;
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for row in 0..rows {
        // Squared, so that some items are popular.
        let item = next(200) * next(200);
        let time = 978_300_000 + row / 100 * 1_000 + row % 100 * 40 + next(40);
        let _ = writeln!(text, "{},{item},{time},rating,{}", row / 100, next(5) + 1);
    }
    text
}
