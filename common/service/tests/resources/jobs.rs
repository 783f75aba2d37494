use serde_json::{Value, json};

use crate::support::{Palate, ROLE, arn, schema_of};

const INVALID: &str = "InvalidInputException";
const VERSION: &str = "solution/s/0a1b2c3d";

fn paths(input: &str, output: &str) -> Value {
    json!({"jobInput": {"s3DataSource": {"path": input}}, "jobOutput": {"s3DataDestination": {"path": output}}})
}

/// A batch job's request with some members changed.
fn batch(changes: Value) -> Value {
    let mut input = paths("s3://bucket/in/a.json", "s3://bucket/out/");
    for (name, value) in
        [("jobName", json!("j")), ("solutionVersionArn", json!(arn(VERSION))), ("roleArn", json!(ROLE))]
    {
        input[name] = value;
    }
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

/// An ACTIVE version of a recipe, whether it can be trained or not.
async fn version_of(palate: &Palate, recipe: &str) {
    let version = json!({
        "solutionVersionArn": arn(VERSION), "solutionArn": arn("solution/s"), "performHPO": false,
        "performAutoML": false, "recipeArn": format!("arn:aws:personalize:::recipe/{recipe}"),
        "datasetGroupArn": arn("dataset-group/films"), "trainingMode": "FULL", "trainingType": "MANUAL",
        "status": "ACTIVE", "creationDateTime": 1, "lastUpdatedDateTime": 1,
    });
    palate.plant(&arn(VERSION), version).await;
}

#[tokio::test]
async fn a_data_deletion_job_goes_from_pending_to_completed_or_to_failed_and_says_why() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let request = |location: &str| json!({"jobName": "forget", "datasetGroupArn": group, "roleArn": ROLE, "dataSource": {"dataLocation": location}});
    for location in ["s3://bucket/users.txt", "https://bucket/users.csv", "s3:///users.csv"] {
        assert_eq!(palate.refused("CreateDataDeletionJob", request(location)).await, INVALID, "{location}");
    }
    let mut nowhere = request("s3://bucket/users/");
    nowhere["dataSource"] = json!({});
    assert_eq!(palate.refused("CreateDataDeletionJob", nowhere).await, INVALID);
    let job = palate.create("CreateDataDeletionJob", request("s3://bucket/users/")).await;
    assert_eq!(job, arn("data-deletion-job/forget"));
    let again = palate.refused("CreateDataDeletionJob", request("s3://bucket/users.csv")).await;
    assert_eq!(again, "ResourceAlreadyExistsException");
    let status = || palate.status("DescribeDataDeletionJob", "dataDeletionJobArn", &job);
    assert_eq!(status().await, ("PENDING".to_owned(), None));
    palate.run_jobs().await;
    let (state, reason) = status().await;
    assert_eq!(state, "FAILED");
    assert!(reason.unwrap().contains("Invalid Data location"));
    let listed = palate.call("ListDataDeletionJobs", json!({"datasetGroupArn": group})).await.unwrap();
    assert_eq!(listed["dataDeletionJobs"][0]["failureReason"], status().await.1.unwrap());

    palate.upload("bucket", "users.csv", "USER_ID\nu1\n").await;
    let mut input = request("s3://bucket/users.csv");
    input["jobName"] = json!("forget-u1");
    let job = palate.create("CreateDataDeletionJob", input).await;
    palate.run_jobs().await;
    let answer = palate.call("DescribeDataDeletionJob", json!({"dataDeletionJobArn": job})).await.unwrap();
    let described = &answer["dataDeletionJob"];
    assert_eq!((&described["status"], &described["numDeleted"]), (&json!("COMPLETED"), &json!(20)));
}

