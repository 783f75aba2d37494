//! A factorised decoder: vectors of items that are also made of their features.
//!
//! ```text
//! v(item) = t(item) e(item) + Σ weight(item, feature) f(feature)
//! ```
//!
//! So what is learned of a feature holds for items that hardly anybody or nobody turned to. The fewer events an item has
//! the less its own row `e` counts: `t = n / (n + 10)` with features and `n` events, 1 without features. In a step of
//! the training some items do without their own row, lest the features be left with what the rows cannot tell.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::elementwise::add_scaled;
use super::parameters::Slot;
use super::train::Weights;
use crate::model::SparseRows;

/// Share of the items with features that do without their own row in a step.
const HIDDEN: f64 = 0.1;

/// Events with which the own row of an item with features counts half.
pub const HALF_EVENTS: f32 = 10.0;

/// Items that one task makes the vectors of.
const TOGETHER: usize = 256;

/// Adds to each of some vectors, `width` numbers each, what the features of its item give. `of` has the features of all
/// items.
pub fn add_features(of: &SparseRows, items: &[u32], features: &[f32], width: usize, vectors: &mut [f32]) {
    for (item, vector) in items.iter().zip(vectors.chunks_exact_mut(width)) {
        let (names, weights) = of.row(*item);
        for (feature, weight) in names.iter().zip(weights) {
            add_scaled(*weight, &features[*feature as usize * width..][..width], vector);
        }
    }
}

/// Adds the gradients of the vectors of some items to those of their features.
pub fn back_to_features(of: &SparseRows, items: &[u32], gradients: &[f32], width: usize, d_features: &mut [f32]) {
    for (item, gradient) in items.iter().zip(gradients.chunks_exact(width)) {
        let (names, weights) = of.row(*item);
        for (feature, weight) in names.iter().zip(weights) {
            add_scaled(*weight, gradient, &mut d_features[*feature as usize * width..][..width]);
        }
    }
}

/// The features of items, those of a table in front, and where in the body of a network their vectors stand.
pub struct ItemFeatures {
    of: SparseRows,
    /// The items of each feature.
    by_feature: SparseRows,
    /// `t` of the items of the table.
    trust: Vec<f32>,
    slot: Slot,
}

impl ItemFeatures {
    /// `of` has a row for each item, `slot` one for each feature, `n_events` a number for each item of the table.
    pub fn new(of: SparseRows, slot: Slot, n_events: &[u32]) -> Self {
        let trust = |(item, n): (u32, &u32)| match of.row(item).0.is_empty() {
            true => 1.0,
            false => *n as f32 / (*n as f32 + HALF_EVENTS),
        };
        let trust = (0..).zip(n_events).map(trust).collect();
        Self { by_feature: of.transposed(slot.rows), of, trust, slot }
    }

    /// Which of `items` do without their own row in a step.
    pub fn draw_hidden(&self, items: &[u32], rng: &mut ChaCha8Rng) -> Vec<bool> {
        let hidden = |item: &u32| self.knows(*item) && rng.random_bool(HIDDEN);
        items.iter().map(hidden).collect()
    }

    /// Whether anything is recorded of an item.
    pub fn knows(&self, item: u32) -> bool {
        !self.of.row(item).0.is_empty()
    }

    /// The vectors of some items, one after the other; where `hidden` says so without the item's own row, which then
    /// need not be there.
    pub fn vectors(&self, weights: &Weights, items: &[u32], hidden: &[bool]) -> Vec<f32> {
        let (width, features) = (self.slot.columns, self.slot.of(&weights.body));
        let mut vectors = vec![0.0; items.len() * width];
        let parts = vectors.par_chunks_mut(TOGETHER * width).zip(items.par_chunks(TOGETHER));
        parts.zip(hidden.par_chunks(TOGETHER)).for_each(|((vectors, items), hidden)| {
            for ((vector, item), hidden) in vectors.chunks_exact_mut(width).zip(items).zip(hidden) {
                if !hidden {
                    let own = &weights.table[*item as usize * width..][..width];
                    add_scaled(self.trust[*item as usize], own, vector);
                }
            }
            add_features(&self.of, items, features, width, vectors);
        });
        vectors
    }

