//! The network: gated attention blocks over the items that a user had.
//!
//! Zhai et al. (2024), eqs. 1 to 3. A block turns `x` into
//!
//! ```text
//! u, v, q, k = silu(norm(x) W₁)         x + dropout((norm(attention(v, q, k)) ⊙ u) W₂)
//! ```
//!
//! The input is the item's row of the table, scaled by `√columns`, and a vector by the time since the event
//! before; before a user's first event it is a vector of its own. A token's logits are inner products of the
//! normalised output, with the vectors of what is known of the user and the moment added to it, with the same table.
//! In training, what is known of a tenth of the moments is left out, so that a request that tells nothing is answered
//! as well.

mod first;
mod last;
mod moments;

pub use first::First;

use rand_chacha::ChaCha8Rng;

use super::attention::{Bias, Heads, N_TIMES, Runs, attend, attend_backward, time_bucket};
use crate::neural::batch::{NOTHING, Shard};
use crate::neural::dropout::Dropout;
use crate::neural::elementwise::{add, add_scaled, silu, silu_backward};
use crate::neural::matmul::{linear, linear_backward};
use crate::neural::norm::{rms_norm, rms_norm_backward};
use crate::neural::parameters::{Layout, Slot, Start};
use crate::neural::softmax::cross_entropy;
use crate::neural::train::{Network, Step, Weights};
use crate::neural::widest::widest;

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub columns: usize,
    pub n_heads: usize,
    pub n_blocks: usize,
    /// Newest events that are read.
    pub max_length: usize,
    /// Features that items are also made of, and those of users and moments. Without any the network is another's
    /// that never knew of them, number by number.
    pub n_item_features: usize,
    pub n_moment_features: usize,
    pub dropout: f32,
}

pub struct Transformer {
    pub shape: Shape,
    layout: Layout,
    /// Input before the first event.
    nothing: Slot,
    /// By the time since the event before.
    pause: Slot,
    blocks: Vec<Block>,
    last_gain: Slot,
    /// Vectors by feature: what items are also made of, and what is added to the output.
    item_features: Option<Slot>,
    moment_features: Option<Slot>,
}

struct Block {
    gain: Slot,
    inner: Slot,
    place: Slot,
    time: Slot,
    inner_gain: Slot,
    outer: Slot,
}

/// What a block computed on its way, for the way back.
#[derive(Default)]
struct Trace {
    x: Vec<f32>,
    inverse: Vec<f32>,
    normed: Vec<f32>,
    /// Before `silu` and after it: `u`, `v`, `q`, `k` side by side.
    inner: Vec<f32>,
    uvqk: Vec<f32>,
    scores: Vec<f32>,
    attended: Vec<f32>,
    attended_inverse: Vec<f32>,
    attended_normed: Vec<f32>,
    gated: Vec<f32>,
    dropout: Dropout,
}

/// What all blocks computed.
struct Pass {
    runs: Runs,
    dropout: Dropout,
    traces: Vec<Trace>,
    /// The output of the last block.
    x: Vec<f32>,
    inverse: Vec<f32>,
    /// `x`, normalised, and what is known of the moment.
    states: Vec<f32>,
    /// Whether something was told of each token's moment; empty if of all.
    told: Vec<bool>,
}

impl Transformer {
    pub fn new(shape: Shape) -> Self {
        let Shape { columns, n_heads, n_blocks, max_length, .. } = shape;
        let mut layout = Layout::default();
        let nothing = layout.add("nothing", (1, columns), Start::Spread(0.02));
        let pause = layout.add("pause", (N_TIMES, columns), Start::Spread(0.02));
        let blocks = (0..n_blocks).map(|block| {
            let name = |part: &str| format!("block_{block}.{part}");
            Block {
                gain: layout.add(name("gain"), (1, columns), Start::Constant(1.0)),
                inner: layout.add_linear(name("inner"), (columns, 4 * columns)),
                place: layout.add(name("place"), (n_heads, max_length), Start::Constant(0.0)),
                time: layout.add(name("time"), (n_heads, N_TIMES), Start::Constant(0.0)),
                inner_gain: layout.add(name("inner_gain"), (1, columns), Start::Constant(1.0)),
                outer: layout.add_linear(name("outer"), (columns, columns)),
            }
        });
        let blocks = blocks.collect();
        let last_gain = layout.add("last_gain", (1, columns), Start::Constant(1.0));
        let mut features = |name: &str, n: usize| (n > 0).then(|| layout.add(name, (n, columns), Start::Constant(0.0)));
        let item_features = features("item_features", shape.n_item_features);
        let moment_features = features("moment_features", shape.n_moment_features);
        Self { shape, layout, nothing, pause, blocks, last_gain, item_features, moment_features }
    }

