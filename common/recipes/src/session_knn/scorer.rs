use std::cell::RefCell;
use std::sync::Arc;

use super::config::SessionKnnValidParams;
use super::index::Index;
use super::neighbours::{Asked, Neighbour, Scratch, asked, neighbours};
use super::store;
use crate::model::{ModelError, ModelFile, Scorer};
use crate::popularity::Popular;
use crate::sums::{Backoff, Seen, Sums};
use crate::{Event, Explanation, Part, Query, Scored};

/// The fitted recipe: see [`super`] for the formula.
pub struct Neighbourhood {
    index: Arc<Index>,
    backoff: Backoff,
    /// `ln(N / n_j)^idf_power` by item.
    rarity: Vec<f32>,
    /// What an item of a neighbour counts by its distance from the newest shared one.
    near: Vec<f32>,
    /// What a neighbour counts by its length.
    length_weights: Vec<f32>,
    config: SessionKnnValidParams,
}

impl Neighbourhood {
    pub fn new(index: Arc<Index>, popular: Popular, config: &SessionKnnValidParams) -> Self {
        let rarity = index.n_holding.iter().map(|n_holding| config.rarity(*n_holding, index.n_all)).collect();
        let longest = index.sessions.offsets.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let near = (0..longest).map(|distance| config.near(distance)).collect();
        let length_weights = (0..=longest).map(|length| config.length_weight(length)).collect();
        Self { index, backoff: Backoff::new(popular), rarity, near, length_weights, config: config.clone() }
    }

    pub fn popular(&self) -> &Popular {
        self.backoff.popular()
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        store::write(&self.index)
    }

    /// Scores are not negative, so that seen items of no weight come last without more.
    fn seen(&self) -> Seen {
        Seen::new(self.config.seen_weight, 0.0)
    }

    fn neighbours(&self, history: &[Event], scratch: &mut Scratch) -> (Vec<Asked>, Vec<Neighbour>) {
        let asked = asked(history, &self.config);
        let newest_s = history.last().map_or(0, |event| event.timestamp_s);
        let found = neighbours(&self.index, &asked, newest_s, &self.config, &self.length_weights, scratch);
        (asked, found)
    }

    /// What items bring in a neighbour, beside its similarity and their rarity: item and weight.
    fn items<'a>(&'a self, neighbour: &Neighbour, asked: &[Asked]) -> impl Iterator<Item = (u32, f32)> + 'a {
        let items = self.index.sessions.row(neighbour.session);
        let newest = asked[neighbour.newest];
        let weight = self.config.match_weight(newest.place);
        let spread = self.config.spread != 0.0;
        let shared = if spread { items.iter().position(|item| *item == newest.item).unwrap_or(0) } else { 0 };
        items
            .iter()
            .enumerate()
            .map(move |(place, item)| (*item, if spread { weight * self.near[place.abs_diff(shared)] } else { weight }))
    }

    fn gather(&self, history: &[Event], scratch: &mut Scratch, sums: &mut Sums) {
        sums.begin(self.index.n_items(), history);
        let (asked, found) = self.neighbours(history, scratch);
        for neighbour in &found {
            for (item, weight) in self.items(neighbour, &asked) {
                sums.add(item, neighbour.similarity * weight * self.rarity[item as usize]);
            }
        }
    }
}

impl Scorer for Neighbourhood {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        SCRATCH.with_borrow_mut(|(scratch, sums)| {
            self.gather(query.history, scratch, sums);
            sums.best(query, &self.backoff, self.seen(), k)
        })
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        SCRATCH.with_borrow_mut(|(scratch, sums)| {
            self.gather(query.history, scratch, sums);
            items.iter().map(|item| sums.score(*item, &self.backoff, self.seen())).collect()
        })
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        let score = f64::from(*self.rank(query, &[item]).first()?);
        let (asked, found) = SCRATCH.with_borrow_mut(|(scratch, _)| self.neighbours(query.history, scratch));
        let is_seen = query.history.iter().any(|event| event.item == item);
        let factor = if is_seen { self.config.seen_weight } else { 1.0 };
        let mut shares = vec![0.0; asked.len()];
        for neighbour in &found {
            let held = self.items(neighbour, &asked).find(|(held, _)| *held == item);
            let Some((_, weight)) = held else { continue };
            let weight = f64::from(weight) * f64::from(neighbour.factor) * f64::from(self.rarity[item as usize]);
            for (share, one) in shares.iter_mut().zip(&asked) {
                // Lists are in descending order.
                let listed = self.index.recent(one.item).binary_search_by(|other| neighbour.session.cmp(other));
                if listed.is_ok() {
                    *share += factor * weight * f64::from(one.weight);
                }
            }
        }
        let position = |one: &Asked| query.history.len() - 1 - one.place;
        let events = asked.iter().zip(shares).filter(|(_, share)| *share != 0.0);
        let mut parts: Vec<Part> = events.map(|(one, share)| Part::Event { position: position(one), share }).collect();
        parts.push(Part::Rest { share: factor * f64::from(self.backoff.share(item)) });
        Some(Explanation { score, parts })
    }

    fn resident_bytes(&self) -> usize {
        self.index.resident_bytes()
            + self.backoff.resident_bytes()
            + (self.rarity.len() + self.near.len() + self.length_weights.len()) * size_of::<f32>()
    }
}

thread_local! {
    static SCRATCH: RefCell<(Scratch, Sums)> = RefCell::default();
}
