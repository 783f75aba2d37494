//! Recommenders, from their creation to their deletion.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use palate_service::Settings;
use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, arn, interactions_csv};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn recipe(name: &str) -> String {
    format!("arn:aws:personalize:::recipe/{name}")
}

fn of_shop(name: &str, recipe_name: &str) -> Value {
    json!({"name": name, "datasetGroupArn": arn("dataset-group/shop"), "recipeArn": recipe(recipe_name)})
}

/// A shop's dataset group whose interactions are of one type of event.
async fn shop(palate: &Palate, event_type: &str) {
    let group = json!({"name": "shop", "domain": "ECOMMERCE"});
    let group = palate.create("CreateDatasetGroup", group).await;
    let schema = json!({"name": "shop", "schema": INTERACTIONS.to_string(), "domain": "ECOMMERCE"});
    let schema = palate.create("CreateSchema", schema).await;
    let dataset = json!({
        "name": "shop", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions",
    });
    let dataset = palate.create("CreateDataset", dataset).await;
    let csv = interactions_csv().replace("watch", event_type).replace("buy", event_type);
    palate.import(&dataset, "FULL", csv).await;
}

async fn described(palate: &Palate, recommender: &str) -> Value {
    let answer = palate.call("DescribeRecommender", json!({"recommenderArn": recommender})).await.unwrap();
    answer["recommender"].clone()
}

/// A recommender that is ACTIVE.
async fn active(palate: &Palate) -> String {
    shop(palate, "View").await;
    let recommender = palate.create("CreateRecommender", of_shop("r", "aws-ecomm-popular-items-by-views")).await;
    palate.run_jobs().await;
    recommender
}

/// The folders of a recommender's models.
async fn models(palate: &Palate) -> Vec<String> {
    let page = palate.stores.blobs.list("recommenders/", None, 1000).await.unwrap();
    let mut folders: Vec<String> =
        page.entries.iter().map(|blob| blob.key.rsplit('/').nth(1).unwrap().to_owned()).collect();
    folders.dedup();
    folders
}

#[tokio::test]
async fn a_recommender_is_trained_described_and_listed() {
    let palate = Palate::new();
    shop(&palate, "view").await;
    let recommender = palate.create("CreateRecommender", of_shop("r", "aws-ecomm-popular-items-by-views")).await;
    assert_eq!(recommender, arn("recommender/r"));
    let pending = described(&palate, &recommender).await;
    assert_eq!((&pending["status"], pending.get("modelMetrics")), (&json!("CREATE PENDING"), None));
    palate.run_jobs().await;
    let active = described(&palate, &recommender).await;
    assert_eq!(active["status"], "ACTIVE");
    assert_eq!(active["recommenderConfig"], json!({"minRecommendationRequestsPerSecond": 1}));
    let metrics = active["modelMetrics"].as_object().unwrap();
    assert_eq!(metrics.len(), 8);
    assert!(metrics["coverage"].as_f64().unwrap() > 0.0);
    let members: Vec<&String> = active.as_object().unwrap().keys().collect();
    let known = [
        "recommenderArn",
        "datasetGroupArn",
        "name",
        "recipeArn",
        "recommenderConfig",
        "creationDateTime",
        "lastUpdatedDateTime",
        "status",
        "modelMetrics",
    ];
    assert_eq!(members, known);
    let listed = palate.call("ListRecommenders", json!({"datasetGroupArn": arn("dataset-group/shop")})).await.unwrap();
    assert_eq!(listed["recommenders"].as_array().unwrap().len(), 1);
    assert_eq!(listed["recommenders"][0]["status"], "ACTIVE");
    assert_eq!(listed["recommenders"][0].get("trainings"), None);
}

#[tokio::test]
async fn a_recommender_that_cannot_be_trained_says_why() {
    let palate = Palate::new();
    shop(&palate, "Click").await;
    let few = "Dataset has fewer than 1000 interactions after filtering by event type:";
    for (name, recipe_name, says) in [
        ("few", "aws-ecomm-popular-items-by-views", format!("{few} View")),
        ("together", "aws-ecomm-frequently-bought-together", format!("{few} Purchase")),
        ("viewed", "aws-ecomm-customers-who-viewed-x-also-viewed", format!("{few} View")),
    ] {
        let recommender = palate.create("CreateRecommender", of_shop(name, recipe_name)).await;
        palate.run_jobs().await;
        let (status, reason) = palate.status("DescribeRecommender", "recommenderArn", &recommender).await;
        assert_eq!(status, "CREATE FAILED");
        assert!(reason.unwrap().starts_with(&says), "{name}");
    }
}

