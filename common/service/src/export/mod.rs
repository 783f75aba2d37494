//! Exports: a dataset's parts as CSV files in a user's bucket, in the form that imports read.
//!
//! Rows that are equal in all fields are written once. Which rows were seen is kept as fingerprints of 128 bits, in
//! as many passes over the parts as keep them within bounds; parts are read one at a time, and what is written goes
//! to the store piece by piece. So memory depends neither on the number of rows nor on that of parts, but for the
//! sessions of visitors, of whose rows the owner has to be known.

mod cells;
mod columns;
mod csv;
mod files;
mod pick;
mod sessions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use palate_recipes::parts::{Part, PartError};
use palate_store::BlobStore;

pub(crate) use columns::PartColumn;
pub(crate) use sessions::Sessions;

use crate::jobs::{Lost, WorkError};
use crate::schema::{DatasetType, Schema};
use cells::Cells;
use files::Files;
use pick::Pick;

/// Rows that one pass looks at: some hundred megabytes of fingerprints.
const ROWS_A_PASS: u64 = 7_000_000;
/// Rows that are written at a time.
const ROWS_A_CHUNK: usize = 65_536;
/// Bytes of a file, about.
const FILE_BYTES: u64 = 256 << 20;

/// How much is done at a time.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    rows_a_pass: u64,
    rows_a_chunk: usize,
    file_bytes: u64,
}

const TUNING: Tuning = Tuning { rows_a_pass: ROWS_A_PASS, rows_a_chunk: ROWS_A_CHUNK, file_bytes: FILE_BYTES };

/// A part to export.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourcePart {
    pub rows: u64,
    /// When its rows came, in milliseconds since the Unix epoch, if they do not say it themselves.
    pub at_ms: u64,
}

/// Gives the content of a part, by its place in the list.
pub(crate) type Fetch<'a> = &'a (dyn Fn(usize) -> BoxFuture<'a, Result<Bytes, WorkError>> + Send + Sync);

/// What to export and where to.
pub(crate) struct ExportRequest<'a> {
    pub schema: &'a Schema,
    /// Whether of an item or user only the newest row is wanted.
    pub newest: bool,
    /// Those that are wanted, the oldest first.
    pub parts: Vec<SourcePart>,
    pub fetch: Fetch<'a>,
    /// The user's bucket.
    pub output: Arc<dyn BlobStore>,
    /// Files are `<folder>/part-00000.csv` and so on.
    pub folder: String,
    pub lost: &'a Lost,
}

/// Writes the files. Each appears whole; files that an earlier attempt has written are replaced or removed.
///
/// # Errors
/// [`WorkError::Failed`] with the reason if the bucket is missing or refuses.
pub(crate) async fn export(request: ExportRequest<'_>) -> Result<u64, WorkError> {
    export_tuned(request, TUNING).await
}

async fn export_tuned(request: ExportRequest<'_>, tuning: Tuning) -> Result<u64, WorkError> {
    let ExportRequest { schema, output, folder, .. } = &request;
    let names: Vec<&str> = schema.fields().iter().map(|field| &*field.name).collect();
    let mut files = Files::begin(Arc::clone(output), folder, &names, tuning.file_bytes).await?;
    let sessions = Arc::new(sessions_of(&request).await?);
    let n_rows: u64 = request.parts.iter().map(|part| part.rows).sum();
    let n_passes = n_rows.div_ceil(tuning.rows_a_pass.max(1)).max(1);
    let by_id = request.newest && matches!(schema.dataset_type(), DatasetType::Items | DatasetType::Users);
    let mut written = 0;
    let mut pick = Pick::new(by_id, n_passes);
    for pass in 0..n_passes {
        pick.begin(pass);
        if by_id {
            pick = each_part(&request, &sessions, pick, |cells, mut pick| {
                (0..cells.n_rows()).for_each(|row| pick.consider(&cells, row));
                pick.next_part(&cells);
                pick
            })
            .await?;
            pick.rewind();
        }
        for number in 0..request.parts.len() {
            let cells = Arc::new(open(&request, &sessions, number).await?);
            let mut begin = 0;
            while begin < cells.n_rows() {
                let end = cells.n_rows().min(begin + tuning.rows_a_chunk.max(1));
                let of_chunk = Arc::clone(&cells);
                let (lines, n_lines, back) = tokio::task::spawn_blocking(move || {
                    let (lines, n_lines) = pick.lines(&of_chunk, begin..end);
                    (lines, n_lines, pick)
                })
                .await
                .map_err(WorkError::retry)?;
                pick = back;
                check(request.lost)?;
                files.write(lines).await?;
                written += n_lines;
                begin = end;
            }
            pick.next_part(&cells);
        }
    }
    check(request.lost)?;
    files.finish().await?;
    Ok(written)
}

/// Who the sessions of visitors belong to.
async fn sessions_of(request: &ExportRequest<'_>) -> Result<Sessions, WorkError> {
    let mut sessions = Sessions::default();
    if request.schema.dataset_type() != DatasetType::Interactions {
        return Ok(sessions);
    }
    for number in 0..request.parts.len() {
        let content = content(request, number).await?;
        sessions = blocking(move || {
            sessions.note_visitors(&Part::open(content)?)?;
            Ok(sessions)
        })
        .await?;
    }
    if sessions.is_empty() {
        return Ok(sessions);
    }
    for number in 0..request.parts.len() {
        let content = content(request, number).await?;
        sessions = blocking(move || {
            sessions.note_owners(&Part::open(content)?)?;
            Ok(sessions)
        })
        .await?;
    }
    Ok(sessions)
}

/// Goes through all parts, one after the other, on a thread that may be kept busy.
async fn each_part(
    request: &ExportRequest<'_>,
    sessions: &Arc<Sessions>,
    mut pick: Pick,
    step: impl Fn(Cells, Pick) -> Pick + Clone + Send + 'static,
) -> Result<Pick, WorkError> {
    for number in 0..request.parts.len() {
        check(request.lost)?;
        let cells = open(request, sessions, number).await?;
        let step = step.clone();
        pick = tokio::task::spawn_blocking(move || step(cells, pick)).await.map_err(WorkError::retry)?;
    }
    Ok(pick)
}

async fn open(request: &ExportRequest<'_>, sessions: &Arc<Sessions>, number: usize) -> Result<Cells, WorkError> {
    let content = content(request, number).await?;
    let (schema, sessions) = (request.schema.clone(), Arc::clone(sessions));
    let at_ms = request.parts.get(number).map_or(0, |part| part.at_ms);
    blocking(move || Cells::read(&Part::open(content)?, &schema, at_ms, sessions)).await
}

async fn content(request: &ExportRequest<'_>, number: usize) -> Result<Bytes, WorkError> {
    check(request.lost)?;
    (request.fetch)(number).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PartError> + Send + 'static,
) -> Result<T, WorkError> {
    tokio::task::spawn_blocking(work).await.map_err(WorkError::retry)?.map_err(WorkError::retry)
}

fn check(lost: &Lost) -> Result<(), WorkError> {
    if lost.is_lost() { Err(WorkError::Lost) } else { Ok(()) }
}
