//! What holds for every request, whatever it asks for: ids, panics, clients that stop, counters.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use palate_service::{BodyStalled, JobKind, JobRef, JobStarter, RequestId, Service, Settings, SystemClock};
use serde_json::{Value, json};

struct NoWorkers;

#[async_trait]
impl JobStarter for NoWorkers {
    async fn start(&self, _: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

fn service() -> (Arc<Service>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stores = palate_store::embedded::open(folder.path()).unwrap();
    (Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(NoWorkers)), folder)
}

fn control<B>(operation: &str, body: B) -> Request<B> {
    Request::post("/").header("x-amz-target", format!("AmazonPersonalize.{operation}")).body(body).unwrap()
}

fn json_body(body: Value) -> Full<Bytes> {
    Full::new(Bytes::from(body.to_string()))
}

fn request_id(response: &Response<Full<Bytes>>) -> String {
    response.headers()["x-amzn-requestid"].to_str().unwrap().to_owned()
}

/// A body that does something else than giving bytes.
struct Odd(fn() -> BodyStalled);

impl Body for Odd {
    type Data = Bytes;
    type Error = BodyStalled;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyStalled>>> {
        Poll::Ready(Some(Err((self.0)())))
    }
}

#[tokio::test]
async fn a_panic_is_one_requests_server_error_and_the_service_goes_on() {
    let (service, _folder) = service();
    let response = service.handle(control("ListSchemas", Odd(|| panic!("a bug")))).await;
    assert_eq!((response.status().as_u16(), request_id(&response).len()), (500, 36));
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["__type"], "InternalFailure");
    assert!(!answer.to_string().contains("bug"), "{answer}");
    assert_eq!(service.handle(control("ListSchemas", json_body(json!({})))).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_stops_sending_gets_its_own_exception() {
    let (service, _folder) = service();
    let response = service.handle(control("ListSchemas", Odd(|| BodyStalled))).await;
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["x-amzn-errortype"], "RequestTimeoutException");
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_or_the_one_that_the_server_gave() {
    let (service, _folder) = service();
    let unrouted = Request::get("/nowhere").body(json_body(json!({}))).unwrap();
    let mut named = control("ListSchemas", json_body(json!({})));
    let given = RequestId::random();
    named.extensions_mut().insert(given.clone());
    let mut ids = HashSet::new();
    for request in [control("ListSchemas", json_body(json!({}))), control("Nothing", json_body(json!({}))), unrouted] {
        ids.insert(request_id(&service.handle(request).await));
    }
    assert_eq!(ids.len(), 3);
    assert_eq!(request_id(&service.handle(named).await), given.as_str());
}

/// The samples of Prometheus' text format 0.0.4 by name and labels; fails on what the format does not allow.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    assert!(text.ends_with('\n'));
    let (mut samples, mut families, mut family) = (BTreeMap::new(), HashSet::new(), (String::new(), String::new()));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect(line);
            assert!(is_name(name) && !help.is_empty() && families.insert(name.to_owned()), "{line}");
            family = (name.to_owned(), String::new());
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect(line);
            assert!(name == family.0 && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            family.1 = kind.to_owned();
            continue;
        }
        let (key, value) = line.rsplit_once(' ').expect(line);
        let name = key.split('{').next().unwrap();
        // A family's samples follow its head; those of a histogram have three names.
        let suffix = name.strip_prefix(family.0.as_str()).expect(line);
        let allowed: &[&str] = if family.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(is_name(name) && allowed.contains(&suffix), "{line}");
        if let Some(labels) = key.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).expect(line);
            for label in labels.split(',') {
                let (name, text) = label.split_once('=').expect(line);
                let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect(line);
                assert!(is_name(name) && !text.contains(['"', '\\']), "{line}");
            }
        }
        let value: f64 = value.parse().expect(line);
        assert!(value.is_finite() && samples.insert(key.to_owned(), value).is_none(), "{line}");
    }
    samples
}

