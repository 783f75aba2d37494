#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use bytes::Bytes;
use palate_recipes::parts::PartBuilder;
use serde_json::{Map, Value, json};

use super::bulk::Sums;
use super::lines::lines;
use super::report::csv;
use super::source::Sources;
use super::streamed::add_row;
use super::windows::{Counted, OTHER_SOURCES, UNDEFINED, Windows};
use crate::resources::Metric;
use crate::runtime::mark_of;
use crate::schema::Schema;

const CAMPAIGN: &str = "arn:aws:personalize:us-west-2:111122223333:campaign/c1";
/// The beginning of a window.
const AT_S: i64 = 1_666_924_200;

fn counted(metrics: &[(&str, &str, &str)]) -> Vec<Counted> {
    let metric = |(name, event_type, expression): &(&str, &str, &str)| Metric {
        metric_name: (*name).into(),
        event_type: (*event_type).into(),
        expression: (*expression).into(),
    };
    Counted::of(&metrics.iter().map(metric).collect::<Vec<_>>())
}

fn row(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn summed(counted: &[Counted], rows: &[Value]) -> Vec<(i64, String, String, f64)> {
    let sources = Sources::from_arns(vec![CAMPAIGN.into()]);
    let mut windows = Windows::default();
    rows.iter().for_each(|value| add_row(&mut windows, counted, &sources, None, &row(value.clone())));
    told(&windows)
}

fn told(windows: &Windows) -> Vec<(i64, String, String, f64)> {
    windows.iter().map(|(cell, value)| (cell.window_s, cell.metric.clone(), cell.source.clone(), value)).collect()
}

#[test]
fn events_are_added_up_by_window_metric_and_source() {
    let counted = counted(&[
        ("watches", "watch", "SAMPLECOUNT()"),
        ("seconds", "Watch", "SUM(Interactions.event_value)"),
        ("clicks", "click", "SAMPLECOUNT()"),
    ]);
    let recommended = format!("RID-0000-1111-CID-{}", mark_of(CAMPAIGN));
    let sums = summed(
        &counted,
        &[
            json!({"TIMESTAMP": AT_S, "EVENT_TYPE": "WATCH", "EVENT_VALUE": 1.5, "EVENT_ATTRIBUTION_SOURCE": "mail"}),
            json!({"TIMESTAMP": AT_S + 899, "EVENT_TYPE": "watch", "EVENT_VALUE": 2, "EVENT_ATTRIBUTION_SOURCE": "mail"}),
            json!({"TIMESTAMP": AT_S + 900, "EVENT_TYPE": "watch", "RECOMMENDATION_ID": recommended}),
            json!({"TIMESTAMP": AT_S + 900, "EVENT_TYPE": "click", "RECOMMENDATION_ID": "RID-0-CID-ffffff"}),
            json!({"TIMESTAMP": AT_S + 900, "EVENT_TYPE": "buy"}),
            json!({"TIMESTAMP": AT_S + 901, "EVENT_TYPE": "watch",
                   "RECOMMENDATION_ID": recommended, "EVENT_ATTRIBUTION_SOURCE": "mail"}),
        ],
    );
    let of = |window_s, metric: &str, source: &str, value| (window_s, metric.to_owned(), source.to_owned(), value);
    assert_eq!(
        sums,
        [
            of(AT_S, "seconds", "mail", 3.5),
            of(AT_S, "watches", "mail", 2.0),
            of(AT_S + 900, "clicks", UNDEFINED, 1.0),
            of(AT_S + 900, "watches", CAMPAIGN, 1.0),
            of(AT_S + 900, "watches", "mail", 1.0),
        ]
    );
}

#[test]
fn an_import_adds_up_to_the_same_as_its_rows_one_by_one() {
    let schema = r#"{"type": "record", "name": "Interactions", "fields": [
        {"name": "USER_ID", "type": "string"}, {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"}, {"name": "EVENT_TYPE", "type": "string"},
        {"name": "EVENT_VALUE", "type": ["null", "float"]}, {"name": "RECOMMENDATION_ID", "type": ["null", "string"]},
        {"name": "EVENT_ATTRIBUTION_SOURCE", "type": ["null", "string"]}]}"#;
    let schema = Schema::parse(schema, None).unwrap();
    let counted = counted(&[("n", "watch", "SAMPLECOUNT()"), ("v", "buy", "SUM(Interactions.EVENT_VALUE)")]);
    let sources = Sources::from_arns(vec![CAMPAIGN.into()]);
    let recommended = format!("RID-0-CID-{}", mark_of(CAMPAIGN));
    let mut one_by_one = Windows::default();
    let mut sums = Sums::default();
    for half in 0..2 {
        let mut part = PartBuilder::new(&schema.columns());
        for number in half * 100..half * 100 + 100 {
            let event_type = ["watch", "BUY", "click"][number % 3];
            let timestamp_s = AT_S + 60 * number as i64;
            // Quarters add up without rounding.
            let value = (number % 4 != 0).then_some(number as f32 / 4.0);
            let recommended = (number % 5 == 0).then_some(recommended.as_str());
            let named = (number % 7 == 0).then_some("mail");
            part.push_str(0, "u");
            part.push_str(1, "i");
            part.push_long(2, timestamp_s);
            part.push_str(3, event_type);
            match value {
                Some(value) => part.push_float(4, value),
                None => part.push_null(4),
            }
            for (column, text) in [(5, recommended), (6, named)] {
                match text {
                    Some(text) => part.push_str(column, text),
                    None => part.push_null(column),
                }
            }
            let streamed = json!({"TIMESTAMP": timestamp_s, "EVENT_TYPE": event_type, "EVENT_VALUE": value,
                                  "RECOMMENDATION_ID": recommended, "EVENT_ATTRIBUTION_SOURCE": named});
            add_row(&mut one_by_one, &counted, &sources, None, &row(streamed));
        }
        let content: Bytes = part.finish().unwrap();
        sums.add(content, &counted, &sources, None).unwrap();
    }
    let windows = sums.finish(&counted);
    assert!(told(&windows).len() > 20);
    assert_eq!(windows, one_by_one);
}

