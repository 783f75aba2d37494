//! From a CSV file to recommendations, with the published clients.

#![allow(clippy::unwrap_used)]

use aws_sdk_personalizeevents::primitives::DateTime;
use aws_sdk_personalizeevents::types::Event;
use palate_wire_tests::{BUCKET, Palate, interactions_csv};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_written_for_personalize_runs() {
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let mut campaigns = Vec::new();
    for recipe in ["aws-popularity-count", "aws-sims", "palate-transitions"] {
        let version = palate.trained(&group, recipe, recipe).await;
        let metrics = palate.control.get_solution_metrics().solution_version_arn(&version).send().await.unwrap();
        let metrics = metrics.metrics.unwrap();
        assert_eq!(metrics.len(), 8, "{metrics:?}");
        assert!(metrics.values().all(|value| (0.0..=1.0).contains(value)), "{metrics:?}");
        campaigns.push((version.clone(), palate.deployed(&version, recipe).await));
    }
    let [(_, popular), (_, sims), (version, transitions)] = &campaigns[..] else { unreachable!() };

    assert_eq!(palate.recommended(popular, "user-1").await, palate.recommended(popular, "stranger").await);

    let similar = palate.runtime.get_recommendations().campaign_arn(sims).item_id("item-7").num_results(10);
    let similar = similar.send().await.unwrap();
    let ids: Vec<&str> = similar.item_list().iter().map(|item| item.item_id().unwrap()).collect();
    assert_eq!(ids.len(), 10);
    assert!(!ids.contains(&"item-7") && similar.item_list().iter().all(|item| item.score().is_none()));
    assert!(similar.recommendation_id().unwrap().starts_with("RID-"));
    assert_eq!(similar.recommendation_id().unwrap().len(), 40);

    // User 0 walked items 0 to 29; the ring says that item 30 is next.
    assert_eq!(palate.recommended(transitions, "user-0").await[0], "item-30");
    let scored = palate.runtime.get_recommendations().campaign_arn(transitions).user_id("user-0").send().await.unwrap();
    let scores: Vec<f64> = scored.item_list().iter().map(|item| item.score().unwrap()).collect();
    assert_eq!(scores.len(), 25);
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]) && scores.iter().sum::<f64>() <= 1.0 + 1e-6);

    // A visitor's first event changes the next answer.
    let tracker = palate.control.create_event_tracker().name("web").dataset_group_arn(&group).send().await.unwrap();
    let before = palate.recommended(transitions, "visitor").await;
    let event = Event::builder().event_type("watch").item_id("item-10").sent_at(DateTime::from_secs(1_700_000_000));
    let put = palate.events.put_events().tracking_id(tracker.tracking_id().unwrap()).session_id("s").user_id("visitor");
    put.event_list(event.build().unwrap()).send().await.unwrap();
    let after = palate.recommended(transitions, "visitor").await;
    assert_ne!(before, after);
    assert_eq!(after[0], "item-11");

    // Ranking the ring's next item first.
    let rank = palate.runtime.get_personalized_ranking().campaign_arn(transitions).user_id("visitor");
    let rank = rank.input_list("item-40").input_list("nowhere").input_list("item-11").send().await.unwrap();
    let ranked: Vec<&str> = rank.personalized_ranking().iter().map(|item| item.item_id().unwrap()).collect();
    assert_eq!(ranked, ["item-11", "item-40", "nowhere"]);

    let questions = "{\"userId\":\"user-0\"}\nnot json\n{\"userId\":\"visitor\"}\n{\"itemId\":\"item-1\"}\n";
    let (status, reason, answers) = palate.batch(version, "batch-1", questions).await;
    assert_eq!((status.as_str(), reason), ("ACTIVE", None));
    let answers: Vec<serde_json::Value> =
        answers.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[0]["output"]["recommendedItems"][0], "item-30");
    assert_eq!(answers[0]["error"], serde_json::Value::Null);
    assert_eq!(answers[1]["input"], "not json");
    assert_eq!(answers[2]["output"]["recommendedItems"][0], "item-11");
    for bad in [1, 3] {
        assert!(answers[bad]["output"].is_null() && answers[bad]["error"].is_string(), "{}", answers[bad]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_under_batch_input_is_answered_once() {
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    palate.trained(&group, "palate-transitions", "next").await;
    palate.upload("batch/input/next/drop.json", "{\"userId\":\"user-0\"}\n").await;
    let dropped = |version: &'static str| {
        palate.service.object_created(Some("eu-west-1"), BUCKET, "batch/input/next/drop.json", version)
    };
    let job = dropped("1").await.unwrap().unwrap();
    assert_eq!(dropped("1").await.unwrap().unwrap(), job);
    assert_ne!(dropped("2").await.unwrap().unwrap(), job);
    let jobs = palate.control.list_batch_inference_jobs().send().await.unwrap();
    assert_eq!(jobs.batch_inference_jobs().len(), 2);
    loop {
        let described =
            palate.control.describe_batch_inference_job().batch_inference_job_arn(&job).send().await.unwrap();
        if described.batch_inference_job().unwrap().status() == Some("ACTIVE") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(palate.download("batch/output/next/drop.json.out").await.unwrap().contains("item-30"));
    for key in ["batch/input/drop.json", "batch/input/next/", "batch/input/nobody/drop.json", "other/next/drop.json"] {
        assert_eq!(palate.service.object_created(Some("eu-west-1"), BUCKET, key, "1").await.unwrap(), None, "{key}");
    }
}
