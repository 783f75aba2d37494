//! Answers.

use super::network::Transformer;
use crate::model::Scorer;
use crate::neural::batch::Shard;
use crate::neural::blend::{Blend, NETWORK, TRANSITIONS};
use crate::neural::shares::{among, best, shares, weigh_seen};
use crate::neural::train::Weights;
use crate::transitions::Fitted;
use crate::{Query, Scored};

/// A network and transitions, ready to answer.
pub struct Scores {
    pub sequence: Sequence,
    pub transitions: Fitted,
    pub blend: Blend,
}

/// A network by itself.
pub struct Sequence {
    pub network: Transformer,
    pub weights: Weights,
    /// What the share of an item is multiplied by that the user had before.
    pub seen_weight: f64,
}

impl Sequence {
    /// The share of every item; they sum to 1 unless all were seen and what was seen has weight 0.
    pub fn shares(&self, query: &Query<'_>) -> Vec<f32> {
        let columns = self.network.shape.columns;
        let shard = Shard::asking([query.history], self.network.shape.max_length);
        let states = self.network.states(&self.weights.body, &self.weights.table, &shard);
        let mut shares = shares(&self.weights.table, &states[states.len() - columns..]);
        weigh_seen(&mut shares, query.history.iter().map(|event| event.item), self.seen_weight);
        shares
    }
}

impl Scores {
    /// As [`Sequence::shares`], of the whole.
    fn shares(&self, query: &Query<'_>) -> Vec<f32> {
        let mut shares = self.sequence.shares(query);
        let weight = self.blend.weight(query.history.len());
        if weight > 0.0 {
            let all: Vec<u32> = (0..shares.len() as u32).collect();
            let others = self.transitions.rank(&Query { history: query.history, ..Query::default() }, &all);
            for (share, other) in shares.iter_mut().zip(&others) {
                *share += weight * (other - *share);
            }
        }
        shares
    }
}

impl Scorer for Sequence {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        best(&self.shares(query), query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        among(&self.shares(query), items)
    }

    fn resident_bytes(&self) -> usize {
        (self.weights.body.len() + self.weights.table.len()) * size_of::<f32>()
    }
}

impl Scorer for Scores {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        best(&self.shares(query), query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        among(&self.shares(query), items)
    }

    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        vec![(NETWORK, &self.sequence), (TRANSITIONS, &self.transitions)]
    }

    fn resident_bytes(&self) -> usize {
        self.sequence.resident_bytes() + self.transitions.resident_bytes()
    }
}
