//! Streamed events, action interactions and records: what is taken, what is refused, what is stored.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::LazyLock;
use std::time::Duration;

use palate_store::RecordStoreExt;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::{Palate, Refusal};

/// The time at which the test clock stands, and so that of every dataset's creation.
const CREATED: &str = "1700000000000";

fn schema(name: &str, fields: Value) -> Value {
    let namespace = "com.amazonaws.personalize.schema";
    json!({"type": "record", "name": name, "namespace": namespace, "fields": fields, "version": "1.0"})
}

static INTERACTIONS: LazyLock<Value> = LazyLock::new(|| {
    let fields = json!([
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
        {"name": "EVENT_VALUE", "type": ["null", "float"]},
        {"name": "DEVICE_NAME", "type": "string", "categorical": true},
        {"name": "MINUTES", "type": ["null", "int"]},
    ]);
    schema("Interactions", fields)
});

static ITEMS: LazyLock<Value> = LazyLock::new(|| {
    let fields = json!([
        {"name": "ITEM_ID", "type": "string"},
        {"name": "PRICE", "type": "float"},
        {"name": "GENRES", "type": ["null", "string"], "categorical": true},
        {"name": "NUM_RATINGS", "type": ["int", "null"]},
        {"name": "CATEGORY_L1", "type": ["null", "string"]},
        {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]},
        {"name": "MEAN_RATING", "type": ["null", "double"]},
        {"name": "IN_STOCK", "type": ["null", "boolean"]},
        {"name": "DESCRIPTION", "type": ["null", "string"], "textual": true},
    ]);
    schema("Items", fields)
});

static USERS: LazyLock<Value> = LazyLock::new(|| {
    let fields = json!([
        {"name": "USER_ID", "type": "string"},
        {"name": "MEMBERSHIP_TYPE", "type": "string", "categorical": true},
    ]);
    schema("Users", fields)
});

static ACTIONS: LazyLock<Value> = LazyLock::new(|| {
    let fields = json!([
        {"name": "ACTION_ID", "type": "string"},
        {"name": "VALUE", "type": ["null", "long"]},
        {"name": "REPEAT_FREQUENCY", "type": ["null", "long"]},
    ]);
    schema("Actions", fields)
});

static ACTION_INTERACTIONS: LazyLock<Value> = LazyLock::new(|| {
    let fields = json!([
        {"name": "USER_ID", "type": "string"},
        {"name": "ACTION_ID", "type": "string"},
        {"name": "EVENT_TYPE", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "CHANNEL", "type": ["null", "string"]},
    ]);
    schema("ActionInteractions", fields)
});

/// A group with all five datasets and an event tracker.
struct World {
    palate: Palate,
    group: String,
    items: String,
    users: String,
    actions: String,
    action_interactions: String,
    tracker: String,
    action_tracker: String,
}

impl World {
    async fn new() -> Self {
        let palate = Palate::new();
        let group = palate.group().await;
        palate.dataset(&group, "Interactions", &INTERACTIONS).await;
        let items = palate.dataset(&group, "Items", &ITEMS).await;
        let users = palate.dataset(&group, "Users", &USERS).await;
        let actions = palate.dataset(&group, "Actions", &ACTIONS).await;
        let action_interactions = palate.dataset(&group, "Action_Interactions", &ACTION_INTERACTIONS).await;
        let tracker = json!({"name": "tracker", "datasetGroupArn": group});
        let tracker = palate.call("CreateEventTracker", tracker).await.unwrap();
        let described = palate.call("DescribeDataset", json!({"datasetArn": action_interactions})).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let action_tracker = text(&described["dataset"]["trackingId"]);
        let tracker = text(&tracker["trackingId"]);
        Self { palate, group, items, users, actions, action_interactions, tracker, action_tracker }
    }

    async fn put_item(&self, id: &str, properties: Value) -> Result<Value, Refusal> {
        let items = json!([{"itemId": id, "properties": properties.to_string()}]);
        self.palate.call("PutItems", json!({"datasetArn": self.items, "items": items})).await
    }

    async fn put_events(&self, events: Value) -> Result<Value, Refusal> {
        let input = json!({"trackingId": self.tracker, "userId": "u", "sessionId": "s", "eventList": events});
        self.palate.call("PutEvents", input).await
    }

