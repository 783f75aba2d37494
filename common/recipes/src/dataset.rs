//! What a recipe learns from: interactions in memory, users and items as dense rows.

mod build;
mod codes;
mod columns;
mod considered;
mod fingerprint;
mod histories;
mod id_map;
mod intern;
mod intervals;
mod newest;
mod part;
mod read;
mod rows;
mod select;
mod sessions;
#[cfg(test)]
mod tests;
mod timestamps;
mod visits;

use bytes::Bytes;

pub use columns::{Categorical, ColumnChoice, ColumnData, ColumnKind, Columns, Text};
pub use id_map::IdMap;
pub use intervals::IntervalCounter;

pub(crate) use histories::Histories;
use timestamps::Timestamps;

use crate::EventChoice;
use crate::parts::PartError;
use codes::Codes;
use visits::Visit;

/// The parts of a dataset group, as imports and compactions left them, oldest first.
#[derive(Clone, Debug, Default)]
pub struct DatasetParts {
    pub interactions: Vec<Bytes>,
    pub items: Vec<TimedPart>,
    pub users: Vec<TimedPart>,
}

/// A part of Items or Users.
#[derive(Clone, Debug)]
pub struct TimedPart {
    pub content: Bytes,
    /// When its rows were imported, in milliseconds; rows that say it themselves
    /// ([`crate::parts::AT_MS`]) know better.
    pub at_ms: u64,
}

/// Which interactions to learn from, and which metadata to read with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Only events of this type, whatever their case. `None` takes all.
    pub event_type: Option<String>,
    /// Only events with at least this EVENT_VALUE; those without a value are left out.
    pub event_value_threshold: Option<f64>,
    /// Only events of these types, each by a threshold of its own. Empty takes all.
    pub events: Vec<EventChoice>,
    /// Columns of the Items dataset.
    pub item_columns: Vec<ColumnChoice>,
    /// Columns of the Users dataset. Without any, the dataset is not read at all.
    pub user_columns: Vec<ColumnChoice>,
    /// Other columns of the Interactions dataset: contextual metadata.
    pub interaction_columns: Vec<ColumnChoice>,
    /// The most items that are read; `None` reads all. Of more, those with the newest interactions are read, and those
    /// that were created last if CREATION_TIMESTAMP is one of `item_columns`; of the others neither interactions nor
    /// metadata are.
    pub max_items: Option<usize>,
    /// Whether [`Dataset::is_same_visit`] is asked for.
    pub visits: bool,
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
/// the order of the input. Interactions that agree in every column occur once; a column that a part does not
/// have is null in its rows.
///
/// Streamed rows without user belong to whoever signed in first in their session; those that nobody joined
/// are left out. So are streamed rows without item or time.
///
/// # Memory
/// An interaction takes 8 bytes for item and time (12 if times are too far apart for 4 bytes), 1 for its type
/// (2 or 4 if there are that many) if a part has EVENT_TYPE, and 4 for its value if a part has EVENT_VALUE: 13 in
/// all, beside 8 bytes a user. While it is built it takes 21 at most, and 8 more if there are other columns with
/// values (to tell repetitions) and 4 more if some are asked for, and 4 more (1 at the end) for visits; beside that, the ids twice for a moment, and
/// what at most four parts take in decoding: some 40 bytes a row of the part.
pub struct Dataset {
    users: IdMap,
    other_users: IdMap,
    n_catalogue_users: usize,
    items: IdMap,
    other_items: IdMap,
    n_left_out_items: usize,
    histories: Histories,
    event_types: IdMap,
    /// One more than the row of the type, or 0; empty if there are none.
    event_type: Codes,
    /// NaN where there is none; empty if there are none.
    value: Vec<f32>,
    /// By interaction; empty if nothing is known, or not asked for.
    visits: Vec<Visit>,
    n_unjoined: usize,
    item_columns: Columns,
    user_columns: Columns,
    interaction_columns: Columns,
    selection: Selection,
}

impl Dataset {
    /// Reads the parts; see [`Dataset`] for what becomes of them.
    ///
    /// Runs on the threads of the current rayon pool; their number does not show in the result.
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

    /// The other users of the Users dataset, if columns of it were asked for. Their rows in
    /// [`Dataset::user_columns`] follow those of [`Dataset::users`].
    pub fn other_users(&self) -> &IdMap {
        &self.other_users
    }

