//! Dataset import jobs: bulk rows from the user's bucket into a dataset.

use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::dataset::Dataset;
use super::import_errors;
use super::imported::Imported;
use super::metric_attribution::check_publishes;
use super::others::room_for_job;
use super::schema::DatasetSchema;
use crate::arn::Kind;
use crate::call::Call;
use crate::catalogue;
use crate::data::{Manifest, Origin, parts_of};
use crate::error::OpError;
use crate::import::{self, ImportError, ImportRequest};
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::Quota;
use crate::records::Resource;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetImportJob {
    pub job_name: String,
    pub dataset_import_job_arn: String,
    pub dataset_arn: String,
    pub data_source: DataSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub import_mode: ImportMode,
    #[serde(rename = "publishAttributionMetricsToS3", skip_serializing_if = "Option::is_none")]
    pub publish_attribution_metrics_to_s3: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataSource {
    #[serde(default)]
    pub data_location: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ImportMode {
    /// Replaces all earlier bulk rows.
    #[default]
    Full,
    /// Adds to them.
    Incremental,
}

impl Resource for DatasetImportJob {
    const KIND: Kind = Kind::DatasetImportJob;

    fn arn(&self) -> &str {
        &self.dataset_import_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDatasetImportJob", create)
        .add("DescribeDatasetImportJob", |call: Call| async move {
            call.describe::<DatasetImportJob>("datasetImportJobArn", "datasetImportJob").await
        })
        .add("ListDatasetImportJobs", list);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    job_name: String,
    data_source: DataSource,
    role_arn: Option<String>,
    #[serde(default)]
    import_mode: ImportMode,
    #[serde(rename = "publishAttributionMetricsToS3")]
    publish_attribution_metrics_to_s3: Option<bool>,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    if request.data_source.data_location.is_empty() {
        return Err(OpError::invalid("dataSource.dataLocation must be given: s3://bucket/key or s3://bucket/folder/"));
    }
    split_s3(&request.data_source.data_location, "dataSource.dataLocation")?;
    let dataset = call.resource::<Dataset>("datasetArn").await?;
    let Dataset { dataset_arn, status, dataset_group_arn, .. } = &dataset.resource;
    if *status != Status::Active {
        return Err(OpError::invalid(format!("{dataset_arn} is {status}; it must be ACTIVE to be imported into")));
    }
    // An import is to see the schema before an update or after it, not in between.
    dataset.resource.check_settled()?;
    if request.publish_attribution_metrics_to_s3 == Some(true) {
        check_publishes(&call, dataset_group_arn).await?;
    }
    let (manifest, _) = Manifest::read(call.records(), &dataset.resource.dataset_arn).await?;
    if request.import_mode == ImportMode::Incremental && !manifest.has_bulk() {
        return Err(OpError::invalid(format!(
            "The first import into {} must have importMode FULL",
            dataset.resource.dataset_arn
        )));
    }
    let room = room_for_job(&call, Kind::DatasetImportJob, Quota::DatasetImportJobs, None).await?;
    let now = call.now();
    let job = DatasetImportJob {
        dataset_import_job_arn: call.place.arn(Kind::DatasetImportJob, &request.job_name),
        job_name: request.job_name,
        dataset_arn: dataset.resource.dataset_arn.clone(),
        data_source: request.data_source,
        role_arn: request.role_arn,
        status: Status::CreatePending,
        creation_date_time: now,
        last_updated_date_time: now,
        failure_reason: None,
        import_mode: request.import_mode,
        publish_attribution_metrics_to_s3: request.publish_attribution_metrics_to_s3,
    };
    jobs::create(&call.service, call.records(), &job, call.tags()?, vec![dataset.touch()?, room]).await?;
    Ok(json!({"datasetImportJobArn": job.dataset_import_job_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<DatasetImportJob> {
        member: "datasetArn",
        kind: Kind::Dataset,
        holds: |job, dataset| job.dataset_arn == dataset,
    };
    paging::list(&call, parent, "datasetImportJobs", "DatasetImportJobSummary").await
}

/// Bucket and key of `s3://bucket/key`; the key may be empty or end with `/`.
pub(crate) fn split_s3<'a>(location: &'a str, member: &str) -> Result<(&'a str, &'a str), OpError> {
    let rest = location.strip_prefix("s3://").ok_or_else(|| {
        OpError::invalid(format!("{member} must be s3://bucket/key or s3://bucket/folder/, not {location}"))
    })?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(OpError::invalid(format!("{member} names no bucket: {location}")));
    }
    Ok((bucket, key))
}

impl Job for DatasetImportJob {
    const JOB: JobKind = JobKind::Import;
    type Product = Imported;

    fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<Imported, WorkError> {
        let job = &run.resource;
        let dataset = service.records.fetch::<Dataset>(&job.dataset_arn, "datasetArn").await?.resource;
        let schema =
            service.records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse()?;
        let (bucket, key) = split_s3(&job.data_source.data_location, "dataSource.dataLocation")?;
        let source =
            service.stores.buckets.bucket(bucket).map_err(|_| WorkError::Failed("Invalid Data location.".into()))?;
        // A worker that comes late cannot touch another's parts.
        let prefix = format!("{}/{}/{}", parts_of(&job.dataset_arn)?, job.job_name, run.attempt);
        let request = ImportRequest {
            source,
            bucket: bucket.to_owned(),
            location: key.to_owned(),
            schema: &schema,
            destination: Arc::clone(&service.stores.blobs),
            prefix: prefix.clone(),
        };
        let outcome = match import::import(request).await {
            Ok(outcome) => outcome,
            Err(ImportError::Data(reason)) => return Err(WorkError::Failed(reason)),
            Err(ImportError::BadRows(bad)) => {
                return Err(WorkError::Failed(import_errors::keep(service, job, &bad).await?));
            }
            Err(ImportError::Store(error)) => return Err(WorkError::from(error)),
        };
        Imported::of(service, job, &dataset, &schema, outcome, &prefix).await
    }

    /// Switches the manifest: FULL replaces what was imported before, INCREMENTAL adds to it. What was streamed
    /// stays.
    async fn finish(service: &Arc<Service>, job: &mut Self, product: &Imported) -> Result<Vec<Write>, WorkError> {
        let (mut manifest, version) = Manifest::read(&service.records, &job.dataset_arn).await?;
        if job.import_mode == ImportMode::Full {
            manifest.retire(service.clock.now_ms(), |part| part.origin == Origin::Bulk);
        }
        manifest.parts.extend(product.outcome.parts.iter().cloned());
        let mut writes =
            catalogue::history_of_import(service, &job.dataset_arn, job.creation_date_time, &mut manifest).await?;
        let mut dataset = service.records.fetch::<Dataset>(&job.dataset_arn, "datasetArn").await?;
        dataset.resource.last_updated_date_time = service.now();
        writes.extend([manifest.replace(&job.dataset_arn, version)?, dataset.update()?]);
        writes.extend(product.writes(service, &job.dataset_arn).await?);
        Ok(writes)
    }
}
