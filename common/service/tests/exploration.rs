//! What aws-user-personalization-v2 recommends to learn about it.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use palate_service::Settings;
use serde_json::{Value, json};
use support::{Palate, items_csv, schema_of};

#[tokio::test]
async fn new_items_get_places_of_their_own_and_say_so() {
    let palate = Palate::with(Settings { training_time: Some(Duration::from_secs(3)), ..Settings::default() });
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "KIND: category"])).await;
    palate.import(&items, "FULL", items_csv(&[("KIND", "tool")]) + "new,tool\n").await;
    let recipe = "arn:aws:personalize:::recipe/aws-user-personalization-v2";
    let input = json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
    let solution = palate.create("CreateSolution", input).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    let campaign = palate.create("CreateCampaign", json!({"name": "c", "solutionVersionArn": version})).await;
    palate.run_jobs().await;
    let (mut n_explored, mut n_places) = (0, 0);
    for _ in 0..60 {
        let asked = json!({"campaignArn": campaign, "userId": "u0", "numResults": 10});
        let answer = palate.call("GetRecommendations", asked).await.unwrap();
        for item in answer["itemList"].as_array().unwrap() {
            let explored = item.get("reason") == Some(&json!(["Exploration"]));
            // Of the others nothing is told.
            assert!(explored || item.get("reason").is_none(), "{item}");
            assert!(!explored || item["itemId"] == "new", "{item}");
            assert!(item.get("score").is_some_and(Value::is_number), "{item}");
            n_explored += usize::from(explored);
            n_places += 1;
        }
    }
    // Ten places, each open with a chance of a tenth: that none of 600 is has a chance below 10^-27.
    assert!((1..=60).contains(&n_explored) && n_places == 600, "{n_explored} of {n_places}");
}
