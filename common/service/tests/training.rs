//! Solutions, versions and campaigns: what they take, what may be done in which state, and what happens by itself.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use palate_service::{JobOutcome, Quota, Settings};
use serde_json::{Value, json};
use support::{Palate, arn, interactions_csv};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn recipe(name: &str) -> String {
    format!("arn:aws:personalize:::recipe/{name}")
}

async fn solution(palate: &Palate, group: &str, name: &str, recipe_name: &str) -> String {
    let input = json!({"name": name, "datasetGroupArn": group, "recipeArn": recipe(recipe_name)});
    palate.create("CreateSolution", input).await
}

/// A new version whose training has ended, a second after whatever was before.
async fn version(palate: &Palate, solution: &str) -> String {
    palate.clock.advance(Duration::from_secs(1));
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    version
}

async fn describe(palate: &Palate, kind: &str, arn: &str) -> Value {
    let member = format!("{}{}", kind[..1].to_lowercase(), &kind[1..]);
    let answer = palate.call(&format!("Describe{kind}"), json!({format!("{member}Arn"): arn})).await.unwrap();
    answer[member].clone()
}

/// Type and mode of each version of a solution, newest first.
async fn trainings(palate: &Palate, solution: &str) -> Vec<String> {
    let answer = palate.call("ListSolutionVersions", json!({"solutionArn": solution})).await.unwrap();
    let told = |version: &Value| format!("{} {}", version["trainingType"], version["trainingMode"]).replace('"', "");
    answer["solutionVersions"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn every_custom_recipe_makes_a_solution_and_one_that_cannot_be_trained_says_so() {
    let palate = Palate::with(Settings {
        quotas: palate_service::Quotas::parse("solutions=20").unwrap(),
        ..Settings::default()
    });
    let group = palate.imported().await;
    let recipes = palate.call("ListRecipes", json!({})).await.unwrap();
    for info in recipes["recipes"].as_array().unwrap() {
        let name = info["name"].as_str().unwrap();
        let input = json!({"name": name, "datasetGroupArn": group, "recipeArn": info["recipeArn"]});
        if info.get("domain").is_some() {
            assert_eq!(palate.refused("CreateSolution", input).await, "InvalidInputException", "{name}");
            continue;
        }
        let solution = palate.create("CreateSolution", input).await;
        let version = version(&palate, &solution).await;
        let (status, reason) = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
        let text = format!("Recipe {name} cannot be trained by this version of Palate yet");
        let is_missing = reason.as_ref().is_some_and(|reason| reason.starts_with(&text));
        assert_eq!(is_missing, palate_recipes::recipe(name).is_none(), "{name}: {reason:?}");
        // Some want more than interactions and say so.
        assert_eq!(status == "ACTIVE", reason.is_none(), "{name}: {reason:?}");
    }
}

#[tokio::test]
async fn what_a_solution_cannot_be_is_refused() {
    let palate = Palate::new();
    let group = palate.group().await;
    let base = |recipe_name: &str| json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe(recipe_name)});
    let with = |recipe_name: &str, more: Value| {
        let mut input = base(recipe_name);
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    for (input, code) in [
        (with("aws-hrnn", json!({"performAutoML": true})), "InvalidInputException"),
        (json!({"name": "s", "datasetGroupArn": group}), "InvalidInputException"),
        (with("aws-popularity-count", json!({"performHPO": true})), "InvalidInputException"),
        (with("aws-user-personalization-v2", json!({"performHPO": true})), "InvalidInputException"),
        (with("aws-sims", json!({"performIncrementalUpdate": true})), "InvalidInputException"),
        (base("aws-deepfm"), "ResourceNotFoundException"),
        (with("aws-sims", json!({"datasetGroupArn": arn("dataset-group/none")})), "ResourceNotFoundException"),
        (
            with("aws-sims", json!({"solutionConfig": {"algorithmHyperParameters": {"bptt": "2"}}})),
            "InvalidInputException",
        ),
        (
            json!({"name": "s", "datasetGroupArn": group, "performAutoML": true, "solutionConfig": {
                "autoMLConfig": {"recipeList": [recipe("aws-sims")]},
            }}),
            "InvalidInputException",
        ),
    ] {
        assert_eq!(palate.refused("CreateSolution", input.clone()).await, code, "{input}");
    }
    let listed = palate.call("ListSolutions", json!({})).await.unwrap();
    assert_eq!(listed["solutions"], json!([]));
}

#[tokio::test]
async fn ranges_are_described_with_the_stage_that_they_belong_to() {
    let palate = Palate::new();
    let group = palate.group().await;
    let ranges =
        json!({"integerHyperParameterRanges": [{"name": "min_cointeraction_count", "minValue": 1, "maxValue": 5}]});
    let hpo = json!({"hpoConfig": {"algorithmHyperParameterRanges": ranges}});
    let recipe = recipe("aws-sims");
    let input = json!({"name": "hpo", "datasetGroupArn": group, "recipeArn": recipe, "performHPO": true, "solutionConfig": hpo});
    let solution = palate.create("CreateSolution", input).await;
    let described = describe(&palate, "Solution", &solution).await;
    let ranges = &described["solutionConfig"]["hpoConfig"]["algorithmHyperParameterRanges"];
    assert_eq!(ranges["integerHyperParameterRanges"][0]["name"], "training.min_cointeraction_count");
    assert_eq!(described["performHPO"], true);
}

#[tokio::test]
async fn columns_that_a_recipe_does_not_read_may_be_excluded() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let config = json!({"trainingDataConfig": {"excludedDatasetColumns": {"Interactions": ["EVENT_VALUE"]}}});
    let input = json!({
        "name": "s", "datasetGroupArn": group, "recipeArn": recipe("aws-popularity-count"), "solutionConfig": config,
    });
    let solution = palate.create("CreateSolution", input).await;
    let version = version(&palate, &solution).await;
    assert_eq!(describe(&palate, "SolutionVersion", &version).await["status"], "ACTIVE");
    assert_eq!(describe(&palate, "Solution", &solution).await["solutionConfig"], config);
}

