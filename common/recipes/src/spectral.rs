//! The leading eigenvectors of a large symmetric matrix that is only ever multiplied with.
//!
//! Halko, Martinsson and Tropp (2011), "Finding Structure with Randomness", algorithm 4.4 (randomised subspace
//! iteration) with the Rayleigh-Ritz step of algorithm 5.3: a random block is multiplied and made orthonormal a
//! few times, and the matrix is solved exactly within the space that it then spans.

mod blocks;
mod jacobi;

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use blocks::{inner, times};

use crate::TrainError;

/// Vectors beyond those that are wanted; they make the wanted ones more exact.
const SPARE: usize = 8;

/// Multiplications before the last.
const ROUNDS: usize = 3;

/// Eigenvalues with their vectors.
#[derive(Clone, Debug)]
pub struct Leading {
    /// Descending, `(k,)`.
    pub values: Vec<f32>,
    /// `(n, k)`: a column of unit length for each value, or of zeros where the matrix has no more dimensions.
    pub vectors: Array2<f32>,
}

/// The `k` greatest eigenvalues of an `n` by `n` matrix that is symmetric and has no eigenvalue below 0, with
/// their vectors, close to exact where the eigenvalues fall.
///
/// `multiply` gives the product with an `(n, m)` block. Cost: four products with `k + 8` columns, and
/// `O(n k²)`. The seed decides the result, the number of threads does not.
///
/// # Errors
/// What `multiply` gives.
pub fn leading(
    n: usize,
    k: usize,
    seed: u64,
    multiply: impl Fn(&Array2<f32>) -> Result<Array2<f32>, TrainError>,
) -> Result<Leading, TrainError> {
    let width = (k + SPARE).min(n);
    let k = k.min(n);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Uniform numbers serve as well as normal ones.
    let mut block = Array2::from_shape_fn((n, width), |_| rng.random::<f32>() - 0.5);
    blocks::orthonormalise(&mut block);
    for _ in 0..ROUNDS {
        block = multiply(&block)?;
        blocks::orthonormalise(&mut block);
    }
    let product = multiply(&block)?;
    let (values, rotation) = jacobi::eigen(inner(&block, &product));
    let rotation = Array2::from_shape_fn((width, k), |(row, column)| rotation[(row, column)] as f32);
    let values = values[..k].iter().map(|value| value.max(0.0) as f32).collect();
    Ok(Leading { values, vectors: times(&block, &rotation) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn vectors_are_turned_into_multiples_of_themselves(
            cells in prop::collection::vec(-1.0_f32..1.0, 12 * 5),
            k in 1_usize..14,
        ) {
            // A Aᵀ has five dimensions.
            let a = Array2::from_shape_vec((12, 5), cells).unwrap();
            let square = a.dot(&a.t());
            let found = leading(12, k, 3, |block| Ok(square.dot(block))).unwrap();
            prop_assert!(found.values.is_sorted_by(|one, two| one >= two));
            let turned = square.dot(&found.vectors);
            for (column, value) in found.values.iter().enumerate() {
                for row in 0..12 {
                    // Single precision on numbers below 20.
                    prop_assert!((turned[(row, column)] - value * found.vectors[(row, column)]).abs() < 1e-3);
                }
            }
            let trace: f32 = (0..12).map(|row| square[(row, row)]).sum();
            if k >= 5 {
                prop_assert!((found.values.iter().sum::<f32>() - trace).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_matrix_of_zeros_gives_zeros() {
        let found = leading(3, 2, 1, |block| Ok(block * 0.0)).unwrap();
        assert_eq!(found.values, [0.0, 0.0]);
        assert!(found.vectors.iter().all(|cell| *cell == 0.0));
    }
}
