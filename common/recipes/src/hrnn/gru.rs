//! A gated recurrent unit over rows of a batch.
//!
//! Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", with the reset gate after the
//! product, as in Chung et al. (2014), so that one product serves all gates:
//!
//! ```text
//! r = σ(x W_r + h U_r + b_r)        z = σ(x W_z + h U_z + b_z)
//! n = tanh(x W_n + b_n + r ⊙ (h U_n + b'_n))
//! h' = (1 - z) ⊙ n + z ⊙ h
//! ```

use super::gates::{sigmoid, tanh};
use crate::neural::matmul::{Laid, add_product, matrix};

/// The weights of a unit with `n_in` inputs and state `d`; gates stand side by side as `r`, `z`, `n`.
#[derive(Clone, Copy)]
pub struct Gru<'a> {
    /// `W`: `(n_in, 3 d)`
    pub input: &'a [f32],
    /// `U`: `(d, 3 d)`
    pub state: &'a [f32],
    /// `b`: `(3 d,)`
    pub bias: &'a [f32],
    /// `b'_n`: `(d,)`
    pub new_bias: &'a [f32],
}

/// What a step keeps for going back: `(rows, 4 d)`, per row `r`, `z`, `n`, and `h U_n + b'_n`.
pub const KEPT: usize = 4;

impl Gru<'_> {
    fn d(&self) -> usize {
        self.new_bias.len()
    }

    /// `x W + b` of some rows: `out` is `(rows, 3 d)`.
    pub fn project(&self, x: &[f32], out: &mut [f32]) {
        let width = 3 * self.d();
        for row in out.chunks_exact_mut(width) {
            row.copy_from_slice(self.bias);
        }
        add_product(matrix(x, self.input.len() / width), matrix(self.input, width), (out, width));
    }

    /// `U`, for steps with up to so many rows.
    pub fn laid(&self, rows: usize) -> Laid<'_> {
        Laid::of(matrix(self.state, 3 * self.d()), rows)
    }

    /// `Uᵀ`, for steps back with up to so many rows.
    pub fn laid_back(&self, rows: usize) -> Laid<'_> {
        Laid::of(matrix(self.state, 3 * self.d()).reversed_axes(), rows)
    }

    /// One step from `h` to `next`, both `(rows, d)`, with the projected input `(rows, 3 d)`.
    ///
    /// `state` is [`Gru::laid`], `scratch` is `(rows, 3 d)`, `kept` is `(rows, KEPT d)`.
    pub fn step(
        &self,
        state: &Laid<'_>,
        projected: &[f32],
        h: &[f32],
        next: &mut [f32],
        kept: &mut [f32],
        scratch: &mut [f32],
    ) {
        let d = self.d();
        state.product(matrix(h, d), (scratch, 3 * d));
        let rows = projected.chunks_exact(3 * d).zip(scratch.chunks_exact(3 * d)).zip(h.chunks_exact(d));
        for ((((x, s), h), next), kept) in rows.zip(next.chunks_exact_mut(d)).zip(kept.chunks_exact_mut(KEPT * d)) {
            let (gates, others) = kept.split_at_mut(2 * d);
            for ((gate, x), s) in gates.iter_mut().zip(x).zip(s) {
                *gate = x + s;
            }
            sigmoid(gates);
            let (r, z) = gates.split_at(d);
            let (n, a) = others.split_at_mut(d);
            for k in 0..d {
                a[k] = s[2 * d + k] + self.new_bias[k];
                n[k] = x[2 * d + k] + r[k] * a[k];
            }
            tanh(n);
            for k in 0..d {
                next[k] = n[k] + z[k] * (h[k] - n[k]);
            }
        }
    }

    /// From the gradient of the next state back to those of what a step was made of.
    ///
    /// | argument | shape         | meaning                                                          |
    /// |----------|---------------|------------------------------------------------------------------|
    /// | `state`  |               | [`Gru::laid_back`]                                               |
    /// | `h`      | `(rows, d)`   | the state that the step began with                               |
    /// | `kept`   | `(rows, 4 d)` | what the step kept                                               |
    /// | `d_next` | `(rows, d)`   | gradient of the state that it ended with                         |
    /// | `d_h`    | `(rows, d)`   | set: gradient of the state that it began with                    |
    /// | `d_x`    | `(rows, 3 d)` | set: gradient of the projected input                             |
    /// | `d_s`    | `(rows, 3 d)` | set: gradient of `h U`, with `b'_n` in the last third            |
    pub fn back(
        &self,
        state: &Laid<'_>,
        (h, kept): (&[f32], &[f32]),
        d_next: &[f32],
        d_h: &mut [f32],
        d_x: &mut [f32],
        d_s: &mut [f32],
    ) {
        let d = self.d();
        let given = h.chunks_exact(d).zip(kept.chunks_exact(KEPT * d)).zip(d_next.chunks_exact(d));
        let wanted = d_h.chunks_exact_mut(d).zip(d_x.chunks_exact_mut(3 * d)).zip(d_s.chunks_exact_mut(3 * d));
        for (((h, kept), d_next), ((d_h, d_x), d_s)) in given.zip(wanted) {
            for k in 0..d {
                let (r, z, n, a) = (kept[k], kept[d + k], kept[2 * d + k], kept[3 * d + k]);
                let d_n = d_next[k] * (1.0 - z) * (1.0 - n * n);
                let d_r = d_n * a * r * (1.0 - r);
                let d_z = d_next[k] * (h[k] - n) * z * (1.0 - z);
                d_h[k] = d_next[k] * z;
                (d_x[k], d_x[d + k], d_x[2 * d + k]) = (d_r, d_z, d_n);
                (d_s[k], d_s[d + k], d_s[2 * d + k]) = (d_r, d_z, d_n * r);
            }
        }
        state.add_product(matrix(d_s, 3 * d), (d_h, d));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_the_formula() {
        // One number of state and input, so that the formula can be written out.
        let gru =
            Gru { input: &[0.5, -0.25, 1.5], state: &[0.75, 0.3, -0.6], bias: &[0.1, 0.2, -0.3], new_bias: &[0.4] };
        let (x, h) = ([0.8], [-0.35]);
        let mut projected = [0.0; 3];
        gru.project(&x, &mut projected);
        let (mut next, mut kept, mut scratch) = ([0.0], [0.0; 4], [0.0; 3]);
        gru.step(&gru.laid(1), &projected, &h, &mut next, &mut kept, &mut scratch);
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let r = sigmoid(0.8 * 0.5 + -0.35 * 0.75 + 0.1);
        let z = sigmoid(0.8 * -0.25 + -0.35 * 0.3 + 0.2);
        let n = (0.8 * 1.5 - 0.3 + r * (-0.35 * -0.6 + 0.4)).tanh();
        // A few roundings of numbers near 1.
        assert!((next[0] - ((1.0 - z) * n + z * -0.35)).abs() < 1e-6, "{next:?}");
    }

    #[test]
    fn huge_inputs_saturate_and_are_no_nan() {
        let gru = Gru { input: &[1.0, 1.0, 1.0], state: &[1.0, 1.0, 1.0], bias: &[0.0; 3], new_bias: &[0.0] };
        for x in [1e30, -1e30] {
            let (mut next, mut kept, mut scratch) = ([0.0], [0.0; 4], [0.0; 3]);
            gru.step(&gru.laid(1), &[x, x, x], &[0.5], &mut next, &mut kept, &mut scratch);
            assert!(next[0].is_finite() && next[0].abs() <= 1.0, "{next:?}");
        }
    }
}
