//! When something was last streamed into a group, to the minute: whoever trains on a schedule asks whether
//! there is anything new.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use super::streams::{Stream, StreamKind};
use crate::error::OpError;
use crate::records::{FORMAT, decode, encode};
use crate::service::Service;

/// The record of a group moves at most this often: every event would move it otherwise, and wait for the others.
const STEP_MS: u64 = 60_000;

/// What this process knows to have been moved: stream and group, to the record's time.
pub(super) type Moved = Mutex<HashMap<(StreamKind, String), u64>>;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arrival {
    format: u64,
    at_ms: u64,
}

fn key(kind: StreamKind, dataset_group_arn: &str) -> Key {
    Key::new(format!("last-{}", kind.word()), dataset_group_arn)
}

/// The records that a group has, for whoever deletes the group.
pub(crate) fn arrival_keys(dataset_group_arn: &str) -> [Key; 2] {
    [StreamKind::Events, StreamKind::ActionInteractions].map(|kind| key(kind, dataset_group_arn))
}

/// When an event was last put into the group's Interactions dataset, by the service's clock. The newest event
/// may be up to a minute younger than that.
pub(crate) async fn last_event_ms(service: &Service, dataset_group_arn: &str) -> Result<Option<u64>, OpError> {
    last(service, StreamKind::Events, dataset_group_arn).await
}

/// The same for action interactions.
pub(crate) async fn last_action_interaction_ms(
    service: &Service,
    dataset_group_arn: &str,
) -> Result<Option<u64>, OpError> {
    last(service, StreamKind::ActionInteractions, dataset_group_arn).await
}

async fn last(service: &Service, kind: StreamKind, dataset_group_arn: &str) -> Result<Option<u64>, OpError> {
    let Some(record) = service.records.get(&key(kind, dataset_group_arn)).await? else { return Ok(None) };
    Ok(Some(decode::<Arrival>(&record)?.at_ms))
}

/// The write that tells of an arrival, if it is time to tell; it goes into the commit of the events.
pub(super) async fn due(service: &Service, stream: &Stream) -> Result<Option<Write>, OpError> {
    let now = service.clock.now_ms();
    let recent = |at_ms: u64| now.abs_diff(at_ms) < STEP_MS;
    let name = (stream.kind, stream.dataset_group_arn.clone());
    if service.events.moved.lock().unwrap_or_else(PoisonError::into_inner).get(&name).is_some_and(|at| recent(*at)) {
        return Ok(None);
    }
    let key = key(stream.kind, &stream.dataset_group_arn);
    let value = encode(&Arrival { format: FORMAT, at_ms: now })?;
    let Some(record) = service.records.get(&key).await? else { return Ok(Some(Write::Create { key, value })) };
    let at_ms = decode::<Arrival>(&record)?.at_ms;
    if recent(at_ms) {
        service.events.moved.lock().unwrap_or_else(PoisonError::into_inner).insert(name, at_ms);
        return Ok(None);
    }
    Ok(Some(Write::Update { key, expected: record.version, value }))
}
