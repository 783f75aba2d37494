use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use palate_store::{
    BlobMeta, BlobStore, BlobWriter, Key, Order, Page, PutCondition, Record, RecordStore, StoreError, Stores, Write,
};

/// Stores that fail for good after so many calls, as a process that is killed does nothing any more.
#[derive(Clone)]
pub struct Faulty {
    stores: Stores,
    left: Arc<AtomicI64>,
}

impl Faulty {
    pub fn after(stores: &Stores, calls: i64) -> Stores {
        let faulty = Arc::new(Self { stores: stores.clone(), left: Arc::new(AtomicI64::new(calls)) });
        Stores { records: faulty.clone(), blobs: faulty, buckets: Arc::clone(&stores.buckets) }
    }

    fn count(&self) -> Result<(), StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(StoreError::Backend { doing: "anything".into(), source: "the process is dead".into() })
    }
}

#[async_trait]
impl RecordStore for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.count()?;
        self.stores.records.get(key).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.count()?;
        self.stores.records.commit(writes).await
    }

    async fn list(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        order: Order,
    ) -> Result<Page<Record>, StoreError> {
        self.count()?;
        self.stores.records.list(partition, prefix, after, limit, order).await
    }

    async fn purge_expired(&self, limit: usize) -> Result<usize, StoreError> {
        self.count()?;
        self.stores.records.purge_expired(limit).await
    }
}

#[async_trait]
impl BlobStore for Faulty {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        self.count()?;
        self.stores.blobs.put(key, content, condition).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.count()?;
        self.stores.blobs.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.count()?;
        self.stores.blobs.get_range(key, range).await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        self.count()?;
        self.stores.blobs.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        self.count()?;
        self.stores.blobs.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.count()?;
        self.stores.blobs.delete(key).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.count()?;
        self.stores.blobs.writer(key).await
    }
}
