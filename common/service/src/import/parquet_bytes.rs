//! The bytes of a Parquet file where its reader asks for them, and no more of them than is safe.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf, Bytes, buf::Reader};
use palate_store::{BlobStore, StoreError};
use parquet::{
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};
use tokio::runtime::Handle;

/// The largest page that is decompressed.
const MOST_PAGE_BYTES: u64 = 128 << 20;
/// The most that the head of a page takes, statistics included.
const MOST_HEAD_BYTES: u64 = 64 << 10;

/// Column chunks that were read beforehand.
pub(super) struct Fetched {
    pub size: u64,
    /// With where they stand in the file, in order.
    pub pieces: Vec<(u64, Bytes)>,
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.size
    }
}

impl Fetched {
    /// What there is from `start` on.
    fn from(&self, start: u64) -> Result<Bytes> {
        let (begin, bytes) = self.piece(start).ok_or_else(|| outside(start))?;
        Ok(bytes.slice((start - begin) as usize..))
    }

    /// How many bytes stay in memory as long as one at `start` does.
    pub fn held_with(&self, start: u64) -> u64 {
        self.piece(start).map_or(0, |(_, bytes)| bytes.len() as u64)
    }

    fn piece(&self, start: u64) -> Option<&(u64, Bytes)> {
        self.pieces.iter().find(|(begin, bytes)| (*begin..*begin + bytes.len() as u64).contains(&start))
    }
}

impl ChunkReader for Fetched {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.from(start)?;
        check_page(&bytes)?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if bytes.len() < length { Err(outside(start)) } else { Ok(bytes.slice(..length)) }
    }
}

/// A column chunk that is read page by page, some way ahead: for row groups too large to be held. Only for
/// threads that may block.
pub(super) struct Remote {
    pub store: Arc<dyn BlobStore>,
    pub key: String,
    pub size: u64,
    /// Where the column chunk stands in the file.
    pub chunk: Range<u64>,
    pub ahead_bytes: u64,
    pub handle: Handle,
    /// What was read last, and where it stands.
    window: Mutex<(u64, Bytes)>,
    /// Why the store failed, if it did.
    pub fault: Arc<Mutex<Option<StoreError>>>,
}

impl Remote {
    pub fn new(store: Arc<dyn BlobStore>, key: &str, size: u64, chunk: Range<u64>, ahead_bytes: u64) -> Self {
        Self {
            store,
            key: key.to_owned(),
            size,
            chunk,
            ahead_bytes,
            handle: Handle::current(),
            window: Mutex::default(),
            fault: Arc::default(),
        }
    }

    fn at_least(&self, start: u64, length: u64) -> Result<Bytes> {
        let end = start.checked_add(length).filter(|end| start >= self.chunk.start && *end <= self.chunk.end);
        let end = end.ok_or_else(|| outside(start))?;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if start < window.0 || end > window.0 + window.1.len() as u64 {
            let until = end.max(self.chunk.end.min(start.saturating_add(self.ahead_bytes)));
            let read = self.handle.block_on(self.store.get_range(&self.key, start..until));
            let read = read.and_then(|bytes| match bytes.len() as u64 == until - start {
                true => Ok(bytes),
                // Shorter than it was: somebody is replacing it.
                false => Err(StoreError::Conflict { key: self.key.clone() }),
            });
            let bytes = read.map_err(|error| {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                ParquetError::General("the store failed".into())
            })?;
            *window = (start, bytes);
        }
        Ok(window.1.slice((start - window.0) as usize..))
    }
}

impl Length for Remote {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Remote {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.at_least(start, MOST_HEAD_BYTES.min(self.chunk.end.saturating_sub(start)))?;
        check_page(&bytes)?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        Ok(self.at_least(start, length as u64)?.slice(..length))
    }
}

fn outside(start: u64) -> ParquetError {
    ParquetError::EOF(format!("a page at byte {start} reaches beyond its column chunk"))
}

/// Refuses a page that says it becomes very large: its reader would take the memory on its word.
fn check_page(head: &[u8]) -> Result<()> {
    // Thrift's compact form: the page's type, then its size uncompressed, both whole numbers.
    let Some(mut rest) = head.strip_prefix(&[0x15]) else { return Ok(()) };
    varint(&mut rest);
    let Some(mut rest) = rest.strip_prefix(&[0x15]) else { return Ok(()) };
    let n_bytes = varint(&mut rest) >> 1;
    if n_bytes > MOST_PAGE_BYTES {
        let (has, most) = (n_bytes >> 20, MOST_PAGE_BYTES >> 20);
        return Err(ParquetError::General(format!("a page of {has} MiB uncompressed, and at most {most} are read")));
    }
    Ok(())
}

fn varint(data: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let Some((byte, rest)) = data.split_first() else { break };
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
