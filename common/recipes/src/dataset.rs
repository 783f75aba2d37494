//! What a recipe learns from: interactions in memory, users and items as dense rows.

mod build;
mod histories;
mod id_map;
mod read;

use bytes::Bytes;

pub use id_map::IdMap;

pub(crate) use histories::Histories;

use crate::parts::PartError;

/// The parts of a dataset group, as imports and compactions left them.
#[derive(Clone, Debug, Default)]
pub struct DatasetParts {
    pub interactions: Vec<Bytes>,
    pub items: Vec<TimedPart>,
    /// Not read yet: no recipe so far learns from the Users dataset.
    pub users: Vec<TimedPart>,
}

/// A part of records of which the newest of an id counts.
#[derive(Clone, Debug, Default)]
pub struct TimedPart {
    pub content: Bytes,
    /// When its rows came in, in milliseconds since the Unix epoch, unless they have times of their own
    /// ([`crate::parts::AT_MS`]).
    pub at_ms: u64,
}

/// Which interactions to learn from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Only events of this type, whatever their case. `None` takes all.
    pub event_type: Option<String>,
    /// Only events with at least this EVENT_VALUE; those without a value are left out.
    pub event_value_threshold: Option<f64>,
}

/// Why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(transparent)]
    Part(#[from] PartError),
    #[error("{0}")]
    TooBig(String),
}

/// Interactions by user and time.
///
/// Users and items are rows in the byte order of their ids, so the same interactions give the same rows
/// however they were cut into parts; within a user, interactions are oldest first, those of one moment in
/// the order of the input. Interactions that agree in every column occur once.
pub struct Dataset {
    users: IdMap,
    items: IdMap,
    histories: Histories,
    event_types: IdMap,
    event_type: Vec<u32>,
    value: Vec<f32>,
    n_catalogue_items: usize,
    selection: Selection,
}

impl Dataset {
    /// Reads the parts; see [`Dataset`] for what becomes of them.
    pub fn read(parts: &DatasetParts, selection: &Selection) -> Result<Self, DatasetError> {
        read::read(parts, selection)
    }

    /// Users with at least one selected interaction.
    pub fn users(&self) -> &IdMap {
        &self.users
    }

    /// Items with at least one selected interaction.
    pub fn items(&self) -> &IdMap {
        &self.items
    }

    pub fn n_interactions(&self) -> usize {
        self.histories.n_events()
    }

    /// Distinct items of the Items dataset and of all interactions, selected or not.
    pub fn n_catalogue_items(&self) -> usize {
        self.n_catalogue_items
    }

    pub(crate) fn histories(&self) -> &Histories {
        &self.histories
    }

    /// The event types that occur, by row.
    pub fn event_types(&self) -> &IdMap {
        &self.event_types
    }

    /// Per interaction its row in [`Dataset::event_types`], or [`Dataset::NO_EVENT_TYPE`].
    pub fn event_type(&self) -> &[u32] {
        &self.event_type
    }

    /// Per interaction its EVENT_VALUE; NaN where it has none.
    pub fn event_value(&self) -> &[f32] {
        &self.value
    }

    pub const NO_EVENT_TYPE: u32 = u32::MAX;

    /// Whether there is enough to learn from.
    ///
    /// # Errors
    /// The failure reason as the API gives it.
    pub fn check_minimums(&self) -> Result<(), String> {
        if self.n_interactions() < 1000 {
            return Err(match &self.selection.event_type {
                Some(event_type) => {
                    format!("Dataset has fewer than 1000 interactions after filtering by event type: {event_type}")
                }
                None => "Dataset has fewer than 1000 interactions.".into(),
            });
        }
        let repeaters = self.histories.users().filter(|user| self.histories.items_of(*user).len() >= 2).count();
        if repeaters < 25 {
            return Err("Dataset has fewer than 25 users with at least 2 interactions each.".into());
        }
        if repeaters * 100 < self.users.len() {
            return Err("Dataset has fewer than 1% of users with at least 2 interactions each.".into());
        }
        Ok(())
    }
}
