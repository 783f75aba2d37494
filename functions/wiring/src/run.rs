//! From the start of the process to Lambda's event loop: one function for each kind of `main`.
//!
//! Stores, clients and models are built once, before the first event.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use lambda_http::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use palate_service::{JobKind, JobRef, Service, SystemClock};
use palate_store::Stores;

use crate::access::access;
use crate::control::{ControlEvent, control};
use crate::edge::answer;
use crate::starter::InvokeWorker;
use crate::worker::{BatchEvent, ImportEvent, do_batch, do_import, do_job};
use crate::{Config, StoreChoice};

/// Answers API requests until Lambda ends the process.
///
/// # Errors
/// If the environment is wrong, the stores cannot be opened or Lambda cannot be reached.
pub async fn serve_api() -> Result<(), Error> {
    let service = start(Callers::Clients).await?;
    lambda_http::run(lambda_http::service_fn(move |request| answer(service.clone(), request))).await
}

/// Answers API requests, and starts abandoned jobs again whenever the schedule's event comes.
///
/// # Errors
/// As [`serve_api`].
pub async fn serve_control() -> Result<(), Error> {
    let service = start(Callers::Clients).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ControlEvent>| control(service.clone(), event))).await
}

/// Does jobs of one kind.
///
/// # Errors
/// As [`serve_api`].
pub async fn serve_worker(kind: JobKind) -> Result<(), Error> {
    let service = &start(Callers::Functions).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<JobRef>| do_job(service, kind, event.payload))).await
}

/// Does the jobs of the import function, and compacts what the table's stream tells of.
///
/// # Errors
/// As [`serve_api`].
pub async fn serve_import_worker() -> Result<(), Error> {
    let service = &start(Callers::Functions).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ImportEvent>| do_import(service, event.payload))).await
}

/// Does batch inference jobs, and takes note of uploads.
///
/// # Errors
/// As [`serve_api`].
pub async fn serve_batch_worker() -> Result<(), Error> {
    let service = &start(Callers::Functions).await?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<BatchEvent>| do_batch(service, event.payload))).await
}

/// Who invokes a function, in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callers {
    /// Programs, through API Gateway.
    Clients,
    /// The installation itself; no request is answered, so no key is read.
    Functions,
}

async fn start(callers: Callers) -> Result<Arc<Service>, Error> {
    // JSON where the LoggingConfig of the function says so, as that of the template does.
    lambda_http::tracing::init_default_subscriber();
    palate_service::log_panics();
    let mut config = Config::from_env()?;
    let stores = open_stores(&config).await?;
    // The region is given, or the SDK would ask the instance's metadata service for it.
    let region = Region::new(config.settings.region.clone());
    let sdk = aws_config::defaults(BehaviorVersion::latest()).region(region).load().await;
    if callers == Callers::Clients {
        config.settings.access = access(&config, &sdk).await?;
    }
    let starter = InvokeWorker { client: aws_sdk_lambda::Client::new(&sdk), workers: config.workers };
    Ok(Service::new(config.settings, stores, Arc::new(SystemClock), Arc::new(starter)))
}

async fn open_stores(config: &Config) -> Result<Stores, Error> {
    match &config.store {
        #[cfg(feature = "embedded")]
        StoreChoice::Embedded { data } => Ok(palate_store::embedded::open(data)?),
        #[cfg(not(feature = "embedded"))]
        StoreChoice::Embedded { .. } => Err(crate::ConfigError::NotBuilt("embedded").into()),
        #[cfg(feature = "aws")]
        StoreChoice::Aws { table, bucket } => {
            let stores = palate_store::aws::connect(palate_store::aws::AwsConfig {
                table: table.clone(),
                bucket: bucket.clone(),
                region: Some(config.settings.region.clone()),
            });
            Ok(stores.await?)
        }
        #[cfg(not(feature = "aws"))]
        StoreChoice::Aws { .. } => Err(crate::ConfigError::NotBuilt("aws").into()),
    }
}
