//! Where learning stands between two epochs, and its checkpoint.

use super::body::Body;
use super::learner::{Learner, Weights};
use crate::neural::adam::Moments;
use crate::neural::checkpoint::Checkpoint;

/// Epochs without a better score after which learning ends, and the part of all epochs if that is more.
const PATIENCE: usize = 3;
const PATIENT_PART: usize = 5;

#[derive(Default)]
pub struct Stand {
    pub done: usize,
    /// Epochs that there will be.
    pub n_epochs: usize,
    /// What divergence left of the rate.
    pub factor: f32,
    pub n_retries: usize,
    /// The best so far: score, epochs done by then, and weights.
    pub best: Option<(f64, usize, Weights)>,
}

impl Stand {
    pub fn is_patience_over(&self) -> bool {
        self.best.as_ref().is_some_and(|(_, at, _)| self.done - at >= PATIENCE.max(self.n_epochs / PATIENT_PART))
    }

    pub fn checkpoint(&self, learner: &Learner) -> Checkpoint {
        let mut checkpoint = Checkpoint::default()
            .count("done", self.done as u64)
            .count("n_epochs", self.n_epochs as u64)
            .count("n_retries", self.n_retries as u64)
            .number("factor", self.factor.into())
            .count("time", learner.time)
            .count("epoch", learner.epoch);
        checkpoint = with_weights(checkpoint, "weights", &learner.weights);
        for (name, moments) in learner.moments() {
            checkpoint = checkpoint
                .tensor(format!("{name}.mean"), &moments.mean)
                .tensor(format!("{name}.square"), &moments.square);
        }
        if let Some((score, at, weights)) = &self.best {
            checkpoint = checkpoint.number("score", *score).count("best_at", *at as u64);
            checkpoint = with_weights(checkpoint, "best", weights);
        }
        checkpoint
    }

    /// With a learner as it was then; `None` if `like` is of another network.
    pub fn restored(checkpoint: &Checkpoint, like: &Learner) -> Option<(Self, Learner)> {
        let count = |name: &str| usize::try_from(checkpoint.of_count(name)?).ok();
        let mut learner = like.clone();
        learner.weights = weights(checkpoint, "weights", &like.weights)?;
        (learner.time, learner.epoch) = (checkpoint.of_count("time")?, checkpoint.of_count("epoch")?);
        for (name, moments) in learner.moments_mut() {
            let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
            *moments = Moments { mean: of("mean", &moments.mean)?, square: of("square", &moments.square)? };
        }
        let best = match checkpoint.of_number("score") {
            Some(score) => Some((score, count("best_at")?, weights(checkpoint, "best", &like.weights)?)),
            None => None,
        };
        let stand = Self {
            done: count("done")?,
            n_epochs: count("n_epochs")?,
            factor: checkpoint.of_number("factor")? as f32,
            n_retries: count("n_retries")?,
            best,
        };
        Some((stand, learner))
    }
}

fn with_weights(checkpoint: Checkpoint, name: &str, weights: &Weights) -> Checkpoint {
    let Weights { items, body, .. } = weights;
    let checkpoint =
        checkpoint.tensor(format!("{name}.own"), &items.own).tensor(format!("{name}.features"), &items.features);
    let tensors = body.tensors().iter().enumerate();
    tensors.fold(checkpoint, |checkpoint, (number, tensor)| checkpoint.tensor(format!("{name}.{number}"), tensor))
}

fn weights(checkpoint: &Checkpoint, name: &str, like: &Weights) -> Option<Weights> {
    let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
    let mut weights = like.clone();
    weights.items.own = of("own", &like.items.own)?;
    weights.items.features = of("features", &like.items.features)?;
    let tensors = like.body.tensors().iter().enumerate().map(|(number, tensor)| of(&number.to_string(), tensor));
    weights.body = Body::of(like.shape, tensors.collect::<Option<_>>()?)?;
    Some(weights)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::body::Shape;
    use super::*;
    use crate::model::SparseRows;

    fn learner(d: usize, n_features: usize, seed: u64) -> Learner {
        let shape = Shape { d, n_user_features: n_features, n_context_features: 1 };
        let of = SparseRows::from_rows((0..3).map(|_| (vec![], vec![])));
        Learner::new(Weights::draw(shape, &[1, 2, 0], (&of, n_features), seed))
    }

    #[test]
    fn what_was_kept_is_where_learning_stood() {
        for n_features in [0, 2] {
            let mut before = learner(3, n_features, 1);
            (before.time, before.epoch) = (70, 7);
            for (number, (_, moments)) in before.moments_mut().enumerate() {
                moments.mean.fill(0.1 * number as f32);
                moments.square.fill(0.2 * number as f32);
            }
            let best = Some((0.1 + 0.2, 5, learner(3, n_features, 2).weights));
            let stand = Stand { done: 7, n_epochs: 20, factor: 0.3, n_retries: 1, best };
            let checkpoint = stand.checkpoint(&before);
            let (again, after) = Stand::restored(&checkpoint, &learner(3, n_features, 9)).unwrap();
            assert_eq!((again.done, again.n_epochs, again.n_retries), (7, 20, 1));
            assert_eq!((again.factor, &again.best), (0.3, &stand.best));
            assert_eq!((after.time, after.epoch, &after.weights), (70, 7, &before.weights));
            assert!(after.moments().eq(before.moments()));
            // Of another network.
            assert!(Stand::restored(&checkpoint, &learner(4, n_features, 1)).is_none());
        }
    }
}
