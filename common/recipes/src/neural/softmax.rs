//! Cross-entropy of next items over a table of candidates.
//!
//! Logits are inner products of a token's state with the rows of the table. They are made, turned into their gradient
//! and used a tile of tokens at a time, so that a tile stays in the cache and the whole matrix of tokens by candidates
//! never exists. Within a tile they stand in panels of [`LANES`] candidates, token by token: so all three products run
//! over what lies side by side, with a block of [`ROWS`] by [`LANES`] sums in registers.

use std::borrow::Cow;

use super::elementwise::{dot, exp_one};
use super::widest::widest;

/// Candidates of a panel, and columns of a block.
const LANES: usize = 16;

/// Tokens of a block, or candidates of one of the table's gradient.
const ROWS: usize = 4;

/// Logits of a tile: 640 KB, which a core's second cache holds.
const TILE: usize = 160 << 10;

/// Tokens in a tile, lest the table be read too often or too much be made at once.
const TOKENS: (usize, usize) = (32, 256);

/// Panels whose part of a state's gradient is added up in registers.
const TOGETHER: usize = 8;

type Lane = [f32; LANES];

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
        let n_panels = n.div_ceil(LANES);
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
    let Candidates { columns, padded, shifts, .. } = candidates;
    let (columns, padded, n_panels) = (*columns, *padded, shifts.len());
    let n_tokens = (TILE / (n_panels * LANES).max(1)).clamp(TOKENS.0, TOKENS.1);
    let n_tokens = n_tokens.min(targets.len()).next_multiple_of(ROWS);
    let mut tile = Tile::new(n_tokens, padded, n_panels);
    let mut loss = 0.0;
    let tiles = states.chunks(n_tokens * columns).zip(d_states.chunks_mut(n_tokens * columns));
    for ((states, d_states), (targets, weights)) in tiles.zip(targets.chunks(n_tokens).zip(weights.chunks(n_tokens))) {
        // Tokens beyond the last are zeros, of whose gradient nothing is taken.
        tile.states.fill(0.0);
        for (to, state) in tile.states.chunks_exact_mut(padded).zip(states.chunks_exact(columns)) {
            to[..columns].copy_from_slice(state);
        }
        tile.make_logits(candidates);
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
        tile.make_d_states(candidates);
        let rows = d_states.chunks_exact_mut(columns).zip(tile.d_states.chunks_exact(padded));
        for ((to, from), scale) in rows.zip(&scales) {
            to.iter_mut().zip(from).for_each(|(to, value)| *to = scale * value);
        }
        for (state, scale) in tile.states.chunks_exact_mut(padded).zip(&scales) {
            state.iter_mut().for_each(|value| *value *= scale);
        }
        tile.add_d_table(columns, d_table);
    }
    loss
}

/// Some tokens, and what is made of them.
struct Tile {
    n_tokens: usize,
    padded: usize,
    /// `(n_tokens, padded)`, and so is their gradient.
    states: Vec<f32>,
    d_states: Vec<f32>,
    /// Panel by panel, `(n_tokens, LANES)`.
    logits: Vec<Lane>,
    /// Of each token, lane by lane: no logit is greater. All lanes are the same once exponentials are made.
    tops: Vec<Lane>,
    /// Of each token, lane by lane.
    sums: Vec<Lane>,
}

impl Tile {
    fn new(n_tokens: usize, padded: usize, n_panels: usize) -> Self {
        Self {
            n_tokens,
            padded,
            states: vec![0.0; n_tokens * padded],
            d_states: vec![0.0; n_tokens * padded],
            logits: vec![[0.0; LANES]; n_panels * n_tokens],
            tops: vec![[0.0; LANES]; n_tokens],
            sums: vec![[0.0; LANES]; n_tokens],
        }
    }

    fn logit_mut(&mut self, token: usize, target: u32) -> &mut f32 {
        let target = target as usize;
        &mut self.logits[target / LANES * self.n_tokens + token][target % LANES]
    }

    fn make_logits(&mut self, candidates: &Candidates<'_>) {
        let Self { n_tokens, padded, states, logits, tops, .. } = self;
        tops.fill([f32::NEG_INFINITY; LANES]);
        widest!({
            let panels = candidates.panels.chunks_exact(candidates.columns).zip(&candidates.shifts);
            for ((panel, shift), logits) in panels.zip(logits.chunks_exact_mut(*n_tokens)) {
                let blocks = logits.as_chunks_mut::<ROWS>().0.iter_mut().zip(tops.as_chunks_mut::<ROWS>().0);
                for ((logits, tops), states) in blocks.zip(states.chunks_exact(ROWS * *padded)) {
                    let (a, rest) = states.split_at(*padded);
                    let (b, rest) = rest.split_at(*padded);
                    let (c, d) = rest.split_at(*padded);
                    let mut sums = [*shift; ROWS];
                    for ((((lane, a), b), c), d) in panel.iter().zip(a).zip(b).zip(c).zip(d) {
                        add_lane(&mut sums, [*a, *b, *c, *d], lane);
                    }
                    for row in 0..ROWS {
                        for i in 0..LANES {
                            let (top, logit) = (tops[row][i], sums[row][i]);
                            tops[row][i] = if logit > top { logit } else { top };
                        }
                    }
                    *logits = sums;
                }
            }
        });
    }

