//! Which items lent an item its place, for explanations.
//!
//! With the leading eigenvectors `U` of what occurs near what, `S = d^-½ C d^-½` (see [`super`]), and their eigenvalues
//! `Λ`, the places before they get unit length are `P = U Λ^½`. Since `S U = U Λ`, they are also `P = S P Λ^-1`: an item
//! is where those are that occurred near it, each as much as it did. Of that sum the terms that weigh most are kept.
//! What is left over are the item itself, the other terms, pairs further apart than [`REACH`] events, and what the
//! eigenvectors lack of being exact.

use rayon::prelude::*;

use super::cooccurrence::Cooccurrence;
use super::scorer::Space;
use super::space::Placed;
use crate::TrainError;
use crate::dataset::Histories;
use crate::model::{Contents, ModelError, ModelFile, SparseRows};
use crate::neighbours::{Evidence, pack};
use crate::rank::{self, Ranked};
use crate::training::go_on;
use crate::{PairCounts, Part, Progress};

/// Items that are kept of an item.
const MOST: usize = 32;

/// What all items together keep at most, some 10 bytes each; where there are many items, each keeps less.
const MOST_IN_ALL: usize = 8_000_000;

/// Events between two of a user that are looked at.
const REACH: usize = 50;

/// Items that one thread takes in a row with the memory it counts in.
const RUN: usize = 256;

/// Eigenvalues below count as zero: nothing stands in their directions.
const LEAST: f32 = 1e-6;

/// What became of the items' places.
///
/// | field     | shape        | meaning                                                                |
/// |-----------|--------------|------------------------------------------------------------------------|
/// | `values`  | `(id_dim,)`  | eigenvalues, descending; zeros where there are no more                 |
/// | `lengths` | `(n_items,)` | of a row of `P`                                                        |
/// | `own`     | `(n_items,)` | how much of a row of `P`, at unit length, is in the item's vector      |
pub struct Placing {
    pub values: Vec<f32>,
    pub lengths: Vec<f32>,
    pub own: Vec<f32>,
    pub near: Option<Near>,
}

/// What occurred near each item most.
pub struct Near {
    /// `S`, from the greatest on.
    rows: SparseRows,
    /// How many users had both within reach.
    n_users: Evidence,
}

impl Near {
    /// Counts pairs of events of a user, up to [`REACH`] apart. Cost `O(n_events · REACH)`.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn count(
        histories: &Histories,
        n_items: usize,
        half_life: f64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let near = Cooccurrence::new(histories, n_items, half_life);
        let fades: Vec<f32> = (0..=REACH).map(|distance| near.fade().powi(distance as i32)).collect();
        let events = EventsByItem::new(histories, n_items);
        let most = (MOST_IN_ALL / n_items.max(1)).clamp(1, MOST);
        let lists: Result<Vec<_>, TrainError> = (0..n_items)
            .into_par_iter()
            .with_min_len(RUN)
            .map_init(
                || Scratch::new(n_items),
                |scratch, item| {
                    go_on(progress)?;
                    for (user, place) in events.of(item) {
                        scratch.add(*user, histories.items_of(*user as usize), *place as usize, &fades);
                    }
                    let list = scratch.take(item as u32, most, |other, sum| sum * near.scale(item as u32, other));
                    let packed = pack(list.iter().map(|(_, n_users)| std::slice::from_ref(n_users)));
                    let row: (Vec<u32>, Vec<f32>) = list.into_iter().map(|(ranked, _)| ranked).unzip();
                    Ok((row, packed))
                },
            )
            .collect();
        let mut whole =
            Self { rows: SparseRows::from_rows([]), n_users: Evidence::new(Vec::new(), Vec::new(), Vec::new(), 1) };
        for ((items, weights), packed) in lists? {
            whole.rows.push(&items, &weights);
            whole.n_users.push(&packed);
        }
        Ok(whole)
    }

    pub fn resident_bytes(&self) -> usize {
        self.rows.resident_bytes() + self.n_users.resident_bytes()
    }
}

impl Placing {
    pub fn new(placed: &Placed, own: Vec<f32>) -> Self {
        Self { values: placed.values.clone(), lengths: placed.lengths.clone(), own, near: None }
    }

    pub fn is_finite(&self) -> bool {
        self.values.iter().chain(&self.lengths).chain(&self.own).all(|number| number.is_finite())
    }

    pub fn resident_bytes(&self) -> usize {
        let numbers = self.values.len() + self.lengths.len() + self.own.len();
        numbers * size_of::<f32>() + self.near.as_ref().map_or(0, Near::resident_bytes)
    }

    pub fn write(&self) -> Result<Vec<ModelFile>, ModelError> {
        let Some(near) = &self.near else { return Ok(Vec::new()) };
        let mut n_users = near.n_users.clone();
        n_users.factors.clone_from(&self.values);
        Ok(vec![near.rows.write(&[("lengths", &self.lengths), ("own", &self.own)])?, n_users.write()?])
    }

