//! Records that were put one by one: noted in the journal of their dataset.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use palate_store::{Key, RecordStoreExt, StoreError, Write};
use serde_json::{Map, Value, json};

use crate::data::{Journal, Row};
use crate::error::{OpError, chain};
use crate::records::{FORMAT, Stored, encode};
use crate::resources::Dataset;
use crate::service::Service;

/// A put of an item, user or action. It stands for the whole record: fields without a value are null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PutRecord {
    pub id: String,
    /// By the names of the schema's fields, the id's left out; a field that was added since is not there.
    pub values: Map<String, Value>,
    /// When it was put, by the service's clock.
    pub at_ms: u64,
}

fn version_key(dataset_arn: &str) -> Key {
    Key::new("put-version", dataset_arn)
}

/// The records that were put into a dataset and are in no part yet, oldest first.
pub(crate) async fn put_records(
    service: &Service,
    dataset: &Dataset,
    id_field: &str,
) -> Result<Vec<PutRecord>, OpError> {
    let entries = Journal::of(dataset).read(&service.records).await?.entries;
    let rows = entries.into_iter().flat_map(|entry| entry.rows.into_iter().map(move |row| (entry.at_ms, row)));
    let record = |(at_ms, mut values): (u64, Row)| match values.shift_remove(id_field) {
        Some(Value::String(id)) => Some(PutRecord { id, values, at_ms }),
        _ => None,
    };
    Ok(rows.filter_map(record).collect())
}

/// A number that moves with every put into a dataset, and when the dataset is deleted; 0 before the first.
pub(crate) async fn put_version(service: &Service, dataset_arn: &str) -> Result<u64, OpError> {
    Ok(service.records.get(&version_key(dataset_arn)).await?.map_or(0, |record| record.version))
}

/// Callers that put into the same dataset, one after the other: within a process nobody loses the race for
/// the dataset's version.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    pub fn of(&self, dataset_arn: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(dataset_arn.to_owned()).or_default())
    }
}

/// Puts rows into a dataset in one commit, provided that the dataset is still as it was read.
///
/// # Errors
/// `Changed` if it is not, or if somebody else put into it meanwhile.
pub(super) async fn store(service: &Service, dataset: &Stored<Dataset>, rows: Vec<Row>) -> Result<(), OpError> {
    let arn = &dataset.resource.dataset_arn;
    let mut writes = Journal::of(&dataset.resource).note(service.clock.now_ms(), rows)?;
    let (key, value) = (version_key(arn), encode(&json!({ "format": FORMAT }))?);
    writes.push(match service.records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    });
    writes.push(dataset.unchanged());
    match service.records.commit(writes).await {
        Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => Err(OpError::Changed(arn.clone())),
        other => Ok(other?),
    }
}

/// Takes note that a dataset has been deleted. What was streamed into it is out of reach, since the dataset's
/// creation is part of where it stands; a removal frees the space.
pub(crate) async fn forget_dataset(service: &Service, dataset: &Dataset) {
    let dataset_arn = &dataset.dataset_arn;
    service.events.created.forget(dataset_arn);
    let noted = async {
        // The version goes on rather than back to 0: whoever remembers it must see that something has changed.
        loop {
            let Some(record) = service.records.get(&version_key(dataset_arn)).await? else { return Ok(()) };
            match service.records.update(record.key, record.version, record.value).await {
                Err(StoreError::Conflict { .. }) => {}
                other => return Ok::<(), OpError>(other?),
            }
        }
    };
    if let Err(error) = noted.await {
        tracing::warn!(dataset_arn, error = chain(&error), "those who have its records in memory are not told");
    }
}
