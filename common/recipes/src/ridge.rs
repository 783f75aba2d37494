//! Linear maps from features to vectors, learned by ridge regression.

use ndarray::{Array1, Array2};
use rayon::prelude::*;

use crate::features::Features;
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Rows that one thread takes at a time.
const ROWS: usize = 64;

/// A linear map from features to vectors.
#[derive(Clone, Debug)]
pub struct Map {
    /// `(k,)`: what is expected of a row without features.
    pub base: Array1<f32>,
    /// `(n_features, k)`
    pub weights: Array2<f32>,
}

/// Steps after which the gradients are small beside what the data leave open.
pub const STEPS: usize = 12;

/// Features by row and by feature.
pub struct Design<'a> {
    pub features: &'a Features,
    by_feature: SparseRows,
}

impl<'a> Design<'a> {
    pub fn new(features: &'a Features) -> Self {
        Self { features, by_feature: features.rows.transposed(features.n_features) }
    }

    /// Ridge regression of vectors on features.
    ///
    /// Minimises `Σ_i c_i ‖y_i - base - f_i W‖² + λ ‖W‖²` over `W`, where `base` is the mean of the `y_i` weighted
    /// by `c_i`, by conjugate gradients with the diagonal as preconditioner (Golub and Van Loan, "Matrix
    /// Computations", algorithm 11.5.1), all columns at once.
    ///
    /// | argument  | shape         | meaning                                         |
    /// |-----------|---------------|-------------------------------------------------|
    /// | `targets` | `(n_rows, k)` | `y`                                             |
    /// | `trust`   | `(n_rows,)`   | `c` ≥ 0; rows with 0 are not learned from       |
    /// | `lambda`  |               | above 0                                         |
    /// | `n_steps` |               | fewer leave the map a little short of the best  |
    ///
    /// Cost `O(nnz k)` a step.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn ridge(
        &self,
        targets: &Array2<f32>,
        trust: &[f32],
        lambda: f32,
        n_steps: usize,
        progress: &dyn Progress,
    ) -> Result<Map, TrainError> {
        let k = targets.ncols();
        let mut base = Array1::<f64>::zeros(k);
        for (target, trust) in targets.rows().into_iter().zip(trust).filter(|(_, trust)| **trust > 0.0) {
            for (sum, cell) in base.iter_mut().zip(target) {
                *sum += f64::from(*trust) * f64::from(*cell);
            }
        }
        let total: f64 = trust.iter().map(|trust| f64::from(*trust)).sum();
        let base = base.mapv(|sum| if total > 0.0 { (sum / total) as f32 } else { 0.0 });
        let mut residual = targets - &base;
        weigh(&mut residual, trust);
        let mut residual = self.back(&residual);
        let diagonal: Vec<f32> = (0..self.features.n_features as u32)
            .map(|feature| {
                let (rows, values) = self.by_feature.row(feature);
                lambda + rows.iter().zip(values).map(|(row, value)| trust[*row as usize] * value * value).sum::<f32>()
            })
            .collect();
        let precondition = |residual: &Array2<f32>| {
            let mut scaled = residual.clone();
            for (mut row, diagonal) in scaled.rows_mut().into_iter().zip(&diagonal) {
                row /= *diagonal;
            }
            scaled
        };
        let mut weights = Array2::<f32>::zeros(residual.dim());
        let mut scaled = precondition(&residual);
        let mut direction = scaled.clone();
        let mut square = products(&residual, &scaled);
        for _ in 0..n_steps {
            go_on(progress)?;
            let mut product = self.forth(&direction);
            weigh(&mut product, trust);
            let mut product = self.back(&product);
            product.scaled_add(lambda, &direction);
            let step = ratios(&square, &products(&direction, &product));
            add(&mut weights, &direction, &step, 1.0);
            add(&mut residual, &product, &step, -1.0);
            scaled = precondition(&residual);
            let next = products(&residual, &scaled);
            let momentum = ratios(&next, &square);
            square = next;
            for (direction, scaled) in rows(&mut direction).zip(cells(&scaled).chunks_exact(k.max(1))) {
                for ((direction, scaled), momentum) in direction.iter_mut().zip(scaled).zip(&momentum) {
                    *direction = scaled + momentum * *direction;
                }
            }
        }
        Ok(Map { base, weights })
    }

    /// `F W`
    pub fn forth(&self, weights: &Array2<f32>) -> Array2<f32> {
        product(&self.features.rows, weights)
    }

    /// `Fᵀ Y`
    pub fn back(&self, rows: &Array2<f32>) -> Array2<f32> {
        product(&self.by_feature, rows)
    }

    /// What the map gives for each row.
    pub fn mapped(&self, map: &Map) -> Array2<f32> {
        self.forth(&map.weights) + &map.base
    }
}

