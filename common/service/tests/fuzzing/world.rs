//! What requests meet: a service over an embedded store with one resource of most kinds.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};
use serde_json::{Value, json};

use super::rng::Rng;

/// Jobs of the fuzzed requests that are run when a world ends. Most of them are deployments and imports.
const JOBS: usize = 10;

pub struct World {
    pub service: Arc<Service>,
    pub tracking_id: String,
    /// By the name of the member that takes them, in lower case and without `arn`.
    arns: Vec<(&'static str, String)>,
    queue: Arc<Queue>,
    _folder: tempfile::TempDir,
}

/// Keeps jobs until the world wants them done.
#[derive(Default)]
struct Queue(Mutex<Vec<JobRef>>);

#[async_trait]
impl JobStarter for Queue {
    async fn start(&self, job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(job.clone());
        Ok(())
    }
}

impl World {
    pub async fn create() -> Self {
        // In memory where that can be: the disk's pace is not what is looked for.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let stores = palate_store::embedded::open(folder.path()).unwrap();
        let queue = Arc::new(Queue::default());
        let service = Service::new(Settings::default(), stores, Arc::new(SystemClock), Arc::clone(&queue) as _);
        let bucket = folder.path().join("s3/bucket");
        std::fs::create_dir(&bucket).unwrap();
        std::fs::write(bucket.join("in.csv"), interactions()).unwrap();
        let mut world = Self { service, tracking_id: String::new(), arns: Vec::new(), queue, _folder: folder };
        world.furnish().await;
        world
    }

    /// An ARN for a member, mostly of the kind that it takes.
    pub fn arn(&self, rng: &mut Rng, member: &str) -> String {
        let fitting: Vec<&String> = self.arns.iter().filter(|(name, _)| *name == member).map(|(_, arn)| arn).collect();
        if fitting.is_empty() || rng.one_in(10) {
            rng.pick(&self.arns).1.clone()
        } else {
            (*rng.pick(&fitting)).clone()
        }
    }

    async fn furnish(&mut self) {
        let recipe = "arn:aws:personalize:::recipe/aws-popularity-count";
        self.arns.push(("recipe", recipe.into()));
        let schema = json!({
            "type": "record", "name": "Interactions", "namespace": "com.amazonaws.personalize.schema",
            "version": "1.0",
            "fields": [
                { "name": "USER_ID", "type": "string" },
                { "name": "ITEM_ID", "type": "string" },
                { "name": "TIMESTAMP", "type": "long" },
                { "name": "EVENT_TYPE", "type": "string" },
            ],
        });
        let role = "arn:aws:iam::000000000000:role/any";
        let schema =
            self.bring_about("schema", "CreateSchema", json!({ "name": "s", "schema": schema.to_string() })).await;
        let group = self.bring_about("datasetgroup", "CreateDatasetGroup", json!({ "name": "shop" })).await;
        let input =
            json!({ "name": "d", "schemaArn": schema, "datasetGroupArn": group, "datasetType": "Interactions" });
        let dataset = self.bring_about("dataset", "CreateDataset", input).await;
        let source = json!({ "dataLocation": "s3://bucket/in.csv" });
        let input = json!({ "jobName": "j", "datasetArn": dataset, "dataSource": source, "roleArn": role });
        self.bring_about("datasetimportjob", "CreateDatasetImportJob", input).await;
        let input = json!({ "name": "p", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false });
        let solution = self.bring_about("solution", "CreateSolution", input).await;
        let input = json!({ "solutionArn": solution });
        let version = self.bring_about("solutionversion", "CreateSolutionVersion", input).await;
        let input = json!({ "name": "c", "solutionVersionArn": version, "minProvisionedTPS": 1 });
        self.bring_about("campaign", "CreateCampaign", input).await;
        let answer = self.call("CreateEventTracker", &json!({ "name": "t", "datasetGroupArn": group })).await;
        self.tracking_id = answer["trackingId"].as_str().unwrap().to_owned();
        self.arns.push(("eventtracker", answer["eventTrackerArn"].as_str().unwrap().to_owned()));
        let expression = "EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($V)";
        let input = json!({ "name": "f", "datasetGroupArn": group, "filterExpression": expression });
        // Where there are filters; members of this name are fuzzed in any case.
        let filter = self.call("CreateFilter", &input).await["filterArn"].as_str().map(str::to_owned);
        let none = || "arn:aws:personalize:us-east-1:000000000000:filter/f".to_owned();
        self.arns.push(("filter", filter.unwrap_or_else(none)));
        self.settle().await;
        for (name, arn) in [("resource", &group), ("resource", &solution), ("trainedmodel", &version)] {
            self.arns.push((name, arn.clone()));
        }
    }

    /// Creates a resource and brings it about.
    async fn bring_about(&mut self, member: &'static str, operation: &str, input: Value) -> String {
        let answer = self.call(operation, &input).await;
        let arn = answer.as_object().unwrap().iter().find(|(name, _)| name.ends_with("Arn"));
        let arn = arn.unwrap_or_else(|| panic!("{operation}: {answer}")).1.as_str().unwrap().to_owned();
        self.settle().await;
        self.arns.push((member, arn.clone()));
        arn
    }

    async fn settle(&self) {
        loop {
            let Some(job) = self.queue.0.lock().unwrap().pop() else { return };
            self.service.run_job(&job).await.unwrap();
        }
    }

    async fn call(&self, operation: &str, input: &Value) -> Value {
        let request = Request::post("/").header("x-amz-target", format!("AmazonPersonalize.{operation}"));
        let request = request.body(Full::new(Bytes::from(input.to_string()))).unwrap();
        let answer = self.service.handle(request).await.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&answer).unwrap()
    }

    /// Runs some of the jobs that requests have queued: what the API let in must not break a worker.
    pub async fn run_jobs(self) -> (u64, Vec<String>) {
        let queued: Vec<JobRef> = self.queue.0.lock().unwrap().drain(..).take(JOBS).collect();
        let (mut run, mut findings) = (0, Vec::new());
        for job in queued {
            let (service, name) = (Arc::clone(&self.service), job.job.clone());
            run += 1;
            match tokio::spawn(async move { service.run_job(&job).await }).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => findings.push(format!("job {name}: {error}: {:?}", error.source.to_string())),
                Err(error) => findings.push(format!("job {name}: {error}")),
            }
        }
        (run, findings)
    }
}

/// Enough for a model: 60 users, 50 items.
fn interactions() -> String {
    let mut text = String::from("USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\n");
    for user in 0..60 {
        for event in 0..20 {
            text += &format!("u{user},i{},{},watch\n", (user * 7 + event * 3) % 50, 1_700_000_000 + event);
        }
    }
    text
}