    /// Where the vectors of the items' features stand.
    pub fn item_features(&self) -> Option<Slot> {
        self.item_features
    }

    fn heads(&self) -> Heads {
        Heads { n_heads: self.shape.n_heads, columns: self.shape.columns, max_length: self.shape.max_length }
    }

    fn scale(&self) -> f32 {
        (self.shape.columns as f32).sqrt()
    }

    /// Of each token: the bucket of the time since the token before.
    fn pauses(shard: &Shard) -> Vec<usize> {
        let times = &shard.timestamps_s;
        let since = |range: std::ops::Range<usize>| {
            let begin = range.start;
            range.map(move |token| time_bucket(times[token].saturating_sub(times[token.max(begin + 1) - 1])))
        };
        shard.ranges().flat_map(since).collect()
    }

    /// What the first block reads.
    fn inputs(&self, body: &[f32], table: &[f32], shard: &Shard) -> Vec<f32> {
        let columns = self.shape.columns;
        let mut x = vec![0.0; shard.n_tokens() * columns];
        let (nothing, pause) = (self.nothing.of(body), self.pause.of(body));
        for ((x, item), bucket) in x.chunks_exact_mut(columns).zip(&shard.items).zip(Self::pauses(shard)) {
            match *item {
                NOTHING => x.copy_from_slice(nothing),
                item => {
                    add_scaled(self.scale(), &table[item as usize * columns..][..columns], x);
                    add(&pause[bucket * columns..][..columns], x);
                }
            }
        }
        x
    }

