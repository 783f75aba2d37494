use palate_service::{Quota, Quotas, Settings};
use serde_json::{Value, json};

use crate::support::{INTERACTIONS, Palate, ROLE, arn};

fn with(quota: Quota, limit: usize) -> Palate {
    let mut quotas = Quotas::default();
    quotas.set(quota, limit);
    Palate::with(Settings { quotas, ..Settings::default() })
}

#[tokio::test]
async fn there_are_as_many_groups_and_schemas_as_the_quota_allows() {
    let palate = Palate::new();
    for number in 0..5 {
        palate.create("CreateDatasetGroup", json!({"name": format!("g{number}")})).await;
    }
    let (code, status, message) = palate.call("CreateDatasetGroup", json!({"name": "g5"})).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("LimitExceededException", 400));
    assert!(message.contains("More than 5 resources") && message.contains("dataset-groups"), "{message}");
    palate.call("DeleteDatasetGroup", json!({"datasetGroupArn": arn("dataset-group/g0")})).await.unwrap();
    palate.create("CreateDatasetGroup", json!({"name": "g5"})).await;

    let palate = with(Quota::Schemas, 1);
    palate.schema("one", &INTERACTIONS).await;
    let two = json!({"name": "two", "schema": INTERACTIONS.to_string()});
    assert_eq!(palate.refused("CreateSchema", two).await, "LimitExceededException");
}

#[tokio::test]
async fn only_jobs_that_have_not_ended_count() {
    let group = arn("dataset-group/films");
    let dataset = arn("dataset/films/INTERACTIONS");
    let source = json!({"dataLocation": "s3://bucket/x.csv"});
    let output = json!({"s3DataDestination": {"path": "s3://bucket/out/"}});
    let batch = json!({
        "solutionVersionArn": arn("solution/s/0a1b2c3d"), "roleArn": ROLE, "jobOutput": output,
        "jobInput": {"s3DataSource": {"path": "s3://bucket/in.json"}},
    });
    let version = |recipe: &str| {
        json!({
            "solutionVersionArn": arn("solution/s/0a1b2c3d"), "solutionArn": arn("solution/s"), "performHPO": false,
            "performAutoML": false, "recipeArn": format!("arn:aws:personalize:::recipe/{recipe}"),
            "datasetGroupArn": group, "trainingMode": "FULL", "trainingType": "MANUAL", "status": "ACTIVE",
            "creationDateTime": 1, "lastUpdatedDateTime": 1,
        })
    };
    let rows: [(&str, Value); 5] = [
        ("CreateDatasetImportJob", json!({"datasetArn": dataset, "dataSource": source})),
        ("CreateDatasetExportJob", json!({"datasetArn": dataset, "roleArn": ROLE, "jobOutput": output})),
        ("CreateDataDeletionJob", json!({"datasetGroupArn": group, "roleArn": ROLE, "dataSource": source})),
        ("CreateBatchSegmentJob", batch.clone()),
        ("CreateBatchInferenceJob", batch),
    ];
    let palate = Palate::new();
    palate.imported().await;
    for (create, mut input) in rows {
        let recipe = if create == "CreateBatchSegmentJob" { "aws-item-affinity" } else { "aws-similar-items" };
        palate.plant(&arn("solution/s/0a1b2c3d"), version(recipe)).await;
        for number in 0..5 {
            input["jobName"] = json!(format!("j{number}"));
            palate.create(create, input.clone()).await;
        }
        input["jobName"] = json!("j5");
        let (code, _, message) = palate.call(create, input.clone()).await.unwrap_err();
        assert_eq!(code, "LimitExceededException", "{create}");
        assert!(message.contains("More than 5 resources with PENDING or IN_PROGRESS status"), "{message}");
        let kind = ["batch-inference-job", "batch-segment-job"]
            .into_iter()
            .find(|kind| create.to_lowercase().ends_with(&kind.replace('-', "")));
        if let Some(kind) = kind {
            // There is no model to ask: the jobs are ended by hand.
            palate.drop_jobs();
            palate.put_in_state(&arn(&format!("{kind}/j0")), "/status", "ACTIVE").await;
        } else {
            palate.run_jobs().await;
        }
        palate.create(create, input).await;
    }
}

#[tokio::test]
async fn a_quota_of_data_deletion_jobs_is_counted_in_each_group() {
    let palate = with(Quota::DataDeletionJobs, 1);
    for (group, code) in [("a", None), ("a", Some("LimitExceededException")), ("b", None)] {
        let _ = palate.call("CreateDatasetGroup", json!({"name": group})).await;
        let input = json!({
            "jobName": format!("{group}-{}", code.is_some()), "roleArn": ROLE,
            "datasetGroupArn": arn(&format!("dataset-group/{group}")),
            "dataSource": {"dataLocation": "s3://bucket/x.csv"},
        });
        let answer = palate.call("CreateDataDeletionJob", input).await;
        assert_eq!(answer.as_ref().err().map(|refusal| refusal.0.as_str()), code, "{group}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn creations_at_once_do_not_exceed_a_quota() {
    let palate = std::sync::Arc::new(with(Quota::DatasetGroups, 3));
    let creations = (0..12).map(|number| {
        let palate = palate.clone();
        tokio::spawn(async move { palate.call("CreateDatasetGroup", json!({"name": format!("g{number}")})).await })
    });
    let mut created = 0;
    for creation in creations.collect::<Vec<_>>() {
        match creation.await.unwrap() {
            Ok(_) => created += 1,
            Err((code, _, message)) => assert_eq!(code, "LimitExceededException", "{message}"),
        }
    }
    assert_eq!(created, 3);
}
