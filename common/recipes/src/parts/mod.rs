//! Parts: the typed Parquet files that a dataset consists of.
//!
//! [`PartBuilder`] turns typed columns into a file, [`concat()`] joins files without decoding them, [`Part`]
//! reads whole columns back. The files are ordinary Parquet (one flat record, strings as UTF-8),
//! so other tools read them; only files that were written here are read here.
//!
//! # Format 2
//! The footer's key-value metadata holds `palate.format` (`2`) and `palate.sha256`: the SHA-256 of the
//! whole file in lower-case hex, taken with the 64 characters of that value set to `0`. The same columns
//! and values give the same bytes. In a row group each column is what is least work to write and to read:
//! strings are a dictionary and codes, or lengths and text if most of them differ; whole numbers are packed
//! deltas. Snappy is used where it takes off half. Columns of a Parquet file that somebody else wrote may stand in a
//! part as they are ([`ForeignChunk`]), in his encodings and compression. Format 1 had strings in plain pages and Snappy
//! everywhere; it is read as before.

mod builder;
mod chunk;
mod delta;
mod distinct;
mod error;
mod foreign;
mod read;
mod rewrite;
mod rle;
mod seal;
mod strings;
mod write;

pub use builder::PartBuilder;
pub use error::PartError;
pub use foreign::{ForeignChunk, strings_fit};
pub use read::{Part, Values};
pub use rewrite::{Source, rewrite};
pub use strings::{StringColumn, Strings, foreign_strings};
pub use write::{Piece, Sealed, assemble, assemble_in, concat};

/// A column of parts with streamed rows, and of parts that compaction made: when the row came in, in milliseconds
/// since the Unix epoch. No field of a schema can have a dot in its name.
pub const AT_MS: &str = "palate.at";
/// A column of parts with streamed interactions: the session. A row without a user belongs to its session until
/// the session names the user.
pub const SESSION_ID: &str = "palate.session";

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
