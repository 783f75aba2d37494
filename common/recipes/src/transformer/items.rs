//! Vectors of the items that a model answers with, those that nobody turned to among them.

use std::borrow::Cow;

use crate::neural::items::ItemFeatures;
use crate::neural::store::round;
use crate::neural::train::Weights;

/// The items that a model answers with: those with a row in the table, then the others.
pub struct Catalogue {
    pub n_items: usize,
    pub columns: usize,
    /// `None` if nothing is recorded of items; then all of them have a row.
    pub features: Option<ItemFeatures>,
}

impl Catalogue {
    /// `(n_items, columns)`: of items without a row what their features give alone.
    pub fn vectors<'a>(&self, weights: &'a Weights) -> Cow<'a, [f32]> {
        let Some(features) = &self.features else { return Cow::Borrowed(&weights.table) };
        let n_learned = weights.table.len() / self.columns;
        let all: Vec<u32> = (0..self.n_items as u32).collect();
        let hidden: Vec<bool> = (0..self.n_items).map(|item| item >= n_learned).collect();
        let mut vectors = features.vectors(weights, &all, &hidden);
        fill(&mut vectors, self.columns, n_learned, |item| features.knows(item as u32));
        Cow::Owned(vectors)
    }

    /// Weights with the vectors of all items for a table, as a file can hold them.
    pub fn answering(&self, weights: Weights) -> Weights {
        let made = self.features.is_some().then(|| self.vectors(&weights).into_owned());
        let mut answering = Weights { table: made.unwrap_or(weights.table), body: weights.body };
        round(&mut answering.table);
        answering
    }
}

/// Gives items after the first `n_known` of which nothing is known the mean of the vectors of the first: they are
/// then as likely as items are on the average of logarithms, and so less than what is often turned to.
pub fn fill(vectors: &mut [f32], columns: usize, n_known: usize, knows: impl Fn(usize) -> bool) {
    let (known, others) = vectors.split_at_mut(n_known * columns);
    let mut mean = vec![0.0_f64; columns];
    for row in known.chunks_exact(columns) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for (place, row) in others.chunks_exact_mut(columns).enumerate().filter(|(place, _)| !knows(n_known + place)) {
        debug_assert!(row.iter().all(|value| *value == 0.0), "{place}");
        row.iter_mut().zip(&mean).for_each(|(value, sum)| *value = (sum / n_known.max(1) as f64) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SparseRows;
    use crate::neural::parameters::{Layout, Start};

    #[test]
    fn new_items_are_what_their_features_give_or_as_the_others() {
        let mut layout = Layout::default();
        let slot = layout.add("features", (1, 2), Start::Constant(0.0));
        let of =
            SparseRows::from_rows([(vec![0], vec![1.0]), (vec![], vec![]), (vec![], vec![]), (vec![0], vec![0.5])]);
        let weights = Weights { body: vec![10.0, 20.0], table: vec![1.0, 2.0, 3.0, 4.0] };
        let mut catalogue =
            Catalogue { n_items: 4, columns: 2, features: Some(ItemFeatures::new(of, slot, &[1 << 30; 2])) };
        let vectors = [11.0, 22.0, 3.0, 4.0, 7.0, 13.0, 5.0, 10.0];
        assert_eq!(*catalogue.vectors(&weights), vectors);
        assert_eq!(catalogue.answering(weights.clone()).table, vectors);
        (catalogue.features, catalogue.n_items) = (None, 2);
        assert_eq!(
            (&*catalogue.vectors(&weights), catalogue.answering(weights.clone())),
            (&*weights.table, weights.clone())
        );
    }
}
