use std::cell::RefCell;

use super::config::TransitionsValidParams;
use crate::dataset::Histories;
use crate::model::{ModelError, ModelFile, Scorer, SparseRows};
use crate::popularity::Popular;
use crate::{Event, Explanation, Part, Query, Scored, TrainError, rank};

/// Name of the column with the weight of popularity by item.
pub const BACKOFF: &str = "backoff";

/// The fitted recipe: see [`super`] for the formula.
pub struct Transitions {
    /// `n(i)^-a c(i,j)^p n(j)^-b`
    rows: SparseRows,
    /// `smoothing · n(i)^-a`
    backoff: Vec<f32>,
    /// Sum of a row and its back-off.
    mass: Vec<f64>,
    popular: Popular,
    /// By item; sums to 1.
    popularity: Vec<f32>,
    config: TransitionsValidParams,
}

impl Transitions {
    /// Weighs the counts of [`super::count::follow_ups`] by the interactions with each item.
    pub fn fit(counts: &SparseRows, n_events: &[f32], popular: Popular, config: &TransitionsValidParams) -> Self {
        let from = powers(n_events, config.from_power);
        let to = powers(n_events, config.to_power);
        let power = config.count_power as f32;
        let rows = counts.map(|item, other, count| from[item as usize] * count.powf(power) * to[other as usize]);
        let backoff = from.iter().map(|from| config.smoothing as f32 * from).collect();
        Self::new(rows, backoff, popular, config)
    }

    pub fn new(rows: SparseRows, backoff: Vec<f32>, popular: Popular, config: &TransitionsValidParams) -> Self {
        let n_pairs = popular.n_users().iter().map(|n_users| f64::from(*n_users)).sum::<f64>().max(1.0);
        let popularity = popular.n_users().iter().map(|n_users| (f64::from(*n_users) / n_pairs) as f32).collect();
        let row_mass = |item: u32| rows.row(item).1.iter().map(|weight| f64::from(*weight)).sum::<f64>();
        let mass = (0..).zip(&backoff).map(|(item, backoff)| row_mass(item) + f64::from(*backoff)).collect();
        Self { rows, backoff, mass, popular, popularity, config: config.clone() }
    }

    pub fn popular(&self) -> &Popular {
        &self.popular
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        self.rows.write(&[(BACKOFF, &self.backoff)])
    }

    /// # Errors
    /// [`TrainError::Numerical`] if a weight is not finite.
    pub fn check(&self) -> Result<(), TrainError> {
        let finite = self.mass.iter().all(|mass| mass.is_finite());
        if finite { Ok(()) } else { Err(TrainError::Numerical("a weight is not finite".into())) }
    }

    /// The events that are read, the newest first: index into the history, event and weight.
    fn events<'a>(&'a self, history: &'a [Event]) -> impl Iterator<Item = (usize, &'a Event, f32)> {
        let newest_s = history.last().map_or(0, |event| event.timestamp_s);
        let newest = history.iter().enumerate().rev().take(self.config.history_length).enumerate();
        newest.map(move |(place, (position, event))| {
            let age_s = newest_s.saturating_sub(event.timestamp_s);
            (position, event, self.config.event_weight(place, age_s))
        })
    }

    /// Adds up the rows of the newest events.
    fn gather(&self, history: &[Event], scratch: &mut Scratch) -> Gathered {
        scratch.begin(self.popularity.len());
        let mut gathered = Gathered { backoff: 0.0, mass: 0.0 };
        for (_, event, weight) in self.events(history) {
            let (items, weights) = self.rows.row(event.item);
            for (item, row_weight) in items.iter().zip(weights) {
                scratch.add(*item, weight * row_weight);
            }
            gathered.backoff += weight * self.backoff[event.item as usize];
            gathered.mass += f64::from(weight) * self.mass[event.item as usize];
        }
        if gathered.mass <= 0.0 {
            // Nothing is known of this user, or nothing of the items.
            gathered = Gathered { backoff: 1.0, mass: 1.0 };
        }
        if self.config.seen_weight < 1.0 {
            scratch.mark(history);
            let kept = self.config.seen_weight;
            let seen = scratch.marked.iter().map(|item| f64::from(self.raw(*item, &gathered, scratch)));
            gathered.mass -= seen.sum::<f64>() * (1.0 - kept);
        }
        gathered
    }

    fn raw(&self, item: u32, gathered: &Gathered, scratch: &Scratch) -> f32 {
        scratch.sums[item as usize] + gathered.backoff * self.popularity[item as usize]
    }

    fn score(&self, item: u32, gathered: &Gathered, scratch: &Scratch) -> f32 {
        let kept = if scratch.is_marked(item) { self.config.seen_weight } else { 1.0 };
        let raw = f64::from(self.raw(item, gathered, scratch)) * kept;
        // What is left when all items were seen is rounding.
        if raw <= 0.0 || gathered.mass <= 0.0 { 0.0 } else { (raw / gathered.mass).min(1.0) as f32 }
    }
}