    fn forward(&self, body: &[f32], table: &[f32], shard: &Shard, mut rng: Option<&mut ChaCha8Rng>) -> Pass {
        let (columns, n_tokens) = (self.shape.columns, shard.n_tokens());
        let mut x = self.inputs(body, table, shard);
        let mut dropout = Dropout::default();
        if let Some(rng) = rng.as_deref_mut() {
            dropout.apply(&mut x, self.shape.dropout, rng);
        }
        let runs = Runs::of(shard.ranges(), &shard.timestamps_s);
        let mut traces = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (trace, y) = self.block(block, body, &runs, x, rng.as_deref_mut());
            traces.push(trace);
            x = y;
        }
        let (mut inverse, mut states) = (vec![0.0; n_tokens], vec![0.0; n_tokens * columns]);
        rms_norm(&x, self.last_gain.of(body), &mut inverse, &mut states);
        let told = match rng {
            Some(rng) => moments::draw_told(shard.moments.n_rows(), rng),
            None => Vec::new(),
        };
        self.add_moments(body, &shard.moments, &told, &mut states);
        Pass { runs, dropout, traces, x, inverse, states, told }
    }

    fn block(
        &self,
        block: &Block,
        body: &[f32],
        runs: &Runs,
        x: Vec<f32>,
        rng: Option<&mut ChaCha8Rng>,
    ) -> (Trace, Vec<f32>) {
        let columns = self.shape.columns;
        let n_tokens = x.len() / columns;
        let mut trace = Trace { inverse: vec![0.0; n_tokens], normed: vec![0.0; x.len()], ..Trace::default() };
        trace.inner.resize(n_tokens * 4 * columns, 0.0);
        trace.uvqk.resize(n_tokens * 4 * columns, 0.0);
        rms_norm(&x, block.gain.of(body), &mut trace.inverse, &mut trace.normed);
        linear(&trace.normed, block.inner.of(body), (columns, 4 * columns), &mut trace.inner);
        silu(&trace.inner, &mut trace.uvqk);
        let y = self.gather(block, body, runs, x, &mut trace, rng);
        (trace, y)
    }

    /// What a block makes of `u`, `v`, `q` and `k`, which the trace has already.
    fn gather(
        &self,
        block: &Block,
        body: &[f32],
        runs: &Runs,
        x: Vec<f32>,
        trace: &mut Trace,
        rng: Option<&mut ChaCha8Rng>,
    ) -> Vec<f32> {
        let columns = self.shape.columns;
        let row = || vec![0.0; x.len()];
        (trace.attended, trace.attended_normed, trace.gated) = (row(), row(), row());
        trace.attended_inverse.resize(x.len() / columns, 0.0);
        let bias = Bias { place: block.place.of(body), time: block.time.of(body) };
        let qkv = (trace.uvqk.as_slice(), 4 * columns, columns);
        attend(self.heads(), runs, qkv, &bias, &mut trace.scores, &mut trace.attended);
        let gain = block.inner_gain.of(body);
        rms_norm(&trace.attended, gain, &mut trace.attended_inverse, &mut trace.attended_normed);
        widest!({
            let rows = trace.gated.chunks_exact_mut(columns).zip(trace.attended_normed.chunks_exact(columns));
            for ((gated, attended), uvqk) in rows.zip(trace.uvqk.chunks_exact(4 * columns)) {
                for ((gated, attended), gate) in gated.iter_mut().zip(attended).zip(uvqk) {
                    *gated = attended * gate;
                }
            }
        });
        let mut y = row();
        linear(&trace.gated, block.outer.of(body), (columns, columns), &mut y);
        if let Some(rng) = rng {
            trace.dropout.apply(&mut y, self.shape.dropout, rng);
        }
        add(&x, &mut y);
        trace.x = x;
        y
    }

    /// Turns the gradient of a block's output into that of its input.
    fn block_backward(&self, block: &Block, body: &[f32], runs: &Runs, trace: &Trace, d: &mut [f32], to: &mut [f32]) {
        let columns = self.shape.columns;
        let mut d_y = d.to_vec();
        trace.dropout.again(&mut d_y);
        let mut d_gated = vec![0.0; d.len()];
        let shape = (columns, columns);
        linear_backward(&trace.gated, block.outer.of(body), shape, &d_y, block.outer.of_mut(to), &mut d_gated);
        let mut d_uvqk = vec![0.0; 4 * d.len()];
        widest!({
            let rows = d_gated.chunks_exact_mut(columns).zip(trace.attended_normed.chunks_exact(columns));
            let gates = trace.uvqk.chunks_exact(4 * columns).zip(d_uvqk.chunks_exact_mut(4 * columns));
            for ((d_gated, attended), (uvqk, d_uvqk)) in rows.zip(gates) {
                let values = d_gated.iter_mut().zip(attended).zip(uvqk.iter().zip(d_uvqk));
                for ((d_gated, attended), (gate, d_gate)) in values {
                    *d_gate = *d_gated * attended;
                    *d_gated *= gate;
                }
            }
        });
        let (gain, d_gain) = (block.inner_gain.of(body), block.inner_gain.of_mut(to));
        rms_norm_backward(&trace.attended, gain, &trace.attended_inverse, &mut d_gated, d_gain);
        let qkv = (trace.uvqk.as_slice(), 4 * columns, columns);
        let (mut d_place, mut d_time) = (vec![0.0; block.place.of(body).len()], vec![0.0; block.time.of(body).len()]);
        let d_bias = (d_place.as_mut_slice(), d_time.as_mut_slice());
        attend_backward(self.heads(), runs, qkv, &trace.scores, &d_gated, &mut d_uvqk, d_bias);
        add(&d_place, block.place.of_mut(to));
        add(&d_time, block.time.of_mut(to));
        silu_backward(&trace.inner, &mut d_uvqk);
        let mut d_normed = d_gated;
        let shape = (columns, 4 * columns);
        linear_backward(&trace.normed, block.inner.of(body), shape, &d_uvqk, block.inner.of_mut(to), &mut d_normed);
        let (gain, d_gain) = (block.gain.of(body), block.gain.of_mut(to));
        rms_norm_backward(&trace.x, gain, &trace.inverse, &mut d_normed, d_gain);
        add(&d_normed, d);
    }
}

impl Network for Transformer {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn columns(&self) -> usize {
        self.shape.columns
    }

