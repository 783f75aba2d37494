use std::sync::Arc;

use super::config::IalsValidParams;
use super::fold::Folded;
use super::matrix::Matrix;
use super::store;
use crate::lanes::{Dot, ROWS, Work, dot, dots, vectorised};
use crate::model::{ModelError, ModelFile, Scorer};
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::sums::{Backoff, Seen};
use crate::{Event, Explanation, Part, Query, Scored};

/// An event that weighs less than this says nothing.
const LEAST_WEIGHT: f32 = 1e-6;

/// Factors, and how to score by them.
pub struct Factors {
    pub items: Matrix,
    /// See [`super::fold::base`].
    pub base: Matrix,
    /// Of all items' factors, the greatest Euclidean norm.
    greatest: f32,
}

impl Factors {
    pub fn new(items: Matrix, base: Matrix) -> Self {
        let norm = |row: &[f32]| vectorised(Dot(row, row)).sqrt();
        Self { greatest: items.rows().map(norm).fold(0.0, f32::max), items, base }
    }
}

/// The fitted recipe: see [`super`] for the formula.
pub struct Ials {
    factors: Arc<Factors>,
    backoff: Backoff,
    config: IalsValidParams,
}

/// A user who asks.
struct Asking {
    factors: Vec<f32>,
    /// Ascending; each once.
    seen_items: Vec<u32>,
    seen: Seen,
}

impl Ials {
    pub fn new(factors: Arc<Factors>, popular: Popular, config: &IalsValidParams) -> Self {
        Self { factors, backoff: Backoff::new(popular), config: config.clone() }
    }

    pub fn popular(&self) -> &Popular {
        self.backoff.popular()
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        store::write(&[(ITEMS, &self.factors.items), (BASE, &self.factors.base)])
    }

    pub fn read(
        contents: &crate::model::Contents,
        popular: Popular,
        config: &IalsValidParams,
    ) -> Result<Self, ModelError> {
        let width = Matrix::zero(0, config.factors).width;
        let [items, base] = store::read(contents, [(ITEMS, popular.n_users().len()), (BASE, width)])?;
        if items.width != width {
            return Err(store::damaged("its factors are not as many as they should be"));
        }
        Ok(Self::new(Arc::new(Factors::new(items, base)), popular, config))
    }

    /// The events that are read, the newest first: index into the history, item and weight; each item once.
    fn events(&self, history: &[Event]) -> Vec<(usize, (u32, f32))> {
        let mut events: Vec<(usize, (u32, f32))> = Vec::new();
        let newest = history.iter().enumerate().rev().take(self.config.history_length);
        for (place, (position, event)) in newest.enumerate() {
            let weight = self.config.event_weight(place);
            if weight >= LEAST_WEIGHT && !events.iter().any(|(_, (item, _))| *item == event.item) {
                events.push((position, (event.item, weight)));
            }
        }
        events
    }

    fn asking(&self, query: &Query<'_>) -> Asking {
        let events: Vec<(u32, f32)> = self.events(query.history).into_iter().map(|(_, event)| event).collect();
        let start = vec![0.0; self.factors.items.width];
        let folded = Folded::new(&self.factors.items, &self.factors.base, &events);
        let factors = folded.map_or_else(|| start.clone(), |folded| folded.user_factors(&start));
        let mut seen_items: Vec<u32> = query.history.iter().map(|event| event.item).collect();
        seen_items.sort_unstable();
        seen_items.dedup();
        let norm = vectorised(Dot(&factors, &factors)).sqrt();
        let seen = Seen::new(self.config.seen_weight, 1.0 + norm * self.factors.greatest);
        Asking { factors, seen_items, seen }
    }

    fn score(&self, asking: &Asking, item: u32, product: f32) -> f32 {
        let score = product + self.backoff.share(item);
        if asking.seen_items.binary_search(&item).is_ok() {
            score * asking.seen.weight - asking.seen.penalty
        } else {
            score
        }
    }
}

/// The products of a vector with each row.
struct Products<'a> {
    rows: &'a Matrix,
    vector: &'a [f32],
}

impl Work for Products<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run(self) -> Vec<f32> {
        let mut products = vec![0.0; self.rows.n_rows];
        let (blocks, rest) = products.as_chunks_mut::<ROWS>();
        let begin = blocks.len() * ROWS;
        for (block, to) in blocks.iter_mut().enumerate() {
            *to = dots(std::array::from_fn(|row| self.rows.row(block * ROWS + row)), self.vector);
        }
        for (row, to) in rest.iter_mut().enumerate() {
            *to = dot(self.rows.row(begin + row), self.vector);
        }
        products
    }
}

const ITEMS: &str = "item_factors";
const BASE: &str = "base";

impl Scorer for Ials {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let asking = self.asking(query);
        let products = (0..).zip(vectorised(Products { rows: &self.factors.items, vector: &asking.factors }));
        let mut ranked: Vec<Ranked> = products
            .filter(|(item, _)| query.allows(*item))
            .map(|(item, product)| (item, product + self.backoff.share(item)))
            .collect();
        for item in &asking.seen_items {
            if let Ok(place) = ranked.binary_search_by_key(item, |(item, _)| *item) {
                ranked[place].1 = ranked[place].1 * asking.seen.weight - asking.seen.penalty;
            }
        }
        rank::keep_best(&mut ranked, k);
        ranked.into_iter().map(|(item, score)| Scored { item, score: Some(score) }).collect()
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        let asking = self.asking(query);
        let product = |item: u32| vectorised(Dot(self.factors.items.row(item as usize), &asking.factors));
        items.iter().map(|item| self.score(&asking, *item, product(*item))).collect()
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        let asking = self.asking(query);
        let own = self.factors.items.row(item as usize);
        let product = vectorised(Dot(own, &asking.factors));
        let score = f64::from(self.score(&asking, item, product));
        let is_seen = asking.seen_items.binary_search(&item).is_ok();
        let seen = if is_seen { asking.seen } else { Seen { weight: 1.0, penalty: 0.0 } };
        let factor = f64::from(seen.weight);
        let events = self.events(query.history);
        let weighed: Vec<(u32, f32)> = events.iter().map(|(_, event)| *event).collect();
        let shares = Folded::new(&self.factors.items, &self.factors.base, &weighed)?.shares(own);
        let event =
            |((position, _), share): (&(usize, _), &f64)| Part::Event { position: *position, share: factor * share };
        let mut parts: Vec<Part> = events.iter().zip(&shares).map(event).collect();
        parts.push(Part::Rest { share: factor * f64::from(self.backoff.share(item)) - f64::from(seen.penalty) });
        Some(Explanation { score, parts })
    }

    fn resident_bytes(&self) -> usize {
        self.factors.items.resident_bytes() + self.factors.base.resident_bytes() + self.backoff.resident_bytes()
    }
}
