use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::Full;
use palate_store::Stores;
use serde_json::{Map, Value};
use tracing::Instrument;

use crate::arn::{Kind, Place};
use crate::attribution;
use crate::auth::{Access, Gate};
use crate::call::Call;
use crate::data::{self, Compacting};
use crate::deletion;
use crate::error::{OpError, chain};
use crate::events::Events;
use crate::insights::{self, Insights};
use crate::metrics::{Gauges, Metrics, NO_OPERATION, Queued};
use crate::quotas::Quotas;
use crate::records::Records;
use crate::reports::{self, ModelReport};
use crate::request_id::RequestId;
use crate::resources::{
    self, BatchInferenceJob, BatchSegmentJob, Campaign, DataDeletionJob, DatasetExportJob, DatasetImportJob, Filter,
    Recommender, SolutionVersion,
};
use crate::runtime::{self, Explain, ItemExplanation, Runtime};
use crate::wire::{self, Timestamp};
use crate::{jobs, operations, upload_trigger};

/// How often an operation is done again because somebody else changed what it had read.
const MAX_REPEATS: u32 = 40;

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
    /// How long a training may learn before it ends with the best that it has, where a function lives only so long.
    /// `None`: as long as it takes.
    pub training_time: Option<Duration>,
    /// Who may call.
    pub access: Access,
    /// Where lines in CloudWatch's embedded metric format go; nowhere if absent. On AWS a line on standard output is
    /// enough.
    pub metric_lines: Option<fn(&str)>,
}

/// Why a score is not explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// What was asked for cannot be told; says why.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Failed(JobError),
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
            training_time: None,
            access: Access::Anyone,
            metric_lines: None,
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
    /// The resource is CREATE STOPPED, as its owner wanted.
    Stopped,
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
    pub(crate) events: Events,
    pub(crate) compacting: Compacting,
    /// Absent where anyone may call.
    pub(crate) gate: Option<Gate>,
    pub(crate) metrics: Metrics,
}

impl Service {
    pub fn new(settings: Settings, stores: Stores, clock: Arc<dyn Clock>, starter: Arc<dyn JobStarter>) -> Arc<Self> {
        let records = Records::new(Arc::clone(&stores.records));
        let runtime = Runtime::new(settings.model_cache_bytes);
        let gate = Gate::of(&settings.access, &stores.records);
        let (events, compacting, metrics) = (Events::default(), Compacting::default(), Metrics::new());
        Arc::new(Self { settings, stores, records, clock, starter, runtime, events, compacting, gate, metrics })
    }

