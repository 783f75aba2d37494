//! Causal attention with pointwise weights and a bias by distance and by time: the aggregation of Zhai et al.
//! (2024), "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative
//! Recommendations", eq. 2.
//!
//! For a head of one sequence of `n` tokens,
//!
//! ```text
//! S = Q Kᵀ / √c + place(i - j) + time(bits(t_i - t_j))      j ≤ i
//! O = silu(S) V / max_length
//! ```
//!
//! where `bits(Δ)` is the number of binary digits of a time in seconds. As times ascend, it does not grow along
//! a row of `S`, so a row is some runs of one bias each.

use std::ops::Range;

use crate::neural::elementwise::{dot_one, sigmoid_one as sigmoid, sum};
use crate::neural::matmul::{add_product, block, product};
use crate::neural::widest::widest;

/// Biases by time: a difference of no second, of one, of up to 3, 7, 15 and so on; the last is for all beyond.
pub const N_TIMES: usize = 32;

/// Rows of `S` that are made at once; of the columns only those up to the last row are.
const ROWS: usize = 64;

/// Which bias a difference in seconds has.
pub fn time_bucket(seconds: i64) -> usize {
    let bits = u64::BITS - u64::try_from(seconds).unwrap_or(0).leading_zeros();
    (bits as usize).min(N_TIMES - 1)
}

/// The shape of an attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heads {
    pub n_heads: usize,
    /// Columns of all heads together.
    pub columns: usize,
    /// Tokens of a sequence at most.
    pub max_length: usize,
}

impl Heads {
    fn head(self) -> usize {
        self.columns / self.n_heads
    }

    fn scale(self) -> f32 {
        (self.max_length as f32).recip()
    }
}

/// What sequences look like: the runs of equal time buckets of every token's row.
#[derive(Default)]
pub struct Runs {
    sequences: Vec<Range<usize>>,
    /// Where the runs of each token end.
    ends: Vec<usize>,
    /// Bucket, and one past the last column.
    runs: Vec<(u8, u32)>,
}

impl Runs {
    /// Times that go back count as standing still.
    pub fn of(sequences: impl Iterator<Item = Range<usize>>, timestamps_s: &[i64]) -> Self {
        let mut all = Self::default();
        for range in sequences {
            let times = &timestamps_s[range.clone()];
            for row in 0..times.len() {
                let begin = all.runs.len();
                for column in 0..=row {
                    let bucket = time_bucket(times[row].saturating_sub(times[column])) as u8;
                    match all.runs[begin..].last_mut() {
                        Some(run) if run.0 == bucket => run.1 = column as u32 + 1,
                        _ => all.runs.push((bucket, column as u32 + 1)),
                    }
                }
                all.ends.push(all.runs.len());
            }
            all.sequences.push(range);
        }
        all
    }

    fn of_token(&self, token: usize) -> &[(u8, u32)] {
        let begin = token.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.runs[begin..self.ends[token]]
    }

    /// Sequence, first and one past the last row, and where the numbers of `S` stand, for each head in turn.
    fn blocks(&self, n_heads: usize) -> impl Iterator<Item = Block> + '_ {
        let rows = |range: &Range<usize>| {
            let range = range.clone();
            (0..range.len()).step_by(ROWS).map(move |from| Block {
                token: range.start,
                rows: from..range.len().min(from + ROWS),
                head: 0,
                offset: 0,
            })
        };
        let mut offset = 0;
        self.sequences
            .iter()
            .flat_map(rows)
            .flat_map(move |rows| (0..n_heads).map(move |head| (rows.clone(), head)))
            .map(move |(rows, head)| {
                let placed = Block { head, offset, ..rows };
                offset += placed.rows.len() * placed.rows.end;
                placed
            })
    }
}

/// Some rows of `S` of one head: `rows.len()` by `rows.end` numbers from `offset` on.
#[derive(Clone)]
struct Block {
    /// The first of the sequence.
    token: usize,
    /// Within the sequence.
    rows: Range<usize>,
    head: usize,
    offset: usize,
}

impl Block {
    fn n_keys(&self) -> usize {
        self.rows.end
    }
}

/// The biases of an attention, or their gradient.
pub struct Bias<'a> {
    /// `(n_heads, max_length)`: by distance, the farthest first.
    pub place: &'a [f32],
    /// `(n_heads, N_TIMES)`
    pub time: &'a [f32],
}

