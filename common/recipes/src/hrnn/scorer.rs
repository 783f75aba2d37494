//! Answers.

use super::body::Body;
use super::explore::explore;
use super::features::Features;
use super::fresh::Fresh;
use super::network::{Carry, Network};
use super::window::{Begin, Cell, Input, Window, gap_kind};
use super::worth::Worth;
use crate::model::{Scorer, SparseRows};
use crate::neural::blend::{Blend, NETWORK, TRANSITIONS};
use crate::neural::shares::{Own, among, best, shares, weigh_seen};
use crate::neural::store::{from_singles, to_singles};
use crate::transitions::Fitted;
use crate::{Event, Query, Record, Scored};

/// Newest events of a history that is gone through because there is no state.
const LONGEST: usize = 500;

/// The network alone, ready to answer.
pub struct Alone {
    pub d: usize,
    pub body: Body,
    /// `(n_items, d + 1)`
    pub vectors: Vec<f32>,
    pub users: Features,
    pub contexts: Features,
    pub gap_s: i64,
    /// What the score of an item that the user had before is multiplied by.
    pub seen_weight: f64,
}

/// The network and transitions, ready to answer.
pub struct Hrnn {
    pub network: Alone,
    pub blend: Blend,
    pub transitions: Fitted,
    /// Whether answers come with scores.
    pub gives_scores: bool,
    /// Of recipes that read what is recorded of items.
    pub fresh: Option<Fresh>,
    /// What items are worth beside being relevant, if that counts.
    pub worth: Option<Worth>,
}

/// A user's state as pages keep it: when the last event was, and the states of session and user.
pub fn state_bytes(last_s: i64, session: &[f32], user: &[f32]) -> Vec<u8> {
    let mut bytes = last_s.to_le_bytes().to_vec();
    bytes.extend([session, user].into_iter().flat_map(to_singles));
    bytes
}

/// The last event's time, and the states; `None` if the bytes are of another shape.
fn read_state(bytes: &[u8], d: usize) -> Option<(i64, Carry)> {
    let (last_s, values) = bytes.split_first_chunk::<8>()?;
    let values = from_singles(values, 2 * d)?;
    let (session, user) = values.split_at_checked(d)?;
    Some((i64::from_le_bytes(*last_s), Carry { session: session.to_vec(), user: user.to_vec() }))
}

impl Alone {
    /// What the user asks for next: `(d + 1,)`. Costs a step for each event after the state, or for each of the
    /// history without one.
    fn query(&self, query: &Query<'_>) -> Vec<f32> {
        let user = self.features_of(query.user, &self.users);
        let context = self.features_of(query.context, &self.contexts);
        let network = Network { d: self.d, body: &self.body, items: &self.vectors, users: &user, contexts: &context };
        let known = query.state.and_then(|state| Some((read_state(state.bytes, self.d)?, state.newer)));
        let (mut cells, mut carry, mut before, events) = match known {
            Some(((last_s, carry), newer)) => (Vec::new(), carry, Some(last_s), newer),
            None => {
                let start = Cell { input: Input::Start, begin: Begin::User, user: 0, context: 0, ..Cell::IDLE };
                let newest = &query.history[query.history.len().saturating_sub(LONGEST)..];
                (vec![start], Carry::new(1, self.d), None, newest)
            }
        };
        // Events in front of those whose visits are known have none.
        let n_unknown = events.len().saturating_sub(query.visits.len());
        let visits = &query.visits[query.visits.len().saturating_sub(events.len())..];
        let visits = std::iter::repeat_n(None, n_unknown).chain(visits.iter().copied().map(Some));
        let mut visit_before = None;
        cells.extend(events.iter().zip(visits).map(|(event, visit)| {
            let is_same = visit.zip(visit_before).map(|(visit, before)| visit == before);
            visit_before = visit;
            self.cell(event, &mut before, is_same)
        }));
        if cells.is_empty() {
            return network.query(&carry, &Cell { user: 0, context: 0, ..Cell::IDLE });
        }
        let pass = network.pass(&Window { lanes: 1, cells }, &mut carry, None);
        let begin = pass.queries.len() - (self.d + 1);
        pass.queries[begin..].to_vec()
    }

