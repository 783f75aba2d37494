//! The files of an export.

use std::sync::Arc;

use bytes::Bytes;
use palate_store::{BlobStore, BlobWriter, StoreError};

use super::csv::append_text;
use crate::jobs::WorkError;

/// Writes lines into files of about the same size, each with the header.
pub(super) struct Files {
    store: Arc<dyn BlobStore>,
    folder: String,
    header: Bytes,
    file_bytes: u64,
    writer: Option<(Box<dyn BlobWriter>, u64)>,
    /// How many files were begun.
    n_begun: usize,
}

impl Files {
    /// # Errors
    /// [`WorkError::Failed`] if the bucket is missing or refuses: that shows before any work is done.
    pub async fn begin(
        store: Arc<dyn BlobStore>,
        folder: &str,
        names: &[&str],
        file_bytes: u64,
    ) -> Result<Self, WorkError> {
        let mut header = Vec::new();
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                header.push(b',');
            }
            append_text(name, &mut header);
        }
        header.push(b'\n');
        store.list(&format!("{folder}/"), None, 1).await.map_err(refusal)?;
        let folder = folder.to_owned();
        Ok(Self { store, folder, header: header.into(), file_bytes, writer: None, n_begun: 0 })
    }

    fn key(&self, number: usize) -> String {
        format!("{}/part-{number:05}.csv", self.folder)
    }

    /// Adds whole lines.
    pub async fn write(&mut self, lines: Bytes) -> Result<(), WorkError> {
        if lines.is_empty() {
            return Ok(());
        }
        let n_bytes = lines.len() as u64;
        if self.writer.as_ref().is_some_and(|(_, written)| written + n_bytes > self.file_bytes) {
            self.close().await?;
        }
        let (writer, written) = self.open().await?;
        *written += n_bytes;
        writer.write(lines).await.map_err(refusal)
    }

    async fn open(&mut self) -> Result<&mut (Box<dyn BlobWriter>, u64), WorkError> {
        if self.writer.is_none() {
            let mut writer = self.store.writer(&self.key(self.n_begun)).await.map_err(refusal)?;
            writer.write(self.header.clone()).await.map_err(refusal)?;
            self.n_begun += 1;
            self.writer = Some((writer, 0));
        }
        self.writer.as_mut().ok_or_else(|| WorkError::retry("no file is open"))
    }

    async fn close(&mut self) -> Result<(), WorkError> {
        if let Some((writer, _)) = self.writer.take() {
            writer.finish().await.map_err(refusal)?;
        }
        Ok(())
    }

    /// Ends the last file, of which there is always one, and removes those that an earlier attempt wrote beyond it.
    pub async fn finish(mut self) -> Result<(), WorkError> {
        if self.n_begun == 0 {
            self.open().await?;
        }
        self.close().await?;
        let (prefix, mut after) = (format!("{}/part-", self.folder), Some(self.key(self.n_begun - 1)));
        while let Some(last) = after {
            let page = self.store.list(&prefix, Some(&last), 1000).await.map_err(refusal)?;
            for file in page.entries {
                let number = file.key.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".csv"));
                if number.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit())) {
                    self.store.delete(&file.key).await.map_err(refusal)?;
                }
            }
            after = page.next;
        }
        Ok(())
    }
}

/// A failure of the user's own bucket is for the user to mend; one of ours is tried again.
fn refusal(error: StoreError) -> WorkError {
    match error {
        StoreError::NotFound { .. } | StoreError::Invalid { .. } => {
            WorkError::Failed(format!("Invalid S3 output path: {error}"))
        }
        StoreError::Denied { .. } => WorkError::Failed(format!(
            "Insufficient privileges for accessing data in Amazon S3: {error}. Allow Palate to list the bucket, and to \
             put and delete objects below the job's path."
        )),
        other => other.into(),
    }
}
