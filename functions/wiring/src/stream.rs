//! The table's stream: it tells the import function that something was streamed into a dataset.
//!
//! The journal is the truth and the stream a trigger: a record of it says only which dataset there is something to
//! do for. What is told here as failed comes again, and at last lands among the dead letters, while its events stay
//! in the journal.

use std::collections::BTreeMap;
use std::error::Error;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::worker::WorkerError;

/// What Lambda hands on from a DynamoDB stream.
#[derive(Deserialize)]
pub(crate) struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

#[derive(Deserialize)]
struct StreamRecord {
    /// Tells the event from one of S3, which has `Records` as well.
    #[serde(rename = "eventSource")]
    _source: Source,
    /// As it is: one record that is not as it should be must not spoil the others.
    #[serde(default)]
    dynamodb: Value,
}

#[derive(Deserialize)]
enum Source {
    #[serde(rename = "aws:dynamodb")]
    DynamoDb,
}

/// Which records are to come again; Lambda goes on after the others.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchReply {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    /// The record's sequence number.
    item_identifier: String,
}

/// Compacts each dataset that the records tell of, once.
///
/// # Errors
/// If a record has no sequence number: it cannot be told apart, so all of them must come again.
pub(crate) async fn compact_streamed<E: Error + 'static>(
    event: &StreamEvent,
    compact: impl AsyncFn(&str) -> Result<(), E>,
) -> Result<BatchReply, WorkerError> {
    let mut of_dataset: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut failed = Vec::new();
    for record in &event.records {
        let text = |pointer| record.dynamodb.pointer(pointer).and_then(Value::as_str);
        let sequence_number = text("/SequenceNumber").filter(|number| !number.is_empty());
        let sequence_number = sequence_number.ok_or(WorkerError::Missing("sequence number"))?;
        match text("/Keys/pk/S").and_then(dataset_arn) {
            Some(dataset_arn) => of_dataset.entry(dataset_arn).or_default().push(sequence_number),
            None => {
                tracing::error!(sequence_number, "a record of the stream has no key of a journal");
                failed.push(sequence_number);
            }
        }
    }
    for (dataset_arn, sequence_numbers) in of_dataset {
        match compact(dataset_arn).await {
            Ok(()) => tracing::info!(dataset_arn, records = sequence_numbers.len(), "compacted"),
            Err(error) => {
                tracing::error!(dataset_arn, error = &error as &dyn Error, "not compacted");
                failed.extend(sequence_numbers);
            }
        }
    }
    let failure = |number: &str| Failure { item_identifier: number.to_owned() };
    Ok(BatchReply { batch_item_failures: failed.into_iter().map(failure).collect() })
}

