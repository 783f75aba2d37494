//! Data deletion jobs: users who are to be forgotten.

use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::dataset_group::group_of;
use super::dataset_import_job::{DataSource, split_s3};
use super::others::room_for_job;
use crate::arn::Kind;
use crate::call::Call;
use crate::deletion::{Forgetting, IdSource, Tally, forget, read_ids};
use crate::error::OpError;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::Quota;
use crate::records::Resource;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DataDeletionJob {
    pub job_name: String,
    pub data_deletion_job_arn: String,
    pub dataset_group_arn: String,
    pub data_source: DataSource,
    pub role_arn: String,
    pub status: Status,
    /// Records that were removed: rows of users, interactions and action interactions. Once it is COMPLETED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_deleted: Option<i64>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

impl Resource for DataDeletionJob {
    const KIND: Kind = Kind::DataDeletionJob;

    fn arn(&self) -> &str {
        &self.data_deletion_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDataDeletionJob", create)
        .add("DescribeDataDeletionJob", |call: Call| async move {
            call.describe::<DataDeletionJob>("dataDeletionJobArn", "dataDeletionJob").await
        })
        .add("ListDataDeletionJobs", list);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    job_name: String,
    data_source: DataSource,
    role_arn: String,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    let location = &request.data_source.data_location;
    let (_, key) = split_s3(location, "dataSource.dataLocation")?;
    if !key.is_empty() && !key.ends_with('/') && !key.ends_with(".csv") {
        return Err(OpError::invalid(format!(
            "dataSource.dataLocation must be a file s3://bucket/….csv or a folder s3://bucket/…/, not {location}"
        )));
    }
    let (group, group_touch) = group_of(&call).await?;
    let group_arn = group.dataset_group_arn;
    let room = room_for_job(&call, Kind::DataDeletionJob, Quota::DataDeletionJobs, Some(&group_arn)).await?;
    let now = call.now();
    let job = DataDeletionJob {
        data_deletion_job_arn: call.place.arn(Kind::DataDeletionJob, &request.job_name),
        job_name: request.job_name,
        dataset_group_arn: group_arn,
        data_source: request.data_source,
        role_arn: request.role_arn,
        status: Status::Pending,
        num_deleted: None,
        creation_date_time: now,
        last_updated_date_time: now,
        failure_reason: None,
    };
    jobs::create(&call.service, call.records(), &job, call.tags()?, vec![group_touch, room]).await?;
    Ok(json!({"dataDeletionJobArn": job.data_deletion_job_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<DataDeletionJob> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |job, group| job.dataset_group_arn == group,
    };
    paging::list(&call, parent, "dataDeletionJobs", "DataDeletionJobSummary").await
}

impl Job for DataDeletionJob {
    // It reads and writes parts, as imports do.
    const JOB: JobKind = JobKind::Import;
    type Product = ();

    fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::DELETION,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<(), WorkError> {
        let job = &run.resource;
        let (bucket, key) = split_s3(&job.data_source.data_location, "dataSource.dataLocation")?;
        let store =
            service.stores.buckets.bucket(bucket).map_err(|_| WorkError::Failed("Invalid Data location.".into()))?;
        let source = IdSource { store, bucket: bucket.to_owned(), location: key.to_owned() };
        let ids = Arc::new(read_ids(&source).await?);
        let task = Forgetting {
            job_arn: &job.data_deletion_job_arn,
            job_name: &job.job_name,
            attempt: run.attempt,
            dataset_group_arn: &job.dataset_group_arn,
            ids,
            lost: &run.lost,
        };
        forget(service, &task).await
    }

    async fn finish(service: &Arc<Service>, job: &mut Self, _product: &()) -> Result<Vec<Write>, WorkError> {
        let (deleted, end) = Tally::of(&job.data_deletion_job_arn).end(&service.records).await?;
        job.num_deleted = Some(i64::try_from(deleted).unwrap_or(i64::MAX));
        Ok(end.into_iter().collect())
    }
}