#[tokio::test]
async fn an_update_of_a_solution_takes_hold_and_is_described() {
    let palate = Palate::new();
    let group = palate.group().await;
    let solution = solution(&palate, &group, "s", "aws-user-personalization-v2").await;
    let before = describe(&palate, "Solution", &solution).await;
    assert_eq!((before.get("latestSolutionUpdate"), &before["performAutoTraining"]), (None, &json!(true)));
    let config = json!({
        "autoTrainingConfig": {"schedulingExpression": "rate(3 days)"},
        "eventsConfig": {"eventParametersList": [{"eventType": "watch", "weight": 0.5}]},
    });
    let update = json!({"solutionArn": solution, "performAutoTraining": false, "solutionUpdateConfig": config});
    palate.call("UpdateSolution", update).await.unwrap();
    let after = describe(&palate, "Solution", &solution).await;
    assert_eq!((&after["performAutoTraining"], &after["solutionConfig"]), (&json!(false), &config));
    let told = &after["latestSolutionUpdate"];
    assert_eq!((&told["status"], &told["solutionUpdateConfig"]), (&json!("ACTIVE"), &config));
    for (more, code) in [
        (json!({"performIncrementalUpdate": true}), "InvalidInputException"),
        (
            json!({"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}}),
            "InvalidInputException",
        ),
        (json!({"solutionArn": arn("solution/none")}), "ResourceNotFoundException"),
    ] {
        let mut input = json!({"solutionArn": solution});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(palate.refused("UpdateSolution", input).await, code);
    }
}

#[tokio::test]
async fn a_version_is_created_by_the_rules() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let popular = solution(&palate, &group, "popular", "aws-popularity-count").await;
    let personal = solution(&palate, &group, "personal", "aws-user-personalization").await;
    let named = palate.create("CreateSolutionVersion", json!({"solutionArn": popular, "name": "first"})).await;
    assert_eq!(named, arn("solution/popular/first"));
    for (input, code) in [
        (json!({"solutionArn": popular, "name": "first"}), "ResourceAlreadyExistsException"),
        (json!({"solutionArn": popular, "trainingMode": "UPDATE"}), "InvalidInputException"),
        (json!({"solutionArn": popular, "trainingMode": "AUTOTRAIN"}), "InvalidInputException"),
        (json!({"solutionArn": personal, "trainingMode": "UPDATE"}), "InvalidInputException"),
        (json!({"solutionArn": arn("solution/none")}), "ResourceNotFoundException"),
    ] {
        assert_eq!(palate.refused("CreateSolutionVersion", input.clone()).await, code, "{input}");
    }
}

#[tokio::test]
async fn quotas_bound_what_a_group_and_a_region_hold() {
    let quotas = palate_service::Quotas::parse("solutions=2,solution-versions=1,campaigns=1").unwrap();
    assert_eq!(quotas.limit(Quota::Recommenders), 5);
    let palate = Palate::with(Settings { quotas, ..Settings::default() });
    let group = palate.imported().await;
    let first = solution(&palate, &group, "a", "aws-popularity-count").await;
    solution(&palate, &group, "b", "aws-popularity-count").await;
    let third = |name: &str| json!({"name": name, "datasetGroupArn": group, "recipeArn": recipe("aws-sims")});
    assert_eq!(palate.refused("CreateSolution", third("c")).await, "LimitExceededException");
    assert_eq!(palate.refused("CreateSolution", third("a")).await, "ResourceAlreadyExistsException");
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": first})).await;
    let another = json!({"solutionArn": first});
    assert_eq!(palate.refused("CreateSolutionVersion", another.clone()).await, "LimitExceededException");
    palate.run_jobs().await;
    palate.create("CreateSolutionVersion", another).await;
    let campaign = |name: &str| json!({"name": name, "solutionVersionArn": version});
    palate.create("CreateCampaign", campaign("c")).await;
    assert_eq!(palate.refused("CreateCampaign", campaign("d")).await, "LimitExceededException");
    assert_eq!(palate.refused("CreateCampaign", campaign("c")).await, "ResourceAlreadyExistsException");
}

/// What each call says of a solution version in each state; empty where it is done.
#[tokio::test]
async fn each_state_of_a_version_allows_what_is_documented() {
    let (invalid, in_use) = ("InvalidInputException", "ResourceInUseException");
    let table = [
        // state, StopSolutionVersionCreation, GetSolutionMetrics, CreateCampaign, DeleteSolution
        ("CREATE PENDING", ["", in_use, in_use, in_use]),
        ("CREATE IN_PROGRESS", ["", in_use, in_use, in_use]),
        ("CREATE STOPPING", [in_use, in_use, in_use, in_use]),
        ("CREATE STOPPED", [invalid, in_use, invalid, ""]),
        ("CREATE FAILED", [invalid, in_use, invalid, ""]),
        ("ACTIVE", [invalid, "", "", ""]),
    ];
    for (state, answers) in table {
        let calls = ["StopSolutionVersionCreation", "GetSolutionMetrics", "CreateCampaign", "DeleteSolution"];
        for (call, expected) in calls.into_iter().zip(answers) {
            let palate = Palate::new();
            let group = palate.imported().await;
            let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
            let version = version(&palate, &solution).await;
            palate.put_in_state(&version, "/status", state).await;
            let input = match call {
                "CreateCampaign" => json!({"name": "c", "solutionVersionArn": version}),
                "DeleteSolution" => json!({"solutionArn": solution}),
                _ => json!({"solutionVersionArn": version}),
            };
            let code = palate.call(call, input).await.err().map_or(String::new(), |refusal| refusal.0);
            assert_eq!(code, expected, "{call} {state}");
        }
    }
}

#[tokio::test]
async fn a_version_that_waits_is_stopped_at_once_and_never_trained() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.call("StopSolutionVersionCreation", json!({"solutionVersionArn": version})).await.unwrap();
    assert_eq!(describe(&palate, "SolutionVersion", &version).await["status"], "CREATE STOPPED");
    assert_eq!(palate.run_jobs().await, [(version.clone(), JobOutcome::Settled)]);
    let described = describe(&palate, "SolutionVersion", &version).await;
    assert_eq!((&described["status"], described.get("failureReason")), (&json!("CREATE STOPPED"), None));
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn a_version_whose_worker_died_while_it_was_stopping_is_stopped_by_the_next() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.drop_jobs();
    palate.put_in_state(&version, "/status", "CREATE IN_PROGRESS").await;
    palate.call("StopSolutionVersionCreation", json!({"solutionVersionArn": version})).await.unwrap();
    assert_eq!(describe(&palate, "SolutionVersion", &version).await["status"], "CREATE STOPPING");
    palate.clock.advance(MINUTE);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    assert_eq!(palate.run_jobs().await, [(version.clone(), JobOutcome::Stopped)]);
    assert_eq!(describe(&palate, "SolutionVersion", &version).await["status"], "CREATE STOPPED");
}