/// Reads queries, keys and values, and writes what they lead to.
///
/// | argument | shape                        | meaning                                                      |
/// |----------|------------------------------|--------------------------------------------------------------|
/// | `qkv`    | `(n_tokens, stride)`         | columns `from` on: values, queries, keys, head by head       |
/// | `scores` |                              | takes `S`, which [`attend_backward`] reads                   |
/// | `out`    | `(n_tokens, heads.columns)`  | is written                                                   |
pub fn attend(
    heads: Heads,
    runs: &Runs,
    (qkv, stride, from): (&[f32], usize, usize),
    bias: &Bias<'_>,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    scores.clear();
    let c = heads.head();
    let mut weights = Vec::new();
    for part in runs.blocks(heads.n_heads) {
        let (n_rows, n_keys) = (part.rows.len(), part.n_keys());
        let at = |which: usize, row: usize| (part.token + row) * stride + from + which * heads.columns + part.head * c;
        scores.resize(part.offset + n_rows * n_keys, 0.0);
        let s = &mut scores[part.offset..];
        let (q, k) =
            (block(&qkv[at(1, part.rows.start)..], n_rows, c, stride), block(&qkv[at(2, 0)..], n_keys, c, stride));
        product(q, k.t(), (s, n_keys));
        weights.resize(n_rows * n_keys, 0.0);
        weigh(heads, runs, &part, bias, s, &mut weights);
        let values = block(&qkv[at(0, 0)..], n_keys, c, stride);
        let to = (part.token + part.rows.start) * heads.columns + part.head * c;
        product(block(&weights, n_rows, n_keys, n_keys), values, (&mut out[to..], heads.columns));
    }
}

/// What [`attend`] writes for the last token of each sequence alone.
///
/// | argument | shape                           | meaning                                     |
/// |----------|---------------------------------|---------------------------------------------|
/// | `q`      | `(n_sequences, heads.columns)`  | the queries of the last tokens, head by head |
/// | `vk`     | `(n_tokens, 2 heads.columns)`   | values and keys of all, head by head        |
/// | `out`    | as `q`                          | is written                                  |
pub fn attend_last(heads: Heads, runs: &Runs, q: &[f32], vk: &[f32], bias: &Bias<'_>, out: &mut [f32]) {
    let (c, columns) = (heads.head(), heads.columns);
    let (mut s, mut weights) = (Vec::new(), Vec::new());
    for ((range, q), out) in runs.sequences.iter().zip(q.chunks_exact(columns)).zip(out.chunks_exact_mut(columns)) {
        let n_keys = range.len();
        s.resize(n_keys, 0.0);
        weights.resize(n_keys, 0.0);
        for head in 0..heads.n_heads {
            let own = head * c..(head + 1) * c;
            let rows = vk[2 * range.start * columns..].chunks_exact(2 * columns);
            widest!({
                for (s, row) in s.iter_mut().zip(rows.clone()) {
                    *s = dot_one(&q[own.clone()], &row[columns + own.start..][..c]);
                }
            });
            let part = Block { token: range.start, rows: n_keys - 1..n_keys, head, offset: 0 };
            weigh(heads, runs, &part, bias, &mut s, &mut weights);
            let out = &mut out[own.clone()];
            out.fill(0.0);
            widest!({
                for (weight, row) in weights.iter().zip(rows) {
                    for (out, value) in out.iter_mut().zip(&row[own.clone()]) {
                        *out += weight * value;
                    }
                }
            });
        }
    }
}

/// Scales `S`, adds the biases, and makes the weights of it.
fn weigh(heads: Heads, runs: &Runs, part: &Block, bias: &Bias<'_>, s: &mut [f32], weights: &mut [f32]) {
    let (n_keys, shrink, scale) = (part.n_keys(), (heads.head() as f32).sqrt().recip(), heads.scale());
    let place = &bias.place[part.head * heads.max_length..][..heads.max_length];
    let time = &bias.time[part.head * N_TIMES..][..N_TIMES];
    widest!({
        let rows = s.chunks_exact_mut(n_keys).zip(weights.chunks_exact_mut(n_keys));
        for ((s, weights), row) in rows.zip(part.rows.clone()) {
            let place = &place[heads.max_length - 1 - row..];
            let mut begin = 0;
            for (bucket, end) in runs.of_token(part.token + row) {
                let (bias, end) = (time[*bucket as usize], *end as usize);
                for (s, place) in s[begin..end].iter_mut().zip(&place[begin..end]) {
                    *s = *s * shrink + place + bias;
                }
                begin = end;
            }
            for (weight, s) in weights[..=row].iter_mut().zip(&*s) {
                *weight = s * sigmoid(*s) * scale;
            }
            weights[row + 1..].fill(0.0);
        }
    });
}

