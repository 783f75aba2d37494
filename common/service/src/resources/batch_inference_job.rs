//! Batch inference jobs: a file of questions, a file of answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::batch_config::{ThemeGenerationConfig, check_config, check_themes};
use super::dataset_import_job::split_s3;
use super::exploration::ItemExploration;
use super::others::room_for_job;
use super::version_refresh::refresh_first;
use super::{Filter, SolutionVersion, Status};
use crate::arn::Kind;
use crate::batch::{Batch, Places};
use crate::call::Call;
use crate::error::OpError;
use crate::filters::Target;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::Quota;
use crate::records::{Resource, Stored};
use crate::runtime::{MAX_RESULTS, check_filter};
use crate::service::{JobKind, Service};
use crate::wire::{Timestamp, project};
use palate_recipes::{RecipeType, describe};

/// The mode that is not THEME_GENERATION.
const BATCH_INFERENCE: &str = "BATCH_INFERENCE";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchInferenceJob {
    pub job_name: String,
    pub batch_inference_job_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_arn: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme_generation_config: Option<ThemeGenerationConfig>,
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
    num_results: Option<f64>,
    job_input: Input,
    job_output: Output,
    role_arn: String,
    batch_inference_job_config: Option<Map<String, Value>>,
    batch_inference_job_mode: Option<String>,
    theme_generation_config: Option<ThemeGenerationConfig>,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    let mode = request.batch_inference_job_mode.unwrap_or_else(|| BATCH_INFERENCE.into());
    let num_results = request.num_results.unwrap_or(25.0);
    if !(1.0..=MAX_RESULTS as f64).contains(&num_results) {
        return Err(OpError::invalid(format!("numResults is {num_results}; expected 1 to {MAX_RESULTS}")));
    }
    check_paths(&request.job_input, &request.job_output)?;
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?;
    check_version(&version.resource)?;
    let config =
        request.batch_inference_job_config.map(|config| project(&Value::Object(config), "BatchInferenceJobConfig"));
    let config = config.as_ref().and_then(Value::as_object).cloned();
    if let Some(config) = &config {
        check_config(config, &version.resource.recipe_arn)?;
    }
    if mode != BATCH_INFERENCE {
        check_themes(&call, &version.resource, request.theme_generation_config.as_ref()).await?;
    } else if request.theme_generation_config.is_some() {
        let message = "themeGenerationConfig needs batchInferenceJobMode THEME_GENERATION";
        return Err(OpError::invalid(message));
    }
    let room = room_for_job(&call, Kind::BatchInferenceJob, Quota::BatchInferenceJobs, None).await?;
    let filter = usable_filter(&call, &version.resource).await?;
    let now = call.now();
    let job = BatchInferenceJob {
        batch_inference_job_arn: call.place.arn(Kind::BatchInferenceJob, &request.job_name),
        job_name: request.job_name,
        filter_arn: filter.as_ref().map(|filter| filter.resource.filter_arn.clone()),
        failure_reason: None,
        solution_version_arn: version.resource.solution_version_arn.clone(),
        num_results: num_results as u64,
        job_input: request.job_input,
        job_output: request.job_output,
        batch_inference_job_config: config,
        role_arn: request.role_arn,
        batch_inference_job_mode: mode,
        theme_generation_config: request.theme_generation_config,
        status: Status::CreatePending,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    let mut with = vec![version.touch()?, room];
    with.extend(filter.map(|filter| filter.touch()).transpose()?);
    jobs::create(&call.service, call.records(), &job, call.tags()?, with).await?;
    Ok(json!({"batchInferenceJobArn": job.batch_inference_job_arn}))
}

/// The filter that the job names, if it names one and it can be used.
async fn usable_filter(call: &Call, version: &SolutionVersion) -> Result<Option<Stored<Filter>>, OpError> {
    if call.optional_text("filterArn").is_none() {
        return Ok(None);
    }
    let filter = call.resource::<Filter>("filterArn").await?;
    filter.resource.check_usable(&version.dataset_group_arn, "filterArn")?;
    let recipe = crate::arn::recipe_name(&version.recipe_arn).and_then(describe);
    check_filter(&filter.resource.parse()?, recipe, Target::Item, "filterArn")?;
    Ok(Some(filter))
}

/// Whether a version answers batches.
fn check_version(version: &SolutionVersion) -> Result<(), OpError> {
    let arn = &version.solution_version_arn;
    if version.status != Status::Active {
        return Err(OpError::invalid(format!("{arn} is {}; it must be ACTIVE", version.status)));
    }
    let recipe = crate::arn::recipe_name(&version.recipe_arn).and_then(describe);
    let batch = |kind| !matches!(kind, RecipeType::UserSegmentation | RecipeType::PersonalizedActions);
    if !recipe.is_some_and(|recipe| batch(recipe.recipe_type) && recipe.name != "aws-trending-now") {
        return Err(OpError::invalid(format!("{} does not answer batch inference jobs", version.recipe_arn)));
    }
    Ok(())
}

/// Input and output must be in S3, and apart.
pub(super) fn check_paths(input: &Input, output: &Output) -> Result<(), OpError> {
    let (input, output) = (&input.s3_data_source.path, &output.s3_data_destination.path);
    split_s3(input, "jobInput.s3DataSource.path")?;
    split_s3(output, "jobOutput.s3DataDestination.path")?;
    let folder = |path: &str| path.trim_end_matches('/').to_owned();
    let input_folder = input.rsplit_once('/').map_or("", |(folder, _)| folder);
    if folder(input) == folder(output) || input_folder == folder(output) {
        return Err(OpError::invalid(format!("Invalid S3 output path: {output} is where the input is")));
    }
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
        if job.batch_inference_job_mode != BATCH_INFERENCE {
            let reason = "This version of Palate cannot generate themes yet; nothing was written. Use \
                          batchInferenceJobMode BATCH_INFERENCE.";
            return Err(WorkError::Failed(reason.into()));
        }
        refresh_first(service, &job.solution_version_arn, &run.lost).await?;
        let version = service.records.fetch::<SolutionVersion>(&job.solution_version_arn, "solutionVersionArn").await?;
        let loaded = service.runtime.models.get(service, &job.solution_version_arn, None).await?;
        let group = &version.resource.dataset_group_arn;
        let filter = match &job.filter_arn {
            Some(arn) => Some(service.runtime.filter(service, arn, "filterArn", group, &loaded, Target::Item).await?),
            None => None,
        };
        let config = job.batch_inference_job_config.as_ref();
        let exploration = config.and_then(|config| config.get("itemExplorationConfig"));
        let batch = Batch {
            loaded: &loaded,
            explores: ItemExploration::of(loaded.info, exploration),
            filter: filter.as_ref(),
            dataset_group_arn: group,
            k: usize::try_from(job.num_results).unwrap_or(MAX_RESULTS),
            places: Places::of(service, &job.job_input, &job.job_output)?,
            lost: &run.lost,
        };
        batch.run(service).await
    }
}
