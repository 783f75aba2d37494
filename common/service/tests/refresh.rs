//! Automatic updates: what is new comes into deployed models every two hours, without a training.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use palate_service::{JobOutcome, Settings};
use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, ROLE, arn, interactions_csv, items_csv, schema_of};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The group `films` with interactions, and items of one kind.
async fn films(palate: &Palate) -> String {
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "KIND: category"])).await;
    palate.import(&items, "FULL", items_csv(&[("KIND", "drama")])).await;
    palate.clock.advance(MINUTE);
    group
}

async fn solution(palate: &Palate, group: &str, recipe: &str) -> String {
    let small = if recipe.ends_with("-v2") { json!({}) } else { json!({"hidden_dimension": "32"}) };
    let input = json!({
        "name": "s",
        "datasetGroupArn": group,
        "recipeArn": format!("arn:aws:personalize:::recipe/{recipe}"),
        "performAutoTraining": false,
        "solutionConfig": {"algorithmHyperParameters": small},
    });
    palate.create("CreateSolution", input).await
}

async fn version(palate: &Palate, solution: &str, name: &str, mode: &str) -> String {
    palate.clock.advance(MINUTE);
    let input = json!({"solutionArn": solution, "name": name, "trainingMode": mode});
    let version = palate.create("CreateSolutionVersion", input).await;
    palate.run_jobs().await;
    assert_eq!(described(palate, &version).await["status"], "ACTIVE");
    palate.clock.advance(MINUTE);
    version
}

async fn described(palate: &Palate, version: &str) -> Value {
    let input = json!({"solutionVersionArn": version});
    palate.call("DescribeSolutionVersion", input).await.unwrap()["solutionVersion"].clone()
}

/// A campaign whose places are all open to new items.
async fn campaign(palate: &Palate, name: &str, version: &str) -> String {
    let config = json!({"itemExplorationConfig": {"explorationWeight": "1"}});
    let input = json!({"name": name, "solutionVersionArn": version, "campaignConfig": config});
    let campaign = palate.create("CreateCampaign", input).await;
    palate.run_jobs().await;
    campaign
}

async fn put_item(palate: &Palate, group: &str, item: &str) {
    let dataset = format!("{}/ITEMS", group.replace("dataset-group", "dataset"));
    let items = json!([{"itemId": item, "properties": json!({"kind": "drama"}).to_string()}]);
    palate.call("PutItems", json!({"datasetArn": dataset, "items": items})).await.unwrap();
}

/// What two sweepers at the same time begin and workers bring to an end for `arn`.
async fn sweep(palate: &Palate, arn: &str) -> Vec<JobOutcome> {
    let (one, two) = tokio::join!(palate.service.sweep(), palate.service.sweep());
    one.unwrap();
    two.unwrap();
    let ended = palate.run_jobs().await;
    ended.into_iter().filter(|(job, outcome)| job == arn && *outcome != JobOutcome::Settled).map(|(_, it)| it).collect()
}

async fn list(palate: &Palate, member: &str, arn: &str) -> Vec<String> {
    let input = json!({ member: arn, "userId": "u1", "numResults": 50 });
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    let items = answer["itemList"].as_array().unwrap();
    items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect()
}

/// The folders of the models below `prefix`.
async fn models(palate: &Palate, prefix: &str) -> Vec<String> {
    let page = palate.stores.blobs.list(prefix, None, 1000).await.unwrap();
    let mut folders: Vec<String> =
        page.entries.iter().map(|blob| blob.key.rsplit('/').nth(1).unwrap().to_owned()).collect();
    folders.dedup();
    folders
}

const NOTHING: [JobOutcome; 0] = [];

/// An installation with the films and a solution of the recipe: with its dataset group and itself.
async fn with_solution(recipe: &str) -> (Palate, String, String) {
    let palate = Palate::new();
    let group = films(&palate).await;
    let solution = solution(&palate, &group, recipe).await;
    (palate, group, solution)
}

