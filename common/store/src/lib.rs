//! Records and blobs: what Palate keeps, and nothing about what it means.
//!
//! [`RecordStore`] holds small records that change by compare-and-swap, several at a time if need be.
//! [`BlobStore`] holds files of any size that appear whole or not at all. Each has an embedded backend
//! (SQLite, files) and one on AWS (DynamoDB, S3); `conformance` states the contract as tests, and
//! every backend runs all of them.

#[cfg(feature = "aws")]
pub mod aws;
mod blob;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
#[cfg(any(feature = "embedded", feature = "aws"))]
mod keys;
mod now;
mod record;

use std::sync::Arc;

pub use blob::{BlobMeta, BlobStore, BlobWriter, Buckets, PutCondition};
pub use error::StoreError;
pub use now::Now;
pub use record::{Key, Order, Page, Record, RecordStore, RecordStoreExt, Write};

/// The stores of one installation.
#[derive(Clone)]
pub struct Stores {
    /// Resources, jobs, manifests, streamed events.
    pub records: Arc<dyn RecordStore>,
    /// Palate's own files: dataset parts, models.
    pub blobs: Arc<dyn BlobStore>,
    /// The buckets that users name in requests (`s3://bucket/key`).
    pub buckets: Arc<dyn Buckets>,
}
