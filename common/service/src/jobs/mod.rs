//! Jobs: work that outlives a request, done at least once and seen exactly once.
//!
//! A job is a record beside the resource that it brings about, created in the same commit. Whoever runs it
//! takes a lease on the record and renews it; a worker that dies stops renewing, and another takes over. The
//! commit that settles the resource also deletes the job record at the version that the lease holder knows,
//! so a worker that lost its lease cannot change anything any more.

mod lease;
mod run;
mod stop;
mod told;

use std::future::Future;
use std::sync::Arc;

use palate_store::{Key, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use lease::Lost;
pub(crate) use run::{Run, run};
pub(crate) use stop::StopWatch;
pub use told::Advance;
pub(crate) use told::Told;

use crate::error::OpError;
use crate::metrics::Queued;
use crate::records::{FORMAT, Records, Resource, Stored, encode};
use crate::resources::Status;
use crate::service::{JobKind, JobRef, Service};
use crate::wire::Timestamp;

/// A job that has failed this often for reasons of ours is given up.
pub(crate) const MAX_ATTEMPTS: u32 = 5;

const PARTITION: &str = "job";

/// A resource that a job brings about.
pub(crate) trait Job: Resource + Clone {
    const JOB: JobKind;

    /// What the work leaves for the settling commit.
    type Product: Send + Sync;

    /// Where the job shows how far it is.
    fn state(&mut self) -> State<'_>;

    /// Whether its owner wants the job to end. Then it does no more work and ends as CREATE STOPPED, however
    /// far it came.
    fn stopping(&self) -> bool {
        false
    }

    /// Does the work. It may run more than once, also at the same time as a run that lost its lease: what it
    /// writes goes under names of this attempt, and nothing shows before `finish`.
    fn work(service: &Arc<Service>, run: &Run<Self>) -> impl Future<Output = Result<Self::Product, WorkError>> + Send;

    /// Fills in `resource` and gives the writes that make the product visible. Called again if they conflict. Without it the
    /// work has left everything where it belongs.
    fn finish(
        _service: &Arc<Service>,
        _resource: &mut Self,
        _product: &Self::Product,
    ) -> impl Future<Output = Result<Vec<Write>, WorkError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Called when the job has come to its end well, for what may follow from that. It may be cut off, so a
    /// sweep must see to the same.
    fn then(_service: &Arc<Service>, _resource: &Self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// The members of a resource that tell of its job.
pub(crate) struct State<'a> {
    pub status: &'a mut Status,
    /// What the states are called while it works and after.
    pub words: Words,
    pub failure_reason: &'a mut Option<String>,
    pub updated: &'a mut Timestamp,
}

/// The names of a job's states.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub in_progress: Status,
    pub done: Status,
    pub failed: Status,
}

impl Words {
    /// Of everything that a Create operation brings about.
    pub const CREATE: Self =
        Self { in_progress: Status::CreateInProgress, done: Status::Active, failed: Status::CreateFailed };
    /// Of data deletion jobs.
    pub const DELETION: Self =
        Self { in_progress: Status::InProgress, done: Status::Completed, failed: Status::Failed };

    /// Of a recommender that is to rest; if that fails it goes on answering.
    pub const STOP: Self = Self { in_progress: Status::StopInProgress, done: Status::Inactive, failed: Status::Active };

    /// Of a recommender that is to answer again; if that fails it goes on resting.
    pub const START: Self =
        Self { in_progress: Status::StartInProgress, done: Status::Active, failed: Status::Inactive };
}

impl State<'_> {
    /// The job is taken up.
    fn begin(self, now: Timestamp) {
        *self.status = self.words.in_progress;
        *self.updated = now;
    }

    /// The job has ended, well or with a reason.
    fn settle(self, failure: Option<String>, now: Timestamp) {
        *self.status = if failure.is_some() { self.words.failed } else { self.words.done };
        *self.failure_reason = failure;
        *self.updated = now;
    }

    /// The job has ended because its owner wanted that.
    fn stop(self, now: Timestamp) {
        *self.status = Status::CreateStopped;
        *self.updated = now;
    }
}

/// Why work did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// The job fails for good; the text is the user's `failureReason`.
    #[error("{0}")]
    Failed(String),
    /// Something of ours failed; another attempt may succeed.
    #[error("{0}")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another worker has the job now.
    #[error("the lease is lost")]
    Lost,
    /// The owner wanted it to end: [`Job::stopping`].
    #[error("stopped")]
    Stopped,
}

impl WorkError {
    pub fn retry(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Retry(error.into())
    }
}

impl From<StoreError> for WorkError {
    fn from(error: StoreError) -> Self {
        Self::retry(error)
    }
}

