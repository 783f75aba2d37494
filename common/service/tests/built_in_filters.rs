//! What use cases about an item leave out of every answer by themselves.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;

use serde_json::json;
use support::{INTERACTIONS, Palate, arn, schema_of};

const N_ITEMS: usize = 130;

/// So many events of each type the filter looks at.
const LOOKED_AT: usize = 100;

/// Sixty users with 30 events of `learned` each; and the collector, who had events of `left_out` with the first 110
/// items, one after the other.
fn interactions_csv(learned: &str, left_out: &str) -> String {
    let mut csv = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\n".to_owned();
    for user in 0..60 {
        for step in 0..30 {
            let item = (user * 7 + step * 3) % N_ITEMS;
            writeln!(csv, "u{user},i{item},{},{learned},", 1_600_000_000 + user * 1000 + step * 60).unwrap();
        }
    }
    for item in 0..110 {
        writeln!(csv, "collector,i{item},{},{left_out},", 1_650_000_000 + item * 60).unwrap();
    }
    csv
}

async fn recommender(palate: &Palate, domain: &str, recipe: &str, learned: &str, left_out: &str) -> String {
    let group = palate.create("CreateDatasetGroup", json!({"name": "g", "domain": domain})).await;
    let of_domain = match domain {
        "VIDEO_ON_DEMAND" => ["GENRES: category", "CREATION_TIMESTAMP: long"],
        _ => ["CATEGORY_L1: category", "PRICE: float"],
    };
    let mut items = schema_of("Items", &["ITEM_ID: string", "KIND: category", of_domain[0], of_domain[1]]);
    // The domain needs it.
    items["fields"][2]["type"] = json!("string");
    let names: Vec<&str> =
        items["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    let mut rows = format!("{}\n", names.join(","));
    for item in 0..N_ITEMS {
        let value = |name: &&str| match *name {
            "ITEM_ID" => format!("i{item}"),
            "PRICE" | "CREATION_TIMESTAMP" => "1600000000".to_owned(),
            _ => ["red", "blue"][item % 2].to_owned(),
        };
        let cells: Vec<String> = names.iter().map(value).collect();
        writeln!(rows, "{}", cells.join(",")).unwrap();
    }
    for (kind, schema, csv) in
        [("Interactions", &*INTERACTIONS, interactions_csv(learned, left_out)), ("Items", &items, rows)]
    {
        let schema = json!({"name": kind, "schema": schema.to_string(), "domain": domain});
        let schema = palate.create("CreateSchema", schema).await;
        let dataset = json!({"name": kind, "schemaArn": schema, "datasetGroupArn": group, "datasetType": kind});
        let dataset = palate.create("CreateDataset", dataset).await;
        palate.import(&dataset, "FULL", csv).await;
    }
    let recipe = format!("arn:aws:personalize:::recipe/{recipe}");
    let input = json!({"name": "r", "datasetGroupArn": arn("dataset-group/g"), "recipeArn": recipe});
    let recommender = palate.create("CreateRecommender", input).await;
    palate.run_jobs().await;
    let told = palate.status("DescribeRecommender", "recommenderArn", &recommender).await;
    assert_eq!(told, ("ACTIVE".to_owned(), None));
    recommender
}

/// Numbers of the items that somebody gets who looks at item 120.
async fn asked(palate: &Palate, recommender: &str, user: &str) -> Vec<usize> {
    let input = json!({"recommenderArn": recommender, "userId": user, "itemId": "i120", "numResults": 200});
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    let items = answer["itemList"].as_array().unwrap();
    assert!(items.iter().all(|item| item.get("score").is_none()));
    let mut numbers: Vec<usize> =
        items.iter().map(|item| item["itemId"].as_str().unwrap()[1..].parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn what_a_user_bought_or_watched_last_is_left_out_of_answers_about_an_item() {
    for (domain, recipe, learned, left_out) in [
        ("ECOMMERCE", "aws-ecomm-customers-who-viewed-x-also-viewed", "View", "Purchase"),
        ("VIDEO_ON_DEMAND", "aws-vod-because-you-watched-x", "Watch", "watch"),
        ("VIDEO_ON_DEMAND", "aws-vod-more-like-x", "Click", "Watch"),
    ] {
        let palate = Palate::new();
        let recommender = recommender(&palate, domain, recipe, learned, left_out).await;
        let everything: Vec<usize> = (0..N_ITEMS).filter(|item| *item != 120).collect();
        assert_eq!(asked(&palate, &recommender, "stranger").await, everything, "{recipe}");
        // Of 110 events only the newest count.
        let kept: Vec<usize> =
            everything.iter().copied().filter(|item| !(110 - LOOKED_AT..110).contains(item)).collect();
        assert_eq!(asked(&palate, &recommender, "collector").await, kept, "{recipe}");

        // One more, streamed, is seen by the next request and pushes the oldest out of view.
        let tracker = json!({"name": "t", "datasetGroupArn": arn("dataset-group/g")});
        let tracking_id = palate.call("CreateEventTracker", tracker).await.unwrap()["trackingId"].clone();
        let event = json!({"eventType": left_out, "itemId": "i125", "sentAt": 1_700_000_000});
        let events = json!({
            "trackingId": tracking_id, "sessionId": "s", "userId": "collector", "eventList": [event],
        });
        palate.call("PutEvents", events).await.unwrap();
        let kept: Vec<usize> =
            everything.iter().copied().filter(|item| *item != 125 && !(11..110).contains(item)).collect();
        assert_eq!(asked(&palate, &recommender, "collector").await, kept, "{recipe}");
    }
}

#[tokio::test]
async fn frequently_bought_together_leaves_out_nothing() {
    let palate = Palate::new();
    let recipe = "aws-ecomm-frequently-bought-together";
    let recommender = recommender(&palate, "ECOMMERCE", recipe, "Purchase", "Purchase").await;
    let input = json!({"recommenderArn": recommender, "itemId": "i120", "userId": "collector", "numResults": 200});
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    assert_eq!(answer["itemList"].as_array().unwrap().len(), N_ITEMS - 1);
}
