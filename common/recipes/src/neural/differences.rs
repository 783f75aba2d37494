//! Gradients held against finite differences.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Numbers from -1 to 1.
pub fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Asserts that `gradient` is that of `f` at `x`.
///
/// Central differences with a step of 2^-7 err by the third derivative times the square of the step, some 1e-5 for
/// what is tested here, and by single precision over the step, some 1e-5 of the value.
pub fn assert_gradient(x: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> f64) {
    assert_gradient_by(1.0 / 128.0, 2e-3, x, gradient, f);
}

/// As [`assert_gradient`], with a step and a tolerance of its own: where third derivatives are large the step has to
/// be small, and then the value's last digits show.
pub fn assert_gradient_by(step: f32, tolerance: f64, x: &[f32], gradient: &[f32], f: impl Fn(&[f32]) -> f64) {
    assert_eq!(x.len(), gradient.len());
    let mut moved = x.to_vec();
    for place in 0..x.len() {
        moved[place] = x[place] + step;
        let up = f(&moved);
        moved[place] = x[place] - step;
        let down = f(&moved);
        moved[place] = x[place];
        let expected = (up - down) / (2.0 * f64::from(step));
        let error = (f64::from(gradient[place]) - expected).abs();
        assert!(error < tolerance * (1.0 + expected.abs()), "{place}: {} {expected}", gradient[place]);
    }
}
