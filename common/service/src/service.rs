use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use palate_store::Stores;
use serde_json::{Map, Value};

use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::{OpError, chain};
use crate::quotas::Quotas;
use crate::records::Records;
use crate::resources::{BatchInferenceJob, Campaign, DatasetImportJob, SolutionVersion};
use crate::runtime::Runtime;
use crate::wire::{self, Timestamp};
use crate::{jobs, operations, upload_trigger};

/// How often an operation is done again because somebody else changed what it had read.
const MAX_REPEATS: usize = 20;

/// What an installation sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Twelve digits; the account in every ARN.
    pub account_id: String,
    /// For requests whose credential scope names none, and for work that no request started.
    pub region: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// How long a job may be silent before another worker may take it up, in milliseconds.
    pub lease_ms: u64,
    /// How much memory models and pages of user histories may take, in bytes.
    pub model_cache_bytes: usize,
    /// How many resources there may be.
    pub quotas: Quotas,
    /// Whether solutions are trained by their schedule.
    pub auto_training: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account_id: "000000000000".into(),
            region: "us-east-1".into(),
            partition: "aws".into(),
            lease_ms: 10_000,
            model_cache_bytes: 1 << 30,
            quotas: Quotas::default(),
            auto_training: true,
        }
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Which worker a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    Import,
    Train,
    Deploy,
    BatchInference,
}

/// Names a job; as JSON, the event that starts a worker function:
/// `{"kind":"import","job":"arn:aws:personalize:us-east-1:000000000000:dataset-import-job/movies"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct JobRef {
    pub kind: JobKind,
    /// The ARN of the resource that the job brings about.
    pub job: String,
}

/// Starts a job somewhere: on a worker of this process, or by invoking a function.
#[async_trait]
pub trait JobStarter: Send + Sync {
    /// Returns once the start is certain to be tried; the job may run more than once.
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// The resource is ACTIVE.
    Done,
    /// The resource is CREATE FAILED, with a reason that its owner can read.
    Failed,
    /// Nothing to do: finished before, or unknown.
    Settled,
    /// Another worker holds the lease.
    Busy,
}

/// Why a run of a job neither finished nor failed for good: worth another attempt.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct JobError {
    pub doing: String,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Amazon Personalize's API over one installation's stores.
pub struct Service {
    pub(crate) settings: Settings,
    pub(crate) stores: Stores,
    pub(crate) records: Records,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) starter: Arc<dyn JobStarter>,
    pub(crate) runtime: Runtime,
}

impl Service {
    pub fn new(settings: Settings, stores: Stores, clock: Arc<dyn Clock>, starter: Arc<dyn JobStarter>) -> Arc<Self> {
        let records = Records::new(Arc::clone(&stores.records));
        let runtime = Runtime::new(settings.model_cache_bytes);
        Arc::new(Self { settings, stores, records, clock, starter, runtime })
    }

    /// Answers a request of `personalize`, `personalize-runtime` or `personalize-events`. Every failure is
    /// a response.
    pub async fn handle<B: Body>(self: &Arc<Self>, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let request_id = uuid::Uuid::new_v4().to_string();
        let (head, body) = request.into_parts();
        let operation = match wire::route(&head.method, head.uri.path(), &head.headers) {
            Ok(operation) => operation,
            Err((api, error)) => return wire::respond(api, &request_id, Err(error)),
        };
        let result = match wire::read_input(body).await {
            Ok(input) => self.call(operation, wire::scope_region(&head.headers), input).await,
            Err(error) => Err(error),
        };
        let code = result.as_ref().err().map(|error| error.code(operation.api).0);
        tracing::debug!(operation = operation.name, request_id, code, "answered");
        wire::respond(operation.api, &request_id, result)
    }

    async fn call(
        self: &Arc<Self>,
        operation: &'static wire::Operation,
        region: Option<String>,
        input: Map<String, Value>,
    ) -> Result<Value, OpError> {
        let Some(handler) = operations::find(&operation.name) else {
            let message = format!("{} is not available in this version of Palate.", operation.name);
            return Err(OpError::NotImplemented(message));
        };
        wire::validate(operation, &input)?;
        let place = self.place(region);
        let call = Call { service: Arc::clone(self), operation: &operation.name, place, input };
        let mut answer = handler(call.clone()).await;
        for _ in 0..MAX_REPEATS {
            match answer {
                Err(OpError::Changed(_)) => answer = handler(call.clone()).await,
                other => return other,
            }
        }
        answer
    }

    /// Does a job, from wherever an earlier attempt left it.
    pub async fn run_job(self: &Arc<Self>, job: &JobRef) -> Result<JobOutcome, JobError> {
        let arn = &job.job;
        match Kind::of(arn) {
            Some(Kind::DatasetImportJob) => jobs::run::<DatasetImportJob>(self, arn).await,
            Some(Kind::SolutionVersion) => jobs::run::<SolutionVersion>(self, arn).await,
            Some(Kind::Campaign) => jobs::run::<Campaign>(self, arn).await,
            Some(Kind::BatchInferenceJob) => jobs::run::<BatchInferenceJob>(self, arn).await,
            _ => Ok(JobOutcome::Settled),
        }
    }

    /// Starts every job again that has not settled and that no worker holds. Called at start and then every
    /// few seconds or minutes; harmless at any time. Returns how many were started.
    pub async fn sweep(self: &Arc<Self>) -> Result<usize, JobError> {
        jobs::sweep(self).await.map_err(|error| JobError { doing: "sweep the jobs".into(), source: Box::new(error) })
    }

    /// Takes note of a new object in a user's bucket. An upload to `batch/input/<solution name>/<file>`
    /// starts a batch inference job whose answers land under `batch/output/<solution name>/`; returns its
    /// ARN. Other keys: `None`. `version` is whatever tells one upload of the key from another (the event's
    /// sequencer, say): the same one twice starts one job. `region` is where the solution is looked for.
    pub async fn object_created(
        self: &Arc<Self>,
        region: Option<&str>,
        bucket: &str,
        key: &str,
        version: &str,
    ) -> Result<Option<String>, JobError> {
        upload_trigger::object_created(self, region, bucket, key, version).await.map_err(|error| JobError {
            doing: format!("start the batch job of s3://{bucket}/{key}"),
            source: Box::new(error),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX))
    }

    /// Removes Palate's own blobs below `prefix`, which no record names any more. What cannot be removed stays
    /// and is told to the log: the deletion that it belongs to has happened.
    pub(crate) async fn remove_blobs(&self, prefix: &str) {
        let mut after = None;
        loop {
            let page = match self.stores.blobs.list(prefix, after.as_deref(), 1000).await {
                Ok(page) => page,
                Err(error) => return tracing::warn!(prefix, error = chain(&error), "blobs not removed"),
            };
            for blob in page.entries {
                if let Err(error) = self.stores.blobs.delete(&blob.key).await {
                    tracing::warn!(key = blob.key, error = chain(&error), "blob not removed");
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }

    /// Where requests of this region put their resources.
    pub(crate) fn place(&self, region: Option<String>) -> Place {
        Place {
            partition: self.settings.partition.clone(),
            region: region.unwrap_or_else(|| self.settings.region.clone()),
            account: self.settings.account_id.clone(),
        }
    }
}
