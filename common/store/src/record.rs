use std::fmt;

use async_trait::async_trait;

use crate::StoreError;

/// Where a record lives: records of one partition can be listed together, in order of `sort`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// 1 to 1,024 bytes.
    pub partition: String,
    /// 1 to 1,024 bytes.
    pub sort: String,
}

impl Key {
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

impl fmt::Display for Key {
    /// The form in which errors name a record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort)
    }
}

/// A stored value and the version it has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Key,
    /// 1 when created, one more with every update.
    pub version: u64,
    /// At most 350,000 bytes (a DynamoDB item holds 400 KB with its keys).
    pub value: Vec<u8>,
}

/// One step of a [`RecordStore::commit`].
#[derive(Clone, Debug)]
pub enum Write {
    /// The key must be free; the record starts at version 1.
    Create { key: Key, value: Vec<u8> },
    /// A create of a record that ends by itself: from `expires_s` on, in seconds since the Unix epoch.
    CreateUntil { key: Key, value: Vec<u8>, expires_s: u64 },
    /// The record must be at `expected`; it moves to `expected + 1`. One that would have ended by itself lasts
    /// from now on.
    Update { key: Key, expected: u64, value: Vec<u8> },
    /// The record must be at `expected`; it is gone afterwards.
    Delete { key: Key, expected: u64 },
    /// The record must be at `expected`; it stays as it is.
    Check { key: Key, expected: u64 },
}

impl Write {
    pub fn key(&self) -> &Key {
        match self {
            Self::Create { key, .. }
            | Self::CreateUntil { key, .. }
            | Self::Update { key, .. }
            | Self::Delete { key, .. }
            | Self::Check { key, .. } => key,
        }
    }

    /// What the record will hold, if it is written.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Create { value, .. } | Self::CreateUntil { value, .. } | Self::Update { value, .. } => Some(value),
            Self::Delete { .. } | Self::Check { .. } => None,
        }
    }
}

/// The order of a listing by `sort`, bytewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// A page of a listing; `next` is there if more may follow. A page may be shorter than asked for, even empty,
/// and have a `next`: only its absence ends a listing.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// Hand this back as `after` to go on.
    pub next: Option<String>,
}

/// Small records that change by compare-and-swap.
///
/// # Contract
/// - `commit` does all of its writes or none. It is durable when it returns. A `list` that runs meanwhile sees
///   each record as it was or as it becomes; on AWS it may see some of the writes and not yet the others
///   (DynamoDB isolates a query by item only), embedded it sees all or none.
/// - A `Create` on a key that is taken fails with [`StoreError::AlreadyExists`]; an `Update`, `Delete` or
///   `Check` on a record that is absent or at another version fails with [`StoreError::Conflict`]. Both
///   name the key of the first such write, and nothing has changed.
/// - At most 100 writes a commit, all of different keys, keys and values together at most 4,000,000 bytes,
///   else [`StoreError::Invalid`].
/// - A `get` or `list` after a `commit` returned sees it, in this process and in others.
/// - `list` gives the records of `partition` whose `sort` begins with `prefix`, in bytewise order of
///   `sort`; following `next` yields every record that was there throughout exactly once, whatever comes
///   and goes meanwhile.
/// - A record whose time has come ([`Write::CreateUntil`]) is absent for every call, by the clock of the store
///   (see [`Now`](crate::Now)), whether its space has been freed or not.
#[async_trait]
pub trait RecordStore: Send + Sync {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError>;

    /// Lists after the sort key `after` (exclusive, in the direction of `order`), at most `limit` records
    /// (1 to 1,000). A page ends early at about 1 MiB.
    async fn list(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        order: Order,
    ) -> Result<Page<Record>, StoreError>;

    /// Frees the space of at most `limit` (1 to 1,000) records whose time has come; returns of how many. There
    /// may be more if it was `limit`. DynamoDB does this by itself: there it is always 0.
    async fn purge_expired(&self, limit: usize) -> Result<usize, StoreError>;
}

/// Conveniences over [`RecordStore`].
#[async_trait]
pub trait RecordStoreExt: RecordStore {
    async fn create(&self, key: Key, value: Vec<u8>) -> Result<(), StoreError> {
        self.commit(vec![Write::Create { key, value }]).await
    }

    async fn update(&self, key: Key, expected: u64, value: Vec<u8>) -> Result<(), StoreError> {
        self.commit(vec![Write::Update { key, expected, value }]).await
    }

    async fn delete(&self, key: Key, expected: u64) -> Result<(), StoreError> {
        self.commit(vec![Write::Delete { key, expected }]).await
    }

    /// Every record of `partition` whose sort key begins with `prefix`, in ascending order.
    async fn list_all(&self, partition: &str, prefix: &str) -> Result<Vec<Record>, StoreError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.list(partition, prefix, after.as_deref(), 1000, Order::Ascending).await?;
            all.extend(page.entries);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

impl<T: RecordStore + ?Sized> RecordStoreExt for T {}