#[tokio::test]
async fn new_items_come_into_a_deployed_version_every_two_hours() {
    let (palate, group, solution) = with_solution("aws-user-personalization").await;
    let version = version(&palate, &solution, "v", "FULL").await;
    let campaign = campaign(&palate, "c", &version).await;
    put_item(&palate, &group, "new").await;
    assert!(!list(&palate, "campaignArn", &campaign).await.contains(&"new".to_owned()));
    let metrics = || palate.call("GetSolutionMetrics", json!({"solutionVersionArn": version}));
    let (before, metrics_before) = (described(&palate, &version).await, metrics().await.unwrap());

    palate.clock.advance(2 * HOUR - MINUTE);
    assert_eq!(sweep(&palate, &version).await, NOTHING);
    palate.clock.advance(MINUTE);
    palate.service.sweep().await.unwrap();
    assert_eq!(described(&palate, &version).await, before, "while it is updated");
    assert_eq!(sweep(&palate, &version).await, [JobOutcome::Done]);
    assert!(list(&palate, "campaignArn", &campaign).await.contains(&"new".to_owned()));

    // No version, no campaign update, no other metrics.
    assert_eq!(described(&palate, &version).await, before);
    assert_eq!(metrics().await.unwrap(), metrics_before);
    let versions = palate.call("ListSolutionVersions", json!({"solutionArn": solution})).await.unwrap();
    assert_eq!(versions["solutionVersions"].as_array().unwrap().len(), 1);
    let told = palate.call("DescribeCampaign", json!({"campaignArn": campaign})).await.unwrap();
    assert_eq!(told["campaign"].get("latestCampaignUpdate"), None);

    // The model before goes when nobody reads it any more.
    assert_eq!(models(&palate, "models/").await, ["1", "refreshed-000001-01"]);
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &version).await, NOTHING, "nothing new");
    assert_eq!(models(&palate, "models/").await, ["refreshed-000001-01"]);

    let tracker = palate.create("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await;
    palate.run_jobs().await;
    let told = palate.call("DescribeEventTracker", json!({"eventTrackerArn": tracker})).await.unwrap();
    let event = json!({"eventType": "watch", "itemId": "streamed", "sentAt": 1_700_000_000});
    let events = json!({
        "trackingId": told["eventTracker"]["trackingId"], "userId": "u1", "sessionId": "s", "eventList": [event],
    });
    palate.call("PutEvents", events).await.unwrap();
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &version).await, [JobOutcome::Done]);
    let items = list(&palate, "campaignArn", &campaign).await;
    assert!(["new", "streamed"].iter().all(|item| items.iter().any(|other| other == item)), "{items:?}");
    let dataset = arn("dataset/films/ITEMS");
    palate.import(&dataset, "INCREMENTAL", "ITEM_ID,KIND\nimported,drama\n").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &version).await, [JobOutcome::Done]);
    assert!(list(&palate, "campaignArn", &campaign).await.contains(&"imported".to_owned()));
}

#[tokio::test]
async fn the_transformer_is_updated_too() {
    let (palate, group, solution) = with_solution("aws-user-personalization-v2").await;
    let version = version(&palate, &solution, "v", "FULL").await;
    palate.create("CreateCampaign", json!({"name": "c", "solutionVersionArn": version})).await;
    palate.run_jobs().await;
    put_item(&palate, &group, "new").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &version).await, [JobOutcome::Done]);
    assert_eq!(models(&palate, "models/").await, ["1", "refreshed-000001-01"]);
}

