use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palate_store::{RecordStoreExt, StoreError, Write};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{JobRecord, Told, key};
use crate::error::OpError;
use crate::records::{decode, encode};
use crate::service::Service;

/// Whether another worker has taken the job over.
#[derive(Clone, Default)]
pub(crate) struct Lost(Arc<AtomicBool>);

impl Lost {
    pub fn is_lost(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A lease on a job, renewed in the background until it is dropped.
pub(super) struct Lease {
    pub attempt: u32,
    pub lost: Lost,
    /// What the worker tells here goes into the record with the next renewal.
    pub told: Told,
    arn: String,
    held: Arc<Mutex<Held>>,
    renewal: JoinHandle<()>,
}

struct Held {
    record: JobRecord,
    version: u64,
}

/// What came of asking for a lease.
pub(super) enum Taken {
    Lease(Lease),
    /// There is no such job: it has settled.
    Settled,
    /// Another worker holds it.
    Busy,
}

impl Lease {
    pub async fn take(service: &Arc<Service>, arn: &str) -> Result<Taken, OpError> {
        let Some(stored) = service.records.get(&key(arn)).await? else { return Ok(Taken::Settled) };
        let mut record: JobRecord = decode(&stored)?;
        let now = service.clock.now_ms();
        if now < record.leased_until_ms {
            return Ok(Taken::Busy);
        }
        record.attempt += 1;
        record.leased_until_ms = now + service.settings.lease_ms;
        record.advance = None;
        match service.records.update(key(arn), stored.version, encode(&record)?).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => return Ok(Taken::Busy),
            Err(error) => return Err(error.into()),
        }
        let attempt = record.attempt;
        let held = Arc::new(Mutex::new(Held { record, version: stored.version + 1 }));
        let (lost, told) = (Lost::default(), Told::default());
        let renewing = renew(Arc::clone(service), arn.to_owned(), Arc::clone(&held), lost.clone(), told.clone());
        let renewal = tokio::spawn(renewing);
        Ok(Taken::Lease(Self { attempt, lost, told, arn: arn.to_owned(), held, renewal }))
    }

    /// Commits `writes` if the job is still held.
    ///
    /// # Errors
    /// As [`Lease::settle`].
    pub async fn commit(&self, service: &Service, mut writes: Vec<Write>) -> Result<(), StoreError> {
        let held = self.held.lock().await;
        writes.push(Write::Check { key: key(&self.arn), expected: held.version });
        let result = service.records.commit(writes).await;
        if matches!(result, Err(StoreError::Conflict { .. })) {
            self.look(service, &held).await?;
        }
        result
    }

    /// After a conflict: whether it is the lease that is gone.
    async fn look(&self, service: &Service, held: &Held) -> Result<(), StoreError> {
        let current = service.records.get(&key(&self.arn)).await?;
        if current.is_none_or(|record| record.version != held.version) {
            self.lost.0.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Commits `writes` and ends the job in one step.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if one of `writes` conflicts, or if the lease is lost: then [`Lost::is_lost`]
    /// says so.
    pub async fn settle(&self, service: &Service, mut writes: Vec<Write>) -> Result<(), StoreError> {
        // Renewal waits for this lock, so the version cannot move under the commit.
        let held = self.held.lock().await;
        writes.push(Write::Delete { key: key(&self.arn), expected: held.version });
        let result = service.records.commit(writes).await;
        match &result {
            Ok(()) => self.renewal.abort(),
            Err(StoreError::Conflict { .. }) => self.look(service, &held).await?,
            Err(_) => {}
        }
        result
    }

    /// Gives the job back, so that the next attempt need not wait for the lease to run out.
    pub async fn release(self, service: &Service) {
        self.renewal.abort();
        let mut held = self.held.lock().await;
        held.record.leased_until_ms = 0;
        let Ok(value) = encode(&held.record) else { return };
        // If this fails the lease runs out by itself.
        let _ = service.records.update(key(&self.arn), held.version, value).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(service: Arc<Service>, arn: String, held: Arc<Mutex<Held>>, lost: Lost, told: Told) {
    loop {
        tokio::time::sleep(Duration::from_millis(service.settings.lease_ms / 3)).await;
        let mut held = held.lock().await;
        let now = service.clock.now_ms();
        let mut record = held.record.clone();
        record.leased_until_ms = now + service.settings.lease_ms;
        record.advance = told.last();
        let Ok(value) = encode(&record) else { return };
        match service.records.update(key(&arn), held.version, value).await {
            Ok(()) => {
                held.version += 1;
                held.record = record;
            }
            Err(StoreError::Conflict { .. }) => {
                lost.0.store(true, Ordering::Relaxed);
                return;
            }
            // A store that is away for a moment costs nothing unless the lease runs out meanwhile.
            Err(error) if now < held.record.leased_until_ms => {
                tracing::warn!(job = arn, error = crate::error::chain(&error), "lease not renewed");
            }
            Err(_) => {
                lost.0.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}
