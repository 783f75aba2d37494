//! Histories cut into sequences, sequences packed into shards.

use std::collections::HashMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Event;
use crate::dataset::Histories;
use crate::model::SparseRows;

/// The input before the first event of a user: what it leads to is what users begin with.
pub const NOTHING: u32 = u32::MAX;

/// Events of a user that are to be told, each from those before it in the sequence.
///
/// The input of target `t` is event `t - 1`, and [`NOTHING`] for target 0. What was before `begin - 1` is not
/// seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub user: usize,
    /// The first and one past the last target, as places in the user's history.
    pub begin: usize,
    pub end: usize,
}

impl Sequence {
    pub fn len(self) -> usize {
        self.end - self.begin
    }
}

/// The features, and their weights, of the moment in which event `place` of a user came, and of the user.
pub type Moment<'a> = &'a (dyn Fn(usize, usize) -> (Vec<u32>, Vec<f32>) + Sync);

/// Sequences one after the other. Arrays have a number for each token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shard {
    /// Where each sequence ends.
    pub ends: Vec<usize>,
    /// Row of the input in the table that the step is run with; or [`NOTHING`].
    pub items: Vec<u32>,
    /// Times of the inputs; that of [`NOTHING`] is the time of the first event.
    pub timestamps_s: Vec<i64>,
    /// Row of what comes next among the candidates.
    pub targets: Vec<u32>,
    /// What a target counts.
    pub weights: Vec<f32>,
    /// Features of the moments of the targets; no rows at all if nothing is known of any.
    pub moments: SparseRows,
}

impl Shard {
    /// Packs whole sequences; items are rows of the catalogue, and `weight` tells what event `place` of a user
    /// counts as a target.
    pub fn pack(
        histories: &Histories,
        sequences: &[Sequence],
        weight: impl Fn(usize, usize) -> f32,
        moment: Option<Moment<'_>>,
    ) -> Self {
        let mut shard = Self::default();
        if let Some(moment) = moment {
            let targets = |sequence: &Sequence| {
                let user = sequence.user;
                (sequence.begin..sequence.end).map(move |target| moment(user, target))
            };
            shard.moments = SparseRows::from_rows(sequences.iter().flat_map(targets));
        }
        for sequence in sequences {
            let (items, times) = (histories.items_of(sequence.user), histories.timestamps_of(sequence.user));
            for target in sequence.begin..sequence.end {
                shard.items.push(target.checked_sub(1).map_or(NOTHING, |input| items[input]));
                shard.timestamps_s.push(times.get(target.saturating_sub(1)));
                shard.targets.push(items[target]);
                shard.weights.push(weight(sequence.user, target));
            }
            shard.ends.push(shard.items.len());
        }
        shard
    }

    /// Whole histories, or their newest part, as inputs: after the last token of each comes what is not known yet.
    /// There are no targets.
    pub fn asking<'a>(histories: impl IntoIterator<Item = &'a [Event]>, max_length: usize) -> Self {
        let mut shard = Self::default();
        for events in histories {
            if events.len() < max_length {
                shard.items.push(NOTHING);
                shard.timestamps_s.push(events.first().map_or(0, |event| event.timestamp_s));
            }
            let newest = &events[events.len().saturating_sub(max_length)..];
            shard.items.extend(newest.iter().map(|event| event.item));
            shard.timestamps_s.extend(newest.iter().map(|event| event.timestamp_s));
            shard.ends.push(shard.items.len());
        }
        shard
    }

    pub fn n_tokens(&self) -> usize {
        self.items.len()
    }

    /// Where each sequence begins and ends among the tokens.
    pub fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| begin..*end)
    }
}

/// How histories are cut and put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutting {
    /// Targets of a sequence at most.
    pub max_length: usize,
    /// Targets of a step, about.
    pub tokens_a_step: usize,
    /// Parts of a step that are run side by side.
    pub n_shards: usize,
}

/// All targets once, in steps, each of which is in shards. Long histories are cut at places that are drawn anew
/// each time.
pub fn epoch(histories: &Histories, cutting: &Cutting, rng: &mut ChaCha8Rng) -> Vec<Vec<Vec<Sequence>>> {
    let max_length = cutting.max_length.max(1);
    let mut sequences = Vec::new();
    for user in histories.users() {
        let n_events = histories.items_of(user).len();
        let mut begin = 0;
        let mut length = if n_events > max_length { rng.random_range(1..=max_length) } else { max_length };
        while begin < n_events {
            let end = n_events.min(begin + length);
            sequences.push(Sequence { user, begin, end });
            (begin, length) = (end, max_length);
        }
    }
    sequences.shuffle(rng);
    let n_tokens: usize = sequences.iter().map(|sequence| sequence.len()).sum();
    let n_steps = n_tokens.div_ceil(cutting.tokens_a_step.max(1)).max(1);
    let mut steps = Vec::with_capacity(n_steps);
    let (mut step, mut n_taken) = (Vec::new(), 0);
    for sequence in sequences {
        n_taken += sequence.len();
        step.push(sequence);
        if n_taken * n_steps >= n_tokens * (steps.len() + 1) {
            steps.push(shards(std::mem::take(&mut step), cutting.n_shards.max(1)));
        }
    }
    steps
}

/// The longest sequence goes to the shard with the fewest tokens, again and again.
pub fn shards(mut sequences: Vec<Sequence>, n_shards: usize) -> Vec<Vec<Sequence>> {
    sequences.sort_by_key(|sequence| std::cmp::Reverse(sequence.len()));
    let mut shards = vec![(0, Vec::new()); n_shards];
    for sequence in sequences {
        let least = (0..n_shards).min_by_key(|shard| shards[*shard].0).unwrap_or(0);
        shards[least].0 += sequence.len();
        shards[least].1.push(sequence);
    }
    shards.into_iter().map(|(_, sequences)| sequences).collect()
}