    async fn put_actions_of_users(&self, interactions: Value) -> Result<Value, Refusal> {
        let input = json!({"trackingId": self.action_tracker, "actionInteractions": interactions});
        self.palate.call("PutActionInteractions", input).await
    }

    /// The records of a partition as JSON, in order of their keys.
    async fn stored(&self, partition: &str) -> Vec<Value> {
        let records = self.palate.stores.records.list_all(partition, "").await.unwrap();
        records.iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect()
    }

    async fn items(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        for shard in 0..4 {
            let partition = format!("journal/{}/{CREATED}/{shard}", self.items);
            entries.extend(self.palate.stores.records.list_all(&partition, "").await.unwrap());
        }
        entries.sort_by(|a, b| a.key.sort.cmp(&b.key.sort));
        let mut newest: Vec<Value> = Vec::new();
        for entry in entries.iter().map(|entry| serde_json::from_slice::<Value>(&entry.value).unwrap()) {
            for row in entry["rows"].as_array().unwrap() {
                let mut values = row.as_object().unwrap().clone();
                let id = values.shift_remove("ITEM_ID").unwrap();
                newest.retain(|record| record["id"] != id);
                newest.push(json!({"id": id, "values": values, "atMs": entry["atMs"]}));
            }
        }
        newest
    }

    async fn events_of(&self, owner: &str) -> Vec<Value> {
        self.stored(&format!("event/{}/{CREATED}/id/{owner}", self.group)).await
    }

    async fn action_interactions_of(&self, owner: &str) -> Vec<Value> {
        self.stored(&format!("action-interaction/{}/{CREATED}/id/{owner}", self.group)).await
    }
}

