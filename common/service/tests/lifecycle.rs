//! What may be done in which state, as tables. A row more is a case more.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{INTERACTIONS, Palate, ROLE, arn, items_csv, schema_of};

const IN_USE: &str = "ResourceInUseException";
const INVALID: &str = "InvalidInputException";

/// States in which a resource is on its way to another.
const AT_WORK: &[&str] = &["CREATE PENDING", "CREATE IN_PROGRESS"];
const NOT_ACTIVE: &[&str] = &["CREATE PENDING", "CREATE IN_PROGRESS", "CREATE FAILED"];
const ANY: &[&str] = &["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE", "CREATE FAILED"];
const SETTLED: &[&str] = &["ACTIVE", "CREATE FAILED"];

const GROUP: &str = "dataset-group/films";
const DATASET: &str = "dataset/films/INTERACTIONS";
const ITEMS: &str = "dataset/films/ITEMS";
const VERSION: &str = "solution/s/0a1b2c3d";

/// A group with interactions, items, a tracker, a metric attribution and a version that could be asked.
async fn world() -> Palate {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    palate.import(&items, "FULL", items_csv(&[("PRICE", "2.5")])).await;
    palate.create("CreateEventTracker", json!({"name": "tracker", "datasetGroupArn": group})).await;
    let metric = json!({"metricName": "watched", "eventType": "watch", "expression": "SAMPLECOUNT()"});
    let attribution = json!({
        "name": "m", "datasetGroupArn": group, "metrics": [metric], "metricsOutputConfig": {"roleArn": ROLE},
    });
    palate.create("CreateMetricAttribution", attribution).await;
    let recipe = "arn:aws:personalize:::recipe/aws-popularity-count";
    let solution = json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
    palate.create("CreateSolution", solution).await;
    palate.plant(&arn(VERSION), version("ACTIVE", recipe)).await;
    palate
}

fn version(status: &str, recipe: &str) -> Value {
    json!({
        "solutionVersionArn": arn(VERSION), "solutionArn": arn("solution/s"), "performHPO": false,
        "performAutoML": false, "recipeArn": recipe, "datasetGroupArn": arn(GROUP), "trainingMode": "FULL",
        "trainingType": "MANUAL", "status": status, "creationDateTime": 1, "lastUpdatedDateTime": 1,
    })
}

