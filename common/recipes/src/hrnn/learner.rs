//! One epoch after the other: the weights, and how they are learned.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::body::{self, Body, Shape};
use super::items::Items;
use super::network::{Carry, Network};
use super::sample::Sample;
use super::weights::Weights;
use super::window::{Input, Lanes, NONE, Reading, Window};
use crate::model::SparseRows;
use crate::neural::adam::{AdamConfig, Moments, adam, adam_rows};
use crate::neural::allowance::Allowance;
use crate::neural::checkpoint::Checkpoint;
use crate::neural::elementwise::add;
use crate::neural::learning::{self, Kept, Rules, Stand};
use crate::neural::softmax::{Candidates, cross_entropy};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Newest events of a user that are learned from.
pub const LONGEST: usize = 1000;

/// Gradients longer than this are cut to it.
const LONGEST_GRADIENT: f64 = 1.0;

/// What the learner learns from.
#[derive(Clone, Copy)]
pub struct Material<'a> {
    pub reading: Reading<'a>,
    /// Features of items, users and interactions.
    pub items: &'a SparseRows,
    pub users: &'a SparseRows,
    pub contexts: &'a SparseRows,
    /// How often each item is an answer: what a sample is drawn by.
    pub n_events: &'a [u32],
    /// By item: whether it has no vector of its own, but its features alone. Empty: none.
    pub cold: &'a [bool],
}

impl Material<'_> {
    /// Whether an item does without its own vector in a step.
    fn hides(&self, item: u32, share: f64, rng: &mut ChaCha8Rng) -> bool {
        let has_features = !self.items.row(item).0.is_empty();
        let drawn = has_features && rng.random_bool(share);
        drawn || self.cold.get(item as usize).copied().unwrap_or(false)
    }
}

/// How it learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    pub seed: u64,
    /// Shards that make one step together, each on one thread, and the lanes of each.
    pub n_shards: usize,
    pub lanes: usize,
    /// Events that gradients go back.
    pub bptt: usize,
    /// Share of inputs and queries that is left out.
    pub dropout: f32,
    /// Share of the items with features whose own vector is left out of a step, and of the users whose features are.
    pub own_dropout: f64,
    pub decay: f32,
}

/// Weights on their way, with what Adam knows of their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Learner {
    pub weights: Weights,
    own: Moments,
    features: Moments,
    body: Vec<Moments>,
    /// Steps done.
    time: u64,
}