/// The gradients of [`attend`]: adds to those of the biases, writes those of queries, keys and values into the
/// columns of `d_qkv` that stand where theirs do in `qkv`.
pub fn attend_backward(
    heads: Heads,
    runs: &Runs,
    (qkv, stride, from): (&[f32], usize, usize),
    scores: &[f32],
    d_out: &[f32],
    d_qkv: &mut [f32],
    (d_place, d_time): (&mut [f32], &mut [f32]),
) {
    let c = heads.head();
    for row in d_qkv.chunks_exact_mut(stride) {
        row[from..from + 3 * heads.columns].fill(0.0);
    }
    let (mut weights, mut d) = (Vec::new(), Vec::new());
    for part in runs.blocks(heads.n_heads) {
        let (n_rows, n_keys) = (part.rows.len(), part.n_keys());
        let at = |which: usize, row: usize| (part.token + row) * stride + from + which * heads.columns + part.head * c;
        let s = &scores[part.offset..][..n_rows * n_keys];
        weights.resize(n_rows * n_keys, 0.0);
        d.resize(n_rows * n_keys, 0.0);
        let to = (part.token + part.rows.start) * heads.columns + part.head * c;
        let d_out = block(&d_out[to..], n_rows, c, heads.columns);
        let values = block(&qkv[at(0, 0)..], n_keys, c, stride);
        product(d_out, values.t(), (&mut d, n_keys));
        weigh_backward(heads, runs, &part, (s, &mut weights, &mut d), (d_place, d_time));
        add_product(block(&weights, n_rows, n_keys, n_keys).t(), d_out, (&mut d_qkv[at(0, 0)..], stride));
        let d = block(&d, n_rows, n_keys, n_keys);
        let (q, k) =
            (block(&qkv[at(1, part.rows.start)..], n_rows, c, stride), block(&qkv[at(2, 0)..], n_keys, c, stride));
        add_product(d, k, (&mut d_qkv[at(1, part.rows.start)..], stride));
        add_product(d.t(), q, (&mut d_qkv[at(2, 0)..], stride));
    }
}

