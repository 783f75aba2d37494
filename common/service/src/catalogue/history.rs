//! What users did by event type, as imported: an index beside the Interactions dataset (see
//! [`palate_recipes::EventIndex`]). A group has one from its first filter on interactions on. The record that
//! names it moves in the commits that move the dataset's manifest, so the two belong together.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use palate_recipes::{Dataset as Interactions, DatasetParts, EventIndex, EventPage, IndexFiles, Selection};
use palate_store::{Key, PutCondition, StoreError, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::find_dataset;
use crate::arn::{Kind, Place};
use crate::data::{Manifest, Origin, PartInfo};
use crate::error::OpError;
use crate::jobs::WorkError;
use crate::paging::hex;
use crate::records::{FORMAT, Records, decode, encode};
use crate::schema::DatasetType;
use crate::service::Service;
use crate::wire::Timestamp;

/// How many events of a user and type filters see, the newest.
pub(crate) const EVENTS_A_TYPE: usize = 100;

const PAGES: &str = "pages.parquet";
const EVENTS: &str = "events.parquets";

/// Which index belongs to a dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexRecord {
    format: u64,
    /// Stands for the parts that it was made from.
    parts: String,
    /// Where its files are; none if nothing was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    /// Where the one before was. Requests under way may still read there until the next one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
}

fn key(dataset_arn: &str) -> Key {
    Key::new("history", dataset_arn)
}

async fn find(records: &Records, dataset_arn: &str) -> Result<Option<(IndexRecord, u64)>, OpError> {
    let Some(record) = records.get(&key(dataset_arn)).await? else { return Ok(None) };
    Ok(Some((decode(&record)?, record.version)))
}

/// Prepares the history of a group for its first filter that asks for it. The files of an index are written;
/// the writes that make it visible are those of [`HistoryProduct::writes`].
pub(crate) async fn first_history(service: &Service, group_arn: &str) -> Result<HistoryProduct, WorkError> {
    let found = find_dataset(&service.records, group_arn, DatasetType::Interactions).await?;
    let product = HistoryProduct { dataset_arn: found.map(|dataset| dataset.dataset_arn) };
    // The work is done here, where it may take long; below it is found done unless data came meanwhile.
    product.writes(service).await?;
    Ok(product)
}

/// A history whose files are there.
pub(crate) struct HistoryProduct {
    /// None if the group has no interactions.
    dataset_arn: Option<String>,
}

impl HistoryProduct {
    /// The writes that make the history visible; none if there is nothing to change.
    pub async fn writes(&self, service: &Service) -> Result<Vec<Write>, WorkError> {
        let Some(arn) = &self.dataset_arn else { return Ok(Vec::new()) };
        let found = find(&service.records, arn).await?;
        let (manifest, version) = Manifest::read(&service.records, arn).await?;
        if found.as_ref().is_some_and(|(record, _)| record.parts == digest(&manifest.parts)) {
            return Ok(Vec::new());
        }
        let mut writes = indexed(service, arn, &manifest.parts, found).await?;
        // An import that settles at the same time and saw no index must look again.
        writes.push(manifest.replace(arn, version)?);
        Ok(writes)
    }
}

/// To be called by an import that is about to commit `manifest`: notes the time of the import with its parts,
/// and gives the writes that keep the history, if the group has one, together with the manifest.
pub(crate) async fn history_of_import(
    service: &Service,
    dataset_arn: &str,
    asked_for: Timestamp,
    manifest: &mut Manifest,
) -> Result<Vec<Write>, WorkError> {
    for part in manifest.parts.iter_mut().filter(|part| part.imported_ms == 0) {
        part.imported_ms = u64::try_from(asked_for.0).unwrap_or_default();
    }
    if !dataset_arn.ends_with(&format!("/{}", DatasetType::Interactions.arn_suffix())) {
        return Ok(Vec::new());
    }
    match find(&service.records, dataset_arn).await? {
        None => Ok(Vec::new()),
        found => indexed(service, dataset_arn, &manifest.parts, found).await,
    }
}

/// Where the files of a dataset's index are, and those of the one before. No folder is used twice.
pub(crate) async fn history_folders(records: &Records, dataset_arn: &str) -> Result<Vec<String>, OpError> {
    let found = find(records, dataset_arn).await?;
    Ok(found.into_iter().flat_map(|(record, _)| [record.folder, record.replaced]).flatten().collect())
}

/// The record that names a dataset's index, for whoever deletes the dataset.
pub(crate) fn history_record(dataset_arn: &str) -> Key {
    key(dataset_arn)
}

/// Writes the index of these parts, if it is not there, and gives the write that names it.
async fn indexed(
    service: &Service,
    dataset_arn: &str,
    parts: &[PartInfo],
    found: Option<(IndexRecord, u64)>,
) -> Result<Vec<Write>, WorkError> {
    let digest = digest(parts);
    if found.as_ref().is_some_and(|(record, _)| record.parts == digest) {
        // Only what was streamed has changed.
        return Ok(Vec::new());
    }
    let folder = format!("{}/{digest}", histories_of(dataset_arn)?);
    if let Some(old) = found.as_ref().and_then(|(record, _)| record.replaced.as_ref()) {
        service.remove_blobs(&format!("{old}/")).await;
    }
    if imported(parts).next().is_some() {
        write_index(service, parts, &folder).await?;
    }
    let record = IndexRecord {
        format: FORMAT,
        parts: digest,
        folder: imported(parts).next().map(|_| folder),
        replaced: found.as_ref().and_then(|(record, _)| record.folder.clone()),
    };
    let (key, value) = (key(dataset_arn), encode(&record)?);
    Ok(vec![match found {
        None => Write::Create { key, value },
        Some((_, expected)) => Write::Update { key, expected, value },
    }])
}

