//! The two curves of gated units, run in the widest vectors of the machine.

use crate::neural::elementwise::sigmoid_one;
use crate::neural::widest::widest;

/// `x = σ(x)`
pub fn sigmoid(values: &mut [f32]) {
    widest!({
        for value in values.iter_mut() {
            *value = sigmoid_one(*value);
        }
    });
}

/// `x = tanh(x) = 2 σ(2 x) - 1`
pub fn tanh(values: &mut [f32]) {
    widest!({
        for value in values.iter_mut() {
            *value = 2.0 * sigmoid_one(2.0 * *value) - 1.0;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_are_those_of_the_standard_library() {
        let x: Vec<f32> = (-400..400).map(|step| step as f32 / 20.0).collect();
        let (mut s, mut t) = (x.clone(), x.clone());
        sigmoid(&mut s);
        tanh(&mut t);
        for ((x, s), t) in x.iter().zip(&s).zip(&t) {
            assert!((s - 1.0 / (1.0 + (-x).exp())).abs() < 1e-6 && (t - x.tanh()).abs() < 1e-6, "{x}");
        }
    }
}
