use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use super::{Origin, PartInfo};
use crate::error::OpError;
use crate::records::{FORMAT, Records, decode, encode};

pub(super) const PARTITION: &str = "manifest";

/// A part that a manifest has no more, and whose file is still there for those who read the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Retired {
    pub key: String,
    /// Since when, by the service's clock.
    pub at_ms: u64,
}

/// The parts of a dataset. Readers keep the manifest that they began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub format: u64,
    /// In the order of their import: where ids repeat, later rows win.
    pub parts: Vec<PartInfo>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
}

impl Manifest {
    /// Nothing imported yet.
    pub fn empty() -> Self {
        Self { format: FORMAT, parts: Vec::new(), retired: Vec::new() }
    }

    pub fn key(dataset_arn: &str) -> Key {
        Key::new(PARTITION, dataset_arn)
    }

    /// The manifest of a dataset and the version that [`Manifest::replace`] expects.
    pub async fn read(records: &Records, dataset_arn: &str) -> Result<(Self, Option<u64>), OpError> {
        match records.get(&Self::key(dataset_arn)).await? {
            None => Ok((Self::empty(), None)),
            Some(record) => Ok((decode(&record)?, Some(record.version))),
        }
    }

    /// The write that makes this the dataset's manifest.
    pub fn replace(&self, dataset_arn: &str, expected: Option<u64>) -> Result<Write, OpError> {
        let (key, value) = (Self::key(dataset_arn), encode(self)?);
        Ok(match expected {
            None => Write::Create { key, value },
            Some(expected) => Write::Update { key, expected, value },
        })
    }

    /// Whether an import has put anything in.
    pub fn has_bulk(&self) -> bool {
        self.parts.iter().any(|part| part.origin == Origin::Bulk)
    }

    /// Takes parts out; their files are removed once nobody reads them.
    pub fn retire(&mut self, now_ms: u64, gone: impl Fn(&PartInfo) -> bool) {
        let (gone, kept): (Vec<PartInfo>, Vec<PartInfo>) = self.parts.drain(..).partition(gone);
        self.parts = kept;
        self.retired.extend(gone.into_iter().map(|part| Retired { key: part.key, at_ms: now_ms }));
    }
}