/// What a batch job of a version answers u1.
async fn batch(palate: &Palate, name: &str, version: &str) -> String {
    palate.upload("bucket", "in/users.jsonl", "{\"userId\":\"u1\"}\n").await;
    let input = json!({
        "jobName": name,
        "solutionVersionArn": version,
        "numResults": 50,
        "jobInput": {"s3DataSource": {"path": "s3://bucket/in/users.jsonl"}},
        "jobOutput": {"s3DataDestination": {"path": format!("s3://bucket/{name}/")}},
        "roleArn": ROLE,
        "batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "1"}},
    });
    let arn = palate.create("CreateBatchInferenceJob", input).await;
    palate.run_jobs().await;
    let (status, reason) = palate.status("DescribeBatchInferenceJob", "batchInferenceJobArn", &arn).await;
    assert_eq!(status, "ACTIVE", "{reason:?}");
    let bucket = palate.stores.buckets.bucket("bucket").unwrap();
    String::from_utf8(bucket.get(&format!("{name}/users.jsonl.out")).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_batch_job_has_the_newest_full_version_updated_first() {
    let (palate, group, solution) = with_solution("aws-user-personalization").await;
    let first = version(&palate, &solution, "first", "FULL").await;
    assert!(!batch(&palate, "plain", &first).await.contains("\"new\""));
    assert_eq!(models(&palate, "models/").await, ["1"], "nothing came");
    put_item(&palate, &group, "new").await;
    palate.clock.advance(MINUTE);
    let before = described(&palate, &first).await;
    assert!(batch(&palate, "updated", &first).await.contains("\"new\""));
    assert_eq!(described(&palate, &first).await, before);
    palate.clock.advance(MINUTE);
    let of_first = || models(&palate, "models/");
    let folders = of_first().await;
    assert!(batch(&palate, "again", &first).await.contains("\"new\""));
    assert_eq!(of_first().await, folders, "nothing came since");

    // An older version is left as it is, and so is one after which another was trained with UPDATE.
    let second = version(&palate, &solution, "second", "FULL").await;
    put_item(&palate, &group, "newer").await;
    palate.clock.advance(MINUTE);
    assert!(!batch(&palate, "older", &first).await.contains("\"newer\""));
    assert!(batch(&palate, "newest", &second).await.contains("\"newer\""));
    version(&palate, &solution, "by-hand", "UPDATE").await;
    put_item(&palate, &group, "newest").await;
    palate.clock.advance(MINUTE);
    assert!(!batch(&palate, "by-hand", &second).await.contains("\"newest\""));
    assert!(palate.service.jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn only_the_newest_full_version_that_a_campaign_serves_is_updated() {
    let (palate, group, solution) = with_solution("aws-user-personalization").await;
    let first = version(&palate, &solution, "first", "FULL").await;
    put_item(&palate, &group, "one").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &first).await, NOTHING, "nobody serves it");
    let served = campaign(&palate, "c", &first).await;
    let second = version(&palate, &solution, "second", "FULL").await;
    put_item(&palate, &group, "two").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &first).await, NOTHING, "there is a newer one");
    let move_to = |version: &str| json!({"campaignArn": served, "solutionVersionArn": version});
    palate.call("UpdateCampaign", move_to(&second)).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &second).await, [JobOutcome::Done]);

    // An update that was asked for ends them until the next FULL version.
    let updated = version(&palate, &solution, "updated", "UPDATE").await;
    put_item(&palate, &group, "three").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &second).await, NOTHING);
    palate.call("UpdateCampaign", move_to(&updated)).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &updated).await, NOTHING);
    let third = version(&palate, &solution, "third", "FULL").await;
    palate.call("UpdateCampaign", move_to(&third)).await.unwrap();
    palate.run_jobs().await;
    put_item(&palate, &group, "four").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &third).await, [JobOutcome::Done]);

    palate.call("DeleteCampaign", json!({"campaignArn": served})).await.unwrap();
    put_item(&palate, &group, "five").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &third).await, NOTHING);
}

