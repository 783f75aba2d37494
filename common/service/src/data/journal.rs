//! The journal of a dataset: what was streamed into it and is in no part yet.
//!
//! An entry is written in the commit of the call that it tells of, so it is durable before the call is
//! answered. Entries change only when users are deleted. They go when a part has their rows; a reader that reads
//! the journal first and the manifest second misses nothing, and may see a row in both.

use std::sync::atomic::{AtomicU32, Ordering};

use palate_store::{Key, Order, Write};
use serde::{Deserialize, Serialize};

use super::Row;
use crate::error::{OpError, chain};
use crate::records::{FORMAT, Records, decode, encode};
use crate::resources::Dataset;

/// Entries are spread over so many partitions: one partition of a table takes only so many writes a second.
const SHARDS: u128 = 4;
/// An entry has at most so many bytes of rows. A record may have more, but not by much.
const ENTRY_BYTES: usize = 300_000;

/// Entries of one moment keep the order in which a process wrote them.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The journal of one dataset. Its creation is part of the name: with a dataset its journal is gone, and a new
/// one of the same name begins with none.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    dataset_arn: String,
    created_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    format: u64,
    /// When it came in, by the service's clock.
    at_ms: u64,
    rows: Vec<Row>,
}

/// An entry as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Journaled {
    pub key: Key,
    pub version: u64,
    pub at_ms: u64,
    pub rows: Vec<Row>,
}

/// What stands in a journal.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Oldest first.
    pub entries: Vec<Journaled>,
    /// Entries that this program cannot read: they stay, and whoever compacts tells of them.
    pub unreadable: Vec<Key>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Journal {
    pub fn of(dataset: &Dataset) -> Self {
        Self::new(&dataset.dataset_arn, dataset.creation_date_time.0)
    }

    pub fn new(dataset_arn: &str, created_ms: i64) -> Self {
        Self { dataset_arn: dataset_arn.to_owned(), created_ms }
    }

    fn partition(&self, shard: u128) -> String {
        format!("journal/{}/{}/{shard}", self.dataset_arn, self.created_ms)
    }

    /// The writes that note rows, one entry unless they are large.
    pub fn note(&self, at_ms: u64, rows: Vec<Row>) -> Result<Vec<Write>, OpError> {
        let mut writes = Vec::new();
        let mut held: Vec<Row> = Vec::new();
        let mut bytes = 0;
        for row in rows {
            let n = encode(&row)?.len();
            if bytes + n > ENTRY_BYTES && !held.is_empty() {
                writes.push(self.entry(at_ms, std::mem::take(&mut held))?);
                bytes = 0;
            }
            bytes += n;
            held.push(row);
        }
        if !held.is_empty() {
            writes.push(self.entry(at_ms, held)?);
        }
        Ok(writes)
    }

    fn entry(&self, at_ms: u64, rows: Vec<Row>) -> Result<Write, OpError> {
        let unique = uuid::Uuid::new_v4().as_u128();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let sort = format!("{at_ms:013}-{number:08x}{:08x}", (unique >> 96) as u32);
        let key = Key::new(self.partition(unique % SHARDS), sort);
        Ok(Write::Create { key, value: encode(&Entry { format: FORMAT, at_ms, rows })? })
    }

    /// The write that leaves only these of an entry's rows.
    pub fn leave(entry: &Journaled, rows: Vec<Row>) -> Result<Write, OpError> {
        let (key, expected) = (entry.key.clone(), entry.version);
        if rows.is_empty() {
            return Ok(Write::Delete { key, expected });
        }
        let value = encode(&Entry { format: FORMAT, at_ms: entry.at_ms, rows })?;
        Ok(Write::Update { key, expected, value })
    }

    /// All entries.
    pub async fn read(&self, records: &Records) -> Result<Entries, OpError> {
        self.read_some(records, usize::MAX, usize::MAX).await
    }

    /// The oldest entries of each shard: about so many at most, of so many bytes together.
    pub async fn read_some(&self, records: &Records, n_entries: usize, n_bytes: usize) -> Result<Entries, OpError> {
        let mut found = Entries::default();
        let shards = SHARDS as usize;
        for shard in 0..SHARDS {
            let partition = self.partition(shard);
            let (mut after, mut n, mut bytes) = (None::<String>, 0, 0);
            loop {
                let page = records.list(&partition, "", after.as_deref(), 1000, Order::Ascending).await?;
                for record in page.entries {
                    if n >= n_entries.div_ceil(shards) || bytes >= n_bytes.div_ceil(shards) {
                        found.more = true;
                        break;
                    }
                    n += 1;
                    bytes += record.value.len();
                    match decode::<Entry>(&record) {
                        Ok(Entry { at_ms, rows, .. }) => {
                            let (key, version) = (record.key, record.version);
                            found.entries.push(Journaled { key, version, at_ms, rows });
                        }
                        Err(error) => {
                            tracing::error!(key = %record.key, error = chain(&error), "journal entry not readable");
                            found.unreadable.push(record.key);
                        }
                    }
                }
                after = page.next;
                if after.is_none() || found.more {
                    break;
                }
            }
        }
        found.entries.sort_by(|a, b| (a.at_ms, &a.key.sort).cmp(&(b.at_ms, &b.key.sort)));
        Ok(found)
    }

    /// How many entries there are, counted up to `enough` in each shard, and when the oldest came.
    pub async fn pressure(&self, records: &Records, enough: usize) -> Result<(usize, Option<u64>), OpError> {
        let (mut n, mut oldest) = (0, None::<u64>);
        for shard in 0..SHARDS {
            let page = records.list(&self.partition(shard), "", None, enough.min(1000), Order::Ascending).await?;
            n += page.entries.len();
            oldest = [oldest, page.entries.first().and_then(at_ms)].into_iter().flatten().min();
        }
        Ok((n, oldest))
    }

    /// When the newest entry came; `None` if there is none.
    pub async fn newest_ms(&self, records: &Records) -> Result<Option<u64>, OpError> {
        let mut newest = None::<u64>;
        for shard in 0..SHARDS {
            let page = records.list(&self.partition(shard), "", None, 1, Order::Descending).await?;
            newest = newest.max(page.entries.first().and_then(at_ms));
        }
        Ok(newest)
    }

    /// Removes everything, for a dataset that is deleted.
    pub async fn clear(&self, records: &Records) -> Result<(), OpError> {
        for shard in 0..SHARDS {
            let partition = self.partition(shard);
            loop {
                let page = records.list(&partition, "", None, 100, Order::Ascending).await?;
                let deletion =
                    |record: palate_store::Record| Write::Delete { key: record.key, expected: record.version };
                let writes: Vec<Write> = page.entries.into_iter().map(deletion).collect();
                let emptied = writes.is_empty() && page.next.is_none();
                match records.commit(writes).await {
                    // Somebody else removes it too.
                    Ok(()) | Err(palate_store::StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                if emptied {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// When an entry came, by its name.
fn at_ms(record: &palate_store::Record) -> Option<u64> {
    record.key.sort.split('-').next()?.parse().ok()
}