#[tokio::test]
async fn what_a_recommender_cannot_be_is_refused() {
    let palate = Palate::new();
    shop(&palate, "View").await;
    let custom = palate.group().await;
    let views = "aws-ecomm-popular-items-by-views";
    let with = |recipe_name: &str, member: &str, value: Value| {
        let mut input = of_shop("r", recipe_name);
        input[member] = value;
        input
    };
    let exploring = json!({"itemExplorationConfig": {"explorationWeight": "0.5"}});
    let young = json!({"itemExplorationConfig": {"explorationItemAgeCutOff": "0.5"}});
    let excluding = json!({"trainingDataConfig": {"excludedDatasetColumns": {"Interactions": ["EVENT_TYPE"]}}});
    for (input, code) in [
        (of_shop("r", "aws-sims"), "InvalidInputException"),
        (of_shop("r", "aws-vod-most-popular"), "InvalidInputException"),
        (of_shop("r", "aws-vod-nothing"), "ResourceNotFoundException"),
        (with(views, "datasetGroupArn", json!(custom)), "InvalidInputException"),
        (with(views, "datasetGroupArn", json!(arn("dataset-group/none"))), "ResourceNotFoundException"),
        (with(views, "recommenderConfig", exploring), "InvalidInputException"),
        (with("aws-ecomm-recommended-for-you", "recommenderConfig", young), "InvalidInputException"),
        (with(views, "recommenderConfig", excluding), "InvalidInputException"),
        (with(views, "recommenderConfig", json!({"minRecommendationRequestsPerSecond": 0})), "InvalidInputException"),
    ] {
        assert_eq!(palate.refused("CreateRecommender", input.clone()).await, code, "{input}");
    }
    for number in 0..5 {
        palate.create("CreateRecommender", of_shop(&format!("r{number}"), views)).await;
    }
    assert_eq!(palate.refused("CreateRecommender", of_shop("r5", views)).await, "LimitExceededException");
    assert_eq!(palate.refused("CreateRecommender", of_shop("r4", views)).await, "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn an_update_switches_the_configuration_and_trains_only_if_columns_change() {
    let palate = Palate::new();
    let recommender = active(&palate).await;
    let update = |config: Value| json!({"recommenderArn": recommender, "recommenderConfig": config});
    let rate = |rate: u64| json!({"minRecommendationRequestsPerSecond": rate});
    palate.call("UpdateRecommender", update(rate(3))).await.unwrap();
    let before = described(&palate, &recommender).await;
    assert_eq!((&before["status"], &before["recommenderConfig"]), (&json!("ACTIVE"), &rate(1)));
    assert_eq!(before["latestRecommenderUpdate"]["status"], "CREATE PENDING");
    palate.run_jobs().await;
    let after = described(&palate, &recommender).await;
    assert_eq!(after["recommenderConfig"], rate(3));
    assert_eq!(after["latestRecommenderUpdate"]["status"], "ACTIVE");
    assert_eq!(models(&palate).await, ["000001-01"]);

    let columns = json!({"excludedDatasetColumns": {"Interactions": ["EVENT_VALUE"]}});
    palate.call("UpdateRecommender", update(json!({"trainingDataConfig": columns}))).await.unwrap();
    palate.run_jobs().await;
    let after = described(&palate, &recommender).await;
    let config = json!({"minRecommendationRequestsPerSecond": 3, "trainingDataConfig": columns});
    assert_eq!((&after["recommenderConfig"], &after["status"]), (&config, &json!("ACTIVE")));
    assert_eq!(models(&palate).await, ["000001-01", "000002-01"]);
    // The same columns, written otherwise.
    let same = json!({"excludedDatasetColumns": {"INTERACTIONS": ["event_value"]}});
    palate.call("UpdateRecommender", update(json!({"trainingDataConfig": same}))).await.unwrap();
    palate.run_jobs().await;
    assert_eq!(models(&palate).await, ["000001-01", "000002-01"]);
}

#[tokio::test]
async fn a_recommender_is_stopped_and_started() {
    let palate = Palate::new();
    let recommender = active(&palate).await;
    let input = || json!({"recommenderArn": recommender});
    for (call, pending, settled) in [
        ("StopRecommender", "STOP PENDING", "INACTIVE"),
        ("StartRecommender", "START PENDING", "ACTIVE"),
        ("StopRecommender", "STOP PENDING", "INACTIVE"),
    ] {
        assert_eq!(palate.call(call, input()).await.unwrap()["recommenderArn"], recommender);
        assert_eq!(described(&palate, &recommender).await["status"], pending);
        palate.run_jobs().await;
        assert_eq!(described(&palate, &recommender).await["status"], settled);
    }
    // While it rests it is not trained.
    palate.clock.advance(8 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.call("DeleteRecommender", input()).await.unwrap();
    assert_eq!(palate.refused("DescribeRecommender", input()).await, "ResourceNotFoundException");
    assert_eq!(models(&palate).await, [] as [&str; 0]);
}

#[tokio::test]
async fn an_active_recommender_is_trained_every_week_and_answers_meanwhile() {
    let palate = Palate::new();
    let recommender = active(&palate).await;
    palate.clock.advance(6 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    for week in 1..=3 {
        palate.clock.advance(if week == 1 { DAY } else { 7 * DAY });
        let (one, two) = tokio::join!(palate.service.sweep(), palate.service.sweep());
        assert_eq!(one.unwrap() + two.unwrap(), 1, "week {week}");
        let meanwhile = described(&palate, &recommender).await;
        assert_eq!((&meanwhile["status"], meanwhile.get("latestRecommenderUpdate")), (&json!("ACTIVE"), None));
        palate.run_jobs().await;
        assert_eq!(described(&palate, &recommender).await["status"], "ACTIVE");
        // The model before stays until the next training, for requests that were reading it.
        let expected = [format!("{:06}-01", week), format!("{:06}-01", week + 1)];
        assert_eq!(models(&palate).await, expected);
    }
}

#[tokio::test]
async fn a_weekly_training_gives_way_to_what_the_owner_wants() {
    let palate = Palate::new();
    let recommender = active(&palate).await;
    let input = || json!({"recommenderArn": recommender});
    palate.clock.advance(7 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.call("StopRecommender", input()).await.unwrap();
    palate.run_jobs().await;
    assert_eq!(described(&palate, &recommender).await["status"], "INACTIVE");
    assert_eq!(models(&palate).await, ["000001-01"]);
    palate.call("StartRecommender", input()).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(7 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.call("DeleteRecommender", input()).await.unwrap();
    palate.run_jobs().await;
    assert_eq!(models(&palate).await, [] as [&str; 0]);
    palate.clock.advance(7 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn an_installation_without_automatic_training_leaves_recommenders_as_they_are() {
    let palate = Palate::with(Settings { auto_training: false, ..Settings::default() });
    active(&palate).await;
    palate.clock.advance(8 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

/// What each call says of a recommender in each state; empty where it is done.
#[tokio::test]
async fn each_state_of_a_recommender_allows_what_is_documented() {
    let (invalid, in_use) = ("InvalidInputException", "ResourceInUseException");
    let calls = ["StartRecommender", "StopRecommender", "UpdateRecommender", "DeleteRecommender"];
    let busy = [in_use; 4];
    for (member, state, answers) in [
        ("/status", "CREATE PENDING", busy),
        ("/status", "CREATE IN_PROGRESS", busy),
        ("/status", "STOP PENDING", busy),
        ("/status", "STOP IN_PROGRESS", busy),
        ("/status", "START PENDING", busy),
        ("/status", "START IN_PROGRESS", busy),
        ("/status", "ACTIVE", [invalid, "", "", ""]),
        ("/status", "INACTIVE", ["", invalid, invalid, ""]),
        ("/status", "CREATE FAILED", [invalid, invalid, invalid, ""]),
        ("/latestRecommenderUpdate/status", "CREATE PENDING", busy),
        ("/latestRecommenderUpdate/status", "CREATE IN_PROGRESS", busy),
        ("/latestRecommenderUpdate/status", "CREATE FAILED", [invalid, "", "", ""]),
    ] {
        for (call, expected) in calls.into_iter().zip(answers) {
            let palate = Palate::new();
            let recommender = active(&palate).await;
            let config = json!({"minRecommendationRequestsPerSecond": 2});
            let input = json!({"recommenderArn": recommender, "recommenderConfig": config});
            palate.call("UpdateRecommender", input.clone()).await.unwrap();
            palate.run_jobs().await;
            palate.put_in_state(&recommender, member, state).await;
            let code = palate.call(call, input).await.err().map_or(String::new(), |refusal| refusal.0);
            assert_eq!(code, expected, "{call} {member} {state}");
        }
    }
}