/// The rows of the table that a step needs, the candidates in front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub rows: Vec<u32>,
    pub n_candidates: usize,
    /// See [`super::softmax::Candidates::new`].
    pub shifts: Vec<f32>,
}

/// Draws negatives for steps whose catalogue is too large for a full softmax.
///
/// They are shared by all tokens of a step, drawn by the three fourths' power of how often an item occurs
/// (Mikolov et al. 2013), and corrected by the probability that they are there.
pub struct Negatives {
    cumulative: Vec<f64>,
    /// Share of the targets by item.
    share: Vec<f64>,
    n: usize,
}

impl Negatives {
    /// `n` draws a step.
    pub fn new(histories: &Histories, n_items: usize, n: usize) -> Self {
        let mut share = vec![0.0; n_items];
        for item in histories.items() {
            share[*item as usize] += 1.0;
        }
        let mut sum = 0.0;
        let cumulative = share.iter().map(|count: &f64| {
            sum += count.powf(0.75);
            sum
        });
        let cumulative = cumulative.collect();
        let n_events = histories.n_events().max(1) as f64;
        share.iter_mut().for_each(|count| *count /= n_events);
        Self { cumulative, share, n }
    }

    /// Draws, and numbers the items of the shards by the rows that it returns.
    pub fn draw(&self, shards: &mut [Shard], rng: &mut ChaCha8Rng) -> Rows {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let drawn = (0..self.n).map(|_| {
            let point = rng.random_range(0.0..1.0) * total;
            self.cumulative.partition_point(|sum| *sum <= point).min(self.cumulative.len() - 1) as u32
        });
        let mut rows: Vec<u32> = drawn.chain(shards.iter().flat_map(|shard| shard.targets.iter().copied())).collect();
        rows.sort_unstable();
        rows.dedup();
        let n_targets: usize = shards.iter().map(Shard::n_tokens).sum();
        let absent = |item: usize| {
            let before = item.checked_sub(1).map_or(0.0, |before| self.cumulative[before]);
            let probability = (self.cumulative[item] - before) / total;
            (1.0 - probability).powf(self.n as f64) * (1.0 - self.share[item]).powf(n_targets as f64)
        };
        let shifts = rows.iter().map(|item| -(1.0 - absent(*item as usize)).max(1e-12).ln() as f32).collect();
        let n_candidates = rows.len();
        let mut local: HashMap<u32, u32, foldhash::fast::FixedState> =
            (0..).zip(&rows).map(|(number, item)| (*item, number)).collect();
        for shard in shards {
            shard.targets.iter_mut().for_each(|target| *target = local[target]);
            for item in shard.items.iter_mut().filter(|item| **item != NOTHING) {
                *item = *local.entry(*item).or_insert_with(|| {
                    rows.push(*item);
                    rows.len() as u32 - 1
                });
            }
        }
        Rows { rows, n_candidates, shifts }
    }
}

/// A generator for one purpose: of all that have the same seed, `stream` tells them apart.
pub fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histories(lengths: &[usize]) -> Histories {
        let mut events = (0..).zip(0..);
        Histories::of_events(lengths.iter().map(|length| events.by_ref().take(*length).collect::<Vec<_>>()))
    }

    #[test]
    fn every_event_is_a_target_once_and_follows_the_one_before() {
        let histories = histories(&[3, 0, 250, 1, 17]);
        let cutting = Cutting { max_length: 20, tokens_a_step: 64, n_shards: 3 };
        let steps = epoch(&histories, &cutting, &mut generator(1, 0));
        assert_eq!(steps.len(), 271_usize.div_ceil(64));
        let mut targets = Vec::new();
        for step in steps {
            assert_eq!(step.len(), 3);
            for sequences in step {
                assert!(sequences.iter().all(|sequence| (1..=20).contains(&sequence.len())));
                let shard = Shard::pack(&histories, &sequences, |_, _| 1.0, None);
                for (range, sequence) in shard.ranges().zip(&sequences) {
                    assert_eq!(shard.items[range.start] == NOTHING, sequence.begin == 0);
                }
                for (item, target) in shard.items.iter().zip(&shard.targets) {
                    assert!(*item == NOTHING || item + 1 == *target);
                }
                targets.extend(shard.targets);
            }
        }
        targets.sort_unstable();
        assert_eq!(targets, (0..271).collect::<Vec<_>>());
    }

    #[test]
    fn rows_of_a_step_hold_its_items_and_tell_how_likely_they_are() {
        let histories = histories(&[50, 50]);
        let sequences = [Sequence { user: 1, begin: 10, end: 20 }];
        let mut shards = [Shard::pack(&histories, &sequences, |_, _| 1.0, None)];
        let before = shards[0].clone();
        let rows = Negatives::new(&histories, 100, 30).draw(&mut shards, &mut generator(1, 0));
        for (local, item) in shards[0].targets.iter().zip(&before.targets) {
            assert_eq!(rows.rows[*local as usize], *item);
            assert!((*local as usize) < rows.n_candidates);
        }
        for (local, item) in shards[0].items.iter().zip(&before.items) {
            assert_eq!(rows.rows[*local as usize], *item);
        }
        // All items are equally likely in 30 draws and 10 targets.
        let expected = -(1.0 - 0.99_f64.powf(40.0)).ln() as f32;
        assert!(rows.shifts.iter().all(|shift| (shift - expected).abs() < 1e-5));
        assert_eq!(rows.shifts.len(), rows.n_candidates);
        let mut distinct = rows.rows.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), rows.rows.len());
    }
}
