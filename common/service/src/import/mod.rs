//! The import of CSV and Parquet files: from a user's bucket into typed parts.
//!
//! One task reads ahead ([`source`]) and cuts the bytes into chunks of whole lines. Each chunk is read
//! against the schema and encoded on a thread of its own ([`rows`]), and the results are gathered in order
//! into parts ([`sink`]). Memory is bounded by the number of chunks under way, whatever the files' size;
//! the parts depend on the files alone, not on timing. From the first bad row on, the rest is only checked,
//! and the bad rows are gathered ([`errors`]).

pub(crate) mod check;
mod decompress;
pub(crate) mod errors;
mod flaw;
mod layout;
pub(crate) mod line;
mod parquet_adopt;
mod parquet_bytes;
mod parquet_file;
mod parquet_plan;
mod parquet_read;
mod rows;
mod sink;
mod source;
pub(crate) mod value;

use std::{collections::VecDeque, num::NonZero, sync::Arc, thread::available_parallelism};

use palate_recipes::parts::{Column, PartBuilder, Piece};
use palate_store::{BlobMeta, BlobStore, StoreError};
use tokio::sync::mpsc;

use crate::data::{Origin, PartInfo};
use crate::schema::{DatasetType, Schema};
use errors::{BadRows, MOST_BAD_ROWS};
use flaw::Flaw;
use parquet_read::Rows;
use rows::{Counts, check_rows, read_rows};
use sink::Sink;
use source::{Chunk, Content, File, FileFault, Source};

/// The fewest rows of an import of interactions.
const LEAST_INTERACTIONS: u64 = 1_000;
/// The beginning of the year 3000: times that all lie behind it are no seconds.
const FAR_FUTURE_S: i64 = 32_503_680_000;

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
    /// Rows or single files are at fault.
    #[error("{}", .0.reason())]
    BadRows(BadRows),
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
/// [`ImportError::BadRows`] with the first flaws in the order of files and lines, named by file, line, column
/// and value. [`ImportError::Data`] if there are no files, no rows, fewer than 1,000 interactions, or no
/// TIMESTAMP that can be in seconds. [`ImportError::Store`] if a store failed.
pub(crate) async fn import(request: ImportRequest<'_>) -> Result<ImportOutcome, ImportError> {
    import_tuned(request, TUNING).await
}

async fn import_tuned(request: ImportRequest<'_>, tuning: Tuning) -> Result<ImportOutcome, ImportError> {
    let mut sink = Sink::new(Arc::clone(&request.destination), &request.prefix, tuning);
    let source = Source { store: request.source, bucket: request.bucket };
    let outcome = match source.files(&request.location).await {
        Ok(files) => {
            let name = source.name(&request.location);
            run(&source, files, &name, request.schema, tuning, Some(&mut sink)).await
        }
        Err(error) => Err(error),
    };
    match &outcome {
        Ok(ImportOutcome { parts, rows, span }) => tracing::debug!(parts = parts.len(), rows, ?span, "imported"),
        Err(_) => sink.clear().await,
    }
    outcome
}

/// Reads files, which `name` stands for as a whole, into `sink`; without one they are only checked.
async fn run(
    source: &Source,
    files: Vec<BlobMeta>,
    name: &str,
    schema: &Schema,
    tuning: Tuning,
    mut sink: Option<&mut Sink>,
) -> Result<ImportOutcome, ImportError> {
    let columns: Arc<[Column]> = schema.columns().into();
    let n_threads = available_parallelism().map_or(1, NonZero::get);
    let (sender, mut chunks) = mpsc::channel(1);
    let reader = tokio::spawn(source.clone().send(files, schema.clone(), tuning, sender));

    let mut under_way = VecDeque::new();
    let mut counts = Counts::default();
    let mut bad = BadRows::default();
    // The file of the last bad row.
    let mut flawed: Option<Arc<File>> = None;
    // The line that the next chunk of the file begins with.
    let mut next_line = 1;
    while !bad.is_full() {
        // One more than threads, so that none waits for the order of the others.
        while under_way.len() <= n_threads
            && let Some(chunk) = chunks.recv().await
        {
            let columns = Arc::clone(&columns);
            let keep = sink.is_some() && bad.is_empty();
            under_way.push_back(match chunk {
                Ok(chunk) => Ok(tokio::task::spawn_blocking(move || encode(chunk, &columns, keep))),
                Err(fault) => Err(fault),
            });
        }
        let Some(first) = under_way.pop_front() else { break };
        let encoded = match first {
            Ok(encoding) => encoding.await.map_err(|error| failed("reading rows", error))?,
            Err(FileFault { file, error: ImportError::Data(reason) }) => {
                bad.add_file(&file, reason);
                continue;
            }
            Err(fault) => return Err(fault.error),
        };
        next_line = encoded.first_line.unwrap_or(next_line);
        let Read { piece, counts: read, flaws } = match encoded.result {
            Ok(read) => read,
            // A row group that is broken: a flaw of the file, unless it is being replaced.
            Err(ImportError::Data(reason)) => {
                source.check_unchanged(&encoded.file.meta).await?;
                bad.add_file(&encoded.file.name, reason);
                continue;
            }
            Err(error) => return Err(error),
        };
        if !flaws.is_empty() && !flawed.as_ref().is_some_and(|file| Arc::ptr_eq(file, &encoded.file)) {
            source.check_unchanged(&encoded.file.meta).await?;
            flawed = Some(Arc::clone(&encoded.file));
        }
        for flaw in &flaws {
            bad.add_in(encoded.unit, flaw, &encoded.file.name, next_line);
        }
        next_line += read.lines;
        counts.rows += read.rows;
        counts.span = joined(counts.span, read.span);
        if let (Some(sink), Some(piece), true) = (&mut sink, piece, bad.is_empty() && read.rows > 0) {
            sink.add(piece, read.rows).await?;
        }
    }
    // It may have more to say than anybody wants to hear.
    drop(chunks);
    reader.await.map_err(|error| failed("reading files", error))?;
    if !bad.is_empty() {
        return Err(ImportError::BadRows(bad));
    }
    check_whole(name, schema, &counts)?;
    let parts = match sink {
        Some(sink) => sink.finish().await?,
        None => Vec::new(),
    };
    Ok(ImportOutcome { parts, rows: counts.rows, span: counts.span })
}

