//! The upload trigger: a file dropped under `batch/input/<solution name>/` is answered under
//! `batch/output/<solution name>/` by the solution's newest version.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::arn::Kind;
use crate::error::OpError;
use crate::jobs;
use crate::paging::hex;
use crate::resources::{BatchInferenceJob, Input, Output, S3Path, Solution, Status, latest_active};
use crate::service::Service;

/// How many results each line gets.
const NUM_RESULTS: u64 = 25;

/// Starts the job of an upload, if the key is one that starts jobs.
pub(crate) async fn object_created(
    service: &Arc<Service>,
    region: Option<&str>,
    bucket: &str,
    key: &str,
    version: &str,
) -> Result<Option<String>, OpError> {
    loop {
        match start_job(service, region, bucket, key, version).await {
            // The solution was read and changed at the same time; look again.
            Err(OpError::Changed(_)) => {}
            other => return other,
        }
    }
}

async fn start_job(
    service: &Arc<Service>,
    region: Option<&str>,
    bucket: &str,
    key: &str,
    version: &str,
) -> Result<Option<String>, OpError> {
    let Some((solution_name, file)) = key.strip_prefix("batch/input/").and_then(|rest| rest.split_once('/')) else {
        return Ok(None);
    };
    if solution_name.is_empty() || file.is_empty() || file.ends_with('/') {
        return Ok(None);
    }
    let place = service.place(region.map(str::to_owned));
    let solution_arn = place.arn(Kind::Solution, solution_name);
    let Some(solution) = service.records.find::<Solution>(&solution_arn).await? else {
        tracing::warn!(key, "upload without a solution of that name; no job started");
        return Ok(None);
    };
    let Some(latest) = latest_active(&service.records, &solution_arn).await? else {
        tracing::warn!(key, "upload for a solution without an ACTIVE version; no job started");
        return Ok(None);
    };
    // The name is that of the upload, so the same event twice finds its job there.
    let digest = hex(&Sha256::digest(format!("{bucket}\n{key}\n{version}"))[..12]);
    let job_name = format!("upload-{digest}");
    let arn = place.arn(Kind::BatchInferenceJob, &job_name);
    let now = service.now();
    let job = BatchInferenceJob {
        job_name,
        batch_inference_job_arn: arn.clone(),
        filter_arn: None,
        failure_reason: None,
        solution_version_arn: latest.solution_version_arn,
        num_results: NUM_RESULTS,
        job_input: Input { s3_data_source: S3Path::new(format!("s3://{bucket}/{key}")) },
        job_output: Output {
            s3_data_destination: S3Path::new(format!("s3://{bucket}/{}", output_folder(solution_name, file))),
        },
        batch_inference_job_config: None,
        role_arn: format!("arn:{}:iam::{}:role/palate", place.partition, place.account),
        batch_inference_job_mode: "BATCH_INFERENCE".to_owned(),
        theme_generation_config: None,
        status: Status::CreatePending,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    match jobs::create(service, &service.records, &job, Vec::new(), vec![solution.touch()?]).await {
        Ok(()) | Err(OpError::AlreadyExists(_)) => Ok(Some(arn)),
        Err(error) => Err(error),
    }
}

/// A file in a folder below the solution's keeps its folder.
fn output_folder(solution_name: &str, file: &str) -> String {
    match file.rsplit_once('/') {
        None => format!("batch/output/{solution_name}/"),
        Some((folder, _)) => format!("batch/output/{solution_name}/{folder}/"),
    }
}
