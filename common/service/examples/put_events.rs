//! Times PutEvents in process: one request after the other, then many at once, through `Service::handle` to
//! the embedded store.
//!
//! ```text
//! cargo run --release -p palate-service --example put_events -- FOLDER [REQUESTS]
//! ```
//!
//! `FOLDER` gets a data folder of its own, which is removed at the end. In memory (`/dev/shm`) it shows what
//! the program does; on a disk it shows what the disk does.

#![allow(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// Requests under way at a time in the second measurement.
const AT_ONCE: usize = 64;

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Failure> {
        Err("this program runs no jobs".into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rest @ ..] = &arguments[..] else {
        return Err("usage: put_events FOLDER [REQUESTS]".into());
    };
    let requests = rest.first().map_or(Ok(5_000), |text| text.parse())?;
    let data = tempfile::tempdir_in(folder)?;
    let stores = palate_store::embedded::open(data.path())?;
    let service = Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::new(NoJobs));
    let tracking_id = tracker(&service).await?;
    for n_events in [1, 10] {
        let mut took_us = Vec::with_capacity(requests);
        let cpu = cpu_ticks()?;
        for number in 0..requests {
            let body = events(&tracking_id, &format!("a{n_events}-{number}"), n_events);
            let start = Instant::now();
            put(&service, body).await?;
            took_us.push(start.elapsed().as_secs_f64() * 1e6);
        }
        let cpu_us = (cpu_ticks()? - cpu) as f64 * 1e4 / requests as f64;
        took_us.sort_by(f64::total_cmp);
        let at = |share: f64| took_us[((took_us.len() - 1) as f64 * share) as usize];
        println!(
            "{n_events} events: p50 {:.0} us, p95 {:.0} us; processor {cpu_us:.0} us a request",
            at(0.50),
            at(0.95)
        );
        let start = Instant::now();
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..AT_ONCE {
            let (service, tracking_id) = (Arc::clone(&service), tracking_id.clone());
            workers.spawn(async move {
                for number in 0..requests / AT_ONCE {
                    put(&service, events(&tracking_id, &format!("b{n_events}-{worker}-{number}"), n_events)).await?;
                }
                Ok::<_, Failure>(())
            });
        }
        while let Some(done) = workers.join_next().await {
            done??;
        }
        let done = (requests / AT_ONCE * AT_ONCE) as f64;
        println!("{n_events} events, {AT_ONCE} at once: {:.0} requests a second", done / start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn events(tracking_id: &str, name: &str, n_events: usize) -> Bytes {
    let event = |number: usize| {
        json!({
            "eventId": format!("{name}-{number}"),
            "eventType": "watch",
            "itemId": format!("item-{number}"),
            "sentAt": 1_700_000_000 + number,
            "properties": "{\"device\":\"tv\",\"minutes\":\"12\"}",
        })
    };
    let list: Vec<Value> = (0..n_events).map(event).collect();
    let body = json!({ "trackingId": tracking_id, "userId": name, "sessionId": "s", "eventList": list });
    Bytes::from(body.to_string())
}

async fn put(service: &Arc<Service>, body: Bytes) -> Result<(), Failure> {
    answer(service, http::Request::post("/events").body(Full::new(body))?).await.map(|_| ())
}

/// A group with an Interactions dataset and a tracker; gives the tracker's tracking id.
async fn tracker(service: &Arc<Service>) -> Result<String, Failure> {
    let column = |name: &str, kind: Value| json!({ "name": name, "type": kind });
    let schema = json!({
        "type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema", "version": "1.0",
        "fields": [
            column("USER_ID", json!("string")), column("ITEM_ID", json!("string")), column("TIMESTAMP", json!("long")),
            column("EVENT_TYPE", json!("string")), column("DEVICE", json!(["null", "string"])),
            column("MINUTES", json!(["null", "int"])),
        ],
    });
    let group = control(service, "CreateDatasetGroup", json!({ "name": "g" })).await?;
    let schema = control(service, "CreateSchema", json!({ "name": "s", "schema": schema.to_string() })).await?;
    let group = &group["datasetGroupArn"];
    let dataset = json!({
        "name": "d", "datasetGroupArn": group, "schemaArn": schema["schemaArn"], "datasetType": "Interactions",
    });
    control(service, "CreateDataset", dataset).await?;
    let tracker = control(service, "CreateEventTracker", json!({ "name": "t", "datasetGroupArn": group })).await?;
    Ok(tracker["trackingId"].as_str().unwrap_or_default().to_owned())
}

async fn control(service: &Arc<Service>, operation: &str, input: Value) -> Result<Value, Failure> {
    let request = http::Request::post("/").header("x-amz-target", format!("AmazonPersonalize.{operation}"));
    answer(service, request.body(Full::new(Bytes::from(input.to_string())))?).await
}

async fn answer(service: &Arc<Service>, request: http::Request<Full<Bytes>>) -> Result<Value, Failure> {
    let response = service.handle(request).await;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != http::StatusCode::OK {
        return Err(format!("the service answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? })
}

/// What the process has used of the processors, in hundredths of a second (Linux).
fn cpu_ticks() -> Result<u64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let field = |at: usize| after_name.split(' ').nth(at).unwrap_or_default().parse::<u64>();
    Ok(field(11)? + field(12)?)
}