/// Checks what no single row shows.
fn check_whole(name: &str, schema: &Schema, counts: &Counts) -> Result<(), ImportError> {
    let rows = counts.rows;
    if rows == 0 {
        return Err(ImportError::Data(format!("{name} has no rows below the header.")));
    }
    if schema.dataset_type() == DatasetType::Interactions && rows < LEAST_INTERACTIONS {
        return Err(ImportError::Data(format!(
            "{name} has {rows} interactions; an import needs at least {LEAST_INTERACTIONS}."
        )));
    }
    match counts.span {
        Some((least, _)) if least >= FAR_FUTURE_S => Err(ImportError::Data(format!(
            "{name}, column TIMESTAMP: every value lies beyond the year 3000, the least is {least}. It looks like \
             milliseconds; a TIMESTAMP is in seconds since 1970, so divide by 1000."
        ))),
        _ => Ok(()),
    }
}

/// A chunk, read and encoded as a small part.
struct Encoded {
    file: Arc<File>,
    first_line: Option<u64>,
    /// What the file is counted in.
    unit: &'static str,
    result: Result<Read, ImportError>,
}

struct Read {
    /// `None` if rows are bad, or if the rows were to be checked only.
    piece: Option<Piece>,
    /// Of the good rows.
    counts: Counts,
    flaws: Vec<Flaw>,
}

fn encode(chunk: Chunk, columns: &[Column], keep: bool) -> Encoded {
    let Chunk { content, file, first_line } = chunk;
    let (unit, result) = match content {
        Content::Lines(lines) => ("line", encode_lines(&lines, &file, columns, keep)),
        Content::Group(group) => {
            let rows = group.read(MOST_BAD_ROWS);
            let broken = |reason| ImportError::Data(parquet_file::unreadable(&file.name, reason));
            ("row", rows.map_err(broken).and_then(|rows| encode_rows(rows, keep)))
        }
        Content::Rows(rows) => ("row", encode_rows(*rows, keep)),
    };
    Encoded { file, first_line, unit, result }
}

fn encode_lines(lines: &[u8], file: &File, columns: &[Column], keep: bool) -> Result<Read, ImportError> {
    if keep {
        let mut builder = PartBuilder::new(columns);
        if let Ok(counts) = read_rows(lines, &file.layout, &mut builder) {
            return encode_rows(Rows { builder, counts, flaws: Vec::new() }, true);
        }
    }
    let (counts, flaws) = check_rows(lines, &file.layout, columns, MOST_BAD_ROWS);
    Ok(Read { piece: None, counts, flaws })
}

fn encode_rows(rows: Rows, keep: bool) -> Result<Read, ImportError> {
    let Rows { mut builder, counts, flaws } = rows;
    let piece = match keep && flaws.is_empty() {
        true => Some(builder.piece().map_err(|error| failed("encoding rows", error))?),
        false => None,
    };
    Ok(Read { piece, counts, flaws })
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
#[allow(clippy::unwrap_used)]
mod corpus;
#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod formats_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod test_stores;
#[cfg(test)]
mod tests;
