//! What items with little evidence borrow from items with similar metadata.

use ndarray::Array2;
use ndarray::linalg::general_mat_mul;
use rayon::prelude::*;

use super::count::{N_FOLLOWERS, Scratch};
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
const N_LENDERS: usize = 20;

/// Multiplications that the search for lenders may take, a second or two on two cores; where it would take more, items
/// with fewer interactions lend nothing.
const MAX_PRODUCTS: usize = 20_000_000_000;

/// Followers that a row gets beside its own, so that items of which there is no evidence have a place among them.
const MORE_FOLLOWERS: usize = 64;

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
    lenders: SparseRows,
    /// Of each item those that borrow from it, with the same weights.
    borrowers: SparseRows,
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
    fn new(n_items: usize, mut found: impl Iterator<Item = (u32, Row)>) -> Self {
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
        Self { borrowers: lenders.transposed(n_items), lenders }
    }

    /// Interactions with each item and those that it borrows.
    pub fn n_events(&self, own: &[f32], borrowed: f64) -> Vec<f32> {
        let borrows = |item: u32| borrowed > 0.0 && !self.lenders.row(item).0.is_empty();
        (0..).zip(own).map(|(item, own)| if borrows(item) { own + borrowed as f32 } else { *own }).collect()
    }

    /// The counts as if every borrower had, beside its own, `borrowed` interactions that went as those with its
    /// lenders do on average: `(I + L) C (I + L)ᵀ` with `L(i,k) = borrowed · weight(i,k) / n(k)`.
    ///
    /// A row gets at most [`MORE_FOLLOWERS`] beside its own, a borrower's up to [`N_FOLLOWERS`] in all; the largest
    /// counts are kept. Rows are summed each by one thread.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn spread(
        &self,
        counts: &SparseRows,
        n_events: &[f32],
        borrowed: f64,
        progress: &dyn Progress,
    ) -> Result<SparseRows, TrainError> {
        let n_items = counts.n_rows();
        let loan = |lender: u32, weight: f32| borrowed as f32 * weight / n_events[lender as usize].max(1.0);
        let rows: Result<Vec<_>, TrainError> = (0..n_items as u32)
            .into_par_iter()
            .map_init(
                || (Scratch::new(n_items), Scratch::new(n_items)),
                |(from, to), item| {
                    go_on(progress)?;
                    let (own, own_counts) = counts.row(item);
                    own.iter().zip(own_counts).for_each(|(other, count)| from.add(*other, *count));
                    let (lenders, weights) = self.lenders.row(item);
                    for (lender, weight) in lenders.iter().zip(weights) {
                        let (others, counts) = counts.row(*lender);
                        let loan = loan(*lender, *weight);
                        others.iter().zip(counts).for_each(|(other, count)| from.add(*other, loan * count));
                    }
                    let (others, counts) = from.take_row(usize::MAX);
                    for (other, count) in others.iter().zip(&counts) {
                        to.add(*other, *count);
                        let (borrowers, weights) = self.borrowers.row(*other);
                        for (borrower, weight) in borrowers.iter().zip(weights) {
                            to.add(*borrower, loan(*other, *weight) * count);
                        }
                    }
                    let most = if lenders.is_empty() { own.len() + MORE_FOLLOWERS } else { N_FOLLOWERS };
                    Ok(to.take_row(most))
                },
            )
            .collect();
        Ok(SparseRows::from_rows(rows?))
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

    /// Item 2 borrows from 0 (three quarters) and 1 (a quarter).
    fn loans() -> Loans {
        Loans::new(4, [(2, (vec![0, 1], vec![0.75, 0.25]))].into_iter())
    }

    fn dense(rows: &SparseRows) -> Vec<Vec<f32>> {
        let mut cells = vec![vec![0.0; rows.n_rows()]; rows.n_rows()];
        for row in 0..rows.n_rows() as u32 {
            let (columns, values) = rows.row(row);
            columns.iter().zip(values).for_each(|(column, value)| cells[row as usize][*column as usize] = *value);
        }
        cells
    }

    #[test]
    fn what_is_borrowed_is_the_mean_of_the_lenders_in_rows_and_columns() {
        // 0 (four interactions) led to 3 twice, 3 (four) to 0 twice and to 1 (two) once.
        let counts = SparseRows::from_rows([
            (vec![3], vec![2.0]),
            (vec![], vec![]),
            (vec![], vec![]),
            (vec![0, 1], vec![2.0, 1.0]),
        ]);
        let own = [4.0, 2.0, 0.0, 4.0];
        let spread = dense(&loans().spread(&counts, &own, 8.0, &()).unwrap());
        // Eight borrowed interactions: six like those of 0, of which a half led to 3, and two like those of 1.
        assert_eq!(spread[2], [0.0, 0.0, 0.0, 6.0 * 2.0 / 4.0]);
        assert_eq!(spread[3], [2.0, 1.0, 6.0 * 2.0 / 4.0 + 2.0 * 1.0 / 2.0, 0.0]);
        assert_eq!(spread[0], [0.0, 0.0, 0.0, 2.0]);
        assert_eq!(loans().n_events(&own, 8.0), [4.0, 2.0, 8.0, 4.0]);
    }

    #[test]
    fn nothing_borrowed_changes_nothing() {
        let counts =
            SparseRows::from_rows([(vec![3], vec![2.0]), (vec![2], vec![0.5]), (vec![], vec![]), (vec![], vec![])]);
        assert_eq!(loans().spread(&counts, &[1.0; 4], 0.0, &()).unwrap(), counts);
        assert_eq!(loans().n_events(&[1.0; 4], 0.0), [1.0; 4]);
    }

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
