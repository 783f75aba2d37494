//! Batch segment jobs: users for items and for attributes of items.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Palate, ROLE, arn, items_csv, schema_of};

/// [`Palate::imported`] with items of four genres, one for each group of users who like one another's items, and users
/// of whom every second is a member. Tells the ARN of a version of a recipe.
async fn version(palate: &Palate, recipe: &str) -> String {
    let group = palate.imported().await;
    let items = schema_of("Items", &["ITEM_ID: string", "GENRE: category", "YEAR: int?"]);
    let items = palate.dataset(&group, "Items", &items).await;
    let rows: String = (0..40).map(|item| format!("i{item},g{}|all,{}\n", item / 10, 1980 + item)).collect();
    palate.import(&items, "FULL", format!("ITEM_ID,GENRE,YEAR\n{rows}")).await;
    let users = schema_of("Users", &["USER_ID: string", "MEMBER: category"]);
    let users = palate.dataset(&group, "Users", &users).await;
    let rows: String = (0..59).map(|user| format!("u{user},{}\n", ["yes", "no"][user / 4 % 2])).collect();
    palate.import(&users, "FULL", format!("USER_ID,MEMBER\n{rows}")).await;
    let recipe = format!("arn:aws:personalize:::recipe/{recipe}");
    let input = json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
    let solution = palate.create("CreateSolution", input).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    let settled = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
    assert_eq!(settled, ("ACTIVE".to_owned(), None));
    let metrics = palate.call("GetSolutionMetrics", json!({"solutionVersionArn": version})).await.unwrap();
    let names: Vec<&String> = metrics["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["coverage", "hits_at_1_percent", "recall_at_1_percent"]);
    version
}

#[tokio::test]
async fn items_of_which_only_the_time_is_known_have_no_attributes() {
    let palate = Palate::new();
    let group = palate.imported().await;
    let items = schema_of("Items", &["ITEM_ID: string", "CREATION_TIMESTAMP: long", "SHELF: string"]);
    let items = palate.dataset(&group, "Items", &items).await;
    palate.import(&items, "FULL", items_csv(&[("CREATION_TIMESTAMP", "1600000000"), ("SHELF", "a")])).await;
    let recipe = "arn:aws:personalize:::recipe/aws-item-attribute-affinity";
    let input = json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
    let solution = palate.create("CreateSolution", input).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.run_jobs().await;
    let settled = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
    let reason = "The Items dataset has no categorical or numeric column with values to find users by.";
    assert_eq!(settled, ("CREATE FAILED".to_owned(), Some(reason.to_owned())));
}

async fn filter(palate: &Palate, name: &str, expression: &str) -> String {
    let group = arn("dataset-group/films");
    let input = json!({"name": name, "datasetGroupArn": group, "filterExpression": expression});
    let filter = palate.create("CreateFilter", input).await;
    palate.run_jobs().await;
    filter
}

/// Runs a job over these lines; gives the lines of the output, or why it failed.
async fn segments(palate: &Palate, version: &str, lines: &[String], more: Value) -> Result<Vec<Value>, String> {
    let name = format!("j{}", uuid::Uuid::new_v4().simple());
    palate.upload("bucket", &format!("{name}/in.json"), lines.join("\n")).await;
    let mut input = json!({
        "jobName": name, "solutionVersionArn": version, "roleArn": ROLE,
        "jobInput": {"s3DataSource": {"path": format!("s3://bucket/{name}/in.json")}},
        "jobOutput": {"s3DataDestination": {"path": format!("s3://bucket/{name}-out/")}},
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let job = palate.create("CreateBatchSegmentJob", input).await;
    palate.run_jobs().await;
    let (status, reason) = palate.status("DescribeBatchSegmentJob", "batchSegmentJobArn", &job).await;
    if status != "ACTIVE" {
        return Err(reason.unwrap());
    }
    let bucket = palate.stores.buckets.bucket("bucket").unwrap();
    let output = bucket.get(&format!("{name}-out/in.json.out")).await.unwrap();
    let output = String::from_utf8(output.to_vec()).unwrap();
    assert!(output.lines().all(|line| line.starts_with("{\"input\":") && line.contains(",\"output\":")), "{output}");
    Ok(output.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn users(line: &Value) -> Vec<usize> {
    assert_eq!(line["error"], Value::Null, "{line}");
    assert_eq!(line["output"].as_object().unwrap().len(), 1);
    let list = line["output"]["usersList"].as_array().unwrap();
    list.iter().map(|id| id.as_str().unwrap()[1..].parse().unwrap()).collect()
}

fn item(id: &str) -> String {
    json!({ "itemId": id }).to_string()
}

#[tokio::test]
async fn items_find_their_users_and_bad_lines_are_told_in_place() {
    let palate = Palate::new();
    let version = version(&palate, "aws-item-affinity").await;
    let lines = [item("i3"), item("nothing"), "no json".into(), item("i17"), json!({"userId": "u1"}).to_string()];
    let answers = segments(&palate, &version, &lines, json!({"numResults": 10})).await.unwrap();
    assert_eq!(answers.len(), 5);
    for (line, kind) in [(0, 0), (3, 1)] {
        let found = users(&answers[line]);
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|user| user % 4 == kind), "{found:?}");
    }
    for (line, message) in [(1, "nothing"), (2, "not a JSON object"), (4, "itemId is missing")] {
        assert_eq!(answers[line]["output"], Value::Null);
        assert!(answers[line]["error"].as_str().unwrap().contains(message), "{}", answers[line]);
    }
    assert_eq!(answers[2]["input"], "no json");
    // All users, each once, for more than there are; 25 without a number.
    let all = segments(&palate, &version, &lines[..1], json!({"numResults": 5_000_000})).await.unwrap();
    let mut all = users(&all[0]);
    all.sort_unstable();
    assert_eq!(all, (0..60).collect::<Vec<_>>());
    assert_eq!(users(&segments(&palate, &version, &lines[..1], json!({})).await.unwrap()[0]).len(), 25);
    let many: Vec<String> = (0..501).map(|_| item("i3")).collect();
    assert_eq!(segments(&palate, &version, &many[..500], json!({})).await.unwrap().len(), 500);
    assert!(segments(&palate, &version, &many, json!({})).await.unwrap_err().contains("more than 500 lines"));
}

#[tokio::test]
async fn segments_pass_filters_of_users_with_values_of_the_line() {
    let palate = Palate::new();
    let version = version(&palate, "aws-item-affinity").await;
    let members = filter(&palate, "members", "INCLUDE UserID WHERE Users.MEMBER IN ($M)").await;
    let valued = |value: &str| json!({"itemId": "i3", "filterValues": {"M": format!("\"{value}\"")}}).to_string();
    let lines = [valued("yes"), item("i3"), valued("no")];
    let answers = segments(&palate, &version, &lines, json!({"filterArn": members, "numResults": 60})).await.unwrap();
    let (yes, no) = (users(&answers[0]), users(&answers[2]));
    assert!(yes.iter().all(|user| user / 4 % 2 == 0) && no.iter().all(|user| user / 4 % 2 == 1));
    // The last user is in no row of Users, so an INCLUDE leaves it out.
    assert_eq!(yes.len() + no.len(), 59);
    assert!(answers[1]["error"].as_str().unwrap().contains("filterValues.M"), "{}", answers[1]);
    let others = filter(&palate, "others", "EXCLUDE UserID WHERE Users.MEMBER IN (\"yes\")").await;
    let answers = segments(&palate, &version, &lines[1..2], json!({"filterArn": others, "numResults": 60})).await;
    assert!(users(&answers.unwrap()[0]).contains(&59));
    let buyers = filter(&palate, "buyers", "EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN (\"BUY\")").await;
    let answers = segments(&palate, &version, &lines[1..2], json!({"filterArn": buyers, "numResults": 60})).await;
    // Everybody in Users has bought.
    assert_eq!(users(&answers.unwrap()[0]), [59]);
}

#[tokio::test]
async fn attributes_find_their_users() {
    let palate = Palate::new();
    let version = version(&palate, "aws-item-attribute-affinity").await;
    let line = |expression: &str| json!({ "itemAttributes": expression }).to_string();
    let lines = [
        line("ITEMS.genre = \"g2\""),
        line("items.GENRE = \"g1\" AND ITEMS.YEAR = 1993"),
        line("ITEMS.GENRE = \"opera\""),
        line("ITEMS.GENRE > 1"),
        item("i3"),
    ];
    let answers = segments(&palate, &version, &lines, json!({"numResults": 10})).await.unwrap();
    for (line, kind) in [(0, 2), (1, 1)] {
        let found = users(&answers[line]);
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|user| user % 4 == kind), "{found:?}");
    }
    for (line, message) in [(2, "opera"), (3, "`=`"), (4, "itemAttributes is missing")] {
        assert!(answers[line]["error"].as_str().unwrap().contains(message), "{}", answers[line]);
    }
    let many: Vec<String> = (0..11).map(|_| lines[0].clone()).collect();
    assert!(segments(&palate, &version, &many, json!({})).await.unwrap_err().contains("more than 10 lines"));
}
