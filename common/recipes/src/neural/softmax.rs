//! Cross-entropy of next items over a table of candidates.
//!
//! Logits are inner products of a token's state with the rows of the table. They are made, turned into their gradient
//! and used a tile of tokens at a time, so that a tile stays in the cache and the whole matrix of tokens by candidates
//! never exists.

mod tile;

use std::borrow::Cow;

use super::blocks::{LANES, Lane, ROWS, WIDE_ROWS, are_wide};
use tile::Tile;

/// Logits of a tile: 640 KB, which a core's second cache holds.
const TILE: usize = 160 << 10;

/// Tokens in a tile, lest the table be read too often or too much be made at once.
const TOKENS: (usize, usize) = (32, 256);

/// What the tokens are to be told apart by, laid out for the products.
pub struct Candidates<'a> {
    columns: usize,
    /// `(n, padded)`: `columns` and as many zeros as make whole lanes.
    rows: Cow<'a, [f32]>,
    padded: usize,
    /// Panel by panel, `(columns, LANES)`.
    panels: Vec<Lane>,
    /// By panel; what is no candidate has a logit of -∞.
    shifts: Vec<Lane>,
}

impl<'a> Candidates<'a> {
    /// `table` is `(n, columns)`, row by row.
    ///
    /// `shifts` are added to the logit of a candidate unless it is the token's own target; empty: nothing. With
    /// `-ln π(j)`, where `π(j)` is the probability that candidate `j` is in the table, the sum of exponentials is
    /// an unbiased estimate of that over all items (Horvitz and Thompson 1952; Bengio and Senécal 2008).
    pub fn new(table: &'a [f32], columns: usize, shifts: &[f32]) -> Self {
        let n = table.len() / columns;
        // In pairs.
        let n_panels = n.div_ceil(LANES).next_multiple_of(2);
        let mut panels = vec![[0.0; LANES]; n_panels * columns];
        for (item, row) in table.chunks_exact(columns).enumerate() {
            let panel = &mut panels[item / LANES * columns..][..columns];
            panel.iter_mut().zip(row).for_each(|(lane, value)| lane[item % LANES] = *value);
        }
        let shift = |item: usize| if item < n { shifts.get(item).copied().unwrap_or(0.0) } else { f32::NEG_INFINITY };
        let shifts = (0..n_panels).map(|panel| std::array::from_fn(|lane| shift(panel * LANES + lane))).collect();
        let padded = columns.next_multiple_of(LANES);
        let rows = if padded == columns { Cow::Borrowed(table) } else { Cow::Owned(pad(table, columns, padded)) };
        Self { columns, rows, padded, panels, shifts }
    }

    /// Numbers of the table.
    pub fn len(&self) -> usize {
        self.rows.len() / self.padded * self.columns
    }

    fn row(&self, item: usize) -> &[f32] {
        &self.rows[item * self.padded..][..self.padded]
    }
}

/// Rows with zeros after them.
fn pad(rows: &[f32], columns: usize, padded: usize) -> Vec<f32> {
    let mut all = vec![0.0; rows.len() / columns * padded];
    for (to, row) in all.chunks_exact_mut(padded).zip(rows.chunks_exact(columns)) {
        to[..columns].copy_from_slice(row);
    }
    all
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
    candidates: &Candidates<'_>,
    d_states: &mut [f32],
    d_table: &mut [f32],
) -> f64 {
    let run = if are_wide() { cross_entropy_by::<WIDE_ROWS> } else { cross_entropy_by::<ROWS> };
    run(states, targets, weights, candidates, d_states, d_table)
}