impl From<OpError> for WorkError {
    fn from(error: OpError) -> Self {
        match error {
            OpError::Internal(source) => Self::Retry(source),
            other => Self::Failed(other.to_string()),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRecord {
    format: u64,
    kind: JobKind,
    /// How often a worker has taken it up.
    attempt: u32,
    created_ms: u64,
    /// Nobody else may take it up before this.
    leased_until_ms: u64,
    /// How far the attempt is, if it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advance: Option<Advance>,
}

/// A job that has not settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// ARN of the resource that it brings about.
    pub job: String,
    pub kind: JobKind,
    /// How often a worker has taken it up.
    pub attempt: u32,
    /// Whether a worker is at it.
    pub running: bool,
    /// How far the worker is, if it tells; seconds old at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advance: Option<Advance>,
}

fn key(arn: &str) -> Key {
    Key::new(PARTITION, arn)
}

/// Creates a resource that a job makes ACTIVE, does `with` in the same commit, and starts the job.
pub(crate) async fn create<J: Job>(
    service: &Service,
    records: &Records,
    resource: &J,
    tags: Vec<Value>,
    mut with: Vec<Write>,
) -> Result<(), OpError> {
    with.push(queue::<J>(service, resource.arn())?);
    records.create(resource, tags, with).await?;
    start::<J>(service, resource.arn()).await;
    Ok(())
}

/// As [`create`], for a resource that is there and changes.
pub(crate) async fn save<J: Job>(
    service: &Service,
    records: &Records,
    stored: &Stored<J>,
    mut with: Vec<Write>,
) -> Result<(), OpError> {
    with.push(queue::<J>(service, stored.resource.arn())?);
    records.save(stored, with).await?;
    start::<J>(service, stored.resource.arn()).await;
    Ok(())
}

/// The write that queues the job of a resource, for the commit that creates or changes the resource. It
/// fails if the resource has a job already.
pub(crate) fn queue<J: Job>(service: &Service, arn: &str) -> Result<Write, OpError> {
    Ok(Write::Create { key: key(arn), value: encode(&new_record(service, J::JOB))? })
}

/// As [`queue`], for a worker of that kind; it takes the place of the job that the resource may have. Who does
/// that one loses the lease.
pub(crate) async fn queue_instead(service: &Service, kind: JobKind, arn: &str) -> Result<Write, OpError> {
    let value = encode(&new_record(service, kind))?;
    Ok(match service.records.get(&key(arn)).await? {
        Some(record) => Write::Update { key: key(arn), expected: record.version, value },
        None => Write::Create { key: key(arn), value },
    })
}

/// The write that takes a resource's job away, if it has one. Who does it loses the lease.
pub(crate) async fn cancel(service: &Service, arn: &str) -> Result<Option<Write>, OpError> {
    let record = service.records.get(&key(arn)).await?;
    Ok(record.map(|record| Write::Delete { key: key(arn), expected: record.version }))
}

fn new_record(service: &Service, kind: JobKind) -> JobRecord {
    JobRecord {
        format: FORMAT,
        kind,
        attempt: 0,
        created_ms: service.clock.now_ms(),
        leased_until_ms: 0,
        advance: None,
    }
}

/// Starts a queued job. If that fails, the job stays queued and the next sweep starts it.
pub(crate) async fn start<J: Job>(service: &Service, arn: &str) {
    start_as(service, J::JOB, arn).await;
}

/// As [`start`], on a worker of that kind.
pub(crate) async fn start_as(service: &Service, kind: JobKind, arn: &str) {
    let job = JobRef { kind, job: arn.to_owned() };
    if let Err(error) = service.starter.start(&job).await {
        tracing::warn!(job = job.job, error = crate::error::chain(error.as_ref()), "job not started; it stays queued");
    }
}

/// Starts every job again that nobody holds.
pub(crate) async fn sweep(service: &Service) -> Result<usize, OpError> {
    use palate_store::RecordStoreExt;
    let now = service.clock.now_ms();
    let mut started = 0;
    for record in service.records.list_all(PARTITION, "").await? {
        let job: JobRecord = crate::records::decode(&record)?;
        // A job that is new may just be on its way to its first worker.
        let waiting = job.attempt == 0 && now < job.created_ms.saturating_add(service.settings.lease_ms);
        if waiting || now < job.leased_until_ms {
            continue;
        }
        let job = JobRef { kind: job.kind, job: record.key.sort };
        match service.starter.start(&job).await {
            Ok(()) => started += 1,
            Err(error) => {
                tracing::warn!(job = job.job, error = crate::error::chain(error.as_ref()), "job not started again");
            }
        }
    }
    Ok(started)
}

/// Whether the resource has a job that has not settled.
pub(crate) async fn is_queued(service: &Service, arn: &str) -> Result<bool, OpError> {
    Ok(service.records.get(&key(arn)).await?.is_some())
}

/// The jobs that have not settled, in the order of their ARNs.
pub(crate) async fn unsettled(service: &Service) -> Result<Vec<JobStatus>, OpError> {
    use palate_store::RecordStoreExt;
    let now = service.clock.now_ms();
    let status = |record: palate_store::Record| {
        let JobRecord { kind, attempt, leased_until_ms, advance, .. } = crate::records::decode(&record)?;
        let running = now < leased_until_ms;
        Ok(JobStatus { job: record.key.sort, kind, attempt, running, advance: advance.filter(|_| running) })
    };
    service.records.list_all(PARTITION, "").await?.into_iter().map(status).collect()
}

/// Counts the jobs that have not settled.
pub(crate) async fn queued(service: &Service) -> Result<Queued, OpError> {
    use palate_store::RecordStoreExt;
    let now = service.clock.now_ms();
    let mut queued = Queued::default();
    for record in service.records.list_all(PARTITION, "").await? {
        let job: JobRecord = crate::records::decode(&record)?;
        match now < job.leased_until_ms {
            true => queued.running += 1,
            false => queued.waiting += 1,
        }
    }
    Ok(queued)
}
