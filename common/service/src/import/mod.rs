//! The import of CSV files: from a user's bucket into typed parts.
//!
//! One task reads ahead ([`source`]) and cuts the bytes into chunks of whole lines. Each chunk is read
//! against the schema and encoded on a thread of its own ([`rows`]), and the results are gathered in order
//! into parts ([`sink`]). Memory is bounded by the number of chunks under way, whatever the files' size;
//! the parts depend on the files alone, not on timing.

mod flaw;
mod layout;
mod line;
mod rows;
mod sink;
mod source;
pub(crate) mod value;

use std::{collections::VecDeque, num::NonZero, sync::Arc, thread::available_parallelism};

use bytes::Bytes;
use palate_recipes::parts::{Column, PartBuilder};
use palate_store::{BlobStore, StoreError};
use tokio::sync::mpsc;

use crate::data::{Origin, PartInfo};
use crate::schema::{DatasetType, Schema};
use flaw::Flaw;
use rows::{Counts, read_rows};
use sink::Sink;
use source::{Chunk, File, Source};

/// The fewest rows of an import of interactions.
const LEAST_INTERACTIONS: u64 = 1_000;

/// What to import and where to.
pub(crate) struct ImportRequest<'a> {
    /// The user's bucket.
    pub source: Arc<dyn BlobStore>,
    /// Its name, for messages.
    pub bucket: String,
    /// The key of one CSV file, or of a folder if it is empty or ends with `/`: all files `*.csv` on its
    /// first level, in the order of their keys.
    pub location: String,
    pub schema: &'a Schema,
    /// Where the parts go.
    pub destination: Arc<dyn BlobStore>,
    /// Parts are `<prefix>/part-00000.parquet` and so on.
    pub prefix: String,
}

/// What an import has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImportOutcome {
    /// In the order of their rows: where ids repeat, the last row is the one that counts.
    pub parts: Vec<PartInfo>,
    pub rows: u64,
    /// The least and the greatest TIMESTAMP, in seconds.
    pub span: Option<(i64, i64)>,
}

/// Why an import did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The files or the location are at fault: the reason for the job's failure.
    #[error("{0}")]
    Data(String),
    /// The store is at fault, or files changed in reading; the import may be tried again.
    #[error(transparent)]
    Store(StoreError),
}

/// How much is done at a time. Parts depend on these, so they are the same everywhere.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    /// Bytes of one read, and so about the size of a chunk.
    range_bytes: u64,
    reads_ahead: usize,
    max_line_bytes: usize,
    part_rows: u64,
    /// Encoded bytes of a part.
    part_bytes: usize,
}

const TUNING: Tuning =
    Tuning { range_bytes: 8 << 20, reads_ahead: 2, max_line_bytes: 16 << 20, part_rows: 8 << 20, part_bytes: 32 << 20 };

/// Imports CSV files. All of their rows are in parts afterwards, or none is.
///
/// The same files and schema give the same parts under the same keys, so that doing it again does no harm.
///
/// # Errors
/// [`ImportError::Data`] with the first flaw in the order of files and lines, named by file, line, column
/// and value; or if there are no files, no rows, or fewer than 1,000 interactions. [`ImportError::Store`] if
/// a store failed.
pub(crate) async fn import(request: ImportRequest<'_>) -> Result<ImportOutcome, ImportError> {
    import_tuned(request, TUNING).await
}

async fn import_tuned(request: ImportRequest<'_>, tuning: Tuning) -> Result<ImportOutcome, ImportError> {
    let mut sink = Sink::new(Arc::clone(&request.destination), &request.prefix, tuning);
    let outcome = run(request, tuning, &mut sink).await;
    match &outcome {
        Ok(ImportOutcome { parts, rows, span }) => tracing::debug!(parts = parts.len(), rows, ?span, "imported"),
        Err(_) => sink.clear().await,
    }
    outcome
}

async fn run(request: ImportRequest<'_>, tuning: Tuning, sink: &mut Sink) -> Result<ImportOutcome, ImportError> {
    let source = Source { store: request.source, bucket: request.bucket };
    let files = source.files(&request.location).await?;
    let name = format!("s3://{}/{}", source.bucket, request.location);
    let schema = request.schema;
    let columns: Arc<[Column]> = schema.columns().into();
    let n_threads = available_parallelism().map_or(1, NonZero::get);
    let (sender, mut chunks) = mpsc::channel(1);
    let reader = tokio::spawn(source.clone().send(files, schema.clone(), tuning, sender));

    let mut under_way = VecDeque::new();
    let mut counts = Counts::default();
    // The line that the next chunk of the file begins with.
    let mut next_line = 1;
    loop {
        while under_way.len() < n_threads
            && let Some(chunk) = chunks.recv().await
        {
            let columns = Arc::clone(&columns);
            under_way.push_back(match chunk {
                Ok(chunk) => Ok(tokio::task::spawn_blocking(move || encode(chunk, &columns))),
                Err(error) => Err(error),
            });
        }
        let Some(first) = under_way.pop_front() else { break };
        let encoded = first?.await.map_err(|error| failed("reading rows", error))?;
        next_line = encoded.first_line.unwrap_or(next_line);
        let (piece, read) = match encoded.result {
            Ok(read) => read,
            Err(Fault::Failed(error)) => return Err(error),
            Err(Fault::Flaw(flaw)) => {
                source.check_unchanged(&encoded.file.meta).await?;
                return Err(ImportError::Data(flaw.reason(&encoded.file.name, next_line)));
            }
        };
        next_line += read.lines;
        counts.rows += read.rows;
        counts.span = joined(counts.span, read.span);
        if read.rows > 0 {
            sink.add(piece, read.rows).await?;
        }
    }
    reader.await.map_err(|error| failed("reading files", error))?;
    if counts.rows == 0 {
        return Err(ImportError::Data(format!("{name} has no rows below the header.")));
    }
    if schema.dataset_type() == DatasetType::Interactions && counts.rows < LEAST_INTERACTIONS {
        let rows = counts.rows;
        return Err(ImportError::Data(format!(
            "{name} has {rows} interactions; an import needs at least {LEAST_INTERACTIONS}."
        )));
    }
    Ok(ImportOutcome { parts: sink.finish().await?, rows: counts.rows, span: counts.span })
}

/// A chunk, read and encoded as a small part.
struct Encoded {
    file: Arc<File>,
    first_line: Option<u64>,
    result: Result<(Bytes, Counts), Fault>,
}

enum Fault {
    Flaw(Flaw),
    Failed(ImportError),
}

fn encode(chunk: Chunk, columns: &[Column]) -> Encoded {
    let Chunk { content, file, first_line } = chunk;
    let mut builder = PartBuilder::new(columns);
    let result = match read_rows(&content, &file.layout, &mut builder) {
        Err(flaw) => Err(Fault::Flaw(flaw)),
        Ok(counts) => match builder.finish() {
            Ok(piece) => Ok((piece, counts)),
            Err(error) => Err(Fault::Failed(failed("encoding rows", error))),
        },
    };
    Encoded { file, first_line, result }
}

fn joined(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some((a_least, a_most)), Some((b_least, b_most))) => Some((a_least.min(b_least), a_most.max(b_most))),
        (one, other) => one.or(other),
    }
}

/// A failure of ours, as the store's failures are told.
fn failed(doing: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImportError {
    ImportError::Store(StoreError::Backend { doing: doing.into(), source: source.into() })
}

#[cfg(test)]
mod tests;
