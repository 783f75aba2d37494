use bytes::Bytes;
use palate_store::{Key, PutCondition, StoreError};
use sha2::{Digest, Sha256};

use super::manifest::Retired;
use super::pins::{self, Noted, NotedOf};
use super::{Journal, Manifest, Origin, PartInfo, parts_of};
use crate::error::OpError;
use crate::paging::hex;
use crate::records::Records;
use crate::resources::{Dataset, DatasetSchema};
use crate::schema::Schema;
use crate::service::Service;
use crate::wire::Timestamp;

/// A dataset as it is at one moment: everything that was acknowledged before the snapshot was taken, by bulk and
/// by stream. The same streamed row may stand in two parts (see [`Journal`]).
pub(crate) struct Snapshot {
    pub schema: Schema,
    /// Everything before this is in it.
    pub taken: Timestamp,
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
    fn stored(part: PartInfo) -> Self {
        Self { origin: part.origin, rows: part.rows, at_ms: part.imported_ms, content: Content::Stored(part) }
    }

    /// Writes rows of the journal to a file, if it has such. The file is one of those that the dataset has replaced, so
    /// that it goes once nobody reads the dataset. `None` if the dataset is gone.
    async fn store(&mut self, service: &Service, dataset_arn: &str) -> Result<Option<PartInfo>, OpError> {
        let held = match &self.content {
            Content::Stored(part) => return Ok(Some(part.clone())),
            Content::Held(held) => held.clone(),
        };
        let key = format!("{}/read/{}.parquet", parts_of(dataset_arn)?, uuid::Uuid::new_v4());
        loop {
            let (mut manifest, version) = Manifest::read(&service.records, dataset_arn).await?;
            if version.is_none() {
                return Ok(None);
            }
            manifest.retired.push(Retired { key: key.clone(), at_ms: service.clock.now_ms() });
            match service.records.commit(vec![manifest.replace(dataset_arn, version)?]).await {
                Ok(()) => break,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let part = PartInfo {
            key,
            rows: self.rows,
            bytes: held.len() as u64,
            sha256: hex(&Sha256::digest(&held)),
            imported_ms: self.at_ms,
            origin: self.origin,
        };
        service.stores.blobs.put(&part.key, held, PutCondition::Always).await?;
        self.content = Content::Stored(part.clone());
        Ok(Some(part))
    }

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
        let taken = service.now();
        // The journal first: what leaves it is in the manifest by then.
        let journal = Journal::of(&dataset).read(&service.records).await?;
        let (manifest, _) = Manifest::read(&service.records, dataset_arn).await?;
        let mut parts: Vec<SnapshotPart> = manifest.parts.into_iter().map(SnapshotPart::stored).collect();
        if let Some(last) = journal.entries.last() {
            let at_ms = last.at_ms;
            let rows = journal.entries.iter().map(|entry| entry.rows.len() as u64).sum();
            let (entries, its_schema) = (journal.entries, schema.clone());
            let held = tokio::task::spawn_blocking(move || super::rows::part_of(&its_schema, &entries)).await;
            let held = held.map_err(OpError::internal)?.map_err(OpError::internal)?;
            parts.push(SnapshotPart { origin: Origin::Put, rows, at_ms, content: Content::Held(held) });
        }
        Ok(Some(Self { schema, taken, parts, pin }))
    }

    /// As [`Snapshot::take`] for a job, the `job`th of its ARN, of which every attempt is to read the same: what the
    /// first one took, until somebody releases it. Its parts may be gone if the job was settled meanwhile.
    pub async fn take_once(
        service: &Service,
        dataset_arn: &str,
        reader_arn: &str,
        job: u32,
    ) -> Result<Option<Self>, OpError> {
        let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(None) };
        let of = NotedOf { job, created_ms: dataset.resource.creation_date_time.0 };
        let pin = pins::pin(service, dataset_arn, reader_arn).await?;
        if let Some(Noted { at_ms, parts, .. }) = pins::noted(service, &pin, &of).await? {
            let schema = schema_of(&service.records, &dataset.resource).await?;
            let parts = parts.into_iter().map(SnapshotPart::stored).collect();
            return Ok(Some(Self { schema, taken: Timestamp(at_ms), parts, pin: Some(pin) }));
        }
        let Some(mut snapshot) = Self::take(service, dataset_arn, Some(reader_arn)).await? else { return Ok(None) };
        let mut parts = Vec::with_capacity(snapshot.parts.len());
        for part in &mut snapshot.parts {
            let Some(part) = part.store(service, dataset_arn).await? else { return Ok(None) };
            parts.push(part);
        }
        pins::note(service, &pin, Noted { of, at_ms: snapshot.taken.0, parts }).await?;
        Ok(Some(snapshot))
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
