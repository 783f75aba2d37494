//! A user's Parquet file: its footer first, then one row group at a time.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use palate_store::{BlobMeta, StoreError};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::mpsc;

use super::{
    ImportError, Tuning,
    errors::MOST_BAD_ROWS,
    failed,
    parquet_bytes::{Fetched, Remote},
    parquet_plan::Plan,
    parquet_read::{Broken, Rows, guarded, open_column, read_group, read_some},
    source::{Chunk, Content, End, File, FileFault, Source, opened},
};
use crate::schema::Schema;

const MAGIC: &[u8] = b"PAR1";
/// What a file begins with whose footer is encrypted.
const ENCRYPTED: &[u8] = b"PARE";
/// The footer's length and the magic behind it.
const TAIL: u64 = 8;
/// The first read at a file's end: most footers are in it.
const FOOTER_GUESS: u64 = 64 << 10;
/// The largest footer that is read.
const MOST_FOOTER_BYTES: u64 = 64 << 20;
/// Column chunks that stand closer to each other than this are read at once.
const GAP: u64 = 256 << 10;
/// Rows of a piece of a row group that is too large to be held.
const PIECE_ROWS: usize = 128 << 10;
/// Rows that are read at a time there: even with the longest texts they are few enough.
const STEP_ROWS: usize = 4 << 10;

/// Whether a file that begins so is Parquet.
pub(super) fn is_parquet(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC) || beginning.starts_with(ENCRYPTED)
}

pub(super) fn unreadable(file: &str, reason: impl std::fmt::Display) -> String {
    format!("{file} is not a readable Parquet file: {reason}; write it anew.")
}

/// A row group whose columns were fetched.
pub(super) struct Group {
    parquet: Arc<Parquet>,
    number: usize,
    bytes: Arc<Fetched>,
}

impl Group {
    pub fn read(&self, most_flaws: usize) -> Result<Rows, Broken> {
        let Parquet { plan, metadata } = &*self.parquet;
        guarded(|| read_group(plan, metadata.row_group(self.number), &self.bytes, most_flaws))
    }
}

/// A file's footer, and how it is read.
struct Parquet {
    plan: Plan,
    metadata: ParquetMetaData,
}

impl Parquet {
    /// Where the column chunks stand that the schema has.
    fn chunks(&self, group: usize) -> Vec<Range<u64>> {
        let group = self.metadata.row_group(group);
        let range = |leaf: usize| {
            let (start, length) = group.column(leaf).byte_range();
            start..start.saturating_add(length)
        };
        self.plan.columns.iter().map(|planned| range(planned.leaf)).collect()
    }

    /// Whether a row group is small enough to be held, as it is and as it becomes.
    fn is_held(&self, group: usize, tuning: &Tuning) -> bool {
        let group = self.metadata.row_group(group);
        let chunks = || self.plan.columns.iter().map(|planned| group.column(planned.leaf));
        let compressed: u64 = chunks().map(|chunk| chunk.byte_range().1).fold(0, u64::saturating_add);
        let size = |bytes: i64| u64::try_from(bytes).unwrap_or(u64::MAX);
        let uncompressed = chunks().map(|chunk| size(chunk.uncompressed_size())).fold(0, u64::saturating_add);
        compressed <= tuning.range_bytes.saturating_mul(4)
            && uncompressed <= tuning.range_bytes.saturating_mul(8)
            && size(group.num_rows()) <= 1 << 20
    }
}

impl Source {
    /// Sends a Parquet file row group by row group.
    pub(super) async fn send_parquet(
        &self,
        meta: &BlobMeta,
        schema: &Schema,
        tuning: &Tuning,
        first: &mut Option<Arc<File>>,
        chunks: &mpsc::Sender<Result<Chunk, FileFault>>,
    ) -> Result<(), End> {
        let name = self.name(&meta.key);
        let metadata = self.metadata(meta, &name).await?;
        let described = metadata.file_metadata().schema_descr();
        let plan = guarded(|| Plan::new(described, schema, &name)).map_err(ImportError::Data)?;
        let file = opened(first, name.clone(), plan.layout.clone(), meta)?;
        let parquet = Arc::new(Parquet { plan, metadata });
        let within = |range: &Range<u64>| range.start < range.end && range.end <= meta.size;
        // The row, from 1, that the first chunk begins with.
        let mut first_line = Some(1);
        for number in 0..parquet.metadata.num_row_groups() {
            let n_rows = parquet.metadata.row_group(number).num_rows();
            if n_rows <= 0 {
                continue;
            }
            let ranges = parquet.chunks(number);
            if !ranges.iter().all(within) {
                return Err(ImportError::Data(unreadable(&name, "its columns reach beyond its end")).into());
            }
            if !parquet.is_held(number, tuning) {
                self.send_pieces(meta, &parquet, number, tuning, &file, &mut first_line, chunks).await?;
                continue;
            }
            let bytes = self.fetch(meta, ranges, tuning).await?;
            let group = Group { parquet: Arc::clone(&parquet), number, bytes: Arc::new(bytes) };
            let chunk =
                Chunk { content: Content::Group(group), file: Arc::clone(&file), first_line: first_line.take() };
            chunks.send(Ok(chunk)).await.map_err(|_| End::Unheard)?;
        }
        Ok(())
    }

