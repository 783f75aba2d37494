//! What the first block makes of its inputs, looked up instead of multiplied.
//!
//! An input is an item's row plus the vector of a pause, so that with `g` the block's gain
//!
//! ```text
//! norm(x) W₁ = (item (g ⊙ W₁) + pause (g ⊙ W₁)) / rms(x)
//! ```
//!
//! of which both products are the same in all requests.

use super::{Block, Trace, Transformer};
use crate::neural::batch::{NOTHING, Shard};
use crate::neural::elementwise::silu_one;
use crate::neural::matmul::linear;
use crate::neural::norm::inverse_rms;
use crate::neural::widest::widest;
use crate::transformer::attention::Runs;

/// The products of everything that an input can be made of: rows of `4 columns` numbers.
pub struct First {
    items: Vec<f32>,
    pauses: Vec<f32>,
    nothing: Vec<f32>,
    /// What is added to `nothing`.
    no_pause: Vec<f32>,
}

impl First {
    pub fn resident_bytes(&self) -> usize {
        (self.items.len() + self.pauses.len() + self.nothing.len() + self.no_pause.len()) * size_of::<f32>()
    }
}

impl Transformer {
    /// Numbers of what [`Transformer::first`] gives.
    pub fn n_first(&self, n_items: usize) -> usize {
        4 * self.shape.columns * n_items
    }

    /// `None` without a block.
    pub fn first(&self, body: &[f32], table: &[f32]) -> Option<First> {
        let block = self.blocks.first()?;
        let columns = self.shape.columns;
        let mut inner = block.inner.of(body).to_vec();
        for (row, gain) in inner.chunks_exact_mut(4 * columns).zip(block.gain.of(body)) {
            row.iter_mut().for_each(|value| *value *= gain);
        }
        let product = |rows: &[f32]| {
            let mut to = vec![0.0; 4 * rows.len()];
            linear(rows, &inner, (columns, 4 * columns), &mut to);
            to
        };
        let mut items = product(table);
        items.iter_mut().for_each(|value| *value *= self.scale());
        let (pauses, nothing) = (product(self.pause.of(body)), product(self.nothing.of(body)));
        Some(First { items, pauses, nothing, no_pause: vec![0.0; 4 * columns] })
    }

    /// As [`Transformer::block`] of the first block, without dropout. `x` are the inputs of the shard.
    pub(super) fn first_block(
        &self,
        first: &First,
        block: &Block,
        body: &[f32],
        runs: &Runs,
        shard: &Shard,
        x: Vec<f32>,
    ) -> Vec<f32> {
        let columns = self.shape.columns;
        let mut trace = Trace { uvqk: vec![0.0; 4 * x.len()], ..Trace::default() };
        let rows = x.chunks_exact(columns).zip(trace.uvqk.chunks_exact_mut(4 * columns));
        for ((x, uvqk), (item, bucket)) in rows.zip(shard.items.iter().zip(Self::pauses(shard))) {
            let (item, pause) = match *item {
                NOTHING => (first.nothing.as_slice(), first.no_pause.as_slice()),
                item => (row(&first.items, item as usize, columns), row(&first.pauses, bucket, columns)),
            };
            widest!({
                let inverse = inverse_rms(x);
                for ((value, item), pause) in uvqk.iter_mut().zip(item).zip(pause) {
                    *value = silu_one((item + pause) * inverse);
                }
            });
        }
        self.gather(block, body, runs, x, &mut trace, None)
    }
}

fn row(rows: &[f32], number: usize, columns: usize) -> &[f32] {
    &rows[number * 4 * columns..][..4 * columns]
}
