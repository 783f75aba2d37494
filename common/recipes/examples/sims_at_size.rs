//! Measures the training of a related-items recipe on many items:
//!
//! ```text
//! RAYON_NUM_THREADS=2 cargo run --release -p palate-recipes --example sims_at_size -- [ITEMS] [ROWS] [all]
//! ```
//!
//! 750,000 items and 20 million interactions unless told otherwise, made from a seed: a million users of log-normal
//! activity, items after Zipf. `aws-sims` as documented leaves the commonest tenth of the items and the busiest users
//! out; `all` takes all items. Prints seconds and, on Linux, the peak of memory, the parts of the dataset included.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::{error::Error, fs, time::Instant};

use bytes::Bytes;
use palate_recipes::parts::{Column, ColumnType, PartBuilder, PartError};
use palate_recipes::{Dataset, DatasetParts, Query, Selection, TrainingTask, recipe};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const N_USERS: usize = 1_000_000;
const ROWS_A_PART: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let n_items = arguments.first().map_or(Ok(750_000), |items| items.parse())?;
    let n_rows = arguments.get(1).map_or(Ok(20_000_000), |rows| rows.parse())?;
    let mut hyperparameters = BTreeMap::new();
    if arguments.get(2).is_some_and(|which| which == "all") {
        hyperparameters.insert("min_item_interaction_count_percentile".to_owned(), "0.0".to_owned());
        hyperparameters.insert("max_item_interaction_count_percentile".to_owned(), "1.0".to_owned());
    }
    let parts = DatasetParts { interactions: parts(n_items, n_rows)?, ..DatasetParts::default() };
    // Forgets the peak so far, which is that of making the parts.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let dataset = Dataset::read(&parts, &Selection::default())?;
    println!(
        "{} interactions of {} users and {} items",
        dataset.n_interactions(),
        dataset.users().len(),
        dataset.items().len()
    );
    drop(parts);
    let recipe = recipe("aws-sims").ok_or("no such recipe")?;
    let begin = Instant::now();
    let task = TrainingTask::new(&dataset, &hyperparameters, 1, &());
    let trained = recipe.train(&task)?;
    let bytes: usize = trained.files.iter().map(|file| file.content.len()).sum();
    println!("trained and evaluated in {:.1?}, {} MB of files", begin.elapsed(), bytes >> 20);
    if let Some(peak) = peak() {
        println!("peak of memory {} MB", peak >> 10);
    }
    let model = recipe.open(&trained.files)?;
    let begin = Instant::now();
    let asked = 0..model.n_items().min(10_000) as u32;
    let n_asked = asked.len();
    let n_found: usize =
        asked.map(|item| model.recommend(&Query { item: Some(item), ..Query::default() }, 25).len()).sum();
    println!("{:.1?} an answer, {} items in {n_asked} answers", begin.elapsed() / n_asked.max(1) as u32, n_found);
    Ok(())
}

/// Kilobytes, as Linux tells them.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().split(' ').next()?.parse().ok()
}

fn parts(n_items: usize, n_rows: usize) -> Result<Vec<Bytes>, PartError> {
    let sums = |weight: &mut dyn FnMut(usize) -> f64, n: usize| -> Vec<f64> {
        let mut sum = 0.0;
        (0..n)
            .map(|number| {
                sum += weight(number);
                sum
            })
            .collect()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    // Twelve uniform numbers add up to something close to a normal one.
    let mut activity = |_: usize| ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0).exp();
    let users = sums(&mut activity, N_USERS);
    let items = sums(&mut |rank| 1.0 / (rank + 1) as f64, n_items);
    let begins: Vec<usize> = (0..n_rows).step_by(ROWS_A_PART).collect();
    begins.into_par_iter().map(|begin| part(begin..n_rows.min(begin + ROWS_A_PART), &users, &items)).collect()
}

fn part(rows: std::ops::Range<usize>, users: &[f64], items: &[f64]) -> Result<Bytes, PartError> {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    let mut rng = ChaCha8Rng::seed_from_u64(rows.start as u64);
    let mut draw = |sums: &[f64]| {
        let drawn = rng.random::<f64>() * sums[sums.len() - 1];
        sums.partition_point(|sum| *sum < drawn)
    };
    for row in rows {
        // Popular items are not the first ones by their ids.
        let (user, item) = (draw(users), draw(items) * 7_919 % items.len());
        part.push_str(0, &format!("user-{user}"));
        part.push_str(1, &format!("item-{item}"));
        part.push_long(2, 1_600_000_000 + row as i64);
    }
    part.finish()
}
