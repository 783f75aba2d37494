//! Where events go: which stream of which dataset, and by which schema they are checked.

use std::sync::Arc;

use super::properties::Columns;
use super::streams::{Stream, StreamKind};
use crate::arn::{Kind, Place};
use crate::error::OpError;
use crate::records::Stored;
use crate::resources::{Dataset, DatasetSchema};
use crate::schema::DatasetType;
use crate::service::Service;

/// A dataset that events are streamed into.
pub(super) struct Target {
    pub stream: Stream,
    pub columns: Arc<Columns>,
}

/// The dataset of a type that a group has, if it has one.
pub(super) fn dataset_arn(dataset_group_arn: &str, of: DatasetType) -> Option<String> {
    let group = Kind::DatasetGroup.parts(dataset_group_arn)?;
    Some(Place::of(dataset_group_arn)?.arn(Kind::Dataset, &format!("{}/{}", group.first()?, of.arn_suffix())))
}

/// What a tracking id stands for, as it was at most a second ago. The caller has found the tracking id, which
/// means one dataset for as long as it exists; that is why a second is no risk.
pub(super) async fn target(
    service: &Service,
    tracking_id: &str,
    dataset_arn: &str,
    kind: StreamKind,
) -> Result<Arc<Target>, OpError> {
    if let Some(target) = service.events.targets.get(tracking_id) {
        return Ok(target);
    }
    let dataset = service.records.fetch::<Dataset>(dataset_arn, "datasetArn").await?;
    check_active(&dataset.resource)?;
    let columns = columns(service, &dataset).await?;
    let created = dataset.resource.creation_date_time;
    let stream = Stream { kind, dataset_group_arn: dataset.resource.dataset_group_arn.clone(), created_ms: created.0 };
    let target = Arc::new(Target { stream, columns });
    service.events.targets.keep(tracking_id, Arc::clone(&target));
    Ok(target)
}

/// Refuses a dataset that is not there for use.
pub(super) fn check_active(dataset: &Dataset) -> Result<(), OpError> {
    if dataset.status == crate::resources::Status::Active {
        return Ok(());
    }
    Err(OpError::InUse(format!("{} is {}; it must be ACTIVE", dataset.dataset_arn, dataset.status)))
}

/// The columns that a dataset has now.
pub(super) async fn columns(service: &Service, dataset: &Stored<Dataset>) -> Result<Arc<Columns>, OpError> {
    let Dataset { schema_arn, creation_date_time, .. } = &dataset.resource;
    // A schema can change only by being deleted and created again, which no dataset lives through.
    let key = format!("{schema_arn} {}", creation_date_time.0);
    if let Some(columns) = service.events.columns.get(&key) {
        return Ok(columns);
    }
    let schema = service.records.find::<DatasetSchema>(schema_arn).await?;
    let schema = schema.ok_or_else(|| OpError::Changed(schema_arn.clone()))?;
    let columns = Arc::new(Columns::of(&schema.resource.parse()?));
    service.events.columns.keep(&key, Arc::clone(&columns));
    Ok(columns)
}

/// The stream of a group as it was at most a second ago; none without a dataset.
pub(super) async fn stream(
    service: &Service,
    dataset_group_arn: &str,
    kind: StreamKind,
) -> Result<Option<Stream>, OpError> {
    let Some(dataset_arn) = dataset_arn(dataset_group_arn, kind.dataset_type()) else { return Ok(None) };
    let created_ms = match service.events.created.get(&dataset_arn) {
        Some(created_ms) => created_ms,
        None => {
            let Some(dataset) = service.records.find::<Dataset>(&dataset_arn).await? else { return Ok(None) };
            let created_ms = dataset.resource.creation_date_time.0;
            service.events.created.keep(&dataset_arn, created_ms);
            created_ms
        }
    };
    Ok(Some(Stream { kind, dataset_group_arn: dataset_group_arn.to_owned(), created_ms }))
}
