//! Compaction: what was streamed becomes a part, and many small parts become one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use palate_store::{Key, PutCondition, StoreError, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::journal::Entries;
use super::snapshot::schema_of;
use super::{Journal, Journaled, Manifest, Origin, PartInfo, merge, parts_of, rows};
use crate::attribution;
use crate::catalogue;
use crate::error::{OpError, chain};
use crate::jobs::WorkError;
use crate::paging::hex;
use crate::records::{FORMAT, Stored, decode, encode};
use crate::resources::Dataset;
use crate::schema::DatasetType;
use crate::service::Service;

/// Entries of one step. Their names are in the step's commit, which has no room for more.
const ENTRIES: usize = 2_000;
/// Bytes of one step's entries, which are in memory.
const BYTES: usize = 32 << 20;

/// Datasets that this process compacts just now.
#[derive(Default)]
pub(crate) struct Compacting(Mutex<HashSet<String>>);

/// Which entries the newest part has. They are removed after the commit that has both; whoever finds one that is
/// still there removes it and does not take it again.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    format: u64,
    /// Sort keys by partition.
    entries: HashMap<String, HashSet<String>>,
}

fn taken_key(dataset_arn: &str) -> Key {
    Key::new("compacted", dataset_arn)
}

/// The key under which a dataset's last compaction stands, for whoever deletes the dataset.
pub(crate) fn record_of(dataset_arn: &str) -> Key {
    taken_key(dataset_arn)
}

/// Turns the journal into parts until nothing is left of what stood in it at the beginning, then joins small
/// parts. May run twice at a time: of two that read the same entries, one commits.
///
/// # Errors
/// If the store fails, or if entries cannot be read: those stay, and all others are compacted.
pub(crate) async fn compact(service: &Arc<Service>, dataset_arn: &str) -> Result<(), WorkError> {
    let Some(_alone) = Alone::begin(service, dataset_arn) else { return Ok(()) };
    let begun_ms = service.clock.now_ms();
    loop {
        let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(()) };
        match step(service, &dataset).await? {
            Step::Again => {}
            Step::Took { newest_ms, more } if more && newest_ms <= begun_ms => {}
            Step::Took { .. } => break,
            Step::Unreadable(n) => {
                let reason = format!("{n} journal entries of {dataset_arn} cannot be read; the log names them");
                return Err(WorkError::retry(reason));
            }
        }
    }
    while merged(service, dataset_arn).await? {}
    Ok(())
}

enum Step {
    /// Somebody else changed the dataset.
    Again,
    Took {
        newest_ms: u64,
        more: bool,
    },
    /// Nothing but entries that cannot be read.
    Unreadable(usize),
}

async fn step(service: &Arc<Service>, dataset: &Stored<Dataset>) -> Result<Step, WorkError> {
    let dataset_arn = &dataset.resource.dataset_arn;
    let (before, expected) = match service.records.get(&taken_key(dataset_arn)).await? {
        Some(record) => (decode::<Taken>(&record)?, Some(record.version)),
        None => (Taken::default(), None),
    };
    // The manifest first: whoever takes rows out of the journal and then moves the manifest makes the commit below
    // fail, so that no row that was read before comes back.
    let (mut manifest, version) = Manifest::read(&service.records, dataset_arn).await?;
    let Entries { entries, unreadable, more } =
        Journal::of(&dataset.resource).read_some(&service.records, ENTRIES, BYTES).await?;
    let is_taken = |entry: &Journaled| {
        before.entries.get(&entry.key.partition).is_some_and(|sorts| sorts.contains(&entry.key.sort))
    };
    let (old, fresh): (Vec<Journaled>, Vec<Journaled>) = entries.into_iter().partition(is_taken);
    remove(service, &old).await?;
    let Some(newest_ms) = fresh.iter().map(|entry| entry.at_ms).max() else {
        return Ok(match (unreadable.len(), old.is_empty() || !more) {
            (_, false) => Step::Again,
            (0, _) => Step::Took { newest_ms: 0, more: false },
            (n, _) => Step::Unreadable(n),
        });
    };
    let schema = schema_of(&service.records, &dataset.resource).await?;
    let dataset_type = schema.dataset_type();
    let n_rows = fresh.iter().map(|entry| entry.rows.len() as u64).sum();
    let (content, fresh) =
        tokio::task::spawn_blocking(move || (rows::part_of(&schema, &fresh), fresh)).await.map_err(WorkError::retry)?;
    let content = content.map_err(WorkError::retry)?;
    let part = stored(service, dataset_arn, content, n_rows, Origin::Put, newest_ms).await?;
    let key = part.key.clone();
    let mut taken = Taken { format: FORMAT, ..Taken::default() };
    for entry in &fresh {
        taken.entries.entry(entry.key.partition.clone()).or_default().insert(entry.key.sort.clone());
    }
    let value = encode(&taken)?;
    manifest.parts.push(part);
    let mut writes = vec![
        manifest.replace(dataset_arn, version)?,
        match expected {
            Some(expected) => Write::Update { key: taken_key(dataset_arn), expected, value },
            None => Write::Create { key: taken_key(dataset_arn), value },
        },
        dataset.unchanged(),
    ];
    if dataset_type == DatasetType::Interactions {
        // With the rows that are counted, so that each counts once.
        let rows = fresh.iter().flat_map(|entry| &entry.rows);
        writes.extend(attribution::of_events(service, &dataset.resource.dataset_group_arn, rows).await?);
    }
    if !committed(service, dataset_arn, writes, &key).await? {
        return Ok(Step::Again);
    }
    tracing::info!(dataset_arn, entries = fresh.len(), rows = n_rows, "streamed rows compacted");
    remove(service, &fresh).await?;
    Ok(match unreadable.len() {
        n if n > 0 && !more => Step::Unreadable(n),
        _ => Step::Took { newest_ms, more },
    })
}

