use ndarray::Array2;

/// Sweeps after which the rest off the diagonal is rounding.
const MAX_SWEEPS: usize = 30;

/// Eigenvalues of a symmetric matrix, descending, and their vectors in the columns.
///
/// Cyclic Jacobi rotations (Golub and Van Loan, "Matrix Computations", algorithm 8.5.3). `O(n³)` a sweep, about
/// eight sweeps.
pub fn eigen(mut a: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = a.nrows();
    // Rows of this are the vectors, so that a rotation works on whole rows.
    let mut vectors = Array2::<f64>::eye(n);
    let scale: f64 = a.iter().map(|cell| cell * cell).sum();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n).flat_map(|row| (0..row).map(move |column| (row, column))).map(|at| a[at] * a[at]).sum();
        if off <= 1e-22 * scale {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                // Of a matrix that is symmetric up to rounding, the mean.
                let cross = 0.5 * (a[(p, q)] + a[(q, p)]);
                if cross == 0.0 {
                    continue;
                }
                let tau = (a[(q, q)] - a[(p, p)]) / (2.0 * cross);
                let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                let sine = tangent * cosine;
                rotate_rows(&mut a, p, q, cosine, sine);
                rotate_columns(&mut a, p, q, cosine, sine);
                rotate_rows(&mut vectors, p, q, cosine, sine);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|one, two| a[(*two, *two)].total_cmp(&a[(*one, *one)]));
    let values = order.iter().map(|at| a[(*at, *at)]).collect();
    (values, Array2::from_shape_fn((n, n), |(row, column)| vectors[(order[column], row)]))
}

fn rotate_rows(a: &mut Array2<f64>, p: usize, q: usize, cosine: f64, sine: f64) {
    for column in 0..a.ncols() {
        let (one, two) = (a[(p, column)], a[(q, column)]);
        a[(p, column)] = cosine * one - sine * two;
        a[(q, column)] = sine * one + cosine * two;
    }
}

fn rotate_columns(a: &mut Array2<f64>, p: usize, q: usize, cosine: f64, sine: f64) {
    for row in 0..a.nrows() {
        let (one, two) = (a[(row, p)], a[(row, q)]);
        a[(row, p)] = cosine * one - sine * two;
        a[(row, q)] = sine * one + cosine * two;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hand_computed_pair() {
        let (values, vectors) = eigen(Array2::from_shape_vec((2, 2), vec![2.0, 1.0, 1.0, 2.0]).unwrap());
        assert!((values[0] - 3.0).abs() < 1e-12 && (values[1] - 1.0).abs() < 1e-12);
        assert!((vectors[(0, 0)] - vectors[(1, 0)]).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn the_vectors_rebuild_the_matrix(cells in prop::collection::vec(-1.0_f64..1.0, 36)) {
            let a = Array2::from_shape_vec((6, 6), cells).unwrap();
            let a = &a + &a.t();
            let (values, vectors) = eigen(a.clone());
            prop_assert!(values.is_sorted_by(|one, two| one >= two));
            let again = vectors.dot(&Array2::from_diag(&ndarray::Array1::from(values))).dot(&vectors.t());
            prop_assert!((again - a).iter().all(|cell| cell.abs() < 1e-9));
        }
    }
}
