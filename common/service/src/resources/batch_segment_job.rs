//! Batch segment jobs: a file of items or attributes, a file of the users who would like them.

use std::sync::Arc;

use palate_recipes::{RecipeType, describe};
use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch_inference_job::check_paths;
use super::others::room_for_job;
use super::{Filter, Input, Output, SolutionVersion, Status};
use crate::arn::{Kind, recipe_name};
use crate::batch::{Places, SegmentBatch};
use crate::call::Call;
use crate::error::OpError;
use crate::filters::Target;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::Quota;
use crate::records::Resource;
use crate::runtime::{ReadyFilter, UsersByEvent, check_filter};
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

/// Users in one segment.
const MAX_USERS: f64 = 5_000_000.0;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchSegmentJob {
    pub job_name: String,
    pub batch_segment_job_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub solution_version_arn: String,
    pub num_results: u64,
    pub job_input: Input,
    pub job_output: Output,
    pub role_arn: String,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

impl Resource for BatchSegmentJob {
    const KIND: Kind = Kind::BatchSegmentJob;

    fn arn(&self) -> &str {
        &self.batch_segment_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateBatchSegmentJob", create)
        .add("DescribeBatchSegmentJob", |call: Call| async move {
            call.describe::<BatchSegmentJob>("batchSegmentJobArn", "batchSegmentJob").await
        })
        .add("ListBatchSegmentJobs", list);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    job_name: String,
    filter_arn: Option<String>,
    num_results: Option<f64>,
    job_input: Input,
    job_output: Output,
    role_arn: String,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    let num_results = request.num_results.unwrap_or(25.0);
    if !(1.0..=MAX_USERS).contains(&num_results) {
        return Err(OpError::invalid(format!("numResults is {num_results}; expected 1 to {MAX_USERS}")));
    }
    check_paths(&request.job_input, &request.job_output)?;
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?;
    check_version(&version.resource)?;
    let mut with = vec![version.touch()?];
    if let Some(filter_arn) = &request.filter_arn {
        with.push(filter_touch(&call, filter_arn, &version.resource).await?);
    }
    with.push(room_for_job(&call, Kind::BatchSegmentJob, Quota::BatchSegmentJobs, None).await?);
    let now = call.now();
    let job = BatchSegmentJob {
        batch_segment_job_arn: call.place.arn(Kind::BatchSegmentJob, &request.job_name),
        job_name: request.job_name,
        filter_arn: request.filter_arn,
        failure_reason: None,
        solution_version_arn: version.resource.solution_version_arn.clone(),
        num_results: num_results as u64,
        job_input: request.job_input,
        job_output: request.job_output,
        role_arn: request.role_arn,
        status: Status::CreatePending,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    jobs::create(&call.service, call.records(), &job, call.tags()?, with).await?;
    Ok(json!({"batchSegmentJobArn": job.batch_segment_job_arn}))
}

fn check_version(version: &SolutionVersion) -> Result<(), OpError> {
    let SolutionVersion { solution_version_arn: arn, status, recipe_arn, .. } = version;
    if *status != Status::Active {
        return Err(OpError::invalid(format!("{arn} is {status}; it must be ACTIVE")));
    }
    let recipe = recipe_name(recipe_arn).and_then(describe);
    if !recipe.is_some_and(|recipe| recipe.recipe_type == RecipeType::UserSegmentation) {
        return Err(OpError::invalid(format!(
            "{recipe_arn} does not segment users; solutionVersionArn must be a version of aws-item-affinity or \
             aws-item-attribute-affinity"
        )));
    }
    Ok(())
}

/// The write that keeps the filter of a job from being deleted meanwhile, if the job can use it.
async fn filter_touch(call: &Call, arn: &str, version: &SolutionVersion) -> Result<Write, OpError> {
    let filter = call.records().fetch::<Filter>(arn, "filterArn").await?;
    filter.resource.check_usable(&version.dataset_group_arn, "filterArn")?;
    let expression = filter.resource.parse()?;
    let recipe = recipe_name(&version.recipe_arn).and_then(describe);
    check_filter(&expression, recipe, Target::User, "filterArn")?;
    if expression.uses_history() && recipe.is_some_and(|recipe| recipe.name == "aws-item-attribute-affinity") {
        return Err(OpError::invalid(format!(
            "filterArn is {arn}, which asks for interactions; recipe aws-item-attribute-affinity takes no such filter"
        )));
    }
    filter.touch()
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<BatchSegmentJob> {
        member: "solutionVersionArn",
        kind: Kind::SolutionVersion,
        holds: |job, version| job.solution_version_arn == version,
    };
    paging::list(&call, parent, "batchSegmentJobs", "BatchSegmentJobSummary").await
}

impl Job for BatchSegmentJob {
    const JOB: JobKind = JobKind::BatchInference;
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
        let version = service.records.fetch::<SolutionVersion>(&job.solution_version_arn, "solutionVersionArn").await?;
        let loaded = service.runtime.models.get(service, &job.solution_version_arn, None).await?;
        let group = &version.resource.dataset_group_arn;
        let filter = match &job.filter_arn {
            Some(arn) => Some(service.runtime.filter(service, arn, "filterArn", group, &loaded, Target::User).await?),
            None => None,
        };
        let events = match filter.as_ref().is_some_and(ReadyFilter::wants_events) {
            true => Some(UsersByEvent::read(service, group, &job.batch_segment_job_arn).await?),
            false => None,
        };
        let batch = SegmentBatch {
            loaded: &loaded,
            filter: filter.as_ref(),
            events: events.as_ref(),
            k: usize::try_from(job.num_results).unwrap_or(usize::MAX),
            places: Places::of(service, &job.job_input, &job.job_output)?,
            lost: &run.lost,
        };
        batch.run(service).await
    }
}