    /// Answers a request of `personalize`, `personalize-runtime` or `personalize-events`. Every failure is
    /// a response.
    pub async fn handle<B: Body>(self: &Arc<Self>, request: Request<B>) -> Response<Full<Bytes>>
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let request_id = RequestId::of(&head.extensions);
        let routed = wire::route(&head.method, head.uri.path(), &head.headers);
        let (api, name) = match &routed {
            Ok(operation) => (operation.api, operation.name.as_str()),
            Err((api, _)) => (*api, NO_OPERATION),
        };
        let _in_flight = self.metrics.begin();
        let span = tracing::info_span!("request", %request_id, operation = name);
        let answer = async {
            let result = match routed {
                Ok(operation) => self.answer(operation, &head, body).await,
                Err((_, error)) => Err(error),
            };
            let code = result.as_ref().err().map(|error| error.code(api).0);
            let response = wire::respond(api, &request_id, result);
            let (status, took) = (response.status().as_u16(), begun.elapsed());
            self.metrics.answered(api, name, status, took);
            let took_ms = took.as_secs_f64() * 1e3;
            match code {
                None => tracing::debug!(status, took_ms, "answered"),
                Some(code) => tracing::info!(status, code, took_ms, "refused"),
            }
            response
        };
        answer.instrument(span).await
    }

    /// A panic below here is one request's failure: nothing that it may have left half-done is shared.
    async fn answer<B: Body>(
        self: &Arc<Self>,
        operation: &'static wire::Operation,
        head: &Parts,
        body: B,
    ) -> Result<Value, OpError>
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let answer = async {
            // Who cannot be let in is told so before the body is read.
            let caller = self.approach(head).await?;
            let content = wire::read_body(body).await?;
            self.admit(caller, operation, head, &content)?;
            self.call(operation, &head.headers, wire::parse_input(&content)?).await
        };
        // What it panicked with may hold the user's data; the panic hook tells where it was.
        let panicked = |_| Err(OpError::internal("the operation panicked"));
        AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(panicked)
    }

    async fn call(
        self: &Arc<Self>,
        operation: &'static wire::Operation,
        headers: &HeaderMap,
        input: Map<String, Value>,
    ) -> Result<Value, OpError> {
        let handler = operations::find(&operation.name)?;
        wire::validate(operation, &input)?;
        let (place, explain) = (self.place(wire::scope_region(headers)), runtime::asked_for(headers));
        let call = Call { service: Arc::clone(self), operation: &operation.name, place, input, explain };
        let mut answer = handler(call.clone()).await;
        for repeat in 1..=MAX_REPEATS {
            if !matches!(answer, Err(OpError::Changed(_))) {
                break;
            }
            // Many who write to one record at a time would go on meeting each other without a pause of chance.
            let longest_us = u128::from(repeat.min(10)) * 2_000;
            let pause_us = uuid::Uuid::new_v4().as_u128() % longest_us;
            tokio::time::sleep(Duration::from_micros(u64::try_from(pause_us).unwrap_or_default())).await;
            answer = handler(call.clone()).await;
        }
        answer
    }

    /// Does a job, from wherever an earlier attempt left it.
    pub async fn run_job(self: &Arc<Self>, job: &JobRef) -> Result<JobOutcome, JobError> {
        let result = self.do_job(job).await;
        self.metrics.job_ended(job.kind, &result);
        result
    }

    async fn do_job(self: &Arc<Self>, job: &JobRef) -> Result<JobOutcome, JobError> {
        let arn = &job.job;
        match Kind::of(arn) {
            Some(Kind::DatasetImportJob) => jobs::run::<DatasetImportJob>(self, arn).await,
            Some(Kind::SolutionVersion) => jobs::run::<SolutionVersion>(self, arn).await,
            Some(Kind::Campaign) => jobs::run::<Campaign>(self, arn).await,
            Some(Kind::Recommender) => jobs::run::<Recommender>(self, arn).await,
            Some(Kind::Filter) => jobs::run::<Filter>(self, arn).await,
            Some(Kind::BatchInferenceJob) => jobs::run::<BatchInferenceJob>(self, arn).await,
            Some(Kind::BatchSegmentJob) => jobs::run::<BatchSegmentJob>(self, arn).await,
            Some(Kind::DatasetExportJob) => jobs::run::<DatasetExportJob>(self, arn).await,
            Some(Kind::DataDeletionJob) => jobs::run::<DataDeletionJob>(self, arn).await,
            // What was streamed into a dataset is to become a part: no resource comes of it.
            Some(Kind::Dataset) => self.compact(arn).await.map(|()| JobOutcome::Done),
            _ => match deletion::run_removal(self, arn).await {
                None => Ok(JobOutcome::Settled),
                Some(Ok(())) => Ok(JobOutcome::Done),
                Some(Err(error)) => Err(JobError { doing: format!("do {arn}"), source: Box::new(error) }),
            },
        }
    }

    /// Turns what was streamed into a dataset so far into parts. Harmless at any time; training and exports see
    /// streamed rows with or without it.
    ///
    /// # Errors
    /// If the store fails, or if something that was streamed cannot be read: that stays where it is.
    pub async fn compact(self: &Arc<Self>, dataset_arn: &str) -> Result<(), JobError> {
        data::compact(self, dataset_arn)
            .await
            .map_err(|error| JobError { doing: format!("compact {dataset_arn}"), source: error.into() })
    }

    /// Starts every job again that has not settled and that no worker holds, and what the time has come for:
    /// automatic training, and campaigns that follow the newest version. Called at start and then every few
    /// seconds or minutes; harmless at any time. Returns how many jobs were started.
    pub async fn sweep(self: &Arc<Self>) -> Result<usize, JobError> {
        let failed = |doing: &str, error| JobError { doing: doing.into(), source: Box::new(error) };
        let again = jobs::sweep(self).await.map_err(|error| failed("sweep the jobs", error))?;
        let due = resources::sweep(self).await.map_err(|error| failed("sweep the schedules", error))?;
        attribution::publish_due(self).await.map_err(|error| failed("publish metrics", error))?;
        let compactions = data::sweep(self).await.map_err(|error| failed("sweep the datasets", error))?;
        let removals = deletion::sweep_removals(self).await.map_err(|error| failed("sweep the removals", error))?;
        Ok(again + due + removals + compactions)
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

    /// The jobs that have not settled, and how far they are. Fails if the store does not answer.
    pub async fn jobs(&self) -> Result<Vec<jobs::JobStatus>, JobError> {
        jobs::unsettled(self).await.map_err(|error| JobError { doing: "list the jobs".into(), source: Box::new(error) })
    }

    /// How many jobs have not settled. Fails if the store does not answer.
    pub async fn queued_jobs(&self) -> Result<Queued, JobError> {
        jobs::queued(self).await.map_err(|error| JobError { doing: "count the jobs".into(), source: Box::new(error) })
    }

    /// What it has done since it began and what it holds, in Prometheus' text format 0.0.4.
    pub async fn metrics_text(&self) -> String {
        let jobs = self.queued_jobs().await;
        if let Err(error) = &jobs {
            tracing::warn!(error = chain(error), "the jobs are not counted");
        }
        let (cache_bytes, cache_entries) = self.runtime.cache_bytes();
        self.metrics.text(&Gauges { jobs: jobs.ok(), cache_bytes, cache_entries })
    }

    /// `errors.jsonl` of the import job `arn`: the rows for which it failed, an object a line. `None` if there is
    /// no such job, or it left none.
    pub async fn import_errors(&self, arn: &str) -> Result<Option<Bytes>, JobError> {
        let failed = |error| JobError { doing: format!("read the bad rows of {arn}"), source: Box::new(error) };
        resources::import_errors::read(self, arn).await.map_err(failed)
    }

    /// What is in a dataset and what that means for recipes. `dataset` is its ARN, or `<dataset group>/<type>` in
    /// the installation's own region. `None` if there is no such dataset.
    pub async fn insights(&self, dataset: &str) -> Result<Option<Insights>, JobError> {
        let Some(arn) = insights::dataset_named(self, dataset) else { return Ok(None) };
        let failed = |error| JobError { doing: format!("compute the insights of {arn}"), source: Box::new(error) };
        insights::current(self, &arn).await.map_err(failed)
    }

    /// How good the model of a solution version or recommender is. `name` is its ARN, `<solution>/<version>`, or a
    /// solution, which stands for its newest ACTIVE version; names are of the installation's own region. `None` if
    /// there is no such model.
    pub async fn model_report(&self, name: &str) -> Result<Option<ModelReport>, JobError> {
        let failed = |error| JobError { doing: format!("read the report of {name}"), source: Box::new(error) };
        reports::current(self, name).await.map_err(failed)
    }

    /// Why a user gets an item.
    ///
    /// # Errors
    /// [`ExplainError::Refused`] if there is no such campaign or item, or its recipe does not tell.
    pub async fn explain(self: &Arc<Self>, asked: &Explain) -> Result<ItemExplanation, ExplainError> {
        runtime::explain(self, asked).await.map_err(|error| match error {
            OpError::Internal(source) => ExplainError::Failed(JobError { doing: "explain a score".into(), source }),
            refused => ExplainError::Refused(refused.to_string()),
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
