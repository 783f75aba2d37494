use serde_json::{Value, json};

use crate::support::{Palate, arn, interactions_csv, items_csv, schema_of};

const ITEMS: &str = "dataset/films/ITEMS";
const INVALID: &str = "InvalidInputException";

async fn described(palate: &Palate, dataset: &str) -> Value {
    palate.call("DescribeDataset", json!({"datasetArn": dataset})).await.unwrap()["dataset"].clone()
}

async fn rows(palate: &Palate, dataset: &str) -> u64 {
    let key = palate_store::Key::new("manifest", dataset);
    let record = palate.stores.records.get(&key).await.unwrap().unwrap();
    let manifest: Value = serde_json::from_slice(&record.value).unwrap();
    manifest["parts"].as_array().unwrap().iter().map(|part| part["rows"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn a_dataset_that_grew_a_column_takes_imports_of_both_modes_and_is_trained_from() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    palate.import(&items, "FULL", items_csv(&[("PRICE", "2.5")])).await;
    assert_eq!(described(&palate, &items).await.get("latestDatasetUpdate"), None);
    let grown = schema_of("Items", &["ITEM_ID: string", "PRICE: float?", "GENRE: category"]);
    let grown = palate.schema("grown", &grown).await;
    palate.clock.advance(std::time::Duration::from_secs(60));
    let answer = palate.call("UpdateDataset", json!({"datasetArn": items, "schemaArn": grown})).await.unwrap();
    assert_eq!(answer, json!({"datasetArn": items}));
    let dataset = described(&palate, &items).await;
    assert_eq!((&dataset["schemaArn"], &dataset["status"]), (&json!(grown), &json!("ACTIVE")));
    let update = &dataset["latestDatasetUpdate"];
    assert_eq!((&update["schemaArn"], &update["status"]), (&json!(grown), &json!("ACTIVE")));
    assert_eq!(update["creationDateTime"], 1_700_000_060);
    // The first schema is free, the second is not.
    palate.call("DeleteSchema", json!({"schemaArn": arn("schema/films-Items")})).await.unwrap();
    assert_eq!(palate.refused("DeleteSchema", json!({"schemaArn": grown})).await, "ResourceInUseException");

    palate.import(&items, "INCREMENTAL", items_csv(&[("PRICE", "3"), ("GENRE", "drama")])).await;
    assert_eq!(rows(&palate, &items).await, 80, "parts with and without the column stand side by side");
    train(&palate, &group, "mixed").await;
    palate.import(&items, "FULL", items_csv(&[("PRICE", "3"), ("GENRE", "")])).await;
    assert_eq!(rows(&palate, &items).await, 40);
    train(&palate, &group, "full").await;
}

async fn train(palate: &Palate, group: &str, name: &str) {
    let recipe = "arn:aws:personalize:::recipe/aws-popularity-count";
    let input = json!({"name": name, "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
    let solution = palate.create("CreateSolution", input).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    let status = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
    assert_eq!(status, ("ACTIVE".to_owned(), None));
}

#[tokio::test]
async fn an_import_needs_the_columns_of_the_schema_that_holds_when_it_runs() {
    let palate = Palate::new();
    let group = palate.group().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    palate.upload("bucket", "old.csv", items_csv(&[("PRICE", "1")])).await;
    let source = json!({"dataLocation": "s3://bucket/old.csv"});
    let input = json!({"jobName": "old", "datasetArn": items, "dataSource": source});
    let job = palate.create("CreateDatasetImportJob", input).await;
    let grown = palate.schema("grown", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?", "AGE: int?"])).await;
    palate.call("UpdateDataset", json!({"datasetArn": items, "schemaArn": grown})).await.unwrap();
    palate.run_jobs().await;
    let (status, reason) = palate.status("DescribeDatasetImportJob", "datasetImportJobArn", &job).await;
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.unwrap().contains("AGE"));
}

#[tokio::test]
async fn an_update_that_would_not_fit_what_is_there_is_refused() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let base = ["ITEM_ID: string", "PRICE: float?"];
    palate.dataset(&group, "Items", &schema_of("Items", &base)).await;
    let with = |more: &[&str]| schema_of("Items", &[&base[..], more].concat());
    let rows = [
        ("other-type", schema_of("Items", &["ITEM_ID: string", "PRICE: double?"]), "PRICE differs"),
        ("not-null", schema_of("Items", &["ITEM_ID: string", "PRICE: float"]), "PRICE differs"),
        ("fewer", schema_of("Items", &["ITEM_ID: string", "AGE: int?"]), "PRICE is missing"),
        ("required", with(&["AGE: int"]), "AGE must allow null"),
        ("users", schema_of("Users", &["USER_ID: string", "AGE: int?"]), "'Users'"),
    ];
    for (name, schema, problem) in rows {
        let schema = palate.schema(name, &schema).await;
        let update = palate.call("UpdateDataset", json!({"datasetArn": arn(ITEMS), "schemaArn": schema})).await;
        let (code, _, message) = update.unwrap_err();
        assert_eq!(code, INVALID, "{name}");
        assert!(message.contains(problem), "{message}");
    }
    let fields = ["ITEM_ID: string", "PRICE: float", "CATEGORY_L1: category"];
    let mut shop = schema_of("Items", &fields);
    shop["fields"][2]["type"] = json!("string");
    let input = json!({"name": "shop", "schema": shop.to_string(), "domain": "ECOMMERCE"});
    let shop = palate.create("CreateSchema", input).await;
    let update = json!({"datasetArn": arn(ITEMS), "schemaArn": shop});
    let (code, _, message) = palate.call("UpdateDataset", update).await.unwrap_err();
    assert_eq!((code.as_str(), message.contains("ECOMMERCE")), (INVALID, true), "{message}");
    let interactions = json!({"datasetArn": arn("dataset/films/INTERACTIONS"), "schemaArn": shop});
    let (code, _, message) = palate.call("UpdateDataset", interactions).await.unwrap_err();
    assert_eq!((code.as_str(), message.contains("only Items and Users")), (INVALID, true), "{message}");
    let unknown = json!({"datasetArn": arn(ITEMS), "schemaArn": arn("schema/unknown")});
    assert_eq!(palate.refused("UpdateDataset", unknown).await, "ResourceNotFoundException");
    assert_eq!(described(&palate, &arn(ITEMS)).await["schemaArn"], arn("schema/films-Items"));
}

#[tokio::test]
async fn a_dataset_of_action_interactions_has_a_tracking_id_of_its_own() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let tracker = palate.call("CreateEventTracker", json!({"name": "t", "datasetGroupArn": group})).await.unwrap();
    let fields = ["USER_ID: string", "ACTION_ID: string", "EVENT_TYPE: string", "TIMESTAMP: long"];
    let actions = palate.dataset(&group, "action_interactions", &schema_of("ActionInteractions", &fields)).await;
    let dataset = described(&palate, &actions).await;
    assert_eq!(dataset["datasetType"], "Action_Interactions");
    let id = dataset["trackingId"].as_str().unwrap();
    uuid::Uuid::parse_str(id).unwrap();
    assert_ne!(tracker["trackingId"], id);
    assert_eq!(described(&palate, &arn("dataset/films/INTERACTIONS")).await.get("trackingId"), None);
    let event = json!({
        "trackingId": id, "sessionId": "s", "userId": "u",
        "eventList": [{"eventType": "watch", "itemId": "i", "sentAt": 1_700_000_000}],
    });
    assert_eq!(palate.refused("PutEvents", event).await, INVALID, "it is no event tracker's id");
    let key = palate_store::Key::new("action-tracking-id", id);
    assert!(palate.stores.records.get(&key).await.unwrap().is_some());
    palate.call("DeleteDataset", json!({"datasetArn": actions})).await.unwrap();
    assert!(palate.stores.records.get(&key).await.unwrap().is_none());
}

#[tokio::test]
async fn a_dataset_needs_a_group_and_a_schema_that_suit_it() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let shop = palate.create("CreateDatasetGroup", json!({"name": "shop", "domain": "ECOMMERCE"})).await;
    let users = palate.schema("users", &schema_of("Users", &["USER_ID: string", "AGE: int?"])).await;
    let input = |group: &str, schema: &str, kind: &str| json!({"name": "d", "datasetGroupArn": group, "schemaArn": schema, "datasetType": kind});
    let interactions = arn("schema/films-Interactions");
    let rows = [
        (input(&group, &users, "Items"), INVALID),
        (input(&group, &users, "Things"), INVALID),
        (input(&shop, &users, "Users"), INVALID),
        (input(&group, &arn("schema/unknown"), "Users"), "ResourceNotFoundException"),
        (input(&arn("dataset-group/unknown"), &users, "Users"), "ResourceNotFoundException"),
        (input(&group, &group, "Users"), INVALID),
        (input(&group, &interactions, "interactions"), "ResourceAlreadyExistsException"),
    ];
    for (input, code) in rows {
        assert_eq!(palate.refused("CreateDataset", input.clone()).await, code, "{input}");
    }
}

#[tokio::test]
async fn an_import_needs_a_place_and_first_the_mode_full() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    let input = |source: Value, mode: &str| json!({"jobName": "j", "datasetArn": items, "dataSource": source, "importMode": mode});
    let at = |location: &str| json!({ "dataLocation": location });
    for (input, code) in [
        (input(json!({}), "FULL"), INVALID),
        (input(at("https://bucket/x.csv"), "FULL"), INVALID),
        (input(at("s3:///x.csv"), "FULL"), INVALID),
        (input(at("s3://bucket/x.csv"), "INCREMENTAL"), INVALID),
        (input(at("s3://bucket/x.csv"), "SOME"), INVALID),
    ] {
        assert_eq!(palate.refused("CreateDatasetImportJob", input.clone()).await, code, "{input}");
    }
    let job = palate.import(&arn("dataset/films/INTERACTIONS"), "INCREMENTAL", interactions_csv()).await;
    let name = job.rsplit_once('/').unwrap().1;
    let again = json!({"jobName": name, "datasetArn": items, "dataSource": at("s3://bucket/x.csv")});
    assert_eq!(palate.refused("CreateDatasetImportJob", again).await, "ResourceAlreadyExistsException");
}
