//! Trending now: answers follow what is streamed, without training.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use palate_service::{Contributor, Explain, ItemExplanation};
use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, arn, interactions_csv, items_csv, schema_of};

const HOUR: Duration = Duration::from_secs(3600);
/// An hour that begins with an evaluation of every frequency.
const BEGIN_S: u64 = 1_700_006_400;

/// A campaign of aws-trending-now on the films of [`Palate::imported`], and its tracking id. The clock stands at
/// [`BEGIN_S`].
async fn campaign(palate: &Palate, frequency: &str, least_value: Option<&str>) -> (String, String) {
    palate.clock.advance(Duration::from_secs(BEGIN_S - 1_700_000_000));
    let group = palate.imported().await;
    let items = schema_of("Items", &["ITEM_ID: string", "GENRE: category"]);
    let items = palate.dataset(&group, "Items", &items).await;
    palate.import(&items, "FULL", items_csv(&[("GENRE", "drama")]) + "new,drama\nother,comedy\n").await;
    let tracker = palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await.unwrap();
    let mut config = json!({"featureTransformationParameters": {"trend_discovery_frequency": frequency}});
    if let Some(least_value) = least_value {
        config["eventValueThreshold"] = json!(least_value);
    }
    let input = json!({
        "name": "s", "datasetGroupArn": group, "recipeArn": "arn:aws:personalize:::recipe/aws-trending-now",
        "performAutoTraining": false, "solutionConfig": config,
    });
    let solution = palate.create("CreateSolution", input).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    let metrics = palate.call("GetSolutionMetrics", json!({"solutionVersionArn": version})).await.unwrap();
    assert!(metrics["metrics"]["trend_prediction_accuracy"].is_number(), "{metrics}");
    assert_eq!(metrics["metrics"].as_object().unwrap().len(), 9);
    let input = json!({"name": "c", "solutionVersionArn": version});
    let campaign = palate.create("CreateCampaign", input).await;
    palate.run_jobs().await;
    (campaign, tracker["trackingId"].as_str().unwrap().to_owned())
}

/// So many events with an item at a moment, by as many users.
async fn put(palate: &Palate, tracking_id: &str, item: &str, value: f64, at_s: u64, n: usize) {
    for number in 0..n {
        let event = json!({
            "eventId": format!("{item}-{at_s}-{number}"), "eventType": "watch", "itemId": item,
            "eventValue": value, "sentAt": at_s,
        });
        let input = json!({
            "trackingId": tracking_id, "userId": format!("v{number}"), "sessionId": format!("s{number}"),
            "eventList": [event],
        });
        palate.call("PutEvents", input).await.unwrap();
    }
}

