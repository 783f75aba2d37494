//! Who reads a dataset: while a job does, no part of it is removed. What it reads may be noted for its next attempt.

use palate_store::{Key, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::PartInfo;
use crate::error::{OpError, chain};
use crate::jobs;
use crate::records::{FORMAT, decode, encode};
use crate::service::Service;

/// A note that is longer is not made: a record has no room for it.
const MOST_BYTES: usize = 300_000;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reader {
    format: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noted: Option<Noted>,
}

/// What a job reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Noted {
    pub of: NotedOf,
    /// Since when, by the service's clock.
    pub at_ms: i64,
    pub parts: Vec<PartInfo>,
}

/// Whom a note is for. To all others it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotedOf {
    /// Tells the jobs of one ARN apart.
    pub job: u32,
    /// When the dataset was created: one of the same name is another.
    pub created_ms: i64,
}

fn partition(dataset_arn: &str) -> String {
    format!("reading/{dataset_arn}")
}

/// Notes that a job reads the dataset. Comes before the manifest is read.
pub(super) async fn pin(service: &Service, dataset_arn: &str, reader_arn: &str) -> Result<Key, OpError> {
    let key = Key::new(partition(dataset_arn), reader_arn);
    let value = encode(&Reader { format: FORMAT, noted: None })?;
    match service.records.commit(vec![Write::Create { key: key.clone(), value }]).await {
        // An earlier attempt of the same job.
        Ok(()) | Err(StoreError::AlreadyExists { .. }) => Ok(key),
        Err(error) => Err(error.into()),
    }
}

/// What a reader has noted.
pub(super) async fn noted(service: &Service, key: &Key, of: &NotedOf) -> Result<Option<Noted>, OpError> {
    let Some(record) = service.records.get(key).await? else { return Ok(None) };
    Ok(decode::<Reader>(&record)?.noted.filter(|noted| noted.of == *of))
}

/// Notes what a reader reads. If another attempt does at the same time, one of both is there afterwards.
pub(super) async fn note(service: &Service, key: &Key, noted: Noted) -> Result<(), OpError> {
    let Some(record) = service.records.get(key).await? else { return Ok(()) };
    let value = encode(&Reader { format: FORMAT, noted: Some(noted) })?;
    if value.len() > MOST_BYTES {
        return Ok(());
    }
    match service.records.update(key.clone(), record.version, value).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes the note away. If that fails, it goes when the job is found to have ended.
pub(super) async fn unpin(service: &Service, key: &Key) {
    let removed = async {
        match service.records.get(key).await? {
            Some(record) => service.records.delete(record.key, record.version).await,
            None => Ok(()),
        }
    };
    match removed.await {
        Ok(()) | Err(StoreError::Conflict { .. }) => {}
        Err(error) => tracing::warn!(error = chain(&error), "a reader's note stays until its job is found ended"),
    }
}

/// Whether a job reads the dataset. Notes of jobs that have ended are removed.
pub(super) async fn is_read(service: &Service, dataset_arn: &str) -> Result<bool, OpError> {
    let mut read = false;
    for record in service.records.list_all(&partition(dataset_arn), "").await? {
        if jobs::is_queued(service, &record.key.sort).await? {
            read = true;
            continue;
        }
        match service.records.commit(vec![Write::Delete { key: record.key, expected: record.version }]).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}
