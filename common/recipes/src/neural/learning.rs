//! The loop of epochs: judging, going back after a divergence, settling, a limit of time, checkpoints.

use std::time::Duration;

use super::adam::Moments;
use super::allowance::Allowance;
use super::checkpoint::{Checkpoint, Keeper};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Times that learning that diverged goes back and on with smaller steps.
const MAX_RETRIES: usize = 6;

/// What the rate is multiplied by after a divergence.
const SMALLER: f32 = 0.4;

/// Numbers up to which checkpoints hold everything; of more they hold the weights alone, which are a quarter, since whatever
/// is kept stands in memory twice.
const MOST: usize = 1 << 27;

/// What a checkpoint can hold.
pub trait Kept: Clone {
    /// Adds it, with names that begin so.
    fn keep(&self, name: &str, checkpoint: Checkpoint) -> Checkpoint;

    /// What was added under this name; `None` if it is of another shape.
    fn restored(&self, name: &str, checkpoint: &Checkpoint) -> Option<Self>;
}

impl Kept for Moments {
    fn keep(&self, name: &str, checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.tensor(format!("{name}.mean"), &self.mean).tensor(format!("{name}.square"), &self.square)
    }

    fn restored(&self, name: &str, checkpoint: &Checkpoint) -> Option<Self> {
        let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
        Some(Self { mean: of("mean", &self.mean)?, square: of("square", &self.square)? })
    }
}

/// Weights on their way, with what is known of their gradients.
pub trait Learner: Sized {
    type Weights: Kept;

    /// Nothing is known of gradients yet.
    fn begin(weights: Self::Weights) -> Self;

    fn weights(&self) -> &Self::Weights;

    fn set_weights(&mut self, weights: Self::Weights);

    /// Adds everything, with names that do not begin with `best`.
    fn keep(&self, checkpoint: Checkpoint) -> Checkpoint;

    /// What was added; `None` if it is of another network.
    fn restored(&self, checkpoint: &Checkpoint) -> Option<Self>;

    /// Numbers that a checkpoint holds, about.
    fn n_numbers(&self) -> usize;
}

/// How long to learn, and how large the steps are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub n_epochs: usize,
    /// Of the learning rate, at its highest.
    pub rate: f32,
    /// Steps over which it grows from 0; over the epochs it falls in a straight line to `last_rate` of it.
    pub warm_up: usize,
    pub last_rate: f32,
    /// Epochs between two looks at the validation part.
    pub look_every: usize,
    /// Looks without a better score after which it goes back to the best weights and settles.
    pub patience: usize,
    /// Epochs of settling, beside those that made the best weights: the rate falls to its last, and learning ends. Large
    /// steps find no more where smaller ones still do. 0: it ends at once.
    pub settling: f64,
    /// Of the time that is left when it begins, what it may use: if the epochs do not fit, there are fewer.
    pub share_of_time: f64,
    /// Time between two checkpoints at least.
    pub keep_every: Duration,
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Epochs done.
    pub done: usize,
    /// Mean over the targets by their weights.
    pub loss: f64,
    /// Of the validation part, if it was looked at.
    pub score: Option<f64>,
}

impl Epoch {
    pub fn told(&self) -> String {
        let score = self.score.map_or(String::new(), |score| format!(", NDCG at 25 {score:.4}"));
        format!("epoch {}: loss {:.4}{score}", self.done, self.loss)
    }

    /// How much of the whole is done, if learning goes from one share of it to another.
    pub fn share<W>(&self, stand: &Stand<W>, from: f64, to: f64) -> f64 {
        from + (to - from) * self.done as f64 / stand.n_epochs.max(1) as f64
    }
}

/// Where learning stands between two epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Stand<W> {
    /// Epochs done.
    pub epoch: usize,
    /// Epochs that there will be.
    pub n_epochs: usize,
    /// The best look: score, epochs done by then, and weights.
    pub best: Option<(f64, usize, W)>,
    /// Looks since then.
    n_worse: usize,
    /// What divergence left of the rate.
    factor: f32,
    n_retries: usize,
    settling: Option<Settling>,
}

/// Where settling set out from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Settling {
    /// Epochs done by then.
    epoch: usize,
    /// What the rate was then, beside the highest.
    share: f32,
}

