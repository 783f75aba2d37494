use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::backend;
use crate::StoreError;

/// The format of the database, kept in SQLite's `user_version`.
const FORMAT: i64 = 2;

/// How long a connection waits for another process's commit.
const PATIENCE: Duration = Duration::from_secs(30);

/// Format 1: the records.
///
/// TEXT compares by `memcmp` of its UTF-8, which is the order that the contract asks for.
const RECORDS: &str = "CREATE TABLE records (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (partition, sort)
) STRICT, WITHOUT ROWID";

/// Format 2: some of them end by themselves, in seconds since the Unix epoch. Only those are in the index.
const EXPIRES: &str = "ALTER TABLE records ADD COLUMN expires INTEGER;
CREATE INDEX records_that_expire ON records (expires) WHERE expires IS NOT NULL";

/// Creates the tables if they are not there and brings those of an older format to this one; refuses a database of
/// a newer format.
///
/// The caller holds the exclusive lock: two processes switching to WAL at once would fail with "busy".
pub(super) fn prepare(path: &Path) -> Result<(), StoreError> {
    let failed = |error| backend(format!("opening {}", path.display()), error);
    let mut db = connect(path)?;
    db.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let found = transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).map_err(failed)?;
    let missing: &[&str] = match found {
        0 => &[RECORDS, EXPIRES],
        1 => &[EXPIRES],
        FORMAT => return Ok(()),
        other => {
            return Err(StoreError::Invalid {
                key: path.display().to_string(),
                reason: format!(
                    "its format is version {other}, this Palate knows up to version {FORMAT}; use a newer Palate"
                ),
            });
        }
    };
    for step in missing {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Opens a connection that makes every commit durable.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // macOS: without it a commit stops at the drive's cache. No effect elsewhere.
        db.pragma_update(None, "fullfsync", true)?;
        // After a large commit the log shrinks again.
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        Ok(db)
    };
    open().map_err(|error: rusqlite::Error| backend(format!("opening {}", path.display()), error))
}

/// Deletes every record in one transaction.
pub(super) fn delete_all(path: &Path) -> Result<(), StoreError> {
    let failed = |error| backend(format!("emptying {}", path.display()), error);
    connect(path)?.execute_batch("DELETE FROM records").map_err(failed)
}
