//! Users out of parts: those that have rows of them are written anew, and one commit of the manifest puts the new
//! ones in their places.

use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::parts::{Part, PartError, SESSION_ID, Source, rewrite};
use palate_store::{PutCondition, StoreError};
use sha2::{Digest, Sha256};

use super::gone::Gone;
use super::{Forgetting, Removal, Tally};
use crate::catalogue::{history_folders, history_of_import};
use crate::data::{Manifest, PartInfo, parts_of};
use crate::export::PartColumn;
use crate::jobs::WorkError;
use crate::paging::hex;
use crate::resources::Dataset;
use crate::service::Service;

/// What becomes of a part.
enum Fate {
    /// None of the users is in it.
    Stays,
    /// It loses rows; nothing may be left of it.
    Replaced { by: Option<PartInfo>, n_gone: u64 },
}

pub(super) async fn forget(
    service: &Arc<Service>,
    task: &Forgetting<'_>,
    dataset: &Dataset,
    gone: &Arc<Gone>,
    tally: &Tally,
) -> Result<(), WorkError> {
    let arn = &dataset.dataset_arn;
    // By key: what was found out once holds, for parts do not change.
    let mut fates: HashMap<String, Fate> = HashMap::new();
    loop {
        let (mut manifest, version) = Manifest::read(&service.records, arn).await?;
        for part in &manifest.parts {
            if !fates.contains_key(&part.key) {
                task.check()?;
                let fate = fate(service, task, arn, part, gone).await?;
                fates.insert(part.key.clone(), fate);
            }
        }
        let fate = |part: &PartInfo| match fates.get(&part.key) {
            Some(Fate::Replaced { by, n_gone }) => Some((by.as_ref(), *n_gone)),
            _ => None,
        };
        let n_gone = manifest.parts.iter().filter_map(|part| Some(fate(part)?.1)).sum();
        let parts: Vec<PartInfo> =
            (manifest.parts.iter()).filter_map(|part| fate(part).map_or(Some(part), |(by, _)| by).cloned()).collect();
        manifest.retire(service.clock.now_ms(), |part| fate(part).is_some());
        manifest.parts = parts;
        let indexes = history_folders(&service.records, arn).await?;
        let mut writes = history_of_import(service, arn, service.now(), &mut manifest).await?;
        if !writes.is_empty() && !indexes.is_empty() {
            // Requests under way may still read the index that is replaced.
            writes.push(Removal::later(service, indexes.iter().map(|old| format!("{old}/")).collect())?);
        }
        writes.extend(tally.add(&service.records, n_gone).await?);
        writes.push(manifest.replace(arn, version)?);
        match service.records.commit(writes).await {
            Ok(()) => {
                tracing::info!(dataset_arn = arn, rows = n_gone, "users taken out of parts");
                return Ok(());
            }
            // An import, a compaction or an attempt that lost its lease was first: look again.
            Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => task.check()?,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn fate(
    service: &Arc<Service>,
    task: &Forgetting<'_>,
    dataset_arn: &str,
    part: &PartInfo,
    gone: &Arc<Gone>,
) -> Result<Fate, WorkError> {
    let content = match service.stores.blobs.get(&part.key).await {
        Ok(content) => content,
        // Replaced and removed since the manifest was read; its commit will tell.
        Err(StoreError::NotFound { .. }) => return Ok(Fate::Stays),
        Err(error) => return Err(error.into()),
    };
    let gone = Arc::clone(gone);
    let rewritten = tokio::task::spawn_blocking(move || without(&Part::open(content)?, &gone));
    let (content, rows, n_gone) = match rewritten.await.map_err(WorkError::retry)?.map_err(WorkError::retry)? {
        Without::Same => return Ok(Fate::Stays),
        Without::Nothing { n_gone } => return Ok(Fate::Replaced { by: None, n_gone }),
        Without::Rest { content, rows, n_gone } => (content, rows, n_gone),
    };
    let name = hex(&Sha256::digest(&part.key)[..16]);
    let key = format!("{}/deletions/{}/{}/{name}.parquet", parts_of(dataset_arn)?, task.job_name, task.attempt);
    let (bytes, sha256) = (content.len() as u64, hex(&Sha256::digest(&content)));
    service.stores.blobs.put(&key, content, PutCondition::Always).await?;
    let by = PartInfo { key, rows, bytes, sha256, ..part.clone() };
    Ok(Fate::Replaced { by: Some(by), n_gone })
}

/// What is left of a part.
enum Without {
    Same,
    Nothing { n_gone: u64 },
    Rest { content: bytes::Bytes, rows: u64, n_gone: u64 },
}

fn without(part: &Part, gone: &Gone) -> Result<Without, PartError> {
    let (users, sessions) = (PartColumn::read(part, "USER_ID")?, PartColumn::read(part, SESSION_ID)?);
    let keep: Vec<bool> = (0..part.n_rows()).map(|row| !gone.has(users.text(row), sessions.text(row))).collect();
    let rows = keep.iter().filter(|keep| **keep).count();
    let n_gone = (part.n_rows() - rows) as u64;
    if n_gone == 0 {
        return Ok(Without::Same);
    }
    if rows == 0 {
        return Ok(Without::Nothing { n_gone });
    }
    let content = rewrite(&[Source { part, at_ms: None, keep: Some(&keep) }])?;
    Ok(Without::Rest { content, rows: rows as u64, n_gone })
}
