use std::sync::Arc;

use bytes::Bytes;
use palate_store::{BlobStore, BlobWriter, PutCondition, StoreError};

use crate::jobs::WorkError;
use crate::resources::{Input, Output, split_s3};
use crate::service::Service;

const MAX_FILES: usize = 1000;

/// Where a batch's questions are and where its answers go.
pub(crate) struct Places {
    pub(super) input: Arc<dyn BlobStore>,
    /// One object, or the prefix of many.
    input_key: String,
    output: Arc<dyn BlobStore>,
    /// Ends with `/`, or is empty.
    output_folder: String,
}

impl Places {
    pub fn of(service: &Service, input: &Input, output: &Output) -> Result<Self, WorkError> {
        let (input_bucket, input_key) = split_s3(&input.s3_data_source.path, "jobInput.s3DataSource.path")?;
        let output = &output.s3_data_destination.path;
        let (output_bucket, output_key) = split_s3(output, "jobOutput.s3DataDestination.path")?;
        let mut output_folder = output_key.to_owned();
        if !output_folder.is_empty() && !output_folder.ends_with('/') {
            output_folder.push('/');
        }
        let bucket = |name: &str, failure: &str| {
            service.stores.buckets.bucket(name).map_err(|_| WorkError::Failed(failure.into()))
        };
        Ok(Self {
            input: bucket(input_bucket, "Invalid S3 input path")?,
            input_key: input_key.to_owned(),
            output: bucket(output_bucket, "Invalid S3 output path")?,
            output_folder,
        })
    }

    /// Shows that the place can be written to before hours of work go there.
    pub async fn probe(&self) -> Result<(), WorkError> {
        let probe = format!("{}_CHECK", self.output_folder);
        self.output.put(&probe, Bytes::new(), PutCondition::Always).await.map(|_| ()).map_err(output_error)
    }

    /// Writes the answers to the file of this name; they appear when all are written.
    pub async fn writer(&self, name: &str) -> Result<Box<dyn BlobWriter>, WorkError> {
        self.output.writer(&format!("{}{name}.out", self.output_folder)).await.map_err(output_error)
    }

    /// The input objects, each with its name for the output.
    pub async fn files(&self) -> Result<Vec<(String, String)>, WorkError> {
        let folder = self.input_key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (mut files, mut after) = (Vec::new(), None);
        loop {
            let page = self.input.list(&self.input_key, after.as_deref(), 1000).await.map_err(input_error)?;
            for blob in page.entries {
                if blob.key.ends_with('/') {
                    continue;
                }
                // A key that is named exactly stands for itself alone.
                if blob.key == self.input_key {
                    let name = blob.key.rsplit('/').next().unwrap_or_default().to_owned();
                    return Ok(vec![(blob.key, name)]);
                }
                let name = blob.key[folder.len()..].trim_start_matches('/').to_owned();
                files.push((blob.key, name));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        match files.len() {
            0 => Err(WorkError::Failed("Invalid S3 input path".into())),
            n if n > MAX_FILES => {
                Err(WorkError::Failed(format!("Invalid S3 input path: {n} files; at most {MAX_FILES} are allowed")))
            }
            _ => Ok(files),
        }
    }
}

/// A failure of the user's own bucket is for the user to mend; one of ours is tried again.
pub(super) fn input_error(error: StoreError) -> WorkError {
    side_error(error, "Invalid S3 input path")
}

pub(super) fn output_error(error: StoreError) -> WorkError {
    side_error(error, "Invalid S3 output path")
}

fn side_error(error: StoreError, reason: &str) -> WorkError {
    match error {
        StoreError::NotFound { .. } | StoreError::Invalid { .. } => WorkError::Failed(format!("{reason}: {error}")),
        StoreError::Denied { .. } => {
            WorkError::Failed("Insufficient privileges for accessing data in Amazon S3.".into())
        }
        other => other.into(),
    }
}
