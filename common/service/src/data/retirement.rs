use palate_store::StoreError;

use super::{Manifest, pins};
use crate::error::OpError;
use crate::service::Service;

/// Files of replaced parts stay at least this long: whoever reads without a note has read by then.
const GRACE_MS: u64 = 60_000;

/// Removes the files of parts that were replaced, unless a job still reads the dataset.
pub(super) async fn remove_retired(service: &Service, dataset_arn: &str) -> Result<(), OpError> {
    let (manifest, _) = Manifest::read(&service.records, dataset_arn).await?;
    let now_ms = service.clock.now_ms();
    let due: Vec<String> = (manifest.retired.into_iter())
        .filter(|retired| now_ms.saturating_sub(retired.at_ms) >= GRACE_MS)
        .map(|retired| retired.key)
        .collect();
    // The manifest was read before: who notes itself from now on reads one without these parts.
    if due.is_empty() || pins::is_read(service, dataset_arn).await? {
        return Ok(());
    }
    for key in &due {
        service.stores.blobs.delete(key).await?;
    }
    loop {
        let (mut manifest, version) = Manifest::read(&service.records, dataset_arn).await?;
        if version.is_none() {
            return Ok(());
        }
        manifest.retired.retain(|retired| !due.contains(&retired.key));
        match service.records.commit(vec![manifest.replace(dataset_arn, version)?]).await {
            Err(StoreError::Conflict { .. }) => {}
            other => return Ok(other?),
        }
    }
}
