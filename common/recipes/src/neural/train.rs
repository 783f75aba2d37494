//! The loop: epochs of steps, warm-up, early stopping, a limit of time, divergence.

mod state;

use std::time::Duration;

use rayon::prelude::*;

use super::adam::{AdamConfig, adam, adam_rows};
use super::allowance::Allowance;
use super::batch::{Cutting, Moment, Negatives, Rows, Shard, epoch, generator};
use super::checkpoint::Keeper;
use super::elementwise::{add, dot};
use super::items::ItemFeatures;
use super::parameters::{Layout, Start, begin};
use super::softmax::Candidates;
use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, TrainError};
pub use state::State;

/// Times that a training that diverged goes back and on with smaller steps.
const MAX_RETRIES: usize = 6;

/// What the rate is multiplied by after a divergence.
const SMALLER: f32 = 0.4;

/// Numbers that one task adds up.
const CHUNK: usize = 1 << 14;

/// Among the streams of a step, that of the items that do without their own row. Shards have those before.
const HIDDEN: u64 = 1 << 19;

/// What can be trained.
pub trait Network: Sync {
    fn layout(&self) -> &Layout;

    /// Length of the rows of the table of items.
    fn columns(&self) -> usize;

    /// Runs a shard forward and back. Adds to the gradient, and returns the sum of the losses of its targets,
    /// each times its weight.
    fn learn(&self, step: Step<'_>, shard: &Shard, rng: &mut rand_chacha::ChaCha8Rng, gradient: &mut Weights) -> f64;
}

/// What a shard is run with.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// By the network's [`Layout`].
    pub body: &'a [f32],
    /// Rows that [`Shard::items`] are numbers of.
    pub table: &'a [f32],
    /// The foremost of these rows, which [`Shard::targets`] are numbers of.
    pub candidates: &'a Candidates<'a>,
}

/// The weights of a network, or their gradient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub body: Vec<f32>,
    /// `(n_items, columns)`
    pub table: Vec<f32>,
}

impl Weights {
    pub fn start(network: &impl Network, n_items: usize, seed: u64) -> Self {
        // Streams below 16 are for what happens once.
        let mut rng = generator(seed, 0);
        let body = network.layout().start(&mut rng);
        let mut table = vec![0.0; n_items * network.columns()];
        begin(&mut table, Start::Spread(0.02), &mut rng);
        Self { body, table }
    }

    pub fn is_finite(&self) -> bool {
        self.body.iter().chain(&self.table).all(|value| value.is_finite())
    }
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub seed: u64,
    pub cutting: Cutting,
    pub n_epochs: usize,
    /// Of the learning rate, at its highest.
    pub rate: f32,
    /// Steps over which it grows from 0; from there it falls in a straight line to `last_rate` of it.
    pub warm_up: usize,
    pub last_rate: f32,
    pub adam: AdamConfig,
    /// Greatest norm of the mean gradient of a target's loss.
    pub clip: f32,
    /// Negatives a step, or `None` for all items.
    pub negatives: Option<usize>,
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

/// What is learned from, and how.
#[derive(Clone, Copy)]
pub struct Course<'a, N, W> {
    pub network: &'a N,
    pub histories: &'a Histories,
    pub plan: &'a Plan,
    /// What event `place` of a user counts as a target.
    pub weight: W,
    /// What items are made of beside their rows of the table.
    pub items: Option<&'a ItemFeatures>,
    /// What is known of who asks and when.
    pub moment: Option<Moment<'a>>,
    pub progress: &'a dyn Progress,
}

/// Judges weights; greater is better.
pub type Score<'a> = &'a dyn Fn(&Weights) -> Result<f64, TrainError>;

