//! The inverse of a symmetric positive definite matrix, in place and on all threads.
//!
//! The sweep operator (Goodnight 1979, "A Tutorial on the SWEEP Operator") on tiles: sweeping block `k`, with
//! `D = A(k,k)⁻¹` and `C = A(·,k)`, does
//!
//! ```text
//! A(i,j) -= C(i) D C(j)ᵀ    A(i,k) = C(i) D    A(k,k) = -D        i, j ≠ k
//! ```
//!
//! and once every block is swept, `-A⁻¹` is left. The matrix stays symmetric throughout, so its lower half is
//! enough. A sweep takes as many operations as a step of Cholesky's factorisation, of the inverse of its factor
//! and of the product of these together, `n³` in all, but they are one matrix product over independent rows
//! of tiles; every `A(k,k)` met is a Schur complement, so it is positive definite too, and pivoting is not
//! needed. Each product runs on one thread in an order of its own, so the number of threads does not show.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::gram::{Symmetric, TILE};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Replaces `matrix` by its inverse.
///
/// Cost `n³` multiplications and additions, and `2 n · TILE` numbers of memory beside the matrix.
///
/// # Errors
/// [`TrainError::Numerical`] if the matrix is not positive definite by what rounding leaves of it;
/// [`TrainError::Stopped`]
pub fn invert(matrix: &mut Symmetric, progress: &dyn Progress) -> Result<(), TrainError> {
    let n_blocks = matrix.rows.len();
    // (n, TILE) each, row-major: C and C D.
    let mut column = vec![0.0; n_blocks * TILE * TILE];
    let mut product = column.clone();
    for pivot in 0..n_blocks {
        go_on(progress)?;
        let inverse = take_column(matrix, pivot, &mut column);
        let inverse = invert_tile(inverse).ok_or_else(|| {
            TrainError::Numerical("the co-occurrence matrix is singular: raise `regularization`".into())
        })?;
        product.par_chunks_exact_mut(TILE * TILE).zip(column.par_chunks_exact(TILE * TILE)).for_each(
            |(product, column)| {
                multiply(1.0, (column, TILE), (&inverse, TILE), false, 0.0, product);
            },
        );
        matrix.rows.par_iter_mut().enumerate().try_for_each(|(block, rows)| {
            go_on(progress)?;
            if block == pivot {
                return Ok::<(), TrainError>(());
            }
            let own = &product[block * TILE * TILE..(block + 1) * TILE * TILE];
            multiply(-1.0, (own, TILE), (&column[..(block + 1) * TILE * TILE], TILE), true, 1.0, rows);
            if block > pivot {
                for (to, from) in rows.chunks_exact_mut((block + 1) * TILE).zip(own.chunks_exact(TILE)) {
                    to[pivot * TILE..(pivot + 1) * TILE].copy_from_slice(from);
                }
            }
            Ok(())
        })?;
        let width = (pivot + 1) * TILE;
        for (row, cells) in matrix.rows[pivot].chunks_exact_mut(width).enumerate() {
            let (before, own) = cells.split_at_mut(pivot * TILE);
            for (cell, product) in before.iter_mut().zip(product.chunks_exact(TILE)) {
                *cell = product[row];
            }
            for (cell, inverse) in own.iter_mut().zip(&inverse[row * TILE..]) {
                *cell = -inverse;
            }
        }
    }
    matrix.rows.par_iter_mut().flatten().for_each(|cell| *cell = -*cell);
    Ok(())
}

/// Copies column `pivot` of the matrix, with 0 in place of the pivot, which is returned.
fn take_column(matrix: &Symmetric, pivot: usize, column: &mut [f64]) -> Vec<f64> {
    let range = pivot * TILE..(pivot + 1) * TILE;
    let mut tile = Vec::with_capacity(TILE * TILE);
    column.par_chunks_exact_mut(TILE * TILE).enumerate().for_each(|(block, column)| {
        if block == pivot {
            column.fill(0.0);
        } else if block > pivot {
            let rows = matrix.rows[block].chunks_exact((block + 1) * TILE);
            for (to, from) in column.chunks_exact_mut(TILE).zip(rows) {
                to.copy_from_slice(&from[range.clone()]);
            }
        } else {
            for (row, cells) in matrix.rows[pivot].chunks_exact((pivot + 1) * TILE).enumerate() {
                for (place, cell) in cells[block * TILE..(block + 1) * TILE].iter().enumerate() {
                    column[place * TILE + row] = *cell;
                }
            }
        }
    });
    for cells in matrix.rows[pivot].chunks_exact((pivot + 1) * TILE) {
        tile.extend_from_slice(&cells[range.clone()]);
    }
    tile
}

