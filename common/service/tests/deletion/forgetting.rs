use palate_store::RecordStoreExt;
use serde_json::json;

use crate::shop::{Shop, interactions_of};
use crate::support::{ROLE, arn};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_gone_from_parts_streams_and_sessions_and_nobody_else_is() {
    let shop = Shop::new().await;
    shop.stream().await;
    let before = [shop.rows(&shop.interactions).await, shop.rows(&shop.users).await];
    assert_eq!(interactions_of(&before[0], "ada"), 4, "two events as a visitor and two signed in");
    // Twenty imported rows of u1 and one streamed; four of ada and an action interaction; a user's row of u1, and
    // two versions of ada's.
    assert_eq!(shop.forget("forget", &["ada", "u1"]).await, 21 + 5 + 3);
    let expected = before.map(|rows| {
        rows.into_iter().filter(|row| !row.starts_with("ada,") && !row.starts_with("u1,")).collect::<Vec<_>>()
    });
    assert_eq!([shop.rows(&shop.interactions).await, shop.rows(&shop.users).await], expected);
    for owner in ["ada", "u1", "visit", "home"] {
        assert_eq!(shop.n_events(owner).await, 0, "{owner}");
    }
    assert_eq!((shop.n_events("bob").await, shop.n_events("nobody").await), (3, 1));
    for dataset in [&shop.interactions, &shop.users, &shop.action_interactions] {
        let journal = shop.journal(dataset).await;
        assert!(!journal.contains("\"ada\"") && !journal.contains("\"u1\"") && !journal.contains("i5"), "{journal}");
    }
    assert!(shop.journal(&shop.action_interactions).await.contains("\"bob\""));
    assert_eq!(shop.forget("again", &["ada", "u1"]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_forgotten_by_the_sessions_id_unless_the_session_is_somebody_elses() {
    let shop = Shop::new().await;
    shop.stream().await;
    assert_eq!(shop.forget("forget", &["nobody", "visit"]).await, 1);
    let rows = shop.rows(&shop.interactions).await;
    assert_eq!((interactions_of(&rows, "nobody"), interactions_of(&rows, "ada")), (0, 4));
    assert_eq!((shop.n_events("nobody").await, shop.n_events("visit").await), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_knows_forgotten_users_no_more_and_answers_all_others_as_before() {
    let shop = Shop::new().await;
    let campaign = shop.campaign().await;
    shop.event(Some("u1"), "s", "i3", 1_700_000_000).await;
    let asked = ["u1", "u2", "u3", "stranger"];
    let mut before = Vec::new();
    for user in asked {
        before.push(shop.recommended(&campaign, user).await);
    }
    assert_ne!(before[0], before[3]);
    let models = shop.blobs("models/").await;
    shop.forget("forget", &["u1"]).await;
    for (user, before) in asked.into_iter().zip(&before).skip(1) {
        assert_eq!(shop.recommended(&campaign, user).await, *before, "{user}");
    }
    assert_eq!(shop.recommended(&campaign, "u1").await, before[3]);

    // What was replaced is removed, and a process that starts now finds the same.
    shop.settle().await;
    let now = shop.blobs("models/").await;
    assert_eq!(now.len(), models.len());
    assert!(now.keys().all(|key| !models.contains_key(key)), "{now:?}");
    assert_eq!(shop.recommended(&campaign, "u1").await, before[3]);
    shop.forget("more", &["u2"]).await;
    shop.settle().await;
    assert_eq!(shop.recommended(&campaign, "u2").await, before[3]);
    assert_eq!(shop.recommended(&campaign, "u3").await, before[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_forget_what_forgotten_users_did() {
    let shop = Shop::new().await;
    let campaign = shop.campaign().await;
    let expression = r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#;
    let filter = json!({"name": "f", "datasetGroupArn": shop.group, "filterExpression": expression});
    let filter = shop.create("CreateFilter", filter).await;
    shop.run_jobs().await;
    let ask = |user: &str| json!({"campaignArn": campaign, "userId": user, "filterArn": filter});
    let n = |answer: serde_json::Value| answer["itemList"].as_array().unwrap().len();
    assert!(n(shop.call("GetRecommendations", ask("u1")).await.unwrap()) > 0);
    let indexes = shop.blobs("history/").await;
    shop.forget("forget", &["u1"]).await;
    // An index is looked for at most once a second.
    while n(shop.call("GetRecommendations", ask("u1")).await.unwrap()) > 0 {
        tokio::task::yield_now().await;
    }
    assert!(n(shop.call("GetRecommendations", ask("u2")).await.unwrap()) > 0);
    shop.settle().await;
    assert!(shop.blobs("history/").await.keys().all(|key| !indexes.contains_key(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_forgotten_users_go_once_nobody_reads_them() {
    let shop = Shop::new().await;
    shop.stream().await;
    let before = shop.blobs("datasets/").await;
    shop.forget("forget", &["ada", "bob", "u1"]).await;
    shop.settle().await;
    let after = shop.blobs("datasets/").await;
    let parts = after.keys().filter(|key| key.ends_with(".parquet"));
    assert!(parts.clone().count() > 0 && parts.clone().all(|key| !before.contains_key(key)), "{after:?}");
    // Nor is anything left that only the deletion used.
    assert!(shop.blobs("deletions/").await.is_empty());
    assert!(shop.stores.records.list_all("deletion", "").await.unwrap().is_empty());
    assert!(shop.stores.records.list_all("removal", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_that_is_none_deletes_nothing_and_says_why() {
    let shop = Shop::new().await;
    shop.upload("bucket", "lists/headless.csv", "u1\nu2\n").await;
    shop.upload("bucket", "empty/notes.txt", "u1\n").await;
    for (name, location, told) in [
        ("a", "s3://bucket/lists/headless.csv", "header USER_ID"),
        ("b", "s3://bucket/empty/", "no file that ends with .csv"),
        ("c", "s3://bucket/none.csv", "does not exist"),
        ("d", "s3://nowhere/users/", "Invalid Data location"),
    ] {
        let input = json!({
            "jobName": name, "datasetGroupArn": shop.group, "roleArn": ROLE, "dataSource": {"dataLocation": location},
        });
        let job = shop.create("CreateDataDeletionJob", input).await;
        shop.run_jobs().await;
        let (status, reason) = shop.status("DescribeDataDeletionJob", "dataDeletionJobArn", &job).await;
        let reason = reason.unwrap();
        assert!(status == "FAILED" && reason.contains(told) && !reason.contains("u1"), "{status} {reason}");
    }
    assert_eq!(shop.rows(&shop.interactions).await.len(), 1200);
    assert_eq!(shop.rows(&arn("dataset/films/USERS")).await.len(), 3);
}
