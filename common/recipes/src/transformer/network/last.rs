//! What an answer needs of a pass: the last token of each sequence.

use super::{Block, First, Transformer};
use crate::model::SparseRows;
use crate::neural::batch::Shard;
use crate::neural::elementwise::{add, silu};
use crate::neural::matmul::{block as columns_of, linear, matrix, product};
use crate::neural::norm::rms_norm;
use crate::transformer::attention::{Bias, Runs, attend_last};

impl Transformer {
    /// `(n_sequences, columns)`: what the logits of the last token of each sequence are inner products of the table
    /// with. `moments` has the features of each sequence's user and moment, or no rows at all.
    pub fn last_states(&self, weights: (&[f32], &[f32]), shard: &Shard, moments: &SparseRows) -> Vec<f32> {
        let mut states = self.last_outputs(weights, None, shard);
        self.add_moments(weights.0, moments, &[], &mut states);
        states
    }

    /// As [`Transformer::last_states`], before moments are added.
    ///
    /// Of the last block only what these tokens need is computed, and of the first nothing that `first` has.
    pub fn last_outputs(&self, (body, table): (&[f32], &[f32]), first: Option<&First>, shard: &Shard) -> Vec<f32> {
        let runs = Runs::of(shard.ranges(), &shard.timestamps_s);
        let mut x = self.inputs(body, table, shard);
        let x = match self.blocks.split_last() {
            Some((last, others)) => {
                for (number, block) in others.iter().enumerate() {
                    x = match first {
                        Some(first) if number == 0 => self.first_block(first, block, body, &runs, shard, x),
                        _ => self.block(block, body, &runs, x, None).1,
                    };
                }
                self.last_block(last, body, &runs, &shard.ends, &x)
            }
            None => last_rows(&x, self.shape.columns, &shard.ends),
        };
        let (mut inverse, mut states) = (vec![0.0; shard.ends.len()], vec![0.0; x.len()]);
        rms_norm(&x, self.last_gain.of(body), &mut inverse, &mut states);
        states
    }

    /// As [`Transformer::block`] without dropout, for the last token of each sequence alone: `(n_sequences, columns)`.
    fn last_block(&self, block: &Block, body: &[f32], runs: &Runs, ends: &[usize], x: &[f32]) -> Vec<f32> {
        let columns = self.shape.columns;
        let (n_tokens, n_last) = (x.len() / columns, ends.len());
        let (mut inverse, mut normed) = (vec![0.0; n_tokens], vec![0.0; x.len()]);
        rms_norm(x, block.gain.of(body), &mut inverse, &mut normed);
        let last_normed = last_rows(&normed, columns, ends);
        // `u`, `v`, `q` and `k` are columns of one matrix.
        let part = |rows: &[f32], which: usize, to: &mut [f32], stride: usize| {
            let inner = columns_of(&block.inner.of(body)[which * columns..], columns, columns, 4 * columns);
            product(matrix(rows, columns), inner, (to, stride));
        };
        let activated = |inner: Vec<f32>| {
            let mut active = vec![0.0; inner.len()];
            silu(&inner, &mut active);
            active
        };
        let [mut u, mut q] = [vec![0.0; n_last * columns], vec![0.0; n_last * columns]];
        part(&last_normed, 0, &mut u, columns);
        part(&last_normed, 2, &mut q, columns);
        let mut vk = vec![0.0; 2 * x.len()];
        part(&normed, 1, &mut vk, 2 * columns);
        part(&normed, 3, &mut vk[columns..], 2 * columns);
        let (u, q, vk) = (activated(u), activated(q), activated(vk));
        let bias = Bias { place: block.place.of(body), time: block.time.of(body) };
        let mut attended = vec![0.0; n_last * columns];
        attend_last(self.heads(), runs, &q, &vk, &bias, &mut attended);
        let (mut inverse, mut gated) = (vec![0.0; n_last], vec![0.0; n_last * columns]);
        rms_norm(&attended, block.inner_gain.of(body), &mut inverse, &mut gated);
        gated.iter_mut().zip(&u).for_each(|(value, gate)| *value *= gate);
        let mut y = vec![0.0; n_last * columns];
        linear(&gated, block.outer.of(body), (columns, columns), &mut y);
        add(&last_rows(x, columns, ends), &mut y);
        y
    }
}

/// The last row of each sequence, by where it ends.
fn last_rows(rows: &[f32], columns: usize, ends: &[usize]) -> Vec<f32> {
    ends.iter().flat_map(|end| &rows[(end - 1) * columns..end * columns]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::numbers;
    use crate::neural::train::Network;
    use crate::transformer::network::Shape;
    use crate::transformer::network::tests::{network, shard};

    #[test]
    fn the_last_states_alone_are_those_among_all() {
        let shard = shard();
        for n_blocks in 0..3 {
            let network = Transformer::new(Shape { n_blocks, ..network(0.0).shape });
            let (body, table) = (numbers(network.layout().len(), 1), numbers(6 * 4, 2));
            let all = network.forward(&body, &table, &shard, None).states;
            let moments = SparseRows::from_rows([3, 6].map(|token| {
                let (features, weights) = shard.moments.row(token);
                (features.to_vec(), weights.to_vec())
            }));
            let first = network.first(&body, &table);
            for first in [None, first.as_ref()] {
                let mut last = network.last_outputs((&body, &table), first, &shard);
                network.add_moments(&body, &moments, &[], &mut last);
                assert_eq!(last.len(), 2 * 4);
                for (a, b) in last.iter().zip(last_rows(&all, 4, &shard.ends)) {
                    // Products of other shapes add in another order.
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
                if first.is_none() {
                    assert_eq!(last, network.last_states((&body, &table), &shard, &moments));
                }
            }
        }
    }
}
