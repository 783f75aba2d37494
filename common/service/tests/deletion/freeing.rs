use palate_store::RecordStoreExt;
use serde_json::json;

use crate::shop::{Shop, solution};

/// Deletes all that a group has but its datasets.
async fn without_users_of_data(shop: &Shop) {
    let trackers = shop.call("ListEventTrackers", json!({})).await.unwrap();
    let tracker = trackers["eventTrackers"][0]["eventTrackerArn"].clone();
    shop.call("DeleteEventTracker", json!({"eventTrackerArn": tracker})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_dataset_leaves_neither_files_nor_records() {
    let shop = Shop::new().await;
    shop.stream().await;
    without_users_of_data(&shop).await;
    for dataset in [&shop.interactions, &shop.users, &shop.action_interactions] {
        shop.call("DeleteDataset", json!({"datasetArn": dataset})).await.unwrap();
    }
    shop.run_jobs().await;
    for owner in ["ada", "bob", "u1", "visit", "home", "later", "nobody"] {
        assert_eq!(shop.n_events(owner).await, 0, "{owner}");
    }
    for dataset in [&shop.interactions, &shop.users, &shop.action_interactions] {
        assert_eq!(shop.journal(dataset).await, "");
    }
    assert_eq!(shop.blobs("").await.keys().collect::<Vec<_>>(), [""; 0]);
    for partition in ["manifest", "compacted", "history", "removal", "added-columns"] {
        assert!(shop.stores.records.list_all(partition, "").await.unwrap().is_empty(), "{partition}");
    }
    shop.call("DeleteDatasetGroup", json!({"datasetGroupArn": shop.group})).await.unwrap();
    for partition in ["last-event", "last-action-interaction", "quota/data-deletion-jobs"] {
        assert!(shop.stores.records.list_all(partition, "").await.unwrap().is_empty(), "{partition}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_whose_start_was_lost_is_done_by_the_sweep() {
    let shop = Shop::new().await;
    shop.stream().await;
    without_users_of_data(&shop).await;
    shop.call("DeleteDataset", json!({"datasetArn": shop.interactions})).await.unwrap();
    shop.drop_jobs();
    assert!(shop.n_events("bob").await > 0, "the request did not wait for it");
    shop.settle().await;
    assert_eq!((shop.n_events("bob").await, shop.n_events("visit").await), (1, 0), "an action interaction is left");
    assert!(shop.blobs("datasets/").await.keys().all(|key| !key.contains("/INTERACTIONS/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_dataset_of_the_same_name_keeps_its_data_when_the_old_ones_go_late() {
    let shop = Shop::new().await;
    shop.stream().await;
    without_users_of_data(&shop).await;
    shop.call("DeleteDataset", json!({"datasetArn": shop.users})).await.unwrap();
    shop.drop_jobs();
    shop.clock.advance(std::time::Duration::from_millis(1));
    let schema = shop.call("ListSchemas", json!({})).await.unwrap();
    let schemas = schema["schemas"].as_array().unwrap();
    let schema = schemas.iter().find(|schema| schema["name"] == "films-Users").unwrap()["schemaArn"].clone();
    let input = json!({"name": "u", "schemaArn": schema, "datasetGroupArn": shop.group, "datasetType": "Users"});
    shop.create("CreateDataset", input).await;
    shop.palate.import(&shop.users, "FULL", "USER_ID,AGE\nnew,1\n").await;
    shop.put_user("newer", 2).await;
    shop.settle().await;
    assert_eq!(shop.rows(&shop.users).await, ["new,1", "newer,2"]);
    let part = |key: &&String| key.contains("/USERS/") && key.ends_with(".parquet");
    assert_eq!(shop.blobs("datasets/").await.keys().filter(part).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_solution_leaves_no_model() {
    let shop = Shop::new().await;
    let campaign = shop.campaign().await;
    shop.forget("forget", &["u1"]).await;
    assert!(!shop.blobs("models/").await.is_empty());
    shop.call("DeleteCampaign", json!({"campaignArn": campaign})).await.unwrap();
    shop.call("DeleteSolution", json!({"solutionArn": solution()})).await.unwrap();
    shop.run_jobs().await;
    assert_eq!(shop.blobs("models/").await.len(), 0);
    shop.settle().await;
    assert!(shop.stores.records.list_all("removal", "").await.unwrap().is_empty());
}