    /// The event `before` was of the same visit or of another one, or that is not known: then the pause tells.
    fn cell(&self, event: &Event, before: &mut Option<i64>, is_same_visit: Option<bool>) -> Cell {
        let pause_s = before.map(|before| event.timestamp_s.saturating_sub(before));
        *before = Some(event.timestamp_s);
        let goes_on = is_same_visit.unwrap_or_else(|| pause_s.is_none_or(|pause_s| pause_s <= self.gap_s));
        let begin = if goes_on { Begin::Nothing } else { Begin::Session };
        Cell { input: Input::Item(event.item), begin, gap: gap_kind(pause_s), user: 0, context: 0, ..Cell::IDLE }
    }

    /// The features of a record as the only row.
    fn features_of(&self, record: Option<&Record>, features: &Features) -> SparseRows {
        SparseRows::from_rows(record.map(|record| features.of_record(record)))
    }

    /// The share of every item, and what was had before it was weighed.
    fn shares(&self, query: &Query<'_>) -> (Vec<f32>, Own) {
        let mut shares = shares(&self.vectors, &self.query(query));
        let seen = || query.history.iter().map(|event| event.item);
        let own = Own::of(&shares, seen().map(|item| item as usize));
        if self.seen_weight < 1.0 {
            weigh_seen(&mut shares, seen(), self.seen_weight);
        }
        (shares, own)
    }

    /// The share of every item; sums to 1.
    fn answer(&self, query: &Query<'_>) -> Vec<f32> {
        let (mut shares, own) = self.shares(query);
        own.put_back(&mut shares);
        shares
    }
}

impl Hrnn {
    /// The share of every item, which sum to 1, and the items that the user had and hardly ever turns to again, ascending.
    fn shares(&self, query: &Query<'_>) -> (Vec<f32>, Vec<usize>) {
        let (mut shares, own) = self.network.shares(query);
        let n_events = query.history.len();
        if !self.blend.is_network_alone(n_events) {
            let all: Vec<u32> = (0..shares.len() as u32).collect();
            let others = self.transitions.rank(&Query { history: query.history, ..Query::default() }, &all);
            self.blend.mix(n_events, self.transitions.popular().n_users(), &mut shares, &others);
        }
        if let Some(returns) = self.blend.returns() {
            returns.weigh(query.history, |item| Some(item as usize), &mut shares);
        }
        if let Some(worth) = &self.worth {
            worth.weigh(&mut shares);
        }
        let done_with = own.put_back(&mut shares);
        (shares, done_with)
    }
}

impl Scorer for Alone {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        best(&self.answer(query), query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        among(&self.answer(query), items)
    }

    fn resident_bytes(&self) -> usize {
        let numbers = self.vectors.len() + self.body.tensors().iter().map(Vec::len).sum::<usize>();
        numbers * size_of::<f32>()
    }
}

impl Scorer for Hrnn {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let (shares, done_with) = self.shares(query);
        let list = best(&shares, query, k);
        let mut list = match (&query.exploration, &self.fresh) {
            (Some(exploration), Some(fresh)) => {
                let is_open = |item: &u32| query.allows(*item) && done_with.binary_search(&(*item as usize)).is_err();
                let new = fresh.newer_than(exploration.age_cut_off_days).filter(is_open);
                explore(list, |item| shares[item as usize], &new.collect::<Vec<u32>>(), exploration, fresh)
            }
            _ => list,
        };
        if !self.gives_scores {
            list.iter_mut().for_each(|scored| scored.score = None);
        }
        list
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        among(&self.shares(query).0, items)
    }

    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        vec![(NETWORK, &self.network), (TRANSITIONS, &self.transitions)]
    }

    fn resident_bytes(&self) -> usize {
        let ages = self.fresh.as_ref().map_or(0, |fresh| 16 * fresh.created_s.len());
        let worth = self.worth.as_ref().map_or(0, |worth| size_of_val(worth.factors()));
        self.network.resident_bytes() + self.transitions.resident_bytes() + ages + worth
    }
}
