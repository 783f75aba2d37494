use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use palate_service::{JobRef, JobStarter, Service, Settings, SystemClock};
use palate_store::{PutCondition, Stores, embedded};
use serde_json::{Map, Value, json};

use crate::Failure;

const ROLE: &str = "arn:aws:iam::000000000000:role/any";

/// Jobs wait here until they are run.
#[derive(Default)]
struct Waiting(Mutex<VecDeque<JobRef>>);

#[async_trait]
impl JobStarter for Waiting {
    async fn start(&self, job: &JobRef) -> Result<(), Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(job.clone());
        Ok(())
    }
}

/// An installation in a folder of its own, with a campaign and a filter.
pub struct Imported {
    pub service: Arc<Service>,
    pub campaign: String,
    pub users: Vec<String>,
    group: String,
    filter: String,
    waiting: Arc<Waiting>,
    stores: Stores,
    _data: tempfile::TempDir,
}

impl Imported {
    pub async fn new(folder: &Path, recipe: &str, seconds: Option<u64>) -> Result<Self, Failure> {
        let data = tempfile::tempdir()?;
        std::fs::create_dir_all(data.path().join("s3/bucket"))?;
        let stores = embedded::open(data.path())?;
        let waiting = Arc::new(Waiting::default());
        let settings = Settings { training_time: seconds.map(Duration::from_secs), ..Settings::default() };
        let starter = Arc::clone(&waiting) as Arc<dyn JobStarter>;
        let service = Service::new(settings, stores.clone(), Arc::new(SystemClock), starter);
        let (campaign, group, filter) = (String::new(), String::new(), String::new());
        let mut this = Self { service, campaign, users: Vec::new(), group, filter, waiting, stores, _data: data };
        this.group = this.create("CreateDatasetGroup", json!({"name": "films"})).await?;
        let group = this.group.clone();
        let string = |name: &str| json!({"name": name, "type": "string"});
        let number = |name: &str, kind: &str| json!({"name": name, "type": kind});
        let category = |name: &str| json!({"name": name, "type": ["null", "string"], "categorical": true});
        let interactions = json!([
            string("USER_ID"),
            string("ITEM_ID"),
            number("TIMESTAMP", "long"),
            string("EVENT_TYPE"),
            {"name": "EVENT_VALUE", "type": ["null", "float"]}
        ]);
        let items = json!([string("ITEM_ID"), string("TITLE"), number("YEAR", "int"), category("GENRES")]);
        let users = json!([string("USER_ID"), number("AGE", "int"), category("OCCUPATION")]);
        for (kind, fields) in [("Interactions", interactions), ("Items", items), ("Users", users)] {
            this.import(&group, folder, kind, fields).await?;
        }
        let recipe = format!("arn:aws:personalize:::recipe/{recipe}");
        let input =
            json!({"name": "next", "datasetGroupArn": group, "recipeArn": recipe, "performAutoTraining": false});
        let solution = this.create("CreateSolution", input).await?;
        let version = this.create("CreateSolutionVersion", json!({"solutionArn": solution})).await?;
        let config = json!({"enableMetadataWithRecommendations": true});
        let input = json!({"name": "next", "solutionVersionArn": version, "campaignConfig": config});
        this.campaign = this.create("CreateCampaign", input).await?;
        let expression = "INCLUDE ItemID WHERE Items.GENRES IN ($GENRES) AND Items.YEAR >= $YEAR \
                          | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"rating\")";
        let input = json!({"name": "new", "datasetGroupArn": group, "filterExpression": expression});
        this.filter = this.create("CreateFilter", input).await?;
        let users = std::fs::read_to_string(folder.join("users.csv"))?;
        let ids = users.lines().skip(1).filter_map(|line| line.split(',').next());
        this.users = ids.step_by(6).map(str::to_owned).collect();
        Ok(this)
    }

    /// What is timed: a name and the members of the request.
    pub fn requests(&self) -> Vec<(&'static str, Map<String, Value>)> {
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        let values = json!({"GENRES": "\"Comedy\",\"Drama\",\"Action\"", "YEAR": "\"1980\""});
        let metadata = json!({"ITEMS": ["TITLE", "YEAR", "GENRES"]});
        vec![
            ("plain", Map::new()),
            ("filter", members(json!({"filterArn": self.filter, "filterValues": values}))),
            ("metadata", members(json!({"metadataColumns": metadata}))),
            (
                "filter and metadata",
                members(json!({"filterArn": self.filter, "filterValues": values, "metadataColumns": metadata})),
            ),
        ]
    }

    /// Streams an event of each user, with one item after the other of the folder's.
    pub async fn stream(&self, folder: &Path) -> Result<(), Failure> {
        let input = json!({"name": "films", "datasetGroupArn": self.group});
        let tracker = self.answer("CreateEventTracker", input).await?;
        let items = std::fs::read_to_string(folder.join("items.csv"))?;
        let items: Vec<&str> = items.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        for (user, item) in self.users.iter().zip(items.iter().cycle()) {
            let events = json!([{"eventType": "rating", "itemId": item, "sentAt": now_s}]);
            let input =
                json!({"trackingId": tracker["trackingId"], "userId": user, "sessionId": user, "eventList": events});
            let request = http::Request::post("/events").body(Full::new(Bytes::from(input.to_string())))?;
            let response = self.service.handle(request).await;
            if response.status() != http::StatusCode::OK {
                return Err(format!("PutEvents: {}", response.status()).into());
            }
        }
        Ok(())
    }

    async fn import(&self, group: &str, folder: &Path, kind: &str, fields: Value) -> Result<(), Failure> {
        let namespace = "com.amazonaws.personalize.schema";
        let schema =
            json!({"type": "record", "name": kind, "namespace": namespace, "fields": fields, "version": "1.0"});
        let schema = self.create("CreateSchema", json!({"name": kind, "schema": schema.to_string()})).await?;
        let input = json!({"name": kind, "schemaArn": schema, "datasetGroupArn": group, "datasetType": kind});
        let dataset = self.create("CreateDataset", input).await?;
        let file = format!("{}.csv", kind.to_lowercase());
        let content = Bytes::from(std::fs::read(folder.join(&file))?);
        self.stores.buckets.bucket("bucket")?.put(&file, content, PutCondition::Always).await?;
        let source = json!({"dataLocation": format!("s3://bucket/{file}")});
        let input = json!({"jobName": kind, "datasetArn": dataset, "dataSource": source, "roleArn": ROLE});
        self.create("CreateDatasetImportJob", input).await?;
        Ok(())
    }

    async fn answer(&self, operation: &str, input: Value) -> Result<Value, Failure> {
        let target = format!("AmazonPersonalize.{operation}");
        let body = Full::new(Bytes::from(input.to_string()));
        let response = self.service.handle(http::Request::post("/").header("x-amz-target", target).body(body)?).await;
        Ok(serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?)
    }

    /// Creates a resource, runs its job, and gives its ARN.
    async fn create(&self, operation: &str, input: Value) -> Result<String, Failure> {
        let answer = self.answer(operation, input).await?;
        let found = answer.as_object().and_then(|members| members.iter().find(|(name, _)| name.ends_with("Arn")));
        let arn = found.and_then(|(_, arn)| arn.as_str()).ok_or_else(|| format!("{operation}: {answer}"))?;
        let begin = Instant::now();
        loop {
            let job = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(job) = job else { return Ok(arn.to_owned()) };
            let outcome = self.service.run_job(&job).await?;
            println!("{}: {outcome:?} after {:.2} s", job.job, begin.elapsed().as_secs_f64());
        }
    }
}
