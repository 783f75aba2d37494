//! Stopping a training while a worker is at it.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palate_service::{JobError, JobKind, JobOutcome, JobRef, JobStarter, Service, Settings};
use palate_store::{BlobMeta, BlobStore, BlobWriter, Page, PutCondition, StoreError, Stores};
use serde_json::json;
use support::Palate;
use tokio::sync::Semaphore;

/// Blobs that tell when somebody begins to read one, and let nobody read before the test says so.
struct Gate {
    blobs: Arc<dyn BlobStore>,
    reached: Semaphore,
    open: Semaphore,
}

#[async_trait]
impl BlobStore for Gate {
    async fn put(&self, key: &str, content: Bytes, condition: PutCondition) -> Result<BlobMeta, StoreError> {
        self.blobs.put(key, content, condition).await
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        self.reached.add_permits(1);
        let _permit = self.open.acquire().await;
        self.blobs.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.blobs.get_range(key, range).await
    }

    async fn head(&self, key: &str) -> Result<BlobMeta, StoreError> {
        self.blobs.head(key).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<BlobMeta>, StoreError> {
        self.blobs.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.blobs.delete(key).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.blobs.writer(key).await
    }
}

struct Nobody;

#[async_trait]
impl JobStarter for Nobody {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// A version in the hands of a worker that waits for its data.
async fn held(palate: &Palate) -> (String, Arc<Gate>, tokio::task::JoinHandle<Result<JobOutcome, JobError>>) {
    let group = palate.imported().await;
    let recipe = "arn:aws:personalize:::recipe/aws-popularity-count";
    let solution = json!({"name": "s", "datasetGroupArn": group, "recipeArn": recipe});
    let solution = palate.create("CreateSolution", solution).await;
    let version = palate.create("CreateSolutionVersion", json!({"solutionArn": solution})).await;
    palate.drop_jobs();
    let blobs = Arc::clone(&palate.stores.blobs);
    let gate = Arc::new(Gate { blobs, reached: Semaphore::new(0), open: Semaphore::new(0) });
    let stores = Stores { blobs: gate.clone(), ..palate.stores.clone() };
    let worker = Service::new(Settings::default(), stores, palate.clock.clone(), Arc::new(Nobody));
    let job = JobRef { kind: JobKind::Train, job: version.clone() };
    let work = tokio::spawn(async move { worker.run_job(&job).await });
    gate.reached.acquire().await.unwrap().forget();
    (version, gate, work)
}

#[tokio::test]
async fn a_version_in_training_is_stopping_until_its_worker_has_ended() {
    let palate = Palate::new();
    let (version, gate, work) = held(&palate).await;
    let status = || palate.status("DescribeSolutionVersion", "solutionVersionArn", &version);
    assert_eq!(status().await.0, "CREATE IN_PROGRESS");
    palate.call("StopSolutionVersionCreation", json!({"solutionVersionArn": version})).await.unwrap();
    assert_eq!(status().await.0, "CREATE STOPPING");
    let again = palate.refused("StopSolutionVersionCreation", json!({"solutionVersionArn": version})).await;
    assert_eq!(again, "ResourceInUseException");
    gate.open.add_permits(1000);
    assert_eq!(work.await.unwrap().unwrap(), JobOutcome::Stopped);
    assert_eq!(status().await, ("CREATE STOPPED".to_owned(), None));
    let metrics = palate.refused("GetSolutionMetrics", json!({"solutionVersionArn": version})).await;
    assert_eq!(metrics, "ResourceInUseException");
}

#[tokio::test]
async fn a_version_is_stopped_even_if_its_training_does_not_ask() {
    let palate = Palate::new();
    // The gate stays shut: the training waits for its data for ever.
    let (version, _gate, work) = held(&palate).await;
    palate.call("StopSolutionVersionCreation", json!({"solutionVersionArn": version})).await.unwrap();
    assert_eq!(work.await.unwrap().unwrap(), JobOutcome::Stopped);
    let status = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
    assert_eq!(status, ("CREATE STOPPED".to_owned(), None));
}

#[tokio::test]
async fn a_version_that_nobody_stops_becomes_active() {
    let palate = Palate::new();
    let (version, gate, work) = held(&palate).await;
    gate.open.add_permits(1000);
    assert_eq!(work.await.unwrap().unwrap(), JobOutcome::Done);
    let status = palate.status("DescribeSolutionVersion", "solutionVersionArn", &version).await;
    assert_eq!(status, ("ACTIVE".to_owned(), None));
}
