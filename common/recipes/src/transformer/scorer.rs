//! Answers.

use std::collections::HashSet;

use rayon::prelude::*;

use super::candidates::{Candidates, LARGE, Shares, n_found};
use super::moments::Moments;
use super::network::{First, Transformer};
use crate::dataset::Histories;
use crate::hrnn::explore::explore;
use crate::hrnn::fresh::Fresh;
use crate::model::Scorer;
use crate::neural::batch::Shard;
use crate::neural::blend::{Blend, NETWORK, TRANSITIONS};
use crate::neural::coarse::Coarse;
use crate::neural::store::{from_singles, to_singles};
use crate::neural::train::Weights;
use crate::training::go_on;
use crate::transitions::Fitted;
use crate::{Event, Progress, Query, Scored, TrainError, rank};

/// New items that a place open to exploration may get: those of them that suit the user best.
const EXPLORED: usize = 1000;

/// Items of a large catalogue that transitions lead to.
const LED_TO: usize = 1000;

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
    /// Of a large catalogue.
    coarse: Option<Coarse>,
    /// Of one that is not.
    first: Option<First>,
}

/// Numbers that [`First`] may have: 64 MB.
const MAX_FIRST: usize = 16 << 20;

/// Events that are read at most to keep what comes of all histories: some seconds of two cores.
const MAX_KEPT: usize = 5_000_000;

/// Users whose histories are read together.
const TOGETHER: usize = 32;

/// What is wanted of an answer.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Best(usize),
    Shares(&'a [u32]),
}

impl Sequence {
    pub fn new(network: Transformer, weights: Weights, moments: Moments, seen_weight: f64) -> Self {
        let n_items = weights.table.len() / network.shape.columns;
        let is_small = network.n_first(n_items) <= MAX_FIRST;
        let first = is_small.then(|| network.first(&weights.body, &weights.table)).flatten();
        Self { network, weights, moments, seen_weight, coarse: None, first }.searched_beyond(LARGE)
    }

    /// Searches catalogues of more than so many items.
    pub fn searched_beyond(self, n_items: usize) -> Self {
        let columns = self.network.shape.columns;
        let is_large = self.weights.table.len() / columns > n_items;
        let coarse = is_large.then(|| Coarse::of(&self.weights.table, columns));
        Self { coarse, ..self }
    }

    /// What the vectors of items are compared with: what the page of the user has of it, if the user did nothing since.
    fn state(&self, query: &Query<'_>) -> Vec<f32> {
        let kept = query.state.filter(|state| state.newer.is_empty());
        let kept = kept.and_then(|state| from_singles(state.bytes, self.network.shape.columns));
        let mut state = kept.unwrap_or_else(|| self.outputs([query.history]));
        self.network.add_moments(&self.weights.body, &self.moments.of_query(query), &[], &mut state);
        state
    }

    /// What comes of histories, whoever asks and when: `columns` numbers each.
    fn outputs<'a>(&self, histories: impl IntoIterator<Item = &'a [Event]>) -> Vec<f32> {
        let shard = Shard::asking(histories, self.network.shape.max_length);
        let Weights { body, table } = &self.weights;
        self.network.last_outputs((body, table), self.first.as_ref(), &shard)
    }

    /// What pages keep of each user: [`Sequence::outputs`] as bytes. `None` if that would take long.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn states(&self, histories: &Histories, progress: &dyn Progress) -> Result<Option<Vec<Vec<u8>>>, TrainError> {
        let n_read = |user: usize| histories.items_of(user).len().min(self.network.shape.max_length);
        if histories.users().map(n_read).sum::<usize>() > MAX_KEPT {
            return Ok(None);
        }
        let users: Vec<usize> = histories.users().collect();
        let of_some = |users: &[usize]| {
            go_on(progress)?;
            let histories: Vec<Vec<Event>> = users.iter().map(|user| histories.events(*user, usize::MAX)).collect();
            let outputs = self.outputs(histories.iter().map(Vec::as_slice));
            Ok(outputs.chunks_exact(self.network.shape.columns).map(to_singles).collect())
        };
        let states = users.par_chunks(TOGETHER).map(of_some).collect::<Result<Vec<Vec<Vec<u8>>>, TrainError>>()?;
        Ok(Some(states.into_iter().flatten().collect()))
    }

    /// The candidates that the network by itself has, of a large catalogue.
    fn candidates(&self, state: &[f32], query: &Query<'_>, wanted: Wanted<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let coarse = self.coarse.as_ref()?;
        let n = n_found(if let Wanted::Best(k) = wanted { k } else { 0 });
        let others = match (wanted, query.allowed) {
            (Wanted::Shares(items), _) => items.to_vec(),
            (Wanted::Best(_), Some(_)) => coarse.best(state, n, |item| query.allows(item)),
            (Wanted::Best(_), None) => Vec::new(),
        };
        Some((coarse.best(state, n, |_| true), others))
    }

    /// They sum to 1 over all items or those that count, unless all of these were seen and what was seen has weight 0.
    fn shares(&self, state: &[f32], query: &Query<'_>, candidates: Option<Candidates>) -> Shares {
        let mut shares = Shares::of_state(&self.weights.table, state, candidates);
        shares.weigh_seen(query.history.iter().map(|event| event.item), self.seen_weight);
        shares
    }

    fn answer(&self, query: &Query<'_>, wanted: Wanted<'_>) -> Shares {
        let state = self.state(query);
        let candidates = self.candidates(&state, query, wanted);
        self.shares(&state, query, candidates.map(|(counted, others)| Candidates::new(counted, others)))
    }
}

