//! Lines in CloudWatch's embedded metric format: a function that prints them has published them, without a call.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::windows::Windows;

/// Amazon's own is `AWS/Personalize`; names that begin with `AWS/` are not for others.
const NAMESPACE: &str = "Palate/Personalize";

/// One line for each window and source.
pub(super) fn lines(attribution: &str, windows: &Windows) -> Vec<String> {
    let mut by_source: BTreeMap<(i64, &str), Vec<(&str, f64)>> = BTreeMap::new();
    for (cell, value) in windows.iter() {
        by_source.entry((cell.window_s, &cell.source)).or_default().push((&cell.metric, value));
    }
    let line = |((window_s, source), values): ((i64, &str), Vec<(&str, f64)>)| {
        // Metrics of one line have a space of names with its dimensions.
        let dimensions = ["MetricAttribution", "EventAttributionSource"];
        let values: Vec<_> = values.into_iter().filter(|(name, _)| !dimensions.contains(name)).collect();
        let metrics: Vec<Value> = values.iter().map(|(name, _)| json!({"Name": name})).collect();
        let mut line = Map::new();
        let directive = json!({"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics});
        line.insert("_aws".into(), json!({"Timestamp": window_s * 1_000, "CloudWatchMetrics": [directive]}));
        line.insert(dimensions[0].into(), json!(attribution));
        line.insert(dimensions[1].into(), json!(source));
        line.extend(values.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        Value::Object(line).to_string()
    };
    by_source.into_iter().map(line).collect()
}