/// `C = alpha · A B + beta · C`, all row-major with these widths; of `B` the transpose if so said. `C` is as
/// high as `A`.
fn multiply(
    alpha: f64,
    (a, inner): (&[f64], usize),
    (b, b_width): (&[f64], usize),
    transposed: bool,
    beta: f64,
    c: &mut [f64],
) {
    let (height, b_height) = (a.len() / inner, b.len() / b_width);
    let width = if transposed { b_height } else { b_width };
    let a = ArrayView2::from_shape((height, inner), a);
    let b = ArrayView2::from_shape((b_height, b_width), b);
    let c = ArrayViewMut2::from_shape((height, width), c);
    if let (Ok(a), Ok(b), Ok(mut c)) = (a, b, c) {
        general_mat_mul(alpha, &a, &if transposed { b.reversed_axes() } else { b }, beta, &mut c);
    } else {
        debug_assert!(false, "shapes disagree");
    }
}

/// The inverse of one tile, by sweeping row after row; `None` if it is not positive definite.
fn invert_tile(mut tile: Vec<f64>) -> Option<Vec<f64>> {
    let mut own = [0.0; TILE];
    for pivot in 0..TILE {
        own.copy_from_slice(&tile[pivot * TILE..(pivot + 1) * TILE]);
        let inverse = 1.0 / own[pivot];
        // Also refuses NaN.
        if !(own[pivot] > 0.0 && inverse.is_finite()) {
            return None;
        }
        for (row, cells) in tile.chunks_exact_mut(TILE).enumerate() {
            let factor = cells[pivot] * inverse;
            if row == pivot {
                for cell in cells.iter_mut() {
                    *cell *= inverse;
                }
                cells[pivot] = -inverse;
            } else {
                for (cell, own) in cells.iter_mut().zip(&own) {
                    *cell -= factor * own;
                }
                cells[pivot] = factor;
            }
        }
    }
    for cell in &mut tile {
        *cell = -*cell;
    }
    Some(tile)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// From a function of row and column, row ≥ column.
    fn symmetric(n: usize, cell: impl Fn(usize, usize) -> f64) -> Symmetric {
        let mut matrix = Symmetric::empty(n);
        for row in 0..n {
            let block = row / TILE;
            for column in 0..n.min((block + 1) * TILE) {
                let place = row % TILE * (block + 1) * TILE + column;
                matrix.rows[block][place] = cell(row.max(column), row.min(column));
            }
        }
        matrix
    }

    fn dense(matrix: &Symmetric) -> Vec<Vec<f64>> {
        let (n, padded) = (matrix.n, matrix.padded());
        let rows = (0..matrix.rows.len()).flat_map(|block| matrix.whole_rows(block));
        rows.collect::<Vec<_>>().chunks_exact(padded).take(n).map(|row| row[..n].to_vec()).collect()
    }

    #[test]
    fn a_hand_computed_inverse() {
        // [4 2; 2 3] has the determinant 8.
        let mut matrix = symmetric(2, |row, column| [[4.0, 2.0], [2.0, 3.0]][row][column]);
        invert(&mut matrix, &()).unwrap();
        for (row, wanted) in dense(&matrix).iter().zip([[0.375, -0.25], [-0.25, 0.5]]) {
            for (cell, wanted) in row.iter().zip(wanted) {
                // A few roundings.
                assert!((cell - wanted).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_told() {
        for broken in [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[f64::NAN, 0.0], [0.0, 1.0]]] {
            let mut matrix = symmetric(2, |row, column| broken[row][column]);
            assert!(matches!(invert(&mut matrix, &()), Err(TrainError::Numerical(_))));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_product_with_the_inverse_is_the_identity(n in 1_usize..300, seed in any::<u32>()) {
            let random = |row: usize, column: usize| {
                let mixed = (row * 7919 + column * 104_729 + seed as usize % 65_521) % 1009;
                mixed as f64 / 1009.0 - 0.5
            };
            // Dominated by its diagonal, so positive definite.
            let cell = |row, column| if row == column { n as f64 } else { random(row, column) };
            let before = dense(&symmetric(n, cell));
            let mut matrix = symmetric(n, cell);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            pool.install(|| invert(&mut matrix, &())).unwrap();
            let after = dense(&matrix);
            for (i, row) in before.iter().enumerate() {
                for j in 0..n {
                    let sum: f64 = row.iter().zip(&after).map(|(cell, other)| cell * other[j]).sum();
                    // 300 roundings of numbers below 1, of a matrix in good condition.
                    prop_assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-11);
                }
            }
            // One thread and two give the same bits.
            let mut again = symmetric(n, cell);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            pool.install(|| invert(&mut again, &())).unwrap();
            prop_assert_eq!(matrix, again);
        }
    }
}
