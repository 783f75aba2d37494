//! The control plane's resources: one file each, from its shape over its operations to its job.

mod action_tracking;
mod algorithm;
mod attributed_metrics;
mod batch_config;
mod batch_inference_job;
mod batch_segment_job;
mod campaign;
mod data_deletion_job;
mod dataset;
mod dataset_export_job;
mod dataset_group;
mod dataset_import_job;
mod dataset_update;
mod dataset_user;
mod event_tracker;
mod exploration;
mod filter;
mod hpo;
pub(crate) mod import_errors;
mod metric_attribution;
mod metric_expression;
mod others;
mod recipe;
mod recommender;
mod recommender_job;
mod schedule;
mod schema;
mod solution;
mod solution_config;
mod solution_version;
mod status;
mod tag;
mod training;

pub(crate) use action_tracking::tracked_dataset;
pub(crate) use batch_inference_job::{BatchInferenceJob, Input, Output, S3Path, queue_and_start};
pub(crate) use batch_segment_job::BatchSegmentJob;
pub(crate) use campaign::Campaign;
pub(crate) use data_deletion_job::DataDeletionJob;
pub(crate) use dataset::Dataset;
pub(crate) use dataset_export_job::DatasetExportJob;
pub(crate) use dataset_import_job::DatasetImportJob;
pub(crate) use event_tracker::tracked_group;
pub(crate) use filter::Filter;
pub(crate) use recommender::Recommender;
pub(crate) use schedule::sweep;
pub(crate) use schema::DatasetSchema;
pub(crate) use solution::Solution;
pub(crate) use solution_version::{SolutionVersion, latest_active};
pub(crate) use status::Status;
pub(crate) use tag::checked_tags;
pub(crate) use training::trained_model;

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
    recommender::operations(all);
    filter::operations(all);
    batch_inference_job::operations(all);
    batch_segment_job::operations(all);
    dataset_export_job::operations(all);
    data_deletion_job::operations(all);
    metric_attribution::operations(all);
    algorithm::operations(all);
    tag::operations(all);
}
