//! How long an answer takes out of a large catalogue, and how much of the exact answer it has.
//!
//! ```sh
//! cargo run --release -p palate-recipes --example search_at_size -- 100000 1000000
//! ```
//!
//! aws-user-personalization-v2 learns from what 400 made-up users did with 600 items, each of which has a value of
//! thirty in each of five columns; then as many items as are asked for are brought into the model by such values. Up
//! to 100,000 items all are compared with the user, of more a coarse search finds some thousand, which are. Told are
//! the median time of a list of 100 and of one with a filter that leaves out the 600 items, whose places transitions
//! know as well, both on one thread, and how many of the exact 100 best are in the lists: those whose score among all
//! items is at least that of the last of them.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use palate_recipes::parts::{Column, ColumnType, PartBuilder};
use palate_recipes::{
    ColumnChoice, ColumnKind, Dataset, DatasetParts, Event, ItemSet, Query, Selection, TimedPart, TrainingTask, recipe,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const N_LEARNED: usize = 600;
const N_USERS: usize = 400;
const EVENTS_A_USER: usize = 30;
const COLUMNS: [&str; 5] = ["KIND", "MAKER", "COLOUR", "PLACE", "SEASON"];
const N_VALUES: usize = 30;
const N_QUERIES: usize = 40;
const K: usize = 100;

type Failure = Box<dyn Error>;

/// The values of an item.
fn values(item: usize) -> [usize; COLUMNS.len()] {
    let mut rng = ChaCha8Rng::seed_from_u64(item as u64);
    std::array::from_fn(|_| rng.random_range(0..N_VALUES))
}

fn interactions() -> Result<bytes::Bytes, Failure> {
    let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
    let mut part = PartBuilder::new(&[
        column("USER_ID", ColumnType::String),
        column("ITEM_ID", ColumnType::String),
        column("TIMESTAMP", ColumnType::Long),
    ]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for user in 0..N_USERS {
        let taste = values(N_LEARNED + user);
        for event in 0..EVENTS_A_USER {
            // Of ten random items the one with the values that are nearest to the user's.
            let distance = |item: &usize| -> usize {
                values(*item).iter().zip(taste).map(|(value, wanted)| value.abs_diff(wanted)).sum()
            };
            let drawn = (0..10).map(|_| rng.random_range(0..N_LEARNED));
            let item = drawn.min_by_key(distance).unwrap_or_default();
            part.push_str(0, &format!("u{user:04}"));
            part.push_str(1, &format!("i{item:07}"));
            part.push_long(2, 1000 * event as i64);
        }
    }
    Ok(part.finish()?)
}

fn dataset(interactions: &bytes::Bytes, n_items: usize) -> Result<Dataset, Failure> {
    let names = std::iter::once("ITEM_ID").chain(COLUMNS);
    let columns: Vec<Column> =
        names.map(|name| Column { name: name.into(), kind: ColumnType::String, nullable: false }).collect();
    let mut items = PartBuilder::new(&columns);
    for item in 0..n_items {
        items.push_str(0, &format!("i{item:07}"));
        for (column, value) in (1..).zip(values(item)) {
            items.push_str(column, &format!("value {value}"));
        }
    }
    let parts = DatasetParts {
        interactions: vec![interactions.clone()],
        items: vec![TimedPart { content: items.finish()?, at_ms: 0 }],
        ..DatasetParts::default()
    };
    let choice = |name: &str| ColumnChoice { name: name.into(), kind: ColumnKind::Categorical };
    let selection = Selection { item_columns: COLUMNS.map(choice).to_vec(), ..Selection::default() };
    Ok(Dataset::read(&parts, &selection)?)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| 1e3 * time.as_secs_f64())
}

fn main() -> Result<(), Failure> {
    let sizes: Result<Vec<usize>, _> = std::env::args().skip(1).map(|size| size.parse()).collect();
    let mut out = std::io::stdout();
    let (interactions, none) = (interactions()?, BTreeMap::new());
    let recipe = recipe("aws-user-personalization-v2").ok_or("no such recipe")?;
    let learned = dataset(&interactions, N_LEARNED)?;
    let trained = recipe.train(&TrainingTask::new(&learned, &none, 1, &()))?;
    writeln!(
        out,
        "| items | list of {K}, ms | others alone, ms | of the exact list | of others alone | resident, MB |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|")?;
    for n_items in sizes? {
        let grown = dataset(&interactions, n_items)?;
        let updated = recipe.update(&trained, &TrainingTask::new(&grown, &none, 1, &()))?;
        drop(grown);
        let model = recipe.open(&updated.files)?;
        drop(updated);
        let all: Vec<u32> = (0..model.n_items() as u32).collect();
        let mut others = ItemSet::all(all.len());
        (0..learned.items().len() as u32).for_each(|item| others.remove(item));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut times, mut found) = ([Vec::new(), Vec::new()], [0, 0]);
        for _ in 0..N_QUERIES {
            let history: Vec<Event> = (0..20)
                .map(|event| Event {
                    item: rng.random_range(0..learned.items().len() as u32),
                    timestamp_s: 1000 * event,
                })
                .collect();
            let query = Query { history: &history, ..Query::default() };
            let exact = model.rank(&query, &all);
            for (place, allowed) in [None, Some(&others)].into_iter().enumerate() {
                let begin = Instant::now();
                let list = model.recommend(&Query { allowed, ..query }, K);
                times[place].push(begin.elapsed());
                let passes = |item: &u32| allowed.is_none_or(|allowed| allowed.contains(*item));
                let mut scores: Vec<f32> =
                    all.iter().filter(|item| passes(item)).map(|item| exact[*item as usize]).collect();
                scores.select_nth_unstable_by(K - 1, |a, b| b.total_cmp(a));
                let least = scores[K - 1];
                found[place] += list.iter().filter(|scored| exact[scored.item as usize] >= least).count();
            }
        }
        let [plain, filtered] = times.map(median);
        let [of_all, of_others] = found.map(|n| n as f64 / (N_QUERIES * K) as f64);
        let megabytes = model.resident_bytes() >> 20;
        writeln!(out, "| {n_items} | {plain:.2} | {filtered:.2} | {of_all:.4} | {of_others:.4} | {megabytes} |")?;
    }
    Ok(())
}
