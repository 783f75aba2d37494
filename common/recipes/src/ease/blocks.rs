//! The weights of catalogues that are too large for one dense inverse.
//!
//! Column `j` of `B` is the ridge regression of item `j` on all others (the constraint that Steck 2019 solves with
//! Lagrange multipliers only takes the item itself out). Here it is solved over a few of the others: those that
//! occur most with it by the cosine of their users. That is feature selection as in fsSLIM (Ning and Karypis
//! 2011, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", section 5.3) with the squared penalty alone,
//! and the sparsity pattern that Steck (2019), "Markov Random Fields for Collaborative Filtering", section 3.2,
//! gives the inverse. Where every other item is in the block the result is exact.

use rayon::prelude::*;

use super::weights::Column;
use crate::cholesky::solve;
use crate::model::SparseRows;
use crate::rank;
use crate::sims::count::Lists;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Pairs of a user's items that are counted, of all users. It bounds the time, and the memory at 8 bytes for each
/// pair of items that occurs, however long the longest histories are.
const MAX_PAIRS: usize = 1_000_000_000;

/// How many items of a user are counted, so that there are at most so many pairs.
fn longest_basket(baskets: &Lists, max_pairs: usize) -> usize {
    let lengths = || (0..baskets.len()).map(|user| baskets.row(user).len());
    let mut longest = lengths().max().unwrap_or(0).max(2);
    while longest > 2 && lengths().map(|length| length.min(longest).pow(2)).sum::<usize>() > max_pairs {
        longest /= 2;
    }
    longest
}

/// How many users each item has in common with each other one; on the diagonal the item's own users.
///
/// Rows ascend by item. Of the longest baskets only every n-th item counts if there are more than [`MAX_PAIRS`] pairs;
/// what is left is still `XᵀX` of some `X`, so it cannot become indefinite. Cost: the pairs.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn sparse_gram(baskets: &Lists, n_items: usize, progress: &dyn Progress) -> Result<SparseRows, TrainError> {
    let longest = longest_basket(baskets, MAX_PAIRS);
    let mut short = Lists::default();
    for user in 0..baskets.len() {
        let basket = baskets.row(user);
        let stride = basket.len().div_ceil(longest).max(1);
        short.push(&basket.iter().step_by(stride).copied().collect::<Vec<_>>());
    }
    let takers = short.transposed(n_items);
    let rows: Result<Vec<_>, TrainError> = (0..n_items)
        .into_par_iter()
        .map_init(
            || (vec![0_u32; n_items], Vec::new()),
            |(counts, found), item| {
                go_on(progress)?;
                for user in takers.row(item) {
                    for other in short.row(*user as usize) {
                        let count = &mut counts[*other as usize];
                        if *count == 0 {
                            found.push(*other);
                        }
                        *count += 1;
                    }
                }
                found.sort_unstable();
                let taken = found.drain(..).map(|other| (other, std::mem::take(&mut counts[other as usize]) as f32));
                Ok(taken.unzip())
            },
        )
        .collect();
    Ok(SparseRows::from_rows(rows?))
}

/// Every column of `B`, over at most `size` other items.
///
/// Cost `O(n_items · size³)`.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn columns(
    gram: &SparseRows,
    regularization: f64,
    size: usize,
    progress: &dyn Progress,
) -> Result<Vec<Column>, TrainError> {
    let count = |item: u32, other: u32| {
        let (items, counts) = gram.row(item);
        items.binary_search(&other).map_or(0.0, |place| counts[place])
    };
    let n_users: Vec<f32> = (0..gram.n_rows() as u32).map(|item| count(item, item)).collect();
    (0..gram.n_rows() as u32)
        .into_par_iter()
        .map(|item| {
            go_on(progress)?;
            let (items, counts) = gram.row(item);
            let others = items.iter().zip(counts).filter(|(other, _)| **other != item);
            let cosine = |(other, count): (&u32, &f32)| (*other, count / n_users[*other as usize].sqrt());
            let mut block: Vec<rank::Ranked> = others.map(cosine).collect();
            rank::keep_best(&mut block, size);
            let mut block: Vec<u32> = block.into_iter().map(|(other, _)| other).collect();
            block.sort_unstable();
            let mut matrix = vec![0.0; block.len() * block.len()];
            for (row, cells) in matrix.chunks_exact_mut(block.len().max(1)).enumerate() {
                for (column, cell) in cells[..=row].iter_mut().enumerate() {
                    *cell = f64::from(count(block[row], block[column]));
                }
                cells[row] += regularization;
            }
            let mut weights: Vec<f64> = block.iter().map(|other| f64::from(count(item, *other))).collect();
            if !solve(&mut matrix, &mut weights) {
                return Err(TrainError::Numerical(
                    "the co-occurrence matrix is singular: raise `regularization`".into(),
                ));
            }
            Ok(block.into_iter().zip(weights.into_iter().map(|weight| weight as f32)).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_baskets_are_thinned_until_there_are_few_enough_pairs() {
        let mut baskets = Lists::default();
        baskets.push(&(0..16).collect::<Vec<_>>());
        baskets.push(&[0, 1]);
        assert_eq!(longest_basket(&baskets, 260), 16);
        assert_eq!(longest_basket(&baskets, 259), 8);
        assert_eq!(longest_basket(&baskets, 20), 4);
        assert_eq!(longest_basket(&baskets, 0), 2);
        assert_eq!(longest_basket(&Lists::default(), 0), 2);
    }
}
