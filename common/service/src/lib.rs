//! The service: Amazon Personalize's operations over Palate's stores and recipes.
//!
//! [`Service::handle`] takes an HTTP request of any of the three APIs and gives the response; it knows
//! nothing of servers or Lambda. Work that takes longer than a request is a job: [`JobStarter`] starts it,
//! [`Service::run_job`] does it, wherever that is.

mod arn;
mod attribution;
pub mod auth;
mod batch;
mod call;
mod catalogue;
mod data;
mod deletion;
mod error;
mod events;
mod export;
pub mod filters;
mod import;
mod insights;
mod jobs;
mod metrics;
mod operations;
mod paging;
mod panics;
mod quotas;
mod records;
mod reports;
mod request_id;
mod resources;
mod runtime;
mod schema;
mod service;
#[cfg(test)]
mod testing;
mod upload_trigger;
mod wire;

pub use import::check::{CheckSchema, Checked, check_files};
pub use import::errors::{BadRow, BadRows};
pub use insights::Insights;
pub use jobs::{Advance, JobStatus};
pub use metrics::Queued;
pub use panics::log_panics;
pub use quotas::{Quota, Quotas};
pub use reports::{EarlierVersion, ModelReport};
pub use request_id::RequestId;
pub use runtime::{Contributor, Counted, Explain, ExplainedPart, ItemExplanation};
pub use service::{
    Clock, ExplainError, JobError, JobKind, JobOutcome, JobRef, JobStarter, Service, Settings, SystemClock,
};
pub use wire::BodyStalled;
