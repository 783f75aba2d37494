use palate_store::{Key, Order, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::OpError;
use crate::paging::hex;
use crate::records::{FORMAT, decode, encode};
use crate::service::Service;
use crate::wire::Timestamp;

/// An event as it is kept until it becomes part of the dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamedEvent {
    pub format: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Absent for a visitor who has not signed in: the event stands under the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub session_id: String,
    pub event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_value: Option<f64>,
    pub item_id: String,
    pub sent_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impression: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_attribution_source: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

impl StreamedEvent {
    /// The user's id, or the session's for a visitor.
    fn owner(&self) -> &str {
        self.user_id.as_deref().unwrap_or(&self.session_id)
    }
}

/// Events of one user of one dataset group. A long id may have 1,024 bytes, which is all that a key may have.
fn partition(dataset_group_arn: &str, owner: &str) -> String {
    if owner.len() > 512 {
        return format!("event/{dataset_group_arn}/sha256/{}", hex(&Sha256::digest(owner)));
    }
    format!("event/{dataset_group_arn}/id/{owner}")
}

/// Stores events, each once: one whose event id has been seen in the group is left out.
pub(super) async fn store_events(
    service: &Service,
    dataset_group_arn: &str,
    events: &[StreamedEvent],
) -> Result<(), OpError> {
    let mut each = Vec::with_capacity(events.len());
    let mut ids = std::collections::HashSet::new();
    for event in events {
        if event.event_id.as_ref().is_none_or(|id| ids.insert(id)) {
            each.push(writes_of(dataset_group_arn, event)?);
        }
    }
    match service.records.commit(each.iter().flatten().cloned().collect()).await {
        Err(StoreError::AlreadyExists { .. }) => {}
        other => return Ok(other?),
    }
    // One of them was there already; the others must still be stored.
    for writes in each {
        match service.records.commit(writes).await {
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The event under its user, in order of time, and its id if it has one.
fn writes_of(dataset_group_arn: &str, event: &StreamedEvent) -> Result<Vec<Write>, OpError> {
    // Times from year 1 on, so that no number is negative and text order is time order.
    let since_year_1 = event.sent_at.0 + 62_135_596_800_000;
    let sort = format!("{since_year_1:016}/{}", uuid::Uuid::new_v4());
    let key = Key::new(partition(dataset_group_arn, event.owner()), sort);
    let mut writes = vec![Write::Create { key, value: encode(event)? }];
    if let Some(id) = &event.event_id {
        // A partition of its own: one for the whole group would take all its writes.
        let key = Key::new(format!("event-id/{dataset_group_arn}/{}", hex(&Sha256::digest(id))), "id");
        writes.push(Write::Create { key, value: encode(&serde_json::json!({ "format": FORMAT }))? });
    }
    Ok(writes)
}

/// The newest events of a user, oldest first.
pub(crate) async fn recent_events(
    service: &Service,
    dataset_group_arn: &str,
    user_id: &str,
    limit: usize,
) -> Result<Vec<StreamedEvent>, OpError> {
    let partition = partition(dataset_group_arn, user_id);
    let (mut newest, mut after) = (Vec::new(), None::<String>);
    // A page may be shorter than its limit.
    loop {
        let wanted = limit - newest.len();
        let page = service.records.list(&partition, "", after.as_deref(), wanted, Order::Descending).await?;
        for record in &page.entries {
            newest.push(decode(record)?);
        }
        after = page.next;
        if after.is_none() || newest.len() >= limit {
            newest.reverse();
            return Ok(newest);
        }
    }
}
