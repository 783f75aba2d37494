use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::{backend, group_commit::Writer, schema};
use crate::{Key, Now, Order, Page, Record, RecordStore, StoreError, Write, keys};

/// Bytes of values after which a page ends early, as DynamoDB's do: it bounds what one call holds.
const PAGE_BYTES: usize = 1 << 20;

/// Connections kept for reading. More may be open while more reads run.
const IDLE_READERS: usize = 16;

/// Records in a SQLite database in WAL mode.
///
/// Reads run on the calling thread: in WAL mode they wait for no writer, take some ten microseconds out of
/// the page cache, and a page is at most [`PAGE_BYTES`] and one value long. Handing them to another thread
/// would cost more than they do. Commits, which wait for the disk, have a thread of their own.
pub(super) struct SqliteRecords {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    now: Now,
}

impl SqliteRecords {
    pub(super) fn open(path: &Path, now: Now) -> Result<Self, StoreError> {
        schema::prepare(path)?;
        let writer = Writer::start(path, now.clone())?;
        Ok(Self { path: path.into(), readers: Mutex::default(), writer, now })
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => schema::connect(&self.path)?,
        };
        let result = read(&db).map_err(|error| backend("reading records", error));
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(db);
        }
        result
    }
}

#[async_trait]
impl RecordStore for SqliteRecords {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        keys::check_record_key(key)?;
        self.read(|db| {
            let sql = "SELECT sort, version, value FROM records
                       WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)";
            db.prepare_cached(sql)?
                .query_row(params![key.partition, key.sort, seconds(&self.now)], |row| record(&key.partition, row))
                .optional()
        })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        keys::check_writes(&writes)?;
        if writes.is_empty() {
            return Ok(());
        }
        self.writer.commit(writes).await
    }

    async fn list(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        order: Order,
    ) -> Result<Page<Record>, StoreError> {
        keys::check_record_list(partition, prefix, after, limit)?;
        let (from, to) = bounds(prefix, after, order);
        let sql = match order {
            Order::Ascending => {
                "SELECT sort, version, value FROM records
                 WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 AND (expires IS NULL OR expires > ?5)
                 ORDER BY sort LIMIT ?4"
            }
            Order::Descending => {
                "SELECT sort, version, value FROM records
                 WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 AND (expires IS NULL OR expires > ?5)
                 ORDER BY sort DESC LIMIT ?4"
            }
        };
        self.read(|db| {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query(params![partition, from, to, limit as i64 + 1, seconds(&self.now)])?;
            let mut page = Page { entries: Vec::new(), next: None };
            let mut bytes = 0;
            while let Some(row) = rows.next()? {
                if page.entries.len() == limit || bytes >= PAGE_BYTES {
                    page.next = page.entries.last().map(|last: &Record| last.key.sort.clone());
                    break;
                }
                let record = record(partition, row)?;
                bytes += record.value.len();
                page.entries.push(record);
            }
            Ok(page)
        })
    }

    async fn purge_expired(&self, limit: usize) -> Result<usize, StoreError> {
        keys::check_limit("purge_expired", limit)?;
        self.writer.purge(limit).await
    }
}

/// The time as SQLite compares it; what lies beyond its numbers never comes.
pub(super) fn seconds(now: &Now) -> i64 {
    i64::try_from(now.seconds()).unwrap_or(i64::MAX)
}

fn record(partition: &str, row: &Row<'_>) -> rusqlite::Result<Record> {
    let version = row.get::<_, i64>(1)?.cast_unsigned();
    Ok(Record { key: Key::new(partition, row.get::<_, String>(0)?), version, value: row.get(2)? })
}

/// The range `from <= sort < to` that a listing covers.
fn bounds(prefix: &str, after: Option<&str>, order: Order) -> (String, Value) {
    let from = match (after, order) {
        // The next string after `x` in byte order is `x` and a NUL.
        (Some(after), Order::Ascending) if after >= prefix => format!("{after}\0"),
        _ => prefix.to_owned(),
    };
    let end = end_of(prefix);
    let to = match (after, order) {
        (Some(after), Order::Descending) if end.as_deref().is_none_or(|end| after < end) => Some(after.to_owned()),
        _ => end,
    };
    // In SQLite every text is less than any blob.
    (from, to.map_or(Value::Blob(Vec::new()), Value::Text))
}

/// The least string above everything that begins with `prefix`, if there is one. The order of UTF-8 bytes
/// is the order of code points.
fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            _ => char::from_u32(last as u32 + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_above_all_that_begin_with_it() {
        assert_eq!(end_of("ab").as_deref(), Some("ac"));
        assert_eq!(end_of("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(end_of("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(end_of(""), None);
        assert_eq!(end_of("\u{10FFFF}"), None);
    }
}
