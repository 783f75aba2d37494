//! Which items are recommended to learn about them.

use crate::dataset::Histories;
use crate::hrnn::fresh::Fresh;
use crate::{Dataset, IdMap};

/// Items with fewer interactions are new, if they are not older than so many days before the newest interaction.
const FEW: u32 = 10;
const DAYS: f64 = 30.0;

/// Of the items `ids`, whose rows `histories` names; `rows` gives each item's row in the dataset's item columns.
pub fn new_items(dataset: &Dataset, ids: &IdMap, histories: &Histories, rows: &[Option<usize>]) -> Vec<u32> {
    let n_events = histories.events_by_item(ids.len());
    let fresh = Fresh::of(dataset, ids, histories, rows);
    fresh.newer_than(DAYS).filter(|item| n_events[*item as usize] < FEW).collect()
}
