//! Matrix products on flat arrays.
//!
//! `ndarray` hands them to `matrixmultiply`, which chooses its kernel by what the processor can at run time.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

/// A matrix of so many columns over a flat array.
///
/// # Panics
/// If the array does not hold whole rows.
pub fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    let shape = (values.len() / columns, columns);
    ArrayView2::from_shape(shape, values).expect("whole rows")
}

/// As [`matrix`], to be written.
pub fn matrix_mut(values: &mut [f32], columns: usize) -> ArrayViewMut2<'_, f32> {
    let shape = (values.len() / columns, columns);
    ArrayViewMut2::from_shape(shape, values).expect("whole rows")
}

/// Some columns of rows that are `stride` long, from the first number of `values` on.
///
/// # Panics
/// If the array is too short.
pub fn block(values: &[f32], rows: usize, columns: usize, stride: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns).strides((stride, 1)), values).expect("long enough")
}

/// As [`block`], to be written.
pub fn block_mut(values: &mut [f32], rows: usize, columns: usize, stride: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns).strides((stride, 1)), values).expect("long enough")
}

/// `c = a b`
pub fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut c: ArrayViewMut2<'_, f32>) {
    general_mat_mul(1.0, &a, &b, 0.0, &mut c);
}

/// `c = c + a b`
pub fn add_product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut c: ArrayViewMut2<'_, f32>) {
    general_mat_mul(1.0, &a, &b, 1.0, &mut c);
}

/// `y = x w`, where `x` has as many columns as `w` rows and `y` as many as `w` columns.
pub fn linear(x: &[f32], w: &[f32], (rows, columns): (usize, usize), y: &mut [f32]) {
    product(matrix(x, rows), matrix(w, columns), matrix_mut(y, columns));
}

/// The gradients of [`linear`]: adds to that of `w`, writes that of `x`.
pub fn linear_backward(
    x: &[f32],
    w: &[f32],
    (rows, columns): (usize, usize),
    d_y: &[f32],
    d_w: &mut [f32],
    d_x: &mut [f32],
) {
    add_product(matrix(x, rows).t(), matrix(d_y, columns), matrix_mut(d_w, columns));
    product(matrix(d_y, columns), matrix(w, columns).t(), matrix_mut(d_x, rows));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{assert_gradient, dot, numbers};

    #[test]
    fn gradients_of_a_linear_layer_agree_with_finite_differences() {
        let (x, w, d_y) = (numbers(5 * 3, 1), numbers(3 * 4, 2), numbers(5 * 4, 3));
        let run = |x: &[f32], w: &[f32]| {
            let mut y = vec![0.0; 5 * 4];
            linear(x, w, (3, 4), &mut y);
            dot(&y, &d_y)
        };
        let (mut d_w, mut d_x) = (vec![0.0; 12], vec![0.0; 15]);
        linear_backward(&x, &w, (3, 4), &d_y, &mut d_w, &mut d_x);
        assert_gradient(&x, &d_x, |x| run(x, &w));
        assert_gradient(&w, &d_w, |w| run(&x, w));
    }

    #[test]
    fn a_block_is_columns_of_longer_rows() {
        let mut values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(block(&values[1..], 2, 2, 3), ndarray::arr2(&[[2.0, 3.0], [5.0, 6.0]]));
        block_mut(&mut values[1..], 2, 2, 3).fill(0.0);
        assert_eq!(values, [1.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
    }
}
