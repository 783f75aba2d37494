//! Records that were put one by one: the newest of each id, beside the dataset's imported rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use palate_store::{Key, Order, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{OpError, chain};
use crate::paging::hex;
use crate::records::{FORMAT, Stored, decode, encode};
use crate::resources::Dataset;
use crate::service::Service;

/// The newest put of an item, user or action. It stands for the whole record: fields without a value are null.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PutRecord {
    pub id: String,
    /// By the names of the schema's fields, the id's left out; a field that was added since is not there.
    pub values: Map<String, Value>,
    /// When it was put, by the service's clock.
    pub at_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    format: u64,
    /// The creation of the dataset that it was put into; in a new one of the same name it does not count.
    dataset_created_ms: i64,
    at_ms: u64,
    id: String,
    #[serde(default)]
    values: Map<String, Value>,
}

fn partition(dataset_arn: &str) -> String {
    format!("put/{dataset_arn}")
}

/// A long id may have 1,024 bytes, which is all that a key may have.
fn key(dataset_arn: &str, id: &str) -> Key {
    let sort = if id.len() > 512 { format!("sha256/{}", hex(&Sha256::digest(id))) } else { format!("id/{id}") };
    Key::new(partition(dataset_arn), sort)
}

fn version_key(dataset_arn: &str) -> Key {
    Key::new("put-version", dataset_arn)
}

/// Every record that was put into a dataset, in no order that means anything; none if there is no dataset.
pub(crate) async fn put_records(service: &Service, dataset_arn: &str) -> Result<Vec<PutRecord>, OpError> {
    let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(Vec::new()) };
    let created_ms = dataset.resource.creation_date_time.0;
    let mut records = Vec::new();
    for record in service.records.list_all(&partition(dataset_arn), "").await? {
        let kept: Kept = decode(&record)?;
        if kept.dataset_created_ms == created_ms {
            records.push(PutRecord { id: kept.id, values: kept.values, at_ms: kept.at_ms });
        }
    }
    Ok(records)
}

/// A number that moves with every put into a dataset, and when its records are removed; 0 before the first.
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

/// Puts records into a dataset in one commit, provided that the dataset is still as it was read.
///
/// # Errors
/// `Changed` if it is not, or if somebody else put into it meanwhile.
pub(super) async fn store(
    service: &Service,
    dataset: &Stored<Dataset>,
    records: Vec<(String, Map<String, Value>)>,
) -> Result<(), OpError> {
    let arn = &dataset.resource.dataset_arn;
    let at_ms = service.clock.now_ms();
    // Where an id stands twice, the later record counts, as in a file.
    let mut last: HashMap<Key, Vec<u8>> = HashMap::new();
    for (id, values) in records {
        let created_ms = dataset.resource.creation_date_time.0;
        let key = key(arn, &id);
        let kept = Kept { format: FORMAT, dataset_created_ms: created_ms, at_ms, id, values };
        last.insert(key, encode(&kept)?);
    }
    last.insert(version_key(arn), encode(&json!({ "format": FORMAT }))?);
    let put = last.into_iter().map(|(key, value)| async move {
        Ok::<_, StoreError>(match service.records.get(&key).await? {
            Some(record) => Write::Update { key, expected: record.version, value },
            None => Write::Create { key, value },
        })
    });
    let mut writes = try_join_all(put).await?;
    writes.push(dataset.unchanged());
    match service.records.commit(writes).await {
        Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => Err(OpError::Changed(arn.clone())),
        other => Ok(other?),
    }
}

/// Takes note that a dataset has been deleted: removes the records that were put into it. Called after the
/// deletion, so that none can be put any more. What cannot be removed stays without effect and is told to the
/// log: the dataset is gone, and a new one of its name does not have its records.
///
/// Events and action interactions of a deleted dataset are out of reach as well, since the dataset's creation
/// is part of where they stand; they are not removed.
pub(crate) async fn remove_put_records(service: &Service, dataset_arn: &str) {
    service.events.created.forget(dataset_arn);
    if let Err(error) = remove(service, dataset_arn).await {
        tracing::warn!(dataset_arn, error = chain(&error), "records that were put are not removed");
    }
}

async fn remove(service: &Service, dataset_arn: &str) -> Result<(), OpError> {
    let mut after = None;
    let mut removed = false;
    loop {
        // A new dataset of that name may be there by now, with records of its own.
        let dataset = service.records.find::<Dataset>(dataset_arn).await?;
        let created_ms = dataset.map(|dataset| dataset.resource.creation_date_time.0);
        let page = service.records.list(&partition(dataset_arn), "", after.as_deref(), 100, Order::Ascending).await?;
        let mut writes = Vec::new();
        for record in page.entries {
            if Some(decode::<Kept>(&record)?.dataset_created_ms) != created_ms {
                writes.push(Write::Delete { key: record.key, expected: record.version });
            }
        }
        removed |= !writes.is_empty();
        match service.records.commit(writes).await {
            // A record of the new dataset has taken the place of one; that page is looked at again.
            Err(StoreError::Conflict { .. }) => continue,
            other => other?,
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !removed {
        return Ok(());
    }
    // The version goes on rather than back to 0: whoever remembers it must see that something has changed.
    loop {
        let Some(record) = service.records.get(&version_key(dataset_arn)).await? else { return Ok(()) };
        match service.records.update(record.key, record.version, record.value).await {
            Err(StoreError::Conflict { .. }) => {}
            other => return Ok(other?),
        }
    }
}
