//! `s3s-fs`, held to what S3's clients and the stores expect of it.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use palate_store::{BlobStore, Buckets, StoreError};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto::*, s3_error};
use s3s_fs::FileSystem;

use super::{Region, Uploads, keys};

/// The buckets below one folder.
///
/// Where `s3s-fs` differs from S3: it creates a missing bucket with its first object, deletes a bucket with
/// all that it holds, lets keys reach into other buckets by `..`, takes folders for objects, keeps the
/// checksums of an object that a multipart upload has replaced, and leaves keys plain in a listing that it
/// calls URL-encoded. All of that is made good here.
pub struct Files {
    inner: FileSystem,
    root: PathBuf,
    buckets: Arc<dyn Buckets>,
    uploads: Uploads,
}

impl Files {
    /// `root` is the folder that `buckets` keeps its buckets in.
    pub fn new(root: PathBuf, buckets: Arc<dyn Buckets>, uploads: Uploads) -> Result<Self, s3s_fs::Error> {
        Ok(Self { inner: FileSystem::new(&root)?, root, buckets, uploads })
    }

    fn bucket(&self, bucket: &str) -> S3Result<Arc<dyn BlobStore>> {
        self.buckets.bucket(bucket).map_err(|_| s3_error!(InvalidBucketName))
    }

    /// Refuses keys that name no object.
    async fn check_readable(&self, bucket: &str, key: &str) -> S3Result<()> {
        keys::check(bucket, key)?;
        match self.bucket(bucket)?.head(key).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(bucket, error)),
        }
    }

    fn check_writable(&self, bucket: &str, key: &str) -> S3Result<()> {
        keys::check(bucket, key)?;
        keys::check_length(bucket, key)?;
        keys::check_place(&self.root, bucket, key)
    }

    async fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        keys::check(bucket, key)?;
        if key.ends_with('/') {
            // A folder that still holds something stays, as in S3 the objects below it do.
            let _ = tokio::fs::remove_dir(self.root.join(bucket).join(key)).await;
            return Ok(());
        }
        self.bucket(bucket)?.delete(key).await.map_err(|error| failed(bucket, error))
    }
}

/// What a store's refusal is called in S3.
fn failed(bucket: &str, error: StoreError) -> S3Error {
    match error {
        StoreError::NotFound { key } if key == bucket => s3_error!(NoSuchBucket),
        StoreError::NotFound { .. } | StoreError::Invalid { .. } => s3_error!(NoSuchKey),
        error => {
            tracing::error!(%error, "the local S3 endpoint failed");
            s3_error!(InternalError)
        }
    }
}

fn region<T>(request: &S3Request<T>) -> Option<String> {
    request.extensions.get::<Region>().and_then(|region| region.0.clone())
}

/// Leaves nothing of the wrapping of a signed upload to the object: `aws-chunked` is no encoding of its own, and
/// a checksum that follows in a trailing header is one to compute, whether or not another header says so too.
fn unwrap_upload(request: &mut S3Request<PutObjectInput>) {
    if let Some(encodings) = request.input.content_encoding.take() {
        let kept = encodings.split(',').map(str::trim).filter(|encoding| !encoding.eq_ignore_ascii_case("aws-chunked"));
        let kept: Vec<&str> = kept.collect();
        request.input.content_encoding = (!kept.is_empty()).then(|| kept.join(","));
    }
    let trailer = request.headers.get("x-amz-trailer").and_then(|trailer| trailer.to_str().ok());
    let algorithm = trailer.and_then(|trailer| trailer.trim().strip_prefix("x-amz-checksum-"));
    if let (Some(algorithm), None) = (algorithm, &request.input.checksum_algorithm) {
        request.input.checksum_algorithm = Some(ChecksumAlgorithm::from(algorithm.to_ascii_uppercase()));
    }
}

/// An etag `…-3` is that of three parts.
fn is_multipart(etag: Option<&ETag>) -> bool {
    etag.is_some_and(|etag| etag.value().contains('-'))
}

#[async_trait]
impl S3 for Files {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let input = &request.input;
        if !self.root.join(&input.bucket).is_dir() {
            return self.inner.create_bucket(request).await;
        }
        // In us-east-1, and only there, creating one's own bucket again succeeds.
        let elsewhere = input.create_bucket_configuration.as_ref().and_then(|of| of.location_constraint.as_ref());
        match elsewhere {
            Some(_) => Err(s3_error!(BucketAlreadyOwnedByYou)),
            None => Ok(S3Response::new(CreateBucketOutput::default())),
        }
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = &request.input.bucket;
        let first = self.bucket(bucket)?.list("", None, 1).await.map_err(|error| failed(bucket, error))?;
        if !first.entries.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        self.inner.delete_bucket(request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.inner.head_bucket(request).await
    }

    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        self.inner.list_buckets(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.inner.get_bucket_location(request).await
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let mut response = self.inner.list_objects(request).await?;
        response.output.encoding_type = None;
        Ok(response)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut response = self.inner.list_objects_v2(request).await?;
        response.output.encoding_type = None;
        Ok(response)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.check_readable(&request.input.bucket, &request.input.key).await?;
        let mut response = self.inner.get_object(request).await?;
        let output = &mut response.output;
        if is_multipart(output.e_tag.as_ref()) {
            output.checksum_crc32 = None;
            output.checksum_crc32c = None;
            output.checksum_crc64nvme = None;
            output.checksum_sha1 = None;
            output.checksum_sha256 = None;
        }
        Ok(response)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.check_readable(&request.input.bucket, &request.input.key).await?;
        let mut response = self.inner.head_object(request).await?;
        let output = &mut response.output;
        if is_multipart(output.e_tag.as_ref()) {
            output.checksum_crc32 = None;
            output.checksum_crc32c = None;
            output.checksum_crc64nvme = None;
            output.checksum_sha1 = None;
            output.checksum_sha256 = None;
        }
        Ok(response)
    }

    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        unwrap_upload(&mut request);
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let region = region(&request);
        self.check_writable(&bucket, &key)?;
        let response = self.inner.put_object(request).await?;
        self.uploads.note(region, &bucket, &key).await;
        Ok(response)
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let region = region(&request);
        if let CopySource::Bucket { bucket, key, .. } = &request.input.copy_source {
            self.check_readable(bucket, key).await?;
        }
        self.check_writable(&bucket, &key)?;
        let response = self.inner.copy_object(request).await?;
        self.uploads.note(region, &bucket, &key).await;
        Ok(response)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.delete(&request.input.bucket, &request.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            match self.delete(&bucket, &object.key).await {
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..Default::default() }),
                Err(error) => errors.push(Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    ..Default::default()
                }),
            }
        }
        let deleted = (!delete.quiet.unwrap_or(false)).then_some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput { deleted, errors: Some(errors), ..Default::default() }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.check_writable(&request.input.bucket, &request.input.key)?;
        self.inner.create_multipart_upload(request).await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.inner.upload_part(request).await
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        if let CopySource::Bucket { bucket, key, .. } = &request.input.copy_source {
            self.check_readable(bucket, key).await?;
        }
        self.inner.upload_part_copy(request).await
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        self.inner.list_parts(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let region = region(&request);
        self.check_writable(&bucket, &key)?;
        let response = self.inner.complete_multipart_upload(request).await?;
        self.uploads.note(region, &bucket, &key).await;
        Ok(response)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        keys::check(&request.input.bucket, &request.input.key)?;
        self.inner.abort_multipart_upload(request).await
    }
}
