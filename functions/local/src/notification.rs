//! S3 event notifications.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::s3::NewObject;

#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    aws_region: Option<String>,
    event_name: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    /// URL-encoded, a space as `+`.
    key: String,
    #[serde(default)]
    e_tag: String,
    #[serde(default)]
    sequencer: String,
}

/// The objects that a notification says were created; other events are passed over.
pub fn created_objects(notification: &[u8]) -> Result<Vec<NewObject>, serde_json::Error> {
    let notification: Notification = serde_json::from_slice(notification)?;
    let created = notification.records.into_iter().filter(|record| record.event_name.contains("ObjectCreated:"));
    Ok(created
        .map(|record| {
            let Object { key, e_tag, sequencer } = record.s3.object;
            let key = percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned();
            let region = record.aws_region.filter(|region| !region.is_empty());
            NewObject { region, bucket: record.s3.bucket.name, key, version: format!("{e_tag}{sequencer}") }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn created_objects_are_read_with_their_keys_decoded() {
        let object = |event: &str, key: &str| {
            format!(
                r#"{{"eventName":"{event}","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}","eTag":"e"}}}}}}"#
            )
        };
        let records = [
            object("ObjectCreated:Put", "batch/input/a+b%2B%C3%A4.json"),
            object("ObjectRemoved:Delete", "x"),
            object("s3:ObjectCreated:CompleteMultipartUpload", "y"),
        ];
        let notification = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        let created = created_objects(notification.as_bytes()).unwrap();
        let keys: Vec<&str> = created.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, ["batch/input/a b+ä.json", "y"]);
        assert_eq!((created[0].bucket.as_str(), created[0].version.as_str()), ("b", "e"));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(created_objects(b"{}").is_err());
        assert!(created_objects(b"not json").is_err());
    }
}