    /// `None` of models that were written without.
    pub fn read(contents: &Contents, id_dim: usize) -> Result<Option<Self>, ModelError> {
        let Some(mut n_users) = Evidence::read(contents)? else { return Ok(None) };
        let values = std::mem::take(&mut n_users.factors);
        if values.len() != id_dim {
            return Err(ModelError::damaged("evidence.safetensors", "it has not a number for each dimension"));
        }
        let (rows, columns) = SparseRows::read(contents, &["lengths", "own"])?;
        let [lengths, own] = <[Vec<f32>; 2]>::try_from(columns).unwrap_or_default();
        Ok(Some(Self { values, lengths, own, near: Some(Near { rows, n_users }) }))
    }

    /// What the items near `asked` add to `factor · e(asked)·e(item)`, where `e` is the part of the vectors that is by
    /// interactions. Nothing if `asked` has no place of its own.
    pub fn parts(&self, space: &Space, factor: f64, asked: u32, item: u32) -> Vec<Part> {
        let length = f64::from(self.lengths[asked as usize]);
        let factor = factor * f64::from(self.own[asked as usize]);
        let (Some(near), true) = (&self.near, length > 0.0 && factor != 0.0) else { return Vec::new() };
        let turned: Vec<f64> = space.vector(item)[..space.id_dim]
            .iter()
            .zip(&self.values)
            .map(|(cell, value)| if *value < LEAST { 0.0 } else { f64::from(*cell) / f64::from(*value) })
            .collect();
        let held = |item: u32| space.popular.n_users()[item as usize];
        let (others, weights) = near.rows.row(asked);
        let part = |(place, (other, weight)): (usize, (&u32, &f32))| {
            let n_users = near.n_users.counts(asked, place)?[0];
            let along: f64 = self.own_place(space, *other)?.iter().zip(&turned).map(|(a, b)| f64::from(*a) * b).sum();
            let share = factor / length * f64::from(*weight) * f64::from(self.lengths[*other as usize]) * along;
            if *other != item {
                return Some(Part::Through { item: *other, n_users, share });
            }
            let counts = PairCounts {
                of: "users",
                asked: held(asked),
                item: held(item),
                both: Some(n_users),
                all: None,
                by_chance: None,
                weight: None,
                discount: None,
            };
            Some(Part::Together { share, counts: Some(Box::new(counts)) })
        };
        others.iter().zip(weights).enumerate().filter_map(part).collect()
    }

    /// An item's row of `P` at unit length; `None` if nothing of it is in the item's vector.
    fn own_place(&self, space: &Space, item: u32) -> Option<Vec<f32>> {
        let own = self.own[item as usize];
        let mut place = space.vector(item)[..space.id_dim].to_vec();
        if own == 0.0 {
            return None;
        }
        if let Some(described) = &space.described {
            let mapped = described.mapped[item as usize];
            let given = described.mapped_to(item);
            place.iter_mut().zip(&given).for_each(|(cell, given)| *cell -= mapped * given);
        }
        place.iter_mut().for_each(|cell| *cell /= own);
        Some(place)
    }
}

/// For each item the user and the place in the user's history of each of its events.
struct EventsByItem {
    ends: Vec<usize>,
    events: Vec<(u32, u32)>,
}

impl EventsByItem {
    fn new(histories: &Histories, n_items: usize) -> Self {
        let mut begin = 0;
        let mut ends: Vec<usize> = histories
            .events_by_item(n_items)
            .iter()
            .map(|count| {
                begin += *count as usize;
                begin - *count as usize
            })
            .collect();
        let mut events = vec![(0, 0); histories.n_events()];
        for user in histories.users() {
            for (place, item) in histories.items_of(user).iter().enumerate() {
                let end = &mut ends[*item as usize];
                events[*end] = (user as u32, place as u32);
                *end += 1;
            }
        }
        Self { ends, events }
    }

    fn of(&self, item: usize) -> &[(u32, u32)] {
        let begin = item.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.events[begin..self.ends[item]]
    }
}

/// Of an item that was not met.
const NOTHING: (f32, u32, u32) = (0.0, 0, u32::MAX);

/// Memory that one thread counts in.
struct Scratch {
    /// By item: the sum, how many users, and the last of them; all empty between calls.
    met: Vec<(f32, u32, u32)>,
    found: Vec<u32>,
}

impl Scratch {
    fn new(n_items: usize) -> Self {
        Self { met: vec![NOTHING; n_items], found: Vec::new() }
    }

