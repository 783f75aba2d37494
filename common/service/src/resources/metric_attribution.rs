//! Metric attributions: what a group counts of its events, and where the reports are to go.

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attributed_metrics::{Attributed, MAX_METRICS, Metric, attribution_of, check_columns, check_names, key};
use super::dataset_group::{DatasetGroup, group_of};
use super::dataset_import_job::split_s3;
use super::{S3Path, Status};
use crate::arn::Kind;
use crate::attribution;
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{self, Parent, page_by};
use crate::records::{FORMAT, Resource, decode, encode};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricAttribution {
    pub name: String,
    pub metric_attribution_arn: String,
    pub dataset_group_arn: String,
    pub metrics_output_config: OutputConfig,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_data_destination: Option<S3Path>,
    pub role_arn: String,
}

impl Resource for MetricAttribution {
    const KIND: Kind = Kind::MetricAttribution;

    fn arn(&self) -> &str {
        &self.metric_attribution_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateMetricAttribution", create)
        .add("DescribeMetricAttribution", |call: Call| async move {
            call.describe::<MetricAttribution>("metricAttributionArn", "metricAttribution").await
        })
        .add("ListMetricAttributions", list)
        .add("ListMetricAttributionMetrics", list_metrics)
        .add("UpdateMetricAttribution", update)
        .add("DeleteMetricAttribution", delete);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    name: String,
    metrics: Vec<Metric>,
    metrics_output_config: OutputConfig,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    check_output(&request.metrics_output_config)?;
    check_names(&request.metrics, "metrics")?;
    let (group, group_touch) = group_of(&call).await?;
    let group_arn = group.dataset_group_arn.clone();
    let mut with = vec![group_touch];
    with.extend(check_columns(&call, &group, &request.metrics, "metrics").await?);
    if let Some(other) = attribution_of(call.records(), &group_arn).await? {
        return Err(OpError::AlreadyExists(format!(
            "{group_arn} has {} already; a dataset group can have only one metric attribution",
            other.metric_attribution_arn
        )));
    }
    let now = call.now();
    let attribution = MetricAttribution {
        metric_attribution_arn: call.place.arn(Kind::MetricAttribution, &request.name),
        name: request.name,
        dataset_group_arn: group_arn.clone(),
        metrics_output_config: request.metrics_output_config,
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
        failure_reason: None,
    };
    let attributed = Attributed {
        format: FORMAT,
        metric_attribution_arn: attribution.metric_attribution_arn.clone(),
        metrics: request.metrics,
    };
    with.push(Write::Create { key: key(&group_arn), value: encode(&attributed)? });
    call.records().create(&attribution, Vec::new(), with).await?;
    Ok(json!({"metricAttributionArn": attribution.metric_attribution_arn}))
}

fn check_output(config: &OutputConfig) -> Result<(), OpError> {
    if let Some(destination) = &config.s3_data_destination {
        split_s3(&destination.path, "metricsOutputConfig.s3DataDestination.path")?;
    }
    Ok(())
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<MetricAttribution> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |attribution, group| attribution.dataset_group_arn == group,
    };
    paging::list(&call, parent, "metricAttributions", "MetricAttributionSummary").await
}

