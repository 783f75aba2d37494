use std::sync::Arc;

use super::config::IalsValidParams;
use super::fold::Folded;
use super::matrix::Matrix;
use super::record::ByRecord;
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
    /// What is expected of users by their metadata.
    users: Option<ByRecord>,
    /// Of all items' factors, the greatest Euclidean norm.
    greatest: f32,
}

impl Factors {
    pub fn new(items: Matrix, base: Matrix, users: Option<ByRecord>) -> Self {
        let norm = |row: &[f32]| vectorised(Dot(row, row)).sqrt();
        Self { greatest: items.rows().map(norm).fold(0.0, f32::max), items, base, users }
    }
}

/// The fitted recipe: see [`super`] for the formula.
pub struct Ials {
    factors: Arc<Factors>,
    backoff: Backoff,
    config: IalsValidParams,
    /// What is expected of the user by metadata counts so much.
    record_weight: f32,
}

/// A user who asks.
struct Asking {
    /// What is expected without events.
    start: Vec<f32>,
    factors: Vec<f32>,
    /// Ascending; each once.
    seen_items: Vec<u32>,
    seen: Seen,
}

impl Ials {
    pub fn new(factors: Arc<Factors>, popular: Popular, config: &IalsValidParams, record_weight: f32) -> Self {
        Self { factors, backoff: Backoff::new(popular), config: config.clone(), record_weight }
    }

    pub fn popular(&self) -> &Popular {
        self.backoff.popular()
    }

    pub fn write(&self) -> Result<Vec<ModelFile>, ModelError> {
        let users = self.factors.users.as_ref().map(|users| users.scaled(self.record_weight));
        let mut matrices = vec![(ITEMS, &self.factors.items), (BASE, &self.factors.base)];
        matrices.extend(users.iter().map(|users| (USERS, &users.map)));
        let mut files = vec![store::write(&matrices)?];
        files.extend(users.as_ref().map(ByRecord::write).transpose()?);
        Ok(files)
    }

    pub fn read(
        contents: &crate::model::Contents,
        popular: Popular,
        config: &IalsValidParams,
    ) -> Result<Self, ModelError> {
        let width = Matrix::zero(0, config.factors).width;
        let sides = [(ITEMS, popular.n_users().len()), (BASE, width)];
        let encoder = ByRecord::read(contents)?;
        let (items, base, users) = match encoder {
            None => {
                let [items, base] = store::read(contents, sides)?;
                (items, base, None)
            }
            Some(encoder) => {
                let [items, base, map] =
                    store::read(contents, [sides[0], sides[1], (USERS, ByRecord::n_rows(&encoder))])?;
                (items, base, Some(ByRecord { encoder, map }))
            }
        };
        if items.width != width {
            return Err(store::damaged("its factors are not as many as they should be"));
        }
        Ok(Self::new(Arc::new(Factors::new(items, base, users)), popular, config, 1.0))
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
        let expected = query.user.and_then(|record| self.factors.users.as_ref()?.expected(record, self.record_weight));
        let start = expected.unwrap_or_else(|| vec![0.0; self.factors.items.width]);
        let folded = Folded::new(&self.factors.items, &self.factors.base, &events);
        let factors = folded.map_or_else(|| start.clone(), |folded| folded.user_factors(&start));
        let mut seen_items: Vec<u32> = query.history.iter().map(|event| event.item).collect();
        seen_items.sort_unstable();
        seen_items.dedup();
        let norm = vectorised(Dot(&factors, &factors)).sqrt();
        let seen = Seen::new(self.config.seen_weight, 1.0 + norm * self.factors.greatest);
        Asking { start, factors, seen_items, seen }
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
const USERS: &str = "user_map";

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
        ranked.into_iter().map(|(item, score)| Scored::new(item, Some(score))).collect()
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
        let shares = Folded::new(&self.factors.items, &self.factors.base, &weighed)?.shares(own, &asking.start);
        let event =
            |((position, _), share): (&(usize, _), &f64)| Part::Event { position: *position, share: factor * share };
        let mut parts: Vec<Part> = events.iter().zip(&shares).map(event).collect();
        let expected = f64::from(vectorised(Dot(own, &asking.start)));
        let rest = factor * (expected + f64::from(self.backoff.share(item))) - f64::from(seen.penalty);
        parts.push(Part::Rest { share: rest });
        Some(Explanation { score, parts })
    }

    fn resident_bytes(&self) -> usize {
        let users = self.factors.users.as_ref().map_or(0, |users| users.map.resident_bytes());
        self.factors.items.resident_bytes() + self.factors.base.resident_bytes() + users + self.backoff.resident_bytes()
    }
}
