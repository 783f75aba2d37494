//! Vectors of items: what is learned of the item itself, and of its features.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::model::SparseRows;
use crate::neural::items::{HALF_EVENTS, add_features, back_to_features};

/// A factorised decoder: `v(item) = t(item) e(item) + Σ weight(item, feature) f(feature)`, biases included, so that what
/// is learned of a feature holds for items that hardly anybody or nobody turned to. `t = n / (n + 10)` of an item with
/// `n` events and with features; 1 without features, and of the bias, which few events tell well.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    /// Numbers of a vector, the last of them the bias.
    pub width: usize,
    /// `(n_items, width)`
    pub own: Vec<f32>,
    /// `t`, `(n_items,)`
    pub trust: Vec<f32>,
    /// `(n_features, width)`
    pub features: Vec<f32>,
}

impl Items {
    /// Small vectors drawn evenly around 0 for items with events; features, biases and the others begin at 0. `of` has
    /// the features of all items.
    pub fn draw(n_events: &[u32], (of, n_features): (&SparseRows, usize), d: usize, rng: &mut ChaCha8Rng) -> Self {
        let width = d + 1;
        let bound = 1.0 / (d as f32).sqrt();
        let mut own = vec![0.0; n_events.len() * width];
        for (row, _) in own.chunks_exact_mut(width).zip(n_events).filter(|(_, n)| **n > 0) {
            row[..d].fill_with(|| rng.random_range(-bound..bound));
        }
        let trust = |(item, n): (usize, &u32)| {
            let described = item < of.n_rows() && !of.row(item as u32).0.is_empty();
            if described { *n as f32 / (*n as f32 + HALF_EVENTS) } else { 1.0 }
        };
        let trust = n_events.iter().enumerate().map(trust).collect();
        Self { width, own, trust, features: vec![0.0; n_features * width] }
    }

    /// What the gradients of an item's vector, bias included, are multiplied by to be those of its own.
    pub fn own_gradient(&self, item: u32, of_vector: &[f32]) -> impl Iterator<Item = f32> {
        let (trust, bias) = (self.trust[item as usize], self.width - 1);
        of_vector.iter().enumerate().map(move |(place, value)| if place < bias { trust * value } else { *value })
    }

    /// The vectors of some items, one after the other; where `hidden` says so without the item's own. `of` has the
    /// features of all items.
    pub fn vectors(&self, of: &SparseRows, items: &[u32], hidden: &[bool]) -> Vec<f32> {
        let mut vectors = Vec::with_capacity(items.len() * self.width);
        for (place, item) in items.iter().enumerate() {
            match hidden.get(place) {
                Some(true) => vectors.resize(vectors.len() + self.width, 0.0),
                _ => {
                    let (trust, bias) = (self.trust[*item as usize], self.width - 1);
                    let own = &self.own[*item as usize * self.width..][..self.width];
                    vectors.extend(own[..bias].iter().map(|value| trust * value));
                    vectors.push(own[bias]);
                }
            }
        }
        if !self.features.is_empty() {
            add_features(of, items, &self.features, self.width, &mut vectors);
        }
        vectors
    }

    /// The vector that the features of a row of `of` give alone; of zeros without such a row.
    pub fn of_features(&self, of: &SparseRows, row: Option<usize>) -> Vec<f32> {
        let mut vector = vec![0.0; self.width];
        let Some(row) = row.filter(|row| *row < of.n_rows()) else { return vector };
        add_features(of, &[row as u32], &self.features, self.width, &mut vector);
        vector
    }

    /// Adds the gradients of the vectors of some items to those of their features.
    pub fn back(&self, of: &SparseRows, items: &[u32], gradients: &[f32], d_features: &mut [f32]) {
        if !self.features.is_empty() {
            back_to_features(of, items, gradients, self.width, d_features);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_vector_is_its_own_and_its_features_and_gradients_go_back_to_both() {
        let (own, features) = (vec![1.0, 2.0, 3.0, 4.0], vec![10.0, 20.0, 100.0, 200.0]);
        let items = Items { width: 2, own, trust: vec![1.0, 0.5], features };
        let of = SparseRows::from_rows([(vec![], vec![]), (vec![0, 1], vec![0.5, 1.0])]);
        assert_eq!(items.vectors(&of, &[1, 0], &[]), [106.5, 214.0, 1.0, 2.0]);
        assert_eq!(items.vectors(&of, &[1, 0], &[true, false]), [105.0, 210.0, 1.0, 2.0]);
        let mut d_features = vec![0.0; 4];
        items.back(&of, &[0, 1], &[7.0, 7.0, 2.0, -4.0], &mut d_features);
        assert_eq!(d_features, [1.0, -2.0, 2.0, -4.0]);
        assert_eq!(items.own_gradient(1, &[2.0, -4.0]).collect::<Vec<_>>(), [1.0, -4.0]);
    }

    #[test]
    fn the_fewer_events_an_item_with_features_has_the_less_its_own_vector_counts() {
        let of = SparseRows::from_rows([(vec![], vec![]), (vec![0], vec![1.0]), (vec![0], vec![1.0])]);
        let items = Items::draw(&[2, 10, 90], (&of, 1), 3, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(items.trust, [1.0, 0.5, 0.9]);
        let none = SparseRows::from_rows([]);
        assert_eq!(Items::draw(&[2, 10], (&none, 0), 3, &mut ChaCha8Rng::seed_from_u64(1)).trust, [1.0, 1.0]);
    }
}
