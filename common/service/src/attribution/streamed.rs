//! Streamed events, on their way into the dataset.

use std::sync::Arc;

use palate_store::Write;
use serde_json::{Map, Value};

use super::group::{Attribution, ItemValues};
use super::pending::{Method, window_write};
use super::source::Sources;
use super::windows::{Counted, Windows};
use crate::error::OpError;
use crate::schema::DatasetType;
use crate::service::Service;

/// Events that are further ahead do not count.
const FURTHEST_S: i64 = 2 * 3_600;

/// The writes that count streamed rows of a group's interactions; they belong into the commit that makes the rows
/// a part of the dataset. None if there is nothing to count.
pub(crate) async fn of_events<'a>(
    service: &Arc<Service>,
    dataset_group_arn: &str,
    rows: impl Iterator<Item = &'a Map<String, Value>> + Clone + Send,
) -> Result<Vec<Write>, OpError> {
    let Some(attribution) = Attribution::of_group(service, dataset_group_arn).await? else { return Ok(Vec::new()) };
    let asks = |row: &Map<String, Value>| row.contains_key("RECOMMENDATION_ID");
    let sources = attribution.sources(service, rows.clone().any(asks)).await?;
    let items = attribution.items(service).await?;
    let now_s = service.now().seconds();
    let times = attribution.counts_since_s(now_s)..=now_s.saturating_add(FURTHEST_S);
    let mut windows = Windows::default();
    for row in rows {
        if row.get("TIMESTAMP").and_then(Value::as_i64).is_some_and(|at| times.contains(&at)) {
            add_row(&mut windows, &attribution.counted, &sources, items.as_ref(), row);
        }
    }
    if windows.is_empty() {
        return Ok(Vec::new());
    }
    let write = window_write(service, &attribution.resource, Method::Put, windows).await?;
    Ok(vec![write, attribution.unchanged])
}

/// Adds an event to each metric of its type. A sum takes nothing from an event without the value.
pub(super) fn add_row(
    windows: &mut Windows,
    counted: &[Counted],
    sources: &Sources,
    items: Option<&ItemValues>,
    row: &Map<String, Value>,
) {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let (Some(timestamp_s), Some(event_type)) = (row.get("TIMESTAMP").and_then(Value::as_i64), text("EVENT_TYPE"))
    else {
        return;
    };
    let source = sources.of(text("EVENT_ATTRIBUTION_SOURCE"), text("RECOMMENDATION_ID"));
    for metric in counted.iter().filter(|metric| metric.is_of(event_type)) {
        let value = match (metric.column(DatasetType::Items), metric.column(DatasetType::Interactions)) {
            (Some(column), _) => text("ITEM_ID").and_then(|item| items?.number(item, column)),
            (None, Some(column)) => number(row, column),
            (None, None) => Some(1.0),
        };
        if let Some(value) = value.filter(|value| value.is_finite()) {
            windows.add(metric, timestamp_s, source, value);
        }
    }
}

/// The number of a field, whatever the case of its name.
fn number(row: &Map<String, Value>, column: &str) -> Option<f64> {
    let value = row
        .get(column)
        .or_else(|| row.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, value)| value));
    value.and_then(Value::as_f64)
}
