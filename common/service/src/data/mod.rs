//! What a dataset consists of: parts, which a manifest lists, and a journal of what was streamed and is in no
//! part yet. Readers take a [`Snapshot`] of both; [`compact`] turns the journal into parts and many small parts
//! into few; parts that were replaced are removed once nobody reads them.

mod compaction;
mod journal;
mod manifest;
mod merge;
mod part_info;
mod pins;
mod retirement;
mod rows;
mod snapshot;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use compaction::{Compacting, compact, record_of};
pub(crate) use journal::{Journal, Journaled};
pub(crate) use manifest::Manifest;
pub(crate) use part_info::{Origin, PartInfo};
pub(crate) use rows::{Row, keeps_sessions};
pub(crate) use snapshot::{Snapshot, SnapshotPart};
pub(crate) use sweep::sweep;

use crate::arn::{Kind, Place};
use crate::error::OpError;

/// Where the parts of a dataset go.
pub(crate) fn parts_of(dataset_arn: &str) -> Result<String, OpError> {
    let broken = || OpError::internal(format!("{dataset_arn} is no dataset's ARN"));
    let place = Place::of(dataset_arn).ok_or_else(broken)?;
    let path = Kind::Dataset.parts(dataset_arn).ok_or_else(broken)?.join("/");
    Ok(format!("datasets/{}/{}/{path}", place.account, place.region))
}