/// Sums over events: of the weight of popularity, and of all scores.
struct Gathered {
    backoff: f32,
    mass: f64,
}

impl Scorer for Transitions {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        SCRATCH.with_borrow_mut(|scratch| {
            let gathered = self.gather(query.history, scratch);
            let mut ranked: Vec<rank::Ranked> = Vec::with_capacity(scratch.touched.len() + k);
            let mut n_others = 0;
            for item in scratch.touched.iter().chain(&scratch.marked).filter(|item| query.allows(**item)) {
                ranked.push((*item, self.score(*item, &gathered, scratch)));
            }
            for item in self.popular.order().iter().filter(|item| query.allows(**item)) {
                if n_others == k {
                    break;
                }
                // Of what no event leads to, only the k most popular allowed can be among the best k.
                if !scratch.is_touched(*item) && !scratch.is_marked(*item) {
                    ranked.push((*item, self.score(*item, &gathered, scratch)));
                    n_others += 1;
                }
            }
            rank::keep_best(&mut ranked, k);
            ranked.into_iter().map(|(item, score)| Scored::new(item, Some(score))).collect()
        })
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        SCRATCH.with_borrow_mut(|scratch| {
            let gathered = self.gather(query.history, scratch);
            items.iter().map(|item| self.score(*item, &gathered, scratch)).collect()
        })
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        let (gathered, score, kept) = SCRATCH.with_borrow_mut(|scratch| {
            let gathered = self.gather(query.history, scratch);
            let score = self.score(item, &gathered, scratch);
            let kept = if scratch.is_marked(item) { self.config.seen_weight } else { 1.0 };
            (gathered, score, kept)
        });
        // A score of 0 is made of nothing: the item is kept back, or what is left is rounding.
        let factor = if score > 0.0 { kept / gathered.mass } else { 0.0 };
        let events = self.events(query.history).filter_map(|(position, event, weight)| {
            let (items, weights) = self.rows.row(event.item);
            let place = items.iter().position(|other| *other == item)?;
            let share = factor * f64::from(weight) * f64::from(weights[place]);
            (share != 0.0).then_some(Part::Event { position, share })
        });
        let mut parts: Vec<Part> = events.collect();
        let popular = f64::from(gathered.backoff) * f64::from(self.popularity[item as usize]);
        parts.push(Part::Rest { share: factor * popular });
        Some(Explanation { score: f64::from(score), parts })
    }

    fn resident_bytes(&self) -> usize {
        let by_item = size_of::<f32>() * 2 + size_of::<f64>();
        self.rows.resident_bytes() + self.popular.resident_bytes() + self.backoff.len() * by_item
    }
}

/// Interactions with each item, each by its weight, if they are weighed.
pub fn events_by_item(histories: &Histories, n_items: usize, weights: Option<&[f32]>) -> Vec<f32> {
    let mut n_events = vec![0.0_f64; n_items];
    for (place, item) in histories.items().iter().enumerate() {
        n_events[*item as usize] += weights.map_or(1.0, |weights| f64::from(weights[place]));
    }
    n_events.into_iter().map(|n| n as f32).collect()
}

/// `n^-exponent` by item; items with less than one event count as one.
pub fn powers(n_events: &[f32], exponent: f64) -> Vec<f32> {
    n_events.iter().map(|n| f64::from(n.max(1.0)).powf(-exponent) as f32).collect()
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Sums by item that are emptied at the beginning of a request, at the cost of what the last one filled.
#[derive(Default)]
struct Scratch {
    sums: Vec<f32>,
    /// Bit 0: touched, bit 1: marked.
    flags: Vec<u8>,
    /// Items with a sum, and not marked.
    touched: Vec<u32>,
    /// Items of the user's history.
    marked: Vec<u32>,
}

impl Scratch {
    fn begin(&mut self, n_items: usize) {
        for item in self.touched.drain(..).chain(self.marked.drain(..)) {
            self.sums[item as usize] = 0.0;
            self.flags[item as usize] = 0;
        }
        if self.sums.len() < n_items {
            self.sums.resize(n_items, 0.0);
            self.flags.resize(n_items, 0);
        }
    }

    fn add(&mut self, item: u32, weight: f32) {
        let flags = &mut self.flags[item as usize];
        if *flags & 1 == 0 {
            *flags |= 1;
            self.touched.push(item);
        }
        self.sums[item as usize] += weight;
    }

    fn mark(&mut self, history: &[Event]) {
        for event in history {
            let flags = &mut self.flags[event.item as usize];
            if *flags & 2 == 0 {
                *flags |= 2;
                self.marked.push(event.item);
            }
        }
        let flags = &self.flags;
        self.touched.retain(|item| flags[*item as usize] & 2 == 0);
    }

    fn is_touched(&self, item: u32) -> bool {
        self.flags[item as usize] & 1 != 0
    }

    fn is_marked(&self, item: u32) -> bool {
        self.flags[item as usize] & 2 != 0
    }
}
