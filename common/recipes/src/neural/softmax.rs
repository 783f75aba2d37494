//! Cross-entropy of next items over a table of candidates.
//!
//! Logits are inner products of a token's state with the rows of the table. They are made, turned into their
//! gradient and used a tile of tokens at a time, so that a tile stays in the cache and the whole matrix of tokens
//! by candidates never exists.

use super::elementwise::{add, softmax_row};
use super::matmul::{add_product, matrix, matrix_mut, product};

/// Numbers in a tile: 2 MB, of which a core's caches hold most.
const TILE: usize = 1 << 19;

/// Tokens in a tile, lest the table be read too often or too much be made at once.
const TOKENS: (usize, usize) = (32, 512);

/// What the tokens are to be told apart by.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    /// `(n_candidates, columns)`, row by row.
    pub table: &'a [f32],
    pub columns: usize,
    /// Added to the logit of a candidate unless it is the token's own target; empty: nothing. With
    /// `-ln π(j)`, where `π(j)` is the probability that candidate `j` is in the table, the sum of exponentials
    /// is an unbiased estimate of that over all items (Horvitz and Thompson 1952; Bengio and Senécal 2008).
    pub shifts: &'a [f32],
}

/// Adds up `weight · -ln p(target)` over the tokens.
///
/// | argument  | shape                     | meaning                                              |
/// |-----------|---------------------------|------------------------------------------------------|
/// | `states`  | `(n_tokens, columns)`     | what each token's logits are inner products with     |
/// | `targets` | `(n_tokens,)`             | row of the candidates                                |
/// | `weights` | `(n_tokens,)`             | 0: the token does not count                          |
/// | `d_states`| as `states`               | is written                                           |
/// | `d_table` | as the table              | is added to                                          |
///
/// Cost `6 · n_tokens · n_candidates · columns` flops.
pub fn cross_entropy(
    states: &[f32],
    targets: &[u32],
    weights: &[f32],
    candidates: Candidates<'_>,
    d_states: &mut [f32],
    d_table: &mut [f32],
) -> f64 {
    let Candidates { table, columns, shifts } = candidates;
    let n_candidates = table.len() / columns;
    let n_tokens = (TILE / n_candidates.max(1)).clamp(TOKENS.0, TOKENS.1);
    let mut logits = vec![0.0; n_tokens.min(targets.len()) * n_candidates];
    let mut loss = 0.0;
    let tiles = states.chunks(n_tokens * columns).zip(d_states.chunks_mut(n_tokens * columns));
    for ((states, d_states), (targets, weights)) in tiles.zip(targets.chunks(n_tokens).zip(weights.chunks(n_tokens))) {
        let logits = &mut logits[..targets.len() * n_candidates];
        product(matrix(states, columns), matrix(table, columns).t(), matrix_mut(logits, n_candidates));
        for ((row, target), weight) in logits.chunks_exact_mut(n_candidates).zip(targets).zip(weights) {
            let target = *target as usize;
            let own = row[target];
            if !shifts.is_empty() {
                add(shifts, row);
                row[target] = own;
            }
            let total = softmax_row(row, *weight);
            row[target] -= weight;
            loss += f64::from(*weight) * f64::from(total - own);
        }
        let logits = matrix(logits, n_candidates);
        product(logits, matrix(table, columns), matrix_mut(d_states, columns));
        add_product(logits.t(), matrix(states, columns), matrix_mut(d_table, columns));
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{assert_gradient, numbers};

    const COLUMNS: usize = 4;

    fn run(states: &[f32], table: &[f32], shifts: &[f32]) -> (f64, Vec<f32>, Vec<f32>) {
        let (targets, weights) = ([2, 0, 5], [1.0, 0.5, 0.0]);
        let (mut d_states, mut d_table) = (vec![9.0; states.len()], vec![0.0; table.len()]);
        let candidates = Candidates { table, columns: COLUMNS, shifts };
        let loss = cross_entropy(states, &targets, &weights, candidates, &mut d_states, &mut d_table);
        (loss, d_states, d_table)
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (states, table) = (numbers(3 * COLUMNS, 1), numbers(6 * COLUMNS, 2));
        for shifts in [vec![], numbers(6, 3)] {
            let (_, d_states, d_table) = run(&states, &table, &shifts);
            assert_gradient(&states, &d_states, |states| run(states, &table, &shifts).0);
            assert_gradient(&table, &d_table, |table| run(&states, table, &shifts).0);
        }
    }

    #[test]
    fn the_loss_of_equal_candidates_is_the_logarithm_of_their_number() {
        let (loss, ..) = run(&numbers(3 * COLUMNS, 1), &[0.0; 6 * COLUMNS], &[]);
        assert!((loss - 1.5 * 6_f64.ln()).abs() < 1e-5);
    }

    #[test]
    fn tiles_do_not_show() {
        let n_tokens = 700;
        let (states, table) = (numbers(n_tokens * COLUMNS, 4), numbers(1000 * COLUMNS, 5));
        let targets: Vec<u32> = (0..n_tokens as u32).collect();
        let weights = vec![1.0; n_tokens];
        let candidates = Candidates { table: &table, columns: COLUMNS, shifts: &[] };
        let whole = |range: std::ops::Range<usize>| {
            let (mut d_states, mut d_table) = (vec![0.0; range.len() * COLUMNS], vec![0.0; table.len()]);
            let states = &states[range.start * COLUMNS..range.end * COLUMNS];
            let (targets, weights) = (&targets[range.clone()], &weights[range]);
            (cross_entropy(states, targets, weights, candidates, &mut d_states, &mut d_table), d_states)
        };
        let (loss, d_states) = whole(0..n_tokens);
        let parts: f64 = (0..n_tokens).map(|token| whole(token..token + 1).0).sum();
        assert!((loss - parts).abs() < 1e-3 * loss);
        let last = whole(n_tokens - 1..n_tokens).1;
        for (a, b) in d_states[(n_tokens - 1) * COLUMNS..].iter().zip(&last) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}
