use std::sync::Arc;

use palate_store::RecordStoreExt;

use super::{Journal, Manifest, manifest, merge, retirement};
use crate::error::{OpError, chain};
use crate::records::decode;
use crate::resources::Dataset;
use crate::service::{JobKind, JobRef, Service};

/// So many journal entries are worth a part.
const ENOUGH_ENTRIES: usize = 1_000;
/// No entry stays longer than about this.
const LONGEST_MS: u64 = 15 * 60_000;

/// So many times a thousand records that have ended are removed in one sweep.
const PURGES: usize = 20;

/// Removes what nobody reads any more and has journals compacted that are long or old. Returns how many
/// compactions were started.
pub(crate) async fn sweep(service: &Arc<Service>) -> Result<usize, OpError> {
    let mut started = 0;
    // As many as come in between two sweeps, and then some.
    for _ in 0..PURGES {
        if service.records.purge_expired(1_000).await? < 1_000 {
            break;
        }
    }
    for record in service.records.list_all(manifest::PARTITION, "").await? {
        let dataset_arn = &record.key.sort;
        let swept = async {
            let manifest: Manifest = decode(&record)?;
            if !manifest.retired.is_empty() {
                retirement::remove_retired(service, dataset_arn).await?;
            }
            if !is_due(service, dataset_arn, &manifest).await? {
                return Ok::<_, OpError>(0);
            }
            let job = JobRef { kind: JobKind::Import, job: dataset_arn.clone() };
            service.starter.start(&job).await.map_err(OpError::Internal)?;
            Ok(1)
        };
        match swept.await {
            Ok(n) => started += n,
            Err(error) => tracing::warn!(dataset_arn, error = chain(&error), "dataset not swept"),
        }
    }
    Ok(started)
}

async fn is_due(service: &Service, dataset_arn: &str, manifest: &Manifest) -> Result<bool, OpError> {
    if merge::is_due(manifest) {
        return Ok(true);
    }
    let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(false) };
    let journal = Journal::of(&dataset.resource);
    let (n_entries, oldest_ms) = journal.pressure(&service.records, ENOUGH_ENTRIES / 4).await?;
    let now_ms = service.clock.now_ms();
    Ok(n_entries >= ENOUGH_ENTRIES || oldest_ms.is_some_and(|oldest| now_ms.saturating_sub(oldest) >= LONGEST_MS))
}
