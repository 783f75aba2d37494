//! What is known of who asks and when, added to the output of the network.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Transformer;
use crate::model::SparseRows;
use crate::neural::elementwise::add_scaled;

/// Share of the moments of which nothing is told in training.
const UNTOLD: f64 = 0.1;

/// Of which of `n` moments something is told.
pub fn draw_told(n: usize, rng: &mut ChaCha8Rng) -> Vec<bool> {
    (0..n).map(|_| !rng.random_bool(UNTOLD)).collect()
}

impl Transformer {
    /// Adds the vectors of the features of moments to states, other than of those of which nothing is told.
    pub fn add_moments(&self, body: &[f32], moments: &SparseRows, told: &[bool], states: &mut [f32]) {
        let (Some(slot), columns) = (self.moment_features, self.shape.columns) else { return };
        let vectors = slot.of(body);
        for (moment, state) in (0..moments.n_rows()).zip(states.chunks_exact_mut(columns)) {
            if told.get(moment) == Some(&false) {
                continue;
            }
            let (features, weights) = moments.row(moment as u32);
            for (feature, weight) in features.iter().zip(weights) {
                add_scaled(*weight, &vectors[*feature as usize * columns..][..columns], state);
            }
        }
    }

    /// Adds to the gradients of the vectors that [`Transformer::add_moments`] added.
    pub(super) fn moments_backward(&self, moments: &SparseRows, told: &[bool], d: &[f32], to: &mut [f32]) {
        let (Some(slot), columns) = (self.moment_features, self.shape.columns) else { return };
        let d_vectors = slot.of_mut(to);
        for (moment, d) in (0..moments.n_rows()).zip(d.chunks_exact(columns)) {
            if told.get(moment) == Some(&false) {
                continue;
            }
            let (features, weights) = moments.row(moment as u32);
            for (feature, weight) in features.iter().zip(weights) {
                add_scaled(*weight, d, &mut d_vectors[*feature as usize * columns..][..columns]);
            }
        }
    }
}