async fn list(palate: &Palate, campaign: &str, more: Value) -> Vec<String> {
    let mut input = json!({"campaignArn": campaign, "numResults": 5});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    let items = answer["itemList"].as_array().unwrap();
    assert!(items.iter().all(|item| item.get("score").is_none()), "{answer}");
    items.iter().map(|item| item["itemId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn trends_follow_events_and_new_items_without_training() {
    let palate = Palate::new();
    let (campaign, tracker) = campaign(&palate, "1 hour", None).await;
    let popular = list(&palate, &campaign, json!({})).await;
    // In the hour before last `i7` and `i8` are asked for, in the last `i8` and an item that is new.
    put(&palate, &tracker, "i7", 5.0, BEGIN_S + 10, 9).await;
    put(&palate, &tracker, "i8", 5.0, BEGIN_S + 20, 3).await;
    palate.clock.advance(HOUR);
    put(&palate, &tracker, "i7", 5.0, BEGIN_S + 3700, 4).await;
    put(&palate, &tracker, "i8", 5.0, BEGIN_S + 3700, 12).await;
    put(&palate, &tracker, "new", 5.0, BEGIN_S + 3800, 25).await;
    // The second hour is not over: what trends is the first against the one before, in which nothing happened.
    assert_eq!(list(&palate, &campaign, json!({})).await[..2], ["i7", "i8"]);
    palate.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(list(&palate, &campaign, json!({})).await[..2], ["i7", "i8"]);
    palate.clock.advance(Duration::from_secs(1));
    let trending = list(&palate, &campaign, json!({})).await;
    assert_eq!(trending[..2], ["new", "i8"]);
    assert!(trending[2..].iter().all(|item| popular.contains(item)), "{trending:?} {popular:?}");
    // The same once the journal is a part.
    palate.clock.advance(Duration::from_secs(1200));
    palate.service.sweep().await.unwrap();
    palate.run_jobs().await;
    assert_eq!(list(&palate, &campaign, json!({})).await, trending);
    // Three hours after the last event there is nothing in the last two.
    palate.clock.advance(2 * HOUR);
    assert_eq!(list(&palate, &campaign, json!({})).await, popular);
}

/// What `palate explain` tells of an item.
async fn told(palate: &Palate, deployed: &str, item: &str) -> ItemExplanation {
    let asked = Explain { deployed: deployed.to_owned(), item_id: item.to_owned(), ..Explain::default() };
    palate.service.explain(&asked).await.unwrap()
}

/// Counts by their names.
fn counts(told: &ItemExplanation) -> BTreeMap<&str, f64> {
    let counts = told.parts.iter().filter_map(|part| match &part.of {
        Contributor::Count { name, count } => Some((name.as_str(), count.unwrap())),
        _ => None,
    });
    counts.collect()
}

#[tokio::test]
async fn explanations_are_of_the_trends_that_answer_now() {
    let palate = Palate::new();
    let (campaign, tracker) = campaign(&palate, "1 hour", None).await;
    let popular = list(&palate, &campaign, json!({})).await.remove(0);
    put(&palate, &tracker, "new", 5.0, BEGIN_S + 20, 3).await;
    palate.clock.advance(HOUR);
    put(&palate, &tracker, "new", 5.0, BEGIN_S + 3700, 12).await;
    palate.clock.advance(HOUR);
    let new = told(&palate, &campaign, "new").await;
    let (last, before) = ("interactions in the later interval", "interactions in the earlier interval");
    assert_eq!(counts(&new), BTreeMap::from([(last, 12.0), (before, 3.0), ("users", 0.0)]));
    let evergreen = told(&palate, "c", &popular).await;
    // 60 users with 20 items of their kind's 10 each: everybody of a kind has all of them.
    assert_eq!(counts(&evergreen), BTreeMap::from([(last, 0.0), (before, 0.0), ("users", 15.0)]));
    for told in [&new, &evergreen] {
        let sum: f64 = told.parts.iter().map(|part| part.contribution).sum();
        // A rounding in single precision of a number below 8.
        assert!((sum - told.score).abs() < 1e-6, "{told:?}");
    }
    assert!(new.score > evergreen.score);
    assert!(new.text().contains("interactions in the later interval: 12 "), "{}", new.text());
    // Answers tell the same to whoever asks for it.
    let input = json!({"campaignArn": campaign, "numResults": 5});
    let asks = [("x-palate-explain", "true")];
    let answer = palate.call_with(&asks, "GetRecommendations", input.clone()).await.unwrap();
    assert_eq!(answer["itemList"][0]["itemId"], "new");
    // Written and read like the answer, which rounds.
    let wanted = json!({"score": new.score, "parts": new.parts}).to_string();
    assert_eq!(answer["itemList"][0]["explanation"], serde_json::from_str::<Value>(&wanted).unwrap());
    let answer = palate.call("GetRecommendations", input).await.unwrap();
    assert_eq!(answer["itemList"][0], json!({"itemId": "new"}));
    // Two hours on nothing trends any more.
    palate.clock.advance(2 * HOUR);
    let over = told(&palate, &campaign, &popular).await;
    assert_eq!(over.score, 1.0);
}

#[tokio::test]
async fn trends_pass_filters_and_may_be_promoted() {
    let palate = Palate::new();
    let (campaign, tracker) = campaign(&palate, "30 minutes", None).await;
    let filter = |name: &str, genre: &str| {
        let expression = format!("INCLUDE ItemID WHERE Items.GENRE IN (\"{genre}\")");
        json!({"name": name, "datasetGroupArn": arn("dataset-group/films"), "filterExpression": expression})
    };
    let comedy = palate.create("CreateFilter", filter("comedy", "comedy")).await;
    let drama = palate.create("CreateFilter", filter("drama", "drama")).await;
    palate.run_jobs().await;
    put(&palate, &tracker, "new", 5.0, BEGIN_S + 10, 9).await;
    put(&palate, &tracker, "other", 5.0, BEGIN_S + 10, 15).await;
    palate.clock.advance(HOUR / 2);
    assert_eq!(list(&palate, &campaign, json!({})).await[..2], ["other", "new"]);
    assert_eq!(list(&palate, &campaign, json!({"filterArn": comedy})).await, ["other"]);
    assert_eq!(list(&palate, &campaign, json!({"filterArn": drama})).await[0], "new");
    let promotions = json!([{"name": "p", "percentPromotedItems": 20, "filterArn": comedy}]);
    let promoted = list(&palate, &campaign, json!({"promotions": promotions, "filterArn": drama})).await;
    assert!(promoted.contains(&"other".to_owned()), "{promoted:?}");
}

#[tokio::test]
async fn only_events_that_the_solution_learns_from_trend() {
    let palate = Palate::new();
    // A day is looked at again after two hours.
    let (campaign, tracker) = campaign(&palate, "1 day", Some("1")).await;
    put(&palate, &tracker, "i7", 0.5, BEGIN_S + 10, 20).await;
    put(&palate, &tracker, "i8", 5.0, BEGIN_S + 10, 9).await;
    palate.clock.advance(2 * HOUR);
    let trending = list(&palate, &campaign, json!({})).await;
    assert_eq!(trending[0], "i8");
}

#[tokio::test]
async fn a_frequency_out_of_range_is_refused_by_name() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let input = json!({
        "name": "s", "datasetGroupArn": group, "recipeArn": "arn:aws:personalize:::recipe/aws-trending-now",
        "solutionConfig": {"featureTransformationParameters": {"trend_discovery_frequency": "2 days"}},
    });
    let (code, _, message) = palate.call("CreateSolution", input).await.unwrap_err();
    assert_eq!(code, "InvalidInputException");
    assert!(message.contains("trend_discovery_frequency") && message.contains("30 minutes"), "{message}");
}

#[tokio::test]
async fn the_use_case_trends_without_a_user_and_takes_no_promotions() {
    let palate = Palate::new();
    palate.clock.advance(Duration::from_secs(BEGIN_S - 1_700_000_000));
    let group = json!({"name": "video", "domain": "VIDEO_ON_DEMAND"});
    let group = palate.create("CreateDatasetGroup", group).await;
    let schema = json!({"name": "v", "schema": INTERACTIONS.to_string(), "domain": "VIDEO_ON_DEMAND"});
    let schema = palate.create("CreateSchema", schema).await;
    let dataset = json!({"name": "v", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"});
    let dataset = palate.create("CreateDataset", dataset).await;
    palate.import(&dataset, "FULL", interactions_csv()).await;
    let tracker = palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await.unwrap();
    let recipe = "arn:aws:personalize:::recipe/aws-vod-trending-now";
    let input = json!({"name": "r", "datasetGroupArn": group, "recipeArn": recipe});
    let recommender = palate.create("CreateRecommender", input).await;
    palate.run_jobs().await;
    put(&palate, tracker["trackingId"].as_str().unwrap(), "fresh", 5.0, BEGIN_S + 10, 9).await;
    palate.clock.advance(2 * HOUR);
    let input = json!({"recommenderArn": recommender, "numResults": 3});
    let answer = palate.call("GetRecommendations", input.clone()).await.unwrap();
    assert_eq!(answer["itemList"][0]["itemId"], "fresh");
    let mut promoted = input;
    promoted["promotions"] = json!([{"name": "p", "percentPromotedItems": 20, "filterArn": arn("filter/f")}]);
    assert_eq!(palate.refused("GetRecommendations", promoted).await, "InvalidInputException");
}
