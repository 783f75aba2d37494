//! `errors.jsonl` of a failed import: kept beside the dataset's parts, and gone with the dataset.

use bytes::Bytes;
use palate_store::{PutCondition, StoreError};

use super::Status;
use super::dataset_import_job::DatasetImportJob;
use crate::arn::Kind;
use crate::data::parts_of;
use crate::error::OpError;
use crate::import::errors::BadRows;
use crate::jobs::WorkError;
use crate::service::Service;

fn key(job: &DatasetImportJob) -> Result<String, OpError> {
    Ok(format!("{}/{}/errors.jsonl", parts_of(&job.dataset_arn)?, job.job_name))
}

/// Keeps the bad rows of an import, and gives the reason for the job's failure, which tells where they are.
///
/// Another attempt at the job finds the same, so it may write over what an earlier one wrote.
pub(super) async fn keep(service: &Service, job: &DatasetImportJob, bad: &BadRows) -> Result<String, WorkError> {
    let key = key(job)?;
    let lines = bad.json_lines().map_err(WorkError::retry)?;
    service.stores.blobs.put(&key, lines.into(), PutCondition::Always).await?;
    let arn = &job.dataset_import_job_arn;
    Ok(format!(
        "{} What was found stands in {key} of Palate's own data, and a local process answers with it at \
         /_palate/imports/{arn}/errors.jsonl.",
        bad.reason()
    ))
}

/// The bad rows that an import job left; `None` if there is no such job, or it did not fail for
/// its rows.
pub(crate) async fn read(service: &Service, arn: &str) -> Result<Option<Bytes>, OpError> {
    if Kind::of(arn) != Some(Kind::DatasetImportJob) {
        return Ok(None);
    }
    let Some(job) = service.records.find::<DatasetImportJob>(arn).await? else { return Ok(None) };
    // An attempt that lost its lease may have left some of a file that was mended since.
    if job.resource.status != Status::CreateFailed {
        return Ok(None);
    }
    match service.stores.blobs.get(&key(&job.resource)?).await {
        Ok(content) => Ok(Some(content)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
