//! Requests that no client would send, by the million, against one service in process.
//!
//! Request number `n` of seed `s` is the same on every machine. The world that requests meet is made anew every
//! [`WORLD`] requests, so that it stays small and a finding can be looked at from the beginning of its world.
//! The example `fuzz` and the test of that name share this folder.

mod filters;
mod model;
mod requests;
mod rng;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::Model;
use requests::{Fuzzed, Maker};
use rng::Rng;
use world::World;

/// Requests to one world.
pub const WORLD: u64 = 10_000;

/// No answer takes longer.
pub const LIMIT: Duration = Duration::from_millis(100);

/// An answer that takes longer than this has not come.
const HANG: Duration = Duration::from_secs(10);

/// Findings that are told in full.
const TOLD: usize = 20;

/// What came of a range of requests.
#[derive(Default)]
pub struct Report {
    /// By operation: answers of 2xx, of 4xx, of any other status.
    pub operations: BTreeMap<String, [u64; 3]>,
    /// Panics, hangs and 500s, the first of them.
    pub broken: Vec<String>,
    /// Requests that took longer than [`LIMIT`] each time that they were made.
    pub slow: Vec<String>,
    /// Requests that took longer only once: the machine was busy.
    pub late_once: u64,
    pub slowest: Duration,
    /// Jobs that requests had queued, run when their world ended.
    pub jobs: u64,
}

impl Report {
    pub fn add(&mut self, other: Self) {
        for (operation, counts) in other.operations {
            let sum = self.operations.entry(operation).or_default();
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        self.broken.extend(other.broken);
        self.slow.extend(other.slow);
        self.late_once += other.late_once;
        self.slowest = self.slowest.max(other.slowest);
        self.jobs += other.jobs;
    }

    pub fn requests(&self) -> u64 {
        self.operations.values().flatten().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<36} {:>9} {:>9} {:>9}", "operation", "2xx", "4xx", "other")?;
        for (operation, [good, refused, other]) in &self.operations {
            writeln!(f, "{operation:<36} {good:>9} {refused:>9} {other:>9}")?;
        }
        let (limit, slowest) = (LIMIT.as_millis(), self.slowest.as_secs_f64() * 1e3);
        writeln!(f, "{} requests, {} jobs; slowest answer {slowest:.1} ms", self.requests(), self.jobs)?;
        writeln!(f, "over {limit} ms each time: {}; only once: {}", self.slow.len(), self.late_once)?;
        writeln!(f, "panics, hangs and server errors: {}", self.broken.len())?;
        self.slow.iter().chain(&self.broken).take(TOLD).try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// Makes the requests `numbers` of `seed` one after the other; counts them in `done`.
pub async fn run(seed: u64, numbers: Range<u64>, done: &AtomicU64) -> Report {
    let model = Model::read();
    let mut report = Report::default();
    let mut next = numbers.start;
    while next < numbers.end {
        let end = (next / WORLD + 1).saturating_mul(WORLD).min(numbers.end);
        let world = World::create().await;
        let maker = Maker { model: &model, world: &world };
        for number in next..end {
            let fuzzed = maker.request(&mut Rng::new(seed, number));
            meet(&world, &fuzzed, &format!("seed {seed}, request {number}"), &mut report).await;
            done.fetch_add(1, Ordering::Relaxed);
        }
        let (jobs, findings) = world.run_jobs().await;
        report.jobs += jobs;
        report.broken.extend(findings.into_iter().map(|finding| format!("seed {seed}, before {end}: {finding}")));
        next = end;
    }
    report
}

/// Makes one request and looks at its answer.
async fn meet(world: &World, fuzzed: &Fuzzed, name: &str, report: &mut Report) {
    let begun = Instant::now();
    let answered = tokio::time::timeout(HANG, world.service.handle(fuzzed.to_request())).await;
    let mut took = begun.elapsed();
    let counts = report.operations.entry(fuzzed.operation.clone()).or_default();
    match answered.map(|response| response.status().as_u16()) {
        Ok(200..=299) => counts[0] += 1,
        Ok(400..=499) => counts[1] += 1,
        Ok(status) => {
            counts[2] += 1;
            report.broken.push(format!("{name}: status {status}: {fuzzed}"));
        }
        Err(_) => {
            counts[2] += 1;
            report.broken.push(format!("{name}: no answer: {fuzzed}"));
        }
    }
    report.slowest = report.slowest.max(took);
    if took <= LIMIT {
        return;
    }
    // A request that is slow by itself is slow every time.
    for _ in 0..3 {
        let begun = Instant::now();
        let _ = tokio::time::timeout(HANG, world.service.handle(fuzzed.to_request())).await;
        took = took.min(begun.elapsed());
    }
    if took > LIMIT {
        report.slow.push(format!("{name}: {} ms: {fuzzed}", took.as_millis()));
    } else {
        report.late_once += 1;
    }
}