impl<N: Network, W: Fn(usize, usize) -> f32 + Sync> Course<'_, N, W> {
    /// Trains until the plan is fulfilled, the score grows no more and the weights have settled, or time is up; leaves the
    /// best weights seen.
    ///
    /// Without a score the last weights are the best. `tell` hears of every epoch. The state is kept under `name` now
    /// and then, and goes on from what an attempt that was cut off has kept there.
    ///
    /// # Errors
    /// [`TrainError::Stopped`], [`TrainError::Numerical`] if the loss diverges whatever the rate, or those of `score`.
    pub fn train(
        &self,
        state: &mut State,
        name: &str,
        score: Option<Score<'_>>,
        tell: &mut dyn FnMut(&State, Epoch),
    ) -> Result<(), TrainError> {
        let plan = self.plan;
        let allowance = Allowance::new(self.progress, plan.share_of_time);
        let mut keeper = Keeper::new(self.progress, name, plan.keep_every);
        if let Some(kept) = keeper.kept().and_then(|kept| state.restored(&kept)) {
            *state = kept;
        }
        state.n_epochs = state.n_epochs.min(plan.n_epochs);
        let mut learner = Learner::new(self, state.weights.table.len() / self.network.columns());
        let begun = state.epoch;
        while state.epoch < state.n_epochs && !allowance.is_used_up() {
            let before = (state.weights.clone(), state.body_moments.clone(), state.table_moments.clone(), state.step);
            let Some(loss) = learner.epoch(state, &allowance)? else {
                (state.weights, state.body_moments, state.table_moments, state.step) = before;
                state.n_retries += 1;
                state.rate_factor *= SMALLER;
                if state.n_retries > MAX_RETRIES {
                    return Err(TrainError::Numerical("the loss diverges, however small the steps".into()));
                }
                self.progress.report("the loss diverged: going back, and on with smaller steps", 0.0);
                continue;
            };
            state.epoch += 1;
            state.n_epochs = state.n_epochs.min(state.epoch.saturating_add(allowance.n_epochs(state.epoch - begun)));
            let mut told = Epoch { done: state.epoch, loss, score: None };
            let last = state.epoch == state.n_epochs || allowance.is_used_up();
            if let Some(score) = score
                && (last || state.epoch.is_multiple_of(plan.look_every.max(1)))
            {
                let reached = score(&state.weights)?;
                told.score = Some(reached);
                // Of equal scores the later: where lists cannot get better, probabilities still can.
                if state.best.as_ref().is_none_or(|best| reached >= best.0) {
                    state.best = Some((reached, state.epoch, state.weights.clone()));
                    state.n_worse = 0;
                } else {
                    state.n_worse += 1;
                }
            }
            tell(state, told);
            if state.n_worse > plan.patience && state.settling.is_none() {
                state.settle(learner.share(state), plan.settling);
            }
            let over = state.epoch >= state.n_epochs || allowance.is_used_up();
            keeper.keep(state.n_numbers(), over, || state.checkpoint());
        }
        if let Some((_, _, best)) = &state.best {
            state.weights = best.clone();
        }
        Ok(())
    }
}

/// What steps need besides the state.
struct Learner<'a, N, W> {
    course: &'a Course<'a, N, W>,
    negatives: Option<Negatives>,
    /// Of each shard.
    gradients: Vec<Weights>,
    total: Weights,
    n_items: usize,
    steps_an_epoch: usize,
}

impl<'a, N: Network, W: Fn(usize, usize) -> f32 + Sync> Learner<'a, N, W> {
    fn new(course: &'a Course<'a, N, W>, n_items: usize) -> Self {
        let (plan, histories) = (course.plan, course.histories);
        let a_step = plan.cutting.tokens_a_step.max(1);
        Self {
            course,
            negatives: plan.negatives.map(|n| Negatives::new(histories, n_items, n)),
            gradients: vec![Weights::default(); plan.cutting.n_shards.max(1)],
            total: Weights::default(),
            n_items,
            steps_an_epoch: histories.n_events().div_ceil(a_step).max(1),
        }
    }

    /// The mean loss, or `None` if it diverges. Ends early if there is no more time.
    fn epoch(&mut self, state: &mut State, allowance: &Allowance<'_>) -> Result<Option<f64>, TrainError> {
        let Course { histories, plan, weight, moment, progress, .. } = self.course;
        let steps = epoch(histories, &plan.cutting, &mut generator(plan.seed, 16 + state.epoch as u64));
        let (mut loss, mut weights) = (0.0, 0.0);
        for shards in steps {
            go_on(*progress)?;
            let pack = |sequences: Vec<_>| Shard::pack(histories, &sequences, weight, *moment);
            let shards: Vec<Shard> = shards.into_par_iter().map(pack).collect();
            let counted: f64 = shards.iter().flat_map(|shard| &shard.weights).map(|weight| f64::from(*weight)).sum();
            if counted <= 0.0 {
                continue;
            }
            let step_loss = self.step(state, shards, counted);
            if !step_loss.is_finite() {
                return Ok(None);
            }
            loss += step_loss;
            weights += counted;
            if allowance.is_used_up() {
                break;
            }
        }
        Ok(Some(if weights > 0.0 { loss / weights } else { 0.0 }))
    }

