//! Compressed CSV: gzip (of several members too) and Zstandard (of several frames), as it comes.
//!
//! A thread of its own decompresses, so that memory holds a few pieces of the file and of the text, however
//! large either is.

use std::{
    io::{self, BufReader, Read},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::{ImportError, failed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// What a file is compressed with, judged by its first bytes.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        if beginning.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else if beginning.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "Zstandard",
        }
    }
}

/// Decompresses the bytes of the file `name` into pieces of `piece_bytes`, the last one shorter. Ends after the
/// first error.
pub(super) fn decompress(
    mut input: impl Stream<Item = Result<Bytes, ImportError>> + Send + Unpin + 'static,
    compression: Compression,
    name: String,
    piece_bytes: usize,
) -> mpsc::Receiver<Result<Bytes, ImportError>> {
    let (feed, fed) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(bytes) = input.next().await {
            // If nobody reads on, the file is at fault, and that was told.
            if feed.send(bytes).await.is_err() {
                return;
            }
        }
    });
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let fault = Arc::new(Mutex::new(None));
        let input = BufReader::with_capacity(1 << 16, Fed { fed, rest: Bytes::new(), fault: Arc::clone(&fault) });
        let mut reader: Box<dyn Read> = match compression {
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Compression::Zstd => match zstd::stream::read::Decoder::with_buffer(input) {
                Ok(reader) => Box::new(reader),
                Err(error) => {
                    let _ = sender.blocking_send(Err(failed("starting to decompress", error)));
                    return;
                }
            },
        };
        loop {
            let mut piece = Vec::with_capacity(piece_bytes);
            let read = reader.by_ref().take(piece_bytes as u64).read_to_end(&mut piece);
            let ended = piece.is_empty();
            if !ended && sender.blocking_send(Ok(piece.into())).is_err() {
                return;
            }
            if let Err(error) = read {
                let held = fault.lock().ok().and_then(|mut fault| fault.take());
                let _ = sender.blocking_send(Err(held.unwrap_or_else(|| refused(&name, compression, &error))));
                return;
            }
            if ended {
                return;
            }
        }
    });
    receiver
}

fn refused(name: &str, compression: Compression, error: &io::Error) -> ImportError {
    let format = compression.name();
    ImportError::Data(if error.kind() == io::ErrorKind::UnexpectedEof {
        format!("{name} ends in the middle of its {format} data: it is cut off; upload the whole file.")
    } else {
        format!("{name} begins like a {format} file and cannot be decompressed: {error}; compress it anew.")
    })
}

/// The bytes that a task sends, as a reader. A failure of the store is kept beside.
struct Fed {
    fed: mpsc::Receiver<Result<Bytes, ImportError>>,
    rest: Bytes,
    fault: Arc<Mutex<Option<ImportError>>>,
}

impl Read for Fed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.fed.blocking_recv() {
                Some(Ok(bytes)) => self.rest = bytes,
                Some(Err(error)) => {
                    if let Ok(mut fault) = self.fault.lock() {
                        *fault = Some(error);
                    }
                    return Err(io::Error::other("the store failed"));
                }
                None => return Ok(0),
            }
        }
        let n_bytes = into.len().min(self.rest.len());
        into[..n_bytes].copy_from_slice(&self.rest.split_to(n_bytes));
        Ok(n_bytes)
    }
}
