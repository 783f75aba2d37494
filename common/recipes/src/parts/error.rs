use parquet::errors::ParquetError;

use super::ColumnType;

/// Why a part could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The bytes are not a part, or not any more.
    #[error("not a readable part: {reason}")]
    Corrupt { reason: String },
    /// The part has no column of this name.
    #[error("the part has no column `{name}`")]
    NoColumn { name: String },
    /// The column is there, with another type.
    #[error("column `{name}` is {found:?}, not {wanted:?}")]
    WrongType { name: String, found: ColumnType, wanted: ColumnType },
    /// The builder was fed something that its columns do not allow: another type, a null, too few values.
    #[error("the part cannot be built: {reason}")]
    Misused { reason: String },
    /// The Parquet writer failed.
    #[error("writing a part failed")]
    Encode(#[source] ParquetError),
}

impl PartError {
    pub(super) fn corrupt(reason: impl ToString) -> Self {
        Self::Corrupt { reason: reason.to_string() }
    }
}

/// Runs code that reads untrusted bytes and may panic on them (the Parquet reader does here and there).
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, PartError>) -> Result<T, PartError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(PartError::corrupt("the Parquet reader gave up on it")))
}
