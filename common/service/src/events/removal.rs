//! Events that go: those of users who are forgotten, and of datasets that are deleted.

use palate_store::{Order, StoreError, Write};
use serde::Deserialize;

use super::streams::{Stream, StreamKind};
use crate::error::OpError;
use crate::records::decode;
use crate::resources::Dataset;
use crate::schema::DatasetType;
use crate::service::Service;

/// What every event tells of who it is by.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct By {
    user_id: Option<String>,
    session_id: String,
}

/// Removes the events of a dataset that stand under an owner, a user or a session, if `gone` says so of the event's
/// user and session. Ids of events stay: as hashes, so that an event that is sent again is not taken for a new one.
pub(crate) async fn remove_events(
    service: &Service,
    dataset: &Dataset,
    owner: &str,
    gone: impl Fn(Option<&str>, &str) -> bool,
) -> Result<(), OpError> {
    let kind = match DatasetType::parse(&dataset.dataset_type) {
        Some(DatasetType::ActionInteractions) => StreamKind::ActionInteractions,
        Some(DatasetType::Interactions) => StreamKind::Events,
        _ => return Ok(()),
    };
    let dataset_group_arn = dataset.dataset_group_arn.clone();
    let stream = Stream { kind, dataset_group_arn, created_ms: dataset.creation_date_time.0 };
    let (partition, mut after) = (stream.partition(owner), None::<String>);
    loop {
        let page = service.records.list(&partition, "", after.as_deref(), 100, Order::Ascending).await?;
        let mut writes = Vec::new();
        for record in page.entries {
            let By { user_id, session_id } = decode(&record)?;
            if gone(user_id.as_deref(), &session_id) {
                writes.push(Write::Delete { key: record.key, expected: record.version });
            }
        }
        match service.records.commit(writes).await {
            // Somebody else removes them too: that page is looked at again.
            Err(StoreError::Conflict { .. }) => continue,
            other => other?,
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
