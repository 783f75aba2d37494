use super::config::EaseValidParams;
use super::gram::{Symmetric, baskets, gram};
use super::{blocks, inverse, weights};
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::{Progress, TrainError};

/// Most items that one column is solved over where the inverse is not exact.
const MAX_BLOCK: usize = 200;

/// Fits the weights `B` to histories, rows by the item that they lead from.
///
/// # Errors
/// [`TrainError::Stopped`], [`TrainError::Numerical`]
pub fn fit(
    histories: &Histories,
    n_items: usize,
    config: &EaseValidParams,
    progress: &dyn Progress,
) -> Result<SparseRows, TrainError> {
    if n_items <= config.exact_items {
        exact(gram(&baskets(histories), n_items, progress)?, config, progress)
    } else {
        let gram = blocks::sparse_gram(&baskets(histories), n_items, progress)?;
        approximate(&gram, config, MAX_BLOCK, progress)
    }
}

/// From the dense co-occurrences.
pub fn exact(mut gram: Symmetric, config: &EaseValidParams, progress: &dyn Progress) -> Result<SparseRows, TrainError> {
    for cell in gram.diagonal_mut() {
        *cell += config.regularization;
    }
    inverse::invert(&mut gram, progress)?;
    Ok(weights::by_row(&weights::columns(&gram, config.weights_per_item, progress)?))
}

/// From the sparse co-occurrences, over blocks of at most so many items.
pub fn approximate(
    gram: &SparseRows,
    config: &EaseValidParams,
    max_block: usize,
    progress: &dyn Progress,
) -> Result<SparseRows, TrainError> {
    let size = config.weights_per_item.min(max_block);
    Ok(weights::by_row(&blocks::columns(gram, config.regularization, size, progress)?))
}