    /// The sum of the losses; not finite if anything of it is not, and then nothing was learned.
    fn step(&mut self, state: &mut State, mut shards: Vec<Shard>, counted: f64) -> f64 {
        let columns = self.course.network.columns();
        // Far from the streams of epochs.
        let stream = (state.step + 1) << 20;
        let rows = self
            .negatives
            .as_ref()
            .map(|negatives| negatives.draw(&mut shards, &mut generator(self.course.plan.seed, stream)));
        let made = self.course.items.map(|items| {
            let rows = rows.as_ref().map_or_else(|| (0..self.n_items as u32).collect(), |rows| rows.rows.clone());
            let hidden = items.draw_hidden(&rows, &mut generator(self.course.plan.seed, stream + HIDDEN));
            (items, rows, hidden)
        });
        let gathered = match (&made, &rows) {
            (Some((items, rows, hidden)), _) => Some(items.vectors(&state.weights, rows, hidden)),
            (None, Some(rows)) => Some(gather(&state.weights.table, rows, columns)),
            (None, None) => None,
        };
        let table = gathered.as_ref().unwrap_or(&state.weights.table);
        let (n_candidates, shifts) =
            rows.as_ref().map_or((table.len() / columns, &[][..]), |rows| (rows.n_candidates, &rows.shifts));
        let candidates = &Candidates::new(&table[..n_candidates * columns], columns, shifts);
        let step = Step { body: &state.weights.body, table, candidates };
        let (network, seed) = (self.course.network, self.course.plan.seed);
        let losses: Vec<f64> = self
            .gradients
            .par_iter_mut()
            .zip(&shards)
            .enumerate()
            .map(|(number, (gradient, shard))| {
                clear(&mut gradient.body, step.body.len());
                clear(&mut gradient.table, step.table.len());
                let mut rng = generator(seed, stream + 1 + number as u64);
                if shard.n_tokens() == 0 { 0.0 } else { network.learn(step, shard, &mut rng, gradient) }
            })
            .collect();
        add_up(&self.gradients, |gradient| &gradient.body, &mut self.total.body);
        add_up(&self.gradients, |gradient| &gradient.table, &mut self.total.table);
        if let Some((items, of, hidden)) = &made {
            items.back(of, rows.is_none(), hidden, &mut self.total);
        }
        let norm = (square(&self.total.body) + square(&self.total.table)).sqrt() / counted;
        let loss: f64 = losses.iter().sum();
        if !norm.is_finite() || !loss.is_finite() {
            return f64::NAN;
        }
        let scale = (f64::from(self.course.plan.clip) / norm.max(1e-30)).min(1.0) / counted;
        for gradient in [&mut self.total.body, &mut self.total.table] {
            gradient.par_chunks_mut(CHUNK).for_each(|chunk| chunk.iter_mut().for_each(|value| *value *= scale as f32));
        }
        state.step += 1;
        let rate = self.course.plan.rate * self.share(state) * state.rate_factor;
        let config = &self.course.plan.adam;
        adam(&mut state.weights.body, &self.total.body, &mut state.body_moments, state.step, rate, config);
        let (table, moments) = (&mut state.weights.table, &mut state.table_moments);
        match &rows {
            Some(rows) => {
                adam_rows(table, (&rows.rows, columns), &self.total.table, moments, state.step, rate, config);
            }
            None => adam(table, &self.total.table, moments, state.step, rate, config),
        }
        loss
    }

    /// What the rate is, beside the highest.
    fn share(&self, state: &State) -> f32 {
        let Plan { warm_up, last_rate, .. } = *self.course.plan;
        let (step, warm_up) = (state.step as f32, warm_up as f32);
        if step < warm_up {
            return step / warm_up;
        }
        let n_steps = (self.steps_an_epoch * state.n_epochs) as f32;
        let (from, highest) = state.settling.map_or((warm_up, 1.0), |from| (from.step as f32, from.share));
        let gone = ((step - from) / (n_steps - from).max(1.0)).clamp(0.0, 1.0);
        highest + (last_rate.min(highest) - highest) * gone
    }
}

fn gather(table: &[f32], rows: &Rows, columns: usize) -> Vec<f32> {
    rows.rows.iter().flat_map(|row| &table[*row as usize * columns..][..columns]).copied().collect()
}

fn clear(values: &mut Vec<f32>, len: usize) {
    values.clear();
    values.resize(len, 0.0);
}

/// Adds in the order of the shards, whatever thread does which numbers.
fn add_up<'a>(gradients: &'a [Weights], part: impl Fn(&'a Weights) -> &'a Vec<f32> + Sync, total: &mut Vec<f32>) {
    clear(total, gradients.first().map_or(0, |gradient| part(gradient).len()));
    total.par_chunks_mut(CHUNK).enumerate().for_each(|(number, chunk)| {
        for gradient in gradients {
            add(&part(gradient)[number * CHUNK..][..chunk.len()], chunk);
        }
    });
}

/// The sum of squares, chunk by chunk in their order.
fn square(values: &[f32]) -> f64 {
    let chunks: Vec<f64> = values.par_chunks(CHUNK).map(|chunk| f64::from(dot(chunk, chunk))).collect();
    chunks.iter().sum()
}

#[cfg(test)]
mod tests;
