//! Adam with decoupled weight decay: Kingma and Ba (2015), Loshchilov and Hutter (2019).

use super::widest::widest;
use rayon::prelude::*;

/// Numbers that one task goes through.
const CHUNK: usize = 1 << 14;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    pub beta_1: f32,
    pub beta_2: f32,
    pub epsilon: f32,
    /// Share of a weight that a step of rate 1 takes away.
    pub weight_decay: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.98, epsilon: 1e-9, weight_decay: 0.0 }
    }
}

/// Running means of gradients and of their squares.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    pub mean: Vec<f32>,
    pub square: Vec<f32>,
}

impl Moments {
    pub fn new(len: usize) -> Self {
        Self { mean: vec![0.0; len], square: vec![0.0; len] }
    }
}

/// One step down the gradient. `step` counts from 1; `rate` is the learning rate.
pub fn adam(weights: &mut [f32], gradient: &[f32], moments: &mut Moments, step: u64, rate: f32, config: &AdamConfig) {
    let update = Update::new(step, rate, config);
    let Moments { mean, square } = moments;
    let chunks = weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK));
    let moments = mean.par_chunks_mut(CHUNK).zip(square.par_chunks_mut(CHUNK));
    chunks.zip(moments).for_each(|((weights, gradient), (mean, square))| update.apply(weights, gradient, mean, square));
}

/// As [`adam`], of some rows of a table alone: the others keep weights and moments ("lazy" Adam).
///
/// `rows` ascend; `gradient` has a row for each.
pub fn adam_rows(
    table: &mut [f32],
    (rows, columns): (&[u32], usize),
    gradient: &[f32],
    moments: &mut Moments,
    step: u64,
    rate: f32,
    config: &AdamConfig,
) {
    let update = Update::new(step, rate, config);
    for (row, gradient) in rows.iter().zip(gradient.chunks_exact(columns)) {
        let range = *row as usize * columns..(*row as usize + 1) * columns;
        let (mean, square) = (&mut moments.mean[range.clone()], &mut moments.square[range.clone()]);
        update.apply(&mut table[range], gradient, mean, square);
    }
}

struct Update {
    config: AdamConfig,
    rate: f32,
    mean_correction: f32,
    square_correction: f32,
}

impl Update {
    fn new(step: u64, rate: f32, config: &AdamConfig) -> Self {
        let correction = |beta: f32| (1.0 - f64::from(beta).powf(step as f64)).recip() as f32;
        Self {
            config: *config,
            rate,
            mean_correction: correction(config.beta_1),
            square_correction: correction(config.beta_2),
        }
    }

    fn apply(&self, weights: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        let AdamConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let (rate, kept) = (self.rate * self.mean_correction, 1.0 - self.rate * weight_decay);
        widest!({
            for (((weight, gradient), mean), square) in weights.iter_mut().zip(gradient).zip(mean).zip(square) {
                *mean = beta_1 * *mean + (1.0 - beta_1) * gradient;
                *square = beta_2 * *square + (1.0 - beta_2) * gradient * gradient;
                let root = (*square * self.square_correction).sqrt() + epsilon;
                *weight = *weight * kept - rate * *mean / root;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_goes_as_far_as_the_rate_whatever_the_gradient() {
        let mut weights = vec![1.0, 1.0, 1.0];
        let config = AdamConfig::default();
        adam(&mut weights, &[5.0, -0.001, 0.0], &mut Moments::new(3), 1, 0.1, &config);
        for (weight, expected) in weights.iter().zip([0.9, 1.1, 1.0]) {
            // Some roundings, the root of a square among them.
            assert!((weight - expected).abs() < 1e-5, "{weights:?}");
        }
    }

    #[test]
    fn a_bowl_is_gone_down() {
        let (mut weights, mut moments) = (vec![3.0, -2.0], Moments::new(2));
        for step in 1..500 {
            let gradient: Vec<f32> = weights.iter().map(|weight| 2.0 * (weight - 1.0)).collect();
            adam(&mut weights, &gradient, &mut moments, step, 0.05, &AdamConfig::default());
        }
        assert!(weights.iter().all(|weight| (weight - 1.0).abs() < 0.05), "{weights:?}");
    }

    #[test]
    fn rows_alone_move_as_they_would_in_the_whole() {
        let start: Vec<f32> = (0..8).map(|n| n as f32).collect();
        let config = AdamConfig { weight_decay: 0.1, ..AdamConfig::default() };
        let (mut whole, mut moments) = (start.clone(), Moments::new(8));
        adam(&mut whole, &[0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0], &mut moments, 1, 0.1, &config);
        let (mut table, mut moments) = (start.clone(), Moments::new(8));
        adam_rows(&mut table, (&[1, 3], 2), &[1.0, 2.0, 3.0, 4.0], &mut moments, 1, 0.1, &config);
        assert_eq!((&table[2..4], &table[6..]), (&whole[2..4], &whole[6..]));
        assert_eq!((&table[..2], &table[4..6]), (&start[..2], &start[4..6]));
    }
}
