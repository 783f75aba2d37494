//! What the service has done since it began, counted as it happens and told in Prometheus' text format 0.0.4.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::service::{JobError, JobKind, JobOutcome};
use crate::wire::{Api, MODEL};

/// What requests are counted under that ask for no operation.
pub(crate) const NO_OPERATION: &str = "unknown";

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

const STATUS_CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

const APIS: [Api; 3] = [Api::Control, Api::Runtime, Api::Events];

/// Counters that any number of requests move at a time.
pub(crate) struct Metrics {
    /// By operation, then by class of status. Every operation is there from the start.
    requests: HashMap<&'static str, [AtomicU64; 3]>,
    latencies: [Histogram; 3],
    in_flight: AtomicU64,
    /// Job runs are few: a lock costs nothing.
    jobs: Mutex<BTreeMap<(String, &'static str), u64>>,
    pub events_stored: AtomicU64,
}

#[derive(Default)]
struct Histogram {
    /// Observations of each bucket alone; the last are above all bounds.
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What others know, at the time of asking.
pub(crate) struct Gauges {
    /// Jobs that wait for a worker, and those that one holds; absent if the store does not answer.
    pub jobs: Option<Queued>,
    pub cache_bytes: usize,
    pub cache_entries: usize,
}

/// Jobs that have not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queued {
    pub waiting: usize,
    /// A worker holds a lease on them.
    pub running: usize,
}

/// A request in flight, until it is dropped.
pub(crate) struct InFlight<'a>(&'a AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    pub fn new() -> Self {
        let names = MODEL.operations.iter().map(|operation| operation.name.as_str());
        Self {
            requests: names.chain([NO_OPERATION]).map(|name| (name, Default::default())).collect(),
            latencies: Default::default(),
            in_flight: AtomicU64::new(0),
            jobs: Mutex::default(),
            events_stored: AtomicU64::new(0),
        }
    }

    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(&self.in_flight)
    }

    /// A request has been answered.
    pub fn answered(&self, api: Api, operation: &str, status: u16, took: Duration) {
        let class = match status {
            500.. => 2,
            400..500 => 1,
            _ => 0,
        };
        if let Some(classes) = self.requests.get(operation) {
            classes[class].fetch_add(1, Relaxed);
        }
        self.latencies[place(api)].observe(took);
    }

    /// A run of a job has ended.
    pub fn job_ended(&self, kind: JobKind, result: &Result<JobOutcome, JobError>) {
        let outcome = match result {
            Ok(JobOutcome::Done) => "done",
            Ok(JobOutcome::Failed) => "failed",
            Ok(JobOutcome::Stopped) => "stopped",
            Ok(JobOutcome::Settled) => "settled",
            Ok(JobOutcome::Busy) => "busy",
            Err(_) => "interrupted",
        };
        // Its name on the wire, which is there for every kind.
        let kind = serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        *jobs.entry((kind.unwrap_or_default(), outcome)).or_default() += 1;
    }

    /// Everything, in Prometheus' text format.
    pub fn text(&self, gauges: &Gauges) -> String {
        let mut text = Text::default();
        text.family("palate_requests_total", "counter", "Requests answered, by operation and class of status.");
        let mut operations: Vec<_> = self.requests.iter().collect();
        operations.sort_by_key(|(name, _)| **name);
        for (operation, classes) in operations {
            for (class, count) in STATUS_CLASSES.iter().zip(classes) {
                let count = count.load(Relaxed);
                // An operation that nobody asked for has no line; one that was asked for has all of them.
                if classes.iter().any(|count| count.load(Relaxed) > 0) {
                    text.sample("palate_requests_total", &[("operation", operation), ("status", class)], count as f64);
                }
            }
        }
        let name = "palate_request_duration_seconds";
        text.family(name, "histogram", "From the head of a request to its answer, by API.");
        for api in APIS {
            self.latencies[place(api)].write(&mut text, name, service_name(api));
        }
        text.family("palate_requests_in_flight", "gauge", "Requests that wait for their answer.");
        text.sample("palate_requests_in_flight", &[], self.in_flight.load(Relaxed) as f64);
        text.family("palate_jobs_total", "counter", "Runs of jobs that have ended, by kind and outcome.");
        for ((kind, outcome), count) in self.jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text.sample("palate_jobs_total", &[("kind", kind), ("outcome", outcome)], *count as f64);
        }
        if let Some(jobs) = gauges.jobs {
            text.family("palate_jobs_unsettled", "gauge", "Jobs that wait for a worker, and those that one holds.");
            text.sample("palate_jobs_unsettled", &[("state", "waiting")], jobs.waiting as f64);
            text.sample("palate_jobs_unsettled", &[("state", "running")], jobs.running as f64);
        }
        text.family("palate_model_cache_bytes", "gauge", "What models and pages of histories take in memory.");
        text.sample("palate_model_cache_bytes", &[], gauges.cache_bytes as f64);
        text.family("palate_model_cache_entries", "gauge", "Models and pages of histories in memory.");
        text.sample("palate_model_cache_entries", &[], gauges.cache_entries as f64);
        text.family("palate_events_stored_total", "counter", "Streamed events stored.");
        text.sample("palate_events_stored_total", &[], self.events_stored.load(Relaxed) as f64);
        text.0
    }
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    fn write(&self, text: &mut Text, name: &str, api: &str) {
        let mut below = 0;
        let bounds = BUCKETS_US.iter().map(|us| (*us as f64 / 1e6).to_string()).chain(["+Inf".into()]);
        for (bound, count) in bounds.zip(&self.buckets) {
            below += count.load(Relaxed);
            text.sample(&format!("{name}_bucket"), &[("api", api), ("le", &bound)], below as f64);
        }
        text.sample(&format!("{name}_sum"), &[("api", api)], self.sum_us.load(Relaxed) as f64 / 1e6);
        // The same number as the last bucket's, or a scrape between two increments would contradict itself.
        text.sample(&format!("{name}_count"), &[("api", api)], below as f64);
    }
}

fn place(api: Api) -> usize {
    match api {
        Api::Control => 0,
        Api::Runtime => 1,
        Api::Events => 2,
    }
}

fn service_name(api: Api) -> &'static str {
    match api {
        Api::Control => "personalize",
        Api::Runtime => "personalize-runtime",
        Api::Events => "personalize-events",
    }
}

/// Prometheus' text format 0.0.4.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if i == 0 { "{" } else { "," });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}
