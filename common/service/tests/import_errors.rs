//! What a failed import leaves for its owner.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Palate, ROLE, schema_of};

/// Imports files of `s3://bucket/in/` and gives the job's ARN, its status and its failureReason.
async fn import(palate: &Palate, dataset: &str, name: &str, files: &[(&str, String)]) -> (String, String, String) {
    for (file, content) in files {
        palate.upload("bucket", &format!("{name}/{file}"), content.clone()).await;
    }
    let input = json!({
        "jobName": name,
        "datasetArn": dataset,
        "dataSource": {"dataLocation": format!("s3://bucket/{name}/")},
        "roleArn": ROLE,
    });
    let job = palate.create("CreateDatasetImportJob", input).await;
    palate.run_jobs().await;
    let (status, reason) = palate.status("DescribeDatasetImportJob", "datasetImportJobArn", &job).await;
    (job, status, reason.unwrap_or_default())
}

async fn users(palate: &Palate) -> String {
    let group = palate.group().await;
    palate.dataset(&group, "Users", &schema_of("Users", &["USER_ID: string", "AGE: int?"])).await
}

async fn errors(palate: &Palate, job: &str) -> Option<Vec<Value>> {
    let lines = palate.service.import_errors(job).await.unwrap()?;
    let lines = std::str::from_utf8(&lines).unwrap().lines();
    Some(lines.map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test]
async fn a_failed_import_leaves_its_bad_rows_beside_the_dataset() {
    let palate = Palate::new();
    let dataset = users(&palate).await;
    let files = [("a.csv", "USER_ID,AGE\nu1,30\nu2,old\n,5\n".to_owned()), ("b.csv", "USER_ID\n".to_owned())];
    let (job, status, reason) = import(&palate, &dataset, "first", &files).await;
    assert_eq!(status, "CREATE FAILED");
    let key = "datasets/000000000000/us-east-1/films/USERS/first/errors.jsonl";
    assert_eq!(
        reason,
        format!(
            "s3://bucket/first/a.csv, line 3, column AGE: 'old' is not a whole number of 32 bits (int). 2 more rows are \
             bad. What was found stands in {key} of Palate's own data, and a local process answers with it at \
             /_palate/imports/{job}/errors.jsonl."
        )
    );
    let file = "s3://bucket/first/a.csv";
    let expected = [
        json!({"file": file, "line": 3, "column": "AGE", "value": "old", "expected": "a whole number of 32 bits (int)"}),
        json!({"file": file, "line": 4, "column": "USER_ID", "value": "",
            "expected": "a value; the schema does not allow null for this field"}),
        json!({"file": "s3://bucket/first/b.csv", "line": null, "column": null, "value": null,
            "expected": "Input CSV is missing the following columns:[AGE]. s3://bucket/first/b.csv, line 1: the header is \
                         'USER_ID'."}),
    ];
    assert_eq!(errors(&palate, &job).await.unwrap(), expected);
    assert!(palate.stores.blobs.head(key).await.is_ok());
    palate.call("DeleteDataset", json!({"datasetArn": dataset})).await.unwrap();
    palate.run_jobs().await;
    assert!(palate.stores.blobs.head(key).await.is_err());
    assert_eq!(errors(&palate, &job).await, None);
}

#[tokio::test]
async fn a_thousand_bad_rows_are_kept_and_no_more() {
    let palate = Palate::new();
    let dataset = users(&palate).await;
    let rows: String = (0..5_000).map(|number| format!("u{number},old\n")).collect();
    let (job, status, reason) = import(&palate, &dataset, "first", &[("a.csv", format!("USER_ID,AGE\n{rows}"))]).await;
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.contains(" At least 999 more rows are bad. "), "{reason}");
    let errors = errors(&palate, &job).await.unwrap();
    assert_eq!((errors.len(), &errors[999]["line"]), (1_000, &json!(1_001)));
}

#[tokio::test]
async fn an_import_that_succeeds_and_what_is_no_import_have_no_bad_rows() {
    let palate = Palate::new();
    let dataset = users(&palate).await;
    let (job, status, _) = import(&palate, &dataset, "first", &[("a.csv", "USER_ID,AGE\nu1,30\n".to_owned())]).await;
    assert_eq!(status, "ACTIVE");
    for arn in [&*job, &dataset, &job.replace("first", "second"), "", "../../x", "arn:aws:personalize:::x"] {
        assert_eq!(errors(&palate, arn).await, None, "{arn}");
    }
}
