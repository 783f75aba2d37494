//! Batch inference jobs: a file of questions, a file of answers.

use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::dataset_import_job::split_s3;
use super::{SolutionVersion, Status};
use crate::arn::Kind;
use crate::batch::Batch;
use crate::call::Call;
use crate::error::OpError;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::records::{Records, Resource};
use crate::runtime::MAX_RESULTS;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;
use palate_recipes::{RecipeType, describe};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchInferenceJob {
    pub job_name: String,
    pub batch_inference_job_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub solution_version_arn: String,
    pub num_results: u64,
    pub job_input: Input,
    pub job_output: Output,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_inference_job_config: Option<Map<String, Value>>,
    pub role_arn: String,
    pub batch_inference_job_mode: String,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input {
    pub s3_data_source: S3Path,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    pub s3_data_destination: S3Path,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct S3Path {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

impl S3Path {
    pub fn new(path: String) -> Self {
        Self { path, kms_key_arn: None }
    }
}

impl Resource for BatchInferenceJob {
    const KIND: Kind = Kind::BatchInferenceJob;

    fn arn(&self) -> &str {
        &self.batch_inference_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateBatchInferenceJob", create)
        .add("DescribeBatchInferenceJob", |call: Call| async move {
            call.describe::<BatchInferenceJob>("batchInferenceJobArn", "batchInferenceJob").await
        })
        .add("ListBatchInferenceJobs", list);
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
    batch_inference_job_config: Option<Map<String, Value>>,
    batch_inference_job_mode: Option<String>,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    let later = |member: &str| Err(OpError::invalid(format!("{member} is not available in this version of Palate")));
    if request.filter_arn.is_some() {
        return later("filterArn");
    }
    let mode = request.batch_inference_job_mode.unwrap_or_else(|| "BATCH_INFERENCE".into());
    if mode != "BATCH_INFERENCE" {
        return later(&format!("batchInferenceJobMode {mode}"));
    }
    let num_results = request.num_results.unwrap_or(25.0);
    if !(1.0..=MAX_RESULTS as f64).contains(&num_results) {
        return Err(OpError::invalid(format!("numResults is {num_results}; expected 1 to {MAX_RESULTS}")));
    }
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?;
    let now = call.now();
    let job = BatchInferenceJob {
        batch_inference_job_arn: call.place.arn(Kind::BatchInferenceJob, &request.job_name),
        job_name: request.job_name,
        failure_reason: None,
        solution_version_arn: version.resource.solution_version_arn.clone(),
        num_results: num_results as u64,
        job_input: request.job_input,
        job_output: request.job_output,
        batch_inference_job_config: request.batch_inference_job_config,
        role_arn: request.role_arn,
        batch_inference_job_mode: mode,
        status: Status::CreatePending,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    check(&job, &version.resource)?;
    queue_and_start(&call.service, call.records(), &job, call.tags(), version.touch()?).await?;
    Ok(json!({"batchInferenceJobArn": job.batch_inference_job_arn}))
}

/// What must hold before a batch can begin.
fn check(job: &BatchInferenceJob, version: &SolutionVersion) -> Result<(), OpError> {
    let arn = &version.solution_version_arn;
    if version.status != Status::Active {
        return Err(OpError::invalid(format!("{arn} is {}; it must be ACTIVE", version.status)));
    }
    let recipe = crate::arn::recipe_name(&version.recipe_arn).and_then(describe);
    let batch = |kind| !matches!(kind, RecipeType::UserSegmentation | RecipeType::PersonalizedActions);
    if !recipe.is_some_and(|recipe| batch(recipe.recipe_type)) {
        return Err(OpError::invalid(format!("{} does not answer batch inference jobs", version.recipe_arn)));
    }
    let (input, output) = (&job.job_input.s3_data_source.path, &job.job_output.s3_data_destination.path);
    split_s3(input, "jobInput.s3DataSource.path")?;
    split_s3(output, "jobOutput.s3DataDestination.path")?;
    let folder = |path: &str| path.trim_end_matches('/').to_owned();
    let input_folder = input.rsplit_once('/').map_or("", |(folder, _)| folder);
    if folder(input) == folder(output) || input_folder == folder(output) {
        return Err(OpError::invalid(format!("Invalid S3 output path: {output} is where the input is")));
    }
    Ok(())
}

/// Creates a job and starts it.
pub(crate) async fn queue_and_start(
    service: &Arc<Service>,
    records: &Records,
    job: &BatchInferenceJob,
    tags: Vec<Value>,
    touch: Write,
) -> Result<(), OpError> {
    let arn = &job.batch_inference_job_arn;
    records.create(job, tags, vec![touch, jobs::queue::<BatchInferenceJob>(service, arn)?]).await?;
    jobs::start::<BatchInferenceJob>(service, arn).await;
    Ok(())
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<BatchInferenceJob> {
        member: "solutionVersionArn",
        kind: Kind::SolutionVersion,
        holds: |job, version| job.solution_version_arn == version,
    };
    paging::list(&call, parent, "batchInferenceJobs", "BatchInferenceJobSummary").await
}

impl Job for BatchInferenceJob {
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
        let loaded = service.runtime.models.get(service, &job.solution_version_arn).await?;
        let (bucket, input_key) = split_s3(&job.job_input.s3_data_source.path, "jobInput.s3DataSource.path")?;
        let input = bucket_of(service, bucket, "Invalid S3 input path")?;
        let output = &job.job_output.s3_data_destination.path;
        let (bucket, output_key) = split_s3(output, "jobOutput.s3DataDestination.path")?;
        let mut output_folder = output_key.to_owned();
        if !output_folder.is_empty() && !output_folder.ends_with('/') {
            output_folder.push('/');
        }
        let batch = Batch {
            loaded: &loaded,
            dataset_group_arn: &version.resource.dataset_group_arn,
            k: usize::try_from(job.num_results).unwrap_or(MAX_RESULTS),
            input,
            input_key,
            output: bucket_of(service, bucket, "Invalid S3 output path")?,
            output_folder: &output_folder,
            lost: &run.lost,
        };
        batch.run(service).await
    }

    async fn finish(_service: &Arc<Service>, _job: &mut Self, _product: &()) -> Result<Vec<Write>, WorkError> {
        Ok(Vec::new())
    }
}

fn bucket_of(service: &Service, name: &str, failure: &str) -> Result<Arc<dyn palate_store::BlobStore>, WorkError> {
    service.stores.buckets.bucket(name).map_err(|_| WorkError::Failed(failure.into()))
}
