//! Streamed events, action interactions and records: durable before the 200, events seen by their user's next
//! request.

mod arrivals;
mod cached;
mod properties;
mod put_action_interactions;
mod put_events;
mod put_records;
mod records;
mod removal;
mod shown;
mod streams;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use arrivals::{arrival_keys, last_action_interaction_ms, last_event_ms};
pub(crate) use put_action_interactions::{ActionEvent, ActionInteraction, recent_action_interactions};
pub(crate) use put_events::{StreamedEvent, recent_events};
pub(crate) use records::{PutRecord, forget_dataset, put_records, put_version};
pub(crate) use removal::remove_events;
pub(crate) use shown::note_shown;

use std::sync::Arc;

use arrivals::Moved;
use cached::Cached;
use properties::Columns;
use records::Turns;
use shown::Remembered;
use target::Target;

use crate::operations::Operations;

pub(crate) fn operations(all: &mut Operations) {
    put_events::operations(all);
    put_action_interactions::operations(all);
    put_records::operations(all);
}

/// What a process remembers between writes. All of it can be forgotten at any time.
#[derive(Default)]
pub(crate) struct Events {
    /// By tracking id: one tracking id means one dataset with one schema for as long as it exists.
    targets: Cached<Arc<Target>>,
    /// By schema and creation of the dataset.
    columns: Cached<Arc<Columns>>,
    /// When the datasets that events are read of were created, by ARN.
    created: Cached<i64>,
    moved: Moved,
    turns: Turns,
    shown: Remembered,
}
