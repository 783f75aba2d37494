//! What tests within the crate share.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use palate_store::{Now, embedded};
use serde_json::{Value, json};

use crate::service::{Clock, JobRef, JobStarter, Service, Settings};

/// The time that a test holds.
pub(crate) struct Held(pub AtomicU64);

impl Clock for Held {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// The service over stores in a temporary folder, with a dataset group; jobs are not run.
pub(crate) struct World {
    pub service: Arc<Service>,
    pub clock: Arc<Held>,
    pub group: String,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Held(AtomicU64::new(1_700_000_000_000)));
        let now = Arc::clone(&clock);
        let stores = embedded::open_with(folder.path(), Now::by(move || now.now_ms() / 1_000)).unwrap();
        let service = Service::new(Settings::default(), stores, clock.clone(), Arc::new(NoJobs));
        let mut world = Self { service, clock, group: String::new(), _folder: folder };
        world.group =
            world.call("CreateDatasetGroup", json!({"name": "g"})).await["datasetGroupArn"].as_str().unwrap().into();
        world
    }

    pub async fn call(&self, operation: &str, input: Value) -> Value {
        let (path, target) = match operation {
            "PutEvents" => ("/events", None),
            "PutItems" => ("/items", None),
            "PutActionInteractions" => ("/action-interactions", None),
            control => ("/", Some(format!("AmazonPersonalize.{control}"))),
        };
        let mut request = http::Request::post(path);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let response =
            self.service.handle(request.body(Full::new(bytes::Bytes::from(input.to_string()))).unwrap()).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{operation}: {body:?}");
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() }
    }

    /// A dataset with one field of its own, `COLOUR`.
    pub async fn dataset(&self, kind: &str, fields: &[(&str, &str)]) -> String {
        let own = json!({"name": "COLOUR", "type": ["null", "string"], "categorical": true});
        let fields = fields.iter().map(|(name, kind)| json!({"name": name, "type": kind})).chain([own]);
        let schema = json!({
            "type": "record", "name": kind.replace('_', ""), "namespace": "com.amazonaws.personalize.schema",
            "fields": fields.collect::<Vec<_>>(), "version": "1.0",
        });
        let name = format!("{kind}-{}", uuid::Uuid::new_v4().simple());
        let schema = self.call("CreateSchema", json!({"name": name, "schema": schema.to_string()})).await;
        let input = json!({
            "name": kind, "datasetGroupArn": self.group, "schemaArn": schema["schemaArn"], "datasetType": kind,
        });
        self.call("CreateDataset", input).await["datasetArn"].as_str().unwrap().into()
    }

    pub async fn items(&self) -> String {
        self.dataset("Items", &[("ITEM_ID", "string")]).await
    }

    /// An Interactions dataset and the tracking id of its tracker, with the tracker's ARN.
    pub async fn interactions(&self) -> (String, String, String) {
        let fields = [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long")];
        let dataset = self.dataset("Interactions", &fields).await;
        let tracker = self.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": self.group})).await;
        let text = |member: &str| tracker[member].as_str().unwrap().to_owned();
        (dataset, text("trackingId"), text("eventTrackerArn"))
    }

    pub async fn put_item(&self, dataset: &str, id: &str, colour: &str) {
        let items = json!([{"itemId": id, "properties": json!({"colour": colour}).to_string()}]);
        self.call("PutItems", json!({"datasetArn": dataset, "items": items})).await;
    }

    pub async fn put_event(&self, tracking_id: &str, number: usize) {
        let event = json!({
            "eventId": number.to_string(), "eventType": "view", "itemId": format!("i{number}"), "sentAt": number,
        });
        let input = json!({"trackingId": tracking_id, "userId": "u", "sessionId": "s", "eventList": [event]});
        self.call("PutEvents", input).await;
    }
}
