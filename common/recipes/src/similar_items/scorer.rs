use std::collections::HashSet;

use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::explain::Described;
use super::near::Placing;
use crate::model::Scorer;
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::{Explanation, Query, Scored, TrainError};

/// Items that one thread takes at a time.
const BLOCK: usize = 16_384;

/// Numbers that a product sums side by side.
const LANES: usize = 16;

/// Items in one space: see [`super`].
///
/// | field     | shape            | meaning                                                                    |
/// |-----------|------------------|----------------------------------------------------------------------------|
/// | `vectors` | `(n_items, dim)` | by interactions (`id_dim` numbers), then by metadata; each of unit length or 0 |
/// | `weights` | `(n_items,)`     | what interactions count when the item is asked with; metadata count the rest |
/// | `scales`  | `(n_items,)`     | what the item's scores are multiplied by for its popularity; above 0       |
pub struct Space {
    pub vectors: Array2<f32>,
    pub id_dim: usize,
    pub weights: Vec<f32>,
    pub scales: Vec<f32>,
    pub popular: Popular,
    /// What explanations need.
    pub described: Option<Described>,
    pub placing: Option<Placing>,
}

impl Space {
    /// # Errors
    /// [`TrainError::Numerical`] if a number is not finite.
    pub fn check(&self) -> Result<(), TrainError> {
        let mut all = self.vectors.iter().chain(&self.weights).chain(&self.scales);
        let described = self.described.as_ref().is_none_or(Described::is_finite);
        let placing = self.placing.as_ref().is_none_or(Placing::is_finite);
        match all.all(|number| number.is_finite()) && described && placing {
            true => Ok(()),
            false => Err(TrainError::Numerical("an item's place is not finite".into())),
        }
    }

    pub fn vector(&self, item: u32) -> &[f32] {
        let dim = self.vectors.ncols();
        self.vectors.as_slice().map_or(&[], |cells| &cells[item as usize * dim..(item as usize + 1) * dim])
    }

    pub fn is_placed(&self, item: u32) -> bool {
        self.vector(item).iter().any(|cell| *cell != 0.0)
    }

    /// What every item's vector is multiplied with; `None` if nothing is known of the item.
    fn asking(&self, item: Option<u32>) -> Option<Array1<f32>> {
        let item = item.filter(|item| self.is_placed(*item))?;
        let weight = self.weights[item as usize];
        let cells = self.vector(item).iter().enumerate();
        Some(
            cells
                .map(|(place, cell)| if place < self.id_dim { weight * cell } else { (1.0 - weight) * cell })
                .collect(),
        )
    }

    fn score(&self, asking: &[f32], item: u32) -> f32 {
        dot(asking, self.vector(item)) * self.scales[item as usize]
    }

    /// The best `k` of the items that have a place, without the one that is asked with.
    fn nearest(&self, query: &Query<'_>, asking: &[f32], k: usize) -> Vec<Ranked> {
        let n_items = self.vectors.nrows();
        let block = |block: usize| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(n_items);
            let rows = rows.map(|item| item as u32).filter(|item| query.allows(*item) && query.item != Some(*item));
            let mut best: Vec<Ranked> =
                rows.filter(|item| self.is_placed(*item)).map(|item| (item, self.score(asking, item))).collect();
            rank::keep_best(&mut best, k);
            best
        };
        let n_blocks = n_items.div_ceil(BLOCK);
        if n_blocks <= 1 {
            return block(0);
        }
        let blocks: Vec<Vec<Ranked>> = (0..n_blocks).into_par_iter().map(block).collect();
        let mut best = blocks.concat();
        rank::keep_best(&mut best, k);
        best
    }
}

impl Scorer for Space {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let nearest = self.asking(query.item).map(|asking| self.nearest(query, asking.as_slice().unwrap_or(&[]), k));
        let mut list: Vec<u32> = nearest.unwrap_or_default().into_iter().map(|(item, _)| item).collect();
        if list.len() < k {
            let taken: HashSet<u32> = list.iter().copied().chain(query.item).collect();
            let rest = self.popular.order().iter().filter(|item| query.allows(**item) && !taken.contains(item));
            list.extend(rest.take(k - list.len()));
        }
        list.into_iter().map(|item| Scored::new(item, None)).collect()
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        match self.asking(query.item) {
            Some(asking) => items.iter().map(|item| self.score(asking.as_slice().unwrap_or(&[]), *item)).collect(),
            None => self.popular.rank(query, items),
        }
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        super::explain::explain(self, query, item)
    }

    fn resident_bytes(&self) -> usize {
        let numbers = self.vectors.len() + self.weights.len() + self.scales.len();
        let described = self.described.as_ref().map_or(0, Described::resident_bytes);
        let placing = self.placing.as_ref().map_or(0, Placing::resident_bytes);
        numbers * size_of::<f32>() + self.popular.resident_bytes() + described + placing
    }
}

/// Sums side by side, so that the processor multiplies many numbers at once; always in the same order.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
