//! Metric attribution: reports of imports and of streamed events.

#![allow(clippy::unwrap_used)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::time::Duration;

use palate_service::Settings;
use serde_json::{Value, json};
use support::{Palate, ROLE, arn, schema_of};

const ATTRIBUTION: &str = "metric-attribution/m";
const EVENTS: &str = "dataset/films/INTERACTIONS";
const HEADER: &str = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP";
/// What the tests' clock shows at first, 800 seconds into a window.
const NOW_S: i64 = 1_700_000_000;
const WINDOW_S: i64 = 1_699_999_200;
const MINUTE: Duration = Duration::from_secs(60);

fn metric(name: &str, event_type: &str, expression: &str) -> Value {
    json!({"metricName": name, "eventType": event_type, "expression": expression})
}

/// A group with interactions that name a source, with items that have a price, and with a tracker: its id.
async fn world(palate: &Palate) -> String {
    let group = palate.group().await;
    let fields = [
        "USER_ID: string",
        "ITEM_ID: string",
        "TIMESTAMP: long",
        "EVENT_TYPE: string",
        "EVENT_VALUE: float?",
        "EVENT_ATTRIBUTION_SOURCE: string?",
    ];
    palate.dataset(&group, "Interactions", &schema_of("Interactions", &fields)).await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    palate.import(&items, "FULL", "ITEM_ID,PRICE\ncheap,0.5\ndear,9.99\nfree,\n").await;
    let tracker = palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await.unwrap();
    tracker["trackingId"].as_str().unwrap().to_owned()
}

async fn attribute(palate: &Palate, destination: &str) -> String {
    palate.upload("bucket", "there", "").await;
    let input = json!({
        "name": "m",
        "datasetGroupArn": arn("dataset-group/films"),
        "metrics": [
            metric("CountWatches", "watch", "SAMPLECOUNT()"),
            metric("Seconds", "watch", "SUM(Interactions.EVENT_VALUE)"),
            metric("Income", "buy", "SUM(Items.PRICE)"),
        ],
        "metricsOutputConfig": {"roleArn": ROLE, "s3DataDestination": {"path": destination}},
    });
    palate.create("CreateMetricAttribution", input).await
}

/// 1,000 events within the window before the one of now: 600 watches of half a second each, a third of them by mail; 400
/// sales.
fn csv() -> String {
    let mut csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,EVENT_ATTRIBUTION_SOURCE\n".to_owned();
    for row in 0..1_000 {
        let at = WINDOW_S - 900 + row % 900;
        csv += &match row {
            0..600 => format!("u{row},cheap,{at},Watch,0.5,{}\n", if row % 3 == 0 { "mail" } else { "" }),
            600..800 => format!("u{row},dear,{at},buy,,\n"),
            _ => format!("u{row},free,{at},buy,,\n"),
        };
    }
    csv
}

async fn import(palate: &Palate, name: &str, mode: &str, publish: bool) -> (String, Option<String>) {
    palate.upload("bucket", "in.csv", csv()).await;
    let input = json!({
        "jobName": name,
        "datasetArn": arn(EVENTS),
        "importMode": mode,
        "dataSource": {"dataLocation": "s3://bucket/in.csv"},
        "publishAttributionMetricsToS3": publish,
    });
    let job = palate.create("CreateDatasetImportJob", input).await;
    palate.run_jobs().await;
    palate.status("DescribeDatasetImportJob", "datasetImportJobArn", &job).await
}

/// The reports in the bucket, by their names.
async fn reports(palate: &Palate) -> Vec<(String, String)> {
    let bucket = palate.stores.buckets.bucket("bucket").unwrap();
    let mut reports = Vec::new();
    for blob in bucket.list("reports/", None, 1000).await.unwrap().entries {
        let content = bucket.get(&blob.key).await.unwrap();
        reports.push((blob.key, String::from_utf8(content.to_vec()).unwrap()));
    }
    reports
}

fn event(id: &str, event_type: &str, item: &str, at_s: i64, source: Option<&str>) -> Value {
    let mut event = json!({"eventId": id, "eventType": event_type, "itemId": item, "sentAt": at_s, "eventValue": 2.5});
    if let Some(source) = source {
        event["metricAttribution"] = json!({"eventAttributionSource": source});
    }
    event
}

