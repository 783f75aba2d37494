//! The published SDK clients against the service, in process: no socket, no server.

#![allow(clippy::unwrap_used, reason = "a harness of tests")]

mod connector;
mod data;
pub mod resources;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use bytes::Bytes;
use palate_service::{JobKind, JobRef, JobStarter, Quota, Service, Settings, SystemClock};
use palate_store::PutCondition;

pub use connector::InProcess;
pub use data::{interactions_csv, items_csv};

/// The bucket that tests put their files into.
pub const BUCKET: &str = "films";

/// An installation in a folder of its own, with clients of all three APIs.
pub struct Palate {
    pub service: Arc<Service>,
    pub stores: palate_store::Stores,
    pub control: aws_sdk_personalize::Client,
    pub runtime: aws_sdk_personalizeruntime::Client,
    pub events: aws_sdk_personalizeevents::Client,
    called: Arc<Mutex<BTreeSet<String>>>,
    _data: tempfile::TempDir,
}

/// Runs every job at once, in the background; a job that fails for reasons of ours is tried again.
#[derive(Default)]
struct InBackground(OnceLock<Weak<Service>>);

#[async_trait]
impl JobStarter for InBackground {
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let service = self.0.get().and_then(Weak::upgrade).ok_or("the service is gone")?;
        let job = job.clone();
        tokio::spawn(async move { while service.run_job(&job).await.is_err() {} });
        Ok(())
    }
}

/// Starts nothing: jobs stay queued until the test runs them.
pub struct Never;

#[async_trait]
impl JobStarter for Never {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("nobody is there to work".into())
    }
}

/// Credentials for an installation that does not look at them.
fn anybody() -> Credentials {
    Credentials::from_keys("any", "any", None)
}

impl Palate {
    /// An installation whose jobs run by themselves, with room for more than quotas allow.
    pub fn new() -> Self {
        Self::running(Settings::default())
    }

    /// The same with other settings.
    pub fn running(mut settings: Settings) -> Self {
        let starter = Arc::new(InBackground::default());
        for quota in Quota::ALL {
            settings.quotas.set(quota, 1000);
        }
        let palate = Self::with(settings, Arc::clone(&starter) as Arc<dyn JobStarter>);
        starter.0.set(Arc::downgrade(&palate.service)).unwrap();
        palate
    }

    pub fn with(settings: Settings, starter: Arc<dyn JobStarter>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let stores = palate_store::embedded::open(data.path()).unwrap();
        std::fs::create_dir_all(data.path().join("s3").join(BUCKET)).unwrap();
        let service = Service::new(settings, stores.clone(), Arc::new(SystemClock), starter);
        let called = Arc::default();
        let client = InProcess { service: Arc::clone(&service), called: Arc::clone(&called) };
        Self {
            control: connector::control(client.clone(), anybody()),
            runtime: connector::runtime(client.clone(), anybody()),
            events: connector::events(client, anybody()),
            called,
            service,
            stores,
            _data: data,
        }
    }

    /// Stores a file as if a user had uploaded it.
    pub async fn upload(&self, key: &str, content: impl Into<Bytes>) {
        self.stores.buckets.bucket(BUCKET).unwrap().put(key, content.into(), PutCondition::Always).await.unwrap();
    }

    pub async fn download(&self, key: &str) -> Option<String> {
        let content = self.stores.buckets.bucket(BUCKET).unwrap().get(key).await.ok()?;
        Some(String::from_utf8(content.to_vec()).unwrap())
    }

    /// The control plane's client of somebody with an access key.
    pub fn as_caller(&self, id: &str, secret: &str) -> aws_sdk_personalize::Client {
        let http = InProcess { service: Arc::clone(&self.service), called: Arc::clone(&self.called) };
        connector::control(http, Credentials::from_keys(id, secret, None))
    }

    /// Names of the operations that have been called.
    pub fn called(&self) -> BTreeSet<String> {
        self.called.lock().unwrap().clone()
    }

    /// Runs a queued job here and now.
    pub async fn run(&self, kind: JobKind, arn: &str) -> palate_service::JobOutcome {
        self.service.run_job(&JobRef { kind, job: arn.to_owned() }).await.unwrap()
    }
}

impl Default for Palate {
    fn default() -> Self {
        Self::new()
    }
}
