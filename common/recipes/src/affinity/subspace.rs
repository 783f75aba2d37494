use ndarray::Array2;
use rayon::prelude::*;

use crate::dataset::Histories;
use crate::spectral::leading;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Pieces of users whose sums are added in their order, whatever thread did which.
const PIECES: usize = 4;

/// The leading right singular vectors of the matrix of users by items, and their singular values.
///
/// | field    | shape                  | meaning                                                          |
/// |----------|------------------------|------------------------------------------------------------------|
/// | `rows`   | `(n_items, dimension)` | `V`, orthonormal columns, or zeros where there are no more       |
/// | `square` | `(dimension,)`         | `σ²`, how much each column explains; descending                  |
#[derive(Clone, Debug, PartialEq)]
pub struct Subspace {
    pub dimension: usize,
    pub rows: Vec<f32>,
    pub square: Vec<f32>,
}

impl Subspace {
    /// Each pair of user and item counts once. There are no more dimensions than items.
    ///
    /// Cost: four products of `O(n_events · dimension)`, and `O(n_items · dimension²)`.
    pub fn fit(
        histories: &Histories,
        n_items: usize,
        dimension: usize,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let found = leading(n_items, dimension, seed, |block| multiply(histories, block, progress))?;
        let dimension = found.values.len();
        // By rows, however the array lies in memory.
        Ok(Self { dimension, rows: found.vectors.iter().copied().collect(), square: found.values })
    }

    #[cfg(test)]
    fn row(&self, item: u32) -> &[f32] {
        &self.rows[item as usize * self.dimension..(item as usize + 1) * self.dimension]
    }
}

/// `XᵀX block`.
fn multiply(histories: &Histories, block: &Array2<f32>, progress: &dyn Progress) -> Result<Array2<f32>, TrainError> {
    let (n_items, width) = block.dim();
    let rows: Vec<f32> = block.iter().copied().collect();
    let piece = histories.n_users().div_ceil(PIECES).max(1);
    let sum_of = |number: usize| -> Result<Vec<f32>, TrainError> {
        let mut sum = vec![0.0_f32; n_items * width];
        let (mut items, mut all) = (Vec::new(), vec![0.0_f32; width]);
        for user in (number * piece).min(histories.n_users())..((number + 1) * piece).min(histories.n_users()) {
            if user % 1024 == 0 {
                go_on(progress)?;
            }
            items.clear();
            items.extend_from_slice(histories.items_of(user));
            items.sort_unstable();
            items.dedup();
            all.fill(0.0);
            for item in &items {
                add(&mut all, 1.0, &rows[*item as usize * width..][..width]);
            }
            for item in &items {
                add(&mut sum[*item as usize * width..][..width], 1.0, &all);
            }
        }
        Ok(sum)
    };
    let sums: Vec<Vec<f32>> = (0..PIECES).into_par_iter().map(sum_of).collect::<Result<_, TrainError>>()?;
    let mut product = vec![0.0; n_items * width];
    for sum in &sums {
        add(&mut product, 1.0, sum);
    }
    Array2::from_shape_vec((n_items, width), product).map_err(|error| TrainError::Numerical(error.to_string()))
}

/// `to += factor · from`
pub fn add(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_subspace_is_that_of_the_leading_singular_vectors() {
        // Two blocks: 9 users have items 0, 1, 2 and 4 users have items 3, 4; σ² is 27 and 8.
        let mut items = [0, 1, 2].repeat(9);
        items.extend([3, 4].repeat(4));
        let mut offsets: Vec<usize> = (0..=9).map(|user| 3 * user).collect();
        offsets.extend((1..=4).map(|user| 27 + 2 * user));
        let histories = Histories::new(offsets, items, vec![0; 35]);
        let subspace = Subspace::fit(&histories, 5, 4, 7, &()).unwrap();
        // Single precision, over sums of some ten terms.
        assert!((subspace.square[0] - 27.0).abs() < 1e-3 && (subspace.square[1] - 8.0).abs() < 1e-3, "{subspace:?}");
        for (item, (column, expected)) in
            [(0, 1.0_f32 / 3.0), (0, 1.0 / 3.0), (0, 1.0 / 3.0), (1, 0.5), (1, 0.5)].into_iter().enumerate()
        {
            let row = subspace.row(item as u32);
            assert!((row[column] * row[column] - expected).abs() < 1e-3, "{row:?}");
        }
        // There are no more than two.
        assert!(subspace.square[2].abs() < 1e-3 && subspace.square[3].abs() < 1e-3);
    }
}
