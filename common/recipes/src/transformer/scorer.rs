//! Answers.

use super::moments::Moments;
use super::network::Transformer;
use crate::hrnn::explore::explore;
use crate::hrnn::fresh::Fresh;
use crate::model::Scorer;
use crate::neural::batch::Shard;
use crate::neural::blend::{Blend, NETWORK, TRANSITIONS};
use crate::neural::shares::{among, best, shares, weigh_seen};
use crate::neural::train::Weights;
use crate::transitions::Fitted;
use crate::{Query, Scored, rank};

/// New items that a place open to exploration may get: those of them that suit the user best.
const EXPLORED: usize = 1000;

/// A network and transitions, ready to answer.
pub struct Scores {
    pub sequence: Sequence,
    pub transitions: Fitted,
    pub blend: Blend,
    /// Items of which little is known yet; empty if the recipe does not explore.
    pub new_items: Vec<u32>,
}

/// A network by itself.
pub struct Sequence {
    pub network: Transformer,
    /// The table has the vectors of all items.
    pub weights: Weights,
    pub moments: Moments,
    /// What the share of an item is multiplied by that the user had before.
    pub seen_weight: f64,
}

impl Sequence {
    /// The share of every item; they sum to 1 unless all were seen and what was seen has weight 0.
    pub fn shares(&self, query: &Query<'_>) -> Vec<f32> {
        let shard = Shard::asking([query.history], self.network.shape.max_length);
        let Weights { body, table } = &self.weights;
        let state = self.network.last_states(body, table, &shard, &self.moments.of_query(query));
        let mut shares = shares(table, &state);
        weigh_seen(&mut shares, query.history.iter().map(|event| event.item), self.seen_weight);
        shares
    }
}

impl Scores {
    /// As [`Sequence::shares`], of the whole.
    fn shares(&self, query: &Query<'_>) -> Vec<f32> {
        let mut shares = self.sequence.shares(query);
        let n_events = query.history.len();
        if !self.blend.is_network_alone(n_events) {
            let all: Vec<u32> = (0..shares.len() as u32).collect();
            let others = self.transitions.rank(&Query { history: query.history, ..Query::default() }, &all);
            self.blend.mix(n_events, self.transitions.popular().n_users(), &mut shares, &others);
        }
        shares
    }

    /// The new items that the query allows, of many those with the greatest shares.
    fn new_items(&self, query: &Query<'_>, shares: &[f32]) -> Vec<u32> {
        let allowed = self.new_items.iter().filter(|item| query.allows(**item));
        let mut new: Vec<rank::Ranked> = allowed.map(|item| (*item, shares[*item as usize])).collect();
        if new.len() > EXPLORED {
            rank::keep_best(&mut new, EXPLORED);
        }
        new.into_iter().map(|(item, _)| item).collect()
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
        let shares = self.shares(query);
        let list = best(&shares, query, k);
        match &query.exploration {
            Some(exploration) => {
                explore(list, &shares, &self.new_items(query, &shares), exploration, &Fresh::default())
            }
            None => list,
        }
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        among(&self.shares(query), items)
    }

    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        vec![(NETWORK, &self.sequence), (TRANSITIONS, &self.transitions)]
    }

    fn resident_bytes(&self) -> usize {
        self.sequence.resident_bytes() + self.transitions.resident_bytes() + self.new_items.len() * size_of::<u32>()
    }
}
