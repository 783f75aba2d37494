//! Root mean square normalisation: Zhang and Sennrich (2019), "Root Mean Square Layer Normalization", eq. 4.

use super::elementwise::dot_one;
use super::widest::widest;

/// Keeps a row of zeros from being divided by nothing.
const LEAST_SQUARE: f32 = 1e-6;

/// `1 / rms(x)`
#[inline(always)]
pub fn inverse_rms(x: &[f32]) -> f32 {
    (dot_one(x, x) / x.len() as f32 + LEAST_SQUARE).sqrt().recip()
}

/// `y = g · x / rms(x)` row by row. Rows are as long as `gain`; `inverse` takes `1 / rms` of each row.
pub fn rms_norm(x: &[f32], gain: &[f32], inverse: &mut [f32], y: &mut [f32]) {
    let columns = gain.len();
    widest!({
        let rows = x.chunks_exact(columns).zip(y.chunks_exact_mut(columns));
        for ((x, y), inverse) in rows.zip(inverse) {
            *inverse = inverse_rms(x);
            for ((y, x), gain) in y.iter_mut().zip(x).zip(gain) {
                *y = x * *inverse * gain;
            }
        }
    });
}

/// The gradients of [`rms_norm`]: adds to that of `gain`, turns that of `y` into that of `x`.
pub fn rms_norm_backward(x: &[f32], gain: &[f32], inverse: &[f32], d: &mut [f32], d_gain: &mut [f32]) {
    let columns = gain.len();
    widest!({
        for ((x, d), inverse) in x.chunks_exact(columns).zip(d.chunks_exact_mut(columns)).zip(inverse) {
            for (((d, x), gain), d_gain) in d.iter_mut().zip(x).zip(gain).zip(d_gain.iter_mut()) {
                *d_gain += *d * x * inverse;
                *d *= gain * inverse;
            }
            let along = dot_one(d, x) * inverse * inverse / columns as f32;
            for (d, x) in d.iter_mut().zip(x) {
                *d -= along * x;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{self, assert_gradient, numbers};

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (x, gain, d_y) = (numbers(5 * 7, 1), numbers(7, 2), numbers(5 * 7, 3));
        let run = |x: &[f32], gain: &[f32]| {
            let (mut inverse, mut y) = (vec![0.0; 5], vec![0.0; 35]);
            rms_norm(x, gain, &mut inverse, &mut y);
            (differences::dot(&y, &d_y), inverse)
        };
        let (mut d, mut d_gain) = (d_y.clone(), vec![0.0; 7]);
        rms_norm_backward(&x, &gain, &run(&x, &gain).1, &mut d, &mut d_gain);
        assert_gradient(&x, &d, |x| run(x, &gain).0);
        assert_gradient(&gain, &d_gain, |gain| run(&x, gain).0);
    }

    #[test]
    fn a_row_has_a_root_mean_square_of_one_and_a_row_of_zeros_stays() {
        let x = [3.0, 4.0, 0.0, 0.0];
        let mut y = [0.0; 4];
        rms_norm(&x, &[1.0, 1.0], &mut [0.0; 2], &mut y);
        assert!(((y[0] * y[0] + y[1] * y[1]) / 2.0 - 1.0).abs() < 1e-5);
        assert_eq!(y[2..], [0.0, 0.0]);
    }
}