/// What one row of features becomes.
pub fn combined(features: (&[u32], &[f32]), weights: &Array2<f32>, sum: &mut Array1<f32>) {
    for (feature, value) in features.0.iter().zip(features.1) {
        sum.scaled_add(*value, &weights.row(*feature as usize));
    }
}

/// Each row is summed by one thread, in the order of its cells.
fn product(sparse: &SparseRows, dense: &Array2<f32>) -> Array2<f32> {
    let width = dense.ncols();
    let cells = cells(dense);
    let mut result = vec![0.0_f32; sparse.n_rows() * width];
    result.par_chunks_mut((ROWS * width).max(1)).enumerate().for_each(|(chunk, result)| {
        for (place, sum) in result.chunks_exact_mut(width.max(1)).enumerate() {
            let (columns, values) = sparse.row((chunk * ROWS + place) as u32);
            for (column, value) in columns.iter().zip(values) {
                let row = &cells[*column as usize * width..(*column as usize + 1) * width];
                for (sum, cell) in sum.iter_mut().zip(row) {
                    *sum += value * cell;
                }
            }
        }
    });
    Array2::from_shape_vec((sparse.n_rows(), width), result).expect("a row of the width for each row")
}

/// Row after row.
fn cells(matrix: &Array2<f32>) -> &[f32] {
    matrix.as_slice().expect("matrices are made in the order of rows")
}

fn rows(matrix: &mut Array2<f32>) -> impl Iterator<Item = &mut [f32]> {
    let width = matrix.ncols().max(1);
    matrix.as_slice_mut().expect("matrices are made in the order of rows").chunks_exact_mut(width)
}

fn weigh(rows: &mut Array2<f32>, trust: &[f32]) {
    for (row, trust) in self::rows(rows).zip(trust) {
        row.iter_mut().for_each(|cell| *cell *= trust);
    }
}

/// Of each column.
fn products(a: &Array2<f32>, b: &Array2<f32>) -> Vec<f64> {
    let width = a.ncols().max(1);
    let mut sums = vec![0.0; a.ncols()];
    for (a, b) in cells(a).chunks_exact(width).zip(cells(b).chunks_exact(width)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    sums
}

/// 0 where there is nothing left to divide.
fn ratios(above: &[f64], below: &[f64]) -> Vec<f32> {
    let ratio = |(above, below): (&f64, &f64)| if *below > f64::from(f32::MIN_POSITIVE) { above / below } else { 0.0 };
    above.iter().zip(below).map(|pair| ratio(pair) as f32).collect()
}

fn add(to: &mut Array2<f32>, what: &Array2<f32>, factors: &[f32], sign: f32) {
    let width = what.ncols().max(1);
    for (to, what) in rows(to).zip(cells(what).chunks_exact(width)) {
        for ((to, what), factor) in to.iter_mut().zip(what).zip(factors) {
            *to += sign * factor * what;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_gradient_is_zero_at_what_is_found(
            cells in prop::collection::vec(-1.0_f32..1.0, 8 * 3),
            targets in prop::collection::vec(-1.0_f32..1.0, 8 * 2),
            trust in prop::collection::vec(prop_oneof![Just(0.0_f32), 0.1_f32..1.0], 8),
            lambda in 0.1_f32..3.0,
        ) {
            let rows = SparseRows::from_rows(cells.chunks(3).map(|row| (vec![0, 1, 2], row.to_vec())));
            let features = Features { rows, n_features: 3, columns: vec![("A".into(), 0..3)] };
            let design = Design::new(&features);
            let targets = Array2::from_shape_vec((8, 2), targets).unwrap();
            let map = design.ridge(&targets, &trust, lambda, 15, &()).unwrap();
            let mut error = &targets - &design.mapped(&map);
            weigh(&mut error, &trust);
            let gradient = design.back(&error) - &map.weights * lambda;
            // Single precision on sums of eight.
            prop_assert!(gradient.iter().all(|cell| cell.abs() < 1e-4), "{gradient}");
        }
    }

    #[test]
    fn without_rows_to_learn_from_everything_is_zero() {
        let rows = SparseRows::from_rows([(vec![0], vec![1.0])]);
        let features = Features { rows, n_features: 1, columns: vec![("A".into(), 0..1)] };
        let design = Design::new(&features);
        let map = design.ridge(&Array2::from_elem((1, 2), 3.0), &[0.0], 1.0, STEPS, &()).unwrap();
        assert!(design.mapped(&map).iter().all(|cell| *cell == 0.0));
    }
}
