//! Moving what was committed from SQLite's log into the database, beside the commits and not between them.
//!
//! A commit is durable in the log. By default SQLite moves the log's pages right after the commit that made it long,
//! and everybody who waits for the writer waits for that too: for a thousand pages all over the file, and two fsyncs
//! more. A second connection may do it at the same time as commits go on.

use std::{path::Path, sync::mpsc, thread};

use rusqlite::Connection;

use super::{backend, schema};
use crate::StoreError;

/// Writes between two moves. Each changes about one page of 4 KiB; a page that several have changed is moved once.
const EVERY: usize = 4_000;

/// Pages of the log at which the writer moves the rest itself, so that the log begins anew instead of growing: by
/// then most of them have been moved.
const LONGEST_LOG: u32 = 16_000;

/// The way to the moving thread, which ends with it.
pub(super) struct Checkpointer {
    wake: mpsc::SyncSender<()>,
    writes: usize,
}

impl Checkpointer {
    /// Starts the thread that moves what `writer` commits.
    pub(super) fn start(path: &Path, writer: &Connection) -> Result<Self, StoreError> {
        let failed = |error| backend(format!("opening {}", path.display()), error);
        writer.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG).map_err(failed)?;
        let db = schema::connect(path)?;
        // One wake-up may wait while a move is under way.
        let (wake, woken) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("palate-checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // Passive: it waits for nobody and leaves what is still being read.
                    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the log of the records is not moved");
                    }
                }
            })
            .map_err(|error| backend("starting the thread that moves the log", error))?;
        Ok(Self { wake, writes: 0 })
    }

    /// Takes note of so many writes that have been committed.
    pub(super) fn note(&mut self, writes: usize) {
        self.writes += writes;
        if self.writes >= EVERY && self.wake.try_send(()).is_ok() {
            self.writes = 0;
        }
    }
}