    fn learn(&self, step: Step<'_>, shard: &Shard, rng: &mut ChaCha8Rng, gradient: &mut Weights) -> f64 {
        let (columns, body) = (self.shape.columns, step.body);
        let pass = self.forward(body, step.table, shard, Some(rng));
        let mut d = vec![0.0; pass.states.len()];
        let d_table = &mut gradient.table[..step.candidates.len()];
        let loss = cross_entropy(&pass.states, &shard.targets, &shard.weights, step.candidates, &mut d, d_table);
        let to = &mut gradient.body;
        self.moments_backward(&shard.moments, &pass.told, &d, to);
        rms_norm_backward(&pass.x, self.last_gain.of(body), &pass.inverse, &mut d, self.last_gain.of_mut(to));
        for (block, trace) in self.blocks.iter().zip(&pass.traces).rev() {
            self.block_backward(block, body, &pass.runs, trace, &mut d, to);
        }
        pass.dropout.again(&mut d);
        for ((d, item), bucket) in d.chunks_exact(columns).zip(&shard.items).zip(Self::pauses(shard)) {
            match *item {
                NOTHING => add(d, self.nothing.of_mut(to)),
                item => {
                    add_scaled(self.scale(), d, &mut gradient.table[item as usize * columns..][..columns]);
                    add(d, &mut self.pause.of_mut(to)[bucket * columns..][..columns]);
                }
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::dataset::Histories;
    use crate::model::SparseRows;
    use crate::neural::batch::Sequence;
    use crate::neural::differences::{assert_gradient_by, numbers};
    use crate::neural::softmax::Candidates;

    pub fn network(dropout: f32) -> Transformer {
        let (n_item_features, n_moment_features) = (0, 3);
        Transformer::new(Shape {
            columns: 4,
            n_heads: 2,
            n_blocks: 2,
            max_length: 6,
            n_item_features,
            n_moment_features,
            dropout,
        })
    }

    pub fn shard() -> Shard {
        let histories =
            Histories::new(vec![0, 4, 9], vec![0, 1, 2, 3, 4, 1, 0, 2, 2], vec![0, 1, 50, 90, 5, 5, 6, 80, 900]);
        let sequences = [(0, 0, 4), (1, 1, 4)].map(|(user, begin, end)| Sequence { user, begin, end });
        let moment = |user: usize, place: usize| match place {
            2 => (vec![], vec![]),
            _ => (vec![user as u32, 2], vec![1.0, 0.5 * place as f32]),
        };
        Shard::pack(&histories, &sequences, |_, place| 1.0 + place as f32, Some(&moment))
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for dropout in [0.0, 0.3] {
            let (network, shard) = (network(dropout), shard());
            let body: Vec<f32> = numbers(network.layout().len(), 1);
            let table = numbers(6 * 4, 2);
            let run = |body: &[f32], table: &[f32]| {
                let mut gradient = Weights { body: vec![0.0; body.len()], table: vec![0.0; table.len()] };
                let candidates = &Candidates::new(&table[..5 * 4], 4, &[]);
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let loss = network.learn(Step { body, table, candidates }, &shard, &mut rng, &mut gradient);
                (loss, gradient)
            };
            let gradient = run(&body, &table).1;
            assert_gradient_by(1.0 / 512.0, 1e-2, &body, &gradient.body, |body| run(body, &table).0);
            assert_gradient_by(1.0 / 512.0, 1e-2, &table, &gradient.table, |table| run(&body, table).0);
        }
    }

    #[test]
    fn sequences_do_not_know_of_each_other() {
        let (network, shard) = (network(0.0), shard());
        let (body, table) = (numbers(network.layout().len(), 1), numbers(6 * 4, 2));
        let together = network.forward(&body, &table, &shard, None).states;
        let second = Shard {
            ends: vec![3],
            items: shard.items[4..].to_vec(),
            timestamps_s: shard.timestamps_s[4..].to_vec(),
            targets: shard.targets[4..].to_vec(),
            weights: shard.weights[4..].to_vec(),
            moments: SparseRows::from_rows((4..7).map(|token| {
                let (features, weights) = shard.moments.row(token);
                (features.to_vec(), weights.to_vec())
            })),
        };
        let alone = network.forward(&body, &table, &second, None).states;
        for (a, b) in together[4 * 4..].iter().zip(&alone) {
            // Products of other shapes add in another order.
            assert!((a - b).abs() < 1e-5);
        }
    }
}
