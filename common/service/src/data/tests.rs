#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use palate_recipes::parts::{AT_MS, Part, SESSION_ID};
use palate_store::{PutCondition, RecordStoreExt, Write};
use serde_json::json;

use super::*;
use crate::testing::World;

/// Every row of a snapshot: id, colour, when it came.
async fn rows(world: &World, dataset: &str) -> Vec<(String, String, i64)> {
    let snapshot = Snapshot::take(&world.service, dataset, None).await.unwrap().unwrap();
    let mut rows = Vec::new();
    for part in snapshot.parts() {
        let part = Part::open(snapshot.content(&world.service, part).await.unwrap()).unwrap();
        let (ids, colours, times) =
            (part.strings("ITEM_ID").unwrap(), part.strings("COLOUR").unwrap(), part.longs(AT_MS).unwrap());
        for row in 0..part.n_rows() {
            let text = |column: &palate_recipes::parts::StringColumn| column.get(row).unwrap_or("-").to_owned();
            rows.push((text(&ids), text(&colours), times.values[row]));
        }
    }
    rows
}

async fn n_journaled(world: &World, dataset: &str) -> usize {
    let mut n = 0;
    for shard in 0..4 {
        n += world
            .service
            .records
            .list_all(&format!("journal/{dataset}/1700000000000/{shard}"), "")
            .await
            .unwrap()
            .len();
    }
    n
}

async fn manifest(world: &World, dataset: &str) -> Manifest {
    Manifest::read(&world.service.records, dataset).await.unwrap().0
}

#[tokio::test]
async fn what_was_streamed_is_in_a_snapshot_before_and_after_it_became_a_part() {
    let world = World::new().await;
    let dataset = world.items().await;
    for number in 0..30 {
        world.put_item(&dataset, &format!("i{number}"), "red").await;
    }
    let before = rows(&world, &dataset).await;
    assert_eq!(before.len(), 30);
    assert!(before.iter().all(|row| (row.1.as_str(), row.2) == ("red", 1_700_000_000_000)), "{before:?}");
    compact(&world.service, &dataset).await.unwrap();
    let sorted = |rows: Vec<_>| rows.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(sorted(rows(&world, &dataset).await), sorted(before));
    assert_eq!((n_journaled(&world, &dataset).await, manifest(&world, &dataset).await.parts.len()), (0, 1));
    // Nothing new, nothing done.
    compact(&world.service, &dataset).await.unwrap();
    assert_eq!(manifest(&world, &dataset).await.parts.len(), 1);
}

