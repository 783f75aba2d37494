//! Loops over numbers, run in the widest vectors of the machine.

use super::widest::widest;

/// Partial sums and maxima that are kept side by side, so that a loop is a loop over vectors and its result does
/// not depend on how wide they are.
const LANES: usize = 16;

/// `e^x` to within two units in the last place; below -87 and above 88 as at these ends. NaN stays NaN.
///
/// `2^n` by its bits and a polynomial for the rest, as Cody and Waite (1980) reduce the argument.
#[inline(always)]
pub fn exp_one(x: f32) -> f32 {
    // Adding it leaves a whole number in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let rest = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * rest + 1.398_2e-3;
    p = p * rest + 8.333_452e-3;
    p = p * rest + 4.166_579_6e-2;
    p = p * rest + 1.666_666_5e-1;
    p = p * rest + 5e-1;
    let fraction = p * rest * rest + rest + 1.0;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    fraction * f32::from_bits(power)
}

/// `ln x` to within 1e-6 of it or of 1, whichever is more; below the least normal number as at it.
///
/// With `x = 2^n m`, `m` from `√½` to `√2`: `n ln 2 + 2 artanh((m - 1) / (m + 1))`, five terms of the series.
#[inline(always)]
pub fn ln_one(x: f32) -> f32 {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let n = (bits.wrapping_sub(SQRT_HALF) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((n << 23) as u32));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut p = 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 0.2;
    p = p * z + 1.0 / 3.0;
    p = p * z + 1.0;
    n as f32 * std::f32::consts::LN_2 + 2.0 * s * p
}

#[inline(always)]
pub fn sigmoid_one(x: f32) -> f32 {
    1.0 / (1.0 + exp_one(-x))
}

/// The greatest of the numbers; -∞ if there are none.
#[inline(always)]
fn greatest(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Turns logits into `softmax`.
pub fn softmax_row(row: &mut [f32]) {
    widest!({
        let top = greatest(row);
        for value in row.iter_mut() {
            *value = exp_one(*value - top);
        }
        let factor = sum(row).recip();
        for value in row.iter_mut() {
            *value *= factor;
        }
    });
}

/// `y += a x`
pub fn add_scaled(a: f32, x: &[f32], y: &mut [f32]) {
    widest!({
        for (y, x) in y.iter_mut().zip(x) {
            *y += a * x;
        }
    });
}

/// `y += x`
pub fn add(x: &[f32], y: &mut [f32]) {
    add_scaled(1.0, x, y);
}

pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    widest!({ dot_one(x, y) })
}

#[inline(always)]
pub fn dot_one(x: &[f32], y: &[f32]) -> f32 {
    let ((x_chunks, x_rest), (y_chunks, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = x.mul_add(*y, *lane);
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The inner product of `state` with every row of a table of rows as long.
pub fn logits(table: &[f32], state: &[f32]) -> Vec<f32> {
    let mut logits = vec![0.0; table.len() / state.len()];
    widest!({
        for (logit, row) in logits.iter_mut().zip(table.chunks_exact(state.len())) {
            *logit = dot_one(row, state);
        }
    });
    logits
}

/// `x · sigmoid(x)`
#[inline(always)]
pub fn silu_one(x: f32) -> f32 {
    x * sigmoid_one(x)
}

/// `y = x · sigmoid(x)`
pub fn silu(x: &[f32], y: &mut [f32]) {
    widest!({
        for (y, x) in y.iter_mut().zip(x) {
            *y = silu_one(*x);
        }
    });
}

/// Multiplies the gradient of what [`silu`] gave by its slope at `x`.
pub fn silu_backward(x: &[f32], d: &mut [f32]) {
    widest!({
        for (d, x) in d.iter_mut().zip(x) {
            let s = sigmoid_one(*x);
            *d *= s * (1.0 + x * (1.0 - s));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{self, assert_gradient, numbers};

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            assert!((exp_one(x) / x.exp() - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp_one(f32::NAN).is_nan());
        assert_eq!(exp_one(f32::NEG_INFINITY), exp_one(-87.0));
    }

    #[test]
    fn the_logarithm_is_that_of_the_standard_library() {
        for step in -12_000..8000 {
            let x = 2_f32.powf(step as f32 / 100.0);
            let exact = x.ln();
            assert!((ln_one(x) - exact).abs() < 1e-6 * exact.abs().max(1.0), "{x}");
        }
        assert_eq!(ln_one(0.0), ln_one(f32::MIN_POSITIVE));
        assert_eq!(ln_one(1.0), 0.0);
    }

    #[test]
    fn a_row_becomes_shares() {
        let logits = numbers(37, 1);
        for shift in [0.0, 1000.0, -1000.0] {
            let mut row: Vec<f32> = logits.iter().map(|logit| 3.0 * logit + shift).collect();
            let exponentials: Vec<f64> = row.iter().map(|logit| f64::from(*logit - shift).exp()).collect();
            let sum: f64 = exponentials.iter().sum();
            softmax_row(&mut row);
            for (share, exponential) in row.iter().zip(exponentials) {
                // At 1000 a logit has three decimals.
                assert!((f64::from(*share) - exponential / sum).abs() < 1e-4);
            }
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn activations_and_slopes_are_those_of_the_formula() {
        let x = numbers(40, 2);
        let mut y = vec![0.0; 40];
        silu(&x, &mut y);
        for (x, y) in x.iter().zip(&y) {
            assert!((y - x / (1.0 + (-x).exp())).abs() < 1e-6);
        }
        let weight = numbers(40, 3);
        let mut gradient = weight.clone();
        silu_backward(&x, &mut gradient);
        assert_gradient(&x, &gradient, |x| {
            let mut y = vec![0.0; 40];
            silu(x, &mut y);
            differences::dot(&y, &weight)
        });
        assert!((f64::from(dot(&x, &weight)) - differences::dot(&x, &weight)).abs() < 1e-5);
    }
}
