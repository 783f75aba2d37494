//! The metrics of an attribution: what can be counted, and where it is kept.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::dataset_group::DatasetGroup;
use super::metric_expression::Expression;
use super::schema::DatasetSchema;
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::data::Manifest;
use crate::error::OpError;
use crate::records::{Records, decode};
use crate::schema::DatasetType;

/// How many metrics an attribution may have.
pub(super) const MAX_METRICS: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    pub event_type: String,
    pub metric_name: String,
    pub expression: String,
}

/// The one attribution that a group can have, and its metrics: found by the group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attributed {
    pub format: u64,
    pub metric_attribution_arn: String,
    pub metrics: Vec<Metric>,
}

impl Attributed {
    /// Whether a metric sums a column of datasets of this type.
    pub fn sums(&self, dataset_type: &str) -> bool {
        let wanted = DatasetType::parse(dataset_type);
        let mut read = self.metrics.iter().filter_map(|metric| Expression::parse(&metric.expression).ok());
        read.any(|expression| expression.dataset().is_some() && expression.dataset() == wanted)
    }
}

/// Where the attributions of all groups are, by the groups' ARNs.
pub(crate) const ATTRIBUTIONS: &str = "metric-attribution-of";

pub(crate) fn key(dataset_group_arn: &str) -> Key {
    Key::new(ATTRIBUTIONS, dataset_group_arn)
}

/// The attribution of a dataset group.
pub(super) async fn attribution_of(records: &Records, dataset_group_arn: &str) -> Result<Option<Attributed>, OpError> {
    records.get(&key(dataset_group_arn)).await?.map(|record| decode(&record)).transpose()
}

/// Names must be there and different; so must event types be there. `member` is the request's name of the list.
pub(super) fn check_names(metrics: &[Metric], member: &str) -> Result<(), OpError> {
    if metrics.is_empty() || metrics.len() > MAX_METRICS {
        let message = format!("{} metrics; a metric attribution has 1 to {MAX_METRICS}", metrics.len());
        return Err(OpError::invalid(message));
    }
    for (index, metric) in metrics.iter().enumerate() {
        let name = &metric.metric_name;
        if name.is_empty() || metric.event_type.is_empty() {
            return Err(OpError::invalid(format!("{member}[{index}] must have a metricName and an eventType")));
        }
        if metrics.iter().take(index).any(|earlier| earlier.metric_name == *name) {
            let message = format!("{member}[{index}].metricName is {name}, which is given twice; names must differ");
            return Err(OpError::invalid(message));
        }
    }
    Ok(())
}

/// Checks the metrics against the datasets of their group; gives the writes that keep those datasets there.
pub(super) async fn check_columns(
    call: &Call,
    group: &DatasetGroup,
    metrics: &[Metric],
    member: &str,
) -> Result<Vec<Write>, OpError> {
    let place = Place::of(&group.dataset_group_arn).unwrap_or_else(|| call.place.clone());
    let mut touches = Vec::new();
    let mut schemas = Vec::new();
    for kind in [DatasetType::Interactions, DatasetType::Items] {
        let arn = place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix()));
        let Some(dataset) = call.records().find::<Dataset>(&arn).await? else { continue };
        let schema = call.records().fetch::<DatasetSchema>(&dataset.resource.schema_arn, "schemaArn").await?;
        let (manifest, _) = Manifest::read(call.records(), &arn).await?;
        schemas.push((kind, schema.resource.parse()?, manifest.has_bulk()));
        touches.push(dataset.touch()?);
    }
    let of = |kind: DatasetType| schemas.iter().find(|(other, ..)| *other == kind);
    let has_types = of(DatasetType::Interactions)
        .is_some_and(|(_, schema, _)| schema.fields().iter().any(|field| field.name == "EVENT_TYPE"));
    if !has_types {
        return Err(OpError::invalid(format!(
            "{} has no Interactions dataset whose schema has EVENT_TYPE; metrics count events by their type",
            group.dataset_group_arn
        )));
    }
    for (index, metric) in metrics.iter().enumerate() {
        let wrong = |problem: String| OpError::invalid(format!("{member}[{index}].expression {problem}"));
        let expression = Expression::parse(&metric.expression).map_err(wrong)?;
        let Some(kind) = expression.dataset() else { continue };
        let Some((_, schema, imported)) = of(kind) else {
            return Err(wrong(format!("sums a column of the {} dataset, which there is not", kind.name())));
        };
        expression.check_column(schema).map_err(wrong)?;
        if kind == DatasetType::Items && !imported {
            return Err(wrong("sums a column of the Items dataset, into which nothing has been imported".into()));
        }
    }
    Ok(touches)
}
