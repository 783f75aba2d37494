use serde_json::{Value, json};

use crate::support::{Palate, ROLE, arn, items_csv, schema_of};

const GROUP: &str = "dataset-group/films";
const ATTRIBUTION: &str = "metric-attribution/m";
const INVALID: &str = "InvalidInputException";

fn metric(name: &str, expression: &str) -> Value {
    json!({"metricName": name, "eventType": "watch", "expression": expression})
}

fn creation(metrics: Vec<Value>) -> Value {
    json!({
        "name": "m",
        "datasetGroupArn": arn(GROUP),
        "metrics": metrics,
        "metricsOutputConfig": {"roleArn": ROLE, "s3DataDestination": {"path": "s3://bucket/reports/"}},
    })
}

/// A group with interactions, and items with a price and a genre.
async fn world() -> Palate {
    let palate = Palate::new();
    let group = palate.imported().await;
    let fields = ["ITEM_ID: string", "PRICE: float?", "GENRE: category"];
    let items = palate.dataset(&group, "Items", &schema_of("Items", &fields)).await;
    palate.import(&items, "FULL", items_csv(&[("PRICE", "2.5"), ("GENRE", "drama")])).await;
    palate
}

async fn names(palate: &Palate) -> Vec<String> {
    let input = json!({"metricAttributionArn": arn(ATTRIBUTION)});
    let answer = palate.call("ListMetricAttributionMetrics", input).await.unwrap();
    let metrics = answer["metrics"].as_array().unwrap();
    metrics.iter().map(|metric| metric["metricName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_attribution_is_described_changed_and_deleted() {
    let palate = world().await;
    let metrics = vec![metric("views", "SAMPLECOUNT()"), metric("income", "SUM(Items.PRICE)")];
    let created = palate.create("CreateMetricAttribution", creation(metrics.clone())).await;
    assert_eq!(created, arn(ATTRIBUTION));
    let input = json!({"metricAttributionArn": created});
    let answer = palate.call("DescribeMetricAttribution", input.clone()).await.unwrap();
    let described = &answer["metricAttribution"];
    assert_eq!(described["status"], "ACTIVE");
    assert_eq!(described["metricsOutputConfig"], creation(vec![])["metricsOutputConfig"]);
    assert_eq!(described.get("metrics"), None);
    let listed = palate.call("ListMetricAttributionMetrics", input.clone()).await.unwrap();
    assert_eq!(listed, json!({"metrics": [metrics[1], metrics[0]]}), "in order of their names");
    // What goes and what comes under the same name may be in one call.
    let update = json!({
        "metricAttributionArn": created,
        "removeMetrics": ["views"],
        "addMetrics": [metric("views", "SUM(Interactions.EVENT_VALUE)"), metric("buys", "SAMPLECOUNT()")],
        "metricsOutputConfig": {"roleArn": ROLE},
    });
    assert_eq!(palate.call("UpdateMetricAttribution", update).await.unwrap(), input);
    assert_eq!(names(&palate).await, ["buys", "income", "views"]);
    let answer = palate.call("DescribeMetricAttribution", input.clone()).await.unwrap();
    assert_eq!(answer["metricAttribution"]["metricsOutputConfig"], json!({"roleArn": ROLE}));
    palate.call("DeleteMetricAttribution", input.clone()).await.unwrap();
    assert_eq!(palate.refused("DescribeMetricAttribution", input).await, "ResourceNotFoundException");
    palate.create("CreateMetricAttribution", creation(metrics)).await;
}

#[tokio::test]
async fn metrics_that_cannot_be_counted_are_refused() {
    let palate = world().await;
    let fine = || metric("views", "SAMPLECOUNT()");
    let rows = [
        (vec![], "1 to 10"),
        (vec![fine(), fine()], "given twice"),
        (vec![metric("", "SAMPLECOUNT()")], "metrics[0] must have a metricName"),
        (vec![json!({"metricName": "m", "eventType": "", "expression": "SAMPLECOUNT()"})], "an eventType"),
        (vec![fine(), metric("m", "COUNT()")], "metrics[1].expression is 'COUNT()'"),
        (vec![metric("m", "SUM(Items.WEIGHT)")], "WEIGHT, which the Items dataset does not have"),
        (vec![metric("m", "SUM(Items.GENRE)")], "GENRE of the Items dataset, which holds no numbers"),
        (vec![metric("m", "SUM(Users.AGE)")], "expected SAMPLECOUNT()"),
    ];
    for (metrics, problem) in rows {
        let (code, _, message) = palate.call("CreateMetricAttribution", creation(metrics)).await.unwrap_err();
        assert_eq!(code, INVALID);
        assert!(message.contains(problem), "{message}");
    }
    let eleven = (0..11).map(|number| metric(&format!("m{number}"), "SAMPLECOUNT()")).collect();
    assert_eq!(palate.refused("CreateMetricAttribution", creation(eleven)).await, INVALID);
    let mut elsewhere = creation(vec![fine()]);
    elsewhere["metricsOutputConfig"]["s3DataDestination"]["path"] = json!("https://bucket/reports/");
    assert_eq!(palate.refused("CreateMetricAttribution", elsewhere).await, INVALID);
}

#[tokio::test]
async fn an_attribution_needs_event_types_and_imported_items() {
    let palate = Palate::new();
    let group = palate.group().await;
    let count = || creation(vec![metric("views", "SAMPLECOUNT()")]);
    assert_eq!(palate.refused("CreateMetricAttribution", count()).await, INVALID, "no interactions");
    let bare = schema_of("Interactions", &["USER_ID: string", "ITEM_ID: string", "TIMESTAMP: long"]);
    let dataset = palate.dataset(&group, "Interactions", &bare).await;
    assert_eq!(palate.refused("CreateMetricAttribution", count()).await, INVALID, "no event types");
    palate.call("DeleteDataset", json!({"datasetArn": dataset})).await.unwrap();
    let typed = ["USER_ID: string", "ITEM_ID: string", "TIMESTAMP: long", "EVENT_TYPE: string"];
    let schema = palate.schema("typed", &schema_of("Interactions", &typed)).await;
    let input = json!({"name": "i", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"});
    palate.create("CreateDataset", input).await;
    let sum = || creation(vec![metric("income", "SUM(Items.PRICE)")]);
    assert_eq!(palate.refused("CreateMetricAttribution", sum()).await, INVALID, "no items");
    let items = palate.dataset(&group, "Items", &schema_of("Items", &["ITEM_ID: string", "PRICE: float?"])).await;
    assert_eq!(palate.refused("CreateMetricAttribution", sum()).await, INVALID, "nothing imported");
    palate.import(&items, "FULL", items_csv(&[("PRICE", "1")])).await;
    palate.create("CreateMetricAttribution", sum()).await;
    let (code, _, message) = palate.call("DeleteDataset", json!({"datasetArn": items})).await.unwrap_err();
    assert_eq!(code, "ResourceInUseException");
    assert!(message.contains(&arn(ATTRIBUTION)), "{message}");
    let counts_only = json!({
        "metricAttributionArn": arn(ATTRIBUTION),
        "removeMetrics": ["income"],
        "addMetrics": [metric("views", "SAMPLECOUNT()")],
    });
    palate.call("UpdateMetricAttribution", counts_only).await.unwrap();
    palate.call("DeleteDataset", json!({"datasetArn": items})).await.unwrap();
}

#[tokio::test]
async fn a_group_has_one_attribution_and_an_attribution_one_metric_of_a_name() {
    let palate = world().await;
    palate.create("CreateMetricAttribution", creation(vec![metric("views", "SAMPLECOUNT()")])).await;
    let mut second = creation(vec![metric("views", "SAMPLECOUNT()")]);
    second["name"] = json!("second");
    assert_eq!(palate.refused("CreateMetricAttribution", second).await, "ResourceAlreadyExistsException");
    let update = |members: Value| {
        let mut input = members;
        input["metricAttributionArn"] = json!(arn(ATTRIBUTION));
        input
    };
    let ten: Vec<Value> = (0..10).map(|number| metric(&format!("m{number}"), "SAMPLECOUNT()")).collect();
    let rows = [
        (update(json!({"addMetrics": [metric("views", "SAMPLECOUNT()")]})), "ResourceAlreadyExistsException"),
        (update(json!({"addMetrics": ten})), INVALID),
        (update(json!({"removeMetrics": ["unknown"]})), INVALID),
        (update(json!({"removeMetrics": ["views"]})), INVALID),
        (json!({"removeMetrics": ["views"]}), INVALID),
        (json!({"metricAttributionArn": arn("metric-attribution/unknown")}), "ResourceNotFoundException"),
    ];
    for (input, code) in rows {
        assert_eq!(palate.refused("UpdateMetricAttribution", input.clone()).await, code, "{input}");
    }
    assert_eq!(names(&palate).await, ["views"], "a refused update changes nothing");
}

#[tokio::test]
async fn an_import_that_is_to_report_needs_an_attribution_with_a_destination() {
    let palate = world().await;
    palate.upload("bucket", "more.csv", items_csv(&[("PRICE", "9"), ("GENRE", "x")])).await;
    let input = json!({
        "jobName": "report",
        "datasetArn": arn("dataset/films/ITEMS"),
        "dataSource": {"dataLocation": "s3://bucket/more.csv"},
        "publishAttributionMetricsToS3": true,
    });
    assert_eq!(palate.refused("CreateDatasetImportJob", input.clone()).await, INVALID, "there is no attribution");
    let mut attribution = creation(vec![metric("views", "SAMPLECOUNT()")]);
    attribution["metricsOutputConfig"] = json!({"roleArn": ROLE});
    palate.create("CreateMetricAttribution", attribution).await;
    assert_eq!(palate.refused("CreateDatasetImportJob", input.clone()).await, INVALID, "there is no destination");
    let update = json!({
        "metricAttributionArn": arn(ATTRIBUTION), "metricsOutputConfig": creation(vec![])["metricsOutputConfig"],
    });
    palate.call("UpdateMetricAttribution", update).await.unwrap();
    // Items are no events: nothing is counted, and the import goes on as any other.
    let job = palate.create("CreateDatasetImportJob", input).await;
    palate.run_jobs().await;
    assert_eq!(palate.status("DescribeDatasetImportJob", "datasetImportJobArn", &job).await.0, "ACTIVE");
}
