use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use palate_recipes::Progress;
use palate_store::{BlobStore, PutCondition};
use tokio::runtime::Handle;

use crate::error::chain;
use crate::jobs::{Lost, Told};

/// The share of its time that a training may spend on deciding what to train.
const DECIDING: f64 = 0.6;

/// Reports a training to the log and the job, and stops it when another worker has taken it over or its owner wants
/// it.
pub(super) struct Watch {
    arn: String,
    pub lost: Lost,
    stop: Arc<AtomicBool>,
    told: Told,
    begun: Instant,
    time: Option<Duration>,
}

impl Watch {
    /// `time` is how long the training may learn, from now on.
    pub fn new(arn: String, lost: Lost, stop: Arc<AtomicBool>, told: Told, time: Option<Duration>) -> Self {
        Self { arn, lost, stop, told, begun: Instant::now(), time }
    }

    /// The part of the training in which it is decided what is trained.
    pub fn deciding(&self) -> Phase<'_> {
        let time = self.time.map(|time| time.mul_f64(DECIDING));
        Phase { watch: self, from: 0.0, to: DECIDING, time, checkpoints: None }
    }

    /// The training itself, after a decision or not.
    pub fn training<'a>(&'a self, decided: bool, checkpoints: &'a Checkpoints) -> Phase<'a> {
        let from = if decided { DECIDING } else { 0.0 };
        Phase { watch: self, from, to: 1.0, time: self.time, checkpoints: Some(checkpoints) }
    }
}

/// A part of a training.
pub(super) struct Phase<'a> {
    watch: &'a Watch,
    /// Shares of the whole at which it begins and ends.
    from: f64,
    to: f64,
    /// Since the beginning of the whole.
    time: Option<Duration>,
    checkpoints: Option<&'a Checkpoints>,
}

impl Phase<'_> {
    /// The `number`th of `n` parts of it.
    pub fn part(&self, number: usize, n: usize) -> Phase<'_> {
        let at = |number: usize| self.from + (self.to - self.from) * number as f64 / n.max(1) as f64;
        Phase { watch: self.watch, from: at(number), to: at(number + 1), time: self.time, checkpoints: None }
    }
}

impl Progress for Phase<'_> {
    fn report(&self, step: &str, done: f64) {
        let done = self.from + (self.to - self.from) * done.clamp(0.0, 1.0);
        self.watch.told.tell(step, done);
        tracing::info!(job = self.watch.arn, step, percent = (done * 100.0).round(), "training");
    }

    fn stopped(&self) -> bool {
        self.watch.lost.is_lost() || self.watch.stop.load(Ordering::Relaxed)
    }

    fn tells_times(&self) -> bool {
        true
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.time?.saturating_sub(self.watch.begun.elapsed()))
    }

    fn kept(&self, name: &str) -> Option<Bytes> {
        self.checkpoints?.read(name)
    }

    fn keep(&self, name: &str, state: Bytes) {
        if let Some(checkpoints) = self.checkpoints {
            checkpoints.write(name, state);
        }
    }
}

/// What is kept for the next attempt, should this one be cut off. Used from threads that compute.
pub(super) struct Checkpoints {
    blobs: Arc<dyn BlobStore>,
    /// Without a trailing `/`.
    folder: String,
    runtime: Handle,
}

impl Checkpoints {
    /// # Panics
    /// Outside of a runtime.
    pub fn new(blobs: Arc<dyn BlobStore>, folder: String) -> Self {
        Self { blobs, folder, runtime: Handle::current() }
    }

    /// Those of one kind alone: a training of the same data and configuration.
    pub fn of(&self, fingerprint: &str) -> Self {
        let folder = format!("{}/{fingerprint}", self.folder);
        Self { blobs: Arc::clone(&self.blobs), folder, runtime: self.runtime.clone() }
    }

    /// What cannot be read is as if it were not there.
    pub fn read(&self, name: &str) -> Option<Bytes> {
        self.runtime.block_on(self.blobs.get(&format!("{}/{name}", self.folder))).ok()
    }

    /// A checkpoint that cannot be written costs time if the training is cut off, and nothing else.
    pub fn write(&self, name: &str, state: Bytes) {
        let key = format!("{}/{name}", self.folder);
        if let Err(error) = self.runtime.block_on(self.blobs.put(&key, state, PutCondition::Always)) {
            tracing::warn!(key, error = chain(&error), "checkpoint not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(time: Option<Duration>) -> Watch {
        Watch::new("arn".into(), Lost::default(), Arc::default(), Told::default(), time)
    }

    #[test]
    fn what_is_told_of_parts_is_told_as_shares_of_the_whole() {
        let watch = watch(None);
        let deciding = watch.deciding();
        let mut last = 0.0;
        for part in 0..4 {
            for done in [0.0, 0.5, 1.0] {
                deciding.part(part, 4).report("fitting", done);
                let told = watch.told.last().map(|told| told.done);
                let wanted = DECIDING * (part as f64 + done) / 4.0;
                assert!(told.is_some_and(|told| (told - wanted).abs() < 1e-9 && told >= last), "{told:?} {wanted}");
                last = wanted;
            }
        }
        // A recipe that goes beyond its end is held to it.
        deciding.report("fitting", 7.0);
        assert_eq!(watch.told.last().map(|told| (told.step, told.done)), Some(("fitting".into(), DECIDING)));
    }

    #[test]
    fn time_is_up_for_decisions_before_it_is_for_the_training() {
        let begun = Instant::now();
        let late = |seconds: u64| {
            let mut watch = watch(Some(Duration::from_secs(1000)));
            watch.begun = begun.checked_sub(Duration::from_secs(seconds)).unwrap_or(begun);
            (watch.deciding().out_of_time(), watch.deciding().part(0, 2).out_of_time())
        };
        assert_eq!((late(0), late(700)), ((false, false), (true, true)));
        assert!(!watch(None).deciding().out_of_time());
    }
}