#[tokio::test]
async fn an_export_job_is_for_items_users_and_interactions() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let actions = palate.dataset(&group, "Actions", &schema_of("Actions", &["ACTION_ID: string", "COST: int?"])).await;
    let request = |dataset: &str, path: &str| {
        let output = json!({"s3DataDestination": {"path": path}});
        json!({"jobName": "out", "datasetArn": dataset, "roleArn": ROLE, "jobOutput": output})
    };
    let interactions = arn("dataset/films/INTERACTIONS");
    for (input, code) in [
        (request(&actions, "s3://bucket/out/"), INVALID),
        (request(&interactions, "http://bucket/out/"), INVALID),
        (request(&arn("dataset/films/USERS"), "s3://bucket/out/"), "ResourceNotFoundException"),
        (request(&group, "s3://bucket/out/"), INVALID),
    ] {
        assert_eq!(palate.refused("CreateDatasetExportJob", input.clone()).await, code, "{input}");
    }
    let job = palate.create("CreateDatasetExportJob", request(&interactions, "s3://bucket/out/")).await;
    let answer = palate.call("DescribeDatasetExportJob", json!({"datasetExportJobArn": job})).await.unwrap();
    let described = &answer["datasetExportJob"];
    assert_eq!((&described["ingestionMode"], &described["status"]), (&json!("PUT"), &json!("CREATE PENDING")));
    palate.run_jobs().await;
    let (state, reason) = palate.status("DescribeDatasetExportJob", "datasetExportJobArn", &job).await;
    assert_eq!((state.as_str(), reason), ("ACTIVE", None));
}

#[tokio::test]
async fn a_segment_job_is_for_recipes_that_segment_users_and_filters_of_users() {
    let palate = Palate::new();
    palate.imported().await;
    version_of(&palate, "aws-item-affinity").await;
    let filter = |group: &str, status: &str| {
        json!({
            "filterArn": arn("filter/f"), "name": "f", "datasetGroupArn": arn(group), "status": status,
            "filterExpression": "EXCLUDE UserID WHERE Users.AGE < 18", "creationDateTime": 1, "lastUpdatedDateTime": 1,
        })
    };
    let filtered = || batch(json!({"filterArn": arn("filter/f")}));
    assert_eq!(palate.refused("CreateBatchSegmentJob", filtered()).await, "ResourceNotFoundException");
    for (group, status) in [("dataset-group/other", "ACTIVE"), ("dataset-group/films", "CREATE PENDING")] {
        palate.plant(&arn("filter/f"), filter(group, status)).await;
        assert_eq!(palate.refused("CreateBatchSegmentJob", filtered()).await, INVALID, "{group} {status}");
    }
    for changes in [
        json!({"numResults": 0}),
        json!({"numResults": 5_000_001}),
        json!({"filterArn": arn("campaign/c")}),
        paths("s3://bucket/in/a.json", "s3://bucket/in/"),
        paths("http://bucket/in/a.json", "s3://bucket/out/"),
        paths("s3://bucket/in/a.json", "s3:///out/"),
    ] {
        assert_eq!(palate.refused("CreateBatchSegmentJob", batch(changes.clone())).await, INVALID, "{changes}");
    }
    palate.plant(&arn("filter/f"), filter("dataset-group/films", "ACTIVE")).await;
    let job = palate.create("CreateBatchSegmentJob", filtered()).await;
    let answer = palate.call("DescribeBatchSegmentJob", json!({"batchSegmentJobArn": job})).await.unwrap();
    let described = &answer["batchSegmentJob"];
    assert_eq!((&described["numResults"], &described["filterArn"]), (&json!(25), &json!(arn("filter/f"))));
    for expression in
        ["INCLUDE ItemID WHERE Items.PRICE > 1", "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN (\"buy\")"]
    {
        version_of(&palate, "aws-item-attribute-affinity").await;
        let mut planted = filter("dataset-group/films", "ACTIVE");
        planted["filterExpression"] = json!(expression);
        palate.plant(&arn("filter/f"), planted).await;
        let mut input = filtered();
        input["jobName"] = json!("other");
        assert_eq!(palate.refused("CreateBatchSegmentJob", input).await, INVALID, "{expression}");
    }
}

