use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Page, StoreError};

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Changes whenever the content does; opaque. Writing the same content again may keep it (S3) or not.
    pub etag: String,
    /// Milliseconds since the Unix epoch; after a write to S3 by the writer's clock.
    pub modified_ms: u64,
}

/// When a [`BlobStore::put`] may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    Always,
    /// Only if no blob has the key; else [`StoreError::AlreadyExists`].
    Absent,
    /// Only if the blob still has this etag; else [`StoreError::Conflict`].
    Etag(String),
}

/// Files of any size that appear whole or not at all, addressed by key within one bucket.
///
/// A key is 1 to 1,024 bytes of UTF-8, parts separated by `/`. Keys with an empty, `.` or `..` part, a
/// leading or trailing `/`, or a NUL are refused with [`StoreError::Invalid`]: no key leaves the bucket.
/// (A trailing `/` may occur in prefixes of `list`.) The embedded backend also refuses what files cannot be: a
/// part over 255 bytes, and a key that is a folder of another (`a` beside `a/b`).
///
/// # Contract
/// - A reader sees a blob as it was or as it becomes, never half of it. A blob is durable when the call
///   that wrote it returns.
/// - `get`, `get_range` and `head` of an absent key fail with [`StoreError::NotFound`].
/// - `get_range` past the end gives what there is; an empty answer if it starts there.
/// - Of two racing `put`s with [`PutCondition::Absent`] or the same etag, one wins.
/// - `list` is in bytewise order of the key; following `next` yields every blob that was there throughout
///   exactly once. Blobs in writing are not listed.
/// - `delete` of an absent key succeeds.
#[async_trait]
pub trait BlobStore: Send + Sync {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError>;

    async fn get(&self, key: &str) -> Result<Bytes, StoreError>;

    /// Reads the bytes of `range` (end exclusive).
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError>;

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError>;

    /// Lists keys that begin with `prefix` after the key `after` (exclusive), at most `limit` (1 to 1,000).
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError>;

    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Begins a blob of unknown size; nothing is visible until [`BlobWriter::finish`].
    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError>;
}

/// A blob in writing. Dropping it, or the process dying, leaves nothing visible.
#[async_trait]
pub trait BlobWriter: Send {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError>;

    /// Makes the blob visible, whole, replacing what had the key.
    async fn finish(self: Box<Self>) -> Result<BlobMeta, StoreError>;

    /// Gives the blob up and frees its space.
    async fn abort(self: Box<Self>) -> Result<(), StoreError>;
}

/// The buckets that users name.
pub trait Buckets: Send + Sync {
    /// The bucket of that name; whether it exists shows at the first read. Names that S3 does not allow
    /// are refused with [`StoreError::Invalid`].
    fn bucket(&self, name: &str) -> Result<Arc<dyn BlobStore>, StoreError>;
}
