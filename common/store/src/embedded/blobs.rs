use std::{
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    aside::Aside,
    backend, blocking,
    lock::Lock,
    place::{Place, describe},
    walk,
};
use crate::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError, keys};

/// What a writer gathers before it goes to the disk.
const WRITE_SIZE: usize = 1 << 20;

/// Blobs as plain files below one folder, each named by its key.
#[derive(Clone)]
pub(super) struct FileBlobs(Arc<Place>);

impl FileBlobs {
    /// Palate's own blobs.
    pub(super) fn own(root: PathBuf, aside: PathBuf, lock: Lock) -> Self {
        Self(Arc::new(Place { root, aside, lock, bucket: None }))
    }

    pub(super) fn bucket(root: PathBuf, aside: PathBuf, lock: Lock, name: &str) -> Self {
        Self(Arc::new(Place { root, aside, lock, bucket: Some(name.into()) }))
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            let mut aside = place.aside(&key)?;
            aside.file.write_all(&content).map_err(|error| place.failed("writing", &key, error))?;
            place.publish(&key, aside, &condition)
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.get_range(key, 0..u64::MAX).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            let (file, meta) = place.open(&key)?;
            let end = range.end.min(meta.len());
            let wanted = end.saturating_sub(range.start);
            let mut content = Vec::new();
            let mut read = || {
                content.try_reserve_exact(usize::try_from(wanted).map_err(io::Error::other)?)?;
                if wanted > 0 {
                    (&file).seek(SeekFrom::Start(range.start))?;
                    (&file).take(wanted).read_to_end(&mut content)?;
                }
                Ok(())
            };
            read().map_err(|error| place.failed("reading", &key, error))?;
            Ok(content.into())
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || place.head(&key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        keys::check_blob_list(prefix, limit)?;
        let (place, prefix, after) = (Arc::clone(&self.0), prefix.to_owned(), after.map(str::to_owned));
        blocking(move || {
            place.check_root()?;
            let mut entries = walk::files(&place.root, &prefix, after.as_deref(), limit + 1)
                .map_err(|error| place.failed("listing", &prefix, error))?;
            let more = entries.len() > limit;
            entries.truncate(limit);
            let next = entries.last().filter(|_| more).map(|(key, _)| key.clone());
            Ok(Page { entries: entries.iter().map(|(key, meta)| describe(key, meta)).collect(), next })
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || place.remove(&key)).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        keys::check_blob_key(key)?;
        let (place, key) = (Arc::clone(&self.0), key.to_owned());
        blocking(move || {
            place.check_root()?;
            let aside = place.aside(&key)?;
            Ok(Box::new(FileWriter { place, key, aside: Some(aside), gathered: Vec::new() }) as Box<dyn BlobWriter>)
        })
        .await
    }
}

struct FileWriter {
    place: Arc<Place>,
    key: String,
    /// Gone once a write has failed, or was given up half-way.
    aside: Option<Aside>,
    gathered: Vec<u8>,
}

impl FileWriter {
    fn take(&mut self) -> Result<(Aside, Vec<u8>), StoreError> {
        let lost = || backend(format!("writing `{}`", self.key), "an earlier write of it failed");
        Ok((self.aside.take().ok_or_else(lost)?, std::mem::take(&mut self.gathered)))
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        if self.aside.is_some() && self.gathered.len() + chunk.len() < WRITE_SIZE {
            self.gathered.extend_from_slice(&chunk);
            return Ok(());
        }
        let (mut aside, mut gathered) = self.take()?;
        let (place, key) = (Arc::clone(&self.place), self.key.clone());
        let (aside, gathered) = blocking(move || {
            aside
                .file
                .write_all(&gathered)
                .and_then(|()| aside.file.write_all(&chunk))
                .map_err(|error| place.failed("writing", &key, error))?;
            gathered.clear();
            Ok((aside, gathered))
        })
        .await?;
        (self.aside, self.gathered) = (Some(aside), gathered);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobMeta, StoreError> {
        let (mut aside, gathered) = self.take()?;
        blocking(move || {
            aside.file.write_all(&gathered).map_err(|error| self.place.failed("writing", &self.key, error))?;
            self.place.publish(&self.key, aside, &PutCondition::Always)
        })
        .await
    }

    async fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        let aside = self.aside.take();
        blocking(move || {
            drop(aside);
            Ok(())
        })
        .await
    }
}
