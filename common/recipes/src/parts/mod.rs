//! Parts: the typed Parquet files that a dataset consists of.
//!
//! [`PartBuilder`] turns typed columns into a file, [`concat()`] joins files without decoding them, [`Part`]
//! reads whole columns back. The files are ordinary Parquet (Snappy, one flat record, strings as UTF-8),
//! so other tools read them; only files that were written here are read here.
//!
//! # Format 1
//! The footer's key-value metadata holds `palate.format` (`1`) and `palate.sha256`: the SHA-256 of the
//! whole file in lower-case hex, taken with the 64 characters of that value set to `0`. The same columns
//! and values give the same bytes.

mod builder;
mod error;
mod read;
mod rle;
mod seal;
mod strings;
mod write;

pub use builder::PartBuilder;
pub use error::PartError;
pub use read::{Part, Values};
pub use strings::{StringColumn, Strings};
pub use write::concat;

/// The type of a column, as in the Avro schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    String,
    Int,
    Long,
    Float,
    Double,
    Boolean,
}

/// One column of a part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub nullable: bool,
}

#[cfg(test)]
mod tests;
