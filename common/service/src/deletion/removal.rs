//! What nobody names any more, removed beside the requests: however much it is, and whatever is cut off.
//!
//! A removal is a record that is created in the commit that makes things nobody's. A worker does it, the sweep has
//! it done again until it is, and then the record goes. Each step may be done twice.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use palate_recipes::parts::{Part, PartError, SESSION_ID};
use palate_store::{Key, PutCondition, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize};

use crate::catalogue::history_folders;
use crate::data::{Journal, Manifest, Origin, parts_of};
use crate::error::{OpError, chain};
use crate::events::remove_events;
use crate::export::PartColumn;
use crate::records::{FORMAT, decode, encode};
use crate::resources::Dataset;
use crate::schema::DatasetType;
use crate::service::{JobKind, JobRef, Service};

const PARTITION: &str = "removal";
/// The first part of a removal's name as a job.
const JOB: &str = "removal/";
/// Whoever reads a replaced file has read by then.
const GRACE_MS: u64 = 60_000;
/// Whoever has taken a removal up is thought to be at it for so long.
const HOLD_MS: u64 = 10 * 60_000;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Removal {
    format: u64,
    /// Not to be done before.
    due_ms: u64,
    /// Palate's own files whose keys begin so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<DeletedDataset>,
}

/// A dataset that is gone. A new one of its name may be there already, so its files are named one by one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedDataset {
    dataset: Dataset,
    /// The file with [`Files`].
    files: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    /// Parts of streamed rows: who is in them has streamed events. They go last.
    streamed: Vec<String>,
    others: Vec<String>,
}

impl Removal {
    fn creation(&self) -> Result<(String, Write), OpError> {
        let name = uuid::Uuid::new_v4().to_string();
        let write = Write::Create { key: Key::new(PARTITION, &name), value: encode(self)? };
        Ok((name, write))
    }

    /// The write that has files removed that may still be read for a moment.
    pub fn later(service: &Service, prefixes: Vec<String>) -> Result<Write, OpError> {
        let due_ms = service.clock.now_ms() + GRACE_MS;
        Ok(Self { format: FORMAT, due_ms, prefixes, dataset: None }.creation()?.1)
    }

    /// The name and the write of a removal of files that nobody will use again.
    pub fn now(prefixes: Vec<String>) -> Result<(String, Write), OpError> {
        Self { format: FORMAT, due_ms: 0, prefixes, dataset: None }.creation()
    }