impl<W: Kept> Stand<W> {
    pub fn new(n_epochs: usize) -> Self {
        Self { epoch: 0, n_epochs, best: None, n_worse: 0, factor: 1.0, n_retries: 0, settling: None }
    }

    /// Epochs that made the best weights, or all.
    pub fn n_done(&self) -> usize {
        self.best.as_ref().map_or(self.epoch, |best| best.1)
    }

    /// The learning rate of a step, of which `n_steps` count from 1, when this part of the epoch is done.
    pub fn rate(&self, rules: &Rules, n_steps: u64, part: f64) -> f32 {
        let growing = if rules.warm_up > 0 { n_steps as f32 / rules.warm_up as f32 } else { 1.0 };
        rules.rate * self.factor * self.share(rules, part).min(growing)
    }

    /// What the rate is beside the highest, once it has grown.
    fn share(&self, rules: &Rules, part: f64) -> f32 {
        let (from, highest) = self.settling.map_or((0, 1.0), |from| (from.epoch, from.share));
        let n_epochs = self.n_epochs.saturating_sub(from).max(1) as f64;
        let gone = (self.epoch.saturating_sub(from) as f64 + part) / n_epochs;
        highest + (rules.last_rate.min(highest) - highest) * gone.clamp(0.0, 1.0) as f32
    }

    fn looked(&mut self, score: f64, weights: &W) {
        // Of equal scores the later: where lists cannot get better, probabilities still can.
        if self.best.as_ref().is_none_or(|best| score >= best.0) {
            self.best = Some((score, self.epoch, weights.clone()));
            self.n_worse = 0;
        } else {
            self.n_worse += 1;
        }
    }

    /// From the best weights on, which it gives, for some last epochs in which the rate falls from what it is.
    fn settle(&mut self, rules: &Rules) -> Option<W> {
        let (_, n_done, best) = self.best.as_ref()?;
        let n_more = (rules.settling * *n_done as f64).ceil() as usize;
        let best = best.clone();
        self.settling = Some(Settling { epoch: self.epoch, share: self.share(rules, 0.0) });
        self.n_epochs = self.n_epochs.min(self.epoch + n_more);
        self.n_worse = 0;
        Some(best)
    }

    /// What is told of it in the report.
    pub fn warning(&self) -> Option<String> {
        let times = match self.n_retries {
            0 => return None,
            1 => "once".to_owned(),
            n_times => format!("{n_times} times"),
        };
        Some(format!("The loss diverged {times}; learning went back and on with smaller steps."))
    }

    fn checkpoint(&self, learner: &impl Learner<Weights = W>) -> Checkpoint {
        let is_whole = learner.n_numbers() <= MOST;
        let mut checkpoint = match (is_whole, &self.best) {
            (true, _) => learner.keep(Checkpoint::default()),
            (false, Some((_, _, best))) if self.epoch >= self.n_epochs => best.keep("weights", Checkpoint::default()),
            (false, _) => learner.weights().keep("weights", Checkpoint::default()),
        };
        checkpoint = checkpoint
            .count("is_whole", is_whole.into())
            .count("epoch", self.epoch as u64)
            .count("n_epochs", self.n_epochs as u64)
            .count("n_worse", self.n_worse as u64)
            .count("n_retries", self.n_retries as u64)
            .number("factor", self.factor.into());
        if let Some(Settling { epoch, share }) = self.settling {
            checkpoint = checkpoint.count("settling_epoch", epoch as u64).number("settling_share", share.into());
        }
        match self.best.as_ref().filter(|_| is_whole) {
            Some((score, epoch, best)) => {
                best.keep("best", checkpoint.number("score", *score).count("best_epoch", *epoch as u64))
            }
            None => checkpoint,
        }
    }