    /// What stands within reach of a place in a user's history.
    fn add(&mut self, user: u32, items: &[u32], place: usize, fades: &[f32]) {
        let reach = fades.len() - 1;
        for other in place.saturating_sub(reach)..(place + reach + 1).min(items.len()) {
            let (sum, n_users, last) = &mut self.met[items[other] as usize];
            if *n_users == 0 {
                self.found.push(items[other]);
            }
            *sum += fades[place.abs_diff(other)];
            if *last != user {
                (*n_users, *last) = (*n_users + 1, user);
            }
        }
    }

    /// What was met beside `item` with the greatest weights, and how many users met it. Nothing is met from then on.
    fn take(&mut self, item: u32, most: usize, weight: impl Fn(u32, f32) -> f32) -> Vec<(Ranked, u32)> {
        let others = self.found.iter().copied().filter(|other| *other != item);
        let mut best: Vec<Ranked> = others.map(|other| (other, weight(other, self.met[other as usize].0))).collect();
        rank::keep_best(&mut best, most);
        let list = best.into_iter().map(|ranked| (ranked, self.met[ranked.0 as usize].1)).collect();
        for other in self.found.drain(..) {
            self.met[other as usize] = NOTHING;
        }
        list
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::space::Joined;
    use super::*;
    use crate::popularity::Popular;

    const N_ITEMS: usize = 6;
    const HALF_LIFE: f64 = 2.0;

    /// By interactions alone, in as many dimensions as there are items.
    fn space(histories: &Histories) -> Space {
        let placed = Placed::fit(histories, N_ITEMS, HALF_LIFE, N_ITEMS, 1, &()).unwrap();
        let joined = Joined::alone(&placed);
        let mut placing = Placing::new(&placed, joined.own);
        placing.near = Some(Near::count(histories, N_ITEMS, HALF_LIFE, &()).unwrap());
        Space {
            vectors: joined.vectors,
            id_dim: N_ITEMS,
            weights: vec![1.0; N_ITEMS],
            scales: vec![1.0; N_ITEMS],
            popular: Popular::count(histories, N_ITEMS),
            described: None,
            placing: Some(placing),
        }
    }

    proptest! {
        #[test]
        fn the_terms_and_the_item_itself_are_the_whole_and_users_are_counted(
            users in prop::collection::vec(prop::collection::vec(0_u32..N_ITEMS as u32, 0..9), 1..6),
        ) {
            let histories = Histories::of_items(&users);
            let space = space(&histories);
            let placing = space.placing.as_ref().unwrap();
            let near = Cooccurrence::new(&histories, N_ITEMS, HALF_LIFE);
            let square: f32 = users
                .iter()
                .flat_map(|items| items.iter().enumerate().map(move |one| (items, one)))
                .flat_map(|(items, one)| items.iter().enumerate().map(move |other| (one, other)))
                .filter(|(one, other)| *one.1 == 0 && *other.1 == 0)
                .map(|(one, other)| near.fade().powi(one.0.abs_diff(other.0) as i32))
                .sum();
            for item in 0..N_ITEMS as u32 {
                let parts = placing.parts(&space, 1.0, 0, item);
                let (one, other) = (space.vector(0), space.vector(item));
                let product = |weigh: fn(f32) -> f32| -> f32 {
                    let cells = one.iter().zip(other).zip(&placing.values);
                    cells.map(|((one, other), value)| one * other * weigh(*value)).sum()
                };
                let itself = square * near.scale(0, 0) * product(|value| if value < LEAST { 0.0 } else { 1.0 / value });
                let sum = parts.iter().map(Part::share).sum::<f64>() + f64::from(itself);
                let whole = f64::from(product(|_| 1.0));
                // Eigenvectors of small eigenvalues are little exact.
                prop_assert!((sum - whole).abs() < 2e-2, "{item} {sum} {whole} {parts:?}");
                for part in parts {
                    let (third, told) = match part {
                        Part::Through { item, n_users, .. } => (item, n_users),
                        Part::Together { counts, .. } => (item, counts.unwrap().both.unwrap()),
                        other => panic!("{other:?}"),
                    };
                    let both = |items: &&Vec<u32>| BTreeSet::from([0, third]).is_subset(&items.iter().copied().collect());
                    prop_assert_eq!(told as usize, users.iter().filter(both).count());
                }
            }
        }
    }

    #[test]
    fn the_events_of_a_user_beyond_reach_are_not_counted() {
        let far: Vec<u32> = [0].into_iter().chain([1; REACH]).chain([2]).collect();
        let near = Near::count(&Histories::of_items(&[far, vec![2, 3, 0, 3]]), 4, HALF_LIFE, &()).unwrap();
        let (items, weights) = near.rows.row(0);
        let counts: Vec<u32> = (0..items.len()).map(|place| near.n_users.counts(0, place).unwrap()[0]).collect();
        let told: std::collections::BTreeMap<u32, u32> = items.iter().copied().zip(counts).collect();
        assert_eq!(told, [(1, 1), (2, 1), (3, 1)].into());
        assert!(weights.is_sorted_by(|one, two| one >= two), "{weights:?}");
    }
}
