//! The parts of an import, gathered and written.

use std::sync::Arc;

use palate_recipes::parts::{Piece, Sealed, assemble_in};
use palate_store::{BlobStore, PutCondition, StoreError};
use tokio::task::JoinHandle;

use super::{ImportError, Origin, PartInfo, Tuning, failed};

/// A part that was written, and memory for the next one.
type Written = (PartInfo, Vec<u8>);

/// Gathers encoded pieces into parts. One part is in writing while the next is gathered.
pub(super) struct Sink {
    store: Arc<dyn BlobStore>,
    prefix: String,
    tuning: Tuning,
    pieces: Vec<Piece>,
    rows: u64,
    bytes: usize,
    writing: Option<JoinHandle<Result<Written, ImportError>>>,
    /// The memory of a part that was written, for the next one.
    spare: Vec<u8>,
    /// Parts that were begun, written or not.
    n_begun: usize,
    written: Vec<PartInfo>,
}

impl Sink {
    pub fn new(store: Arc<dyn BlobStore>, prefix: &str, tuning: Tuning) -> Self {
        let prefix = prefix.trim_end_matches('/').to_owned();
        Self {
            store,
            prefix,
            tuning,
            pieces: Vec::new(),
            rows: 0,
            bytes: 0,
            writing: None,
            spare: Vec::new(),
            n_begun: 0,
            written: Vec::new(),
        }
    }

    /// Adds a piece of so many rows.
    pub async fn add(&mut self, piece: Piece, rows: u64) -> Result<(), ImportError> {
        let full = self.rows + rows > self.tuning.part_rows || self.bytes + piece.n_bytes() > self.tuning.part_bytes;
        // Where a file cannot have nulls and the next one can, their columns differ.
        let other = self.pieces.last().is_some_and(|last| !last.goes_with(&piece));
        if other || (full && self.rows > 0) {
            self.write().await?;
        }
        self.rows += rows;
        self.bytes += piece.n_bytes();
        self.pieces.push(piece);
        Ok(())
    }

    /// Writes what is left and gives the parts, in the order of their rows.
    pub async fn finish(&mut self) -> Result<Vec<PartInfo>, ImportError> {
        if self.rows > 0 {
            self.write().await?;
        }
        self.settle().await?;
        Ok(std::mem::take(&mut self.written))
    }

    /// Removes what was written, as far as the store lets us.
    pub async fn clear(&mut self) {
        // Its outcome does not matter, but it must not write after we have removed.
        let _ = self.settle().await;
        for number in 0..self.n_begun {
            let key = self.key(number);
            if let Err(error) = self.store.delete(&key).await {
                tracing::warn!(key, %error, "a part of a failed import stays behind");
            }
        }
    }

    fn key(&self, number: usize) -> String {
        format!("{}/part-{number:05}.parquet", self.prefix)
    }

    async fn write(&mut self) -> Result<(), ImportError> {
        self.settle().await?;
        let key = self.key(self.n_begun);
        self.n_begun += 1;
        self.bytes = 0;
        let (pieces, rows) = (std::mem::take(&mut self.pieces), std::mem::take(&mut self.rows));
        let spare = std::mem::take(&mut self.spare);
        self.writing = Some(tokio::spawn(write(Arc::clone(&self.store), key, pieces, rows, spare)));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), ImportError> {
        if let Some(writing) = self.writing.take() {
            let (part, spare) = writing.await.map_err(|error| failed("writing a part", error))??;
            self.written.push(part);
            self.spare = spare;
        }
        Ok(())
    }
}

/// Writes a part in the memory of `spare`, and gives memory for the next one.
async fn write(
    store: Arc<dyn BlobStore>,
    key: String,
    pieces: Vec<Piece>,
    rows: u64,
    spare: Vec<u8>,
) -> Result<Written, ImportError> {
    let sealed = tokio::task::spawn_blocking(move || assemble_in(spare, &pieces)).await;
    let sealed = sealed.map_err(|error| failed("joining a part", error))?;
    let Sealed { content, sha256 } = sealed.map_err(|error| failed("joining a part", error))?;
    let bytes = content.len() as u64;
    let put = store.put(&key, content.clone(), PutCondition::Always).await;
    put.map_err(|error: StoreError| ImportError::Store(error))?;
    // A store may keep the content: then there is none to spare.
    let spare = content.try_into_mut().map(Vec::from).unwrap_or_default();
    Ok((PartInfo { key, rows, bytes, sha256, imported_ms: 0, origin: Origin::Bulk }, spare))
}
