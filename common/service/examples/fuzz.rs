//! Makes fuzzed requests by the million and reports what came of them; fails on a panic, a hang, a server error
//! or an answer that takes over 100 ms each time.
//!
//! ```text
//! cargo run --release -p palate-service --example fuzz -- --requests 2000000 --seed 1
//! ```
//!
//! `--from N` begins at request N (a multiple of 10,000: there a world begins), `--threads N` shares the work.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

#[path = "../tests/fuzzing/mod.rs"]
mod fuzzing;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fuzzing::{Report, WORLD, run};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut requests, mut seed, mut from, mut threads) = (100_000, 1, 0, 2);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--requests", Some(value)) => requests = value,
            ("--seed", Some(value)) => seed = value,
            ("--from", Some(value)) => from = value,
            ("--threads", Some(value)) => threads = value.max(1),
            _ => {
                eprintln!("usage: fuzz [--requests N] [--seed N] [--from N] [--threads N]");
                return ExitCode::FAILURE;
            }
        }
    }
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    // Each takes whole worlds.
    let share = requests.div_ceil(threads).div_ceil(WORLD) * WORLD;
    let shares: Vec<_> = (0..threads)
        .map(|thread| (from + thread * share, from + ((thread + 1) * share).min(requests)))
        .filter(|(start, end)| start < end)
        .map(|(start, end)| {
            let done = Arc::clone(&done);
            tokio::spawn(async move { run(seed, start..end, &done).await })
        })
        .collect();
    let progress = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let (done, took) = (done.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
            println!("{done} of {requests} requests, {:.0} a second", done as f64 / took);
        }
    });
    let mut report = Report::default();
    for share in shares {
        match share.await {
            Ok(part) => report.add(part),
            Err(error) => report.broken.push(format!("a thread ended: {error}")),
        }
    }
    progress.abort();
    print!("{report}");
    println!("seed {seed}, {:.0} s", begun.elapsed().as_secs_f64());
    if report.broken.is_empty() && report.slow.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
