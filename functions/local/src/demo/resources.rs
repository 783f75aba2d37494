//! Resources, made as any client would make them; what an earlier demo made is used again.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Failed, progress::Step};
use crate::client::{Client, ClientError};

const ROLE: &str = "arn:aws:iam::000000000000:role/palate-demo";
const EVERY: Duration = Duration::from_millis(50);

/// A kind of resource: how it is called on the wire.
#[derive(Clone, Copy)]
pub struct Kind {
    /// As in `CreateSolution`.
    pub operation: &'static str,
    /// As in `{"solution": {…}}` and `solutionArn`.
    pub member: &'static str,
    /// As in `arn:…:solution/NAME`.
    pub path: &'static str,
}

pub const GROUP: Kind = Kind { operation: "DatasetGroup", member: "datasetGroup", path: "dataset-group" };
pub const SCHEMA: Kind = Kind { operation: "Schema", member: "schema", path: "schema" };
pub const DATASET: Kind = Kind { operation: "Dataset", member: "dataset", path: "dataset" };
pub const IMPORT: Kind = Kind { operation: "DatasetImportJob", member: "datasetImportJob", path: "dataset-import-job" };
pub const SOLUTION: Kind = Kind { operation: "Solution", member: "solution", path: "solution" };
pub const VERSION: Kind = Kind { operation: "SolutionVersion", member: "solutionVersion", path: "solution" };
pub const CAMPAIGN: Kind = Kind { operation: "Campaign", member: "campaign", path: "campaign" };
pub const TRACKER: Kind = Kind { operation: "EventTracker", member: "eventTracker", path: "event-tracker" };

/// Creates and describes, over the wire.
#[derive(Clone)]
pub struct Resources {
    pub client: Client,
    /// `arn:aws:personalize:REGION:ACCOUNT:`
    prefix: String,
}

impl Resources {
    pub fn new(client: Client, account: &str) -> Self {
        Self { client, prefix: format!("arn:aws:personalize:us-east-1:{account}:") }
    }

    /// Creates a resource; its ARN. One that has the name already is taken for it: demos name resources after
    /// their data.
    pub async fn ensure(&self, kind: Kind, name: &str, input: Value) -> Result<String, Failed> {
        match self.client.control(&format!("Create{}", kind.operation), &input).await {
            Ok(answer) => arn_in(&answer, kind),
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {
                Ok(format!("{}{}/{name}", self.prefix, kind.path))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until a resource is ACTIVE; what describes it then.
    pub async fn active(&self, kind: Kind, arn: &str, step: Option<&Step<'_>>) -> Result<Value, Failed> {
        loop {
            let answer = self.describe(kind, arn).await?;
            let status = answer["status"].as_str().unwrap_or_default();
            if let Some(step) = step {
                step.note(status);
            }
            match status {
                "ACTIVE" => return Ok(answer),
                "CREATE FAILED" => {
                    let reason = answer["failureReason"].as_str().unwrap_or("no reason given");
                    return Err(format!("{arn}: CREATE FAILED: {reason}").into());
                }
                _ => tokio::time::sleep(EVERY).await,
            }
        }
    }

    pub async fn describe(&self, kind: Kind, arn: &str) -> Result<Value, ClientError> {
        let input = json!({ format!("{}Arn", kind.member): arn });
        let mut answer = self.client.control(&format!("Describe{}", kind.operation), &input).await?;
        Ok(answer[kind.member].take())
    }

    /// Brings a table into a dataset of its own; the ARN of the import job.
    pub async fn import(
        &self,
        group: &str,
        name: &str,
        table: &super::material::Table,
        from: &str,
    ) -> Result<String, Failed> {
        let schema = json!({ "name": name, "schema": table.schema });
        let schema = self.ensure(SCHEMA, name, schema).await?;
        let dataset = json!({ "name": name, "schemaArn": schema, "datasetGroupArn": group, "datasetType": table.kind });
        // A dataset's ARN is made of its group and type.
        let group_name = group.rsplit('/').next().unwrap_or_default();
        let dataset_name = format!("{group_name}/{}", table.kind.to_uppercase());
        let dataset = self.ensure(DATASET, &dataset_name, dataset).await?;
        self.active(DATASET, &dataset, None).await?;
        let job = json!({
            "jobName": name,
            "datasetArn": dataset,
            "roleArn": ROLE,
            "dataSource": { "dataLocation": from },
        });
        self.ensure(IMPORT, name, job).await
    }

    /// A solution, and the ARN of a version of it that is trained or in training.
    pub async fn solution(&self, group: &str, name: &str, recipe: &str, config: &Value) -> Result<String, Failed> {
        let input = json!({
            "name": name,
            "datasetGroupArn": group,
            "recipeArn": format!("arn:aws:personalize:::recipe/{recipe}"),
            "performAutoTraining": false,
            "solutionConfig": config,
        });
        let solution = self.ensure(SOLUTION, name, input).await?;
        self.active(SOLUTION, &solution, None).await?;
        let solution_arn = json!({ "solutionArn": solution });
        let versions = self.client.control("ListSolutionVersions", &solution_arn).await?;
        let usable = versions["solutionVersions"].as_array().into_iter().flatten();
        let mut usable = usable.filter(|version| version["status"] != "CREATE FAILED");
        if let Some(version) = usable.find_map(|version| version["solutionVersionArn"].as_str()) {
            return Ok(version.to_owned());
        }
        let created = self.client.control("CreateSolutionVersion", &solution_arn).await?;
        arn_in(&created, VERSION)
    }

    pub async fn campaign(&self, name: &str, version: &str) -> Result<String, Failed> {
        let input = json!({ "name": name, "solutionVersionArn": version, "minProvisionedTPS": 1 });
        self.ensure(CAMPAIGN, name, input).await
    }

    /// The tracking id of the group's event tracker.
    pub async fn tracking_id(&self, group: &str, name: &str) -> Result<String, Failed> {
        let of_group = json!({ "datasetGroupArn": group });
        let trackers = self.client.control("ListEventTrackers", &of_group).await?;
        let arn = match trackers["eventTrackers"][0]["eventTrackerArn"].as_str() {
            Some(arn) => arn.to_owned(),
            None => {
                let input = json!({ "name": name, "datasetGroupArn": group });
                arn_in(&self.client.control("CreateEventTracker", &input).await?, TRACKER)?
            }
        };
        let tracker = self.active(TRACKER, &arn, None).await?;
        let tracking = tracker["trackingId"].as_str().ok_or("the event tracker has no trackingId")?;
        Ok(tracking.to_owned())
    }
}

fn arn_in(answer: &Value, kind: Kind) -> Result<String, Failed> {
    let arn = answer[format!("{}Arn", kind.member)].as_str();
    Ok(arn.ok_or_else(|| format!("Create{} answered without an ARN", kind.operation))?.to_owned())
}
