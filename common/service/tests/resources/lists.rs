use std::collections::BTreeSet;
use std::time::Duration;

use palate_service::{Quota, Quotas, Settings};
use serde_json::{Value, json};

use crate::support::{INTERACTIONS, Palate, ROLE, arn};

const STAYING: usize = 250;

/// Everything that a list gives, page by page; between pages, `meanwhile` happens.
async fn follow(palate: &Palate, list: &str, member: &str, size: usize, changes: &mut Changes<'_>) -> Vec<String> {
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let answer = palate.call(list, json!({"maxResults": size, "nextToken": token})).await.unwrap();
        let page = answer[member].as_array().unwrap();
        assert!(page.len() <= size, "{list}");
        seen.extend(page.iter().map(|summary| name_of(summary, &changes.name)));
        token = answer["nextToken"].clone();
        if token.is_null() {
            return seen;
        }
        changes.happen(palate).await;
    }
}

fn name_of(summary: &Value, member: &str) -> String {
    summary[member].as_str().unwrap().to_owned()
}

/// What comes and goes while a list is read.
struct Changes<'a> {
    /// The member that tells one element from another.
    name: String,
    /// Operations with their inputs; one of each is done between pages.
    queue: Vec<Vec<(&'a str, Value)>>,
}

impl Changes<'_> {
    async fn happen(&mut self, palate: &Palate) {
        palate.clock.advance(Duration::from_millis(1));
        for (operation, input) in self.queue.pop().unwrap_or_default() {
            palate.call(operation, input.clone()).await.unwrap_or_else(|no| panic!("{operation} {input}: {no:?}"));
        }
    }
}

fn roomy() -> Palate {
    let mut quotas = Quotas::default();
    for quota in Quota::ALL {
        quotas.set(quota, 10_000);
    }
    Palate::with(Settings { quotas, ..Settings::default() })
}

fn check(list: &str, seen: &[String], staying: impl Iterator<Item = String>) {
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "{list} gives something twice");
    for name in staying {
        assert!(distinct.contains(&name), "{list} leaves out {name}");
    }
}

#[tokio::test]
async fn lists_of_250_give_what_stays_exactly_once_while_others_come_and_go() {
    let palate = roomy();
    let schema = palate.schema("s", &INTERACTIONS).await;
    for number in 0..STAYING {
        // Several are made in one moment, so that the name decides their order too.
        if number % 3 == 0 {
            palate.clock.advance(Duration::from_millis(1));
        }
        palate.create("CreateSchema", json!({"name": format!("s{number}"), "schema": INTERACTIONS.to_string()})).await;
        let group = palate.create("CreateDatasetGroup", json!({"name": format!("g{number}")})).await;
        let dataset = json!({"name": format!("d{number}"), "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions"});
        let dataset = palate.create("CreateDataset", dataset).await;
        palate.create("CreateEventTracker", json!({"name": format!("t{number}"), "datasetGroupArn": group})).await;
        let source = json!({"dataLocation": "s3://bucket/x.csv"});
        let output = json!({"s3DataDestination": {"path": "s3://bucket/out/"}});
        let name = json!(format!("j{number}"));
        palate
            .create("CreateDatasetImportJob", json!({"jobName": name, "datasetArn": dataset, "dataSource": source}))
            .await;
        palate
            .create(
                "CreateDatasetExportJob",
                json!({"jobName": name, "datasetArn": dataset, "roleArn": ROLE, "jobOutput": output}),
            )
            .await;
        palate
            .create(
                "CreateDataDeletionJob",
                json!({"jobName": name, "datasetGroupArn": group, "roleArn": ROLE, "dataSource": source}),
            )
            .await;
        let metric = json!({"metricName": format!("m{number}"), "eventType": "e", "expression": "SAMPLECOUNT()"});
        let attribution = json!({"name": format!("a{number}"), "datasetGroupArn": group, "metrics": [metric], "metricsOutputConfig": {"roleArn": ROLE}});
        palate.create("CreateMetricAttribution", attribution).await;
    }
    // List, its member, the member of a summary that names it, how names begin, the size of a page.
    let rows = [
        ("ListDatasetGroups", "datasetGroups", "name", "g", 7),
        ("ListSchemas", "schemas", "name", "s", 100),
        ("ListDatasets", "datasets", "name", "d", 99),
        ("ListEventTrackers", "eventTrackers", "name", "t", 25),
        ("ListDatasetImportJobs", "datasetImportJobs", "jobName", "j", 40),
        ("ListDatasetExportJobs", "datasetExportJobs", "jobName", "j", 100),
        ("ListDataDeletionJobs", "dataDeletionJobs", "jobName", "j", 50),
        ("ListMetricAttributions", "metricAttributions", "name", "a", 64),
        ("ListMetricAttributionMetrics", "metrics", "metricName", "m", 31),
    ];
    for (row, (list, member, name, begins, size)) in rows.into_iter().enumerate() {
        // Groups that were there before go, and others come.
        let mut goes = Vec::new();
        for number in 0..STAYING / size + 2 {
            let group = format!("row{row}-goes{number}");
            palate.create("CreateDatasetGroup", json!({"name": group})).await;
            let comes = ("CreateDatasetGroup", json!({"name": format!("row{row}-comes{number}")}));
            let group = json!({"datasetGroupArn": arn(&format!("dataset-group/{group}"))});
            goes.push(vec![("DeleteDatasetGroup", group), comes]);
        }
        let mut changes = Changes { name: name.to_owned(), queue: goes };
        let seen = follow(&palate, list, member, size, &mut changes).await;
        check(list, &seen, (0..STAYING).map(|number| format!("{begins}{number}")));
        if list != "ListDatasetGroups" {
            // The schema of all datasets is in the first list.
            let expected = STAYING + usize::from(list == "ListSchemas");
            assert_eq!(seen.len(), expected, "{list}");
        }
    }
}

