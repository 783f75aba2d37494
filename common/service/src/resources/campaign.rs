//! Campaigns: a solution version that answers requests.

use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{SolutionVersion, Status};
use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::records::{Resource, Stored};
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Campaign {
    pub name: String,
    pub campaign_arn: String,
    /// The version that serves, or that the first deployment is to serve.
    pub solution_version_arn: String,
    #[serde(rename = "minProvisionedTPS")]
    pub min_provisioned_tps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_config: Option<Map<String, Value>>,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_campaign_update: Option<CampaignUpdate>,
}

/// What the latest UpdateCampaign asked for and how far it is; until it is ACTIVE the old version serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CampaignUpdate {
    pub solution_version_arn: String,
    #[serde(rename = "minProvisionedTPS")]
    pub min_provisioned_tps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_config: Option<Map<String, Value>>,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

impl Campaign {
    /// The update in progress, if the job is about one.
    fn updating(&mut self) -> Option<&mut CampaignUpdate> {
        self.latest_campaign_update.as_mut().filter(|update| !update.status.is_settled())
    }

    /// Whether it serves, or is about to serve, a version whose ARN begins with `prefix`.
    pub fn uses(&self, prefix: &str) -> bool {
        let next = self.latest_campaign_update.as_ref().filter(|update| !update.status.is_settled());
        self.solution_version_arn.starts_with(prefix)
            || next.is_some_and(|update| update.solution_version_arn.starts_with(prefix))
    }
}

impl Resource for Campaign {
    const KIND: Kind = Kind::Campaign;

