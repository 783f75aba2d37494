//! Filters of batch inference jobs.

use std::collections::BTreeSet;

use palate_service::JobOutcome;
use serde_json::{Value, json};

use crate::films::{self, Film, Films, has, user_of, watched};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_filtered_by_the_values_of_each_line() {
    let films = Films::new().await;
    let expression =
        r#"INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")"#;
    let filter = films.filter("mine", expression).await;
    let version = films.version("palate-transitions").await;
    let lines = [
        json!({"userId": "u0", "filterValues": {"G": "\"drama\""}}),
        json!({"userId": "u1", "filterValues": {"G": "\"comedy\",\"drama\""}}),
        json!({"userId": "u2"}),
        json!({"userId": "u3", "filterValues": {"G": 3}}),
        json!({"userId": "u3", "filterValues": {"G": "\"drama\"", "H": "\"x\""}}),
    ];
    let input = lines.clone().map(|line| line.to_string()).join("\n");
    films.palate.upload("bucket", "in/asked.json", input).await;
    let job = |name: &str, filter: &str| {
        json!({
            "jobName": name, "solutionVersionArn": version, "filterArn": filter, "numResults": 500,
            "roleArn": support::ROLE,
            "jobInput": {"s3DataSource": {"path": "s3://bucket/in/asked.json"}},
            "jobOutput": {"s3DataDestination": {"path": "s3://bucket/out/"}},
        })
    };
    let arn = films.palate.create("CreateBatchInferenceJob", job("batch", &filter)).await;
    assert_eq!(films.palate.refused("DeleteFilter", json!({"filterArn": filter})).await, "ResourceInUseException");
    assert_eq!(films.palate.run_jobs().await, [(arn.clone(), JobOutcome::Done)]);
    let described = films.palate.call("DescribeBatchInferenceJob", json!({"batchInferenceJobArn": arn})).await.unwrap();
    assert_eq!(described["batchInferenceJob"]["filterArn"], json!(filter));
    let output = films.palate.stores.buckets.bucket("bucket").unwrap().get("out/asked.json.out").await.unwrap();
    let output = String::from_utf8(output.to_vec()).unwrap();
    let answers: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.iter().map(|answer| answer["input"].clone()).collect::<Vec<_>>(), lines);
    for (at, genres) in [(0, &["drama"][..]), (1, &["comedy", "drama"])] {
        let user = user_of(at);
        let keeps = |film: &Film| genres.iter().any(|genre| has(film, genre)) && !watched(&user, film.n);
        let expected: BTreeSet<String> = films::all_and_cold().filter(keeps).map(|film| film.id()).collect();
        let found = answers[at]["output"]["recommendedItems"].as_array().unwrap();
        assert_eq!(found.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), expected);
        assert_eq!(answers[at]["error"], Value::Null);
    }
    for (at, fragment) in [(2, "G"), (3, "filterValues.G"), (4, "H")] {
        assert_eq!(answers[at]["output"], Value::Null);
        assert!(answers[at]["error"].as_str().unwrap().contains(fragment), "{}", answers[at]);
    }
    let users = films.filter("users", "INCLUDE UserID WHERE Users.AGE > 18").await;
    assert_eq!(films.palate.refused("CreateBatchInferenceJob", job("u", &users)).await, "InvalidInputException");
    let missing = filter.replace("/mine", "/none");
    assert_eq!(films.palate.refused("CreateBatchInferenceJob", job("n", &missing)).await, "ResourceNotFoundException");
    films.palate.call("DeleteFilter", json!({"filterArn": filter})).await.unwrap();
}
