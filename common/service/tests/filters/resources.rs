//! Filters as resources: create, describe, list, delete, and what they are refused for.

use palate_service::{JobKind, JobOutcome, JobRef, Quota, Settings};
use serde_json::{Value, json};

use crate::films::{self, Films};
use crate::support::Palate;

fn input(group: &str, name: &str, expression: &str) -> Value {
    json!({"name": name, "datasetGroupArn": group, "filterExpression": expression})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_described_and_listed_as_it_was_created_until_it_is_deleted() {
    let palate = Palate::new();
    let group = palate.group().await;
    palate.dataset(&group, "Items", &films::ITEMS).await;
    let expression = r#"include ItemID where Items.genre in ("a")"#;
    let arn = palate.create("CreateFilter", input(&group, "mine", expression)).await;
    assert!(arn.ends_with(":filter/mine"), "{arn}");
    let describe = || palate.call("DescribeFilter", json!({"filterArn": arn}));
    let pending = describe().await.unwrap();
    assert_eq!(pending["filter"]["status"], "CREATE PENDING");
    assert_eq!(palate.refused("DeleteFilter", json!({"filterArn": arn})).await, "ResourceInUseException");
    assert_eq!(palate.run_jobs().await, [(arn.clone(), JobOutcome::Done)]);
    let expected = json!({
        "name": "mine", "filterArn": arn, "datasetGroupArn": group, "filterExpression": expression,
        "status": "ACTIVE", "creationDateTime": 1_700_000_000, "lastUpdatedDateTime": 1_700_000_000,
    });
    assert_eq!(describe().await.unwrap(), json!({ "filter": expected }));
    let list = palate.call("ListFilters", json!({"datasetGroupArn": group})).await.unwrap();
    let mut summary = expected;
    summary.as_object_mut().unwrap().remove("filterExpression");
    assert_eq!(list, json!({"Filters": [summary]}));
    let again = palate.refused("CreateFilter", input(&group, "mine", expression)).await;
    assert_eq!(again, "ResourceAlreadyExistsException");
    palate.call("DeleteFilter", json!({"filterArn": arn})).await.unwrap();
    assert_eq!(describe().await.unwrap_err().0, "ResourceNotFoundException");
    assert_eq!(palate.call("ListFilters", json!({})).await.unwrap(), json!({"Filters": []}));
    palate.create("CreateFilter", input(&group, "mine", expression)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syntax_is_refused_at_once_and_fields_by_the_job() {
    let films = Films::new().await;
    let (palate, group) = (&films.palate, &films.group);
    for (expression, fragment) in [
        ("INCLUDE ItemID", "Invalid Expression"),
        ("INCLUDE ItemID WHERE Items.GENRE NOT IN ($G)", "Placeholders are not allowed with NOT_IN"),
        (
            r#"INCLUDE ItemID WHERE Items.GENRE IN ("a") AND Interactions.EVENT_TYPE IN ("b")"#,
            "Could not create filter",
        ),
        (r#"INCLUDE ActionID WHERE Items.GENRE IN ("a")"#, "Could not create filter"),
        (r#"INCLUDE ItemID WHERE Interactions.DEVICE IN ("a")"#, "Could not create filter"),
    ] {
        let (code, status, message) = palate.call("CreateFilter", input(group, "x", expression)).await.unwrap_err();
        assert_eq!((code.as_str(), status), ("InvalidInputException", 400));
        assert!(message.contains(fragment), "{message}");
    }
    for (name, expression, fragment) in [
        ("no-field", r#"INCLUDE ItemID WHERE Items.COLOUR IN ("a")"#, "COLOUR"),
        ("no-dataset", r#"INCLUDE ActionID WHERE Actions.VALUE > 1"#, "Actions"),
        ("text", r#"INCLUDE ItemID WHERE Items.STORY IN ("a")"#, "STORY"),
        ("string", r#"INCLUDE ItemID WHERE Items.GENRE > 3"#, "GENRE"),
    ] {
        let arn = films.filter_of(group, name, expression).await;
        let described = palate.call("DescribeFilter", json!({"filterArn": arn})).await.unwrap();
        assert_eq!(described["filter"]["status"], "CREATE FAILED", "{described}");
        assert!(described["filter"]["failureReason"].as_str().unwrap().contains(fragment), "{described}");
        palate.call("DeleteFilter", json!({"filterArn": arn})).await.unwrap();
    }
    let missing = group.replace("/films", "/none");
    let expression = r#"INCLUDE ItemID WHERE Items.GENRE IN ("a")"#;
    assert_eq!(palate.refused("CreateFilter", input(&missing, "x", expression)).await, "ResourceNotFoundException");
    palate.put_in_state(group, "/status", "CREATE PENDING").await;
    assert_eq!(palate.refused("CreateFilter", input(group, "x", expression)).await, "InvalidInputException");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_their_fields_are_counted_by_group() {
    let mut settings = Settings::default();
    settings.quotas.set(Quota::Filters, 3);
    settings.quotas.set(Quota::FieldsPerFilter, 2);
    settings.quotas.set(Quota::FieldsInFilters, 3);
    let palate = Palate::with(settings);
    let group = palate.group().await;
    let other = palate.create("CreateDatasetGroup", json!({"name": "others"})).await;
    let of = |fields: &[&str]| {
        let conditions: Vec<String> = fields.iter().map(|field| format!("Items.{field} > 1")).collect();
        format!("INCLUDE ItemID WHERE {}", conditions.join(" AND "))
    };
    let refused = async |name: &str, fields: &[&str], fragment: &str| {
        let (code, _, message) = palate.call("CreateFilter", input(&group, name, &of(fields))).await.unwrap_err();
        assert_eq!(code, "LimitExceededException");
        assert!(message.contains(fragment), "{message}");
    };
    refused("a", &["X", "Y", "Z"], "fields-per-filter").await;
    palate.create("CreateFilter", input(&group, "a", &of(&["X", "Y"]))).await;
    refused("b", &["Z", "W"], "fields-in-filters").await;
    palate.create("CreateFilter", input(&group, "b", &of(&["x", "Z"]))).await;
    palate.create("CreateFilter", input(&group, "c", &of(&["Y"]))).await;
    refused("d", &["Y"], "filters").await;
    palate.create("CreateFilter", input(&other, "d", &of(&["V", "W"]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_filter_and_an_import_that_run_at_the_same_time_know_of_each_other() {
    for round in 0..6 {
        let films = Films::new().await;
        let palate = &films.palate;
        let campaign = films.campaign("aws-popularity-count", json!({})).await;
        let expression = r#"INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("rent")"#;
        let filter = palate.create("CreateFilter", input(&films.group, "rented", expression)).await;
        palate.upload("bucket", "rents.csv", crate::support::interactions_csv().replace(",buy,", ",rent,")).await;
        let import = json!({
            "jobName": "rents", "datasetArn": films.interactions, "importMode": "INCREMENTAL",
            "dataSource": {"dataLocation": "s3://bucket/rents.csv"}, "roleArn": crate::support::ROLE,
        });
        let import = palate.create("CreateDatasetImportJob", import).await;
        palate.drop_jobs();
        let run = |kind, job: &str| {
            let (service, job) = (palate.service.clone(), JobRef { kind, job: job.to_owned() });
            tokio::spawn(async move { while service.run_job(&job).await.is_err() {} })
        };
        let filtering = run(JobKind::Deploy, &filter);
        // Later and later, so that the two commits meet in different ways.
        for _ in 0..round * 50 {
            tokio::task::yield_now().await;
        }
        let (importing, filtering) = (run(JobKind::Import, &import).await, filtering.await);
        importing.and(filtering).unwrap();
        let ask = json!({"campaignArn": campaign, "userId": "u0", "numResults": 500, "filterArn": filter});
        let expected = ["i0", "i5"].map(str::to_owned).into_iter().collect();
        assert_eq!(films.recommended(ask).await, expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_that_were_replaced_are_removed() {
    let films = Films::new().await;
    films.filter("bought", r#"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")"#).await;
    for _ in 0..4 {
        films.palate.import(&films.interactions, "FULL", crate::support::interactions_csv()).await;
    }
    let blobs = films.palate.stores.blobs.list("history/", None, 1000).await.unwrap().entries;
    // Two files each of the index in force and of the one before, which requests under way may still read.
    assert_eq!(blobs.len(), 4, "{blobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recommender_is_served_like_a_campaign() {
    let films = Films::new().await;
    let version = films.version("aws-popularity-count").await;
    let recommender = films.group.replace("dataset-group/films", "recommender/top");
    let records = &films.palate.stores.records;
    let model = records.get(&palate_store::Key::new("model", &version)).await.unwrap().unwrap();
    let record = json!({"format": 1, "resource": {
        "name": "top", "recommenderArn": recommender, "datasetGroupArn": films.group, "status": "ACTIVE",
        "recipeArn": "arn:aws:personalize:::recipe/aws-popularity-count",
        "recommenderConfig": {"enableMetadataWithRecommendations": true}, "trainings": {"begun": 1},
        "creationDateTime": 1, "lastUpdatedDateTime": 1,
    }});
    let create = |partition: &str, sort: &str, value: Vec<u8>| palate_store::Write::Create {
        key: palate_store::Key::new(partition, sort),
        value,
    };
    let at = "recommender/aws/000000000000/us-east-1";
    let writes = vec![create(at, "top", record.to_string().into_bytes()), create("model", &recommender, model.value)];
    records.commit(writes).await.unwrap();
    let input = json!({"recommenderArn": recommender, "numResults": 3, "metadataColumns": {"ITEMS": ["YEAR"]}});
    let items = films.items(input).await;
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|item| item["metadata"]["year"].is_string() && item.get("score").is_none()));
    let missing = json!({"recommenderArn": recommender.replace("/top", "/none")});
    let (code, status, _) = films.palate.call("GetRecommendations", missing).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("ResourceNotFoundException", 404));
    let both = json!({"recommenderArn": recommender, "campaignArn": recommender});
    assert_eq!(films.palate.refused("GetRecommendations", both).await, "InvalidInputException");
    assert_eq!(films.palate.refused("GetRecommendations", json!({})).await, "InvalidInputException");
    films.palate.put_in_state(&recommender, "/status", "INACTIVE").await;
    let asleep = films.elsewhere().status(json!({"recommenderArn": recommender})).await;
    assert_eq!(asleep, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_refused_by_campaigns_of_other_recipes() {
    let films = Films::new().await;
    let campaign = films.campaign("aws-popularity-count", json!({})).await;
    for input in [
        json!({}),
        json!({"campaignArn": campaign}),
        json!({"campaignArn": campaign, "userId": "u0"}),
        json!({"campaignArn": campaign, "userId": "u0", "numResults": 101}),
    ] {
        assert_eq!(films.palate.refused("GetActionRecommendations", input).await, "InvalidInputException");
    }
    let missing = json!({"campaignArn": campaign.replace("aws-popularity-count", "none"), "userId": "u0"});
    assert_eq!(films.palate.refused("GetActionRecommendations", missing).await, "ResourceNotFoundException");
}
