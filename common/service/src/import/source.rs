//! The user's files as a stream of chunks of whole lines.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use palate_store::{BlobMeta, BlobStore, StoreError};
use tokio::sync::mpsc;

use super::{
    ImportError, Tuning,
    decompress::{Compression, decompress},
    layout::Layout,
    parquet_file::{self, Group},
    parquet_read::Rows,
    rows::without_end,
};
use crate::schema::Schema;

/// Keys of one page of a listing.
const PAGE: usize = 1_000;
const BOM: &str = "\u{feff}";

/// Some rows of a file, to be read by themselves.
pub(super) struct Chunk {
    pub content: Content,
    pub file: Arc<File>,
    /// The physical line (of Parquet: the row), from 1, that the chunk begins with, if it is the first of its
    /// file.
    pub first_line: Option<u64>,
}

pub(super) enum Content {
    /// Whole lines of CSV.
    Lines(Bytes),
    /// A row group of Parquet.
    Group(Group),
    /// Rows that had to be read one after the other, being of a row group too large to be held.
    Rows(Box<Rows>),
}

/// A file and what its header says.
pub(super) struct File {
    /// As `s3://bucket/key`.
    pub name: String,
    pub layout: Layout,
    /// As it was when the import began.
    pub meta: BlobMeta,
}

/// Why a file is not read, or not to its end.
pub(super) struct FileFault {
    /// Its name, as messages have it.
    pub file: String,
    pub error: ImportError,
}

/// The bucket that a request names.
#[derive(Clone)]
pub(super) struct Source {
    pub store: Arc<dyn BlobStore>,
    pub bucket: String,
}

impl Source {
    /// What messages call a key; files that are in no bucket are called by their paths.
    pub fn name(&self, key: &str) -> String {
        if self.bucket.is_empty() { key.to_owned() } else { format!("s3://{}/{key}", self.bucket) }
    }

    /// The files at a location: one object, or the CSV and Parquet files of the folder's first level.
    pub async fn files(&self, location: &str) -> Result<Vec<BlobMeta>, ImportError> {
        if !location.is_empty() && !location.ends_with('/') {
            return match self.store.head(location).await {
                Ok(file) => Ok(vec![file]),
                Err(error) => Err(self.refusal(location, error)),
            };
        }
        let mut files = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.list(location, after.as_deref(), PAGE).await;
            let page = page.map_err(|error| self.refusal(location, error))?;
            files.extend(page.entries.into_iter().filter(|file| is_data_of(location, &file.key)));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if files.is_empty() {
            let folder = self.name(location);
            let reason = format!(
                "Invalid Data location. {folder} has no file that ends with .csv, .csv.gz, .csv.zst or .parquet on its first level."
            );
            return Err(ImportError::Data(reason));
        }
        Ok(files)
    }

    /// Sends the files chunk by chunk. A file that is at fault itself is told and passed over; any other error
    /// is the end. Meant to run as a task of its own: it reads ahead as far as the channel takes it, and stops
    /// when the channel is closed.
    pub async fn send(
        self,
        files: Vec<BlobMeta>,
        schema: Schema,
        tuning: Tuning,
        chunks: mpsc::Sender<Result<Chunk, FileFault>>,
    ) {
        let mut first: Option<Arc<File>> = None;
        for file in files {
            let error = match self.send_file(&file, &schema, &tuning, &mut first, &chunks).await {
                Ok(()) => continue,
                Err(End::Failed(error)) => error,
                Err(End::Unheard) => return,
            };
            let next = matches!(error, ImportError::Data(_));
            let fault = FileFault { file: self.name(&file.key), error };
            // If nobody listens any more, nobody wants to know.
            if chunks.send(Err(fault)).await.is_err() || !next {
                return;
            }
        }
    }

