//! The control plane's resources: one file each, from its shape over its operations to its job.

mod batch_inference_job;
mod campaign;
mod dataset;
mod dataset_group;
mod dataset_import_job;
mod event_tracker;
mod recipe;
mod schema;
mod solution;
mod solution_version;
mod status;

pub(crate) use batch_inference_job::{BatchInferenceJob, Input, Output, S3Path, queue_and_start};
pub(crate) use campaign::Campaign;
pub(crate) use dataset_import_job::DatasetImportJob;
pub(crate) use event_tracker::tracked_group;
pub(crate) use solution::Solution;
pub(crate) use solution_version::{SolutionVersion, latest_active, trained_model};
pub(crate) use status::Status;

use crate::operations::Operations;

pub(crate) fn operations(all: &mut Operations) {
    dataset_group::operations(all);
    schema::operations(all);
    dataset::operations(all);
    dataset_import_job::operations(all);
    recipe::operations(all);
    solution::operations(all);
    solution_version::operations(all);
    campaign::operations(all);
    event_tracker::operations(all);
    batch_inference_job::operations(all);
}
