//! Users out of the journal: entries are rewritten without their rows.

use palate_recipes::parts::SESSION_ID;
use palate_store::{StoreError, Write};
use serde_json::Value;

use super::gone::Gone;
use super::{Forgetting, Tally};
use crate::data::{Journal, Row};
use crate::jobs::WorkError;
use crate::resources::Dataset;
use crate::service::Service;

/// Entries of one commit: each has up to 350 KB, and a commit 4 MB.
const AT_ONCE: usize = 10;

pub(super) async fn forget(
    service: &Service,
    task: &Forgetting<'_>,
    dataset: &Dataset,
    gone: &Gone,
    tally: &Tally,
) -> Result<(), WorkError> {
    let journal = Journal::of(dataset);
    loop {
        let found = journal.read(&service.records).await?;
        if !found.unreadable.is_empty() {
            let (n, arn) = (found.unreadable.len(), &dataset.dataset_arn);
            return Err(WorkError::retry(format!("{n} journal entries of {arn} cannot be read; the log names them")));
        }
        let mut changes: Vec<(Write, u64)> = Vec::new();
        for entry in found.entries {
            let (going, staying): (Vec<Row>, Vec<Row>) = entry.rows.iter().cloned().partition(|row| is_gone(gone, row));
            if !going.is_empty() {
                changes.push((Journal::leave(&entry, staying)?, going.len() as u64));
            }
        }
        let mut done = true;
        for some in changes.chunks(AT_ONCE) {
            task.check()?;
            let mut writes: Vec<Write> = some.iter().map(|(write, _)| write.clone()).collect();
            writes.extend(tally.add(&service.records, some.iter().map(|(_, n)| n).sum()).await?);
            match service.records.commit(writes).await {
                Ok(()) => {}
                // An entry has gone into a part meanwhile: look again.
                Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => done = false,
                Err(error) => return Err(error.into()),
            }
        }
        if done {
            return Ok(());
        }
    }
}

fn is_gone(gone: &Gone, row: &Row) -> bool {
    gone.has(row.get("USER_ID").and_then(Value::as_str), row.get(SESSION_ID).and_then(Value::as_str))
}
