//! Epochs of steps of a network over packed sequences.

mod state;

use rayon::prelude::*;

use super::adam::{AdamConfig, adam, adam_rows};
use super::allowance::Allowance;
use super::batch::{Cutting, Moment, Negatives, Rows, Shard, epoch, generator};
use super::elementwise::{add, dot};
use super::items::ItemFeatures;
use super::learning::{self, Epoch, Loop, Rules, Score};
use super::parameters::Layout;
use super::softmax::Candidates;
use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, TrainError};
pub use state::{State, Weights};

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

/// As far as it came between two epochs.
pub type Stand = learning::Stand<Weights>;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub seed: u64,
    pub cutting: Cutting,
    pub adam: AdamConfig,
    /// Greatest norm of the mean gradient of a target's loss.
    pub clip: f32,
    /// Negatives a step, or `None` for all items.
    pub negatives: Option<usize>,
    pub rules: Rules,
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

impl<N: Network, W: Fn(usize, usize) -> f32 + Sync> Course<'_, N, W> {
    /// Trains as [`Loop::run`] says; leaves the best weights seen.
    ///
    /// # Errors
    /// Those of [`Loop::run`].
    pub fn train(
        &self,
        state: &mut State,
        name: &str,
        score: Option<Score<'_, Weights>>,
        tell: &mut dyn FnMut(&Stand, Epoch),
    ) -> Result<Stand, TrainError> {
        let mut learner = Learner::new(self, state.weights.table.len() / self.network.columns());
        let whole = Loop { rules: &self.plan.rules, progress: self.progress, name, score, tell };
        whole.run(state, |state, stand, allowance| learner.epoch(state, stand, allowance))
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
}

impl<'a, N: Network, W: Fn(usize, usize) -> f32 + Sync> Learner<'a, N, W> {
    fn new(course: &'a Course<'a, N, W>, n_items: usize) -> Self {
        let plan = course.plan;
        Self {
            course,
            negatives: plan.negatives.map(|n| Negatives::new(course.histories, n_items, n)),
            gradients: vec![Weights::default(); plan.cutting.n_shards.max(1)],
            total: Weights::default(),
            n_items,
        }
    }

    /// The mean loss, or `None` if it diverges. Ends early if there is no more time.
    fn epoch(
        &mut self,
        state: &mut State,
        stand: &Stand,
        allowance: &Allowance<'_>,
    ) -> Result<Option<f64>, TrainError> {
        let Course { histories, plan, weight, moment, progress, .. } = self.course;
        let steps = epoch(histories, &plan.cutting, &mut generator(plan.seed, 16 + stand.epoch as u64));
        let n_steps = steps.len() as f64;
        let (mut loss, mut weights) = (0.0, 0.0);
        for (number, shards) in steps.into_iter().enumerate() {
            go_on(*progress)?;
            let pack = |sequences: Vec<_>| Shard::pack(histories, &sequences, weight, *moment);
            let shards: Vec<Shard> = shards.into_par_iter().map(pack).collect();
            let counted: f64 = shards.iter().flat_map(|shard| &shard.weights).map(|weight| f64::from(*weight)).sum();
            if counted <= 0.0 {
                continue;
            }
            let rate = stand.rate(&plan.rules, state.step + 1, number as f64 / n_steps);
            let step_loss = self.step(state, rate, shards, counted);
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
    fn step(&mut self, state: &mut State, rate: f32, mut shards: Vec<Shard>, counted: f64) -> f64 {
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
