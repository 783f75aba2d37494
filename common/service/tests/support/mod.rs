//! The service in this process, over stores in a temporary folder: jobs run when the test says so, and the
//! clock stands still until the test moves it.

#![allow(dead_code, clippy::unwrap_used)]

mod data;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use palate_service::{Clock, JobOutcome, JobRef, JobStarter, Service, Settings};
use palate_store::{Key, Now, PutCondition, RecordStoreExt, Stores, embedded};
use serde_json::{Value, json};

#[allow(unused_imports, reason = "every test takes what it needs")]
pub use data::{INTERACTIONS, interactions_csv, items_csv, schema_of};

/// What a refused call is told: code, status, message.
pub type Refusal = (String, u16, String);

/// The time that a test holds, in milliseconds since the Unix epoch.
pub struct TestClock(AtomicU64);

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Jobs wait here until the test runs them.
#[derive(Default)]
struct Waiting(Mutex<VecDeque<JobRef>>);

#[async_trait]
impl JobStarter for Waiting {
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push_back(job.clone());
        Ok(())
    }
}

pub struct Palate {
    pub service: Arc<Service>,
    pub stores: Stores,
    pub clock: Arc<TestClock>,
    waiting: Arc<Waiting>,
    folder: tempfile::TempDir,
}

impl Palate {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicU64::new(1_700_000_000_000)));
        let now = Arc::clone(&clock);
        let stores = embedded::open_with(folder.path(), Now::by(move || now.now_ms() / 1_000)).unwrap();
        let waiting = Arc::new(Waiting::default());
        let service = Service::new(settings, stores.clone(), clock.clone(), waiting.clone());
        Self { service, stores, clock, waiting, folder }
    }

    /// Another process over the same stores, with the same clock.
    pub fn beside(&self) -> Self {
        let (stores, clock, waiting) = (self.stores.clone(), Arc::clone(&self.clock), Arc::clone(&self.waiting));
        let service = Service::new(Settings::default(), stores.clone(), clock.clone(), waiting.clone());
        Self { service, stores, clock, waiting, folder: tempfile::tempdir().unwrap() }
    }

    /// Calls an operation of any of the three APIs by its name, as a client without a signature would.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Refusal> {
        self.call_with(&[], operation, input).await
    }

    /// The same with more headers.
    pub async fn call_with(&self, headers: &[(&str, &str)], operation: &str, input: Value) -> Result<Value, Refusal> {
        let mut request =
            Request::post(path_of(operation)).header("x-amz-target", format!("AmazonPersonalize.{operation}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(Bytes::from(input.to_string()))).unwrap();
        if path_of(operation) != "/" {
            request.headers_mut().remove("x-amz-target");
        }
        let response = self.service.handle(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        if status == 200 {
            return Ok(body);
        }
        let text = |member: &str| body[member].as_str().unwrap().to_owned();
        Err((text("__type"), status, text("message")))
    }

    /// The exception of a call that must be refused.
    pub async fn refused(&self, operation: &str, input: Value) -> String {
        match self.call(operation, input.clone()).await {
            Err((code, _, _)) => code,
            Ok(answer) => panic!("{operation} {input} was not refused: {answer}"),
        }
    }

    /// The ARN that a creation answers with.
    pub async fn create(&self, operation: &str, input: Value) -> String {
        let answer = self.call(operation, input.clone()).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal:?}"));
        let arn = answer.as_object().unwrap().iter().find(|(name, _)| name.ends_with("Arn")).unwrap().1;
        arn.as_str().unwrap().to_owned()
    }

    /// Runs the jobs that wait, and those that they start; tells how each ended.
    pub async fn run_jobs(&self) -> Vec<(String, JobOutcome)> {
        let mut outcomes = Vec::new();
        loop {
            let next = self.waiting.0.lock().unwrap().pop_front();
            let Some(job) = next else { return outcomes };
            let outcome = self.service.run_job(&job).await.unwrap();
            outcomes.push((job.job, outcome));
        }
    }

    /// Forgets the jobs that wait, as if their starts had been lost.
    pub fn drop_jobs(&self) {
        self.waiting.0.lock().unwrap().clear();
    }

    /// Puts a file into a bucket, which is there from then on.
    pub async fn upload(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        std::fs::create_dir_all(self.folder.path().join("s3").join(bucket)).unwrap();
        let bucket = self.stores.buckets.bucket(bucket).unwrap();
        bucket.put(key, content.into(), PutCondition::Always).await.unwrap();
    }

    /// Writes `value` over a member of a stored resource and tells what was there: states that no call leaves
    /// a resource in for long. `member` is a path like `/status` or `/latestCampaignUpdate/status`.
    pub async fn put_in_state(&self, arn: &str, member: &str, value: &str) -> String {
        let key = key_of(arn);
        let record = self.stores.records.get(&key).await.unwrap().unwrap();
        let mut stored: Value = serde_json::from_slice(&record.value).unwrap();
        let place = stored.pointer_mut(&format!("/resource{member}")).unwrap();
        let before = place.as_str().unwrap().to_owned();
        *place = json!(value);
        self.stores.records.update(key, record.version, serde_json::to_vec(&stored).unwrap()).await.unwrap();
        before
    }

    /// Stores a resource as if a call had created it; one that is there is replaced.
    pub async fn plant(&self, arn: &str, resource: Value) {
        let key = key_of(arn);
        if let Some(old) = self.stores.records.get(&key).await.unwrap() {
            self.stores.records.delete(key.clone(), old.version).await.unwrap();
        }
        let stored = json!({"format": 1, "resource": resource});
        self.stores.records.create(key, serde_json::to_vec(&stored).unwrap()).await.unwrap();
    }

    /// A dataset group `films` without a domain.
    pub async fn group(&self) -> String {
        self.create("CreateDatasetGroup", json!({"name": "films"})).await
    }

    pub async fn schema(&self, name: &str, schema: &Value) -> String {
        self.create("CreateSchema", json!({"name": name, "schema": schema.to_string()})).await
    }

    /// A dataset of a group, with a schema of its own that is named after both.
    pub async fn dataset(&self, group: &str, dataset_type: &str, schema: &Value) -> String {
        let name = format!("{}-{dataset_type}", group.rsplit_once('/').unwrap().1);
        let schema = self.schema(&name, schema).await;
        let input = json!({"name": name, "schemaArn": schema, "datasetGroupArn": group, "datasetType": dataset_type});
        self.create("CreateDataset", input).await
    }

    /// Imports a CSV file into a dataset; tells the job's ARN.
    pub async fn import(&self, dataset: &str, mode: &str, csv: impl Into<Bytes>) -> String {
        let name = format!("import-{}", uuid::Uuid::new_v4().simple());
        self.upload("bucket", &format!("{name}.csv"), csv).await;
        let input = json!({
            "jobName": name,
            "datasetArn": dataset,
            "importMode": mode,
            "dataSource": {"dataLocation": format!("s3://bucket/{name}.csv")},
            "roleArn": ROLE,
        });
        let job = self.create("CreateDatasetImportJob", input).await;
        self.run_jobs().await;
        let described = self.call("DescribeDatasetImportJob", json!({"datasetImportJobArn": job})).await.unwrap();
        assert_eq!(described["datasetImportJob"]["status"], "ACTIVE", "{described}");
        job
    }

    /// The status of a resource that `Describe…` tells of: `status("DescribeCampaign", "campaignArn", arn)`.
    pub async fn status(&self, describe: &str, member: &str, arn: &str) -> (String, Option<String>) {
        let answer = self.call(describe, json!({ member: arn })).await.unwrap();
        let described = answer.as_object().unwrap().values().next().unwrap();
        let text = |name: &str| described[name].as_str().map(str::to_owned);
        (text("status").unwrap(), text("failureReason"))
    }

    /// The group `films` with interactions of 60 users, enough to train.
    pub async fn imported(&self) -> String {
        let group = self.group().await;
        let dataset = self.dataset(&group, "Interactions", &INTERACTIONS).await;
        self.import(&dataset, "FULL", interactions_csv()).await;
        group
    }
}

/// A role that every call takes; nobody reads it.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/palate";

/// Where the record of a resource is.
fn key_of(arn: &str) -> Key {
    let (place, path) = arn.strip_prefix("arn:").unwrap().rsplit_once(':').unwrap();
    let [partition, _, region, account] = place.split(':').collect::<Vec<_>>()[..] else { panic!("{arn}") };
    let (kind, name) = path.split_once('/').unwrap();
    let kind = if kind == "solution" && name.contains('/') { "solution-version" } else { kind };
    Key::new(format!("{kind}/{partition}/{account}/{region}"), name)
}

/// The ARN of a resource of the tests' account and region: `arn("filter/new")`.
pub fn arn(path: &str) -> String {
    format!("arn:aws:personalize:us-east-1:000000000000:{path}")
}

fn path_of(operation: &str) -> &'static str {
    match operation {
        "GetRecommendations" => "/recommendations",
        "GetPersonalizedRanking" => "/personalize-ranking",
        "GetActionRecommendations" => "/action-recommendations",
        "PutEvents" => "/events",
        "PutItems" => "/items",
        "PutUsers" => "/users",
        "PutActions" => "/actions",
        "PutActionInteractions" => "/action-interactions",
        _ => "/",
    }
}