async fn put(palate: &Palate, tracker: &str, events: Vec<Value>) {
    let input = json!({"trackingId": tracker, "userId": "u", "sessionId": "s", "eventList": events});
    palate.call("PutEvents", input).await.unwrap();
}

#[tokio::test]
async fn an_import_writes_its_report_in_the_documented_form() {
    let palate = Palate::new();
    world(&palate).await;
    attribute(&palate, "s3://bucket/reports").await;
    assert_eq!(import(&palate, "i", "FULL", true).await, ("ACTIVE".into(), None));
    let window = WINDOW_S - 900;
    let expected = format!(
        "{HEADER}\n\
         COUNTWATCHES,WATCH,400.0,samplecount,SOURCE_NAME_UNDEFINED,{window}\n\
         COUNTWATCHES,WATCH,200.0,samplecount,mail,{window}\n\
         INCOME,BUY,{:?},sum,SOURCE_NAME_UNDEFINED,{window}\n\
         SECONDS,WATCH,200.0,sum,SOURCE_NAME_UNDEFINED,{window}\n\
         SECONDS,WATCH,100.0,sum,mail,{window}\n",
        // As it is added up, rounding and all.
        (0..200).fold(0.0, |sum: f64, _| sum + 9.99)
    );
    let name = "reports/AggregatedAttributionMetrics - FULL - 1700000000000.csv";
    assert_eq!(reports(&palate).await, [(name.to_owned(), expected)]);
    assert_eq!(import(&palate, "quiet", "FULL", false).await.0, "ACTIVE");
    assert_eq!(reports(&palate).await.len(), 1, "another report was not asked for");
}

#[tokio::test]
async fn an_import_whose_report_cannot_be_written_fails_and_imports_nothing() {
    let palate = Palate::new();
    world(&palate).await;
    attribute(&palate, "s3://no-such-bucket/reports/").await;
    let (status, reason) = import(&palate, "i", "FULL", true).await;
    let reason = reason.unwrap();
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.contains("metricsOutputConfig.s3DataDestination s3://no-such-bucket/reports/"), "{reason}");
    assert_eq!(palate.service.insights(&arn(EVENTS)).await.unwrap().unwrap().rows, 0);
}

#[tokio::test]
async fn streamed_events_are_told_of_once_when_their_window_has_closed() {
    let palate = Palate::new();
    let tracker = world(&palate).await;
    put(&palate, &tracker, vec![event("before", "watch", "cheap", NOW_S - 1, None)]).await;
    attribute(&palate, "s3://bucket/reports/").await;
    put(
        &palate,
        &tracker,
        vec![
            event("a", "watch", "cheap", NOW_S, Some("mail")),
            event("b", "WATCH", "cheap", NOW_S + 1, None),
            event("c", "buy", "dear", NOW_S + 2, Some("mail")),
            event("d", "buy", "unknown", NOW_S + 2, Some("mail")),
            event("next", "watch", "cheap", WINDOW_S + 900, None),
            event("too early", "watch", "cheap", NOW_S - 15 * 86_400, None),
            event("too late", "watch", "cheap", NOW_S + 3 * 3_600, None),
        ],
    )
    .await;
    // Sent again, it is no new event.
    put(&palate, &tracker, vec![event("a", "watch", "cheap", NOW_S, Some("mail"))]).await;
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.service.sweep().await.unwrap();
    assert_eq!(reports(&palate).await, [], "the window is open");
    palate.clock.advance(MINUTE * 20);
    for _ in 0..2 {
        palate.service.sweep().await.unwrap();
    }
    let told = reports(&palate).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, format!("reports/AggregatedAttributionMetrics - PUT - {}.csv", (NOW_S + 1_200) * 1_000));
    let expected = format!(
        "{HEADER}\n\
         COUNTWATCHES,WATCH,1.0,samplecount,SOURCE_NAME_UNDEFINED,{WINDOW_S}\n\
         COUNTWATCHES,WATCH,1.0,samplecount,mail,{WINDOW_S}\n\
         INCOME,BUY,9.99,sum,mail,{WINDOW_S}\n\
         SECONDS,WATCH,2.5,sum,SOURCE_NAME_UNDEFINED,{WINDOW_S}\n\
         SECONDS,WATCH,2.5,sum,mail,{WINDOW_S}\n"
    );
    assert_eq!(told[0].1, expected);
    // One more of the closed window is told of by itself, and the next window in its turn.
    put(&palate, &tracker, vec![event("late", "watch", "cheap", NOW_S + 3, Some("mail"))]).await;
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.clock.advance(MINUTE * 20);
    palate.service.sweep().await.unwrap();
    let told = reports(&palate).await;
    assert_eq!(told.len(), 2);
    let next = WINDOW_S + 900;
    let expected = format!(
        "{HEADER}\n\
         COUNTWATCHES,WATCH,1.0,samplecount,mail,{WINDOW_S}\n\
         SECONDS,WATCH,2.5,sum,mail,{WINDOW_S}\n\
         COUNTWATCHES,WATCH,1.0,samplecount,SOURCE_NAME_UNDEFINED,{next}\n\
         SECONDS,WATCH,2.5,sum,SOURCE_NAME_UNDEFINED,{next}\n"
    );
    assert_eq!(told[1].1, expected);
}