    /// The same of all that a dataset consists of.
    pub async fn of_dataset(service: &Service, dataset: &Dataset) -> Result<(String, Write), OpError> {
        let arn = &dataset.dataset_arn;
        let (manifest, _) = Manifest::read(&service.records, arn).await?;
        let is_streamed = |part: &&crate::data::PartInfo| part.origin == Origin::Put;
        let streamed: Vec<String> = manifest.parts.iter().filter(is_streamed).map(|part| part.key.clone()).collect();
        let known: HashSet<&String> = streamed.iter().collect();
        let (below, mut others, mut after) = (format!("{}/", parts_of(arn)?), Vec::new(), None::<String>);
        loop {
            let page = service.stores.blobs.list(&below, after.as_deref(), 1000).await?;
            others.extend(page.entries.into_iter().map(|blob| blob.key).filter(|key| !known.contains(key)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // One name for all tries of the request.
        let files = format!("removals/{}/{}.json", arn.replace(['/', ':'], "-"), dataset.creation_date_time.0);
        let content = serde_json::to_vec(&Files { streamed, others }).map_err(OpError::internal)?;
        service.stores.blobs.put(&files, Bytes::from(content), PutCondition::Always).await?;
        let indexes = history_folders(&service.records, arn).await?;
        let prefixes = indexes.iter().map(|index| format!("{index}/")).collect();
        let dataset = Some(DeletedDataset { dataset: dataset.clone(), files });
        Self { format: FORMAT, due_ms: 0, prefixes, dataset }.creation()
    }

    /// Has a removal done by a worker. If that fails, the next sweep has it done.
    pub async fn start(service: &Service, name: &str) {
        let job = JobRef { kind: JobKind::Import, job: format!("{JOB}{name}") };
        if let Err(error) = service.starter.start(&job).await {
            tracing::warn!(removal = name, error = chain(error.as_ref()), "removal not started; the sweep will");
        }
    }
}

/// Does the removal that a job names; `None` if the job is something else.
pub(crate) async fn run_removal(service: &Arc<Service>, job: &str) -> Option<Result<(), OpError>> {
    let name = job.strip_prefix(JOB)?;
    Some(run(service, &Key::new(PARTITION, name)).await)
}

async fn run(service: &Arc<Service>, key: &Key) -> Result<(), OpError> {
    let Some(record) = service.records.get(key).await? else { return Ok(()) };
    let removal: Removal = decode(&record)?;
    let now_ms = service.clock.now_ms();
    if now_ms < removal.due_ms {
        return Ok(());
    }
    let held = Removal { due_ms: now_ms + HOLD_MS, ..removal.clone() };
    match service.records.update(key.clone(), record.version, encode(&held)?).await {
        Ok(()) => {}
        // Somebody else has taken it up.
        Err(StoreError::Conflict { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    for prefix in &removal.prefixes {
        remove_below(service, prefix).await?;
    }
    if let Some(deleted) = &removal.dataset {
        remove_dataset(service, deleted).await?;
    }
    match service.records.delete(key.clone(), record.version + 1).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn remove_below(service: &Service, prefix: &str) -> Result<(), OpError> {
    let mut after: Option<String> = None;
    loop {
        let page = service.stores.blobs.list(prefix, after.as_deref(), 1000).await?;
        for blob in page.entries {
            service.stores.blobs.delete(&blob.key).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn remove_dataset(service: &Arc<Service>, deleted: &DeletedDataset) -> Result<(), OpError> {
    let DeletedDataset { dataset, files: list } = deleted;
    let files: Files = match service.stores.blobs.get(list).await {
        Ok(content) => serde_json::from_slice(&content).map_err(OpError::internal)?,
        // All of them are removed already.
        Err(StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let there = service.records.find::<Dataset>(&dataset.dataset_arn).await?;
    if there.is_some_and(|there| there.resource.creation_date_time == dataset.creation_date_time) {
        // Made anew in the same millisecond: what is streamed cannot be told apart, but no file has a name again.
        return remove_files(service, &files, list).await;
    }
    let kind = DatasetType::parse(&dataset.dataset_type);
    if matches!(kind, Some(DatasetType::Interactions | DatasetType::ActionInteractions)) {
        for owner in owners_in_journal(service, dataset).await? {
            remove_events(service, dataset, &owner, |_, _| true).await?;
        }
        for key in &files.streamed {
            let content = match service.stores.blobs.get(key).await {
                Ok(content) => content,
                Err(StoreError::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let owners = tokio::task::spawn_blocking(move || owners_in(&Part::open(content)?)).await;
            for owner in owners.map_err(OpError::internal)?.map_err(OpError::internal)? {
                remove_events(service, dataset, &owner, |_, _| true).await?;
            }
        }
    }
    Journal::of(dataset).clear(&service.records).await?;
    remove_files(service, &files, list).await
}

async fn remove_files(service: &Service, files: &Files, list: &str) -> Result<(), OpError> {
    for key in files.others.iter().chain(&files.streamed) {
        service.stores.blobs.delete(key).await?;
    }
    Ok(service.stores.blobs.delete(list).await?)
}

/// Users and sessions of a part: under these the events stand.
fn owners_in(part: &Part) -> Result<HashSet<String>, PartError> {
    let mut owners = HashSet::new();
    for name in ["USER_ID", SESSION_ID] {
        if let PartColumn::Text(column) = PartColumn::read(part, name)? {
            owners.extend(column.dictionary.iter().map(str::to_owned));
        }
    }
    Ok(owners)
}

async fn owners_in_journal(service: &Service, dataset: &Dataset) -> Result<HashSet<String>, OpError> {
    let entries = Journal::of(dataset).read(&service.records).await?.entries;
    let texts = entries.iter().flat_map(|entry| &entry.rows).flat_map(|row| [row.get("USER_ID"), row.get(SESSION_ID)]);
    Ok(texts.flatten().filter_map(serde_json::Value::as_str).map(str::to_owned).collect())
}

/// Starts the removals that are due. Returns how many.
pub(crate) async fn sweep_removals(service: &Service) -> Result<usize, OpError> {
    let mut started = 0;
    for record in service.records.list_all(PARTITION, "").await? {
        if service.clock.now_ms() >= decode::<Removal>(&record)?.due_ms {
            Removal::start(service, &record.key.sort).await;
            started += 1;
        }
    }
    Ok(started)
}
