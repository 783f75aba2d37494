#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;

use serde_json::json;

use super::*;
use crate::resources::Dataset;
use crate::testing::World;

async fn recent_items(world: &World, limit: usize) -> Vec<String> {
    let events = recent_events(&world.service, &world.group, "u", limit).await.unwrap();
    events.into_iter().map(|event| event.item_id).collect()
}

async fn puts(world: &World, dataset_arn: &str) -> Vec<PutRecord> {
    let dataset = world.service.records.find::<Dataset>(dataset_arn).await.unwrap().unwrap();
    put_records(&world.service, &dataset.resource, "ITEM_ID").await.unwrap()
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
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    world.put_item(&dataset, "i007", "blue").await;
    assert!(put_version(&world.service, &dataset).await.unwrap() > before);
    let records = puts(&world, &dataset).await;
    assert_eq!(records.len(), 251);
    let values = json!({"COLOUR": "blue"}).as_object().unwrap().clone();
    assert_eq!(records[250], PutRecord { id: "i007".into(), values, at_ms: 1_700_000_000_001 });

    let before = put_version(&world.service, &dataset).await.unwrap();
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    assert!(put_version(&world.service, &dataset).await.unwrap() > before);
}

#[tokio::test]
async fn what_was_put_into_a_deleted_dataset_does_not_count_in_a_new_one_before_it_is_removed() {
    let world = World::new().await;
    let dataset = world.items().await;
    world.put_item(&dataset, "old", "red").await;
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    let dataset = world.items().await;
    assert_eq!(puts(&world, &dataset).await, []);
    world.put_item(&dataset, "old", "green").await;
    world.put_item(&dataset, "new", "green").await;
    assert_eq!(puts(&world, &dataset).await.len(), 2);
}

#[tokio::test]
async fn the_newest_events_come_in_order_of_their_time() {
    let world = World::new().await;
    let (_, tracking_id, _) = world.interactions().await;
    assert_eq!(recent_items(&world, 10).await, [""; 0]);
    for number in [3, 1, 4, 2, 0] {
        world.put_event(&tracking_id, number).await;
    }
    assert_eq!(recent_items(&world, 10).await, ["i0", "i1", "i2", "i3", "i4"]);
    assert_eq!(recent_items(&world, 2).await, ["i3", "i4"]);
    assert_eq!(recent_items(&world, 0).await, [""; 0]);
}

#[tokio::test]
async fn events_of_a_deleted_dataset_are_gone_and_their_ids_are_free() {
    let world = World::new().await;
    let (dataset, tracking_id, tracker) = world.interactions().await;
    world.put_event(&tracking_id, 1).await;
    assert_eq!(recent_items(&world, 10).await, ["i1"]);
    world.call("DeleteEventTracker", json!({"eventTrackerArn": tracker})).await;
    world.call("DeleteDataset", json!({"datasetArn": dataset})).await;
    assert_eq!(recent_items(&world, 10).await, [""; 0]);
    world.clock.0.fetch_add(1, Ordering::SeqCst);
    let (_, tracking_id, _) = world.interactions().await;
    assert_eq!(recent_items(&world, 10).await, [""; 0]);
    world.put_event(&tracking_id, 1).await;
    assert_eq!(recent_items(&world, 10).await, ["i1"]);
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
