//! The products of a tile.
//!
//! Logits stand in panels of [`LANES`] candidates, token by token, so all three products run over what lies side by side.

use super::Candidates;
use crate::neural::blocks::{LANES, Lane, PAIR, WIDE_ROWS, added, lane_of, read, write};
use crate::neural::elementwise::{dot, exp_one};
use crate::neural::widest::widest;

/// Panels whose part of a state's gradient is added up in registers.
const TOGETHER: usize = 8;

/// Some tokens, and what is made of them.
pub struct Tile {
    /// A multiple of [`WIDE_ROWS`].
    n_tokens: usize,
    padded: usize,
    /// `(n_tokens, padded)`, and so is their gradient.
    pub states: Vec<f32>,
    pub d_states: Vec<f32>,
    /// Block by block, `(padded, rows)`.
    turned: Vec<f32>,
    /// Panel by panel, `(n_tokens, LANES)`.
    logits: Vec<Lane>,
    /// Of each token, lane by lane: no logit is greater. All lanes are the same once exponentials are made.
    pub tops: Vec<Lane>,
    /// Of each token, lane by lane.
    pub sums: Vec<Lane>,
}

impl Tile {
    pub fn new(n_tokens: usize, padded: usize, n_panels: usize) -> Self {
        let n_tokens = n_tokens.next_multiple_of(WIDE_ROWS);
        Self {
            n_tokens,
            padded,
            states: vec![0.0; n_tokens * padded],
            d_states: vec![0.0; n_tokens * padded],
            turned: vec![0.0; n_tokens * padded],
            logits: vec![[0.0; LANES]; n_panels * n_tokens],
            tops: vec![[0.0; LANES]; n_tokens],
            sums: vec![[0.0; LANES]; n_tokens],
        }
    }

    pub fn logit_mut(&mut self, token: usize, target: u32) -> &mut f32 {
        let target = target as usize;
        &mut self.logits[target / LANES * self.n_tokens + token][target % LANES]
    }

    /// `states` are `(n, columns)`. Tokens beyond the last are zeros, of whose gradient nothing is to be taken.
    pub fn set_states<const ROWS: usize>(&mut self, states: &[f32], columns: usize) {
        let Self { padded, states: rows, turned, .. } = self;
        rows.fill(0.0);
        for (row, state) in rows.chunks_exact_mut(*padded).zip(states.chunks_exact(columns)) {
            row[..columns].copy_from_slice(state);
        }
        for (turned, rows) in turned.chunks_exact_mut(ROWS * *padded).zip(rows.chunks_exact(ROWS * *padded)) {
            for (column, turned) in turned.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
                *turned = std::array::from_fn(|row| rows[row * *padded + column]);
            }
        }
    }

    pub fn make_logits<const ROWS: usize>(&mut self, candidates: &Candidates<'_>) {
        let Self { n_tokens, padded, turned, logits, tops, .. } = self;
        let Candidates { columns, panels, shifts, .. } = candidates;
        tops.fill([f32::NEG_INFINITY; LANES]);
        widest!({
            let pairs = panels.chunks_exact(2 * *columns).zip(shifts.as_chunks::<2>().0);
            for ((panels, shifts), logits) in pairs.zip(logits.chunks_exact_mut(2 * *n_tokens)) {
                let (panel, other) = panels.split_at(*columns);
                let (logits, others) = logits.split_at_mut(*n_tokens);
                let blocks = logits.as_chunks_mut::<ROWS>().0.iter_mut().zip(others.as_chunks_mut::<ROWS>().0);
                let tokens = tops.as_chunks_mut::<ROWS>().0.iter_mut().zip(turned.chunks_exact(ROWS * *padded));
                for ((logits, others), (tops, states)) in blocks.zip(tokens) {
                    let terms = states.as_chunks::<ROWS>().0.iter().zip(panel.iter().zip(other));
                    let terms = terms.map(|(states, (lane, other))| (*states, lane, other));
                    let sums = [[shifts[0]; ROWS], [shifts[1]; ROWS]];
                    let [sums, more] = added(sums, terms);
                    for row in 0..ROWS {
                        let mut top = tops[row];
                        for i in 0..LANES {
                            top[i] = if sums[row][i] > top[i] { sums[row][i] } else { top[i] };
                            top[i] = if more[row][i] > top[i] { more[row][i] } else { top[i] };
                        }
                        tops[row] = top;
                    }
                    (*logits, *others) = (sums, more);
                }
            }
        });
    }

    /// Makes the logits of the tokens' own targets what they are without a shift, and returns them.
    pub fn set_own(&mut self, candidates: &Candidates<'_>, targets: &[u32]) -> Vec<f32> {
        let own = targets.iter().enumerate().map(|(token, target)| {
            let state = &self.states[token * self.padded..][..self.padded];
            let own = dot(state, candidates.row(*target as usize));
            *self.logit_mut(token, *target) = own;
            own
        });
        own.collect()
    }

    /// Turns logits into their exponentials, the greatest of each token about 1, and adds them up.
    pub fn make_exponentials(&mut self) {
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
    pub fn make_d_states<const ROWS: usize>(&mut self, candidates: &Candidates<'_>) {
        let Self { n_tokens, padded, d_states, logits, .. } = self;
        let (n_tokens, padded) = (*n_tokens, *padded);
        d_states.fill(0.0);
        widest!({
            let parts = logits.chunks(TOGETHER * n_tokens).zip(candidates.rows.chunks(TOGETHER * LANES * padded));
            for (logits, rows) in parts {
                for (block, d_states) in d_states.chunks_exact_mut(ROWS * padded).enumerate() {
                    for column in (0..padded).step_by(PAIR) {
                        let panels = logits.chunks_exact(n_tokens).zip(rows.chunks(LANES * padded));
                        let end = padded.min(column + PAIR);
                        let mut sums = read::<ROWS>(d_states, padded, column, end);
                        for (logits, rows) in panels {
                            let logits = &logits.as_chunks::<ROWS>().0[block];
                            let terms = rows.chunks_exact(padded).enumerate().map(|(lane, row)| {
                                let logits = std::array::from_fn(|token| logits[token][lane]);
                                (logits, lane_of(row, column), lane_of(row, column + LANES))
                            });
                            sums = added(sums, terms);
                        }
                        write(&sums, d_states, padded, column, end);
                    }
                }
            }
        });
    }

    /// Adds the products of what stands for logits with the states.
    pub fn add_d_table<const ROWS: usize>(&self, columns: usize, d_table: &mut [f32]) {
        let Self { n_tokens, padded, states, logits, .. } = self;
        widest!({
            for (logits, d_rows) in logits.chunks_exact(*n_tokens).zip(d_table.chunks_mut(LANES * columns)) {
                for (block, d_rows) in d_rows.chunks_mut(ROWS * columns).enumerate() {
                    for column in (0..columns).step_by(PAIR) {
                        let terms = logits.iter().zip(states.chunks_exact(*padded)).map(|(logits, state)| {
                            let logits = logits.as_chunks::<ROWS>().0[block];
                            (logits, lane_of(state, column), lane_of(state, column + LANES))
                        });
                        let end = columns.min(column + PAIR);
                        let sums = added(read::<ROWS>(d_rows, columns, column, end), terms);
                        write(&sums, d_rows, columns, column, end);
                    }
                }
            }
        });
    }
}