#[test]
fn a_report_has_the_documented_form() {
    let counted = counted(&[("CountWatches", "watch", "SAMPLECOUNT()")]);
    let mut windows = Windows::default();
    for _ in 0..12 {
        windows.add(&counted[0], AT_S + 7, CAMPAIGN, 1.0);
    }
    windows.add(&counted[0], AT_S, "a \"source\", quoted", 0.25);
    let expected = format!(
        "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP\n\
         COUNTWATCHES,WATCH,0.25,samplecount,\"a \"\"source\"\", quoted\",{AT_S}\n\
         COUNTWATCHES,WATCH,12.0,samplecount,{CAMPAIGN},{AT_S}\n"
    );
    assert_eq!(csv(&windows), expected);
}

#[test]
fn lines_have_cloudwatchs_embedded_form() {
    let counted = counted(&[("views", "watch", "SAMPLECOUNT()"), ("income", "buy", "SUM(Items.PRICE)")]);
    let mut windows = Windows::default();
    windows.add(&counted[0], AT_S, "mail", 3.0);
    windows.add(&counted[1], AT_S, "mail", 9.5);
    windows.add(&counted[0], AT_S + 900, "mail", 1.0);
    let lines: Vec<Value> = lines("films", &windows).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0],
        json!({
            "_aws": {
                "Timestamp": AT_S * 1_000,
                "CloudWatchMetrics": [{
                    "Namespace": "Palate/Personalize",
                    "Dimensions": [["MetricAttribution", "EventAttributionSource"]],
                    "Metrics": [{"Name": "income"}, {"Name": "views"}],
                }],
            },
            "MetricAttribution": "films",
            "EventAttributionSource": "mail",
            "income": 9.5,
            "views": 3.0,
        })
    );
}

#[test]
fn sources_beyond_the_hundredth_are_told_together() {
    let counted = counted(&[("views", "watch", "SAMPLECOUNT()")]);
    let mut windows = Windows::default();
    for number in 0..150 {
        windows.add(&counted[0], AT_S, &format!("source-{number:03}"), 1.0);
    }
    windows.add(&counted[0], AT_S, UNDEFINED, 1.0);
    let mut known = BTreeSet::from(["source-149".to_owned()]);
    let sums = told(&windows.capped(&mut known));
    let of = |source: &str| sums.iter().find(|(_, _, other, _)| other == source).map(|(_, _, _, value)| *value);
    assert_eq!((known.len(), sums.len()), (100, 102));
    assert_eq!(
        [UNDEFINED, "source-149", "source-098", OTHER_SOURCES].map(of),
        [Some(1.0), Some(1.0), Some(1.0), Some(50.0)]
    );
    assert_eq!(of("source-099"), None);
}

#[test]
fn a_window_is_closed_when_all_of_it_has_passed() {
    let counted = counted(&[("views", "watch", "SAMPLECOUNT()")]);
    let mut windows = Windows::default();
    windows.add(&counted[0], AT_S, "mail", 1.0);
    windows.add(&counted[0], AT_S + 900, "mail", 1.0);
    let (closed, open) = windows.clone().split(AT_S + 900);
    assert_eq!((told(&closed)[0].0, told(&open)[0].0), (AT_S, AT_S + 900));
    assert!(windows.split(AT_S + 899).0.is_empty());
}