    async fn send_file(
        &self,
        meta: &BlobMeta,
        schema: &Schema,
        tuning: &Tuning,
        first: &mut Option<Arc<File>>,
        chunks: &mpsc::Sender<Result<Chunk, FileFault>>,
    ) -> Result<(), End> {
        let name = self.name(&meta.key);
        let source = self.clone();
        let key = meta.key.clone();
        let ranges = self.ranges(meta, tuning).map(move |range| range.map_err(|error| source.refusal(&key, error)));
        let ranges = Box::pin(ranges);
        let beginning = self.store.get_range(&meta.key, 0..meta.size.min(4)).await;
        let beginning = beginning.map_err(|error| self.refusal(&meta.key, error))?;
        let piece_bytes = usize::try_from(tuning.range_bytes).unwrap_or(usize::MAX);
        if parquet_file::is_parquet(&beginning) {
            drop(ranges);
            self.send_parquet(meta, schema, tuning, first, chunks).await?;
        } else if has_ending(&name, &[".parquet"]) && meta.size > 0 {
            let reason = format!("{name} is not a Parquet file: it does not begin with PAR1.");
            return Err(ImportError::Data(reason).into());
        } else if let Some(compression) = Compression::of(&beginning) {
            let mut pieces = decompress(ranges, compression, name, piece_bytes);
            let pieces = futures::stream::poll_fn(move |context| pieces.poll_recv(context));
            self.send_lines(meta, pieces, schema, tuning, first, chunks).await?;
        } else {
            self.send_lines(meta, ranges, schema, tuning, first, chunks).await?;
        }
        Ok(self.check_unchanged(meta).await?)
    }

    /// Sends the CSV text of a file, given piece by piece.
    async fn send_lines(
        &self,
        meta: &BlobMeta,
        mut pieces: impl Stream<Item = Result<Bytes, ImportError>> + Unpin,
        schema: &Schema,
        tuning: &Tuning,
        first: &mut Option<Arc<File>>,
        chunks: &mpsc::Sender<Result<Chunk, FileFault>>,
    ) -> Result<(), End> {
        let name = self.name(&meta.key);
        let mut pending: Vec<u8> = Vec::new();
        let mut file: Option<Arc<File>> = None;
        let mut first_line = None;
        // Lines up to and with the header.
        let mut lines = 0;
        loop {
            let piece = pieces.next().await.transpose()?;
            let ended = piece.is_none();
            pending.extend_from_slice(&piece.unwrap_or_default());
            let whole = match pending.iter().rposition(|byte| *byte == b'\n') {
                _ if ended => pending.len(),
                Some(end) => end + 1,
                None if pending.len() > tuning.max_line_bytes => {
                    let most = tuning.max_line_bytes >> 20;
                    let reason = format!("{name}: a line is longer than {most} MiB; each record stands on one line.");
                    return Err(ImportError::Data(reason).into());
                }
                None => continue,
            };
            let rest = pending.split_off(whole);
            let mut content = Bytes::from(std::mem::replace(&mut pending, rest));
            let file = match &file {
                Some(file) => file,
                None => {
                    let Some(header) = header(&mut content, &name, &mut lines)? else {
                        if ended {
                            let reason = format!("{name} is empty; its first line must name the columns.");
                            return Err(ImportError::Data(reason).into());
                        }
                        continue;
                    };
                    first_line = Some(lines + 1);
                    let layout = Layout::read(&header, schema, &name).map_err(ImportError::Data)?;
                    let opened = opened(first, name.clone(), layout, meta)?;
                    file.insert(opened)
                }
            };
            if !content.is_empty() {
                let chunk =
                    Chunk { content: Content::Lines(content), file: Arc::clone(file), first_line: first_line.take() };
                chunks.send(Ok(chunk)).await.map_err(|_| End::Unheard)?;
            }
            if ended {
                break;
            }
        }
        Ok(())
    }

    /// Fails if the file is not any more what it was: what was read may then be of both.
    pub async fn check_unchanged(&self, meta: &BlobMeta) -> Result<(), ImportError> {
        let now = self.store.head(&meta.key).await.map_err(|error| self.refusal(&meta.key, error))?;
        if now.etag == meta.etag {
            return Ok(());
        }
        Err(ImportError::Store(StoreError::Conflict { key: self.name(&meta.key) }))
    }

