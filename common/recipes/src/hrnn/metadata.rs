//! The metadata of a dataset, as features.

use super::features::Features;
use crate::model::SparseRows;
use crate::{Dataset, RecipeInfo, features};

/// The metadata that a recipe reads, as features.
#[derive(Default)]
pub struct Metadata {
    pub items: Features,
    pub users: Features,
    pub contexts: Features,
    pub of_items: SparseRows,
    pub of_users: SparseRows,
    pub of_contexts: SparseRows,
}

impl Metadata {
    pub fn of(dataset: &Dataset, info: &RecipeInfo) -> Self {
        let mut metadata = Self::default();
        let rows = || SparseRows::from_rows([]);
        (metadata.of_items, metadata.of_users, metadata.of_contexts) = (rows(), rows(), rows());
        if info.reads.items {
            metadata.items = Features::of(dataset.item_columns());
            metadata.of_items = metadata.items.rows(dataset.item_columns());
        }
        if info.reads.users {
            metadata.users = Features::of(dataset.user_columns());
            metadata.of_users = metadata.users.rows(dataset.user_columns());
        }
        if info.reads.context {
            metadata.contexts = Features::of(dataset.interaction_columns());
            metadata.of_contexts = metadata.contexts.rows(dataset.interaction_columns());
        }
        metadata
    }
}

/// What transitions borrow by: what is recorded of the items, if a recipe reads it, in the order of its items. `rows` are
/// those of the dataset.
pub fn described(dataset: &Dataset, info: &RecipeInfo, rows: &[Option<usize>]) -> Option<features::Features> {
    let read = info.reads.items.then(|| features::Features::of(dataset.item_columns()))?;
    (!read.is_empty()).then(|| read.of_rows(rows.iter().copied()))
}
