//! Small systems of linear equations with a positive definite matrix.

/// Solves `A x = b` for a positive definite `A`, of which the lower half is given and overwritten; `b` becomes `x`.
/// False if `A` is not positive definite.
///
/// `matrix` is row-major, `(b.len(), b.len())`. Cost `n³ / 6` multiplications and additions.
pub fn solve(matrix: &mut [f64], b: &mut [f64]) -> bool {
    let sound = factor(matrix, b.len());
    if sound {
        substitute(matrix, b);
    }
    sound
}

/// Replaces the lower half of `A` by `L` with `A = L Lᵀ`. False if `A` is not positive definite.
pub fn factor(matrix: &mut [f64], n: usize) -> bool {
    // A column at a time: what remains is updated by whole rows, which the compiler vectorises.
    let mut column = vec![0.0; n];
    for pivot in 0..n {
        let diagonal = matrix[pivot * n + pivot];
        if !(diagonal > 0.0 && diagonal.is_finite()) {
            return false;
        }
        let root = diagonal.sqrt();
        for row in pivot..n {
            column[row] = matrix[row * n + pivot] / root;
            matrix[row * n + pivot] = column[row];
        }
        for row in pivot + 1..n {
            let factor = column[row];
            for (cell, other) in matrix[row * n + pivot + 1..=row * n + row].iter_mut().zip(&column[pivot + 1..]) {
                *cell -= factor * other;
            }
        }
    }
    true
}

/// Solves `L Lᵀ x = b` for what [`factor`] left; `b` becomes `x`.
pub fn substitute(factor: &[f64], b: &mut [f64]) {
    let n = b.len();
    for row in 0..n {
        let cells = &factor[row * n..row * n + row];
        let sum: f64 = cells.iter().zip(&*b).map(|(cell, value)| cell * value).sum();
        b[row] = (b[row] - sum) / factor[row * n + row];
    }
    for row in (0..n).rev() {
        b[row] /= factor[row * n + row];
        let value = b[row];
        for (target, cell) in b[..row].iter_mut().zip(&factor[row * n..]) {
            *target -= cell * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_solution() {
        // [4 2; 2 3] x = [2; 5] has x = [-0.5; 2].
        let (mut matrix, mut b) = (vec![4.0, 0.0, 2.0, 3.0], vec![2.0, 5.0]);
        assert!(solve(&mut matrix, &mut b));
        // A few roundings.
        assert!((b[0] + 0.5).abs() < 1e-15 && (b[1] - 2.0).abs() < 1e-15);
        assert!(!solve(&mut [1.0, 0.0, 2.0, 1.0], &mut [1.0, 1.0]));
        assert!(solve(&mut [], &mut []));
    }
}
