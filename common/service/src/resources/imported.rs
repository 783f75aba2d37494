//! What an import leaves for its settling commit, beside its parts.

use std::sync::Arc;

use palate_store::Write;

use super::dataset::Dataset;
use super::dataset_import_job::{DatasetImportJob, ImportMode};
use crate::attribution::{self, Attribution, Method, Windows, of_import, write_import_report};
use crate::data::{Manifest, Origin};
use crate::import::ImportOutcome;
use crate::insights::{self, Written};
use crate::jobs::WorkError;
use crate::schema::{DatasetType, Schema};
use crate::service::Service;

pub(crate) struct Imported {
    pub outcome: ImportOutcome,
    insights: Option<Written>,
    /// What lines are to tell of the metrics.
    windows: Option<(Attribution, Windows)>,
}

impl Imported {
    /// Looks at what was imported: for the insights, and for the metrics of the group.
    pub async fn of(
        service: &Arc<Service>,
        job: &DatasetImportJob,
        dataset: &Dataset,
        schema: &Schema,
        outcome: ImportOutcome,
        folder: &str,
    ) -> Result<Self, WorkError> {
        let windows = match schema.dataset_type() {
            DatasetType::Interactions => count(service, job, dataset, &outcome).await?,
            _ => None,
        };
        let (mut manifest, _) = Manifest::read(&service.records, &dataset.dataset_arn).await?;
        if job.import_mode == ImportMode::Full {
            manifest.parts.retain(|part| part.origin == Origin::Put);
        }
        manifest.parts.extend(outcome.parts.iter().cloned());
        let insights = insights::after_import(service, dataset, schema, &manifest.parts, folder).await;
        Ok(Self { outcome, insights, windows })
    }

    /// The writes that make it count.
    pub async fn writes(&self, service: &Service, dataset_arn: &str) -> Result<Vec<Write>, WorkError> {
        let mut writes = Vec::new();
        if let Some(written) = &self.insights {
            writes.push(insights::record(service, dataset_arn, written).await?);
        }
        if let Some((attribution, windows)) = &self.windows {
            let method = Method::Incremental;
            writes.push(attribution::window_write(service, &attribution.resource, method, windows.clone()).await?);
        }
        Ok(writes)
    }
}

/// Adds up the group's metrics over the import and writes the file that the job asks for; gives what is to be told
/// by lines, which is the news of the last two weeks that an import adds.
async fn count(
    service: &Arc<Service>,
    job: &DatasetImportJob,
    dataset: &Dataset,
    outcome: &ImportOutcome,
) -> Result<Option<(Attribution, Windows)>, WorkError> {
    let publishes = job.publish_attribution_metrics_to_s3 == Some(true);
    let adds = job.import_mode == ImportMode::Incremental;
    if !publishes && !adds {
        return Ok(None);
    }
    let Some(attribution) = Attribution::of_group(service, &dataset.dataset_group_arn).await? else {
        return Ok(None);
    };
    let keys: Vec<String> = outcome.parts.iter().map(|part| part.key.clone()).collect();
    let windows = of_import(service, &attribution, &keys).await?;
    if publishes {
        let mode = if adds { "INCREMENTAL" } else { "FULL" };
        // The job's creation names the file, so that another attempt writes the same one.
        write_import_report(service, &attribution, mode, job.creation_date_time.0, &windows).await?;
    }
    let recent = windows.since(attribution.counts_since_s(service.now().seconds()));
    Ok((adds && !recent.is_empty()).then_some((attribution, recent)))
}
