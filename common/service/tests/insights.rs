//! What is told of a dataset, through the service.

#![allow(clippy::unwrap_used)]

#[path = "support/mod.rs"]
mod support;

use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, arn, items_csv, schema_of};

const EVENTS: &str = "dataset/films/INTERACTIONS";

/// The keys of Palate's own blobs that end so.
async fn blobs(palate: &Palate, end: &str) -> Vec<String> {
    let page = palate.stores.blobs.list("datasets/", None, 1000).await.unwrap();
    page.entries.into_iter().map(|blob| blob.key).filter(|key| key.ends_with(end)).collect()
}

async fn told(palate: &Palate, path: &str) -> Value {
    let insights = palate.service.insights(&arn(path)).await.unwrap().unwrap();
    serde_json::to_value(insights).unwrap()
}

fn names(insights: &Value) -> Vec<&str> {
    insights["findings"].as_array().unwrap().iter().map(|finding| finding["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_import_leaves_its_insights_beside_its_parts() {
    let palate = Palate::new();
    palate.imported().await;
    let (json, page) = (blobs(&palate, "insights.json").await, blobs(&palate, "insights.txt").await);
    assert_eq!((json.len(), page.len()), (1, 1));
    let kept: Value = serde_json::from_slice(&palate.stores.blobs.get(&json[0]).await.unwrap()).unwrap();
    assert_eq!(kept["rows"], 1_200);
    assert_eq!((&kept["users"]["n"], &kept["users"]["withOneEvent"]), (&json!(60), &json!(0)));
    assert_eq!(kept["items"]["n"], 40);
    assert_eq!(kept["eventTypes"][0], json!({"eventType": "watch", "events": 960}));
    assert_eq!(kept["coverage"], json!([]), "there are no other datasets");
    assert_eq!(told(&palate, EVENTS).await, kept);
    let page = String::from_utf8(palate.stores.blobs.get(&page[0]).await.unwrap().to_vec()).unwrap();
    assert!(page.starts_with("Interactions: 1,200 rows\n"), "{page}");
}

#[tokio::test]
async fn each_dataset_tells_what_the_others_know() {
    let palate = Palate::new();
    let group = palate.imported().await;
    assert!(!names(&told(&palate, EVENTS).await).contains(&"cold-items"));
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    // 40 items of the interactions, of which one is left out, and another one.
    let csv = items_csv(&[("PRICE", "1")]).replace("i39,1\n", "new,1\n");
    palate.import(&items, "FULL", csv).await;
    for (path, other, only_here, only_there) in [(EVENTS, "Items", 1, 1), ("dataset/films/ITEMS", "Interactions", 1, 1)]
    {
        let insights = told(&palate, path).await;
        let coverage = &insights["coverage"][0];
        assert_eq!(coverage["datasetType"], other);
        assert_eq!(coverage["inBoth"], 39);
        assert_eq!((&coverage["onlyHere"], &coverage["onlyThere"]), (&json!(only_here), &json!(only_there)));
        assert!(names(&insights).contains(&"cold-items"), "{insights}");
        assert!(names(&insights).contains(&"items-without-metadata"), "{insights}");
    }
}

#[tokio::test]
async fn an_incremental_import_is_told_with_what_was_there() {
    let palate = Palate::new();
    palate.imported().await;
    let mut more = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n".to_owned();
    (0..1_000).for_each(|row| more.push_str(&format!("once{row},i0,{},buy,1\n", 1_650_000_000 + row)));
    palate.import(&arn(EVENTS), "INCREMENTAL", more.clone()).await;
    let insights = told(&palate, EVENTS).await;
    assert_eq!((&insights["rows"], &insights["users"]["n"]), (&json!(2_200), &json!(1_060)));
    assert!(names(&insights).contains(&"one-event-users"));
    palate.import(&arn(EVENTS), "FULL", more).await;
    assert_eq!(told(&palate, EVENTS).await["users"]["n"], 1_000);
}

#[tokio::test]
async fn what_is_not_there_is_computed_when_it_is_asked_for() {
    let palate = Palate::new();
    let group = palate.group().await;
    palate.dataset(&group, "Interactions", &INTERACTIONS).await;
    assert_eq!(names(&told(&palate, EVENTS).await), ["no-rows"]);
    let dataset = arn(EVENTS);
    palate.import(&dataset, "FULL", support::interactions_csv()).await;
    let before = told(&palate, EVENTS).await;
    for key in blobs(&palate, "insights.json").await {
        palate.stores.blobs.delete(&key).await.unwrap();
    }
    assert_eq!(told(&palate, EVENTS).await, before);
    assert_eq!(blobs(&palate, "insights.json").await.len(), 1);
}

#[tokio::test]
async fn a_dataset_is_found_by_its_arn_or_by_its_group_and_type() {
    let palate = Palate::new();
    palate.imported().await;
    for (name, found) in [
        ("films/interactions", true),
        ("films/INTERACTIONS", true),
        ("films/ITEMS", false),
        ("films", false),
        ("", false),
        ("arn:aws:personalize:us-east-1:000000000000:dataset-group/films", false),
        ("arn:aws:personalize:eu-west-1:000000000000:dataset/films/INTERACTIONS", false),
    ] {
        assert_eq!(palate.service.insights(name).await.unwrap().is_some(), found, "{name}");
    }
}

#[tokio::test]
async fn insights_go_with_their_dataset() {
    let palate = Palate::new();
    palate.imported().await;
    palate.call("DeleteDataset", json!({"datasetArn": arn(EVENTS)})).await.unwrap();
    palate.run_jobs().await;
    assert_eq!(palate.service.insights(&arn(EVENTS)).await.unwrap(), None);
    assert_eq!(blobs(&palate, "").await, [""; 0]);
    let record = palate.stores.records.get(&palate_store::Key::new("insights", arn(EVENTS))).await.unwrap();
    assert_eq!(record, None);
}
