//! Dataset export jobs: a dataset as CSV files in the user's bucket.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataset::Dataset;
use super::dataset_import_job::split_s3;
use super::others::room_for_job;
use super::{Output, Status};
use crate::arn::Kind;
use crate::call::Call;
use crate::data::{Origin, Snapshot, SnapshotPart};
use crate::error::OpError;
use crate::export::{ExportRequest, SourcePart, export};
use crate::jobs::{self, Job, Lost, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::Quota;
use crate::records::Resource;
use crate::schema::DatasetType;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetExportJob {
    pub job_name: String,
    pub dataset_export_job_arn: String,
    pub dataset_arn: String,
    pub ingestion_mode: IngestionMode,
    pub role_arn: String,
    pub status: Status,
    pub job_output: Output,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

/// Which rows to export, by how they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum IngestionMode {
    /// By import jobs.
    Bulk,
    /// One by one.
    #[default]
    Put,
    All,
}

impl Resource for DatasetExportJob {
    const KIND: Kind = Kind::DatasetExportJob;

    fn arn(&self) -> &str {
        &self.dataset_export_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDatasetExportJob", create)
        .add("DescribeDatasetExportJob", |call: Call| async move {
            call.describe::<DatasetExportJob>("datasetExportJobArn", "datasetExportJob").await
        })
        .add("ListDatasetExportJobs", list);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    job_name: String,
    #[serde(default)]
    ingestion_mode: IngestionMode,
    role_arn: String,
    job_output: Output,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    split_s3(&request.job_output.s3_data_destination.path, "jobOutput.s3DataDestination.path")?;
    let dataset = call.resource::<Dataset>("datasetArn").await?;
    let Dataset { dataset_arn, dataset_type, status, .. } = &dataset.resource;
    let exported = [DatasetType::Items, DatasetType::Users, DatasetType::Interactions];
    if !DatasetType::parse(dataset_type).is_some_and(|kind| exported.contains(&kind)) {
        let message =
            format!("{dataset_arn} has the type {dataset_type}; only Items, Users and Interactions can be exported");
        return Err(OpError::invalid(message));
    }
    if *status != Status::Active {
        return Err(OpError::InUse(format!("{dataset_arn} is {status}; it must be ACTIVE to be exported")));
    }
    let room = room_for_job(&call, Kind::DatasetExportJob, Quota::DatasetExportJobs, None).await?;
    let now = call.now();
    let job = DatasetExportJob {
        dataset_export_job_arn: call.place.arn(Kind::DatasetExportJob, &request.job_name),
        job_name: request.job_name,
        dataset_arn: dataset_arn.clone(),
        ingestion_mode: request.ingestion_mode,
        role_arn: request.role_arn,
        status: Status::CreatePending,
        job_output: request.job_output,
        creation_date_time: now,
        last_updated_date_time: now,
        failure_reason: None,
    };
    jobs::create(&call.service, call.records(), &job, call.tags()?, vec![dataset.touch()?, room]).await?;
    Ok(json!({"datasetExportJobArn": job.dataset_export_job_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<DatasetExportJob> {
        member: "datasetArn",
        kind: Kind::Dataset,
        holds: |job, dataset| job.dataset_arn == dataset,
    };
    paging::list(&call, parent, "datasetExportJobs", "DatasetExportJobSummary").await
}

impl Job for DatasetExportJob {
    // It reads parts and writes files, as imports do the other way round.
    const JOB: JobKind = JobKind::Import;
    type Product = ();

    fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<(), WorkError> {
        let job = &run.resource;
        let taken = Snapshot::take(service, &job.dataset_arn, Some(&job.dataset_export_job_arn)).await?;
        let snapshot =
            taken.ok_or_else(|| WorkError::Failed(format!("{} does not exist any more", job.dataset_arn)))?;
        let written = job.write(service, &snapshot, &run.lost).await;
        snapshot.release(service).await;
        let rows = written?;
        tracing::info!(job = job.dataset_export_job_arn, rows, "exported");
        Ok(())
    }
}

impl DatasetExportJob {
    async fn write(&self, service: &Service, snapshot: &Snapshot, lost: &Lost) -> Result<u64, WorkError> {
        let (bucket, key) = split_s3(&self.job_output.s3_data_destination.path, "jobOutput.s3DataDestination.path")?;
        let output = service.stores.buckets.bucket(bucket);
        let output = output.map_err(|error| WorkError::Failed(format!("Invalid S3 output path: {error}")))?;
        let folder = match key.trim_end_matches('/') {
            "" => self.job_name.clone(),
            folder => format!("{folder}/{}", self.job_name),
        };
        let wanted = |part: &&SnapshotPart| match self.ingestion_mode {
            IngestionMode::Bulk => part.origin == Origin::Bulk,
            IngestionMode::Put => part.origin == Origin::Put,
            IngestionMode::All => true,
        };
        let parts: Vec<&SnapshotPart> = snapshot.parts().iter().filter(wanted).collect();
        let fetch = |number: usize| -> BoxFuture<'_, Result<Bytes, WorkError>> {
            let part = parts.get(number).copied();
            Box::pin(async move {
                let part = part.ok_or_else(|| WorkError::retry("there is no such part"))?;
                Ok(snapshot.content(service, part).await?)
            })
        };
        export(ExportRequest {
            schema: &snapshot.schema,
            // With one origin every version of an item or user is given.
            newest: self.ingestion_mode == IngestionMode::All,
            parts: parts.iter().map(|part| SourcePart { rows: part.rows, at_ms: part.at_ms }).collect(),
            fetch: &fetch,
            output,
            folder,
            lost,
        })
        .await
    }
}
