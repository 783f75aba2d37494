//! A dataset as a model that exists sees it, to bring into the model what is new.

use crate::dataset::Histories;
use crate::{Dataset, IdMap, TrainError};

/// The model's items in their rows, and the dataset's others after them.
pub struct Refresh {
    pub ids: IdMap,
    /// Items that the model has.
    pub n_known: usize,
    /// Row of each item in [`Dataset::item_columns`]; of those that are gone none.
    pub rows: Vec<Option<usize>>,
    /// The dataset's, with these rows of items.
    pub histories: Histories,
}

impl Refresh {
    /// `ids` are the model's. Of the dataset's items without interactions those that are new come in `with_others`
    /// alone.
    ///
    /// # Errors
    /// [`TrainError::Data`] if there are too many items.
    pub fn of(dataset: &Dataset, mut ids: IdMap, with_others: bool) -> Result<Self, TrainError> {
        let n_known = ids.len();
        let known = || dataset.items().iter().chain(dataset.other_items().iter());
        let taken = if with_others { usize::MAX } else { dataset.items().len() };
        for id in known().take(taken) {
            ids.insert(id).ok_or_else(|| TrainError::Data("The dataset has too many items.".into()))?;
        }
        let mut rows = vec![None; ids.len()];
        for (row, id) in known().enumerate() {
            if let Some(item) = ids.get(id) {
                rows[item as usize] = Some(row);
            }
        }
        let histories = renamed(dataset, &ids)?;
        Ok(Self { ids, n_known, rows, histories })
    }
}

/// The dataset's histories with other rows of items.
fn renamed(dataset: &Dataset, ids: &IdMap) -> Result<Histories, TrainError> {
    let histories = dataset.histories();
    let rows: Option<Vec<u32>> = dataset.items().iter().map(|id| ids.get(id)).collect();
    let rows = rows.ok_or_else(|| TrainError::Data("The dataset has an item without an id.".into()))?;
    let mut offsets = vec![0];
    offsets.extend(histories.users().map(|user| histories.events_of(user).end));
    let items = histories.items().iter().map(|item| rows[*item as usize]).collect();
    Ok(Histories::new(offsets, items, histories.timestamps().iter().collect::<Vec<i64>>()))
}