#[tokio::test]
async fn an_entry_whose_part_is_committed_is_not_taken_twice_after_a_kill() {
    let world = World::new().await;
    let dataset = world.items().await;
    world.put_item(&dataset, "a", "red").await;
    let mut left = Vec::new();
    for shard in 0..4 {
        let partition = format!("journal/{dataset}/1700000000000/{shard}");
        left.extend(world.service.records.list_all(&partition, "").await.unwrap());
    }
    compact(&world.service, &dataset).await.unwrap();
    // As if the process had died between the commit and the removal of the entries.
    for record in left {
        world.service.records.commit(vec![Write::Create { key: record.key, value: record.value }]).await.unwrap();
    }
    world.put_item(&dataset, "b", "blue").await;
    compact(&world.service, &dataset).await.unwrap();
    let ids: Vec<String> = rows(&world, &dataset).await.into_iter().map(|row| row.0).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(n_journaled(&world, &dataset).await, 0);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stays_and_is_told_and_the_others_are_compacted() {
    let world = World::new().await;
    let dataset = world.items().await;
    world.put_item(&dataset, "a", "red").await;
    let key = palate_store::Key::new(format!("journal/{dataset}/1700000000000/2"), "1700000000000-00");
    world.service.records.commit(vec![Write::Create { key, value: b"{\"format\":1}".to_vec() }]).await.unwrap();
    let error = compact(&world.service, &dataset).await.unwrap_err().to_string();
    assert!(error.contains("1 journal entries"), "{error}");
    assert_eq!((n_journaled(&world, &dataset).await, rows(&world, &dataset).await.len()), (1, 1));
}

#[tokio::test]
async fn many_small_parts_become_one_and_every_row_keeps_its_time() {
    let world = World::new().await;
    let dataset = world.items().await;
    for number in 0..8 {
        world.clock.0.fetch_add(1_000, Ordering::SeqCst);
        world.put_item(&dataset, &format!("i{}", number % 3), &number.to_string()).await;
        compact(&world.service, &dataset).await.unwrap();
    }
    let manifest = manifest(&world, &dataset).await;
    assert_eq!((manifest.parts.len(), manifest.retired.len()), (1, 8));
    let expected =
        |number: i64| (format!("i{}", number % 3), number.to_string(), 1_700_000_000_000 + 1_000 * (number + 1));
    assert_eq!(rows(&world, &dataset).await, (0..8).map(expected).collect::<Vec<_>>());
}

#[tokio::test]
async fn replaced_parts_stay_until_nobody_reads_them() {
    let world = World::new().await;
    let dataset = world.items().await;
    let key = "datasets/old.parquet".to_owned();
    world.service.stores.blobs.put(&key, bytes::Bytes::from_static(b"x"), PutCondition::Always).await.unwrap();
    let (mut manifest, version) = Manifest::read(&world.service.records, &dataset).await.unwrap();
    manifest.retired.push(manifest::Retired { key: key.clone(), at_ms: 1_700_000_000_000 });
    world.service.records.commit(vec![manifest.replace(&dataset, version).unwrap()]).await.unwrap();

    let reader = "arn:aws:personalize:us-east-1:000000000000:dataset-export-job/x";
    let job = palate_store::Key::new("job", reader);
    world.service.records.commit(vec![Write::Create { key: job.clone(), value: b"{}".to_vec() }]).await.unwrap();
    let snapshot = Snapshot::take(&world.service, &dataset, Some(reader)).await.unwrap().unwrap();
    let there = async || world.service.stores.blobs.head(&key).await.is_ok();
    retirement::remove_retired(&world.service, &dataset).await.unwrap();
    assert!(there().await, "within the time of grace");
    world.clock.0.fetch_add(100_000, Ordering::SeqCst);
    retirement::remove_retired(&world.service, &dataset).await.unwrap();
    assert!(there().await, "while a job reads");
    // The job is killed, and its note stays.
    drop(snapshot);
    world.service.records.delete(job, 1).await.unwrap();
    retirement::remove_retired(&world.service, &dataset).await.unwrap();
    assert!(!there().await);
    assert_eq!(Manifest::read(&world.service.records, &dataset).await.unwrap().0.retired, []);
}

#[tokio::test]
async fn events_become_rows_with_their_session() {
    let world = World::new().await;
    let (dataset, tracking_id, _) = world.interactions().await;
    let event =
        json!({"eventType": "view", "itemId": "i", "sentAt": 1_700_000_000.9, "properties": "{\"colour\":\"red\"}"});
    let input = json!({"trackingId": tracking_id, "sessionId": "s1", "eventList": [event]});
    world.call("PutEvents", input).await;
    compact(&world.service, &dataset).await.unwrap();
    let snapshot = Snapshot::take(&world.service, &dataset, None).await.unwrap().unwrap();
    let part = Part::open(snapshot.content(&world.service, &snapshot.parts()[0]).await.unwrap()).unwrap();
    let text = |name: &str| part.strings(name).unwrap().get(0).map(str::to_owned);
    let found = [text("USER_ID"), text("ITEM_ID"), text("COLOUR"), text(SESSION_ID)];
    assert_eq!(found, [None, Some("i".into()), Some("red".into()), Some("s1".into())]);
    assert_eq!(part.longs("TIMESTAMP").unwrap().values, [1_700_000_000]);
}