    /// Makes the logits of the tokens' own targets what they are without a shift, and returns them.
    fn set_own(&mut self, candidates: &Candidates<'_>, targets: &[u32]) -> Vec<f32> {
        let own = targets.iter().enumerate().map(|(token, target)| {
            let state = &self.states[token * self.padded..][..self.padded];
            let own = dot(state, candidates.row(*target as usize));
            *self.logit_mut(token, *target) = own;
            own
        });
        own.collect()
    }

    /// Turns logits into their exponentials, the greatest of each token about 1, and adds them up.
    fn make_exponentials(&mut self) {
        let Self { n_tokens, logits, tops, sums, .. } = self;
        for top in tops.iter_mut() {
            *top = [top.iter().copied().fold(f32::NEG_INFINITY, f32::max); LANES];
        }
        sums.fill([0.0; LANES]);
        widest!({
            for logits in logits.chunks_exact_mut(*n_tokens) {
                for ((logits, tops), sums) in logits.iter_mut().zip(tops.iter()).zip(sums.iter_mut()) {
                    for ((logit, top), sum) in logits.iter_mut().zip(tops).zip(sums) {
                        *logit = exp_one(*logit - top);
                        *sum += *logit;
                    }
                }
            }
        });
    }

    /// The products of what stands for logits with the table.
    fn make_d_states(&mut self, candidates: &Candidates<'_>) {
        let Self { n_tokens, padded, d_states, logits, .. } = self;
        let (n_tokens, padded) = (*n_tokens, *padded);
        d_states.fill(0.0);
        widest!({
            let parts = logits.chunks(TOGETHER * n_tokens).zip(candidates.rows.chunks(TOGETHER * LANES * padded));
            for (logits, rows) in parts {
                for (block, d_states) in d_states.chunks_exact_mut(ROWS * padded).enumerate() {
                    for column in (0..padded).step_by(LANES) {
                        let mut sums = [[0.0; LANES]; ROWS];
                        for (logits, rows) in logits.chunks_exact(n_tokens).zip(rows.chunks(LANES * padded)) {
                            let logits = &logits.as_chunks::<ROWS>().0[block];
                            for (lane, row) in rows.chunks_exact(padded).enumerate() {
                                let row = lane_of(row, column);
                                add_lane(
                                    &mut sums,
                                    [logits[0][lane], logits[1][lane], logits[2][lane], logits[3][lane]],
                                    row,
                                );
                            }
                        }
                        add_block(sums, d_states, padded, column);
                    }
                }
            }
        });
    }

    /// Adds the products of what stands for logits with the states.
    fn add_d_table(&self, columns: usize, d_table: &mut [f32]) {
        let Self { n_tokens, padded, states, logits, .. } = self;
        let mut d_panel = vec![0.0; LANES * padded];
        widest!({
            for (logits, d_table) in logits.chunks_exact(*n_tokens).zip(d_table.chunks_mut(LANES * columns)) {
                d_panel.fill(0.0);
                for (block, d_rows) in d_panel.chunks_exact_mut(ROWS * padded).enumerate() {
                    for column in (0..*padded).step_by(LANES) {
                        let mut sums = [[0.0; LANES]; ROWS];
                        for (logits, state) in logits.iter().zip(states.chunks_exact(*padded)) {
                            add_lane(&mut sums, logits.as_chunks::<ROWS>().0[block], lane_of(state, column));
                        }
                        add_block(sums, d_rows, *padded, column);
                    }
                }
                for (to, from) in d_table.chunks_exact_mut(columns).zip(d_panel.chunks_exact(*padded)) {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += from;
                    }
                }
            }
        });
    }
}

/// `sums += a laneᵀ`, row by row: written out, so that the sums stay in registers.
#[inline(always)]
fn add_lane(sums: &mut [Lane; ROWS], a: [f32; ROWS], lane: &Lane) {
    for i in 0..LANES {
        sums[0][i] = a[0].mul_add(lane[i], sums[0][i]);
    }
    for i in 0..LANES {
        sums[1][i] = a[1].mul_add(lane[i], sums[1][i]);
    }
    for i in 0..LANES {
        sums[2][i] = a[2].mul_add(lane[i], sums[2][i]);
    }
    for i in 0..LANES {
        sums[3][i] = a[3].mul_add(lane[i], sums[3][i]);
    }
}

#[inline(always)]
fn lane_of(row: &[f32], column: usize) -> &Lane {
    row[column..].first_chunk().unwrap_or(&[0.0; LANES])
}

/// Adds sums to some columns of rows.
#[inline(always)]
fn add_block(sums: [Lane; ROWS], rows: &mut [f32], columns: usize, column: usize) {
    for (sums, row) in sums.iter().zip(rows.chunks_exact_mut(columns)) {
        for (value, sum) in row[column..].iter_mut().zip(sums) {
            *value += sum;
        }
    }
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
