use std::sync::Arc;

use palate_store::StoreError;

use super::lease::{Lease, Taken};
use super::{Job, Lost, MAX_ATTEMPTS, Told, WorkError};
use crate::error::{OpError, chain};
use crate::service::{JobError, JobOutcome, Service};

/// Not seen: a job that should stop has no failure.
const STOPPED: &str = "stopped";

/// One attempt at a job.
pub(crate) struct Run<J> {
    /// The resource as it was when the attempt began.
    pub resource: J,
    /// Counted from 1; part of the names of what the attempt writes.
    pub attempt: u32,
    pub lost: Lost,
    /// Where the work tells how far it is.
    pub told: Told,
}

/// Runs the job of the resource `arn`, from taking the lease to the settling commit.
pub(crate) async fn run<J: Job>(service: &Arc<Service>, arn: &str) -> Result<JobOutcome, JobError> {
    let failed = |doing: &str, error: OpError| JobError { doing: format!("{doing} {arn}"), source: Box::new(error) };
    let lease = match Lease::take(service, arn).await.map_err(|error| failed("take the lease of", error))? {
        Taken::Lease(lease) => lease,
        Taken::Settled => return Ok(JobOutcome::Settled),
        Taken::Busy => return Ok(JobOutcome::Busy),
    };
    tracing::info!(job = arn, attempt = lease.attempt, "job taken up");
    match attempt::<J>(service, arn, &lease).await {
        Ok(outcome) => {
            tracing::info!(job = arn, ?outcome, "job settled");
            Ok(outcome)
        }
        Err(WorkError::Lost) => {
            tracing::warn!(job = arn, attempt = lease.attempt, "lease lost; another worker has the job");
            Ok(JobOutcome::Busy)
        }
        // Settling deals with it; here it would be a mistake of ours.
        Err(error @ WorkError::Stopped) => Err(JobError { doing: format!("settle {arn}"), source: error.into() }),
        Err(WorkError::Failed(reason)) => Err(JobError { doing: format!("settle {arn}"), source: reason.into() }),
        Err(WorkError::Retry(source)) => {
            tracing::warn!(job = arn, attempt = lease.attempt, error = chain(source.as_ref()), "attempt failed");
            lease.release(service).await;
            Err(JobError { doing: format!("run {arn}"), source })
        }
    }
}

async fn attempt<J: Job>(service: &Arc<Service>, arn: &str, lease: &Lease) -> Result<JobOutcome, WorkError> {
    let before = loop {
        let Some(mut stored) = service.records.find::<J>(arn).await? else {
            // The resource was deleted; its job has nothing to bring about.
            return Ok(ended(lease.settle(service, Vec::new()).await)?.unwrap_or(JobOutcome::Settled));
        };
        if stored.resource.stopping() {
            return settle::<J>(service, arn, lease, Err(STOPPED.into())).await;
        }
        if lease.attempt > MAX_ATTEMPTS {
            let reason = format!("The service failed {MAX_ATTEMPTS} times in a row. Its log has the cause; try again.");
            return settle::<J>(service, arn, lease, Err(reason)).await;
        }
        let before = stored.resource.clone();
        stored.resource.state().begin(service.now());
        match lease.commit(service, vec![stored.update()?]).await {
            Ok(()) => break before,
            Err(StoreError::Conflict { .. }) if lease.lost.is_lost() => return Err(WorkError::Lost),
            // Somebody else changed the resource: look again.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let run = Run { resource: before, attempt: lease.attempt, lost: lease.lost.clone(), told: lease.told.clone() };
    match J::work(service, &run).await {
        Ok(product) => settle::<J>(service, arn, lease, Ok(product)).await,
        Err(_) if lease.lost.is_lost() => Err(WorkError::Lost),
        Err(WorkError::Failed(reason)) => settle::<J>(service, arn, lease, Err(reason)).await,
        Err(WorkError::Stopped) => settle::<J>(service, arn, lease, Err(STOPPED.into())).await,
        Err(error) => Err(error),
    }
}

/// Makes the result visible: the product and ACTIVE, or CREATE FAILED and nothing else. A job that should stop
/// ends as stopped whatever its result is.
async fn settle<J: Job>(
    service: &Arc<Service>,
    arn: &str,
    lease: &Lease,
    mut result: Result<J::Product, String>,
) -> Result<JobOutcome, WorkError> {
    loop {
        let Some(mut stored) = service.records.find::<J>(arn).await? else {
            return Ok(ended(lease.settle(service, Vec::new()).await)?.unwrap_or(JobOutcome::Settled));
        };
        let stopped = stored.resource.stopping();
        let mut writes = Vec::new();
        if let (Ok(product), false) = (&result, stopped) {
            match J::finish(service, &mut stored.resource, product).await {
                Ok(finishing) => writes = finishing,
                Err(WorkError::Failed(reason)) => {
                    result = Err(reason);
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        let state = stored.resource.state();
        if stopped {
            state.stop(service.now());
        } else {
            state.settle(result.as_ref().err().cloned(), service.now());
        }
        writes.push(stored.update()?);
        match lease.settle(service, writes).await {
            Ok(()) if stopped => return Ok(JobOutcome::Stopped),
            Ok(()) if result.is_ok() => {
                J::then(service, &stored.resource).await;
                return Ok(JobOutcome::Done);
            }
            Ok(()) => return Ok(JobOutcome::Failed),
            Err(StoreError::Conflict { .. }) if lease.lost.is_lost() => return Err(WorkError::Lost),
            // Somebody else changed the manifest or the resource: look again and decide anew.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A settling commit that lost its lease has been settled by another worker.
fn ended(result: Result<(), StoreError>) -> Result<Option<JobOutcome>, WorkError> {
    match result {
        Ok(()) => Ok(None),
        Err(StoreError::Conflict { .. }) => Ok(Some(JobOutcome::Busy)),
        Err(error) => Err(error.into()),
    }
}
