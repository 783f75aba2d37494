//! The files that tell of windows.

use std::fmt::Write;

use bytes::Bytes;
use palate_store::{PutCondition, StoreError};

use super::windows::Windows;
use crate::error::OpError;
use crate::resources::{MetricAttribution, split_s3};
use crate::service::Service;

/// Why a report could not be written where its owner wants it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReportError {
    /// It cannot be written there: what to do, for the owner.
    #[error("{0}")]
    Destination(String),
    #[error(transparent)]
    Failed(#[from] OpError),
}

/// The rows of a report, in the order of windows, metrics and sources.
pub(super) fn csv(windows: &Windows) -> String {
    let mut text = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP\n".to_owned();
    for (cell, value) in windows.iter() {
        let [metric, event_type] = [&cell.metric, &cell.event_type].map(|text| quoted(&text.to_uppercase()));
        let source = quoted(&cell.source);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{metric},{event_type},{value:?},{},{source},{}", cell.function, cell.window_s);
    }
    text
}

/// A cell of CSV: in quotes only where it must be.
fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Writes a report into the attribution's folder, if it has one. The same name and windows again change nothing.
pub(super) async fn write(
    service: &Service,
    attribution: &MetricAttribution,
    method: &str,
    at_ms: i64,
    windows: &Windows,
) -> Result<(), ReportError> {
    let Some(destination) = &attribution.metrics_output_config.s3_data_destination else { return Ok(()) };
    let (bucket, folder) = split_s3(&destination.path, "metricsOutputConfig.s3DataDestination.path")?;
    let refused = |why: &dyn std::fmt::Display| {
        let path = &destination.path;
        ReportError::Destination(format!(
            "The report cannot be written to metricsOutputConfig.s3DataDestination {path}: {why}. Create the bucket, \
             allow writing there, or change the destination with UpdateMetricAttribution."
        ))
    };
    let store = service.stores.buckets.bucket(bucket).map_err(|error| refused(&error))?;
    let slash = if folder.is_empty() || folder.ends_with('/') { "" } else { "/" };
    let key = format!("{folder}{slash}AggregatedAttributionMetrics - {method} - {at_ms}.csv");
    match store.put(&key, Bytes::from(csv(windows)), PutCondition::Always).await {
        Ok(_) => Ok(()),
        Err(StoreError::NotFound { .. }) => Err(refused(&"there is no such bucket")),
        Err(StoreError::Denied { .. }) => Err(refused(&"access is denied")),
        Err(error @ StoreError::Invalid { .. }) => Err(refused(&error)),
        Err(error) => Err(OpError::from(error).into()),
    }
}
