//! How many records a deletion has removed: counted in the commits that remove them, so that an attempt that was
//! cut off is counted too, and nothing twice.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use crate::error::OpError;
use crate::records::{FORMAT, Records, decode, encode};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    format: u64,
    deleted: u64,
}

/// The count of one job.
pub(crate) struct Tally(Key);

impl Tally {
    pub fn of(job_arn: &str) -> Self {
        Self(Key::new("deletion", job_arn))
    }

    /// The write that adds to the count; `None` if there is nothing to add.
    pub async fn add(&self, records: &Records, deleted: u64) -> Result<Option<Write>, OpError> {
        if deleted == 0 {
            return Ok(None);
        }
        let key = self.0.clone();
        Ok(Some(match records.get(&key).await? {
            None => Write::Create { key, value: encode(&Counted { format: FORMAT, deleted })? },
            Some(record) => {
                let deleted = decode::<Counted>(&record)?.deleted + deleted;
                Write::Update { key, expected: record.version, value: encode(&Counted { format: FORMAT, deleted })? }
            }
        }))
    }

    /// The count, and the write that ends it.
    pub async fn end(&self, records: &Records) -> Result<(u64, Option<Write>), OpError> {
        Ok(match records.get(&self.0).await? {
            None => (0, None),
            Some(record) => {
                let deleted = decode::<Counted>(&record)?.deleted;
                (deleted, Some(Write::Delete { key: self.0.clone(), expected: record.version }))
            }
        })
    }
}