    /// The other items of the Items dataset and of all interactions. Their rows in [`Dataset::item_columns`]
    /// follow those of [`Dataset::items`].
    pub fn other_items(&self) -> &IdMap {
        &self.other_items
    }

    /// The items of [`Dataset::items`], then those of [`Dataset::other_items`]: the rows of
    /// [`Dataset::item_columns`], and of a model that also answers with items without interactions.
    pub fn all_items(&self) -> IdMap {
        self.items.iter().chain(self.other_items.iter()).collect()
    }

    pub fn n_interactions(&self) -> usize {
        self.histories.n_events()
    }

    /// Distinct items of the Items dataset and of all interactions, selected or not, up to [`Selection::max_items`].
    pub fn n_catalogue_items(&self) -> usize {
        self.items.len() + self.other_items.len()
    }

    /// Items beyond [`Selection::max_items`].
    pub fn n_left_out_items(&self) -> usize {
        self.n_left_out_items
    }

    /// Distinct users of all interactions, selected or not, and of the Users dataset if columns of it were asked for.
    pub fn n_catalogue_users(&self) -> usize {
        self.n_catalogue_users
    }

    /// Selected rows that were left out because nobody signed in in their session. A row that is in two parts
    /// counts twice.
    pub fn n_unjoined(&self) -> usize {
        self.n_unjoined
    }

    pub(crate) fn histories(&self) -> &Histories {
        &self.histories
    }

    /// The interactions of a row of [`Dataset::users`], oldest first: what [`Dataset::event_type`],
    /// [`Dataset::event_value`] and the rows of [`Dataset::interaction_columns`] are asked by.
    pub fn interactions_of(&self, user: usize) -> std::ops::Range<usize> {
        self.histories.events_of(user)
    }

    /// The event types of the parts, in byte order.
    pub fn event_types(&self) -> &IdMap {
        &self.event_types
    }

    /// The row of an interaction's type in [`Dataset::event_types`].
    #[inline]
    pub fn event_type(&self, interaction: usize) -> Option<u32> {
        self.event_type.get(interaction).checked_sub(1)
    }

    /// The EVENT_VALUE of an interaction.
    #[inline]
    pub fn event_value(&self, interaction: usize) -> Option<f32> {
        self.value.get(interaction).copied().filter(|value| !value.is_nan())
    }

    /// Whether an interaction was of the same session as the user's one before it. `None` if either has no session that
    /// is known, if there is none before it, or if it was not asked for.
    #[inline]
    pub fn is_same_visit(&self, interaction: usize) -> Option<bool> {
        match self.visits.get(interaction)? {
            Visit::Unknown => None,
            Visit::Same => Some(true),
            Visit::Another => Some(false),
        }
    }

    /// The columns of [`Selection::item_columns`]: a row for each of [`Dataset::items`], then for each of
    /// [`Dataset::other_items`]. Of an item's records the newest counts.
    pub fn item_columns(&self) -> &Columns {
        &self.item_columns
    }

    /// The columns of [`Selection::user_columns`]: a row for each of [`Dataset::users`], then for each of
    /// [`Dataset::other_users`]. Of a user's records the newest counts.
    pub fn user_columns(&self) -> &Columns {
        &self.user_columns
    }

    /// The columns of [`Selection::interaction_columns`], a row for each interaction.
    pub fn interaction_columns(&self) -> &Columns {
        &self.interaction_columns
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        let ids = [&self.users, &self.other_users, &self.items, &self.other_items, &self.event_types];
        let columns = [&self.item_columns, &self.user_columns, &self.interaction_columns];
        ids.iter().map(|ids| ids.resident_bytes()).sum::<usize>()
            + columns.iter().map(|columns| columns.resident_bytes()).sum::<usize>()
            + self.interaction_bytes()
    }

    /// Those of them that hold the interactions: users, items, times, types and values, without the ids' text.
    pub fn interaction_bytes(&self) -> usize {
        let values = self.value.len() * size_of::<f32>() + self.visits.len() * size_of::<Visit>();
        self.histories.resident_bytes() + self.event_type.resident_bytes() + values
    }

    /// Whether there is enough to learn from.
    ///
    /// # Errors
    /// The failure reason as the API gives it.
    pub fn check_minimums(&self) -> Result<(), String> {
        if self.n_interactions() < 1000 {
            let names = self.selection.event_types();
            return Err(match names.is_empty() {
                false => format!("Dataset has fewer than 1000 interactions after filtering by event type: {names}"),
                true => "Dataset has fewer than 1000 interactions.".into(),
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