#[tokio::test]
async fn a_report_waits_until_it_can_be_written() {
    let palate = Palate::new();
    let tracker = world(&palate).await;
    let attribution = attribute(&palate, "s3://not-yet/reports/").await;
    put(&palate, &tracker, vec![event("a", "watch", "cheap", NOW_S, None)]).await;
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.clock.advance(MINUTE * 60);
    palate.service.sweep().await.unwrap();
    let update = json!({
        "metricAttributionArn": attribution,
        "metricsOutputConfig": {"roleArn": ROLE, "s3DataDestination": {"path": "s3://bucket/reports/"}},
    });
    palate.call("UpdateMetricAttribution", update).await.unwrap();
    palate.service.sweep().await.unwrap();
    let told = reports(&palate).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].1.contains("COUNTWATCHES,WATCH,1.0"), "{}", told[0].1);
}

/// What was put out as lines, by whichever test: each looks for its own.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn streamed_events_and_added_rows_are_told_by_lines() {
    let out: fn(&str) = |line| LINES.lock().unwrap().push(line.to_owned());
    let palate = Palate::with(Settings { metric_lines: Some(out), ..Settings::default() });
    let tracker = world(&palate).await;
    assert_eq!(import(&palate, "first", "FULL", false).await.0, "ACTIVE");
    attribute(&palate, "s3://bucket/reports/").await;
    put(&palate, &tracker, vec![event("a", "watch", "cheap", NOW_S, Some("stream"))]).await;
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.clock.advance(MINUTE * 20);
    palate.service.sweep().await.unwrap();
    // Rows from before the attribution are none of its, however they come.
    assert_eq!(import(&palate, "more", "INCREMENTAL", false).await.0, "ACTIVE");
    let mut csv = csv();
    csv += &format!("late,cheap,{},watch,1,import\n", NOW_S + 1_000);
    palate.upload("bucket", "newer.csv", csv).await;
    let input = json!({
        "jobName": "newer", "datasetArn": arn(EVENTS), "importMode": "INCREMENTAL",
        "dataSource": {"dataLocation": "s3://bucket/newer.csv"},
    });
    palate.create("CreateDatasetImportJob", input).await;
    palate.run_jobs().await;
    palate.clock.advance(MINUTE * 60);
    for _ in 0..2 {
        palate.service.sweep().await.unwrap();
    }
    let lines = LINES.lock().unwrap();
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &Value, &Value)> = lines
        .iter()
        .map(|line| (line["EventAttributionSource"].as_str().unwrap(), &line["CountWatches"], &line["Seconds"]))
        .collect();
    assert_eq!(told, [("stream", &json!(1.0), &json!(2.5)), ("import", &json!(1.0), &json!(1.0))]);
    assert_eq!(lines[0]["_aws"]["Timestamp"], WINDOW_S * 1_000);
}

#[tokio::test]
async fn a_deleted_attribution_leaves_nothing_to_its_successor() {
    let palate = Palate::new();
    let tracker = world(&palate).await;
    let attribution = attribute(&palate, "s3://bucket/reports/").await;
    put(&palate, &tracker, vec![event("a", "watch", "cheap", NOW_S, None)]).await;
    palate.service.compact(&arn(EVENTS)).await.unwrap();
    palate.call("DeleteMetricAttribution", json!({"metricAttributionArn": attribution})).await.unwrap();
    assert_eq!(attribute(&palate, "s3://bucket/reports/").await, arn(ATTRIBUTION));
    palate.clock.advance(MINUTE * 60);
    palate.service.sweep().await.unwrap();
    assert_eq!(reports(&palate).await, []);
}