#[tokio::test]
async fn metrics_that_come_and_go_do_not_move_the_others() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let metric = |name: &str| json!({"metricName": name, "eventType": "watch", "expression": "SAMPLECOUNT()"});
    let metrics: Vec<Value> = ["a", "c", "e", "g", "i"].into_iter().map(metric).collect();
    let input =
        json!({"name": "m", "datasetGroupArn": group, "metrics": metrics, "metricsOutputConfig": {"roleArn": ROLE}});
    let attribution = palate.create("CreateMetricAttribution", input).await;
    let update = |remove: &str, add: &str| {
        let input =
            json!({"metricAttributionArn": attribution, "removeMetrics": [remove], "addMetrics": [metric(add)]});
        vec![("UpdateMetricAttribution", input)]
    };
    let mut changes = Changes { name: "metricName".into(), queue: vec![update("b", "k"), update("c", "b")] };
    let seen = follow(&palate, "ListMetricAttributionMetrics", "metrics", 2, &mut changes).await;
    assert_eq!(seen, ["a", "c", "e", "g", "i", "k"]);
    let unknown = json!({"metricAttributionArn": arn("metric-attribution/unknown")});
    assert_eq!(palate.refused("ListMetricAttributionMetrics", unknown).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_list_of_a_parent_gives_its_own_and_its_token_is_good_for_it_alone() {
    let palate = Palate::new();
    let group = palate.imported().await;
    palate.create("CreateDatasetGroup", json!({"name": "other"})).await;
    let other = arn("dataset-group/other");
    for (name, group) in [("a", &group), ("b", &group), ("c", &other)] {
        let source = json!({"dataLocation": "s3://bucket/x.csv"});
        let input = json!({"jobName": name, "datasetGroupArn": group, "roleArn": ROLE, "dataSource": source});
        palate.clock.advance(Duration::from_secs(1));
        palate.create("CreateDataDeletionJob", input).await;
    }
    let list = |input: Value| palate.call("ListDataDeletionJobs", input);
    let answer = list(json!({"datasetGroupArn": group, "maxResults": 1})).await.unwrap();
    assert_eq!(answer["dataDeletionJobs"][0]["jobName"], "b", "the newest is first");
    let token = &answer["nextToken"];
    let rest = list(json!({"datasetGroupArn": group, "nextToken": token})).await.unwrap();
    assert_eq!(rest["dataDeletionJobs"].as_array().unwrap().len(), 1);
    for input in
        [json!({"datasetGroupArn": other, "nextToken": token}), json!({"nextToken": token}), json!({"nextToken": "x"})]
    {
        assert_eq!(palate.refused("ListDataDeletionJobs", input).await, "InvalidNextTokenException");
    }
    for input in [json!({"maxResults": 0}), json!({"maxResults": 101}), json!({"datasetGroupArn": arn("schema/s")})] {
        assert_eq!(palate.refused("ListDataDeletionJobs", input).await, "InvalidInputException");
    }
    assert_eq!(list(json!({})).await.unwrap()["dataDeletionJobs"].as_array().unwrap().len(), 3);
}
