use serde_json::{Value, json};

use crate::support::{Palate, ROLE, arn};

fn tags(range: std::ops::Range<usize>) -> Vec<Value> {
    range.map(|number| json!({"tagKey": format!("key {number}"), "tagValue": "v"})).collect()
}

async fn listed(palate: &Palate, arn: &str) -> Vec<(String, String)> {
    let answer = palate.call("ListTagsForResource", json!({"resourceArn": arn})).await.unwrap();
    let text = |tag: &Value, member: &str| tag[member].as_str().unwrap().to_owned();
    answer["tags"].as_array().unwrap().iter().map(|tag| (text(tag, "tagKey"), text(tag, "tagValue"))).collect()
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed_and_the_resource_stays_as_it_is() {
    let palate = Palate::new();
    let input = json!({"name": "films", "tags": [{"tagKey": "team", "tagValue": "a", "extra": 1}]});
    let group = palate.create("CreateDatasetGroup", input).await;
    let described = palate.call("DescribeDatasetGroup", json!({"datasetGroupArn": group})).await.unwrap();
    let given = json!([{"tagKey": "team", "tagValue": "b"}, {"tagKey": "Team", "tagValue": ""}]);
    assert_eq!(palate.call("TagResource", json!({"resourceArn": group, "tags": given})).await.unwrap(), json!({}));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(listed(&palate, &group).await, [pair("team", "b"), pair("Team", "")]);
    let gone = json!({"resourceArn": group, "tagKeys": ["team", "never there"]});
    assert_eq!(palate.call("UntagResource", gone).await.unwrap(), json!({}));
    assert_eq!(listed(&palate, &group).await, [pair("Team", "")]);
    let again = palate.call("DescribeDatasetGroup", json!({"datasetGroupArn": group})).await.unwrap();
    assert_eq!(again, described, "a description has no tags");
}

#[tokio::test]
async fn every_kind_that_takes_tags_at_its_creation_has_them() {
    let palate = Palate::new();
    let one = json!([{"tagKey": "k", "tagValue": "v"}]);
    let group = palate.imported().await;
    let dataset = arn("dataset/films/INTERACTIONS");
    let schema = arn("schema/films-Interactions");
    palate.create("CreateDatasetGroup", json!({"name": "other", "tags": one})).await;
    let source = json!({"dataLocation": "s3://bucket/x.csv"});
    let output = json!({"s3DataDestination": {"path": "s3://bucket/out/"}});
    let recipe = "arn:aws:personalize:::recipe/aws-popularity-count";
    let rows = [
        (
            "CreateDataset",
            json!({"name": "d", "schemaArn": schema, "datasetGroupArn": arn("dataset-group/other"), "datasetType": "Interactions"}),
        ),
        (
            "CreateDatasetImportJob",
            json!({"jobName": "j", "datasetArn": dataset, "dataSource": source, "roleArn": ROLE}),
        ),
        (
            "CreateDatasetExportJob",
            json!({"jobName": "j", "datasetArn": dataset, "roleArn": ROLE, "jobOutput": output}),
        ),
        (
            "CreateDataDeletionJob",
            json!({"jobName": "j", "datasetGroupArn": group, "dataSource": source, "roleArn": ROLE}),
        ),
        ("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})),
        (
            "CreateSolution",
            json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false}),
        ),
        ("CreateSolutionVersion", json!({"solutionArn": arn("solution/s"), "name": "v"})),
    ];
    for (create, mut input) in rows {
        input["tags"] = one.clone();
        let created = palate.create(create, input).await;
        assert_eq!(listed(&palate, &created).await, [("k".to_owned(), "v".to_owned())], "{create}");
        palate.call("TagResource", json!({"resourceArn": created, "tags": tags(0..49)})).await.unwrap();
        assert_eq!(listed(&palate, &created).await.len(), 50, "{create}");
    }
    palate.run_jobs().await;
    assert_eq!(listed(&palate, &arn("solution/s/v")).await.len(), 50, "a job keeps its resource's tags");
}

#[tokio::test]
async fn tags_that_cannot_be_are_refused_at_creation_and_later() {
    let palate = Palate::new();
    let group = palate.group().await;
    palate.call("TagResource", json!({"resourceArn": group, "tags": tags(0..50)})).await.unwrap();
    let twice = json!([{"tagKey": "k", "tagValue": "1"}, {"tagKey": "k", "tagValue": "2"}]);
    let rows = [
        (json!(tags(0..51)), "TooManyTagsException"),
        (json!([{"tagKey": "aws:x", "tagValue": "v"}]), "InvalidInputException"),
        (json!([{"tagKey": "AWS:x", "tagValue": "v"}]), "InvalidInputException"),
        (twice, "InvalidInputException"),
        (json!([{"tagKey": "", "tagValue": "v"}]), "InvalidInputException"),
        (json!([{"tagKey": "k*", "tagValue": "v"}]), "InvalidInputException"),
        (json!([{"tagKey": "k"}]), "InvalidInputException"),
    ];
    for (tags, code) in rows {
        assert_eq!(palate.refused("CreateDatasetGroup", json!({"name": "new", "tags": tags})).await, code, "{tags}");
        assert_eq!(palate.refused("TagResource", json!({"resourceArn": group, "tags": tags})).await, code, "{tags}");
    }
    assert_eq!(
        palate.refused("TagResource", json!({"resourceArn": group, "tags": tags(50..51)})).await,
        "TooManyTagsException"
    );
    palate.call("TagResource", json!({"resourceArn": group, "tags": tags(49..50)})).await.unwrap();
    let keys: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    assert_eq!(
        palate.refused("UntagResource", json!({"resourceArn": group, "tagKeys": keys})).await,
        "TooManyTagKeysException"
    );
}

#[tokio::test]
async fn only_resources_that_are_there_and_may_have_tags_have_them() {
    let palate = Palate::new();
    palate.imported().await;
    let rows = [
        (arn("dataset-group/unknown"), "ResourceNotFoundException"),
        (arn("solution/s/0a1b2c3d"), "ResourceNotFoundException"),
        (arn("schema/films-Interactions"), "InvalidInputException"),
        (arn("metric-attribution/m"), "InvalidInputException"),
        (arn("something/else"), "InvalidInputException"),
        ("arn:aws:personalize:::recipe/aws-sims".to_owned(), "InvalidInputException"),
        ("no arn".to_owned(), "InvalidInputException"),
    ];
    for (arn, code) in rows {
        for (call, more) in [("ListTagsForResource", ""), ("TagResource", "tags"), ("UntagResource", "tagKeys")] {
            let mut input = json!({"resourceArn": arn});
            if !more.is_empty() {
                input[more] = json!([]);
            }
            assert_eq!(palate.refused(call, input).await, code, "{call} {arn}");
        }
    }
}
