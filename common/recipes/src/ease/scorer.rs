use std::cell::RefCell;
use std::sync::Arc;

use super::config::EaseValidParams;
use crate::model::{ModelError, ModelFile, Scorer, SparseRows};
use crate::popularity::Popular;
use crate::sums::{Backoff, Seen, Sums};
use crate::{Event, Explanation, Part, Query, Scored, TrainError};

/// The fitted recipe: see [`super`] for the formula.
pub struct Linear {
    /// `B`, by the item that weights lead from; ascending by the item that they lead to.
    rows: Arc<SparseRows>,
    backoff: Backoff,
    /// Of all weights.
    greatest: f32,
    config: EaseValidParams,
}

impl Linear {
    pub fn new(rows: Arc<SparseRows>, popular: Popular, config: &EaseValidParams) -> Self {
        let items = 0..rows.n_rows() as u32;
        let greatest = items.flat_map(|item| rows.row(item).1).fold(0.0_f32, |greatest, weight| {
            // Unlike `max`, this does not lose a NaN.
            if weight.abs() <= greatest { greatest } else { weight.abs() }
        });
        Self { rows, backoff: Backoff::new(popular), greatest, config: config.clone() }
    }

    pub fn popular(&self) -> &Popular {
        self.backoff.popular()
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        self.rows.write(&[])
    }

    /// # Errors
    /// [`TrainError::Numerical`] if a weight is not finite.
    pub fn check(&self) -> Result<(), TrainError> {
        let weights = (0..self.rows.n_rows() as u32).flat_map(|item| self.rows.row(item).1);
        let finite = weights.into_iter().all(|weight| weight.is_finite());
        if finite { Ok(()) } else { Err(TrainError::Numerical("a weight is not finite".into())) }
    }

    /// The events that are read: index into the history, item and weight, the newest first; each item once.
    fn events(&self, history: &[Event]) -> Vec<(usize, u32, f32)> {
        let mut events: Vec<(usize, u32, f32)> = Vec::new();
        let newest = history.iter().enumerate().rev().take(self.config.history_length);
        for (place, (position, event)) in newest.enumerate() {
            if !events.iter().any(|(_, item, _)| *item == event.item) {
                events.push((position, event.item, self.config.event_weight(place)));
            }
        }
        events
    }

    /// What a score cannot exceed, for items that come last.
    fn seen(&self, events: &[(usize, u32, f32)]) -> Seen {
        let weight: f32 = events.iter().map(|(_, _, weight)| weight).sum();
        Seen::new(self.config.seen_weight, 1.0 + weight * self.greatest)
    }

    fn gather(&self, history: &[Event], sums: &mut Sums) -> Seen {
        sums.begin(self.backoff.n_items(), history);
        let events = self.events(history);
        for (_, item, weight) in &events {
            let (others, weights) = self.rows.row(*item);
            for (other, strength) in others.iter().zip(weights) {
                sums.add(*other, weight * strength);
            }
        }
        self.seen(&events)
    }
}

impl Scorer for Linear {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        SUMS.with_borrow_mut(|sums| {
            let seen = self.gather(query.history, sums);
            sums.best(query, &self.backoff, seen, k)
        })
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        SUMS.with_borrow_mut(|sums| {
            let seen = self.gather(query.history, sums);
            items.iter().map(|item| sums.score(*item, &self.backoff, seen)).collect()
        })
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        let score = f64::from(*self.rank(query, &[item]).first()?);
        let events = self.events(query.history);
        let seen = self.seen(&events);
        let is_seen = query.history.iter().any(|event| event.item == item);
        let (factor, penalty) = if is_seen { (f64::from(seen.weight), f64::from(seen.penalty)) } else { (1.0, 0.0) };
        let share = |(position, from, weight): (usize, u32, f32)| {
            let (others, weights) = self.rows.row(from);
            let place = others.binary_search(&item).ok()?;
            Some(Part::Event { position, share: factor * f64::from(weight) * f64::from(weights[place]) })
        };
        let mut parts: Vec<Part> = events.into_iter().filter_map(share).collect();
        parts.push(Part::Rest { share: factor * f64::from(self.backoff.share(item)) - penalty });
        Some(Explanation { score, parts })
    }

    fn resident_bytes(&self) -> usize {
        self.rows.resident_bytes() + self.backoff.resident_bytes()
    }
}

thread_local! {
    static SUMS: RefCell<Sums> = RefCell::default();
}
