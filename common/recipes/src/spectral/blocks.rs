use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Rows that one thread takes at a time. Sums over rows are those of such blocks, added in their order.
const ROWS: usize = 2048;

/// What is left of a column, beside its length, when others account for it.
const NOTHING: f64 = 1e-7;

/// `A B`.
pub fn times(a: &Array2<f32>, b: &Array2<f32>) -> Array2<f32> {
    let mut product = Array2::zeros((a.nrows(), b.ncols()));
    let blocks: Vec<_> = product.axis_chunks_iter_mut(Axis(0), ROWS).zip(chunks(a)).collect();
    blocks.into_par_iter().for_each(|(mut product, a)| general_mat_mul(1.0, &a, b, 0.0, &mut product));
    product
}

/// `Aᵀ B`.
pub fn inner(a: &Array2<f32>, b: &Array2<f32>) -> Array2<f64> {
    let blocks: Vec<_> = chunks(a).zip(chunks(b)).collect();
    let blocks: Vec<Array2<f32>> = blocks.into_par_iter().map(|(a, b)| a.t().dot(&b)).collect();
    let mut sum: Array2<f64> = Array2::zeros((a.ncols(), b.ncols()));
    for block in blocks {
        for (sum, cell) in sum.iter_mut().zip(&block) {
            *sum += f64::from(*cell);
        }
    }
    sum
}

fn chunks(a: &Array2<f32>) -> impl Iterator<Item = ArrayView2<'_, f32>> {
    a.axis_chunks_iter(Axis(0), ROWS)
}

/// Makes the columns orthonormal; one that the columns before it account for becomes zero.
///
/// Cholesky's factor of `AᵀA`, inverted, twice: rounding leaves some error the first time (Yamamoto et al. 2015,
/// "Roundoff Error Analysis of the CholeskyQR2 Algorithm").
pub fn orthonormalise(a: &mut Array2<f32>) {
    for _ in 0..2 {
        let gram = inner(a, a);
        *a = times(a, &inverse_factor(&gram));
    }
}

/// `R⁻¹` with `RᵀR` the matrix, upper triangular; zero in the columns that others account for.
fn inverse_factor(gram: &Array2<f64>) -> Array2<f32> {
    let n = gram.nrows();
    let mut factor = Array2::<f64>::zeros((n, n));
    let mut inverse = Array2::<f64>::zeros((n, n));
    for column in 0..n {
        for row in 0..column {
            let diagonal = factor[(row, row)];
            if diagonal > 0.0 {
                let known: f64 = (0..row).map(|at| factor[(at, row)] * factor[(at, column)]).sum();
                factor[(row, column)] = (gram[(row, column)] - known) / diagonal;
            }
        }
        let left = gram[(column, column)] - (0..column).map(|at| factor[(at, column)].powi(2)).sum::<f64>();
        if left > NOTHING * gram[(column, column)] && left > f64::MIN_POSITIVE {
            let diagonal = left.sqrt();
            factor[(column, column)] = diagonal;
            inverse[(column, column)] = 1.0 / diagonal;
            for row in 0..column {
                let known: f64 = (row..column).map(|at| inverse[(row, at)] * factor[(at, column)]).sum();
                inverse[(row, column)] = -known / diagonal;
            }
        }
    }
    inverse.mapv(|cell| cell as f32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_become_orthonormal_and_span_the_same(cells in prop::collection::vec(-1.0_f32..1.0, 9 * 4)) {
            let before = Array2::from_shape_vec((9, 4), cells).unwrap();
            let mut after = before.clone();
            orthonormalise(&mut after);
            let gram = inner(&after, &after);
            for ((row, column), cell) in gram.indexed_iter() {
                let is_zero = row == column && *cell == 0.0;
                prop_assert!(is_zero || (cell - f64::from(u8::from(row == column))).abs() < 1e-4, "{gram}");
            }
            if gram.diag().iter().all(|cell| *cell > 0.0) {
                let again = after.dot(&after.t()).dot(&before);
                prop_assert!((again - before).iter().all(|cell| cell.abs() < 1e-2));
            }
        }

        #[test]
        fn products_agree_with_those_of_the_whole(n in 1_usize..5000) {
            let a = Array2::from_shape_fn((n, 2), |(row, column)| ((row * 7 + column * 3) % 11) as f32 - 5.0);
            let b = Array2::from_shape_fn((2, 3), |(row, column)| (row + 2 * column) as f32);
            prop_assert_eq!(times(&a, &b), a.dot(&b));
            // Whole numbers, so sums are exact.
            prop_assert_eq!(inner(&a, &a), a.mapv(f64::from).t().dot(&a.mapv(f64::from)));
        }
    }

    #[test]
    fn what_repeats_becomes_zero() {
        let mut a = Array2::from_shape_fn((5, 3), |(row, column)| if column == 2 { 1.0 } else { row as f32 });
        orthonormalise(&mut a);
        assert!(a.column(1).iter().all(|cell| *cell == 0.0));
        assert!((inner(&a, &a)[(2, 2)] - 1.0).abs() < 1e-5);
    }
}
