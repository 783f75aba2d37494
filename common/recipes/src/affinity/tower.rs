use super::subspace::{Subspace, add};
use crate::TrainError;

/// How strongly the map is drawn to 0, and how soon an event fades.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// `λ`, in shares of the largest `σ²`.
    pub strength: f32,
    /// In events.
    pub half_life: f32,
}

/// Makes vectors of histories and of targets; the product of two is how much goes together.
#[derive(Clone, Debug, PartialEq)]
pub struct Tower {
    pub dimension: usize,
    /// `V √(σ² / (σ² + λ))`, `(n_items, dimension)`.
    pub rows: Vec<f32>,
    pub half_life: f32,
    /// 0 if users who had an item come last for it, else 1.
    pub seen_weight: f32,
    /// The sum of all rows.
    pub whole: Vec<f32>,
}

impl Tower {
    pub fn new(subspace: &Subspace, choice: Choice, seen_weight: f32) -> Self {
        let largest = subspace.square.iter().copied().fold(0.0_f32, f32::max);
        let pull = choice.strength * largest;
        let scale = |square: f32| if square > 0.0 { (square / (square + pull)).sqrt() } else { 0.0 };
        let scales: Vec<f32> = subspace.square.iter().map(|square| scale(*square)).collect();
        let mut rows = subspace.rows.clone();
        for row in rows.chunks_exact_mut(subspace.dimension.max(1)) {
            row.iter_mut().zip(&scales).for_each(|(value, scale)| *value *= scale);
        }
        Self::whole(subspace.dimension, rows, choice.half_life, seen_weight)
    }

    /// From the vectors of items, row after row.
    pub fn whole(dimension: usize, rows: Vec<f32>, half_life: f32, seen_weight: f32) -> Self {
        let mut whole = vec![0.0; dimension];
        rows.chunks_exact(dimension.max(1)).for_each(|row| add(&mut whole, 1.0, row));
        Self { dimension, rows, half_life, seen_weight, whole }
    }

    pub fn n_items(&self) -> usize {
        self.rows.len() / self.dimension.max(1)
    }

    /// The vector of an item.
    pub fn item(&self, item: u32) -> &[f32] {
        &self.rows[item as usize * self.dimension..(item as usize + 1) * self.dimension]
    }

    /// Adds up the vectors of items.
    pub fn sum(&self, items: &[u32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimension];
        for item in items {
            add(&mut sum, 1.0, self.item(*item));
        }
        sum
    }

    /// Writes the vector of a user with these items, oldest first, times their number; zeros for nobody.
    pub fn user(&self, items: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator, to: &mut [f32]) {
        to.fill(0.0);
        let n_events = items.len() as f32;
        let fade = 0.5_f32.powf(1.0 / self.half_life);
        let (mut weight, mut sum) = (1.0_f32, 0.0_f32);
        for item in items.rev() {
            add(to, weight, self.item(item));
            sum += weight;
            weight *= fade;
            // What is so faded does not show.
            if weight < 1e-6 {
                break;
            }
        }
        if sum > 0.0 {
            to.iter_mut().for_each(|value| *value *= n_events / sum);
        }
    }

    /// # Errors
    /// [`TrainError::Numerical`] if a vector is not finite.
    pub fn check(&self) -> Result<(), TrainError> {
        match self.rows.iter().all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(TrainError::Numerical("a vector is not finite".into())),
        }
    }
}
