//! What a training keeps, so that one that was cut off goes on where it was.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::Progress;

/// Time between two checkpoints at least, for most trainings.
pub const INTERVAL: Duration = Duration::from_secs(20);

/// Named numbers, the counts among them exact.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    counts: HashMap<String, String>,
    tensors: Vec<(String, Vec<f32>)>,
}

impl Checkpoint {
    pub fn count(mut self, name: &str, count: u64) -> Self {
        self.counts.insert(name.to_owned(), count.to_string());
        self
    }

    /// Kept to the last binary digit.
    pub fn number(self, name: &str, number: f64) -> Self {
        self.count(name, number.to_bits())
    }

    pub fn tensor(mut self, name: impl Into<String>, values: &[f32]) -> Self {
        self.tensors.push((name.into(), values.to_vec()));
        self
    }

    pub fn of_count(&self, name: &str) -> Option<u64> {
        self.counts.get(name)?.parse().ok()
    }

    pub fn of_number(&self, name: &str) -> Option<f64> {
        Some(f64::from_bits(self.of_count(name)?))
    }

    /// `None` unless there are as many numbers as in `like`, all of them finite.
    pub fn of_tensor(&self, name: &str, like: &[f32]) -> Option<Vec<f32>> {
        let values = &self.tensors.iter().find(|(other, _)| other == name)?.1;
        (values.len() == like.len() && values.iter().all(|value| value.is_finite())).then(|| values.clone())
    }

    fn write(&self) -> Option<Bytes> {
        let bytes: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|(_, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
            .collect();
        let views = self.tensors.iter().zip(&bytes).map(|((name, values), bytes)| {
            Some((name.as_str(), TensorView::new(Dtype::F32, vec![values.len()], bytes).ok()?))
        });
        let views: Option<Vec<_>> = views.collect();
        Some(safetensors::serialize(views?, Some(self.counts.clone())).ok()?.into())
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let counts = SafeTensors::read_metadata(bytes).ok()?.1.metadata().clone().unwrap_or_default();
        let tensors = SafeTensors::deserialize(bytes).ok()?;
        let tensors = tensors.iter().map(|(name, tensor)| {
            let values = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            (name.to_owned(), values.collect())
        });
        Some(Self { counts, tensors: tensors.collect() })
    }
}

/// Keeps checkpoints now and then under one name.
pub struct Keeper<'a> {
    progress: &'a dyn Progress,
    name: &'a str,
    interval: Duration,
    last: Instant,
}

impl<'a> Keeper<'a> {
    pub fn new(progress: &'a dyn Progress, name: &'a str, interval: Duration) -> Self {
        Self { progress, name, interval, last: Instant::now() }
    }

    /// What an attempt that was cut off has kept.
    pub fn kept(&self) -> Option<Checkpoint> {
        Checkpoint::read(&self.progress.kept(self.name)?)
    }

    /// Keeps a checkpoint if the last is some time ago, or `at_once`.
    pub fn keep(&mut self, at_once: bool, checkpoint: impl FnOnce() -> Checkpoint) {
        if !at_once && self.last.elapsed() < self.interval {
            return;
        }
        if let Some(bytes) = checkpoint().write() {
            self.progress.keep(self.name, bytes);
        }
        self.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_kept_is_read_as_it_was() {
        let kept =
            Checkpoint::default().count("step", u64::MAX).number("score", 0.1 + 0.2).tensor("table", &[1.5, -2.5]);
        let read = Checkpoint::read(&kept.write().unwrap()).unwrap();
        assert_eq!(read, kept);
        assert_eq!((read.of_count("step"), read.of_number("score")), (Some(u64::MAX), Some(0.1 + 0.2)));
        assert_eq!(read.of_tensor("table", &[0.0; 2]), Some(vec![1.5, -2.5]));
        assert!(read.of_tensor("table", &[0.0; 3]).is_none() && read.of_tensor("body", &[0.0; 2]).is_none());
        assert!(Checkpoint::read(b"no checkpoint").is_none());
        let broken = Checkpoint::default().tensor("table", &[f32::NAN]);
        assert!(broken.of_tensor("table", &[0.0]).is_none());
    }
}
