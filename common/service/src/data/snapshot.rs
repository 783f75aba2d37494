use bytes::Bytes;
use palate_store::{Key, StoreError};

use super::{Journal, Manifest, Origin, PartInfo, pins};
use crate::error::OpError;
use crate::records::Records;
use crate::resources::{Dataset, DatasetSchema};
use crate::schema::Schema;
use crate::service::Service;

/// A dataset as it is at one moment: everything that was acknowledged before the snapshot was taken, by bulk and
/// by stream. The same streamed row may stand in two parts (see [`Journal`]).
pub(crate) struct Snapshot {
    pub schema: Schema,
    parts: Vec<SnapshotPart>,
    pin: Option<Key>,
}

/// Some rows of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotPart {
    pub origin: Origin,
    pub rows: u64,
    /// When its rows came in, unless they have times of their own.
    pub at_ms: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Stored(PartInfo),
    /// Rows of the journal.
    Held(Bytes),
}

impl SnapshotPart {
    /// The key of its file, which no other part ever has; `None` for rows of the journal.
    pub fn key(&self) -> Option<&str> {
        match &self.content {
            Content::Stored(part) => Some(&part.key),
            Content::Held(_) => None,
        }
    }
}

impl Snapshot {
    /// Takes a snapshot for a job, whose parts stay until [`Snapshot::release`] or the job's end; for a reader
    /// that is no job and is quick, without `reader_arn`. `None` if there is no such dataset.
    pub async fn take(service: &Service, dataset_arn: &str, reader_arn: Option<&str>) -> Result<Option<Self>, OpError> {
        let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(None) };
        let dataset = dataset.resource;
        let schema = schema_of(&service.records, &dataset).await?;
        let pin = match reader_arn {
            Some(reader_arn) => Some(pins::pin(service, dataset_arn, reader_arn).await?),
            None => None,
        };
        // The journal first: what leaves it is in the manifest by then.
        let journal = Journal::of(&dataset).read(&service.records).await?;
        let (manifest, _) = Manifest::read(&service.records, dataset_arn).await?;
        let stored = |part: PartInfo| SnapshotPart {
            origin: part.origin,
            rows: part.rows,
            at_ms: part.imported_ms,
            content: Content::Stored(part),
        };
        let mut parts: Vec<SnapshotPart> = manifest.parts.into_iter().map(stored).collect();
        if let Some(last) = journal.entries.last() {
            let at_ms = last.at_ms;
            let rows = journal.entries.iter().map(|entry| entry.rows.len() as u64).sum();
            let (entries, its_schema) = (journal.entries, schema.clone());
            let held = tokio::task::spawn_blocking(move || super::rows::part_of(&its_schema, &entries)).await;
            let held = held.map_err(OpError::internal)?.map_err(OpError::internal)?;
            parts.push(SnapshotPart { origin: Origin::Put, rows, at_ms, content: Content::Held(held) });
        }
        Ok(Some(Self { schema, parts, pin }))
    }

    /// Oldest first: where ids repeat and rows have no times of their own, later rows win.
    pub fn parts(&self) -> &[SnapshotPart] {
        &self.parts
    }

    pub async fn content(&self, service: &Service, part: &SnapshotPart) -> Result<Bytes, StoreError> {
        match &part.content {
            Content::Stored(part) => service.stores.blobs.get(&part.key).await,
            Content::Held(bytes) => Ok(bytes.clone()),
        }
    }

    /// Lets its parts go.
    pub async fn release(self, service: &Service) {
        if let Some(pin) = &self.pin {
            pins::unpin(service, pin).await;
        }
    }
}

/// The schema that a dataset has now.
pub(super) async fn schema_of(records: &Records, dataset: &Dataset) -> Result<Schema, OpError> {
    records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse()
}
