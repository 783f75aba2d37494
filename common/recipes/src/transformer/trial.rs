//! Events that are held back from learning, to tell when it is enough and how to blend.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::network::Transformer;
use crate::dataset::Histories;
use crate::model::Scorer;
use crate::neural::batch::Shard;
use crate::neural::blend::{Blend, WEIGHTS};
use crate::neural::shares::{gain, shares, weigh_seen};
use crate::neural::train::Weights;
use crate::transitions::Fitted;
use crate::{Event, Query};

/// Users whose last event is to be told. The error of the difference of two networks is then about a hundredth.
const MAX_ASKED: usize = 3000;

/// Inner products that a look may cost, some seconds.
const MAX_PRODUCTS: usize = 1_000_000_000;

/// Length of the lists that networks are judged by.
const LIST_LENGTH: usize = 25;

/// Users whose states are made together.
const TOGETHER: usize = 32;

pub struct Trial {
    /// All histories, those of the users who are asked without their last event.
    pub histories: Histories,
    asked: Vec<Asked>,
    seen_weight: f64,
}

struct Asked {
    history: Vec<Event>,
    next: u32,
}

impl Trial {
    /// Holds back the last event of some users with at least three, drawn at random. `seen_weight` is what the share
    /// of an item is multiplied by that the user had before.
    pub fn draw(histories: &Histories, n_items: usize, seen_weight: f64, seed: u64) -> Self {
        let length = |user: usize| histories.items_of(user).len();
        let mut users: Vec<usize> = histories.users().filter(|user| length(*user) >= 3).collect();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        users.truncate((MAX_PRODUCTS / n_items.max(1)).clamp(100, MAX_ASKED));
        let mut is_asked = vec![false; histories.n_users()];
        let asked = users.iter().filter_map(|user| {
            is_asked[*user] = true;
            let next = *histories.items_of(*user).last()?;
            Some(Asked { history: histories.events(*user, length(*user) - 1), next })
        });
        let asked = asked.collect();
        let all: Vec<usize> = histories.users().collect();
        let histories = histories.cut(&all, |user| length(user) - usize::from(is_asked[user]));
        Self { histories, asked, seen_weight }
    }

    /// Mean NDCG at 25 of the network.
    pub fn ndcg(&self, network: &Transformer, weights: &Weights) -> f64 {
        self.mean(network, weights, |asked, shares| gain(shares, asked.next, LIST_LENGTH))
    }

    /// The shares of the two parts that find the most.
    pub fn blend(&self, network: &Transformer, weights: &Weights, transitions: &Fitted) -> Blend {
        let items: Vec<u32> = (0..(weights.table.len() / network.shape.columns) as u32).collect();
        Blend::of(&self.judge(network, weights, |asked, shares| {
            let others = transitions.rank(&Query { history: &asked.history, ..Query::default() }, &items);
            let mixed = |weight: f32| -> f64 {
                let mixed = shares.iter().zip(&others).map(|(share, other)| share + weight * (other - share));
                gain(&mixed.collect::<Vec<f32>>(), asked.next, LIST_LENGTH)
            };
            (asked.history.len(), WEIGHTS.map(mixed))
        }))
    }

    fn mean(&self, network: &Transformer, weights: &Weights, value: impl Fn(&Asked, &[f32]) -> f64 + Sync) -> f64 {
        let values = self.judge(network, weights, value);
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }

    /// What `value` makes of the network's shares, in the order of the users.
    fn judge<T: Send>(
        &self,
        network: &Transformer,
        weights: &Weights,
        value: impl Fn(&Asked, &[f32]) -> T + Sync,
    ) -> Vec<T> {
        let columns = network.shape.columns;
        let of_some = |some: &[Asked]| -> Vec<T> {
            let histories = some.iter().map(|asked| asked.history.as_slice());
            let shard = Shard::asking(histories, network.shape.max_length);
            let states = network.states(&weights.body, &weights.table, &shard);
            let of_one = |(asked, end): (&Asked, &usize)| {
                let mut shares = shares(&weights.table, &states[(end - 1) * columns..end * columns]);
                weigh_seen(&mut shares, asked.history.iter().map(|event| event.item), self.seen_weight);
                value(asked, &shares)
            };
            some.iter().zip(&shard.ends).map(of_one).collect()
        };
        self.asked.par_chunks(TOGETHER).flat_map_iter(of_some).collect()
    }
}