    /// With a learner as it was then; `None` if `like` is of another network.
    fn restored<L: Learner<Weights = W>>(checkpoint: &Checkpoint, like: &L) -> Option<(Self, L)> {
        let count = |name: &str| usize::try_from(checkpoint.of_count(name)?).ok();
        let best = match checkpoint.of_number("score") {
            Some(score) => Some((score, count("best_epoch")?, like.weights().restored("best", checkpoint)?)),
            None => None,
        };
        let settling = count("settling_epoch").zip(checkpoint.of_number("settling_share"));
        let stand = Self {
            epoch: count("epoch")?,
            n_epochs: count("n_epochs")?,
            best,
            n_worse: count("n_worse")?,
            factor: checkpoint.of_number("factor")? as f32,
            n_retries: count("n_retries")?,
            settling: settling.map(|(epoch, share)| Settling { epoch, share: share as f32 }),
        };
        let learner = match checkpoint.of_count("is_whole")? {
            0 => L::begin(like.weights().restored("weights", checkpoint)?),
            _ => like.restored(checkpoint)?,
        };
        Some((stand, learner))
    }
}

/// Judges weights; greater is better.
pub type Score<'a, W> = &'a dyn Fn(&W) -> Result<f64, TrainError>;

/// What is heard of, kept and asked while learning.
pub struct Loop<'a, L: Learner> {
    pub rules: &'a Rules,
    pub progress: &'a dyn Progress,
    /// What checkpoints are kept under.
    pub name: &'a str,
    pub score: Option<Score<'a, L::Weights>>,
    /// Hears of every epoch.
    pub tell: &'a mut dyn FnMut(&Stand<L::Weights>, Epoch),
}

impl<L: Learner> Loop<'_, L> {
    /// Has it learn epoch by epoch until the rules are fulfilled, the score grows no more and the weights have settled, or
    /// time is up; leaves the best weights seen. Without a score the last weights are the best. Goes on from what an attempt
    /// that was cut off has kept.
    ///
    /// `epoch` goes over everything once, or as far as the allowance goes, and gives the mean loss, or `None` if something
    /// is not finite.
    ///
    /// # Errors
    /// [`TrainError::Stopped`], [`TrainError::Numerical`] if the loss diverges whatever the rate, or those of `epoch` and
    /// `score`.
    pub fn run(
        self,
        learner: &mut L,
        mut epoch: impl FnMut(&mut L, &Stand<L::Weights>, &Allowance<'_>) -> Result<Option<f64>, TrainError>,
    ) -> Result<Stand<L::Weights>, TrainError> {
        let Self { rules, progress, name, score, tell } = self;
        let allowance = Allowance::new(progress, rules.share_of_time);
        let mut keeper = Keeper::new(progress, name, rules.keep_every);
        let mut stand = Stand::new(rules.n_epochs);
        if let Some((kept, restored)) = keeper.kept().and_then(|kept| Stand::restored(&kept, learner)) {
            (stand, *learner) = (kept, restored);
        }
        let begun = stand.epoch;
        while stand.epoch < stand.n_epochs && !allowance.is_used_up() {
            go_on(progress)?;
            // Without what is known of gradients: of large catalogues that is twice as much.
            let before = learner.weights().clone();
            let Some(loss) = epoch(learner, &stand, &allowance)? else {
                *learner = L::begin(before);
                stand.n_retries += 1;
                stand.factor *= SMALLER;
                if stand.n_retries > MAX_RETRIES {
                    return Err(TrainError::Numerical("the loss diverges, however small the steps".into()));
                }
                progress.report("the loss diverged: going back, and on with smaller steps", 0.0);
                continue;
            };
            drop(before);
            stand.epoch += 1;
            let that_fit = stand.epoch.saturating_add(allowance.n_epochs(stand.epoch - begun));
            stand.n_epochs = stand.n_epochs.min(that_fit);
            let mut told = Epoch { done: stand.epoch, loss, score: None };
            let last = stand.epoch == stand.n_epochs || allowance.is_used_up();
            if let Some(score) = score
                && (last || stand.epoch.is_multiple_of(rules.look_every.max(1)))
            {
                let reached = score(learner.weights())?;
                told.score = Some(reached);
                stand.looked(reached, learner.weights());
            }
            tell(&stand, told);
            if stand.n_worse > rules.patience
                && stand.settling.is_none()
                && let Some(best) = stand.settle(rules)
            {
                learner.set_weights(best);
            }
            let over = stand.epoch >= stand.n_epochs || allowance.is_used_up();
            keeper.keep(over, || stand.checkpoint(learner));
        }
        if let Some((_, _, best)) = &stand.best {
            learner.set_weights(best.clone());
        }
        Ok(stand)
    }
}

#[cfg(test)]
mod tests;