    /// The file's bytes in order, a few reads ahead.
    fn ranges(
        &self,
        meta: &BlobMeta,
        tuning: &Tuning,
    ) -> impl futures::Stream<Item = Result<Bytes, StoreError>> + use<> {
        let (size, step) = (meta.size, tuning.range_bytes.max(1));
        let starts = (0..size.div_ceil(step)).map(move |number| number * step);
        let (store, key) = (Arc::clone(&self.store), meta.key.clone());
        let read = move |start: u64| {
            let (store, key) = (Arc::clone(&store), key.clone());
            async move {
                let end = size.min(start + step);
                let bytes = store.get_range(&key, start..end).await?;
                // Shorter than it was: somebody is replacing it.
                if bytes.len() as u64 == end - start { Ok(bytes) } else { Err(StoreError::Conflict { key }) }
            }
        };
        futures::stream::iter(starts).map(read).buffered(tuning.reads_ahead.max(1))
    }

    /// What a store's failure means for the job.
    pub fn refusal(&self, key: &str, error: StoreError) -> ImportError {
        let name = self.name(key);
        match error {
            StoreError::NotFound { .. } => ImportError::Data(format!("Invalid Data location. {name} does not exist.")),
            StoreError::Invalid { reason, .. } => {
                ImportError::Data(format!("Invalid Data location. {name} cannot be read: {reason}."))
            }
            StoreError::Denied { .. } => ImportError::Data(format!(
                "Insufficient privileges for accessing data in Amazon S3. {name} cannot be read; allow Palate to list \
                 the bucket and to get its objects."
            )),
            other => ImportError::Store(other),
        }
    }
}

/// A file whose columns were found; all files of a folder have the same.
pub(super) fn opened(
    first: &mut Option<Arc<File>>,
    name: String,
    layout: Layout,
    meta: &BlobMeta,
) -> Result<Arc<File>, ImportError> {
    if let Some(first) = first.as_ref().filter(|first| first.layout.names != layout.names) {
        return Err(ImportError::Data(format!(
            "{name}, line 1: the header differs from that of {}; all files of a folder need the same.",
            first.name
        )));
    }
    let opened = Arc::new(File { name, layout, meta: meta.clone() });
    first.get_or_insert_with(|| Arc::clone(&opened));
    Ok(opened)
}

/// Why a file's chunks end early.
pub(super) enum End {
    Failed(ImportError),
    /// Nobody takes the chunks any more.
    Unheard,
}

impl From<ImportError> for End {
    fn from(error: ImportError) -> Self {
        Self::Failed(error)
    }
}

/// What files of a folder are read by; what is in them is judged by their content.
const ENDINGS: [&str; 4] = [".csv", ".csv.gz", ".csv.zst", ".parquet"];

fn is_data_of(folder: &str, key: &str) -> bool {
    let name = key.strip_prefix(folder).unwrap_or(key);
    !name.contains('/') && !name.starts_with('.') && has_ending(name, &ENDINGS)
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let ends = |ending: &&str| {
        let end = name.len().checked_sub(ending.len()).and_then(|start| name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    endings.iter().any(ends)
}

/// Splits the header off, with blank lines before it, and counts the lines taken. `None` if there are only
/// blank lines so far.
fn header(content: &mut Bytes, name: &str, lines: &mut u64) -> Result<Option<String>, ImportError> {
    while !content.is_empty() {
        let end = content.iter().position(|byte| *byte == b'\n').map_or(content.len(), |end| end + 1);
        let line = content.split_to(end);
        *lines += 1;
        let line = std::str::from_utf8(&line).map_err(|_| {
            ImportError::Data(format!(
                "{name}, line {lines}: the header is not UTF-8; save the file as UTF-8, uncompressed."
            ))
        })?;
        let line = without_end(if *lines == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line });
        if !line.is_empty() {
            return Ok(Some(line.to_owned()));
        }
    }
    Ok(None)
}