    /// Adds the gradient of the vectors of some items to that of their features, and leaves of it what is their own
    /// rows'. `all` tells that the items are the first ones in their order.
    pub fn back(&self, items: &[u32], all: bool, hidden: &[bool], gradient: &mut Weights) {
        let (width, d_features) = (self.slot.columns, self.slot.of_mut(&mut gradient.body));
        let d_table = &mut gradient.table;
        if all {
            let rows = d_features.par_chunks_exact_mut(width).enumerate();
            rows.for_each(|(feature, d_feature)| {
                let (named, weights) = self.by_feature.row(feature as u32);
                let of_table = named.iter().zip(weights).take_while(|(item, _)| (**item as usize) < items.len());
                for (item, weight) in of_table {
                    add_scaled(*weight, &d_table[*item as usize * width..][..width], d_feature);
                }
            });
        } else {
            back_to_features(&self.of, items, d_table, width, d_features);
        }
        for ((d_own, item), hidden) in d_table.chunks_exact_mut(width).zip(items).zip(hidden) {
            let trust = if *hidden { 0.0 } else { self.trust[*item as usize] };
            d_own.iter_mut().for_each(|value| *value *= trust);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::differences::{assert_gradient, dot, numbers};
    use crate::neural::parameters::{Layout, Start};

    const WIDTH: usize = 3;

    /// Five items, two of which have no features, and four features, one of which no item has.
    fn decoder() -> (ItemFeatures, Weights) {
        let of = SparseRows::from_rows([
            (vec![0, 1], vec![0.5, 1.0]),
            (vec![], vec![]),
            (vec![1], vec![2.0]),
            (vec![0, 1, 3], vec![1.0, -1.0, 0.25]),
            (vec![], vec![]),
        ]);
        let mut layout = Layout::default();
        layout.add("other", (2, 2), Start::Constant(0.0));
        let slot = layout.add("features", (4, WIDTH), Start::Constant(0.0));
        let weights = Weights { body: numbers(layout.len(), 1), table: numbers(5 * WIDTH, 2) };
        (ItemFeatures::new(of, slot, &[10, 3, 90, 0, 5]), weights)
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (decoder, weights) = decoder();
        let cases: [(&[u32], bool, &[bool]); 2] =
            [(&[0, 1, 2, 3, 4], true, &[false, false, true, false, false]), (&[3, 1, 0], false, &[true, false, false])];
        for (items, all, hidden) in cases {
            let d_vectors = numbers(items.len() * WIDTH, 3);
            let mut gradient = Weights { body: vec![0.0; weights.body.len()], table: d_vectors.clone() };
            decoder.back(items, all, hidden, &mut gradient);
            assert_gradient(&weights.body, &gradient.body, |body| {
                let moved = Weights { body: body.to_vec(), table: weights.table.clone() };
                dot(&decoder.vectors(&moved, items, hidden), &d_vectors)
            });
            let mut d_table = vec![0.0; weights.table.len()];
            for (item, row) in items.iter().zip(gradient.table.chunks(WIDTH)) {
                d_table[*item as usize * WIDTH..][..WIDTH].copy_from_slice(row);
            }
            assert_gradient(&weights.table, &d_table, |table| {
                let moved = Weights { body: weights.body.clone(), table: table.to_vec() };
                dot(&decoder.vectors(&moved, items, hidden), &d_vectors)
            });
        }
    }

    #[test]
    fn the_fewer_events_an_item_with_features_has_the_less_its_own_row_counts() {
        assert_eq!(decoder().0.trust, [0.5, 1.0, 0.9, 0.0, 1.0]);
    }

    #[test]
    fn only_items_with_features_are_hidden_and_about_a_tenth_of_them() {
        let (decoder, _) = decoder();
        let items: Vec<u32> = (0..20_000).map(|place| place % 5).collect();
        let hidden = decoder.draw_hidden(&items, &mut crate::neural::batch::generator(1, 0));
        let of_featured = items.iter().zip(&hidden).filter(|(item, hidden)| **hidden && **item % 3 != 1);
        let n_hidden = hidden.iter().filter(|hidden| **hidden).count();
        assert_eq!(of_featured.count(), n_hidden);
        // Of 12,000 draws, 1 % is more than three standard errors.
        assert!((n_hidden as f64 / 12_000.0 - HIDDEN).abs() < 0.01, "{n_hidden}");
    }
}
