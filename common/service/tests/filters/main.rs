//! Filters from end to end: a small imported group, campaigns, and what they answer.

#![allow(clippy::unwrap_used)]

mod answers;
mod batches;
mod films;
mod history;
mod refusals;
mod resources;
mod semantics;
#[path = "../support/mod.rs"]
mod support;