/// The tracker's ARN ends with a number that the service chose.
async fn tracker(palate: &Palate) -> String {
    let list = palate.call("ListEventTrackers", json!({})).await.unwrap();
    list["eventTrackers"][0]["eventTrackerArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_resource_in_the_wrong_state_refuses_what_depends_on_it() {
    let palate = world().await;
    let tracker = tracker(&palate).await;
    let tracker = tracker.strip_prefix(&arn("")).unwrap();
    let (group, dataset, items) = (arn(GROUP), arn(DATASET), arn(ITEMS));
    let schema = palate.schema("interactions", &INTERACTIONS).await;
    let items_schema = arn("schema/films-Items");
    let source = json!({"dataLocation": "s3://bucket/users.csv"});
    let output = json!({"s3DataDestination": {"path": "s3://bucket/out/"}});
    let batch = |name: &str| {
        json!({
            "jobName": name, "solutionVersionArn": arn(VERSION), "roleArn": ROLE, "jobOutput": output,
            "jobInput": {"s3DataSource": {"path": "s3://bucket/in.json"}},
        })
    };
    let metric = json!({"metricName": "m", "eventType": "watch", "expression": "SAMPLECOUNT()"});
    #[rustfmt::skip]
    let rows: Vec<(&str, &[&str], &str, Value, &str)> = vec![
        // The resource, its states, the call, its input, the exception.
        (GROUP, NOT_ACTIVE, "CreateDataset", json!({"name": "x", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"}), IN_USE),
        (GROUP, NOT_ACTIVE, "CreateEventTracker", json!({"name": "x", "datasetGroupArn": group}), IN_USE),
        (GROUP, NOT_ACTIVE, "CreateSolution", json!({"name": "x", "datasetGroupArn": group, "recipeArn": "arn:aws:personalize:::recipe/aws-sims"}), IN_USE),
        (GROUP, NOT_ACTIVE, "CreateMetricAttribution", json!({"name": "x", "datasetGroupArn": group, "metrics": [metric], "metricsOutputConfig": {"roleArn": ROLE}}), IN_USE),
        (GROUP, NOT_ACTIVE, "CreateDataDeletionJob", json!({"jobName": "x", "datasetGroupArn": group, "dataSource": source, "roleArn": ROLE}), IN_USE),
        (GROUP, AT_WORK, "DeleteDatasetGroup", json!({"datasetGroupArn": group}), IN_USE),
        (DATASET, NOT_ACTIVE, "CreateDatasetImportJob", json!({"jobName": "x", "datasetArn": dataset, "dataSource": source}), INVALID),
        (DATASET, NOT_ACTIVE, "CreateDatasetExportJob", json!({"jobName": "x", "datasetArn": dataset, "roleArn": ROLE, "jobOutput": output}), IN_USE),
        (DATASET, AT_WORK, "DeleteDataset", json!({"datasetArn": dataset}), IN_USE),
        (ITEMS, AT_WORK, "UpdateDataset", json!({"datasetArn": items, "schemaArn": items_schema}), IN_USE),
        (tracker, AT_WORK, "DeleteEventTracker", json!({"eventTrackerArn": arn(tracker)}), IN_USE),
        ("metric-attribution/m", AT_WORK, "UpdateMetricAttribution", json!({"metricAttributionArn": arn("metric-attribution/m"), "removeMetrics": ["watched"]}), IN_USE),
        ("metric-attribution/m", AT_WORK, "DeleteMetricAttribution", json!({"metricAttributionArn": arn("metric-attribution/m")}), IN_USE),
        (VERSION, NOT_ACTIVE, "CreateBatchInferenceJob", batch("x"), INVALID),
        (VERSION, NOT_ACTIVE, "CreateBatchSegmentJob", batch("x"), INVALID),
    ];
    for (resource, states, call, input, code) in rows {
        for state in states {
            let before = palate.put_in_state(&arn(resource), "/status", state).await;
            let (told, _, message) = palate.call(call, input.clone()).await.unwrap_err();
            assert_eq!(told, code, "{call} while {resource} is {state}");
            assert!(message.contains(state), "{call} while {resource} is {state}: {message}");
            palate.put_in_state(&arn(resource), "/status", &before).await;
        }
    }
}

/// A resource of a kind, as far as those care who ask whether it stands in their way.
fn dependant(path: &str, status: &str) -> Value {
    json!({
        "datasetGroupArn": arn(GROUP), "datasetArn": arn(ITEMS), "solutionVersionArn": arn(VERSION),
        "solutionArn": arn("solution/s"), "filterArn": arn(path), "recommenderArn": arn(path),
        "datasetImportJobArn": arn(path), "datasetExportJobArn": arn(path), "dataDeletionJobArn": arn(path),
        "campaignArn": arn(path), "batchInferenceJobArn": arn(path), "batchSegmentJobArn": arn(path),
        "eventTrackerArn": arn(path), "metricAttributionArn": arn(path), "status": status,
    })
}

/// A group with an empty Items dataset and nothing that uses it.
async fn items_world() -> Palate {
    let palate = Palate::new();
    let group = palate.group().await;
    palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    palate.plant(&arn("solution/s"), dependant("solution/s", "ACTIVE")).await;
    palate
}

#[tokio::test]
async fn a_dataset_is_kept_by_who_uses_it_and_by_nobody_else() {
    // Kind and name, states that keep the dataset, states that do not.
    let deletion = (&["PENDING", "IN_PROGRESS"][..], &["COMPLETED", "FAILED"][..]);
    let stopped = &["ACTIVE", "CREATE FAILED", "CREATE STOPPED"][..];
    let recommender = &["CREATE PENDING", "CREATE IN_PROGRESS", "STOP PENDING", "START IN_PROGRESS"][..];
    let serving = &["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"][..];
    let rows = [
        ("filter/f", ANY, &[][..]),
        ("dataset-import-job/j", AT_WORK, SETTLED),
        ("dataset-export-job/j", AT_WORK, SETTLED),
        ("data-deletion-job/j", deletion.0, deletion.1),
        ("batch-inference-job/j", AT_WORK, SETTLED),
        ("batch-segment-job/j", AT_WORK, SETTLED),
        (VERSION, &["CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING"], stopped),
        ("recommender/r", recommender, &["ACTIVE", "INACTIVE", "CREATE FAILED"]),
        ("campaign/c", serving, &["CREATE FAILED"]),
        // Trackers are of the Interactions dataset.
        ("event-tracker/0a1b2c3d", &[], ANY),
    ];
    let delete = json!({"datasetArn": arn(ITEMS)});
    for (path, keeping, harmless) in rows {
        let palate = items_world().await;
        for status in keeping {
            palate.plant(&arn(path), dependant(path, status)).await;
            assert_eq!(palate.refused("DeleteDataset", delete.clone()).await, IN_USE, "{path} is {status}");
        }
        for status in harmless {
            let palate = items_world().await;
            palate.plant(&arn(path), dependant(path, status)).await;
            palate.call("DeleteDataset", delete.clone()).await.unwrap_or_else(|no| panic!("{path} {status}: {no:?}"));
            assert_eq!(palate.refused("DescribeDataset", delete.clone()).await, "ResourceNotFoundException");
        }
    }
}

#[tokio::test]
async fn a_campaign_that_moves_to_a_solution_of_the_group_keeps_its_datasets() {
    let palate = items_world().await;
    let mut campaign = dependant("campaign/c", "ACTIVE");
    campaign["solutionVersionArn"] = json!(arn("solution/other/0a1b2c3d"));
    let delete = json!({"datasetArn": arn(ITEMS)});
    campaign["latestCampaignUpdate"] = json!({"solutionVersionArn": arn(VERSION), "status": "CREATE PENDING"});
    palate.plant(&arn("campaign/c"), campaign.clone()).await;
    assert_eq!(palate.refused("DeleteDataset", delete.clone()).await, IN_USE);
    campaign["latestCampaignUpdate"]["status"] = json!("CREATE FAILED");
    palate.plant(&arn("campaign/c"), campaign).await;
    palate.call("DeleteDataset", delete).await.unwrap();
}

#[tokio::test]
async fn a_group_is_kept_by_its_members_and_not_by_its_jobs() {
    let members = ["event-tracker/0a1b2c3d", "solution/s", "filter/f", "recommender/r", "metric-attribution/m", ITEMS];
    let jobs = ["data-deletion-job/j", "batch-inference-job/j", "dataset-import-job/j"];
    let delete = json!({"datasetGroupArn": arn(GROUP)});
    for path in members {
        for status in ANY {
            let palate = Palate::new();
            palate.group().await;
            palate.plant(&arn(path), dependant(path, status)).await;
            assert_eq!(palate.refused("DeleteDatasetGroup", delete.clone()).await, IN_USE, "{path} is {status}");
        }
    }
    let palate = Palate::new();
    palate.group().await;
    let mut elsewhere = dependant("filter/f", "ACTIVE");
    elsewhere["datasetGroupArn"] = json!(arn("dataset-group/other"));
    palate.plant(&arn("filter/f"), elsewhere).await;
    for path in jobs {
        palate.plant(&arn(path), dependant(path, "ACTIVE")).await;
    }
    palate.call("DeleteDatasetGroup", delete).await.unwrap();
}

#[tokio::test]
async fn everything_can_be_deleted_in_the_order_that_the_guide_recommends_and_in_no_other() {
    let palate = world().await;
    let tracker = tracker(&palate).await;
    // What is deleted, and how many of the steps before must have been taken.
    let order = [
        (0, "DeleteSolution", "solutionArn", arn("solution/s")),
        (0, "DeleteEventTracker", "eventTrackerArn", tracker),
        (0, "DeleteMetricAttribution", "metricAttributionArn", arn("metric-attribution/m")),
        (3, "DeleteDataset", "datasetArn", arn(DATASET)),
        (0, "DeleteDataset", "datasetArn", arn(ITEMS)),
        (5, "DeleteDatasetGroup", "datasetGroupArn", arn(GROUP)),
        (4, "DeleteSchema", "schemaArn", arn("schema/films-Interactions")),
        (5, "DeleteSchema", "schemaArn", arn("schema/films-Items")),
    ];
    let input = |member: &str, arn: &str| json!({ member: arn });
    for (step, (_, delete, member, arn)) in order.iter().enumerate() {
        for (_, later, member, arn) in order.iter().filter(|(needs, ..)| *needs > step) {
            assert_eq!(palate.refused(later, input(member, arn)).await, IN_USE, "{later} {arn} at step {step}");
        }
        palate.call(delete, input(member, arn)).await.unwrap_or_else(|no| panic!("{delete} {arn}: {no:?}"));
        assert_eq!(palate.refused(delete, input(member, arn)).await, "ResourceNotFoundException");
    }
}
