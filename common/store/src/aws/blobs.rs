use std::{
    ops::Range,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    primitives::DateTime,
};
use bytes::Bytes;
use uuid::Uuid;

use super::{
    error::{self, backend, pauses, status},
    upload::Upload,
};
use crate::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError, keys};

/// Tries of one download: the SDK tries again until the answer begins, not when it breaks off.
const DOWNLOADS: u32 = 3;

/// User metadata that names the write that made an object, so that a second try knows its own.
const WRITE: &str = "palate-write";

/// Blobs in one S3 bucket.
#[derive(Clone)]
pub(super) struct S3Blobs {
    pub(super) client: Client,
    pub(super) bucket: String,
}

impl S3Blobs {
    pub(super) fn new(client: Client, bucket: &str) -> Self {
        Self { client, bucket: bucket.into() }
    }

    pub(super) fn failed<E>(&self, doing: &str, key: &str, error: SdkError<E, HttpResponse>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match (error.code(), status(&error)) {
            (Some("NoSuchBucket"), _) => StoreError::NotFound { key: self.bucket.clone() },
            (_, Some(404)) => StoreError::NotFound { key: key.into() },
            _ => error::failed(format!("{doing} s3://{}/{key}", self.bucket), key, error),
        }
    }

    pub(super) async fn put_always(&self, key: &str, content: Bytes) -> Result<BlobMeta, StoreError> {
        let size = content.len() as u64;
        let request = self.client.put_object().bucket(&self.bucket).key(key).body(content.into());
        let answer = request.send().await.map_err(|error| self.failed("writing", key, error))?;
        written(key, size, answer.e_tag)
    }

    async fn put_if(&self, key: &str, content: Bytes, condition: &PutCondition) -> Result<BlobMeta, StoreError> {
        let size = content.len() as u64;
        let name = Uuid::new_v4();
        let mut pauses = pauses(name.as_u64_pair().0);
        loop {
            let request = self.client.put_object().bucket(&self.bucket).key(key).body(content.clone().into());
            let request = request.metadata(WRITE, name);
            let request = match condition {
                PutCondition::Etag(etag) => request.if_match(etag),
                _ => request.if_none_match("*"),
            };
            let error = match request.send().await {
                Ok(answer) => return written(key, size, answer.e_tag),
                Err(error) => error,
            };
            match status(&error) {
                Some(412) => {
                    // Perhaps an earlier try was done and its answer lost.
                    return match self.head_if_written_by(key, name).await? {
                        Some(meta) => Ok(meta),
                        None => Err(refusal(key, condition)),
                    };
                }
                // With `If-Match` an absent object is told this way.
                Some(404) if error.code() != Some("NoSuchBucket") => return Err(refusal(key, condition)),
                // Another conditional write of the key is under way.
                Some(409) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(self.failed("writing", key, error)),
                },
                _ => return Err(self.failed("writing", key, error)),
            }
        }
    }

    async fn head_if_written_by(&self, key: &str, name: Uuid) -> Result<Option<BlobMeta>, StoreError> {
        let answer = match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(self.failed("reading", key, error)),
        };
        let writer = answer.metadata().and_then(|metadata| metadata.get(WRITE));
        if writer != Some(&name.to_string()) {
            return Ok(None);
        }
        meta(key, answer.content_length(), answer.e_tag(), answer.last_modified()).map(Some)
    }

    async fn download(&self, key: &str, range: Option<String>) -> Result<Bytes, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let request = self.client.get_object().bucket(&self.bucket).key(key).set_range(range.clone());
            let answer = match request.send().await {
                Ok(answer) => answer,
                // The range begins past the end.
                Err(error) if status(&error) == Some(416) => return Ok(Bytes::new()),
                Err(error) => return Err(self.failed("reading", key, error)),
            };
            match answer.body.collect().await {
                Ok(content) => return Ok(content.into_bytes()),
                Err(error) if tries == DOWNLOADS => {
                    return Err(backend(format!("reading s3://{}/{key}", self.bucket), error));
                }
                Err(error) => tracing::info!(key, %error, "a download broke off, trying again"),
            }
        }
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        match condition {
            PutCondition::Always => self.put_always(key, content).await,
            condition => self.put_if(key, content, &condition).await,
        }
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        keys::check_blob_key(key)?;
        self.download(key, None).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        keys::check_blob_key(key)?;
        if range.is_empty() {
            // S3 has no range for nothing, but the key may be absent.
            self.head(key).await?;
            return Ok(Bytes::new());
        }
        // Larger ends than a signed number holds are not understood everywhere.
        let last = (range.end - 1).min(i64::MAX as u64);
        self.download(key, Some(format!("bytes={}-{last}", range.start.min(last)))).await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        keys::check_blob_key(key)?;
        let answer = self.client.head_object().bucket(&self.bucket).key(key).send().await;
        let answer = answer.map_err(|error| self.failed("reading", key, error))?;
        meta(key, answer.content_length(), answer.e_tag(), answer.last_modified())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        keys::check_blob_list(prefix, limit)?;
        let mut after = after.filter(|after| !after.is_empty()).map(str::to_owned);
        loop {
            let request = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_start_after(after)
                .max_keys(i32::try_from(limit).unwrap_or(i32::MAX));
            let answer = request.send().await.map_err(|error| self.failed("listing", prefix, error))?;
            let objects = answer.contents();
            let last = objects.last().and_then(|object| object.key());
            let next = last.filter(|_| answer.is_truncated() == Some(true)).map(str::to_owned);
            let entries = objects
                .iter()
                .filter_map(|object| object.key().map(|key| (key, object)))
                // Empty objects by which the S3 console shows folders. Other keys that `get` refuses are
                // listed: better a failure that names the key than data passed over.
                .filter(|(key, object)| !(key.ends_with('/') && object.size() == Some(0)))
                .map(|(key, object)| meta(key, object.size(), object.e_tag(), object.last_modified()))
                .collect::<Result<Vec<_>, _>>()?;
            if entries.is_empty() && next.is_some() {
                after = next;
                continue;
            }
            return Ok(Page { entries, next });
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        keys::check_blob_key(key)?;
        let answer = self.client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| self.failed("deleting", key, error))
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        keys::check_blob_key(key)?;
        Ok(Box::new(Upload::new(self.clone(), key)))
    }
}

fn refusal(key: &str, condition: &PutCondition) -> StoreError {
    match condition {
        PutCondition::Etag(_) => StoreError::Conflict { key: key.into() },
        _ => StoreError::AlreadyExists { key: key.into() },
    }
}

/// What is known after a write. S3 does not tell its time of change, so it is this machine's.
pub(super) fn written(key: &str, size: u64, etag: Option<String>) -> Result<BlobMeta, StoreError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(BlobMeta {
        key: key.into(),
        size,
        etag: etag.ok_or_else(|| backend(format!("writing `{key}`"), "the answer has no ETag"))?,
        modified_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
    })
}

fn meta(key: &str, size: Option<i64>, etag: Option<&str>, modified: Option<&DateTime>) -> Result<BlobMeta, StoreError> {
    let missing = |what| backend(format!("reading `{key}`"), format!("the answer has no {what}"));
    Ok(BlobMeta {
        key: key.into(),
        size: size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| missing("size"))?,
        etag: etag.ok_or_else(|| missing("ETag"))?.into(),
        modified_ms: modified
            .and_then(|at| u64::try_from(at.to_millis().ok()?).ok())
            .ok_or_else(|| missing("time of change"))?,
    })
}
