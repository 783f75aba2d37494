//! Datasets: typed rows of one kind in a group, as parts that a manifest lists.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::campaign::Campaign;
use super::dataset_group::group_of;
use super::dataset_import_job::DatasetImportJob;
use super::event_tracker::EventTracker;
use super::schema::DatasetSchema;
use super::solution::Solution;
use super::solution_version::SolutionVersion;
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::import::PartInfo;
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::records::{FORMAT, Records, Resource, decode, encode};
use crate::schema::DatasetType;
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dataset {
    pub name: String,
    pub dataset_arn: String,
    pub dataset_group_arn: String,
    pub dataset_type: String,
    pub schema_arn: String,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

impl Resource for Dataset {
    const KIND: Kind = Kind::Dataset;

    fn arn(&self) -> &str {
        &self.dataset_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

/// What a dataset consists of. Readers keep the manifest that they began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub format: u64,
    /// In the order of their import: where ids repeat, later rows win.
    pub parts: Vec<PartInfo>,
}

impl Manifest {
    /// Nothing imported yet.
    fn empty() -> Self {
        Self { format: FORMAT, parts: Vec::new() }
    }

    fn key(dataset_arn: &str) -> Key {
        Key::new("manifest", dataset_arn)
    }

    /// The manifest of a dataset and the version that [`Manifest::replace`] expects.
    pub async fn read(records: &Records, dataset_arn: &str) -> Result<(Self, Option<u64>), OpError> {
        match records.get(&Self::key(dataset_arn)).await? {
            None => Ok((Self::empty(), None)),
            Some(record) => Ok((decode(&record)?, Some(record.version))),
        }
    }

    /// The write that makes this the dataset's manifest.
    pub fn replace(&self, dataset_arn: &str, expected: Option<u64>) -> Result<Write, OpError> {
        let (key, value) = (Self::key(dataset_arn), encode(self)?);
        Ok(match expected {
            None => Write::Create { key, value },
            Some(expected) => Write::Update { key, expected, value },
        })
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDataset", create)
        .add("DescribeDataset", |call: Call| async move { call.describe::<Dataset>("datasetArn", "dataset").await })
        .add("ListDatasets", list)
        .add("DeleteDataset", delete);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let kind = DatasetType::parse(call.text("datasetType")).ok_or_else(|| {
        let message = format!(
            "datasetType is '{}'; expected Interactions, Items, Users, Actions or Action_Interactions",
            call.text("datasetType")
        );
        OpError::invalid(message)
    })?;
    let (group, group_touch) = group_of(&call).await?;
    let schema = call.resource::<DatasetSchema>("schemaArn").await?;
    schema.resource.parse()?.check_dataset(kind).map_err(|error| OpError::invalid(error.to_string()))?;
    if schema.resource.domain != group.domain {
        let name = |domain: &Option<String>| domain.clone().unwrap_or_else(|| "no domain".into());
        let message = format!(
            "The schema is for {}, but the dataset group is for {}",
            name(&schema.resource.domain),
            name(&group.domain)
        );
        return Err(OpError::invalid(message));
    }
    if group.domain.is_some() && matches!(kind, DatasetType::Actions | DatasetType::ActionInteractions) {
        return Err(OpError::invalid(format!("A {} dataset needs a dataset group without a domain", kind.name())));
    }
    let now = call.now();
    let dataset = Dataset {
        name: call.text("name").to_owned(),
        dataset_arn: call.place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix())),
        dataset_group_arn: group.dataset_group_arn,
        dataset_type: kind.name().to_owned(),
        schema_arn: schema.resource.schema_arn.clone(),
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    call.records().create(&dataset, call.tags(), vec![group_touch, schema.touch()?]).await?;
    Ok(json!({"datasetArn": dataset.dataset_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Dataset> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |dataset, group| dataset.dataset_group_arn == group,
    };
    paging::list(&call, parent, "datasets", "DatasetSummary").await
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let dataset = call.resource::<Dataset>("datasetArn").await?;
    let arn = dataset.resource.dataset_arn.clone();
    if let Some(user) = user_of(&call, &dataset.resource).await? {
        return Err(OpError::InUse(format!("{arn} is in use by {user}")));
    }
    let (_, version) = Manifest::read(call.records(), &arn).await?;
    let with = version.map(|expected| Write::Delete { key: Manifest::key(&arn), expected }).into_iter().collect();
    call.records().remove(&dataset, with).await?;
    call.service.remove_blobs(&format!("{}/", parts_of(&arn)?)).await;
    Ok(Value::Null)
}

/// Where the parts of a dataset go.
pub(super) fn parts_of(dataset_arn: &str) -> Result<String, OpError> {
    let broken = || OpError::internal(format!("{dataset_arn} is no dataset's ARN"));
    let place = Place::of(dataset_arn).ok_or_else(broken)?;
    let path = Kind::Dataset.parts(dataset_arn).ok_or_else(broken)?.join("/");
    Ok(format!("datasets/{}/{}/{path}", place.account, place.region))
}

/// What forbids deleting a dataset, if anything: trackers, jobs, trainings and campaigns of its group.
async fn user_of(call: &Call, dataset: &Dataset) -> Result<Option<String>, OpError> {
    let place = Place::of(&dataset.dataset_arn).unwrap_or_else(|| call.place.clone());
    let records = call.records();
    let group = &dataset.dataset_group_arn;
    if dataset.dataset_type == DatasetType::Interactions.name() {
        let trackers = records.all::<EventTracker>(&place, "").await?;
        if let Some(tracker) = trackers.into_iter().find(|tracker| tracker.resource.dataset_group_arn == *group) {
            return Ok(Some(tracker.resource.event_tracker_arn));
        }
    }
    let imports = records.all::<DatasetImportJob>(&place, "").await?;
    let running = |job: &DatasetImportJob| job.dataset_arn == dataset.dataset_arn && !job.status.is_settled();
    if let Some(job) = imports.into_iter().find(|job| running(&job.resource)) {
        return Ok(Some(job.resource.dataset_import_job_arn));
    }
    let versions = records.all::<SolutionVersion>(&place, "").await?;
    let in_group = |version: &SolutionVersion| version.dataset_group_arn == *group;
    if let Some(version) = versions.into_iter().find(|v| in_group(&v.resource) && !v.resource.status.is_settled()) {
        return Ok(Some(version.resource.solution_version_arn));
    }
    let solutions = records.all::<Solution>(&place, "").await?;
    let campaigns = records.all::<Campaign>(&place, "").await?;
    for solution in solutions.into_iter().filter(|solution| solution.resource.dataset_group_arn == *group) {
        let below = format!("{}/", solution.resource.solution_arn);
        let serves = |campaign: &Campaign| {
            campaign.solution_version_arn.starts_with(&below) && campaign.status != Status::CreateFailed
        };
        if let Some(campaign) = campaigns.iter().find(|campaign| serves(&campaign.resource)) {
            return Ok(Some(campaign.resource.campaign_arn.clone()));
        }
    }
    Ok(None)
}
