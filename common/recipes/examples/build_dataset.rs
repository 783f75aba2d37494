//! Measures the building of a dataset from parts as an import writes them:
//!
//! ```text
//! cargo run --release -p palate-recipes --example build_dataset -- [FOLDER | ROWS] [time|user]
//! ```
//!
//! FOLDER holds the parts of an import. Without one, rows are made up:
//!
//! 50 million rows unless told otherwise, made from a seed: a million users, 100,000 items after Zipf, four
//! event types, a value. In the order of time, every row is another user's; in the order of users, a user's rows
//! stand together. On Linux it tells the peak of the process' memory as well.

#![allow(clippy::print_stdout)]

use std::{error::Error, fs, path::Path, time::Instant};

use bytes::Bytes;
use palate_recipes::parts::{Column, ColumnType, Part, PartBuilder, PartError, concat};
use palate_recipes::{Dataset, DatasetParts, Selection};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const N_USERS: usize = 1_000_000;
const N_ITEMS: usize = 100_000;
/// About what the import reads at a time: a row group.
const ROWS_A_PIECE: usize = 200_000;
const PART_BYTES: usize = 32 << 20;
const PART_ROWS: usize = 8 << 20;
const EVENT_TYPES: [&str; 4] = ["View", "Click", "AddToCart", "Purchase"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().map(Path::new).filter(|folder| folder.is_dir());
    let rows = arguments.first().filter(|_| folder.is_none());
    let n_rows = rows.map_or(Ok(50_000_000), |rows| rows.parse())?;
    let by_user = match arguments.get(1).map(String::as_str) {
        None | Some("time") => false,
        Some("user") => true,
        Some(other) => return Err(format!("rows are in the order of time or of user, not of {other}").into()),
    };
    let begin = Instant::now();
    let interactions = match folder {
        Some(folder) => read(folder)?,
        None => parts(n_rows, by_user)?,
    };
    let n_rows =
        interactions.iter().map(|part| Ok(Part::open(part.clone())?.n_rows())).sum::<Result<usize, PartError>>()?;
    let n_bytes: usize = interactions.iter().map(Bytes::len).sum();
    println!(
        "{n_rows} rows in {} parts, {} MB, there after {:.1?}",
        interactions.len(),
        n_bytes >> 20,
        begin.elapsed()
    );
    let parts = DatasetParts { interactions, ..DatasetParts::default() };
    // Forgets the peak so far, which is that of making the parts.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    for _ in 0..2 {
        let begin = Instant::now();
        let dataset = Dataset::read(&parts, &Selection::default())?;
        let seconds = begin.elapsed().as_secs_f64();
        let n = dataset.n_interactions();
        println!(
            "{n} interactions of {} users and {} items in {seconds:.2} s; {:.1} bytes an interaction, {:.1} with the ids",
            dataset.users().len(),
            dataset.items().len(),
            dataset.interaction_bytes() as f64 / n as f64,
            dataset.resident_bytes() as f64 / n as f64,
        );
    }
    if let (Some(before), Some(peak)) = (before, memory("VmHWM:")) {
        println!(
            "memory before {} MB (the parts among it), peak {} MB: {:.1} bytes an interaction more",
            before >> 10,
            peak >> 10,
            (peak.saturating_sub(before) << 10) as f64 / n_rows as f64
        );
    }
    Ok(())
}

/// Kilobytes, as Linux tells them.
fn memory(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().split(' ').next()?.parse().ok()
}

fn read(folder: &Path) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Result<_, std::io::Error>>()?;
    files.sort();
    Ok(files.iter().map(|file| Ok(fs::read(file)?.into())).collect::<Result<_, std::io::Error>>()?)
}

fn parts(n_rows: usize, by_user: bool) -> Result<Vec<Bytes>, PartError> {
    let shares: Vec<f64> = (1..=N_ITEMS)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        })
        .collect();
    let mut parts = Vec::new();
    let (mut pieces, mut rows): (Vec<Bytes>, usize) = (Vec::new(), 0);
    let begins: Vec<usize> = (0..n_rows).step_by(ROWS_A_PIECE).collect();
    for together in begins.chunks(16) {
        let made: Vec<Result<Bytes, PartError>> = together
            .par_iter()
            .map(|begin| piece(*begin..n_rows.min(begin + ROWS_A_PIECE), n_rows, by_user, &shares))
            .collect();
        for piece in made {
            let piece = piece?;
            let bytes: usize = pieces.iter().map(Bytes::len).sum();
            if !pieces.is_empty() && (rows + ROWS_A_PIECE > PART_ROWS || bytes + piece.len() > PART_BYTES) {
                parts.push(concat(&pieces)?);
                pieces.clear();
                rows = 0;
            }
            rows += ROWS_A_PIECE;
            pieces.push(piece);
        }
    }
    if !pieces.is_empty() {
        parts.push(concat(&pieces)?);
    }
    Ok(parts)
}

fn piece(range: std::ops::Range<usize>, n_rows: usize, by_user: bool, shares: &[f64]) -> Result<Bytes, PartError> {
    let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String, false),
        column("ITEM_ID", ColumnType::String, false),
        column("TIMESTAMP", ColumnType::Long, false),
        column("EVENT_TYPE", ColumnType::String, false),
        column("EVENT_VALUE", ColumnType::Float, true),
    ]);
    let mut rng = ChaCha8Rng::seed_from_u64(range.start as u64);
    let rows_a_user = n_rows.div_ceil(N_USERS).max(1);
    for row in range {
        let user = if by_user { row / rows_a_user } else { rng.random_range(0..N_USERS) };
        let drawn = rng.random::<f64>() * shares[shares.len() - 1];
        let item = shares.partition_point(|share| *share < drawn);
        // Popular items are not the first ones by their ids.
        let item = item * 7_919 % N_ITEMS;
        part.push_str(0, &format!("user-{user}"));
        part.push_str(1, &format!("item-{item}"));
        part.push_long(2, 1_600_000_000 + row as i64 + rng.random_range(0..600));
        part.push_str(3, EVENT_TYPES[(rng.next_u32() % 4) as usize]);
        part.push_float(4, (rng.next_u32() % 5) as f32);
    }
    part.finish()
}