    fn arn(&self) -> &str {
        &self.campaign_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateCampaign", create)
        .add("DescribeCampaign", |call: Call| async move { call.describe::<Campaign>("campaignArn", "campaign").await })
        .add("ListCampaigns", list)
        .add("UpdateCampaign", update)
        .add("DeleteCampaign", delete);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    name: String,
    #[serde(rename = "minProvisionedTPS")]
    min_provisioned_tps: Option<f64>,
    campaign_config: Option<Map<String, Value>>,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    check_config(request.campaign_config.as_ref())?;
    let version = servable_version(&call).await?;
    let now = call.now();
    let campaign = Campaign {
        campaign_arn: call.place.arn(Kind::Campaign, &request.name),
        name: request.name,
        solution_version_arn: version.resource.solution_version_arn.clone(),
        min_provisioned_tps: request.min_provisioned_tps.map_or(1, |tps| tps as u64),
        campaign_config: request.campaign_config,
        status: Status::CreatePending,
        failure_reason: None,
        creation_date_time: now,
        last_updated_date_time: now,
        latest_campaign_update: None,
    };
    let arn = campaign.campaign_arn.clone();
    let with = vec![version.touch()?, jobs::queue::<Campaign>(&call.service, &arn)?];
    call.records().create(&campaign, call.tags(), with).await?;
    jobs::start::<Campaign>(&call.service, &arn).await;
    Ok(json!({"campaignArn": arn}))
}

/// The version that `solutionVersionArn` names, if it can serve.
async fn servable_version(call: &Call) -> Result<Stored<SolutionVersion>, OpError> {
    let given = call.text("solutionVersionArn");
    if given.ends_with("/$LATEST") {
        let message = "solutionVersionArn with $LATEST is not available in this version of Palate; name the version";
        return Err(OpError::invalid(message));
    }
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?;
    match version.resource.status {
        Status::Active => Ok(version),
        Status::CreateFailed => Err(OpError::invalid(format!("{given} is CREATE FAILED and cannot be deployed"))),
        status => Err(OpError::InUse(format!("{given} is {status}; it must be ACTIVE to be deployed"))),
    }
}

fn check_config(config: Option<&Map<String, Value>>) -> Result<(), OpError> {
    for member in ["enableMetadataWithRecommendations", "syncWithLatestSolutionVersion"] {
        if config.and_then(|config| config.get(member)).and_then(Value::as_bool) == Some(true) {
            return Err(OpError::invalid(format!(
                "campaignConfig.{member} is not available in this version of Palate"
            )));
        }
    }
    Ok(())
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Campaign> {
        member: "solutionArn",
        kind: Kind::Solution,
        holds: |campaign, solution| {
            campaign.solution_version_arn.strip_prefix(solution).is_some_and(|rest| rest.starts_with('/'))
        },
    };
    paging::list(&call, parent, "campaigns", "CampaignSummary").await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRequest {
    solution_version_arn: Option<String>,
    #[serde(rename = "minProvisionedTPS")]
    min_provisioned_tps: Option<f64>,
    campaign_config: Option<Map<String, Value>>,
}

async fn update(call: Call) -> Result<Value, OpError> {
    let request: UpdateRequest = call.parse()?;
    check_config(request.campaign_config.as_ref())?;
    let mut stored = call.resource::<Campaign>("campaignArn").await?;
    let arn = stored.resource.campaign_arn.clone();
    if !stored.resource.status.is_settled() || stored.resource.updating().is_some() {
        return Err(OpError::InUse(format!("{arn} is being deployed; wait until that has ended")));
    }
    let mut with = Vec::new();
    let mut version_arn = stored.resource.solution_version_arn.clone();
    if request.solution_version_arn.is_some() {
        let version = servable_version(&call).await?;
        version_arn = version.resource.solution_version_arn.clone();
        with.push(version.touch()?);
    }
    let now = call.now();
    let campaign = &mut stored.resource;
    campaign.latest_campaign_update = Some(CampaignUpdate {
        solution_version_arn: version_arn,
        min_provisioned_tps: request.min_provisioned_tps.map_or(campaign.min_provisioned_tps, |tps| tps as u64),
        campaign_config: request.campaign_config.or_else(|| campaign.campaign_config.clone()),
        status: Status::CreatePending,
        failure_reason: None,
        creation_date_time: now,
        last_updated_date_time: now,
    });
    with.push(jobs::queue::<Campaign>(&call.service, &arn)?);
    call.records().save(&stored, with).await?;
    jobs::start::<Campaign>(&call.service, &arn).await;
    Ok(json!({"campaignArn": arn}))
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let mut stored = call.resource::<Campaign>("campaignArn").await?;
    if !stored.resource.status.is_settled() || stored.resource.updating().is_some() {
        let message = format!("{} is being deployed; it can be deleted afterwards", stored.resource.campaign_arn);
        return Err(OpError::InUse(message));
    }
    call.records().remove(&stored, Vec::new()).await?;
    call.service.runtime.forget_campaign(&stored.resource.campaign_arn);
    Ok(Value::Null)
}

impl Job for Campaign {
    const JOB: JobKind = JobKind::Deploy;
    type Product = ();

    fn state(&mut self) -> State<'_> {
        match self.latest_campaign_update.as_mut().filter(|update| !update.status.is_settled()) {
            Some(update) => State {
                status: &mut update.status,
                words: Words::CREATE,
                failure_reason: &mut update.failure_reason,
                updated: &mut update.last_updated_date_time,
            },
            None => State {
                status: &mut self.status,
                words: Words::CREATE,
                failure_reason: &mut self.failure_reason,
                updated: &mut self.last_updated_date_time,
            },
        }
    }

    /// Opens the model, which checks every file, and asks it once.
    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<(), WorkError> {
        let mut campaign = run.resource.clone();
        let version = match campaign.updating() {
            Some(update) => update.solution_version_arn.clone(),
            None => campaign.solution_version_arn,
        };
        service.runtime.smoke_test(service, &version).await
    }

    /// The switch: from the settling commit on, requests see the new version and configuration.
    async fn finish(_service: &Arc<Service>, campaign: &mut Self, _product: &()) -> Result<Vec<Write>, WorkError> {
        if let Some(update) = campaign.updating().map(|update| update.clone()) {
            campaign.solution_version_arn = update.solution_version_arn;
            campaign.min_provisioned_tps = update.min_provisioned_tps;
            campaign.campaign_config = update.campaign_config;
            // A campaign whose first deployment failed is repaired by an update that succeeds.
            campaign.status = Status::Active;
            campaign.failure_reason = None;
        }
        Ok(Vec::new())
    }
}