#[tokio::test]
async fn an_update_survives_its_worker_and_ends_with_its_solution() {
    let (palate, group, solution) = with_solution("aws-user-personalization").await;
    let version = version(&palate, &solution, "v", "FULL").await;
    let campaign = campaign(&palate, "c", &version).await;
    put_item(&palate, &group, "new").await;
    palate.clock.advance(2 * HOUR);
    palate.service.sweep().await.unwrap();
    palate.drop_jobs();
    palate.clock.advance(MINUTE);
    assert_eq!(sweep(&palate, &version).await, [JobOutcome::Done]);
    assert!(list(&palate, "campaignArn", &campaign).await.contains(&"new".to_owned()));

    put_item(&palate, &group, "newer").await;
    palate.clock.advance(2 * HOUR);
    palate.service.sweep().await.unwrap();
    palate.call("DeleteCampaign", json!({"campaignArn": campaign})).await.unwrap();
    palate.call("DeleteSolution", json!({"solutionArn": solution})).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &version).await, NOTHING);
    assert_eq!(models(&palate, "models/").await, [] as [&str; 0]);
    assert!(palate.service.jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn models_that_are_not_to_be_updated_are_left_alone() {
    let palate = Palate::with(Settings { auto_training: false, ..Settings::default() });
    let group = films(&palate).await;
    let at = solution(&palate, &group, "aws-user-personalization").await;
    let off = version(&palate, &at, "v", "FULL").await;
    campaign(&palate, "c", &off).await;
    put_item(&palate, &group, "new").await;
    palate.clock.advance(3 * HOUR);
    assert_eq!(sweep(&palate, &off).await, NOTHING, "an installation without automatic training");

    let (palate, group, at) = with_solution("aws-hrnn-metadata").await;
    let other = version(&palate, &at, "v", "FULL").await;
    palate.create("CreateCampaign", json!({"name": "c", "solutionVersionArn": other})).await;
    palate.run_jobs().await;
    put_item(&palate, &group, "new").await;
    palate.clock.advance(3 * HOUR);
    assert_eq!(sweep(&palate, &other).await, NOTHING, "another recipe");
}

/// A group `tv` of the domain VIDEO_ON_DEMAND, and a recommender of it.
async fn top_picks(palate: &Palate) -> (String, String) {
    let domain = "VIDEO_ON_DEMAND";
    let group = palate.create("CreateDatasetGroup", json!({"name": "tv", "domain": domain})).await;
    let mut datasets = Vec::new();
    let mut items = schema_of("Items", &["ITEM_ID: string", "GENRES: string", "CREATION_TIMESTAMP: long"]);
    items["fields"][1]["categorical"] = json!(true);
    for (name, schema) in [("Interactions", INTERACTIONS.clone()), ("Items", items)] {
        let schema = json!({"name": name, "schema": schema.to_string(), "domain": domain});
        let schema = palate.create("CreateSchema", schema).await;
        let input = json!({"name": name, "schemaArn": schema, "datasetGroupArn": group, "datasetType": name});
        datasets.push(palate.create("CreateDataset", input).await);
    }
    palate.import(&datasets[0], "FULL", interactions_csv()).await;
    let csv = items_csv(&[("GENRES", "drama"), ("CREATION_TIMESTAMP", "1500000000")]);
    palate.import(&datasets[1], "FULL", csv).await;
    palate.clock.advance(MINUTE);
    let input = json!({
        "name": "r",
        "datasetGroupArn": group,
        "recipeArn": "arn:aws:personalize:::recipe/aws-vod-top-picks",
        "recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "1"}},
    });
    let recommender = palate.create("CreateRecommender", input).await;
    palate.run_jobs().await;
    palate.clock.advance(MINUTE);
    (group, recommender)
}

async fn put_film(palate: &Palate, item: &str) {
    let properties = json!({"genres": "drama", "creationTimestamp": 1_600_000_000}).to_string();
    let items = json!([{"itemId": item, "properties": properties}]);
    palate.call("PutItems", json!({"datasetArn": arn("dataset/tv/ITEMS"), "items": items})).await.unwrap();
}

#[tokio::test]
async fn new_items_come_into_a_recommender_until_one_of_its_datasets_is_deleted() {
    let palate = Palate::new();
    let (_, recommender) = top_picks(&palate).await;
    let described = || palate.call("DescribeRecommender", json!({"recommenderArn": recommender}));
    let before = described().await.unwrap();
    put_film(&palate, "new").await;
    assert!(!list(&palate, "recommenderArn", &recommender).await.contains(&"new".to_owned()));
    palate.clock.advance(2 * HOUR);
    palate.service.sweep().await.unwrap();
    assert_eq!(described().await.unwrap(), before, "while it is updated");
    assert_eq!(sweep(&palate, &recommender).await, [JobOutcome::Done]);
    assert_eq!(described().await.unwrap(), before);
    assert!(list(&palate, "recommenderArn", &recommender).await.contains(&"new".to_owned()));
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &recommender).await, NOTHING, "nothing new");

    // What the owner wants comes first.
    put_film(&palate, "newer").await;
    palate.clock.advance(2 * HOUR);
    palate.service.sweep().await.unwrap();
    palate.call("StopRecommender", json!({"recommenderArn": recommender})).await.unwrap();
    palate.run_jobs().await;
    assert_eq!(described().await.unwrap()["recommender"]["status"], "INACTIVE");
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &recommender).await, NOTHING, "it rests");
    palate.call("StartRecommender", json!({"recommenderArn": recommender})).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &recommender).await, [JobOutcome::Done]);

    put_film(&palate, "last").await;
    palate.call("DeleteDataset", json!({"datasetArn": arn("dataset/tv/ITEMS")})).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(sweep(&palate, &recommender).await, NOTHING);
    let items = list(&palate, "recommenderArn", &recommender).await;
    assert!(items.contains(&"newer".to_owned()) && !items.contains(&"last".to_owned()), "{items:?}");
}
