//! Weights on their way, and how they are kept.

use super::Network;
use crate::neural::adam::Moments;
use crate::neural::batch::generator;
use crate::neural::checkpoint::Checkpoint;
use crate::neural::learning::{self, Kept};
use crate::neural::parameters::{Start, begin};

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

impl Kept for Weights {
    fn keep(&self, name: &str, checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.tensor(format!("{name}.body"), &self.body).tensor(format!("{name}.table"), &self.table)
    }

    fn restored(&self, name: &str, checkpoint: &Checkpoint) -> Option<Self> {
        let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
        Some(Self { body: of("body", &self.body)?, table: of("table", &self.table)? })
    }
}

/// Where a training stands.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub weights: Weights,
    pub body_moments: Moments,
    pub table_moments: Moments,
    /// Steps done.
    pub step: u64,
}

impl learning::Learner for State {
    type Weights = Weights;

    fn begin(weights: Weights) -> Self {
        let (body, table) = (Moments::new(weights.body.len()), Moments::new(weights.table.len()));
        Self { weights, body_moments: body, table_moments: table, step: 0 }
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn set_weights(&mut self, weights: Weights) {
        self.weights = weights;
    }

    fn n_numbers(&self) -> usize {
        4 * (self.weights.body.len() + self.weights.table.len())
    }

    fn keep(&self, checkpoint: Checkpoint) -> Checkpoint {
        let checkpoint = self.weights.keep("weights", checkpoint.count("step", self.step));
        self.table_moments.keep("table", self.body_moments.keep("body", checkpoint))
    }

    fn restored(&self, checkpoint: &Checkpoint) -> Option<Self> {
        Some(Self {
            weights: self.weights.restored("weights", checkpoint)?,
            body_moments: self.body_moments.restored("body", checkpoint)?,
            table_moments: self.table_moments.restored("table", checkpoint)?,
            step: checkpoint.of_count("step")?,
        })
    }
}