async fn write_index(service: &Service, parts: &[PartInfo], folder: &str) -> Result<(), WorkError> {
    let blobs = &service.stores.blobs;
    // Its pages come last: where they are, the rest is too.
    match blobs.head(&format!("{folder}/{PAGES}")).await {
        Ok(_) => return Ok(()),
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut interactions = Vec::new();
    for part in imported(parts) {
        interactions.push(blobs.get(&part.key).await?);
    }
    let files = tokio::task::spawn_blocking(move || -> Result<IndexFiles, WorkError> {
        let parts = DatasetParts { interactions, ..DatasetParts::default() };
        let dataset = Interactions::read(&parts, &Selection::default()).map_err(WorkError::retry)?;
        drop(parts);
        EventIndex::write(&dataset, EVENTS_A_TYPE).map_err(WorkError::retry)
    });
    let IndexFiles { pages, events } = files.await.map_err(WorkError::retry)??;
    blobs.put(&format!("{folder}/{EVENTS}"), events, PutCondition::Always).await?;
    blobs.put(&format!("{folder}/{PAGES}"), pages, PutCondition::Always).await?;
    Ok(())
}

/// The parts that the index is made from. What was streamed is read from its records.
fn imported(parts: &[PartInfo]) -> impl Iterator<Item = &PartInfo> {
    parts.iter().filter(|part| part.origin == Origin::Bulk)
}

/// Stands for a list of parts, whose names no two imports share.
fn digest(parts: &[PartInfo]) -> String {
    let mut digest = Sha256::new();
    for part in imported(parts) {
        digest.update(part.key.as_bytes());
        digest.update([0]);
        digest.update(part.sha256.as_bytes());
        digest.update([0]);
    }
    hex(&digest.finalize()[..16])
}

/// Where the indexes of a dataset go.
fn histories_of(dataset_arn: &str) -> Result<String, OpError> {
    let broken = || OpError::internal(format!("{dataset_arn} is no dataset's ARN"));
    let place = Place::of(dataset_arn).ok_or_else(broken)?;
    let path = Kind::Dataset.parts(dataset_arn).ok_or_else(broken)?.join("/");
    Ok(format!("history/{}/{}/{path}", place.account, place.region))
}

/// An index that can be asked.
pub(super) struct OpenIndex {
    folder: Arc<str>,
    index: EventIndex,
}

impl super::Catalogue {
    /// The page with what a user did according to imports, if the group has a history with the user.
    pub async fn page_of(
        &self,
        service: &Service,
        group_arn: &str,
        user_id: &str,
    ) -> Result<Option<Arc<EventPage>>, OpError> {
        let broken = || OpError::internal(format!("{group_arn} is no dataset group's ARN"));
        let place = Place::of(group_arn).ok_or_else(broken)?;
        let name = Kind::DatasetGroup.parts(group_arn).ok_or_else(broken)?.join("/");
        let dataset = place.arn(Kind::Dataset, &format!("{name}/{}", DatasetType::Interactions.arn_suffix()));
        match self.read_page(service, &dataset, user_id).await {
            // Replaced twice since it was looked at.
            Err(StoreOr::Store(StoreError::NotFound { .. })) => {
                self.indexes.forget(&dataset);
                Ok(self.read_page(service, &dataset, user_id).await?)
            }
            other => Ok(other?),
        }
    }

    async fn read_page(
        &self,
        service: &Service,
        dataset_arn: &str,
        user_id: &str,
    ) -> Result<Option<Arc<EventPage>>, StoreOr> {
        let Some(open) = self.index(service, dataset_arn).await? else { return Ok(None) };
        let Some(range) = open.index.page(user_id) else { return Ok(None) };
        let key = (Arc::clone(&open.folder), range.start);
        if let Some(page) = self.pages.get(&key) {
            return Ok(Some(page));
        }
        let content: Bytes = service.stores.blobs.get_range(&format!("{}/{EVENTS}", open.folder), range).await?;
        let page = Arc::new(EventPage::open(content).map_err(OpError::internal)?);
        self.pages.insert(key, Arc::clone(&page), page.resident_bytes());
        Ok(Some(page))
    }

    async fn index(&self, service: &Service, dataset_arn: &str) -> Result<Option<Arc<OpenIndex>>, StoreOr> {
        if let Some(open) = self.indexes.get(dataset_arn) {
            return Ok(open);
        }
        let read_at = Instant::now();
        let folder = find(&service.records, dataset_arn).await?.and_then(|(record, _)| record.folder);
        let last = self.indexes.last(dataset_arn).flatten();
        let open = match (folder, last) {
            (None, _) => None,
            (Some(folder), Some(last)) if *folder == *last.folder => Some(last),
            (Some(folder), _) => {
                let pages = service.stores.blobs.get(&format!("{folder}/{PAGES}")).await?;
                let index = EventIndex::open(pages).map_err(OpError::internal)?;
                Some(Arc::new(OpenIndex { folder: folder.into(), index }))
            }
        };
        self.indexes.put(dataset_arn, read_at, open.clone());
        Ok(open)
    }
}

/// A failure of the store that may mean something, or any other.
enum StoreOr {
    Store(StoreError),
    Other(OpError),
}

impl From<StoreError> for StoreOr {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OpError> for StoreOr {
    fn from(error: OpError) -> Self {
        Self::Other(error)
    }
}

impl From<StoreOr> for OpError {
    fn from(error: StoreOr) -> Self {
        match error {
            StoreOr::Store(error) => error.into(),
            StoreOr::Other(error) => error,
        }
    }
}
