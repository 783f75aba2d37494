//! Resources of the control plane, by calls as clients make them.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod attributions;
mod built_in;
mod datasets;
mod jobs;
mod lists;
mod quotas;
mod tags;
