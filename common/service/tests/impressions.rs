//! What recommendations showed, as impressions of the events that name them.

#![allow(clippy::unwrap_used)]

mod support;

use palate_store::Key;
use serde_json::{Value, json};
use support::{Palate, ROLE, arn, interactions_csv, schema_of};

/// A campaign that explores so much, of a model of the group `films`.
async fn campaign(palate: &Palate, version: &str, weight: &str) -> String {
    let config = json!({"itemExplorationConfig": {"explorationWeight": weight}});
    let name = format!("c{}", weight.replace('.', "-"));
    let input = json!({"name": name, "solutionVersionArn": version, "campaignConfig": config});
    let campaign = palate.create("CreateCampaign", input).await;
    palate.run_jobs().await;
    campaign
}

async fn version(palate: &Palate, group: &str) -> String {
    let solution = palate.create(
        "CreateSolution",
        json!({
            "name": "s",
            "datasetGroupArn": group,
            "recipeArn": "arn:aws:personalize:::recipe/aws-user-personalization",
            "performAutoTraining": false,
            "solutionConfig": {"algorithmHyperParameters": {"hidden_dimension": "32"}},
        }),
    );
    let solution = solution.await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    version
}

/// The id of a recommendation, and what it showed.
async fn recommended(palate: &Palate, campaign: &str, n: usize) -> (String, Vec<String>) {
    let input = json!({"campaignArn": campaign, "userId": "u1", "numResults": n});
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    let items = answer["itemList"].as_array().unwrap();
    let items = items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect();
    (answer["recommendationId"].as_str().unwrap().to_owned(), items)
}

#[tokio::test]
async fn an_event_has_what_its_recommendation_showed_unless_it_says_what_was_shown() {
    let palate = Palate::new();
    let group = palate.group().await;
    let fields = [
        "USER_ID: string",
        "ITEM_ID: string",
        "TIMESTAMP: long",
        "EVENT_TYPE: string",
        "EVENT_VALUE: float?",
        "IMPRESSION: string?",
    ];
    let interactions = palate.dataset(&group, "Interactions", &schema_of("Interactions", &fields)).await;
    let mut csv = String::new();
    for (number, line) in interactions_csv().lines().enumerate() {
        csv.push_str(&format!("{line},{}\n", if number == 0 { "IMPRESSION" } else { "" }));
    }
    palate.import(&interactions, "FULL", csv).await;
    let version = version(&palate, &group).await;
    let tracker = json!({"name": "t", "datasetGroupArn": group});
    let tracking_id = palate.call("CreateEventTracker", tracker).await.unwrap()["trackingId"].clone();
    let exploring = campaign(&palate, &version, "0.3").await;
    let relevant = campaign(&palate, &version, "0").await;
    let (id, shown) = recommended(&palate, &exploring, 5).await;
    let (long_id, long) = recommended(&palate, &exploring, 40).await;
    let (other_id, _) = recommended(&palate, &relevant, 5).await;

    let event = |at: i64, more: Value| {
        let mut event = json!({"eventType": "watch", "itemId": "i1", "sentAt": 1_700_000_000 + at});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let events = json!([
        event(0, json!({"recommendationId": id})),
        event(1, json!({"recommendationId": id, "impression": ["i7", "i8"]})),
        event(2, json!({"recommendationId": long_id})),
        event(3, json!({"recommendationId": other_id})),
        event(4, json!({"recommendationId": "RID-of another service"})),
        event(5, json!({})),
    ]);
    let put = |user: &str, events: &Value| json!({"trackingId": tracking_id, "userId": user, "sessionId": "s", "eventList": events});
    palate.call("PutEvents", put("ada", &events)).await.unwrap();

    // Another process finds it in the store, once it is there.
    let key = Key::new(format!("shown/{group}"), id.as_str());
    while palate.stores.records.get(&key).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let other = palate.beside();
    let first = json!([event(6, json!({"recommendationId": id}))]);
    other.call("PutEvents", put("bob", &first)).await.unwrap();

    let input = json!({
        "jobName": "out", "datasetArn": arn("dataset/films/INTERACTIONS"), "roleArn": ROLE, "ingestionMode": "PUT",
        "jobOutput": {"s3DataDestination": {"path": "s3://bucket/out"}},
    });
    palate.create("CreateDatasetExportJob", input).await;
    palate.run_jobs().await;
    let content = palate.stores.buckets.bucket("bucket").unwrap().get("out/out/part-00000.csv").await.unwrap();
    let content = String::from_utf8(content.to_vec()).unwrap();
    let impressions: Vec<&str> = content.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect();
    let (shown, long) = (shown.join("|"), long[..25].join("|"));
    assert_eq!(impressions, [shown.as_str(), "i7|i8", &long, "", "", "", &shown]);
}