/// The dataset whose journal has the partition `journal/<dataset ARN>/<creation of the dataset>/<shard>`.
fn dataset_arn(partition: &str) -> Option<&str> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, shard) = partition.strip_prefix("journal/")?.rsplit_once('/')?;
    let (arn, created_ms) = rest.rsplit_once('/')?;
    let (_, name) = arn.strip_prefix("arn:")?.split_once(":dataset/")?;
    (number(shard) && number(created_ms) && !name.is_empty()).then_some(arn)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;
    use std::io;

    use serde_json::json;

    use super::*;

    const SAMPLE: &str = include_str!("../../../events/import-stream.json");
    const MOVIES: &str = "arn:aws:personalize:us-east-1:000000000000:dataset/movies/INTERACTIONS";
    const SHOPS: &str = "arn:aws:personalize:us-east-1:000000000000:dataset/shops/ITEMS";

    fn record(sequence_number: &str, partition: &str) -> Value {
        let keys = json!({ "pk": { "S": partition }, "sk": { "S": "1700000000000-00112233445566aa" } });
        json!({
            "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "dynamodb": { "Keys": keys, "SequenceNumber": sequence_number },
        })
    }

    fn of(dataset_arn: &str) -> String {
        format!("journal/{dataset_arn}/1700000000000/3")
    }

    /// The sequence numbers that are told as failed, and the datasets that were compacted; those in `bad` fail.
    async fn run(records: Value, bad: &[&str]) -> Result<(Vec<String>, Vec<String>), WorkerError> {
        let event = serde_json::from_value(json!({ "Records": records })).unwrap();
        let asked = RefCell::new(Vec::new());
        let reply = compact_streamed(&event, async |dataset_arn: &str| {
            asked.borrow_mut().push(dataset_arn.to_owned());
            if bad.contains(&dataset_arn) { Err(io::Error::other("disk")) } else { Ok(()) }
        })
        .await?;
        let failed = reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        Ok((failed, asked.into_inner()))
    }

    #[tokio::test]
    async fn each_dataset_is_compacted_once_however_many_records_tell_of_it() {
        let records = json!([record("1", &of(MOVIES)), record("2", &of(SHOPS)), record("3", &of(MOVIES))]);
        assert_eq!(run(records, &[]).await.unwrap(), (vec![], vec![MOVIES.into(), SHOPS.into()]));
        assert_eq!(run(json!([]), &[]).await.unwrap(), (vec![], vec![]));
    }

    #[tokio::test]
    async fn only_the_records_of_a_dataset_that_failed_are_to_come_again() {
        let records = json!([record("1", &of(MOVIES)), record("2", &of(SHOPS)), record("3", &of(MOVIES))]);
        let (failed, compacted) = run(records, &[MOVIES]).await.unwrap();
        assert_eq!(failed, ["1", "3"]);
        assert_eq!(compacted, [MOVIES, SHOPS]);
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_fails_alone() {
        let mut no_keys = record("2", "-");
        no_keys["dynamodb"].as_object_mut().unwrap().remove("Keys");
        let mut number = record("3", "-");
        number["dynamodb"]["Keys"]["pk"] = json!({ "N": "7" });
        let records = json!([record("1", "journal/x/y"), no_keys, number, record("4", &of(SHOPS))]);
        assert_eq!(
            run(records, &[]).await.unwrap(),
            (vec!["1".into(), "2".into(), "3".into()], vec![SHOPS.to_owned()])
        );
    }

    #[tokio::test]
    async fn without_a_sequence_number_the_whole_batch_is_to_come_again() {
        for bad in [json!({ "eventSource": "aws:dynamodb" }), record("", &of(MOVIES))] {
            let result = run(json!([record("1", &of(SHOPS)), bad]), &[]).await;
            assert!(matches!(result, Err(WorkerError::Missing("sequence number"))));
        }
    }

    #[test]
    fn a_key_is_read_from_its_end_since_names_have_slashes() {
        assert_eq!(dataset_arn(&of(MOVIES)), Some(MOVIES));
        for bad in [
            "",
            "journal/",
            "journal/a/b/c",
            &format!("event/{MOVIES}/1/2"),
            &format!("journal/{MOVIES}"),
            &format!("journal/{MOVIES}/1700000000000"),
            &format!("journal/{MOVIES}/1700000000000/"),
            &format!("journal/{MOVIES}/x/1"),
            &format!("journal/{MOVIES}/-1/1"),
            "journal/arn:aws:personalize:us-east-1:000000000000:campaign/c/1/1",
            "journal/arn:aws:personalize:us-east-1:000000000000:dataset//1/1",
        ] {
            assert_eq!(dataset_arn(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn the_sample_tells_of_one_dataset() {
        let records = serde_json::from_str::<Value>(SAMPLE).unwrap()["Records"].take();
        assert_eq!(records.as_array().map(Vec::len), Some(2));
        assert_eq!(run(records, &[]).await.unwrap(), (vec![], vec![MOVIES.into()]));
    }

    #[test]
    fn the_reply_is_as_lambda_reads_it() {
        let failure = Failure { item_identifier: "7".into() };
        let reply = BatchReply { batch_item_failures: vec![failure] };
        assert_eq!(serde_json::to_value(reply).unwrap(), json!({ "batchItemFailures": [{ "itemIdentifier": "7" }] }));
        // Not null: Lambda would take that as well, but so it would an answer that lost its failures.
        assert_eq!(serde_json::to_value(BatchReply::default()).unwrap(), json!({ "batchItemFailures": [] }));
    }
}
