use async_trait::async_trait;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use tokio::task::JoinSet;

use super::{
    blobs::{S3Blobs, written},
    error::backend,
};
use crate::{BlobMeta, BlobWriter, StoreError};

/// Bytes of the first parts. Later ones are larger, so that 10,000 parts, S3's limit, hold 400 GB.
const PART: usize = 8 << 20;
/// Parts that are sent at the same time.
const PARALLEL: usize = 4;

/// A blob in writing. What fits one part is sent by one plain request in the end.
pub(super) struct Upload {
    blobs: S3Blobs,
    key: String,
    gathered: BytesMut,
    size: u64,
    /// Set from the first part until the upload is completed or given up.
    id: Option<String>,
    n_parts: i32,
    sending: JoinSet<Result<CompletedPart, StoreError>>,
    sent: Vec<CompletedPart>,
    broken: bool,
}

impl Upload {
    pub(super) fn new(blobs: S3Blobs, key: &str) -> Self {
        Self {
            blobs,
            key: key.into(),
            gathered: BytesMut::new(),
            size: 0,
            id: None,
            n_parts: 0,
            sending: JoinSet::new(),
            sent: Vec::new(),
            broken: false,
        }
    }

    fn part_size(&self) -> usize {
        PART * (1 + self.n_parts as usize / 1000)
    }

    async fn send_part(&mut self, content: Bytes) -> Result<(), StoreError> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let S3Blobs { client, bucket } = &self.blobs;
                let answer = client.create_multipart_upload().bucket(bucket).key(&self.key).send().await;
                let answer = answer.map_err(|error| self.blobs.failed("writing", &self.key, error))?;
                let id = answer.upload_id.ok_or_else(|| self.incomplete("upload id"))?;
                self.id = Some(id.clone());
                id
            }
        };
        while self.sending.len() >= PARALLEL {
            self.await_part().await?;
        }
        self.n_parts += 1;
        let (blobs, key, number) = (self.blobs.clone(), self.key.clone(), self.n_parts);
        self.sending.spawn(async move {
            let S3Blobs { client, bucket } = &blobs;
            let request = client.upload_part().bucket(bucket).key(&key).upload_id(id).part_number(number);
            let answer = request.body(content.into()).send().await;
            let answer = answer.map_err(|error| blobs.failed("writing", &key, error))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(answer.e_tag)
                .set_checksum_crc32(answer.checksum_crc32)
                .build())
        });
        Ok(())
    }

    async fn await_part(&mut self) -> Result<(), StoreError> {
        match self.sending.join_next().await {
            None => {}
            Some(Ok(part)) => self.sent.push(part?),
            Some(Err(error)) => return Err(backend(format!("writing `{}`", self.key), error)),
        }
        Ok(())
    }

    async fn gather(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        self.size += chunk.len() as u64;
        while self.gathered.len() + chunk.len() > self.part_size() {
            let missing = self.part_size() - self.gathered.len();
            self.gathered.extend_from_slice(&chunk.split_to(missing));
            let content = self.gathered.split().freeze();
            self.send_part(content).await?;
        }
        self.gathered.extend_from_slice(&chunk);
        Ok(())
    }

    async fn complete(&mut self) -> Result<BlobMeta, StoreError> {
        let rest = self.gathered.split().freeze();
        if self.id.is_none() {
            return self.blobs.put_always(&self.key, rest).await;
        }
        self.send_part(rest).await?;
        while !self.sending.is_empty() {
            self.await_part().await?;
        }
        self.sent.sort_by_key(|part| part.part_number());
        let S3Blobs { client, bucket } = &self.blobs;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.sent.clone())).build();
        let request = client.complete_multipart_upload().bucket(bucket).key(&self.key).set_upload_id(self.id.clone());
        let answer = request.multipart_upload(parts).send().await;
        let answer = answer.map_err(|error| self.blobs.failed("writing", &self.key, error))?;
        self.id = None;
        written(&self.key, self.size, answer.e_tag)
    }

    fn incomplete(&self, what: &str) -> StoreError {
        backend(format!("writing `{}`", self.key), format!("the answer has no {what}"))
    }

    fn check_whole(&mut self) -> Result<(), StoreError> {
        // Until the call that asks has succeeded: it might also be given up half-way.
        if std::mem::replace(&mut self.broken, true) {
            return Err(backend(format!("writing `{}`", self.key), "an earlier write of it failed"));
        }
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for Upload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.check_whole()?;
        self.gather(chunk).await?;
        self.broken = false;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobMeta, StoreError> {
        self.check_whole()?;
        self.complete().await
    }

    async fn abort(mut self: Box<Self>) -> Result<(), StoreError> {
        self.sending.shutdown().await;
        match self.id.take() {
            Some(id) => abort(&self.blobs, &self.key, id).await,
            None => Ok(()),
        }
    }
}

impl Drop for Upload {
    /// Gives the parts back if there is still a runtime to do it; else the bucket's lifecycle rule does.
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (blobs, key) = (self.blobs.clone(), std::mem::take(&mut self.key));
        let mut sending = std::mem::take(&mut self.sending);
        runtime.spawn(async move {
            sending.shutdown().await;
            if let Err(error) = abort(&blobs, &key, id).await {
                tracing::warn!(key, %error, "parts of an upload stay behind");
            }
        });
    }
}

async fn abort(blobs: &S3Blobs, key: &str, id: String) -> Result<(), StoreError> {
    let request = blobs.client.abort_multipart_upload().bucket(&blobs.bucket).key(key).upload_id(id);
    request.send().await.map(drop).map_err(|error| blobs.failed("giving up", key, error))
}
