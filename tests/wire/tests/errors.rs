//! What is refused, with which exception, and that nothing has changed afterwards.

#![allow(clippy::unwrap_used)]

use aws_sdk_personalize::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_personalize::types::DataSource;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use palate_wire_tests::{Palate, interactions_csv, resources::ROLE};
use serde_json::Value;

/// Exception and message of a refused call.
fn refused<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> (String, String) {
    let error = result.expect_err("the call must be refused");
    let metadata = error.as_service_error().expect("the service must answer").meta();
    (metadata.code().unwrap_or_default().to_owned(), metadata.message().unwrap_or_default().to_owned())
}

/// Status, exception and body of a raw request.
async fn raw(palate: &Palate, path: &str, target: Option<&str>, body: impl Into<Bytes>) -> (u16, String, Value) {
    let mut request = http::Request::post(path);
    if let Some(target) = target {
        request = request.header("x-amz-target", target);
    }
    let response = palate.service.handle(request.body(Full::new(body.into())).unwrap()).await;
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let code = response.headers().get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, code.unwrap_or_default(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn malformed_requests_get_the_documented_exception() {
    let palate = Palate::new();
    let create = Some("AmazonPersonalize.CreateDatasetGroup");
    for (path, target, body, status, code, says) in [
        ("/", create, "{\"name\":", 400, "SerializationException", "not JSON"),
        ("/", create, "[1]", 400, "SerializationException", "JSON object"),
        ("/", create, "", 400, "InvalidInputException", "'name'"),
        ("/", create, "{\"name\":\"a b\"}", 400, "InvalidInputException", "'name'"),
        ("/", Some("AmazonPersonalize.Dance"), "{}", 404, "UnknownOperationException", "AmazonPersonalize.Dance"),
        ("/", Some("Other.CreateDatasetGroup"), "{}", 404, "UnknownOperationException", "Other.CreateDatasetGroup"),
        ("/", None, "{}", 404, "UnknownOperationException", "X-Amz-Target"),
        ("/", Some("AmazonPersonalize.CreateFilter"), "{}", 400, "InvalidInputException", "'name'"),
        ("/items", None, "{}", 400, "InvalidInputException", "'datasetArn'"),
        ("/recommendations", None, "{}", 400, "InvalidInputException", "campaignArn"),
    ] {
        let (found_status, found_code, answer) = raw(&palate, path, target, body).await;
        assert_eq!((found_status, found_code.as_str()), (status, code), "{path} {target:?} {body}");
        assert_eq!(answer["__type"], code);
        assert!(answer["message"].as_str().unwrap().contains(says), "{answer}");
    }
    let (status, code, _) = raw(&palate, "/", create, vec![b' '; 7 << 20]).await;
    assert_eq!((status, code.as_str()), (413, "RequestEntityTooLargeException"));
    let groups = palate.control.list_dataset_groups().send().await.unwrap();
    assert!(groups.dataset_groups().is_empty());
}

#[tokio::test]
async fn a_taken_name_is_refused_by_its_arn() {
    let palate = Palate::new();
    let group = palate.group("films").await;
    let (code, message) = refused(palate.control.create_dataset_group().name("films").send().await);
    assert_eq!(code, "ResourceAlreadyExistsException");
    assert!(message.contains(&group));
    assert_eq!(group, "arn:aws:personalize:eu-west-1:000000000000:dataset-group/films");
}

#[tokio::test]
async fn arns_of_nothing_and_of_another_kind_are_told_apart() {
    let palate = Palate::new();
    let group = palate.group("films").await;
    let other = group.replace("films", "books");
    let (code, message) = refused(palate.control.describe_dataset_group().dataset_group_arn(&other).send().await);
    assert_eq!(code, "ResourceNotFoundException");
    assert_eq!(message, format!("The given dataset group does not exist: {other}"));
    let (code, message) = refused(palate.control.describe_campaign().campaign_arn(&group).send().await);
    assert_eq!(code, "InvalidInputException");
    assert!(message.contains("campaignArn") && message.contains(&group));
    let (code, _) = refused(
        palate.runtime.get_recommendations().campaign_arn(group.replace("dataset-group", "campaign")).send().await,
    );
    assert_eq!(code, "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_fails_the_import_with_its_place_and_leaves_the_dataset_as_it_was() {
    let palate = Palate::new();
    let group = palate.group("films").await;
    let dataset = palate.interactions(&group).await;
    let good = interactions_csv(60, 30, 50);
    let row = |line: &str| good.replacen("user-0,item-5,", line, 1);
    for (name, csv, says) in [
        ("column", good.replacen(",EVENT_TYPE", "", 1), vec!["missing the following columns:[EVENT_TYPE]"]),
        ("number", row("user-0,item-5,soon"), vec!["column.csv", "line 7", "TIMESTAMP", "soon"]),
        ("long", row(&format!("{},item-5,", "u".repeat(257))), vec!["line 7", "USER_ID", "256"]),
        ("empty", String::new(), vec!["empty"]),
        ("few", interactions_csv(10, 10, 5), vec!["1000"]),
    ] {
        let job = palate.create_import(&dataset, name, csv).await;
        let (status, reason) = palate.imported(&job).await;
        let reason = reason.unwrap();
        assert_eq!(status, "CREATE FAILED", "{name}");
        for word in says {
            let word = if word == "column.csv" { "number.csv" } else { word };
            assert!(reason.contains(word), "{name}: {reason}");
        }
    }
    let mut bytes = good.clone().into_bytes();
    let at = bytes.iter().position(|&byte| byte == b'-').unwrap();
    bytes[at] = 0xff;
    let job = palate.create_import(&dataset, "utf8", bytes).await;
    let (status, reason) = palate.imported(&job).await;
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.unwrap().contains("UTF-8"));
    let missing = DataSource::builder().data_location("s3://films/nowhere.csv").build();
    let job = palate.control.create_dataset_import_job().job_name("missing").dataset_arn(&dataset).role_arn(ROLE);
    let job = job.data_source(missing).send().await.unwrap().dataset_import_job_arn.unwrap();
    let (status, reason) = palate.imported(&job).await;
    assert_eq!((status.as_str(), reason.unwrap().contains("Invalid Data location.")), ("CREATE FAILED", true));

    // Nothing was imported by any of them: INCREMENTAL still has nothing to add to, and training has no data.
    let source = DataSource::builder().data_location("s3://films/imports/few.csv").build();
    let job = palate.control.create_dataset_import_job().job_name("more").dataset_arn(&dataset).data_source(source);
    let job = job.import_mode(aws_sdk_personalize::types::ImportMode::Incremental).send().await;
    assert_eq!(refused(job).0, "InvalidInputException");
    let solution = palate.solution(&group, "aws-popularity-count", "popular").await;
    let (_, status, reason) = palate.train(&solution).await;
    assert_eq!(status, "CREATE FAILED");
    assert!(reason.unwrap().contains("1000 interactions"));
    let parts = palate.stores.blobs.list("datasets/", None, 10).await.unwrap();
    assert!(parts.entries.iter().all(|blob| blob.key.ends_with("/errors.jsonl")), "{parts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hyperparameters_are_checked_when_the_solution_is_created() {
    use aws_sdk_personalize::types::SolutionConfig;
    let palate = Palate::new();
    let group = palate.group("films").await;
    for (name, value, says) in [
        ("popularity_discount_factor", "2", "popularity_discount_factor"),
        ("min_cointeraction_count", "many", "min_cointeraction_count"),
        ("colour", "red", "colour"),
    ] {
        let config = SolutionConfig::builder().algorithm_hyper_parameters(name, value).build();
        let create = palate.control.create_solution().name("s").dataset_group_arn(&group).solution_config(config);
        let (code, message) = refused(create.recipe_arn("arn:aws:personalize:::recipe/aws-sims").send().await);
        assert_eq!(code, "InvalidInputException");
        assert!(message.contains(says), "{message}");
    }
    let unknown = palate.control.create_solution().name("s").dataset_group_arn(&group);
    let unknown = unknown.recipe_arn("arn:aws:personalize:::recipe/aws-nothing").send().await;
    assert_eq!(refused(unknown).0, "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_is_not_deleted() {
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let version = palate.trained(&group, "aws-popularity-count", "popular").await;
    let campaign = palate.deployed(&version, "popular").await;
    let solution = version.rsplit_once('/').unwrap().0.to_owned();
    let dataset = format!("{}/INTERACTIONS", group.replace("dataset-group", "dataset"));
    let schema = palate.control.list_schemas().send().await.unwrap().schemas()[0].schema_arn().unwrap().to_owned();
    let control = &palate.control;

    let (code, message) = refused(control.delete_solution().solution_arn(&solution).send().await);
    assert_eq!(code, "ResourceInUseException");
    assert!(message.contains(&campaign));
    assert_eq!(refused(control.delete_dataset().dataset_arn(&dataset).send().await).0, "ResourceInUseException");
    assert_eq!(refused(control.delete_schema().schema_arn(&schema).send().await).0, "ResourceInUseException");
    assert_eq!(
        refused(control.delete_dataset_group().dataset_group_arn(&group).send().await).0,
        "ResourceInUseException"
    );

    control.delete_campaign().campaign_arn(&campaign).send().await.unwrap();
    assert_eq!(
        refused(control.describe_campaign().campaign_arn(&campaign).send().await).0,
        "ResourceNotFoundException"
    );
    let asked = palate.runtime.get_recommendations().campaign_arn(&campaign).user_id("user-1").send().await;
    assert_eq!(refused(asked).0, "ResourceNotFoundException");
    control.delete_solution().solution_arn(&solution).send().await.unwrap();
    control.delete_dataset().dataset_arn(&dataset).send().await.unwrap();
    control.delete_dataset_group().dataset_group_arn(&group).send().await.unwrap();
    control.delete_schema().schema_arn(&schema).send().await.unwrap();
    // The files are removed in the background.
    for prefix in ["datasets/", "models/"] {
        while !palate.stores.blobs.list(prefix, None, 10).await.unwrap().entries.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_checked_and_none_of_a_bad_call_is_stored() {
    use aws_sdk_personalizeevents::{primitives::DateTime, types::Event};
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let version = palate.trained(&group, "palate-transitions", "next").await;
    let campaign = palate.deployed(&version, "next").await;
    let tracker = palate.control.create_event_tracker().name("web").dataset_group_arn(&group).send().await.unwrap();
    let second = palate.control.create_event_tracker().name("app").dataset_group_arn(&group).send().await;
    assert_eq!(refused(second).0, "ResourceAlreadyExistsException");
    let tracking_id = tracker.tracking_id().unwrap();
    let event = |item: Option<&str>, properties: Option<&str>| {
        let event = Event::builder().event_type("watch").sent_at(DateTime::from_secs(1_700_000_000));
        event.set_item_id(item.map(str::to_owned)).set_properties(properties.map(str::to_owned)).build().unwrap()
    };
    let put = |id: &str, events: Vec<Event>| {
        let put = palate.events.put_events().tracking_id(id).session_id("s").user_id("visitor");
        put.set_event_list(Some(events)).send()
    };
    let before = palate.recommended(&campaign, "visitor").await;
    for (id, bad, says) in [
        ("no-such-id", event(Some("item-1"), None), "trackingId"),
        (tracking_id, event(None, None), "eventList[1].itemId"),
        (tracking_id, event(Some("item-1"), Some("{\"userId\":\"x\"}")), "userId"),
        (tracking_id, event(Some("item-1"), Some("[1]")), "properties"),
    ] {
        let (code, message) = refused(put(id, vec![event(Some("item-3"), None), bad]).await);
        assert_eq!(code, "InvalidInputException");
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(palate.recommended(&campaign, "visitor").await, before);
    put(tracking_id, vec![event(None, Some("{\"itemId\":\"item-3\",\"eventValue\":\"4.5\"}"))]).await.unwrap();
    assert_eq!(palate.recommended(&campaign, "visitor").await[0], "item-4");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_counts_once() {
    use aws_sdk_personalizeevents::{primitives::DateTime, types::Event};
    let palate = Palate::new();
    let group = palate.group_with_data("films", interactions_csv(60, 30, 50)).await;
    let tracker = palate.control.create_event_tracker().name("web").dataset_group_arn(&group).send().await.unwrap();
    let put = |item: &'static str, ids: &'static [&'static str]| {
        let events = ids.iter().map(|id| {
            let event = Event::builder().event_type("watch").item_id(item).event_id(*id);
            event.sent_at(DateTime::from_secs(1_700_000_000)).build().unwrap()
        });
        let put = palate.events.put_events().tracking_id(tracker.tracking_id().unwrap()).session_id("s").user_id("u");
        put.set_event_list(Some(events.collect())).send()
    };
    put("item-1", &["a", "b", "a"]).await.unwrap();
    // `b` has been seen; `c` has not and must not be lost with it.
    put("item-2", &["b", "c"]).await.unwrap();
    let dataset = format!("{}/INTERACTIONS", group.replace("dataset-group", "dataset"));
    let dataset = palate.control.describe_dataset().dataset_arn(dataset).send().await.unwrap().dataset.unwrap();
    let created_ms = (dataset.creation_date_time().unwrap().as_secs_f64() * 1e3).round();
    let partition = format!("event/{group}/{created_ms}/id/u");
    let stored = palate.stores.records.list(&partition, "", None, 100, palate_store::Order::Ascending);
    let stored = stored.await.unwrap().entries;
    assert_eq!(stored.len(), 3);
}
