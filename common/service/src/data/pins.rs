//! Who reads a dataset: while a job does, no part of it is removed.

use palate_store::{Key, RecordStoreExt, StoreError, Write};
use serde_json::json;

use crate::error::{OpError, chain};
use crate::jobs;
use crate::records::{FORMAT, encode};
use crate::service::Service;

fn partition(dataset_arn: &str) -> String {
    format!("reading/{dataset_arn}")
}

/// Notes that a job reads the dataset. Comes before the manifest is read.
pub(super) async fn pin(service: &Service, dataset_arn: &str, reader_arn: &str) -> Result<Key, OpError> {
    let key = Key::new(partition(dataset_arn), reader_arn);
    let value = encode(&json!({ "format": FORMAT }))?;
    match service.records.commit(vec![Write::Create { key: key.clone(), value }]).await {
        // An earlier attempt of the same job.
        Ok(()) | Err(StoreError::AlreadyExists { .. }) => Ok(key),
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
