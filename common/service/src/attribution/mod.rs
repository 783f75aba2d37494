//! Metric attribution: what a group's events add up to, by metric and by source, in windows of 15 minutes.
//!
//! [`Windows`] is the sum, and pure. Streamed events are counted when they become part of the dataset: what
//! [`of_events`] gives goes into that commit, so each counts once. [`publish_due`] tells of the windows that have
//! closed, as files and as lines for CloudWatch. Imports are counted as a whole by [`of_import`], and
//! [`write_import_report`] writes their file.
//!
//! # What counts, and when
//! - A streamed event counts if its time is not before the attribution's creation, not older than 14 days, and at
//!   most two hours ahead. An import counts with all of its rows in its file; of one that adds rows, lines tell of
//!   the windows that begin after the attribution's creation and in the last 14 days.
//! - An event id that is sent again is no new event. Events that agree in everything but have no or different ids
//!   count each, as do repeated rows of a file.
//! - A window is told of five minutes after its end at the earliest. What comes for it later is told of later: to
//!   have a window's value, add up all of its rows.
//! - At most 100 sources are told apart, those that came first (in a file of an import: that have the most
//!   events); all others together are `OTHER_SOURCES`.
//! - A file is written again, the same, if its writer died; a line is not: a line that was cut off is lost.

mod bulk;
mod group;
mod lines;
mod pending;
mod publish;
mod report;
mod source;
mod streamed;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use bulk::{of_import, write_import_report};
pub(crate) use pending::{Method, forget, window_write};
pub(crate) use publish::publish_due;
pub(crate) use streamed::of_events;
pub(crate) use windows::Windows;

pub(crate) use group::Attribution;
