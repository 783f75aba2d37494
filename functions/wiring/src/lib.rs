//! What every function's `main.rs` needs: the configuration, the stores that it names, the start of
//! workers, and Lambda's edge in both directions.
//!
//! A function is one of two kinds. *API* functions ([`serve_api`], [`serve_control`]) answer HTTP
//! requests that API Gateway hands on. *Workers* ([`serve_worker`], [`serve_import_worker`],
//! [`serve_batch_worker`]) do the job that a [`JobRef`](palate_service::JobRef) names. Nothing here knows
//! what an operation or a job is.

mod access;
mod config;
mod control;
mod edge;
mod metric_lines;
mod run;
mod starter;
mod stream;
mod worker;

pub use config::{Config, ConfigError, StoreChoice, WorkerFunctions};
pub use run::{serve_api, serve_batch_worker, serve_control, serve_import_worker, serve_worker};
