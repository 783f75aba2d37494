//! What items with little evidence borrow from items with similar metadata.

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use rayon::prelude::*;

use super::spread::{Reach, greatest_first};
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::rank::{self, Ranked};
use crate::ridge::{Design, STEPS};
use crate::similar_items::{Joined, Placed};
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Items with fewer interactions borrow.
const BORROWS_BELOW: u32 = 20;

/// Items with fewer interactions lend nothing.
const LENDS_FROM: u32 = 5;

/// Lenders of an item.
pub const N_LENDERS: usize = 20;

/// Multiplications that the search for lenders may take, a second or two on two cores; where it would take more, items
/// with fewer interactions lend nothing.
const MAX_PRODUCTS: usize = 20_000_000_000;

/// Of the space that items are compared in: see [`crate::similar_items`]. More dimensions tell items no better
/// apart that have few interactions.
const DIM: usize = 48;
const HALF_LIFE: f64 = 5.0;
const LAMBDA: f32 = 1.0;

/// Borrowers that one thread looks at together.
const BLOCK: usize = 64;

/// Lenders with their weights.
type Row = (Vec<u32>, Vec<f32>);

/// Who borrows from whom.
#[derive(Clone, Debug)]
pub struct Loans {
    /// Of each item its lenders with weights that sum to 1, or none.
    pub(super) lenders: SparseRows,
    /// Of each item those that borrow from it, with the same weights, the greatest first.
    pub(super) borrowers: SparseRows,
    pub(super) reach: Reach,
}

impl Loans {
    /// Finds for every item with few interactions the items nearest to it that have more.
    ///
    /// Items stand where their interactions put them and, the fewer these are, where their metadata lead to. An
    /// item of which nothing is recorded borrows nothing. Weights are squares of cosines.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn of(
        design: &Design<'_>,
        histories: &Histories,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let described = &design.features.rows;
        let placed = Placed::fit(histories, described.n_rows(), HALF_LIFE, DIM, seed, progress)?;
        let map = design.ridge(&placed.vectors, &placed.trust(), LAMBDA, STEPS, progress)?;
        let space = Joined::of(&placed, design, &map).vectors;
        let items = || 0..described.n_rows() as u32;
        let count = |item: u32| placed.counts[item as usize];
        let borrows: Vec<u32> =
            items().filter(|item| count(*item) < BORROWS_BELOW && !described.row(*item).0.is_empty()).collect();
        let mut lends: Vec<u32> = items().filter(|item| count(*item) >= LENDS_FROM).collect();
        let most = MAX_PRODUCTS / (borrows.len() * DIM).max(1);
        if lends.len() > most {
            lends.sort_by_key(|item| std::cmp::Reverse(count(*item)));
            lends.truncate(most);
            lends.sort_unstable();
        }
        let rows = nearest(&space, &borrows, &lends, progress)?;
        Ok(Self::new(described.n_rows(), borrows.into_iter().zip(rows)))
    }

    /// From borrowers, ascending, with their lenders.
    pub(super) fn new(n_items: usize, mut found: impl Iterator<Item = (u32, Row)>) -> Self {
        let mut next = found.next();
        let lenders = SparseRows::from_rows((0..n_items as u32).map(|item| match next.take() {
            Some((borrower, row)) if borrower == item => {
                next = found.next();
                row
            }
            later => {
                next = later;
                (Vec::new(), Vec::new())
            }
        }));
        let borrowers = lenders.transposed(n_items);
        let reach = Reach::of(&lenders, &borrowers);
        Self { borrowers: greatest_first(&borrowers), lenders, reach }
    }

    /// Interactions with each item and those that it borrows.
    pub fn n_events(&self, own: &[f32], borrowed: f64) -> Vec<f32> {
        let borrows = |item: u32| borrowed > 0.0 && !self.lenders.row(item).0.is_empty();
        (0..).zip(own).map(|(item, own)| if borrows(item) { own + borrowed as f32 } else { *own }).collect()
    }
}

/// For each borrower the nearest lenders, with weights that sum to 1.
fn nearest(
    space: &Array2<f32>,
    borrows: &[u32],
    lends: &[u32],
    progress: &dyn Progress,
) -> Result<Vec<Row>, TrainError> {
    let rows = |items: &[u32]| Array2::from_shape_fn((items.len(), DIM), |(row, at)| space[(items[row] as usize, at)]);
    let lenders = rows(lends);
    let found: Result<Vec<Vec<_>>, TrainError> = borrows
        .par_chunks(BLOCK)
        .map(|block| {
            go_on(progress)?;
            let mut products = Array2::<f32>::zeros((block.len(), lends.len()));
            general_mat_mul(1.0, &rows(block), &lenders.t(), 0.0, &mut products);
            let nearest = |(row, borrower): (usize, &u32)| {
                let cosines = products.row(row);
                let near = lends.iter().copied().zip(cosines.iter().copied());
                let mut near: Vec<Ranked> =
                    near.filter(|(lender, cosine)| lender != borrower && *cosine > 0.0).collect();
                rank::keep_best(&mut near, N_LENDERS);
                let sum: f32 = near.iter().map(|(_, cosine)| cosine * cosine).sum();
                near.into_iter().map(|(lender, cosine)| (lender, cosine * cosine / sum.max(f32::MIN_POSITIVE))).unzip()
            };
            Ok(block.iter().enumerate().map(nearest).collect())
        })
        .collect();
    Ok(found?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_nearest_lenders_share_by_the_squares_of_their_cosines() {
        let mut space = Array2::zeros((4, DIM));
        for (item, place, value) in [(0, 0, 1.0), (1, 0, 0.6), (1, 1, 0.8), (2, 1, 1.0), (3, 0, -1.0)] {
            space[(item, place)] = value;
        }
        let found = nearest(&space, &[0, 3], &[0, 1, 2, 3], &()).unwrap();
        // 1 alone points where 0 does, if not all the way; nothing does where 3 does.
        assert_eq!(found, [(vec![1], vec![1.0]), (vec![], vec![])]);
        let found = nearest(&space, &[1], &[0, 2], &()).unwrap();
        assert_eq!(found[0].0, [2, 0]);
        // A few roundings.
        assert!((found[0].1[0] - 0.64).abs() < 1e-6 && (found[0].1[1] - 0.36).abs() < 1e-6, "{found:?}");
    }
}
