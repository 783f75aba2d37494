//! What a solution's configuration makes of a training: searches, competitions, events, columns, updates.

#![allow(clippy::unwrap_used)]

mod support;

use palate_service::JobOutcome;
use palate_store::RecordStoreExt;
use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, arn, interactions_csv, items_csv, schema_of};

fn recipe(name: &str) -> String {
    format!("arn:aws:personalize:::recipe/{name}")
}

/// What CreateSolution is asked for, for the group `films`.
fn asked(name: &str, more: Value) -> Value {
    let mut input = json!({"name": name, "datasetGroupArn": arn("dataset-group/films"), "performAutoTraining": false});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

/// The ARN of a version of a new solution, after its training.
async fn trained(palate: &Palate, name: &str, more: Value) -> String {
    let solution = palate.create("CreateSolution", asked(name, more)).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    version
}

async fn described(palate: &Palate, version: &str) -> Value {
    let input = json!({"solutionVersionArn": version});
    palate.call("DescribeSolutionVersion", input).await.unwrap()["solutionVersion"].clone()
}

/// What is recorded of a version's model.
async fn model_of(palate: &Palate, version: &str) -> Value {
    let record = palate.stores.records.get(&palate_store::Key::new("model", version)).await.unwrap().unwrap();
    serde_json::from_slice(&record.value).unwrap()
}

#[tokio::test]
async fn a_search_tries_as_often_as_it_may_and_the_best_is_in_force() {
    let palate = Palate::new();
    palate.imported().await;
    let ranges = json!({
        "integerHyperParameterRanges": [{"name": "min_cointeraction_count", "minValue": 1, "maxValue": 5}],
        "continuousHyperParameterRanges": [{"name": "training.popularity_discount_factor", "minValue": 0.6}],
    });
    let resources = json!({"maxNumberOfTrainingJobs": "6", "maxParallelTrainingJobs": "2"});
    let hpo = json!({"hpoConfig": {"algorithmHyperParameterRanges": ranges, "hpoResourceConfig": resources}});
    let more = json!({"recipeArn": recipe("aws-sims"), "performHPO": true, "solutionConfig": hpo});
    let version = trained(&palate, "searched", more).await;
    let told = described(&palate, &version).await;
    assert_eq!((&told["status"], &told["performHPO"]), (&json!("ACTIVE"), &json!(true)), "{told}");
    let model = model_of(&palate, &version).await;
    let search = &model["report"]["search"];
    let trials = search["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 6, "{search}");
    let number =
        |trial: &Value, name: &str| -> f64 { trial["hyperparameters"][name].as_str().unwrap().parse().unwrap() };
    for trial in trials {
        assert!((1.0..=5.0).contains(&number(trial, "min_cointeraction_count")), "{trial}");
        assert!((0.6..=1.0).contains(&number(trial, "popularity_discount_factor")), "{trial}");
    }
    let objective = |trial: &Value| trial["objective"].as_f64().unwrap();
    let best = trials.iter().map(objective).fold(f64::MIN, f64::max);
    let chosen = trials.iter().find(|trial| trial["chosen"] == true).unwrap();
    assert_eq!(objective(chosen), best);
    let tuned = &told["tunedHPOParams"]["algorithmHyperParameters"];
    assert_eq!(tuned, &chosen["hyperparameters"]);
    for name in ["min_cointeraction_count", "popularity_discount_factor"] {
        assert_eq!(tuned[name], model["hyperparameters"][name], "{name}");
    }
    // The same data, configuration and seed.
    let again = json!({"solutionArn": arn("solution/searched")});
    let again = palate.create("CreateSolutionVersion", again).await;
    palate.run_jobs().await;
    assert_eq!(model_of(&palate, &again).await["report"], model["report"]);
}

#[tokio::test]
async fn recipes_compete_and_the_winner_is_told_with_the_reason() {
    let palate = Palate::new();
    palate.imported().await;
    let list = ["palate-transitions", "palate-session-knn"].map(recipe);
    let config = json!({"autoMLConfig": {"recipeList": list}});
    let version = trained(&palate, "auto", json!({"performAutoML": true, "solutionConfig": config})).await;
    let told = described(&palate, &version).await;
    assert_eq!(told["status"], "ACTIVE", "{told}");
    let model = model_of(&palate, &version).await;
    let search = &model["report"]["search"];
    let trials = search["trials"].as_array().unwrap();
    let by_name: Vec<&Value> = trials.iter().filter(|trial| trial["name"] == trial["recipe"]).collect();
    assert_eq!(by_name.len(), 2, "{search}");
    let objective = |trial: &&Value| trial["objective"].as_f64().unwrap();
    let winner = by_name.iter().copied().reduce(|a, b| if objective(&b) > objective(&a) { b } else { a }).unwrap();
    let winner = winner["recipe"].as_str().unwrap();
    assert_eq!(model["recipe"], winner);
    assert!(search["reason"].as_str().unwrap().starts_with(&format!("{winner} has the highest NDCG")), "{search}");
    assert_eq!(trials.iter().filter(|trial| trial["chosen"] == true).count(), 1);
    assert_eq!(told["recipeArn"], recipe(winner));
    let solution = palate.call("DescribeSolution", json!({"solutionArn": arn("solution/auto")})).await.unwrap();
    let solution = &solution["solution"];
    assert_eq!(solution["autoMLResult"], json!({"bestRecipeArn": recipe(winner)}));
    assert_eq!((solution.get("recipeArn"), &solution["performHPO"]), (None, &json!(true)));
    // It serves as a version of that recipe does.
    let campaign = palate.create("CreateCampaign", json!({"name": "c", "solutionVersionArn": version})).await;
    palate.run_jobs().await;
    let list = palate.call("GetRecommendations", json!({"campaignArn": campaign, "userId": "u1"})).await.unwrap();
    assert_eq!(list["itemList"].as_array().unwrap().len(), 25);
}

#[tokio::test]
async fn recipes_compete_by_the_metric_that_is_named() {
    let palate = Palate::new();
    palate.imported().await;
    // Named twice, it competes once.
    let list = ["palate-session-knn", "palate-session-knn"].map(recipe);
    let config = |metric: &str| json!({"autoMLConfig": {"recipeList": list, "metricName": metric}});
    let asks = |metric: &str| json!({"performAutoML": true, "solutionConfig": config(metric)});
    let version = trained(&palate, "auto", asks("coverage")).await;
    let model = model_of(&palate, &version).await;
    let search = &model["report"]["search"];
    assert_eq!(search["metric"], "coverage");
    let by_name = search["trials"].as_array().unwrap().iter().filter(|trial| trial["name"] == trial["recipe"]);
    assert_eq!(by_name.count(), 1, "{search}");
    let reason = search["reason"].as_str().unwrap();
    assert!(reason.starts_with("palate-session-knn has the highest coverage"), "{reason}");
    let (code, _, message) = palate.call("CreateSolution", asked("s", asks("recall_at_7"))).await.unwrap_err();
    assert_eq!(code, "InvalidInputException");
    assert!(message.starts_with("solutionConfig.autoMLConfig.metricName is recall_at_7"), "{message}");
}

#[tokio::test]
async fn an_objective_and_columns_are_checked_against_the_schemas() {
    let palate = Palate::new();
    let group = palate.group().await;
    palate.dataset(&group, "Interactions", &INTERACTIONS).await;
    let v1 = recipe("aws-user-personalization");
    let columns = |member: &str, given: Value| json!({"recipeArn": v1, "solutionConfig": {"trainingDataConfig": {member: given}}});
    let objective = |name: &str| {
        let objective = json!({"itemAttribute": name, "objectiveSensitivity": "HIGH"});
        json!({"recipeArn": v1, "solutionConfig": {"optimizationObjective": objective}})
    };
    // Of a dataset that is not there nothing is known yet.
    palate.create("CreateSolution", asked("early", columns("excludedDatasetColumns", json!({"Items": ["ANY"]})))).await;
    let items = schema_of("Items", &["ITEM_ID: string", "PRICE: float", "MARGIN: float?", "GENRES: category"]);
    palate.dataset(&group, "Items", &items).await;
    for (more, says) in [
        (columns("excludedDatasetColumns", json!({"Items": ["COST"]})), "names the column COST"),
        (columns("includedDatasetColumns", json!({"INTERACTIONS": ["device"]})), "names the column device"),
        (objective("COST"), "names the column COST"),
        (objective("GENRES"), "column of numbers"),
        (objective("MARGIN"), "may not be null"),
    ] {
        let (code, _, message) = palate.call("CreateSolution", asked("s", more.clone())).await.unwrap_err();
        assert_eq!(code, "InvalidInputException", "{more}");
        assert!(message.contains(says), "{more}: {message}");
    }
    palate.create("CreateSolution", asked("a", columns("excludedDatasetColumns", json!({"items": ["price"]})))).await;
    palate.create("CreateSolution", asked("b", objective("price"))).await;
}

/// The 40 items of the interactions, worth 1 to 10 in each of their four kinds.
fn priced_items() -> String {
    let rows = (0..40).map(|item| format!("i{item},{}.5\n", 1 + item * 7 % 10));
    rows.fold("ITEM_ID,PRICE\n".to_owned(), |csv, row| csv + &row)
}

fn price(item_id: &Value) -> f64 {
    let item: usize = item_id.as_str().unwrap().trim_start_matches('i').parse().unwrap();
    1.5 + (item * 7 % 10) as f64
}

#[tokio::test]
async fn lists_are_worth_more_if_what_items_are_worth_counts() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float"])).await;
    palate.import(&items, "FULL", priced_items()).await;
    for (name, list) in [("aws-user-personalization", false), ("aws-personalized-ranking", true)] {
        let mut worth = Vec::new();
        for level in ["OFF", "HIGH"] {
            let objective = json!({"itemAttribute": "PRICE", "objectiveSensitivity": level});
            let hyperparameters = json!({"hidden_dimension": "32"});
            let config = json!({"optimizationObjective": objective, "algorithmHyperParameters": hyperparameters});
            let more = json!({"recipeArn": recipe(name), "solutionConfig": config});
            let version = trained(&palate, &format!("{name}-{level}"), more).await;
            let metrics = palate.call("GetSolutionMetrics", json!({"solutionVersionArn": version})).await.unwrap();
            let share = metrics["metrics"]["average_rewards_at_k"].as_f64().unwrap();
            assert!(share > 0.0 && share <= 1.0, "{name} {level}: {share}");
            let mut campaign = json!({"name": format!("{name}-{level}"), "solutionVersionArn": version});
            if !list {
                campaign["campaignConfig"] = json!({"itemExplorationConfig": {"explorationWeight": "0"}});
            }
            let campaign = palate.create("CreateCampaign", campaign).await;
            palate.run_jobs().await;
            let mut total = 0.0;
            for user in 0..60 {
                let mut input = json!({"campaignArn": campaign, "userId": format!("u{user}")});
                let (operation, answer) = if list {
                    let items: Vec<String> = (0..10).map(|item| format!("i{}", (user % 4) * 10 + item)).collect();
                    input["inputList"] = json!(items);
                    ("GetPersonalizedRanking", "personalizedRanking")
                } else {
                    input["numResults"] = json!(3);
                    ("GetRecommendations", "itemList")
                };
                let answer = palate.call(operation, input).await.unwrap()[answer].clone();
                total += (0..3).map(|place| price(&answer[place]["itemId"])).sum::<f64>();
            }
            worth.push(total / 180.0);
        }
        // All items of a kind are worth 6 on average, and a user's items are of one kind.
        assert!(worth[1] > worth[0] + 1.0, "{name}: {worth:?}");
    }
}

#[tokio::test]
async fn what_events_weigh_decides_what_is_recommended() {
    let palate = Palate::new();
    palate.imported().await;
    for name in ["palate-transitions", "palate-ials"] {
        let mut lists = Vec::new();
        for (bought, watched) in [(1.0, 0.0), (0.0, 1.0)] {
            let weights = json!([{"eventType": "buy", "weight": bought}, {"eventType": "watch", "weight": watched}]);
            let config = json!({"eventsConfig": {"eventParametersList": weights}});
            let version_name = format!("{name}-{bought}");
            let more = json!({"recipeArn": recipe(name), "solutionConfig": config});
            let version = trained(&palate, &version_name, more).await;
            let metrics = palate.call("GetSolutionMetrics", json!({"solutionVersionArn": version})).await.unwrap();
            let ndcg = &metrics["metrics"]["normalized_discounted_cumulative_gain_with_event_weights_at_10"];
            // What is held out of each test user was watched.
            assert!(ndcg.as_f64().is_some_and(|ndcg| (ndcg > 0.0) == (watched > 0.0)), "{name}: {metrics}");
            let campaign = json!({"name": version_name, "solutionVersionArn": version});
            let campaign = palate.create("CreateCampaign", campaign).await;
            palate.run_jobs().await;
            let input = json!({"campaignArn": campaign, "userId": "u0", "numResults": 10});
            lists.push(palate.call("GetRecommendations", input).await.unwrap()["itemList"].clone());
        }
        assert_ne!(lists[0], lists[1], "{name}");
        if name == "palate-transitions" {
            // The user was with item 7 last. One item on is the next that is watched, five on what is bought next.
            let first = [&lists[0][0]["itemId"], &lists[1][0]["itemId"]];
            assert_eq!(first, [&json!("i2"), &json!("i0")]);
        }
    }
}

#[tokio::test]
async fn an_objective_needs_the_items_by_the_time_of_the_training() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let objective = json!({"itemAttribute": "PRICE", "objectiveSensitivity": "LOW"});
    let more = json!({
        "recipeArn": recipe("aws-personalized-ranking"), "solutionConfig": {"optimizationObjective": objective},
    });
    let solution = palate.create("CreateSolution", asked("s", more)).await;
    let train = || palate.create("CreateSolutionVersion", json!({"solutionArn": solution}));
    let without = train().await;
    palate.run_jobs().await;
    palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: category"])).await;
    let of_text = train().await;
    palate.run_jobs().await;
    for (version, says) in [(without, "has no Items dataset"), (of_text, "must be a column of numbers")] {
        let told = described(&palate, &version).await;
        assert_eq!(told["status"], "CREATE FAILED");
        let reason = told["failureReason"].as_str().unwrap();
        assert!(reason.starts_with("solutionConfig.optimizationObjective.itemAttribute is PRICE"), "{reason}");
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn recommenders_refuse_columns_that_are_not_there() {
    let palate = Palate::new();
    let group = json!({"name": "shop", "domain": "ECOMMERCE"});
    let group = palate.create("CreateDatasetGroup", group).await;
    let schema = json!({"name": "s", "domain": "ECOMMERCE", "schema": INTERACTIONS.to_string()});
    let schema = palate.create("CreateSchema", schema).await;
    let dataset = json!({"name": "i", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"});
    palate.create("CreateDataset", dataset).await;
    let config = json!({"trainingDataConfig": {"excludedDatasetColumns": {"Interactions": ["DEVICE"]}}});
    let input = json!({
        "name": "r", "datasetGroupArn": group, "recipeArn": recipe("aws-ecomm-popular-items-by-views"),
        "recommenderConfig": config,
    });
    let (code, _, message) = palate.call("CreateRecommender", input).await.unwrap_err();
    assert_eq!(code, "InvalidInputException");
    assert!(message.contains("names the column DEVICE"), "{message}");
}

#[tokio::test]
async fn parameters_out_of_range_are_refused_with_their_range_for_every_recipe() {
    use palate_recipes::{Range, Stage, catalogue};
    let palate = Palate::new();
    palate.group().await;
    let mut n_checked = 0;
    for info in catalogue().iter().filter(|info| info.domain.is_none()) {
        for parameter in info.hyperparameters {
            // By numbers that lie beyond either end, and by what is none.
            let (wrong, range) = match parameter.range {
                Range::Integer(least, most) => {
                    (vec![(least - 1).to_string(), (most + 1).to_string(), "1.5".into()], format!("{least} to {most}"))
                }
                Range::Continuous(least, most) => {
                    let below = least - 1.0;
                    (vec![below.to_string(), (most * 2.0).to_string(), "NaN".into()], format!("{least} to {most}"))
                }
                Range::Categorical(values) => (vec!["neither".into(), String::new()], values.join(", ")),
            };
            let map = match parameter.stage {
                Stage::Algorithm => "algorithmHyperParameters",
                Stage::Feature => "featureTransformationParameters",
            };
            for value in wrong {
                let config = json!({map: {parameter.name: value}});
                let more = json!({"recipeArn": recipe(info.name), "solutionConfig": config});
                let refused = palate.call("CreateSolution", asked("s", more)).await.unwrap_err();
                assert_eq!(refused.0, "InvalidInputException", "{} {}", info.name, parameter.name);
                // What only a search may set is not set at all.
                let searched = refused.2.contains("can only be given as a range");
                let told = refused.2.contains(parameter.name) && (searched || refused.2.contains(&range));
                assert!(told, "{} {}: {}", info.name, parameter.name, refused.2);
                n_checked += 1;
            }
        }
    }
    assert!(n_checked > 100, "{n_checked}");
}

#[tokio::test]
async fn recipes_without_a_search_refuse_one() {
    let palate = Palate::new();
    palate.group().await;
    for name in [
        "aws-user-personalization-v2",
        "aws-personalized-ranking-v2",
        "aws-next-best-action",
        "aws-item-affinity",
        "aws-item-attribute-affinity",
        "aws-trending-now",
        "aws-popularity-count",
        "aws-semantic-similarity",
    ] {
        let more = json!({"recipeArn": recipe(name), "performHPO": true});
        let (code, _, message) = palate.call("CreateSolution", asked("s", more)).await.unwrap_err();
        assert_eq!(code, "InvalidInputException", "{name}");
        assert!(message.contains("performHPO does not apply"), "{message}");
    }
    for (number, name) in ["aws-hrnn", "aws-sims", "aws-similar-items", "palate-ease"].into_iter().enumerate() {
        let more = json!({"recipeArn": recipe(name), "performHPO": true});
        palate.create("CreateSolution", asked(&format!("s{number}"), more)).await;
    }
}

#[tokio::test]
async fn jobs_tell_how_far_they_are_until_they_have_settled() {
    let palate = Palate::new();
    palate.imported().await;
    let more = json!({"recipeArn": recipe("aws-popularity-count")});
    let solution = palate.create("CreateSolution", asked("s", more)).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    let jobs = palate.service.jobs().await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        (jobs[0].job.as_str(), jobs[0].attempt, jobs[0].running, &jobs[0].advance),
        (&*version, 0, false, &None)
    );
    // What a worker has told with its last renewal.
    let key = palate_store::Key::new("job", &version);
    let record = palate.stores.records.get(&key).await.unwrap().unwrap();
    let mut job: Value = serde_json::from_slice(&record.value).unwrap();
    job["advance"] = json!({"step": "fitting", "done": 0.25});
    job["leasedUntilMs"] = json!(1_700_000_005_000_u64);
    let value = serde_json::to_vec(&job).unwrap();
    palate.stores.records.update(key, record.version, value).await.unwrap();
    let told = &palate.service.jobs().await.unwrap()[0];
    assert_eq!((told.running, told.advance.as_ref().unwrap().done), (true, 0.25));
    palate.clock.advance(std::time::Duration::from_secs(6));
    let silent = &palate.service.jobs().await.unwrap()[0];
    assert_eq!((silent.running, &silent.advance), (false, &None));
    assert_eq!(palate.run_jobs().await.last().unwrap().1, JobOutcome::Done);
    assert!(palate.service.jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_search_has_decided_is_not_decided_again_by_the_next_attempt() {
    let palate = Palate::new();
    palate.imported().await;
    let resources = json!({"hpoResourceConfig": {"maxNumberOfTrainingJobs": "3"}});
    let more = json!({"recipeArn": recipe("aws-sims"), "performHPO": true, "solutionConfig": {"hpoConfig": resources}});
    let version = trained(&palate, "s", more).await;
    let model = model_of(&palate, &version).await;
    // Nothing is left of a training that has ended well.
    let blobs = palate.stores.blobs.list("models/", None, 1000).await.unwrap().entries;
    assert!(!blobs.is_empty() && blobs.iter().all(|blob| !blob.key.contains("/checkpoints/")));
    assert_eq!(model["report"]["search"]["trials"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_update_is_for_a_recipe_that_can_be_updated() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = schema_of("Items", &["ITEM_ID: string", "GENRES: category"]);
    let dataset = palate.dataset(&group, "Items", &items).await;
    palate.import(&dataset, "FULL", items_csv(&[("GENRES", "drama")])).await;
    let more = json!({"recipeArn": recipe("aws-user-personalization")});
    let solution = palate.create("CreateSolution", asked("s", more)).await;
    let update = json!({"solutionArn": solution, "trainingMode": "UPDATE"});
    let (code, _, message) = palate.call("CreateSolutionVersion", update.clone()).await.unwrap_err();
    assert_eq!(code, "InvalidInputException");
    assert!(message.contains("needs an ACTIVE solution version that was trained with FULL"), "{message}");
    // A model of a recipe that cannot be updated says so and leaves the version failed.
    let popular = trained(&palate, "popular", json!({"recipeArn": recipe("aws-popularity-count")})).await;
    let full = palate.create("CreateSolutionVersion", json!({"solutionArn": solution, "name": "full"})).await;
    palate.drop_jobs();
    let mut resource = described(&palate, &full).await;
    resource["status"] = json!("ACTIVE");
    palate.plant(&full, resource).await;
    let model = palate.stores.records.get(&palate_store::Key::new("model", &popular)).await.unwrap().unwrap();
    palate.stores.records.create(palate_store::Key::new("model", &full), model.value).await.unwrap();
    let version = palate.create("CreateSolutionVersion", update).await;
    palate.run_jobs().await;
    let told = described(&palate, &version).await;
    assert_eq!((&told["status"], &told["trainingMode"]), (&json!("CREATE FAILED"), &json!("UPDATE")));
    let reason = told["failureReason"].as_str().unwrap();
    assert_eq!(reason, "Recipe aws-popularity-count cannot be updated; it can only be trained in full.");
}

#[tokio::test]
async fn an_event_type_that_is_missing_fails_with_the_documented_reason() {
    let palate = Palate::new();
    let group = palate.group().await;
    let dataset = palate.dataset(&group, "Interactions", &INTERACTIONS).await;
    palate.import(&dataset, "FULL", interactions_csv()).await;
    let config = json!({"eventValueThreshold": "18.5"});
    for (name, more, reason) in [
        (
            "typed",
            json!({"recipeArn": recipe("aws-sims"), "eventType": "like"}),
            "Dataset has fewer than 1000 interactions after filtering by event type: like",
        ),
        (
            "valued",
            json!({"recipeArn": recipe("aws-sims"), "solutionConfig": config}),
            "Dataset has fewer than 1000 interactions.",
        ),
    ] {
        let version = trained(&palate, name, more).await;
        let told = described(&palate, &version).await;
        assert_eq!((&told["status"], &told["failureReason"]), (&json!("CREATE FAILED"), &json!(reason)));
    }
}

#[tokio::test]
async fn a_cold_start_recipe_needs_items_and_enough_cold_ones() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let train = async |name: &str| {
        let version = trained(&palate, name, json!({"recipeArn": recipe("aws-hrnn-coldstart")})).await;
        let told = described(&palate, &version).await;
        assert_eq!(told["status"], "CREATE FAILED");
        told["failureReason"].as_str().unwrap().to_owned()
    };
    let without = "Recipe aws-hrnn-coldstart needs an Items dataset with metadata to train on.";
    assert_eq!(train("without").await, without);
    let fields = ["ITEM_ID: string", "KIND: category", "CREATION_TIMESTAMP: long"];
    let items = palate.dataset(&group, "Items", &schema_of("Items", &fields)).await;
    // Those with interactions are as old as the first of these; ninety-nine others are new.
    let mut csv = items_csv(&[("KIND", "tool"), ("CREATION_TIMESTAMP", "1600000000")]);
    csv.extend((0..99).map(|item| format!("new{item},tool,1700000000\n")));
    palate.import(&items, "FULL", csv).await;
    let too_few = "Dataset has 99 cold start items; there must be between 100 and 80000 items with fewer than 15 \
                   interactions that are younger than 5 days.";
    assert_eq!(train("too-few").await, too_few);
}
