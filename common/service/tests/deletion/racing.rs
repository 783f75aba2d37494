use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palate_service::{Service, Settings};
use palate_store::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError, Stores};
use tokio::sync::Semaphore;

use crate::cut_off::Nobody;
use crate::shop::{Shop, interactions_of};

/// Blobs that let no part of a compaction be written before the test says so.
struct Gate {
    blobs: Arc<dyn BlobStore>,
    reached: Semaphore,
    open: Semaphore,
}

#[async_trait]
impl BlobStore for Gate {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        self.reached.add_permits(1);
        let _permit = self.open.acquire().await;
        self.blobs.put(key, content, condition).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.blobs.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.blobs.get_range(key, range).await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        self.blobs.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        self.blobs.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.blobs.delete(key).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.blobs.writer(key).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_has_read_what_is_deleted_meanwhile_does_not_bring_it_back() {
    let shop = Shop::new().await;
    for (user, session) in [(Some("ada"), "home"), (Some("bob"), "away"), (None, "home")] {
        shop.event(user, session, "i1", 1_700_000_001).await;
    }
    let blobs = Arc::clone(&shop.stores.blobs);
    let gate = Arc::new(Gate { blobs, reached: Semaphore::new(0), open: Semaphore::new(0) });
    let stores = Stores { blobs: gate.clone(), ..shop.stores.clone() };
    let other = Service::new(Settings::default(), stores, shop.clock.clone(), Arc::new(Nobody));
    let dataset = shop.interactions.clone();
    let compaction = tokio::spawn(async move { other.compact(&dataset).await });
    drop(gate.reached.acquire().await.unwrap());
    // The rows of `ada` are read, and their part is about to be written.
    assert_eq!(shop.forget("forget", &["ada"]).await, 2);
    gate.open.add_permits(1);
    compaction.await.unwrap().unwrap();
    let rows = shop.rows(&shop.interactions).await;
    assert_eq!(
        (interactions_of(&rows, "ada"), interactions_of(&rows, "home"), interactions_of(&rows, "bob")),
        (0, 0, 1)
    );
    assert_eq!(shop.journal(&shop.interactions).await, "", "what was left is in a part");
}