/// Joins one run of small parts; whether it did.
async fn merged(service: &Arc<Service>, dataset_arn: &str) -> Result<bool, WorkError> {
    let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(false) };
    let dataset_type = schema_of(&service.records, &dataset.resource).await?.dataset_type();
    let (mut manifest, version) = Manifest::read(&service.records, dataset_arn).await?;
    let Some(merge::Merged { replaced, content, rows }) = merge::merge(service, dataset_type, &manifest).await? else {
        return Ok(false);
    };
    let (Some(first), Some(last)) = (replaced.first(), replaced.last()) else { return Ok(false) };
    let part = stored(service, dataset_arn, content, rows, first.origin, last.imported_ms).await?;
    let key = part.key.clone();
    let place = manifest.parts.iter().position(|part| part.key == first.key).unwrap_or_default();
    manifest.retire(service.clock.now_ms(), |part| replaced.iter().any(|gone| gone.key == part.key));
    manifest.parts.insert(place, part);
    let mut writes = catalogue::history_of_import(service, dataset_arn, service.now(), &mut manifest).await?;
    writes.push(manifest.replace(dataset_arn, version)?);
    writes.push(dataset.unchanged());
    if committed(service, dataset_arn, writes, &key).await? {
        tracing::info!(dataset_arn, parts = replaced.len(), rows, "small parts joined");
    }
    Ok(true)
}

/// Writes a part under a name that nobody else has.
async fn stored(
    service: &Service,
    dataset_arn: &str,
    content: Bytes,
    rows: u64,
    origin: Origin,
    imported_ms: u64,
) -> Result<PartInfo, WorkError> {
    let key = format!("{}/compacted/{}.parquet", parts_of(dataset_arn)?, uuid::Uuid::new_v4());
    let (bytes, sha256) = (content.len() as u64, hex(&Sha256::digest(&content)));
    service.stores.blobs.put(&key, content, PutCondition::Always).await?;
    Ok(PartInfo { key, rows, bytes, sha256, imported_ms, origin })
}

/// Commits; if somebody else was first, the part that was written for it goes again.
async fn committed(
    service: &Service,
    dataset_arn: &str,
    writes: Vec<Write>,
    part_key: &str,
) -> Result<bool, WorkError> {
    match service.records.commit(writes).await {
        Ok(()) => return Ok(true),
        Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A commit whose answer was lost and that was tried again finds itself in the way.
    let (manifest, _) = Manifest::read(&service.records, dataset_arn).await?;
    if !manifest.parts.iter().any(|part| part.key == part_key)
        && let Err(error) = service.stores.blobs.delete(part_key).await
    {
        tracing::warn!(part_key, error = chain(&error), "a part that no manifest has stays behind");
    }
    Ok(false)
}

/// Removes entries that a part has.
async fn remove(service: &Service, entries: &[Journaled]) -> Result<(), OpError> {
    for some in entries.chunks(100) {
        let deletion = |entry: &Journaled| Write::Delete { key: entry.key.clone(), expected: entry.version };
        match service.records.commit(some.iter().map(deletion).collect()).await {
            Ok(()) => {}
            // Somebody else has removed some of them: one by one, the others go too.
            Err(StoreError::Conflict { .. }) => {
                for entry in some {
                    match service.records.commit(vec![deletion(entry)]).await {
                        Ok(()) | Err(StoreError::Conflict { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// One compaction of a dataset at a time is enough in a process.
struct Alone<'a> {
    service: &'a Service,
    dataset_arn: &'a str,
}

impl<'a> Alone<'a> {
    fn begin(service: &'a Service, dataset_arn: &'a str) -> Option<Self> {
        let mut all = service.compacting.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(dataset_arn.to_owned()).then_some(Self { service, dataset_arn })
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.service.compacting.0.lock().unwrap_or_else(PoisonError::into_inner).remove(self.dataset_arn);
    }
}
