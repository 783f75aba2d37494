//! Where a training stands, and how it is kept.

use super::Weights;
use crate::neural::adam::Moments;
use crate::neural::checkpoint::Checkpoint;

/// Where a training stands.
#[derive(Clone, Debug)]
pub struct State {
    pub weights: Weights,
    pub body_moments: Moments,
    pub table_moments: Moments,
    /// Steps and epochs done.
    pub step: u64,
    pub epoch: usize,
    /// The best look: score, epochs done by then, and weights.
    pub best: Option<(f64, usize, Weights)>,
    /// Looks since then.
    pub n_worse: usize,
    /// Epochs that there will be, if they are fewer than planned.
    pub n_epochs: usize,
    /// What divergence left of the rate.
    pub rate_factor: f32,
    pub n_retries: usize,
    pub settling: Option<Settling>,
}

/// Where settling set out from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settling {
    /// Steps done by then.
    pub step: u64,
    /// What the rate was then, beside the highest.
    pub share: f32,
}

impl State {
    pub fn new(weights: Weights) -> Self {
        let moments = (Moments::new(weights.body.len()), Moments::new(weights.table.len()));
        let (body_moments, table_moments) = moments;
        Self {
            weights,
            body_moments,
            table_moments,
            step: 0,
            epoch: 0,
            best: None,
            n_worse: 0,
            n_epochs: usize::MAX,
            rate_factor: 1.0,
            n_retries: 0,
            settling: None,
        }
    }

    pub fn n_numbers(&self) -> usize {
        4 * (self.weights.body.len() + self.weights.table.len())
    }

    /// All of it. What a plan says stands there.
    pub fn checkpoint(&self) -> Checkpoint {
        let moments = |checkpoint: Checkpoint, name: &str, moments: &Moments| {
            checkpoint.tensor(format!("{name}.mean"), &moments.mean).tensor(format!("{name}.square"), &moments.square)
        };
        let weights = |checkpoint: Checkpoint, name: &str, weights: &Weights| {
            checkpoint.tensor(format!("{name}.body"), &weights.body).tensor(format!("{name}.table"), &weights.table)
        };
        let mut checkpoint = weights(Checkpoint::default(), "weights", &self.weights)
            .count("step", self.step)
            .count("epoch", self.epoch as u64)
            .count("n_worse", self.n_worse as u64)
            .count("n_epochs", self.n_epochs as u64)
            .count("n_retries", self.n_retries as u64)
            .number("rate_factor", self.rate_factor.into());
        checkpoint = moments(checkpoint, "body", &self.body_moments);
        checkpoint = moments(checkpoint, "table", &self.table_moments);
        if let Some(Settling { step, share }) = self.settling {
            checkpoint = checkpoint.count("settling_step", step).number("settling_share", share.into());
        }
        match &self.best {
            Some((score, epoch, best)) => {
                weights(checkpoint.number("score", *score).count("best_epoch", *epoch as u64), "best", best)
            }
            None => checkpoint,
        }
    }

    /// `None` if it is of another network.
    pub fn restored(&self, checkpoint: &Checkpoint) -> Option<Self> {
        let count = |name: &str| usize::try_from(checkpoint.of_count(name)?).ok();
        let moments = |name: &str, like: &[f32]| {
            let of = |part: &str| checkpoint.of_tensor(&format!("{name}.{part}"), like);
            Some(Moments { mean: of("mean")?, square: of("square")? })
        };
        let weights = |name: &str| {
            let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
            Some(Weights { body: of("body", &self.weights.body)?, table: of("table", &self.weights.table)? })
        };
        let settling = checkpoint.of_count("settling_step").zip(checkpoint.of_number("settling_share"));
        let best = match checkpoint.of_number("score") {
            Some(score) => Some((score, count("best_epoch")?, weights("best")?)),
            None => None,
        };
        Some(Self {
            weights: weights("weights")?,
            body_moments: moments("body", &self.weights.body)?,
            table_moments: moments("table", &self.weights.table)?,
            step: checkpoint.of_count("step")?,
            epoch: count("epoch")?,
            best,
            n_worse: count("n_worse")?,
            n_epochs: count("n_epochs")?,
            rate_factor: checkpoint.of_number("rate_factor")? as f32,
            n_retries: count("n_retries")?,
            settling: settling.map(|(step, share)| Settling { step, share: share as f32 }),
        })
    }

    /// Goes back to the best weights, for some last epochs in which the rate falls from what it is.
    pub fn settle(&mut self, share: f32, epochs_beside_best: f64) {
        let Some((_, n_done, best)) = &self.best else { return };
        let n_more = (epochs_beside_best * *n_done as f64).ceil() as usize;
        self.weights = best.clone();
        self.settling = Some(Settling { step: self.step, share });
        self.n_epochs = self.n_epochs.min(self.epoch + n_more);
        self.n_worse = 0;
    }
}