impl Learner {
    /// Goes once through all histories with events, or as far as time allows; gives the mean loss of an answer, or `None`
    /// if something is not finite any more.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn epoch(
        &mut self,
        material: &Material<'_>,
        (pace, rules): (&Pace, &Rules),
        stand: &Stand<Weights>,
        allowance: &Allowance<'_>,
        progress: &dyn Progress,
    ) -> Result<Option<f64>, TrainError> {
        let epoch = stand.epoch as u64 + 1;
        let mut rng = ChaCha8Rng::seed_from_u64(pace.seed ^ (epoch << 32));
        let lanes = Lanes::draw(material.reading.histories, pace.n_shards * pace.lanes, LONGEST, &mut rng);
        let hidden = |row: usize| epoch.wrapping_mul(0x9e37_79b9).wrapping_add(row as u64) % 997;
        // Users without features now and then, so that those of whom nothing is known are answered as well.
        let user_row = |user: usize| {
            let row = (material.reading.user_row)(user);
            if (hidden(user) as f64) < 997.0 * pace.own_dropout { NONE } else { row }
        };
        let context_row = |user: usize, place: usize| {
            let row = (material.reading.context_row)(user, place);
            if (hidden(user + place) as f64) < 997.0 * pace.own_dropout { NONE } else { row }
        };
        let reading = Reading { user_row: &user_row, context_row: &context_row, ..material.reading };
        let mut shards: Vec<_> = (0..pace.n_shards)
            .map(|shard| lanes.windows(&reading, shard * pace.lanes..(shard + 1) * pace.lanes, pace.bptt))
            .collect();
        let mut carries = vec![Carry::new(pace.lanes, self.weights.shape.d); pace.n_shards];
        let (mut loss, mut total) = (0.0, 0.0);
        let n_windows = lanes.n_steps().div_ceil(pace.bptt);
        for number in 0..n_windows {
            go_on(progress)?;
            let windows: Vec<Window> = shards.iter_mut().filter_map(Iterator::next).collect();
            let rate = stand.rate(rules, self.time + 1, number as f64 / n_windows as f64);
            let (step_loss, step_total) = self.step(material, (pace, rate), windows, &mut carries, &mut rng);
            if !step_loss.is_finite() {
                return Ok(None);
            }
            loss += step_loss * step_total;
            total += step_total;
            if allowance.is_used_up() {
                break;
            }
        }
        Ok(Some(loss / f64::max(total, 1.0)))
    }

    /// One step; gives the mean loss, and how much the answers count together. If the loss or a gradient is not finite, it
    /// is not, and nothing was learned.
    fn step(
        &mut self,
        material: &Material<'_>,
        (pace, rate): (&Pace, f32),
        mut windows: Vec<Window>,
        carries: &mut [Carry],
        rng: &mut ChaCha8Rng,
    ) -> (f64, f64) {
        let cells = || windows.iter().flat_map(|window| &window.cells);
        let total: f64 = cells().map(|cell| f64::from(cell.weight)).sum();
        if total == 0.0 {
            return (0.0, 0.0);
        }
        let sample = Sample::draw(material.n_events, &windows, rng);
        sample.rename(&mut windows);
        let hidden: Vec<bool> = match material.items.n_rows() {
            0 => Vec::new(),
            _ => sample.items.iter().map(|item| material.hides(*item, pace.own_dropout, rng)).collect(),
        };
        let vectors = self.weights.items.vectors(material.items, &sample.items, &hidden);
        let network = self.weights.network(&vectors, material.users, material.contexts);
        let shape = self.weights.shape;
        let candidates = Candidates::new(&vectors, shape.d + 1, &sample.shifts);
        let of_shards: Vec<Gradients> = windows
            .par_iter()
            .zip(carries.par_iter_mut())
            .enumerate()
            .map(|(shard, (window, carry))| {
                let seed = pace.seed ^ (self.time << 8) ^ shard as u64;
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                shard_gradients(&network, &candidates, shape, window, carry, (pace.dropout, &mut rng), total)
            })
            .collect();
        let mut sum = of_shards.into_iter().reduce(Gradients::plus).unwrap_or_else(|| Gradients::zeros(shape, 0));
        let squares = |values: &[f32]| values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
        let length =
            (squares(&sum.vectors) + sum.body.tensors().iter().map(|tensor| squares(tensor)).sum::<f64>()).sqrt();
        if !length.is_finite() || !sum.loss.is_finite() {
            return (f64::NAN, total);
        }
        if length > LONGEST_GRADIENT {
            let share = (LONGEST_GRADIENT / length) as f32;
            sum.vectors.iter_mut().for_each(|value| *value *= share);
            sum.body.tensors_mut().iter_mut().flatten().for_each(|value| *value *= share);
        }
        self.apply(material, (pace.decay, rate), &sample, &hidden, &sum);
        (sum.loss, total)
    }

    fn apply(
        &mut self,
        material: &Material<'_>,
        (decay, rate): (f32, f32),
        sample: &Sample,
        hidden: &[bool],
        sum: &Gradients,
    ) {
        self.time += 1;
        let config = AdamConfig { weight_decay: decay, ..AdamConfig::default() };
        let width = self.weights.items.width;
        let items = &mut self.weights.items;
        if !items.features.is_empty() {
            let mut d_features = vec![0.0; items.features.len()];
            items.back(material.items, &sample.items, &sum.vectors, &mut d_features);
            adam(&mut items.features, &d_features, &mut self.features, self.time, rate, &config);
        }
        let mut rows = Vec::with_capacity(sample.items.len());
        let mut gradients = Vec::with_capacity(sum.vectors.len());
        let is_hidden = |place: usize| hidden.get(place).copied().unwrap_or(false);
        for (place, item) in sample.items.iter().enumerate().filter(|(place, _)| !is_hidden(*place)) {
            rows.push(*item);
            gradients.extend(items.own_gradient(*item, &sum.vectors[place * width..(place + 1) * width]));
        }
        if gradients.len() == items.own.len() {
            adam(&mut items.own, &gradients, &mut self.own, self.time, rate, &config);
        } else {
            adam_rows(&mut items.own, (&rows, width), &gradients, &mut self.own, self.time, rate, &config);
        }
        let tensors = self.weights.body.tensors_mut().iter_mut().zip(sum.body.tensors());
        for ((tensor, gradient), moments) in tensors.zip(&mut self.body) {
            adam(tensor, gradient, moments, self.time, rate, &config);
        }
    }
}