#[tokio::test]
async fn a_solution_is_trained_within_the_hour_and_then_by_its_period_if_there_is_something_new() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    palate.clock.advance(59 * MINUTE);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.clock.advance(MINUTE);
    // Of two sweepers one does it.
    let (one, two) = tokio::join!(palate.service.sweep(), palate.service.sweep());
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(palate.run_jobs().await.len(), 1);
    assert_eq!(trainings(&palate, &solution).await, ["AUTOMATIC AUTOTRAIN"]);
    let latest = describe(&palate, "Solution", &solution).await["latestSolutionVersion"].clone();
    assert_eq!((&latest["status"], &latest["trainingType"]), (&json!("ACTIVE"), &json!("AUTOMATIC")));

    // Nothing new: the time passes.
    palate.clock.advance(7 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    let dataset = arn("dataset/films/INTERACTIONS");
    palate.import(&dataset, "INCREMENTAL", interactions_csv().replace("1600", "1700")).await;
    palate.clock.advance(6 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.clock.advance(DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.run_jobs().await;
    assert_eq!(trainings(&palate, &solution).await.len(), 2);

    palate.call("DeleteSolution", json!({"solutionArn": solution})).await.unwrap();
    palate.run_jobs().await;
    palate.clock.advance(30 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn a_manual_version_moves_the_schedule() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    palate.clock.advance(30 * MINUTE);
    version(&palate, &solution).await;
    palate.clock.advance(30 * MINUTE);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    let dataset = arn("dataset/films/INTERACTIONS");
    palate.import(&dataset, "INCREMENTAL", interactions_csv().replace("1600", "1700")).await;
    palate.clock.advance(7 * DAY - HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.clock.advance(HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    assert_eq!(trainings(&palate, &solution).await, ["AUTOMATIC AUTOTRAIN", "MANUAL FULL"]);
    // It is in work: not another one.
    palate.clock.advance(Duration::from_secs(1));
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn a_changed_frequency_begins_anew_and_automatic_training_can_be_turned_off_and_on() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    let update = |more: Value| {
        let mut input = json!({"solutionArn": solution});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        palate.call("UpdateSolution", input)
    };
    let every = |days: u64| {
        let rate = format!("rate({days} days)");
        json!({"solutionUpdateConfig": {"autoTrainingConfig": {"schedulingExpression": rate}}})
    };
    update(json!({"performAutoTraining": false})).await.unwrap();
    palate.clock.advance(30 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    update(json!({"performAutoTraining": true})).await.unwrap();
    palate.clock.advance(59 * MINUTE);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.clock.advance(MINUTE);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.run_jobs().await;

    let dataset = arn("dataset/films/INTERACTIONS");
    palate.clock.advance(DAY);
    palate.import(&dataset, "INCREMENTAL", interactions_csv().replace("1600", "1700")).await;
    update(every(7)).await.unwrap();
    palate.clock.advance(2 * HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 0, "the frequency is what it was");
    update(every(2)).await.unwrap();
    palate.clock.advance(HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.run_jobs().await;
    palate.import(&dataset, "INCREMENTAL", interactions_csv().replace("1600", "1800")).await;
    palate.clock.advance(2 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
}

#[tokio::test]
async fn a_group_without_data_waits_for_some() {
    let palate = Palate::new();
    let group = palate.group().await;
    let dataset = palate.dataset(&group, "Interactions", &support::INTERACTIONS).await;
    solution(&palate, &group, "s", "aws-popularity-count").await;
    palate.clock.advance(2 * HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.import(&dataset, "FULL", interactions_csv()).await;
    palate.clock.advance(HOUR);
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
}

#[tokio::test]
async fn an_installation_may_do_without_automatic_training() {
    let palate = Palate::with(Settings { auto_training: false, ..Settings::default() });
    let group = palate.imported().await;
    solution(&palate, &group, "s", "aws-popularity-count").await;
    palate.clock.advance(30 * DAY);
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
}

#[tokio::test]
async fn a_campaign_follows_the_newest_version() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
    let latest = format!("{solution}/$LATEST");
    let sync = json!({"syncWithLatestSolutionVersion": true});
    let input = json!({"name": "c", "solutionVersionArn": latest, "campaignConfig": sync});
    assert_eq!(palate.refused("CreateCampaign", input.clone()).await, "InvalidInputException", "no version yet");
    palate.create("CreateSolutionVersion", json!({"solutionArn": solution, "name": "v1"})).await;
    assert_eq!(palate.refused("CreateCampaign", input.clone()).await, "ResourceInUseException", "not ACTIVE yet");
    palate.run_jobs().await;
    let first = arn("solution/s/v1");
    let alone = json!({"name": "c", "solutionVersionArn": latest});
    assert_eq!(palate.refused("CreateCampaign", alone).await, "InvalidInputException");
    let concrete = json!({"name": "c", "solutionVersionArn": first, "campaignConfig": sync});
    assert_eq!(palate.refused("CreateCampaign", concrete).await, "InvalidInputException");
    let campaign = palate.create("CreateCampaign", input).await;
    palate.run_jobs().await;
    let described = describe(&palate, "Campaign", &campaign).await;
    assert_eq!((&described["solutionVersionArn"], &described["status"]), (&json!(first), &json!("ACTIVE")));
    assert_eq!(described.get("latestCampaignUpdate"), None);

    // The version's own settling brings it into service.
    let second = version(&palate, &solution).await;
    let described = describe(&palate, "Campaign", &campaign).await;
    assert_eq!(described["solutionVersionArn"], second);
    let update = &described["latestCampaignUpdate"];
    assert_eq!((&update["solutionVersionArn"], &update["status"]), (&json!(second), &json!("ACTIVE")));
    assert_eq!(update["campaignConfig"], sync);

    // What was missed while the campaign was busy is found by the sweep.
    palate.put_in_state(&campaign, "/status", "CREATE IN_PROGRESS").await;
    let third = version(&palate, &solution).await;
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    palate.put_in_state(&campaign, "/status", "ACTIVE").await;
    assert_eq!(palate.service.sweep().await.unwrap(), 1);
    palate.run_jobs().await;
    assert_eq!(describe(&palate, "Campaign", &campaign).await["solutionVersionArn"], third);

    // A configuration without it ends the following.
    let update = json!({"campaignArn": campaign, "campaignConfig": {}});
    palate.call("UpdateCampaign", update).await.unwrap();
    palate.run_jobs().await;
    version(&palate, &solution).await;
    assert_eq!(palate.service.sweep().await.unwrap(), 0);
    assert_eq!(describe(&palate, "Campaign", &campaign).await["solutionVersionArn"], third);
    let update = json!({"campaignArn": campaign, "campaignConfig": sync});
    assert_eq!(palate.refused("UpdateCampaign", update).await, "InvalidInputException");
}

#[tokio::test]
async fn a_campaign_takes_the_configuration_that_its_recipe_knows() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let popular = solution(&palate, &group, "popular", "aws-popularity-count").await;
    let active = version(&palate, &popular).await;
    let segments = solution(&palate, &group, "segments", "aws-item-affinity").await;
    let segments = version(&palate, &segments).await;
    let exploring = solution(&palate, &group, "exploring", "aws-user-personalization").await;
    let exploring = version(&palate, &exploring).await;
    palate.put_in_state(&exploring, "/status", "ACTIVE").await;
    let weight = |weight: &str| json!({"itemExplorationConfig": {"explorationWeight": weight}});
    for (version, config, expected) in [
        (&active, weight("0.3"), "InvalidInputException"),
        (&active, json!({"rankingInfluence": {"POPULARITY": 0.5}}), "InvalidInputException"),
        (&segments, json!({}), "InvalidInputException"),
        (&exploring, weight("1.5"), "InvalidInputException"),
        (&exploring, weight("0.5"), ""),
        (&active, json!({"enableMetadataWithRecommendations": true}), ""),
    ] {
        let name = format!("c{}", expected.len()) + &version[version.len() - 4..];
        let input = json!({"name": name, "solutionVersionArn": version, "campaignConfig": config});
        let code = palate.call("CreateCampaign", input).await.err().map_or(String::new(), |refusal| refusal.0);
        assert_eq!(code, expected, "{version} {config}");
    }
}

#[tokio::test]
async fn each_state_of_a_campaign_allows_what_is_documented() {
    let in_use = "ResourceInUseException";
    for (member, state, update, delete) in [
        ("/status", "CREATE PENDING", in_use, in_use),
        ("/status", "CREATE IN_PROGRESS", in_use, in_use),
        ("/status", "CREATE FAILED", "", ""),
        ("/status", "ACTIVE", "", ""),
        ("/latestCampaignUpdate/status", "CREATE PENDING", in_use, in_use),
        ("/latestCampaignUpdate/status", "CREATE IN_PROGRESS", in_use, in_use),
        ("/latestCampaignUpdate/status", "CREATE FAILED", "", ""),
    ] {
        for (call, expected) in [("UpdateCampaign", update), ("DeleteCampaign", delete)] {
            let palate = Palate::new();
            let group = palate.imported().await;
            let solution = solution(&palate, &group, "s", "aws-popularity-count").await;
            let version = version(&palate, &solution).await;
            let campaign = palate.create("CreateCampaign", json!({"name": "c", "solutionVersionArn": version})).await;
            palate.run_jobs().await;
            palate.call("UpdateCampaign", json!({"campaignArn": campaign, "minProvisionedTPS": 2})).await.unwrap();
            palate.run_jobs().await;
            assert_eq!(palate.refused("DeleteSolution", json!({"solutionArn": solution})).await, in_use);
            palate.put_in_state(&campaign, member, state).await;
            let code = palate.call(call, json!({"campaignArn": campaign})).await.err();
            assert_eq!(code.map_or(String::new(), |refusal| refusal.0), expected, "{call} {member} {state}");
        }
    }
}

/// The best item of a model, which is the same for everybody.
async fn most_popular(palate: &Palate, name: &str, version: &str) -> String {
    let campaign = palate.create("CreateCampaign", json!({"name": name, "solutionVersionArn": version})).await;
    palate.run_jobs().await;
    let asked = json!({"campaignArn": campaign, "userId": "u0", "numResults": 1});
    let answer = palate.call("GetRecommendations", asked).await.unwrap();
    answer["itemList"][0]["itemId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_training_learns_from_what_was_streamed_whether_it_is_a_part_yet_or_not() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let dataset = group.replace("dataset-group/", "dataset/") + "/INTERACTIONS";
    let tracker = palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await.unwrap();
    // More users than any imported item has; every second one signs in only after the event.
    for user in 0..61 {
        let event = |item: &str, at: i64| json!({"eventType": "watch", "itemId": item, "sentAt": at});
        let before = (user % 2 == 0).then(|| format!("new{user}"));
        for (user_id, at) in [(before, 1_700_000_000), (Some(format!("new{user}")), 1_700_000_060)] {
            let item = if at == 1_700_000_000 { "fresh" } else { "i0" };
            let mut input = json!({
                "trackingId": tracker["trackingId"], "sessionId": format!("s{user}"), "eventList": [event(item, at)],
            });
            if let Some(user_id) = user_id {
                input["userId"] = user_id.into();
            }
            palate.call("PutEvents", input).await.unwrap();
        }
    }
    let solution = solution(&palate, &group, "popular", "aws-popularity-count").await;
    let from_journal = version(&palate, &solution).await;
    palate.service.compact(&dataset).await.unwrap();
    let from_parts = version(&palate, &solution).await;
    // `i0` has the imported users as well.
    assert_eq!(most_popular(&palate, "a", &from_journal).await, "i0");
    assert_eq!(most_popular(&palate, "b", &from_parts).await, "i0");
    let second = async |name: &str| {
        let campaign = arn(&format!("campaign/{name}"));
        let asked = json!({"campaignArn": campaign, "userId": "u0", "numResults": 2});
        let answer = palate.call("GetRecommendations", asked).await.unwrap();
        answer["itemList"][1]["itemId"].clone()
    };
    assert_eq!((second("a").await, second("b").await), (json!("fresh"), json!("fresh")));
}
