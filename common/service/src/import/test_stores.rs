//! Stores for tests of the import: files in memory, and a file that is longer than memory.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use palate_store::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError};

/// Blobs in memory, as far as an import needs them.
#[derive(Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, Bytes>>);

impl Memory {
    pub fn of(files: &[(&str, Bytes)]) -> Arc<Self> {
        let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.clone()));
        Arc::new(Self(Mutex::new(files.collect())))
    }

    fn find(&self, key: &str) -> Result<Bytes, StoreError> {
        self.0.lock().unwrap().get(key).cloned().ok_or_else(|| StoreError::NotFound { key: key.into() })
    }
}

fn meta(key: &str, size: u64) -> BlobMeta {
    BlobMeta { key: key.into(), size, etag: size.to_string(), modified_ms: 0 }
}

#[async_trait]
impl BlobStore for Memory {
    async fn put(&self, key: &str, content: Bytes, _condition: PutCondition) -> Result<BlobMeta, StoreError> {
        let size = content.len() as u64;
        self.0.lock().unwrap().insert(key.into(), content);
        Ok(meta(key, size))
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.find(key)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let content = self.find(key)?;
        let clip = |at: u64| content.len().min(at as usize);
        Ok(content.slice(clip(range.start)..clip(range.end)))
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        Ok(meta(key, self.find(key)?.len() as u64))
    }

    async fn list(&self, prefix: &str, _after: Option<&str>, _limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        let files = self.0.lock().unwrap();
        let entries = files.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(Page { entries: entries.map(|(key, content)| meta(key, content.len() as u64)).collect(), next: None })
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    async fn writer(&self, _key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        unreachable!("an import puts its parts whole")
    }
}

/// One file of any size: `head`, and then `tail` over and over. It is made as it is read.
pub(super) struct Endless {
    pub head: &'static [u8],
    pub tail: &'static [u8],
    pub size: u64,
    /// Bytes that were read of it.
    pub read: AtomicU64,
}

#[async_trait]
impl BlobStore for Endless {
    async fn get_range(&self, _key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.read.fetch_add(range.end - range.start, Ordering::SeqCst);
        let head = self.head.len() as u64;
        let byte = |at: u64| match at.checked_sub(head) {
            None => self.head[at as usize],
            Some(at) => self.tail[(at % self.tail.len() as u64) as usize],
        };
        Ok((range.start..range.end.min(self.size)).map(byte).collect())
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        Ok(meta(key, self.size))
    }

    async fn get(&self, _key: &str) -> Result<Bytes, StoreError> {
        unreachable!("an import reads by ranges")
    }

    async fn put(&self, _key: &str, _content: Bytes, _condition: PutCondition) -> Result<BlobMeta, StoreError> {
        unreachable!("an import writes nothing into its source")
    }

    async fn list(&self, _prefix: &str, _after: Option<&str>, _limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        unreachable!("one file is no folder")
    }

    async fn delete(&self, _key: &str) -> Result<(), StoreError> {
        unreachable!("an import writes nothing into its source")
    }

    async fn writer(&self, _key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        unreachable!("an import writes nothing into its source")
    }
}