    async fn metadata(&self, meta: &BlobMeta, name: &str) -> Result<ParquetMetaData, ImportError> {
        let refused = |reason: &str| ImportError::Data(unreadable(name, reason));
        let cut_off = || refused("it does not end as Parquet files do, so it is cut off or still being written");
        let tail = self.range(meta, meta.size.saturating_sub(FOOTER_GUESS)..meta.size).await?;
        if tail.ends_with(ENCRYPTED) {
            return Err(refused("it is encrypted"));
        }
        let length = tail.len().checked_sub(TAIL as usize).and_then(|at| tail[at..].first_chunk::<4>());
        let Some(length) = length.filter(|_| tail.ends_with(MAGIC)) else { return Err(cut_off()) };
        let length = u64::from(u32::from_le_bytes(*length));
        if length > MOST_FOOTER_BYTES {
            return Err(refused("its footer is larger than 64 MiB"));
        }
        let end = meta.size - TAIL;
        let Some(start) = end.checked_sub(length) else { return Err(cut_off()) };
        let footer = match tail.len().checked_sub((length + TAIL) as usize) {
            Some(at) => tail.slice(at..tail.len() - TAIL as usize),
            None => self.range(meta, start..end).await?,
        };
        guarded(|| ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| error.to_string()))
            .map_err(|reason| refused(&reason))
    }

    /// Reads column chunks, neighbours at once.
    async fn fetch(
        &self,
        meta: &BlobMeta,
        mut ranges: Vec<Range<u64>>,
        tuning: &Tuning,
    ) -> Result<Fetched, ImportError> {
        ranges.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(GAP) => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        let read = |range: Range<u64>| async move { Ok((range.start, self.range(meta, range).await?)) };
        let pieces = futures::stream::iter(joined).map(read).buffered(tuning.reads_ahead.max(1));
        Ok(Fetched { size: meta.size, pieces: pieces.try_collect().await? })
    }

    async fn range(&self, meta: &BlobMeta, range: Range<u64>) -> Result<Bytes, ImportError> {
        let length = range.end - range.start;
        let bytes = self.store.get_range(&meta.key, range).await.map_err(|error| self.refusal(&meta.key, error))?;
        // Shorter than it was: somebody is replacing it.
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(ImportError::Store(StoreError::Conflict { key: meta.key.clone() }))
        }
    }

    /// Sends a row group that is too large to be held: its columns are read side by side, page by page.
    #[allow(clippy::too_many_arguments)]
    async fn send_pieces(
        &self,
        meta: &BlobMeta,
        parquet: &Arc<Parquet>,
        number: usize,
        tuning: &Tuning,
        file: &Arc<File>,
        first_line: &mut Option<u64>,
        chunks: &mpsc::Sender<Result<Chunk, FileFault>>,
    ) -> Result<(), End> {
        let ranges = parquet.chunks(number);
        let ahead = (tuning.range_bytes / 8).max(1);
        let remotes: Vec<Arc<Remote>> = ranges
            .into_iter()
            .map(|range| Arc::new(Remote::new(Arc::clone(&self.store), &meta.key, meta.size, range, ahead)))
            .collect();
        let faults: Vec<_> = remotes.iter().map(|remote| Arc::clone(&remote.fault)).collect();
        let (parquet, file_of, chunks) = (Arc::clone(parquet), Arc::clone(file), chunks.clone());
        let mut line = first_line.take();
        let read = tokio::task::spawn_blocking(move || -> Result<Result<(), End>, Broken> {
            let plan = &parquet.plan;
            let group = parquet.metadata.row_group(number);
            let mut readers = plan
                .columns
                .iter()
                .zip(&remotes)
                .map(|(planned, remote)| guarded(|| open_column(planned, group, remote)))
                .collect::<Result<Vec<_>, _>>()?;
            let mut missing = usize::try_from(group.num_rows()).unwrap_or(0);
            while missing > 0 {
                let n_rows = missing.min(PIECE_ROWS);
                let rows = read_some(plan, &mut readers, n_rows, STEP_ROWS, MOST_BAD_ROWS)?;
                missing = missing.saturating_sub(rows.counts.lines as usize);
                let content = Content::Rows(Box::new(rows));
                let chunk = Chunk { content, file: Arc::clone(&file_of), first_line: line.take() };
                if chunks.blocking_send(Ok(chunk)).is_err() {
                    return Ok(Err(End::Unheard));
                }
            }
            Ok(Ok(()))
        });
        match read.await.map_err(|error| failed("reading a row group", error))? {
            Ok(ended) => ended,
            Err(reason) => {
                let fault = faults.iter().find_map(|fault| fault.lock().ok()?.take());
                Err(match fault {
                    Some(error) => self.refusal(&meta.key, error),
                    None => ImportError::Data(unreadable(&file.name, reason)),
                }
                .into())
            }
        }
    }
}