impl learning::Learner for Learner {
    type Weights = Weights;

    fn begin(weights: Weights) -> Self {
        Self {
            own: Moments::new(weights.items.own.len()),
            features: Moments::new(weights.items.features.len()),
            body: weights.body.tensors().iter().map(|tensor| Moments::new(tensor.len())).collect(),
            weights,
            time: 0,
        }
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn set_weights(&mut self, weights: Weights) {
        self.weights = weights;
    }

    fn n_numbers(&self) -> usize {
        let Items { own, features, .. } = &self.weights.items;
        4 * (own.len() + features.len() + self.weights.body.tensors().iter().map(Vec::len).sum::<usize>())
    }

    fn keep(&self, checkpoint: Checkpoint) -> Checkpoint {
        let checkpoint = self.weights.keep("weights", checkpoint.count("time", self.time));
        let items = [("adam.own", &self.own), ("adam.features", &self.features)];
        let checkpoint =
            items.into_iter().fold(checkpoint, |checkpoint, (name, moments)| moments.keep(name, checkpoint));
        let body = self.body.iter().enumerate();
        body.fold(checkpoint, |checkpoint, (number, moments)| moments.keep(&format!("adam.{number}"), checkpoint))
    }

    fn restored(&self, checkpoint: &Checkpoint) -> Option<Self> {
        let body = self.body.iter().enumerate();
        let body = body.map(|(number, moments)| moments.restored(&format!("adam.{number}"), checkpoint));
        Some(Self {
            weights: self.weights.restored("weights", checkpoint)?,
            own: self.own.restored("adam.own", checkpoint)?,
            features: self.features.restored("adam.features", checkpoint)?,
            body: body.collect::<Option<_>>()?,
            time: checkpoint.of_count("time")?,
        })
    }
}

struct Gradients {
    loss: f64,
    /// `(n_candidates, width)`
    vectors: Vec<f32>,
    body: Body,
}

impl Gradients {
    fn zeros(shape: Shape, n: usize) -> Self {
        Self { loss: 0.0, vectors: vec![0.0; n], body: Body::zeros(shape) }
    }

    fn plus(mut self, other: Self) -> Self {
        self.loss += other.loss;
        add(&other.vectors, &mut self.vectors);
        for tensor in 0..body::N_TENSORS {
            add(&other.body[tensor], &mut self.body[tensor]);
        }
        self
    }
}

fn shard_gradients(
    network: &Network<'_>,
    candidates: &Candidates<'_>,
    shape: Shape,
    window: &Window,
    carry: &mut Carry,
    dropout: (f32, &mut ChaCha8Rng),
    total: f64,
) -> Gradients {
    let width = shape.d + 1;
    let mut gradients = Gradients::zeros(shape, network.items.len());
    let pass = network.pass(window, carry, Some(dropout));
    let asked: Vec<usize> = (0..window.cells.len()).filter(|place| window.cells[*place].weight > 0.0).collect();
    if asked.is_empty() {
        return gradients;
    }
    let states: Vec<f32> =
        asked.iter().flat_map(|place| &pass.queries[place * width..(place + 1) * width]).copied().collect();
    let targets: Vec<u32> = asked.iter().map(|place| window.cells[*place].target).collect();
    let weights: Vec<f32> = asked.iter().map(|place| (f64::from(window.cells[*place].weight) / total) as f32).collect();
    let mut d_states = vec![0.0; states.len()];
    gradients.loss = cross_entropy(&states, &targets, &weights, candidates, &mut d_states, &mut gradients.vectors);
    let mut d_queries = vec![0.0; pass.queries.len()];
    for (place, d_state) in asked.iter().zip(d_states.chunks_exact(width)) {
        d_queries[place * width..(place + 1) * width].copy_from_slice(d_state);
    }
    let d_inputs = network.back(window, &pass, &d_queries, &mut gradients.body);
    for (cell, d_input) in window.cells.iter().zip(d_inputs.chunks_exact(shape.d)) {
        if let Input::Item(item) = cell.input {
            add(d_input, &mut gradients.vectors[item as usize * width..][..shape.d]);
        }
    }
    gradients
}

/// Users in an order of their own for each seed.
pub fn drawn(mut users: Vec<usize>, n: usize, seed: u64) -> Vec<usize> {
    users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    users.truncate(n);
    users.sort_unstable();
    users
}