impl Scores {
    /// As [`Sequence::shares`], of the whole.
    fn answer(&self, query: &Query<'_>, wanted: Wanted<'_>) -> Shares {
        let state = self.sequence.state(query);
        let plain = Query { history: query.history, ..Query::default() };
        let candidates = self.sequence.candidates(&state, query, wanted).map(|(mut counted, mut others)| {
            let led_to = |query: &Query<'_>| self.transitions.recommend(query, LED_TO).into_iter().map(|led| led.item);
            counted.extend(led_to(&plain));
            if query.allowed.is_some() {
                others.extend(led_to(&Query { allowed: query.allowed, ..plain }));
            }
            if let (Some(coarse), Some(_)) = (&self.sequence.coarse, &query.exploration) {
                let allowed = self.new_items.iter().copied().filter(|item| query.allows(*item));
                others.extend(coarse.best_of(allowed, &state, EXPLORED));
            }
            Candidates::new(counted, others)
        });
        let mut shares = self.sequence.shares(&state, query, candidates);
        let n_events = query.history.len();
        if !self.blend.is_network_alone(n_events) {
            let n_users = self.transitions.popular().n_users();
            shares.mix(|items, shares| {
                let others = self.transitions.rank(&plain, items);
                match items.len() == n_users.len() {
                    true => self.blend.mix(n_events, n_users, shares, &others),
                    false => {
                        let n_users: Vec<u32> = items.iter().map(|item| n_users[*item as usize]).collect();
                        self.blend.mix(n_events, &n_users, shares, &others);
                    }
                }
            });
        }
        if let Some(returns) = self.blend.returns() {
            shares.weigh_returns(returns, query.history);
        }
        shares
    }

    /// Adds the most popular of the items that the query allows, without scores, where candidates are too few: what the
    /// user had is none if users hardly ever come back to anything.
    fn filled_up(&self, mut list: Vec<Scored>, query: &Query<'_>, k: usize) -> Vec<Scored> {
        if list.len() < k {
            let listed: HashSet<u32> = list.iter().map(|scored| scored.item).collect();
            let popular = self.transitions.popular().order().iter().copied();
            let popular = popular.filter(|item| query.allows(*item) && !listed.contains(item));
            list.extend(popular.take(k - listed.len()).map(|item| Scored::new(item, None)));
        }
        list
    }

    /// The new items that the query allows, of many those with the greatest shares.
    fn new_items(&self, query: &Query<'_>, shares: &Shares) -> Vec<u32> {
        let had: HashSet<u32> = query.history.iter().map(|event| event.item).collect();
        let allowed = self.new_items.iter().filter(|item| query.allows(**item) && !had.contains(item));
        let mut new: Vec<rank::Ranked> = allowed.map(|item| (*item, shares.of(*item))).collect();
        if new.len() > EXPLORED {
            rank::keep_best(&mut new, EXPLORED);
        }
        new.into_iter().map(|(item, _)| item).collect()
    }
}

impl Scorer for Sequence {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.answer(query, Wanted::Best(k)).best(query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        self.answer(query, Wanted::Shares(items)).with_own().among(items)
    }

    fn resident_bytes(&self) -> usize {
        let coarse = self.coarse.as_ref().map_or(0, Coarse::resident_bytes);
        let first = self.first.as_ref().map_or(0, First::resident_bytes);
        (self.weights.body.len() + self.weights.table.len()) * size_of::<f32>() + coarse + first
    }
}

impl Scorer for Scores {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let shares = self.answer(query, Wanted::Best(k));
        let list = shares.best(query, k);
        let list = match &query.exploration {
            Some(exploration) => {
                let new = self.new_items(query, &shares);
                explore(list, |item| shares.of(item), &new, exploration, &Fresh::default())
            }
            None => list,
        };
        self.filled_up(list, query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        self.answer(query, Wanted::Shares(items)).with_own().among(items)
    }

    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        vec![(NETWORK, &self.sequence), (TRANSITIONS, &self.transitions)]
    }

    fn resident_bytes(&self) -> usize {
        let new_items = self.new_items.len() * size_of::<u32>();
        self.sequence.resident_bytes() + self.transitions.resident_bytes() + new_items
    }
}