/// Makes the weights again, and turns their gradient into that of `Q Kᵀ`.
fn weigh_backward(
    heads: Heads,
    runs: &Runs,
    part: &Block,
    (s, weights, d): (&[f32], &mut [f32], &mut [f32]),
    (d_place, d_time): (&mut [f32], &mut [f32]),
) {
    let (n_keys, shrink, scale) = (part.n_keys(), (heads.head() as f32).sqrt().recip(), heads.scale());
    let d_place = &mut d_place[part.head * heads.max_length..][..heads.max_length];
    let d_time = &mut d_time[part.head * N_TIMES..][..N_TIMES];
    widest!({
        let rows = s.chunks_exact(n_keys).zip(weights.chunks_exact_mut(n_keys)).zip(d.chunks_exact_mut(n_keys));
        for (((s, weights), d), row) in rows.zip(part.rows.clone()) {
            for ((d, weight), s) in d[..=row].iter_mut().zip(&mut weights[..=row]).zip(s) {
                let share = sigmoid(*s);
                *weight = s * share * scale;
                *d *= share * (1.0 + s * (1.0 - share)) * scale;
            }
            weights[row + 1..].fill(0.0);
            d[row + 1..].fill(0.0);
            for (d_place, d) in d_place[heads.max_length - 1 - row..].iter_mut().zip(&*d) {
                *d_place += d;
            }
            let mut begin = 0;
            for (bucket, end) in runs.of_token(part.token + row) {
                d_time[*bucket as usize] += sum(&d[begin..*end as usize]);
                begin = *end as usize;
            }
            for d in &mut d[..=row] {
                *d *= shrink;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{assert_gradient, dot, numbers};

    const HEADS: Heads = Heads { n_heads: 2, columns: 4, max_length: 80 };
    const STRIDE: usize = 13;
    const FROM: usize = 1;

    /// Sequences of 3, 1 and 70 tokens, the last in two blocks.
    fn runs() -> Runs {
        let timestamps_s: Vec<i64> = (0..74).map(|token: i64| token * token * token % 1000 + 50 * token).collect();
        let mut sorted = timestamps_s.clone();
        sorted[4..].sort_unstable();
        Runs::of([0..3, 3..4, 4..74].into_iter(), &sorted)
    }

    fn run(runs: &Runs, qkv: &[f32], place: &[f32], time: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut scores, mut out) = (Vec::new(), vec![0.0; 74 * 4]);
        attend(HEADS, runs, (qkv, STRIDE, FROM), &Bias { place, time }, &mut scores, &mut out);
        (scores, out)
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (runs, qkv, d_out) = (runs(), numbers(74 * STRIDE, 1), numbers(74 * 4, 2));
        let (place, time) = (numbers(2 * 80, 3), numbers(2 * N_TIMES, 4));
        let (scores, _) = run(&runs, &qkv, &place, &time);
        let (mut d_qkv, mut d_place, mut d_time) = (vec![0.0; 74 * STRIDE], vec![0.0; 160], vec![0.0; 2 * N_TIMES]);
        let d_bias = (d_place.as_mut_slice(), d_time.as_mut_slice());
        attend_backward(HEADS, &runs, (&qkv, STRIDE, FROM), &scores, &d_out, &mut d_qkv, d_bias);
        assert_gradient(&qkv, &d_qkv, |qkv| dot(&run(&runs, qkv, &place, &time).1, &d_out));
        assert_gradient(&place, &d_place, |place| dot(&run(&runs, &qkv, place, &time).1, &d_out));
        assert_gradient(&time, &d_time, |time| dot(&run(&runs, &qkv, &place, time).1, &d_out));
    }

    #[test]
    fn the_last_tokens_alone_attend_as_they_do_among_all() {
        let (runs, qkv) = (runs(), numbers(74 * STRIDE, 1));
        let (place, time) = (numbers(2 * 80, 3), numbers(2 * N_TIMES, 4));
        let (_, all) = run(&runs, &qkv, &place, &time);
        let columns = |token: usize, from: usize| qkv[token * STRIDE + FROM + from * 4..][..4].to_vec();
        let q: Vec<f32> = [2, 3, 73].into_iter().flat_map(|token| columns(token, 1)).collect();
        let vk: Vec<f32> = (0..74).flat_map(|token| [columns(token, 0), columns(token, 2)].concat()).collect();
        let mut last = vec![0.0; 3 * 4];
        attend_last(HEADS, &runs, &q, &vk, &Bias { place: &place, time: &time }, &mut last);
        for (row, token) in [2, 3, 73].into_iter().enumerate() {
            for (a, b) in last[row * 4..][..4].iter().zip(&all[token * 4..][..4]) {
                // Products of other shapes add in another order.
                assert!((a - b).abs() < 1e-6, "{token}: {a} {b}");
            }
        }
    }

    #[test]
    fn what_comes_later_or_belongs_to_others_does_not_show() {
        let (runs, place, time) = (runs(), numbers(160, 3), numbers(2 * N_TIMES, 4));
        let mut qkv = numbers(74 * STRIDE, 1);
        let (_, before) = run(&runs, &qkv, &place, &time);
        qkv[40 * STRIDE..41 * STRIDE].fill(5.0);
        let (_, after) = run(&runs, &qkv, &place, &time);
        assert_eq!(before[..40 * 4], after[..40 * 4]);
        assert_ne!(before[40 * 4..41 * 4], after[40 * 4..41 * 4]);
        qkv[..4 * STRIDE].fill(3.0);
        assert_eq!(run(&runs, &qkv, &place, &time).1[4 * 4..], after[4 * 4..]);
    }

    #[test]
    fn buckets_are_the_digits_of_a_time() {
        let buckets = [-5, 0, 1, 2, 3, 4, 3600, i64::MAX].map(time_bucket);
        assert_eq!(buckets, [0, 0, 1, 2, 2, 3, 12, N_TIMES - 1]);
        let runs = Runs::of(std::iter::once(0..4), &[0, 0, 1, 3]);
        assert_eq!(runs.of_token(0), [(0, 1)]);
        assert_eq!(runs.of_token(3), [(2, 3), (0, 4)]);
    }
}