/// By attribution and name, so that metrics that come and go do not move the others.
async fn list_metrics(call: Call) -> Result<Value, OpError> {
    let attributions = match call.optional_text("metricAttributionArn") {
        Some(_) => vec![call.resource::<MetricAttribution>("metricAttributionArn").await?],
        None => call.records().all::<MetricAttribution>(&call.place, "").await?,
    };
    let mut rows = Vec::new();
    for attribution in attributions {
        let MetricAttribution { dataset_group_arn, metric_attribution_arn, .. } = attribution.resource;
        let found = attribution_of(call.records(), &dataset_group_arn).await?;
        let metrics = found.into_iter().flat_map(|found| found.metrics);
        rows.extend(metrics.map(|metric| ((metric_attribution_arn.clone(), metric.metric_name.clone()), metric)));
    }
    let scope = call.optional_text("metricAttributionArn").unwrap_or_default();
    // A page is as long as the metrics of one attribution may be.
    page_by(&call, rows, MAX_METRICS, "metrics", scope, |metric| {
        serde_json::to_value(metric).map_err(OpError::internal)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRequest {
    #[serde(default)]
    add_metrics: Vec<Metric>,
    #[serde(default)]
    remove_metrics: Vec<String>,
    metrics_output_config: Option<OutputConfig>,
}

async fn update(call: Call) -> Result<Value, OpError> {
    if call.text("metricAttributionArn").is_empty() {
        return Err(OpError::invalid("metricAttributionArn must be given"));
    }
    let request: UpdateRequest = call.parse()?;
    let mut stored = call.resource::<MetricAttribution>("metricAttributionArn").await?;
    check_settled(&stored.resource)?;
    let group_arn = stored.resource.dataset_group_arn.clone();
    let arn = stored.resource.metric_attribution_arn.clone();
    let record = call.records().get(&key(&group_arn)).await?.ok_or_else(|| OpError::Changed(arn.clone()))?;
    let mut attributed: Attributed = decode(&record)?;
    for (index, name) in request.remove_metrics.iter().enumerate() {
        let before = attributed.metrics.len();
        attributed.metrics.retain(|metric| metric.metric_name != *name);
        if attributed.metrics.len() == before {
            return Err(OpError::invalid(format!("removeMetrics[{index}] is {name}, which {arn} does not have")));
        }
    }
    let mut with = Vec::new();
    if !request.add_metrics.is_empty() {
        check_names(&request.add_metrics, "addMetrics")?;
        let known = |metric: &&Metric| attributed.metrics.iter().any(|old| old.metric_name == metric.metric_name);
        if let Some(metric) = request.add_metrics.iter().find(known) {
            let message = format!("{arn} has a metric {} already; remove it first", metric.metric_name);
            return Err(OpError::AlreadyExists(message));
        }
        let group = call.records().fetch::<DatasetGroup>(&group_arn, "datasetGroupArn").await?;
        with.extend(check_columns(&call, &group.resource, &request.add_metrics, "addMetrics").await?);
        attributed.metrics.extend(request.add_metrics);
    }
    check_names(&attributed.metrics, "metrics")?;
    if let Some(config) = request.metrics_output_config {
        check_output(&config)?;
        stored.resource.metrics_output_config = config;
    }
    stored.resource.last_updated_date_time = call.now();
    with.push(Write::Update { key: key(&group_arn), expected: record.version, value: encode(&attributed)? });
    call.records().save(&stored, with).await?;
    Ok(json!({"metricAttributionArn": arn}))
}

fn check_settled(attribution: &MetricAttribution) -> Result<(), OpError> {
    let MetricAttribution { metric_attribution_arn, status, .. } = attribution;
    if status.is_settled() {
        return Ok(());
    }
    Err(OpError::InUse(format!("{metric_attribution_arn} is {status}; wait until that has ended")))
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let stored = call.resource::<MetricAttribution>("metricAttributionArn").await?;
    check_settled(&stored.resource)?;
    let key = key(&stored.resource.dataset_group_arn);
    let record = call.records().get(&key).await?;
    let with = record.map(|record| Write::Delete { key, expected: record.version });
    call.records().remove(&stored, with.into_iter().collect()).await?;
    attribution::forget(&call.service, &stored.resource).await;
    Ok(Value::Null)
}

/// What an import job that asks for a report is told at its creation.
pub(super) async fn check_publishes(call: &Call, dataset_group_arn: &str) -> Result<(), OpError> {
    let attributed = attribution_of(call.records(), dataset_group_arn).await?;
    let Some(Attributed { metric_attribution_arn: arn, .. }) = attributed else {
        return Err(OpError::invalid(format!(
            "publishAttributionMetricsToS3 is true, but {dataset_group_arn} has no metric attribution; create one first"
        )));
    };
    let attribution = call.records().fetch::<MetricAttribution>(&arn, "metricAttributionArn").await?;
    if attribution.resource.metrics_output_config.s3_data_destination.is_none() {
        return Err(OpError::invalid(format!(
            "publishAttributionMetricsToS3 is true, but {arn} has no metricsOutputConfig.s3DataDestination"
        )));
    }
    Ok(())
}