#[tokio::test]
async fn the_counters_move_with_what_happens() {
    let (service, _folder) = service();
    let before = parse(&service.metrics_text().await);
    let bucket = |samples: &BTreeMap<String, f64>, api: &str, le: &str| {
        samples[&format!("palate_request_duration_seconds_bucket{{api=\"{api}\",le=\"{le}\"}}")]
    };
    assert_eq!(bucket(&before, "personalize", "+Inf"), 0.0);
    assert!(!before.keys().any(|key| key.starts_with("palate_requests_total")));

    let name = |name: &str| json_body(json!({ "name": name }));
    assert_eq!(service.handle(control("CreateDatasetGroup", name("shop"))).await.status(), 200);
    assert_eq!(service.handle(control("CreateDatasetGroup", name("shop"))).await.status(), 400);
    assert_eq!(service.handle(control("CreateDatasetGroup", name("-"))).await.status(), 400);
    let group = "arn:aws:personalize:us-east-1:000000000000:dataset-group/shop";
    let fields = ["USER_ID", "ITEM_ID", "TIMESTAMP"]
        .map(|name| json!({ "name": name, "type": if name == "TIMESTAMP" { "long" } else { "string" } }));
    let schema = json!({ "type": "record", "name": "Interactions", "fields": fields, "version": "1.0",
        "namespace": "com.amazonaws.personalize.schema" });
    let schema = json!({ "name": "s", "schema": schema.to_string() });
    assert_eq!(service.handle(control("CreateSchema", json_body(schema))).await.status(), 200);
    let dataset = json!({ "name": "d", "datasetGroupArn": group, "datasetType": "Interactions",
        "schemaArn": "arn:aws:personalize:us-east-1:000000000000:schema/s" });
    assert_eq!(service.handle(control("CreateDataset", json_body(dataset))).await.status(), 200);
    let tracker = json!({ "name": "t", "datasetGroupArn": group });
    let answer = service.handle(control("CreateEventTracker", json_body(tracker))).await;
    let answer: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let event = |id: &str| json!({ "eventId": id, "eventType": "a", "itemId": "i", "sentAt": 1 });
    let events = json!({
        "trackingId": answer["trackingId"], "sessionId": "s", "eventList": [event("1"), event("2"), event("1")],
    });
    for _ in 0..2 {
        let request = Request::post("/events").body(json_body(events.clone())).unwrap();
        assert_eq!(service.handle(request).await.status(), 200);
    }
    assert_eq!(service.handle(Request::get("/events").body(json_body(json!({}))).unwrap()).await.status(), 404);
    let gone = JobRef { kind: JobKind::Train, job: format!("{group}/none") };
    service.run_job(&gone).await.unwrap();

    let after = parse(&service.metrics_text().await);
    let requests = |operation: &str, class: &str| {
        after.get(&format!("palate_requests_total{{operation=\"{operation}\",status=\"{class}\"}}")).copied()
    };
    assert_eq!(requests("CreateDatasetGroup", "2xx"), Some(1.0));
    assert_eq!(requests("CreateDatasetGroup", "4xx"), Some(2.0));
    assert_eq!(requests("CreateDatasetGroup", "5xx"), Some(0.0));
    assert_eq!(requests("PutEvents", "2xx"), Some(2.0));
    assert_eq!(requests("DeleteSchema", "2xx"), None);
    assert_eq!(requests("unknown", "4xx"), Some(1.0));
    // Of three events one came twice in a request, and then all of them came again.
    assert_eq!(after["palate_events_stored_total"], 2.0);
    assert_eq!(after["palate_jobs_total{kind=\"train\",outcome=\"settled\"}"], 1.0);
    assert_eq!((after["palate_requests_in_flight"], after["palate_model_cache_entries"]), (0.0, 0.0));
    assert_eq!(bucket(&after, "personalize", "+Inf"), 6.0);
    assert_eq!(after["palate_request_duration_seconds_count{api=\"personalize-events\"}"], 3.0);
    // A histogram is cumulative.
    let bounds = ["0.0001", "0.001", "0.01", "0.1", "1", "10", "+Inf"];
    let counts: Vec<f64> = bounds.iter().map(|le| bucket(&after, "personalize", le)).collect();
    assert!(counts.is_sorted(), "{counts:?}");
}
