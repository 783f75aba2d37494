//! The service: Amazon Personalize's operations over Palate's stores and recipes.
//!
//! [`Service::handle`] takes an HTTP request of any of the three APIs and gives the response; it knows
//! nothing of servers or Lambda. Work that takes longer than a request is a job: [`JobStarter`] starts it,
//! [`Service::run_job`] does it, wherever that is.

mod arn;
mod batch;
mod call;
mod error;
mod events;
mod import;
mod jobs;
mod operations;
mod paging;
mod quotas;
mod records;
mod resources;
mod runtime;
mod schema;
mod service;
mod upload_trigger;
mod wire;

pub use quotas::{Quota, Quotas};
pub use service::{Clock, JobError, JobKind, JobOutcome, JobRef, JobStarter, Service, Settings, SystemClock};