/// An event that is taken, with other members over it; `null` takes one away.
fn event(other: Value) -> Value {
    over(json!({"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000}), other)
}

fn action_interaction(other: Value) -> Value {
    let taken = json!({
        "actionId": "a", "userId": "u", "sessionId": "s", "timestamp": 1_700_000_000, "eventType": "Taken",
    });
    over(taken, other)
}

fn over(mut base: Value, other: Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

fn told(result: Result<Value, Refusal>, status: u16, code: &str, parts: &[&str]) {
    let (found, found_status, message) = result.unwrap_err();
    assert_eq!((found.as_str(), found_status), (code, status), "{message}");
    for part in parts {
        assert!(message.contains(part), "'{message}' does not say '{part}'");
    }
}

#[tokio::test]
async fn properties_become_values_of_the_schemas_fields() {
    let world = World::new().await;
    let long = "x".repeat(25_000);
    let cut = "x".repeat(20_000);
    for (properties, values) in [
        (json!({"price": 9.99}), json!({"PRICE": 9.99})),
        (json!({"price": "9.99"}), json!({"PRICE": 9.99})),
        (json!({"PRICE": 9}), json!({"PRICE": 9.0})),
        (json!({"Price": -0.5}), json!({"PRICE": -0.5})),
        (json!({"price": 1, "genres": "Action|Crime"}), json!({"PRICE": 1.0, "GENRES": "Action|Crime"})),
        (json!({"price": 1, "numRatings": "12"}), json!({"PRICE": 1.0, "NUM_RATINGS": 12})),
        (json!({"price": 1, "numRatings": 12}), json!({"PRICE": 1.0, "NUM_RATINGS": 12})),
        (json!({"price": 1, "numratings": 12.0}), json!({"PRICE": 1.0, "NUM_RATINGS": 12})),
        (json!({"price": 1, "NUM_RATINGS": 12}), json!({"PRICE": 1.0, "NUM_RATINGS": 12})),
        (json!({"price": 1, "num_ratings": -3}), json!({"PRICE": 1.0, "NUM_RATINGS": -3})),
        (json!({"price": 1, "categoryL1": 7}), json!({"PRICE": 1.0, "CATEGORY_L1": "7"})),
        (json!({"price": 1, "categoryL1": true}), json!({"PRICE": 1.0, "CATEGORY_L1": "true"})),
        (json!({"price": 1, "meanRating": "4.25"}), json!({"PRICE": 1.0, "MEAN_RATING": 4.25})),
        (
            json!({"price": 1, "creationTimestamp": 9_007_199_254_740_993_i64}),
            json!({"PRICE": 1.0, "CREATION_TIMESTAMP": 9_007_199_254_740_993_i64}),
        ),
        (json!({"price": 1, "inStock": false}), json!({"PRICE": 1.0, "IN_STOCK": false})),
        (json!({"price": 1, "inStock": "True"}), json!({"PRICE": 1.0, "IN_STOCK": true})),
        (json!({"price": 1, "description": long}), json!({"PRICE": 1.0, "DESCRIPTION": cut})),
        (json!({"price": 1, "genres": null, "numRatings": "", "inStock": null}), json!({"PRICE": 1.0})),
        (json!({"price": 1, "itemId": "i"}), json!({"PRICE": 1.0})),
        // What the schema does not have is passed over.
        (json!({"price": 1, "colour": "red", "a b": [1], "": {}}), json!({"PRICE": 1.0})),
    ] {
        world.put_item("i", properties.clone()).await.unwrap();
        let stored = world.items().await;
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0]["values"], values, "{properties}");
    }
    // An object instead of a text that holds one.
    let items = json!([{"itemId": "raw", "properties": {"price": 3}}]);
    world.palate.call("PutItems", json!({"datasetArn": world.items, "items": items})).await.unwrap();
    let stored = world.items().await;
    assert_eq!((&stored[1]["id"], &stored[1]["values"]), (&json!("raw"), &json!({"PRICE": 3.0})));
    assert_eq!(stored[1]["atMs"], 1_700_000_000_000_u64);
}

#[tokio::test]
async fn a_record_that_the_schema_does_not_allow_is_refused_with_its_place() {
    let world = World::new().await;
    let good = json!({"itemId": "good", "properties": "{\"price\": 1}"});
    for (properties, parts) in [
        (json!({"price": "cheap"}), vec!["items[1].properties.price", "'cheap'", "float"]),
        (json!({"price": 1e39}), vec!["items[1].properties.price", "finite"]),
        (json!({"price": "NaN"}), vec!["items[1].properties.price", "finite"]),
        (json!({"price": true}), vec!["items[1].properties.price", "'true'"]),
        (json!({"price": [1]}), vec!["items[1].properties.price", "a list", "expected a number", "PRICE"]),
        (json!({"price": {}}), vec!["items[1].properties.price", "an object"]),
        (json!({"price": null}), vec!["items[1].properties.price must be given", "PRICE"]),
        (json!({"price": ""}), vec!["items[1].properties.price must be given"]),
        (json!({"genres": "Drama"}), vec!["items[1].properties.price must be given", "a number"]),
        (json!({"price": 1, "numRatings": 1.5}), vec!["items[1].properties.numRatings", "'1.5'", "int"]),
        (json!({"price": 1, "numRatings": 3e9}), vec!["items[1].properties.numRatings", "'3000000000'"]),
        (json!({"price": 1, "numRatings": " 1"}), vec!["items[1].properties.numRatings", "' 1'"]),
        (json!({"price": 1, "genres": "x".repeat(1_001)}), vec!["items[1].properties.genres", "1001", "at most 1000"]),
        (json!({"price": 1, "genres": ["a", "b"]}), vec!["items[1].properties.genres", "join several values with '|'"]),
        (json!({"price": 1, "inStock": 1}), vec!["items[1].properties.inStock", "true or false"]),
        (json!({"price": 1, "PRICE": 2}), vec!["items[1].properties.PRICE: the field PRICE is given twice"]),
        (json!({"price": 1, "itemId": "other"}), vec!["items[1].properties.itemId", "leave it out"]),
    ] {
        let bad = json!({"itemId": "bad", "properties": properties.to_string()});
        let input = json!({"datasetArn": world.items, "items": [good, bad]});
        told(world.palate.call("PutItems", input).await, 400, "InvalidInputException", &parts);
    }
    assert!(world.items().await.is_empty(), "a refused call stores none of its records");
    for (id, parts) in [("", "items[0].itemId"), (&*"x".repeat(257), "items[0].itemId")] {
        told(world.put_item(id, json!({"price": 1})).await, 400, "InvalidInputException", &[parts]);
    }
    let eleven: Vec<&Value> = std::iter::repeat_n(&good, 11).collect();
    let input = json!({"datasetArn": world.items, "items": eleven});
    told(world.palate.call("PutItems", input).await, 400, "InvalidInputException", &["'items'", "10"]);
    for value in [0, 11] {
        let actions = json!([{"actionId": "a", "properties": json!({"value": value}).to_string()}]);
        let input = json!({"datasetArn": world.actions, "actions": actions});
        let parts = ["actions[0].properties.value", "from 1 to 10"];
        told(world.palate.call("PutActions", input).await, 400, "InvalidInputException", &parts);
    }
}

#[tokio::test]
async fn records_go_into_an_active_dataset_of_their_type_only() {
    let world = World::new().await;
    let World { items, users, actions, action_interactions, .. } = &world;
    let interactions = items.replace("/ITEMS", "/INTERACTIONS");
    let unknown = items.replace("/films/", "/books/");
    let group = &world.group;
    let put = |operation: &str, arn: &str| {
        let (list, record) = match operation {
            "PutItems" => ("items", json!({"itemId": "x", "properties": "{\"price\": 1}"})),
            "PutUsers" => ("users", json!({"userId": "x", "properties": "{\"membershipType\": \"gold\"}"})),
            _ => ("actions", json!({"actionId": "x"})),
        };
        let input = json!({"datasetArn": arn, list: [record]});
        let (operation, palate) = (operation.to_owned(), &world.palate);
        async move { palate.call(&operation, input).await }
    };
    for (operation, own) in [("PutItems", items), ("PutUsers", users), ("PutActions", actions)] {
        assert_eq!(put(operation, own).await, Ok(Value::Null));
        for arn in [items, users, actions, action_interactions, &interactions, group] {
            if arn != own {
                told(put(operation, arn).await, 400, "InvalidInputException", &["datasetArn", arn]);
            }
        }
    }
    told(put("PutItems", &unknown).await, 404, "ResourceNotFoundException", &[&unknown]);
    for state in ["CREATE PENDING", "CREATE IN_PROGRESS", "CREATE FAILED"] {
        world.palate.put_in_state(items, "/status", state).await;
        told(put("PutItems", items).await, 409, "ResourceInUseException", &[items, state, "ACTIVE"]);
    }
}

#[tokio::test]
async fn a_record_replaces_the_whole_record_of_its_id() {
    let world = World::new().await;
    world.put_item("i", json!({"price": 1, "genres": "Drama"})).await.unwrap();
    let version = async || {
        let key = palate_store::Key::new("put-version", &world.items);
        world.palate.stores.records.get(&key).await.unwrap().map(|record| record.version)
    };
    let first = version().await;
    world.palate.clock.advance(Duration::from_secs(5));
    world.put_item("i", json!({"price": 2})).await.unwrap();
    assert!(version().await > first);
    let stored = world.items().await;
    assert_eq!(stored.len(), 1);
    assert_eq!((&stored[0]["values"], &stored[0]["atMs"]), (&json!({"PRICE": 2.0}), &json!(1_700_000_005_000_u64)));
    // Twice in one call: the later counts.
    let record = |price: u8| json!({"itemId": "i", "properties": json!({"price": price}).to_string()});
    world.palate.clock.advance(Duration::from_secs(5));
    let input = json!({"datasetArn": world.items, "items": [record(3), record(4)]});
    world.palate.call("PutItems", input).await.unwrap();
    assert_eq!(world.items().await[0]["values"], json!({"PRICE": 4.0}));
}

#[tokio::test]
async fn long_and_odd_ids_are_kept_apart() {
    let world = World::new().await;
    let ids = ["🦀".repeat(256), format!("{}x", "🦀".repeat(255)), "a/b".into(), "\0".into(), "sha256/".into()];
    for id in &ids {
        world.put_item(id, json!({"price": 1})).await.unwrap();
        let shown =
            json!({"trackingId": world.tracker, "userId": id, "sessionId": id, "eventList": [event(json!({}))]});
        world.palate.call("PutEvents", shown).await.unwrap();
    }
    let mut stored: Vec<String> =
        world.items().await.iter().map(|record| record["id"].as_str().unwrap().into()).collect();
    let mut given = ids.to_vec();
    stored.sort();
    given.sort();
    assert_eq!(stored, given);
}

#[tokio::test]
async fn everybody_who_puts_into_one_dataset_at_once_succeeds() {
    let world = World::new().await;
    let puts = (0..60).map(|number| {
        let id = format!("i{}", number % 30);
        let world = &world;
        async move { world.put_item(&id, json!({"price": number})).await }
    });
    for outcome in futures::future::join_all(puts).await {
        assert_eq!(outcome, Ok(Value::Null));
    }
    assert_eq!(world.items().await.len(), 30);
}

#[tokio::test]
async fn a_new_dataset_of_a_name_has_nothing_of_the_deleted_one() {
    let world = World::new().await;
    world.put_item("old", json!({"price": 1})).await.unwrap();
    world.palate.call("DeleteDataset", json!({"datasetArn": world.items})).await.unwrap();
    world.palate.run_jobs().await;
    assert!(world.items().await.is_empty());
    told(world.put_item("x", json!({"price": 1})).await, 404, "ResourceNotFoundException", &[&world.items]);
    let schema = world.palate.schema("others", &ITEMS).await;
    let input = json!({"name": "again", "schemaArn": schema, "datasetGroupArn": world.group, "datasetType": "Items"});
    world.palate.call("CreateDataset", input).await.unwrap();
    world.put_item("new", json!({"price": 1})).await.unwrap();
    let stored = world.items().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["id"], "new");
}

#[tokio::test]
async fn an_event_is_stored_with_the_values_of_its_fields() {
    let world = World::new().await;
    for (number, (given, members)) in [
        (json!({}), json!({"itemId": "i", "eventType": "watch", "sentAt": 1_700_000_000})),
        (json!({"eventValue": 2.5}), json!({"eventValue": 2.5})),
        (
            json!({"itemId": null, "properties": "{\"itemId\": \"p\", \"eventValue\": \"4.5\"}"}),
            json!({"itemId": "p", "eventValue": 4.5}),
        ),
        (json!({"itemId": null, "properties": "{\"ITEM_ID\": 593}"}), json!({"itemId": "593"})),
        (json!({"properties": "{\"itemId\": \"p\"}"}), json!({"itemId": "i"})),
        (json!({"eventValue": 1, "properties": "{\"eventValue\": 2}"}), json!({"eventValue": 1.0})),
        (
            json!({"properties": "{\"deviceName\": \"tv\", \"minutes\": \"12\"}"}),
            json!({"properties": {"DEVICE_NAME": "tv", "MINUTES": 12}}),
        ),
        (json!({"properties": {"minutes": 12}}), json!({"properties": {"MINUTES": 12}})),
        (json!({"properties": "{\"duration\": 5, \"page\": [1]}"}), json!({"properties": null})),
        (json!({"metricAttribution": {"eventAttributionSource": "mail"}}), json!({"eventAttributionSource": "mail"})),
        (json!({"recommendationId": "r".repeat(40)}), json!({"recommendationId": "r".repeat(40)})),
        (json!({"impression": ["a", "b"]}), json!({"impression": ["a", "b"]})),
        (json!({"sentAt": "2023-11-14T22:13:20Z"}), json!({"sentAt": 1_700_000_000})),
        (json!({"sentAt": 0}), json!({"sentAt": 0})),
        (json!({"sentAt": 1_700_000_000.25}), json!({"sentAt": 1_700_000_000.25})),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        let input =
            json!({"trackingId": world.tracker, "userId": user, "sessionId": "s", "eventList": [event(given.clone())]});
        assert_eq!(world.palate.call("PutEvents", input).await, Ok(Value::Null), "{given}");
        let stored = world.events_of(&user).await;
        assert_eq!(stored.len(), 1);
        for (member, value) in members.as_object().unwrap() {
            assert_eq!(stored[0][member], *value, "{given}: {member}");
        }
    }
}

#[tokio::test]
async fn an_event_that_breaks_a_rule_is_refused_with_its_place() {
    let world = World::new().await;
    let large: Vec<String> = (0..25).map(|number| format!("{number:03}{}", "é".repeat(253))).collect();
    for (given, parts) in [
        (json!({"eventType": null}), vec!["eventList[1].eventType"]),
        (json!({"sentAt": null}), vec!["eventList[1].sentAt"]),
        (json!({"sentAt": "soon"}), vec!["eventList[1].sentAt", "seconds"]),
        (json!({"sentAt": 1_700_000_000_000_u64}), vec!["eventList[1].sentAt", "seconds"]),
        (json!({"sentAt": -1}), vec!["eventList[1].sentAt", "1970", "seconds"]),
        (json!({"sentAt": "0001-01-01T00:00:00Z"}), vec!["eventList[1].sentAt", "1970"]),
        (json!({"itemId": null}), vec!["eventList[1].itemId must be given"]),
        (json!({"itemId": ""}), vec!["eventList[1].itemId"]),
        (json!({"itemId": null, "properties": "{\"itemId\": \"\"}"}), vec!["eventList[1].itemId must be given"]),
        (json!({"itemId": null, "properties": "{\"itemId\": [1]}"}), vec!["eventList[1].properties.itemId", "string"]),
        (
            json!({"itemId": null, "properties": json!({"itemId": "x".repeat(257)}).to_string()}),
            vec!["eventList[1].properties.itemId", "256"],
        ),
        (json!({"eventValue": 1e39}), vec!["eventList[1].eventValue", "float"]),
        (json!({"eventValue": "2"}), vec!["eventList[1].eventValue", "number"]),
        (json!({"properties": "{\"eventValue\": \"much\"}"}), vec!["eventList[1].properties.eventValue", "number"]),
        (json!({"properties": "{\"minutes\": 1.5}"}), vec!["eventList[1].properties.minutes", "int"]),
        (json!({"properties": "[1]"}), vec!["eventList[1].properties"]),
        (json!({"properties": "{\"userId\": 1}"}), vec!["eventList[1].properties", "'userId'"]),
        (json!({"properties": "{\"SESSIONID\": 1}"}), vec!["eventList[1].properties", "'SESSIONID'"]),
        (json!({"properties": "{\"EventType\": 1}"}), vec!["eventList[1].properties", "'EventType'"]),
        (json!({"properties": "{\"timestamp\": 1}"}), vec!["eventList[1].properties", "'timestamp'"]),
        (json!({"properties": "{\"recommendation_id\": 1}"}), vec!["eventList[1].properties", "'recommendation_id'"]),
        (json!({"properties": "{\"Impression\": 1}"}), vec!["eventList[1].properties", "'Impression'"]),
        (json!({"properties": json!({"a": "x".repeat(1_024)}).to_string()}), vec!["eventList[1].properties", "1024"]),
        (json!({"recommendationId": "r".repeat(41)}), vec!["eventList[1].recommendationId", "40"]),
        (json!({"impression": []}), vec!["eventList[1].impression"]),
        (json!({"impression": vec!["i"; 26]}), vec!["eventList[1].impression", "25"]),
        (json!({"impression": [""]}), vec!["eventList[1].impression[0]"]),
        (json!({"impression": large}), vec!["eventList[1]", "at most 10240"]),
        (json!({"metricAttribution": {}}), vec!["eventList[1].metricAttribution.eventAttributionSource"]),
    ] {
        let outcome = world.put_events(json!([event(json!({})), event(given)])).await;
        told(outcome, 400, "InvalidInputException", &parts);
    }
    assert!(world.events_of("u").await.is_empty(), "a refused call stores none of its events");
    let unknown = json!({"trackingId": "nobody", "sessionId": "s", "eventList": [event(json!({}))]});
    told(world.palate.call("PutEvents", unknown).await, 400, "InvalidInputException", &["trackingId", "nobody"]);
    let other = json!({"trackingId": world.action_tracker, "sessionId": "s", "eventList": [event(json!({}))]});
    told(world.palate.call("PutEvents", other).await, 400, "InvalidInputException", &["trackingId"]);
}

#[tokio::test]
async fn a_visitors_events_stand_under_the_session() {
    let world = World::new().await;
    let visit = json!({"trackingId": world.tracker, "sessionId": "visit", "eventList": [event(json!({}))]});
    world.palate.call("PutEvents", visit).await.unwrap();
    world
        .put_actions_of_users(json!([action_interaction(json!({"userId": null, "sessionId": "visit"}))]))
        .await
        .unwrap();
    assert_eq!(world.events_of("visit").await.len(), 1);
    assert_eq!(world.action_interactions_of("visit").await.len(), 1);
}

#[tokio::test]
async fn an_event_id_counts_once() {
    let world = World::new().await;
    let named = |id: &str, item: &str| event(json!({"eventId": id, "itemId": item}));
    // Twice in one call.
    world.put_events(json!([named("a", "first"), named("a", "second")])).await.unwrap();
    // Seen before, beside one that is new and one without an id.
    world
        .put_events(json!([named("a", "third"), named("b", "fourth"), event(json!({"itemId": "fifth"}))]))
        .await
        .unwrap();
    let mut items: Vec<String> =
        world.events_of("u").await.iter().map(|event| event["itemId"].as_str().unwrap().into()).collect();
    items.sort();
    assert_eq!(items, ["fifth", "first", "fourth"]);
    // Of another user, the id is the same.
    let other = json!({"trackingId": world.tracker, "userId": "v", "sessionId": "s", "eventList": [named("a", "x")]});
    world.palate.call("PutEvents", other).await.unwrap();
    assert!(world.events_of("v").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_that_race_with_the_same_ids_are_stored_once() {
    let world = std::sync::Arc::new(World::new().await);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let world = std::sync::Arc::clone(&world);
        callers.spawn(async move {
            // Every caller has one id of its own, and shares nine with its neighbours in different order.
            let shared = (0..9).map(|number| format!("shared-{}", (number + caller) % 9));
            let ids = shared.chain([format!("own-{caller}")]);
            let events: Vec<Value> = ids.map(|id| event(json!({"eventId": id, "itemId": id}))).collect();
            world.put_events(Value::Array(events)).await
        });
    }
    for outcome in callers.join_all().await {
        assert_eq!(outcome, Ok(Value::Null));
    }
    let mut ids: Vec<String> =
        world.events_of("u").await.iter().map(|event| event["eventId"].as_str().unwrap().into()).collect();
    assert_eq!(ids.len(), 9 + 16);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 9 + 16);
}

#[tokio::test]
async fn the_three_kinds_of_action_interactions_are_read_in_every_spelling() {
    let world = World::new().await;
    for (number, (given, stored)) in [
        ("Taken", "TAKEN"),
        ("TAKEN", "TAKEN"),
        ("Not Taken", "NOT_TAKEN"),
        ("NOT_TAKEN", "NOT_TAKEN"),
        ("not taken", "NOT_TAKEN"),
        ("notTaken", "NOT_TAKEN"),
        ("Viewed", "VIEWED"),
        ("VIEWED", "VIEWED"),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user-{number}");
        let given = action_interaction(json!({"eventType": given, "userId": user}));
        world.put_actions_of_users(json!([given])).await.unwrap();
        assert_eq!(world.action_interactions_of(&user).await[0]["eventType"], stored);
    }
}

#[tokio::test]
async fn an_action_interaction_that_breaks_a_rule_is_refused_with_its_place() {
    let world = World::new().await;
    for (given, parts) in [
        (
            json!({"eventType": "Clicked"}),
            vec!["actionInteractions[1].eventType", "'Clicked'", "Taken, Not Taken or Viewed"],
        ),
        (json!({"eventType": null}), vec!["actionInteractions[1].eventType"]),
        (json!({"actionId": ""}), vec!["actionInteractions[1].actionId"]),
        (json!({"sessionId": null}), vec!["actionInteractions[1].sessionId"]),
        (json!({"timestamp": 1_700_000_000_000_u64}), vec!["actionInteractions[1].timestamp", "seconds"]),
        (json!({"timestamp": -5}), vec!["actionInteractions[1].timestamp", "1970", "seconds"]),
        (json!({"properties": "{\"userID\": \"x\"}"}), vec!["actionInteractions[1].properties", "'userID'"]),
        (json!({"properties": "{\"actionId\": \"x\"}"}), vec!["actionInteractions[1].properties", "'actionId'"]),
        (json!({"properties": "{\"channel\": {}}"}), vec!["actionInteractions[1].properties.channel", "an object"]),
    ] {
        let list = json!([action_interaction(json!({})), action_interaction(given)]);
        told(world.put_actions_of_users(list).await, 400, "InvalidInputException", &parts);
    }
    assert!(world.action_interactions_of("u").await.is_empty());
    let eleven = Value::Array(vec![action_interaction(json!({})); 11]);
    told(world.put_actions_of_users(eleven).await, 400, "InvalidInputException", &["'actionInteractions'", "10"]);
    // An event tracker's id is none of these.
    for id in ["nobody", &world.tracker] {
        let input = json!({"trackingId": id, "actionInteractions": [action_interaction(json!({}))]});
        told(world.palate.call("PutActionInteractions", input).await, 404, "ResourceNotFoundException", &[id]);
    }
}

#[tokio::test]
async fn action_interactions_go_into_an_active_dataset_only() {
    let world = World::new().await;
    let dataset = &world.action_interactions;
    world.palate.put_in_state(dataset, "/status", "CREATE IN_PROGRESS").await;
    let outcome = world.put_actions_of_users(json!([action_interaction(json!({}))])).await;
    told(outcome, 409, "ResourceInUseException", &[dataset, "CREATE IN_PROGRESS", "ACTIVE"]);
}

#[tokio::test]
async fn an_action_interaction_counts_once_and_keeps_its_properties() {
    let world = World::new().await;
    let named =
        action_interaction(json!({"eventId": "e", "properties": "{\"channel\": \"mail\"}", "impression": ["b"]}));
    world.put_actions_of_users(json!([named, named])).await.unwrap();
    world.put_actions_of_users(json!([named])).await.unwrap();
    // The ids of events are others.
    world.put_events(json!([event(json!({"eventId": "e"}))])).await.unwrap();
    let stored = world.action_interactions_of("u").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["properties"], json!({"CHANNEL": "mail"}));
    assert_eq!(world.events_of("u").await.len(), 1);
}

