#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use palate_store::{RecordStoreExt, Write, embedded};
use serde_json::{Value, json};

use super::*;
use crate::service::{Clock, JobRef, JobStarter, Service, Settings};

struct Held(AtomicU64);

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

struct World {
    service: Arc<Service>,
    clock: Arc<Held>,
    group: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Held(AtomicU64::new(1_700_000_000_000)));
        let stores = embedded::open(folder.path()).unwrap();
        let service = Service::new(Settings::default(), stores, clock.clone(), Arc::new(NoJobs));
        let mut world = Self { service, clock, group: String::new(), _folder: folder };
        world.group =
            world.call("CreateDatasetGroup", json!({"name": "g"})).await["datasetGroupArn"].as_str().unwrap().into();
        world
    }

    async fn call(&self, operation: &str, input: Value) -> Value {
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
    async fn dataset(&self, kind: &str, fields: &[(&str, &str)]) -> String {
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

    async fn items(&self) -> String {
        self.dataset("Items", &[("ITEM_ID", "string")]).await
    }

    /// An Interactions dataset and the tracking id of its tracker, with the tracker's ARN.
    async fn interactions(&self) -> (String, String, String) {
        let fields = [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long")];
        let dataset = self.dataset("Interactions", &fields).await;
        let tracker = self.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": self.group})).await;
        let text = |member: &str| tracker[member].as_str().unwrap().to_owned();
        (dataset, text("trackingId"), text("eventTrackerArn"))
    }

    async fn put_item(&self, dataset: &str, id: &str, colour: &str) {
        let items = json!([{"itemId": id, "properties": json!({"colour": colour}).to_string()}]);
        self.call("PutItems", json!({"datasetArn": dataset, "items": items})).await;
    }

    async fn put_event(&self, tracking_id: &str, number: usize) {
        let event = json!({
            "eventId": number.to_string(), "eventType": "view", "itemId": format!("i{number}"), "sentAt": number,
        });
        let input = json!({"trackingId": tracking_id, "userId": "u", "sessionId": "s", "eventList": [event]});
        self.call("PutEvents", input).await;
    }

    async fn recent_items(&self, limit: usize) -> Vec<String> {
        let events = recent_events(&self.service, &self.group, "u", limit).await.unwrap();
        events.into_iter().map(|event| event.item_id).collect()
    }
}

#[tokio::test]
async fn what_was_put_is_read_until_the_dataset_is_deleted() {
    let world = World::new().await;
    let dataset = world.items().await;
    assert_eq!(put_version(&world.service, &dataset).await.unwrap(), 0);
    for number in 0..250 {
        world.put_item(&dataset, &format!("i{number:03}"), "red").await;
    }
    let before = put_version(&world.service, &dataset).await.unwrap();
    world.put_item(&dataset, "i007", "blue").await;
    assert!(put_version(&world.service, &dataset).await.unwrap() > before);
    let mut records = put_records(&world.service, &dataset).await.unwrap();
    records.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(records.len(), 250);
    let values = json!({"COLOUR": "blue"}).as_object().unwrap().clone();
    assert_eq!(records[7], PutRecord { id: "i007".into(), values, at_ms: 1_700_000_000_000 });

    let before = put_version(&world.service, &dataset).await.unwrap();
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    assert_eq!(put_records(&world.service, &dataset).await.unwrap(), []);
    assert!(put_version(&world.service, &dataset).await.unwrap() > before);
}

#[tokio::test]
async fn records_of_a_deleted_dataset_that_were_not_removed_do_not_count_in_a_new_one() {
    let world = World::new().await;
    let dataset = world.items().await;
    world.put_item(&dataset, "old", "red").await;
    let left = world.service.records.list_all(&format!("put/{dataset}"), "").await.unwrap();
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    // As if the process had died between the deletion and the removal.
    for record in left {
        world.service.records.commit(vec![Write::Create { key: record.key, value: record.value }]).await.unwrap();
    }
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    let dataset = world.items().await;
    assert_eq!(put_records(&world.service, &dataset).await.unwrap(), []);
    world.put_item(&dataset, "old", "green").await;
    world.put_item(&dataset, "new", "green").await;
    // The removal for the deleted dataset comes late.
    remove_put_records(&world.service, &dataset).await;
    assert_eq!(put_records(&world.service, &dataset).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_newest_events_come_in_order_of_their_time() {
    let world = World::new().await;
    let (_, tracking_id, _) = world.interactions().await;
    assert_eq!(world.recent_items(10).await, [""; 0]);
    for number in [3, 1, 4, 2, 0] {
        world.put_event(&tracking_id, number).await;
    }
    assert_eq!(world.recent_items(10).await, ["i0", "i1", "i2", "i3", "i4"]);
    assert_eq!(world.recent_items(2).await, ["i3", "i4"]);
    assert_eq!(world.recent_items(0).await, [""; 0]);
}

#[tokio::test]
async fn events_of_a_deleted_dataset_are_gone_and_their_ids_are_free() {
    let world = World::new().await;
    let (dataset, tracking_id, tracker) = world.interactions().await;
    world.put_event(&tracking_id, 1).await;
    assert_eq!(world.recent_items(10).await, ["i1"]);
    world.call("DeleteEventTracker", json!({"eventTrackerArn": tracker})).await;
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    assert_eq!(world.recent_items(10).await, [""; 0]);
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    let (_, tracking_id, _) = world.interactions().await;
    assert_eq!(world.recent_items(10).await, [""; 0]);
    world.put_event(&tracking_id, 1).await;
    assert_eq!(world.recent_items(10).await, ["i1"]);
}

#[tokio::test]
async fn the_time_of_the_last_event_moves_once_a_minute() {
    let world = World::new().await;
    let (_, tracking_id, _) = world.interactions().await;
    let last = async || last_event_ms(&world.service, &world.group).await.unwrap();
    assert_eq!(last().await, None);
    let start = 1_700_000_000_000;
    for (number, (after_ms, told)) in
        [(0, 0), (59_999, 0), (60_000, 60_000), (90_000, 60_000), (200_000, 200_000)].into_iter().enumerate()
    {
        world.clock.0.store(start + after_ms, Ordering::SeqCst);
        world.put_event(&tracking_id, number).await;
        assert_eq!(last().await, Some(start + told), "after {after_ms} ms");
    }
    // An event that is not stored again is none.
    world.clock.0.store(start + 900_000, Ordering::SeqCst);
    world.put_event(&tracking_id, 0).await;
    assert_eq!(last().await, Some(start + 200_000));
    assert_eq!(last_action_interaction_ms(&world.service, &world.group).await.unwrap(), None);
}

#[tokio::test]
async fn the_newest_action_interactions_come_in_order_of_their_time() {
    let world = World::new().await;
    let fields = [("USER_ID", "string"), ("ACTION_ID", "string"), ("EVENT_TYPE", "string"), ("TIMESTAMP", "long")];
    let dataset = world.dataset("Action_Interactions", &fields).await;
    let described = world.call("DescribeDataset", json!({"datasetArn": dataset})).await;
    let tracking_id = &described["dataset"]["trackingId"];
    for time in [20, 10, 30] {
        let interaction = json!({
            "actionId": format!("a{time}"), "userId": "u", "sessionId": "s", "timestamp": time, "eventType": "Not Taken",
        });
        world
            .call("PutActionInteractions", json!({"trackingId": tracking_id, "actionInteractions": [interaction]}))
            .await;
    }
    let recent = recent_action_interactions(&world.service, &world.group, "u", 2).await.unwrap();
    let actions: Vec<&str> = recent.iter().map(|interaction| &*interaction.action_id).collect();
    assert_eq!(actions, ["a20", "a30"]);
    assert!(last_action_interaction_ms(&world.service, &world.group).await.unwrap().is_some());
    assert_eq!(last_event_ms(&world.service, &world.group).await.unwrap(), None);
}