/// With blocks of so many rows.
fn cross_entropy_by<const ROWS: usize>(
    states: &[f32],
    targets: &[u32],
    weights: &[f32],
    candidates: &Candidates<'_>,
    d_states: &mut [f32],
    d_table: &mut [f32],
) -> f64 {
    let Candidates { columns, padded, shifts, .. } = candidates;
    let (columns, padded, n_panels) = (*columns, *padded, shifts.len());
    let n_tokens = (TILE / (n_panels * LANES).max(1)).clamp(TOKENS.0, TOKENS.1);
    let n_tokens = n_tokens.min(targets.len()).next_multiple_of(WIDE_ROWS);
    let mut tile = Tile::new(n_tokens, padded, n_panels);
    let mut loss = 0.0;
    let tiles = states.chunks(n_tokens * columns).zip(d_states.chunks_mut(n_tokens * columns));
    for ((states, d_states), (targets, weights)) in tiles.zip(targets.chunks(n_tokens).zip(weights.chunks(n_tokens))) {
        tile.set_states::<ROWS>(states, columns);
        tile.make_logits::<ROWS>(candidates);
        let own = tile.set_own(candidates, targets);
        tile.make_exponentials();
        // From here on what stands for logits is their gradient divided by `scales`.
        let mut scales = Vec::with_capacity(targets.len());
        for (token, ((target, weight), own)) in targets.iter().zip(weights).zip(own).enumerate() {
            let sum: f32 = tile.sums[token].iter().sum();
            loss += f64::from(*weight) * f64::from(tile.tops[token][0] + sum.ln() - own);
            *tile.logit_mut(token, *target) -= sum;
            scales.push(weight / sum);
        }
        tile.make_d_states::<ROWS>(candidates);
        let rows = d_states.chunks_exact_mut(columns).zip(tile.d_states.chunks_exact(padded));
        for ((to, from), scale) in rows.zip(&scales) {
            to.iter_mut().zip(from).for_each(|(to, value)| *to = scale * value);
        }
        for (state, scale) in tile.states.chunks_exact_mut(padded).zip(&scales) {
            state.iter_mut().for_each(|value| *value *= scale);
        }
        tile.add_d_table::<ROWS>(columns, d_table);
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
        let candidates = Candidates::new(table, COLUMNS, shifts);
        let loss = cross_entropy(states, &targets, &weights, &candidates, &mut d_states, &mut d_table);
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

    type Run = fn(&[f32], &[u32], &[f32], &Candidates<'_>, &mut [f32], &mut [f32]) -> f64;

    #[test]
    fn blocks_do_not_show() {
        for (n, columns) in [(1000, 40), (37, 64), (5, 7)] {
            let (states, table) = (numbers(70 * columns, 4), numbers(n * columns, 5));
            let targets: Vec<u32> = (0..70).map(|token| token % n as u32).collect();
            let candidates = Candidates::new(&table, columns, &[]);
            let whole = |run: Run| {
                let (mut d_states, mut d_table) = (vec![0.0; states.len()], vec![1.0; table.len()]);
                let loss = run(&states, &targets, &[1.0; 70], &candidates, &mut d_states, &mut d_table);
                (loss, d_states, d_table)
            };
            assert_eq!(whole(cross_entropy_by::<ROWS>), whole(cross_entropy_by::<WIDE_ROWS>));
        }
    }

    #[test]
    fn tiles_do_not_show() {
        let n_tokens = 700;
        let (states, table) = (numbers(n_tokens * COLUMNS, 4), numbers(1000 * COLUMNS, 5));
        let targets: Vec<u32> = (0..n_tokens as u32).collect();
        let weights = vec![1.0; n_tokens];
        let candidates = Candidates::new(&table, COLUMNS, &[]);
        let whole = |range: std::ops::Range<usize>| {
            let (mut d_states, mut d_table) = (vec![0.0; range.len() * COLUMNS], vec![0.0; table.len()]);
            let states = &states[range.start * COLUMNS..range.end * COLUMNS];
            let (targets, weights) = (&targets[range.clone()], &weights[range]);
            (cross_entropy(states, targets, weights, &candidates, &mut d_states, &mut d_table), d_states)
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
