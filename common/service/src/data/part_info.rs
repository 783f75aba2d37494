use serde::{Deserialize, Serialize};

/// How rows came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Origin {
    /// By import jobs.
    #[default]
    Bulk,
    /// One by one: such parts come from the journal.
    Put,
}

/// One part that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartInfo {
    pub key: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the file's content, in lower-case hex.
    pub sha256: String,
    /// When the import was asked for, in milliseconds since the Unix epoch: what of a streamed record and an
    /// imported row is newer. 0 until the manifest takes the part. Parts whose rows have times of their own
    /// (see [`palate_recipes::parts::AT_MS`]) do not need it.
    #[serde(default)]
    pub imported_ms: u64,
    #[serde(default)]
    pub origin: Origin,
}
