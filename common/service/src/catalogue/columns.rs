use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::build::{NOBODY, Rows, build};
use super::recent::TTL;
use super::{Catalogued, fields_of, find_dataset};
use crate::data::Manifest;
use crate::error::{OpError, chain};
use crate::events;
use crate::filters::{Columns, Field};
use crate::runtime::{ByteCache, Loaded};
use crate::service::Service;
use crate::wire::Timestamp;

/// Columns are not built again before so many times the time that building them took: a stream of new
/// records must not take all of the machine.
const REST: u32 = 10;

/// Which columns are wanted.
#[derive(Clone)]
pub(crate) struct Source {
    pub dataset_group_arn: Arc<str>,
    pub kind: Catalogued,
    /// Whose items are the first rows.
    pub model: Option<Arc<Loaded>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct SourceKey {
    dataset_group_arn: Arc<str>,
    kind: Catalogued,
    model: Option<Arc<str>>,
}

impl Source {
    fn key(&self) -> SourceKey {
        let model = self.model.as_ref().map(|loaded| Arc::clone(loaded.key()));
        SourceKey { dataset_group_arn: Arc::clone(&self.dataset_group_arn), kind: self.kind, model }
    }
}

/// Columns in memory.
pub(crate) struct Held {
    pub columns: Arc<Columns>,
    /// The fields that there are, in the order of the schema; none without a dataset.
    pub fields: Vec<Field>,
    /// Of these columns alone, within the process.
    pub id: u64,
    made_from: Version,
    looked_at: Mutex<Instant>,
    /// Not to be looked at again before this has passed.
    rest: Duration,
    looking: AtomicBool,
}

impl Held {
    /// The row of an id; of an id that is neither in the dataset nor in the model, the row that stands for
    /// those.
    pub fn row(&self, id: &str) -> Option<u32> {
        self.columns.row(id).or_else(|| self.columns.row(NOBODY))
    }

    /// The field of that name, in any case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// What tells one state of a dataset from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version(Option<(Timestamp, String, Option<u64>, u64)>);

impl Version {
    async fn read(service: &Service, source: &Source) -> Result<Self, OpError> {
        let kind = source.kind.dataset_type();
        let Some(dataset) = find_dataset(&service.records, &source.dataset_group_arn, kind).await? else {
            return Ok(Self(None));
        };
        let (_, manifest) = Manifest::read(&service.records, &dataset.dataset_arn).await?;
        let put = events::put_version(service, &dataset.dataset_arn).await?;
        Ok(Self(Some((dataset.creation_date_time, dataset.schema_arn, manifest, put))))
    }
}

/// Columns of all datasets and models that were asked for lately.
pub(super) struct ColumnsCache {
    entries: ByteCache<SourceKey, Arc<Held>>,
    next_id: AtomicU64,
    /// One is built at a time: requests that wait for the same one find it when their turn comes.
    building: tokio::sync::Mutex<()>,
}

impl ColumnsCache {
    pub fn new(cache_bytes: usize) -> Self {
        Self {
            entries: ByteCache::new(cache_bytes),
            next_id: AtomicU64::new(0),
            building: tokio::sync::Mutex::default(),
        }
    }
}

impl super::Catalogue {
    /// The columns as they are, or were a moment ago while they are being built anew.
    pub async fn columns(&self, service: &Arc<Service>, source: &Source) -> Result<Arc<Held>, OpError> {
        let key = source.key();
        if let Some(held) = self.columns.entries.get(&key) {
            look(service, source, &held).await;
            return Ok(held);
        }
        let _turn = self.columns.building.lock().await;
        match self.columns.entries.get(&key) {
            Some(held) => Ok(held),
            None => self.build(service, source).await,
        }
    }

    async fn build(&self, service: &Service, source: &Source) -> Result<Arc<Held>, OpError> {
        let begun = Instant::now();
        // Read first: what changes meanwhile shows as a change.
        let made_from = Version::read(service, source).await?;
        let rows = read(service, source).await?;
        let fields = rows.fields.clone();
        let model = source.model.clone();
        let columns =
            tokio::task::spawn_blocking(move || build(rows, model.as_ref().map(|loaded| loaded.model.as_ref())));
        let columns = columns.await.map_err(OpError::internal)?.map_err(OpError::internal)?;
        let held = Arc::new(Held {
            fields,
            id: self.columns.next_id.fetch_add(1, Ordering::Relaxed),
            made_from,
            looked_at: Mutex::new(begun),
            rest: TTL.max(begun.elapsed() * REST),
            looking: AtomicBool::new(false),
            columns: Arc::new(columns),
        });
        self.columns.entries.insert(source.key(), Arc::clone(&held), held.columns.bytes());
        Ok(held)
    }
}

/// Sees to it that columns that have changed are built anew, beside the request.
async fn look(service: &Arc<Service>, source: &Source, held: &Arc<Held>) {
    let due = held.looked_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= held.rest;
    if !due || held.looking.swap(true, Ordering::AcqRel) {
        return;
    }
    let looking = Looking(Arc::clone(held));
    *held.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    match Version::read(service, source).await {
        Ok(version) if version == held.made_from => {}
        Ok(_) => {
            let (service, source) = (Arc::clone(service), source.clone());
            tokio::spawn(async move {
                let catalogue = &service.runtime.catalogue;
                let _turn = catalogue.columns.building.lock().await;
                if let Err(error) = catalogue.build(&service, &source).await {
                    tracing::warn!(error = chain(&error), "columns not refreshed; they stay as they were");
                }
                drop(looking);
            });
        }
        Err(error) => tracing::warn!(error = chain(&error), "columns not looked at; they stay as they were"),
    }
}

/// Whoever holds this looks; nobody else does meanwhile.
struct Looking(Arc<Held>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Release);
    }
}

/// Reads what the columns are made from.
async fn read(service: &Service, source: &Source) -> Result<Rows, OpError> {
    let kind = source.kind;
    let mut rows = Rows { kind, fields: Vec::new(), parts: Vec::new(), puts: Vec::new() };
    let found = find_dataset(&service.records, &source.dataset_group_arn, kind.dataset_type()).await?;
    let Some(dataset) = found else { return Ok(rows) };
    rows.fields = fields_of(&service.records, &dataset).await?;
    rows.fields.retain(|field| field.name != kind.id_field());
    // Of puts that are being made a part, those that are in the journal no more are in the manifest.
    rows.puts = events::put_records(service, &dataset, kind.id_field()).await?;
    let (manifest, _) = Manifest::read(&service.records, &dataset.dataset_arn).await?;
    for part in &manifest.parts {
        rows.parts.push((part.imported_ms, service.stores.blobs.get(&part.key).await?));
    }
    Ok(rows)
}
