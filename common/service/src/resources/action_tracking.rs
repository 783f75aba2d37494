//! Tracking ids of Action_Interactions datasets. Event trackers have ids of their own: neither is found in
//! place of the other.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use crate::error::OpError;
use crate::records::{FORMAT, Records, decode, encode};

/// What a tracking id stands for: found by the id alone, since action interactions name nothing else.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tracking {
    format: u64,
    dataset_arn: String,
}

pub(super) fn key(tracking_id: &str) -> Key {
    Key::new("action-tracking-id", tracking_id)
}

/// The write that gives a dataset its id.
pub(super) fn creation(tracking_id: &str, dataset_arn: &str) -> Result<Write, OpError> {
    let tracking = Tracking { format: FORMAT, dataset_arn: dataset_arn.to_owned() };
    Ok(Write::Create { key: key(tracking_id), value: encode(&tracking)? })
}

/// The dataset that a tracking id belongs to.
pub(crate) async fn tracked_dataset(records: &Records, tracking_id: &str) -> Result<Option<String>, OpError> {
    // No record has an empty key, and no key is longer than that.
    if tracking_id.is_empty() || tracking_id.len() > 1024 {
        return Ok(None);
    }
    let Some(record) = records.get(&key(tracking_id)).await? else { return Ok(None) };
    Ok(Some(decode::<Tracking>(&record)?.dataset_arn))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palate_store::embedded;

    use super::*;

    #[tokio::test]
    async fn a_dataset_is_found_by_its_own_id_alone() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(embedded::open(folder.path()).unwrap().records);
        records.commit(vec![creation("one", "arn:dataset").unwrap()]).await.unwrap();
        assert_eq!(tracked_dataset(&records, "one").await.unwrap().as_deref(), Some("arn:dataset"));
        for id in ["two", "", &"x".repeat(2000)] {
            assert_eq!(tracked_dataset(&records, id).await.unwrap(), None);
        }
    }
}
