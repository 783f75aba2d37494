//! Dataset exports: what was imported and streamed, as files in the user's bucket.

#![allow(clippy::unwrap_used)]

mod support;

use palate_store::PutCondition;
use serde_json::{Value, json};
use support::{Palate, ROLE, arn, interactions_csv, schema_of};

impl Palate {
    async fn exported(&self, name: &str, dataset: &str, mode: Option<&str>) -> Vec<String> {
        let mut input = json!({
            "jobName": name, "datasetArn": dataset, "roleArn": ROLE,
            "jobOutput": {"s3DataDestination": {"path": "s3://bucket/out"}},
        });
        if let Some(mode) = mode {
            input["ingestionMode"] = json!(mode);
        }
        let job = self.create("CreateDatasetExportJob", input).await;
        self.run_jobs().await;
        let status = self.status("DescribeDatasetExportJob", "datasetExportJobArn", &job).await;
        assert_eq!(status, ("ACTIVE".to_owned(), None));
        let bucket = self.stores.buckets.bucket("bucket").unwrap();
        let content = bucket.get(&format!("out/{name}/part-00000.csv")).await.unwrap();
        String::from_utf8(content.to_vec()).unwrap().lines().map(str::to_owned).collect()
    }

    async fn tracker(&self, group: &str) -> Value {
        let input = json!({"name": "tracker", "datasetGroupArn": group});
        self.call("CreateEventTracker", input).await.unwrap()["trackingId"].clone()
    }

    async fn event(&self, tracking_id: &Value, user: Option<&str>, session: &str, item: &str, sent_at: i64) {
        let mut input = json!({
            "trackingId": tracking_id, "sessionId": session,
            "eventList": [{"eventType": "watch", "itemId": item, "sentAt": sent_at}],
        });
        if let Some(user) = user {
            input["userId"] = json!(user);
        }
        self.call("PutEvents", input).await.unwrap();
    }
}

#[tokio::test]
async fn an_export_has_what_was_imported_what_was_streamed_or_both() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let interactions = arn("dataset/films/INTERACTIONS");
    let tracking_id = palate.tracker(&group).await;
    palate.event(&tracking_id, None, "visit", "i1", 1_700_000_001).await;
    palate.event(&tracking_id, Some("ada"), "visit", "i2", 1_700_000_002).await;
    palate.service.compact(&interactions).await.unwrap();
    palate.event(&tracking_id, Some("ada"), "visit", "i3", 1_700_000_003).await;
    palate.event(&tracking_id, None, "other", "i4", 1_700_000_004).await;

    let bulk = palate.exported("bulk", &interactions, Some("BULK")).await;
    let csv = interactions_csv();
    assert_eq!(bulk, csv.lines().collect::<Vec<_>>());

    let put = palate.exported("put", &interactions, None).await;
    assert_eq!(
        put,
        [
            "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE",
            "ada,i1,1700000001,watch,",
            "ada,i2,1700000002,watch,",
            "ada,i3,1700000003,watch,",
            "other,i4,1700000004,watch,",
        ]
    );

    let all = palate.exported("all", &interactions, Some("ALL")).await;
    assert_eq!(all, [&bulk[..], &put[1..]].concat());

    // What is in a part and again in a file is one row.
    let again = put[1..].join("\n");
    palate.import(&interactions, "INCREMENTAL", format!("{csv}{again}\n")).await;
    let mut once = palate.exported("once", &interactions, Some("ALL")).await;
    let mut expected = all;
    once.sort();
    expected.sort();
    assert_eq!(once, expected);
}

#[tokio::test]
async fn of_an_item_all_gives_the_newest_and_put_every_version() {
    let palate = Palate::new();
    let group = palate.group().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "YEAR: int?"])).await;
    palate.import(&items, "FULL", "ITEM_ID,YEAR\na,1\nb,1\n").await;
    for year in [2, 3] {
        palate.clock.advance(std::time::Duration::from_secs(1));
        let properties = json!({"year": year}).to_string();
        let input = json!({"datasetArn": items, "items": [{"itemId": "a", "properties": properties}]});
        palate.call("PutItems", input).await.unwrap();
    }
    assert_eq!(palate.exported("put", &items, Some("PUT")).await, ["ITEM_ID,YEAR", "a,2", "a,3"]);
    assert_eq!(palate.exported("all", &items, Some("ALL")).await, ["ITEM_ID,YEAR", "b,1", "a,3"]);
    assert_eq!(palate.exported("bulk", &items, Some("BULK")).await, ["ITEM_ID,YEAR", "a,1", "b,1"]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_told() {
    let palate = Palate::new();
    palate.imported().await;
    for (name, path) in [("a", "s3://nowhere/out/"), ("b", "s3://No_Bucket/out/"), ("c", "s3://bucket/a//b/")] {
        let input = json!({
            "jobName": name, "datasetArn": arn("dataset/films/INTERACTIONS"), "roleArn": ROLE,
            "jobOutput": {"s3DataDestination": {"path": path}},
        });
        let job = palate.create("CreateDatasetExportJob", input).await;
        palate.run_jobs().await;
        let (status, reason) = palate.status("DescribeDatasetExportJob", "datasetExportJobArn", &job).await;
        assert_eq!(status, "CREATE FAILED", "{path}");
        assert!(reason.unwrap().starts_with("Invalid S3 output path"), "{path}");
    }
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_is_made_good() {
    let palate = Palate::new();
    palate.imported().await;
    // Of an attempt that had more to write.
    let bucket = palate.stores.buckets.bucket("bucket").unwrap();
    for number in 0..3 {
        let key = format!("out/bulk/part-0000{number}.csv");
        bucket.put(&key, "left behind\n".into(), PutCondition::Always).await.unwrap();
    }
    let lines = palate.exported("bulk", &arn("dataset/films/INTERACTIONS"), Some("BULK")).await;
    assert_eq!(lines.len(), 1201);
    let left = bucket.list("out/bulk/", None, 10).await.unwrap().entries;
    assert_eq!(left.into_iter().map(|blob| blob.key).collect::<Vec<_>>(), ["out/bulk/part-00000.csv"]);
}