#[tokio::test]
async fn batch_inference_is_for_recipes_that_recommend() {
    let palate = Palate::new();
    palate.imported().await;
    for recipe in ["aws-item-affinity", "aws-next-best-action", "aws-trending-now"] {
        version_of(&palate, recipe).await;
        assert_eq!(palate.refused("CreateBatchInferenceJob", batch(json!({}))).await, INVALID, "{recipe}");
    }
    version_of(&palate, "aws-user-personalization").await;
    for changes in [
        json!({"numResults": 501}),
        json!({"numResults": 0}),
        json!({"batchInferenceJobMode": "THEME_GENERATION"}),
        json!({"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}}}),
        json!({"batchInferenceJobConfig": {"itemExplorationConfig": {"explorationWeight": "2"}}}),
        json!({"batchInferenceJobConfig": {"rankingInfluence": {"POPULARITY": 0.5}}}),
        paths("s3://bucket/in/a.json", "s3://bucket/in"),
    ] {
        assert_eq!(palate.refused("CreateBatchInferenceJob", batch(changes.clone())).await, INVALID, "{changes}");
    }
    let config = json!({"itemExplorationConfig": {"explorationWeight": "0.5"}});
    let mut sent = config.clone();
    sent["unknown"] = json!(1);
    let job = palate.create("CreateBatchInferenceJob", batch(json!({"batchInferenceJobConfig": sent}))).await;
    let answer = palate.call("DescribeBatchInferenceJob", json!({"batchInferenceJobArn": job})).await.unwrap();
    assert_eq!(answer["batchInferenceJob"]["batchInferenceJobConfig"], config);
}

#[tokio::test]
async fn themes_need_similar_items_and_items_with_a_text_and_a_name() {
    let palate = Palate::new();
    let group = palate.imported().await;
    version_of(&palate, "aws-similar-items").await;
    let themes = |name: &str| {
        let config = json!({"fieldsForThemeGeneration": {"itemName": name}});
        batch(json!({"batchInferenceJobMode": "THEME_GENERATION", "themeGenerationConfig": config}))
    };
    let refused = |input: Value| palate.refused("CreateBatchInferenceJob", input);
    assert_eq!(refused(batch(json!({"batchInferenceJobMode": "THEME_GENERATION"}))).await, INVALID, "no config");
    assert_eq!(refused(themes("TITLE")).await, INVALID, "no Items dataset");
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "YEAR: int?"])).await;
    assert_eq!(refused(themes("ITEM_ID")).await, INVALID, "no text");
    let mut grown = schema_of("Items", &["ITEM_ID: string", "YEAR: int?", "TITLE: string?", "PLOT: string?"]);
    grown["fields"][3]["textual"] = json!(true);
    let grown = palate.schema("grown", &grown).await;
    palate.call("UpdateDataset", json!({"datasetArn": items, "schemaArn": grown})).await.unwrap();
    assert_eq!(refused(themes("NAME")).await, INVALID, "no such column");
    assert_eq!(refused(themes("YEAR")).await, INVALID, "no string");
    let job = palate.create("CreateBatchInferenceJob", themes("TITLE")).await;
    let answer = palate.call("DescribeBatchInferenceJob", json!({"batchInferenceJobArn": job})).await.unwrap();
    let described = &answer["batchInferenceJob"];
    assert_eq!(described["batchInferenceJobMode"], "THEME_GENERATION");
    assert_eq!(described["themeGenerationConfig"], themes("TITLE")["themeGenerationConfig"]);
    palate.run_jobs().await;
    let (state, reason) = palate.status("DescribeBatchInferenceJob", "batchInferenceJobArn", &job).await;
    assert_eq!(state, "CREATE FAILED");
    assert!(reason.unwrap().contains("cannot generate themes yet"));
}