/// Any JSON, with names and values near those that mean something.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "-?[0-9]{1,20}(\\.[0-9]{1,3})?".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((any_name(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 17] = [
        "price",
        "PRICE",
        "numRatings",
        "genres",
        "inStock",
        "creationTimestamp",
        "meanRating",
        "description",
        "itemId",
        "eventValue",
        "userId",
        "deviceName",
        "minutes",
        "membershipType",
        "value",
        "channel",
        "actionId",
    ];
    prop_oneof![proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned), ".{0,8}"]
}

#[test]
fn no_properties_make_the_service_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let properties = proptest::collection::vec((any_name(), any_json()), 0..8)
        .prop_map(|members| members.into_iter().collect::<Map<String, Value>>());
    let given = (properties, any::<bool>(), ".{0,40}", any_json());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let outcome = runner.run(&given, |(properties, raw, text, other)| {
        let object = Value::Object(properties);
        let properties = if raw { object } else { Value::String(object.to_string()) };
        for properties in [properties, Value::String(text), other] {
            let item = json!([{"itemId": "i", "properties": properties}]);
            let user = json!([{"userId": "u", "properties": properties}]);
            let action = json!([{"actionId": "a", "properties": properties}]);
            let events = json!([
                event(json!({"properties": properties})),
                event(json!({"itemId": null, "properties": properties}))
            ]);
            let interaction = json!([action_interaction(json!({"properties": properties}))]);
            for (operation, input) in [
                ("PutItems", json!({"datasetArn": world.items, "items": item})),
                ("PutUsers", json!({"datasetArn": world.users, "users": user})),
                ("PutActions", json!({"datasetArn": world.actions, "actions": action})),
                ("PutEvents", json!({"trackingId": world.tracker, "sessionId": "s", "eventList": events})),
                (
                    "PutActionInteractions",
                    json!({"trackingId": world.action_tracker, "actionInteractions": interaction}),
                ),
            ] {
                if let Err((code, status, message)) = runtime.block_on(world.palate.call(operation, input)) {
                    prop_assert_eq!((code.as_str(), status), ("InvalidInputException", 400), "{}", message);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
