/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No blob (or bucket) has this key.
    #[error("`{key}` does not exist")]
    NotFound { key: String },
    /// A create found its key taken.
    #[error("`{key}` exists already")]
    AlreadyExists { key: String },
    /// A conditional write found another version than it expected.
    #[error("`{key}` has changed meanwhile")]
    Conflict { key: String },
    /// The request cannot be served whatever the state: a bad key, too many writes, a value too large.
    #[error("`{key}`: {reason}")]
    Invalid { key: String, reason: String },
    /// The caller may not do this (AWS: missing permission).
    #[error("no permission for `{key}`")]
    Denied {
        key: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The backend failed: disk, network, throttling. The same call may succeed later.
    #[error("{doing} failed")]
    Backend {
        doing: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
