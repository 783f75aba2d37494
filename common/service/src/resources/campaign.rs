//! Campaigns: a solution version that answers requests.

use std::collections::HashSet;
use std::sync::Arc;

use palate_recipes::{RecipeInfo, RecipeType};
use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::exploration::check_exploration;
use super::schedule::{self, Due, Schedule};
use super::solution::Solution;
use super::solution_version::{latest_active, versions_of};
use super::version_refresh::watch_deployed;
use super::{SolutionVersion, Status};
use crate::arn::{Kind, Place, recipe_name};
use crate::call::Call;
use crate::error::{OpError, chain};
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::{Quota, room};
use crate::records::{Resource, Stored};
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

/// What a solution's ARN ends with in the name of whichever version is the newest.
const LATEST: &str = "/$LATEST";

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

/// What the latest update asked for and how far it is; until it is ACTIVE the old version serves.
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

    /// Something is being deployed.
    fn is_busy(&self) -> bool {
        !self.status.is_settled()
            || self.latest_campaign_update.as_ref().is_some_and(|update| !update.status.is_settled())
    }

    /// Whether it serves, or is about to serve, a version whose ARN begins with `prefix`.
    pub fn uses(&self, prefix: &str) -> bool {
        let next = self.latest_campaign_update.as_ref().filter(|update| !update.status.is_settled());
        self.solution_version_arn.starts_with(prefix)
            || next.is_some_and(|update| update.solution_version_arn.starts_with(prefix))
    }

    /// The solution whose versions it serves.
    fn solution_arn(&self) -> &str {
        self.solution_version_arn.rsplit_once('/').map_or("", |(solution, _)| solution)
    }

    fn follows(&self) -> bool {
        follows(self.campaign_config.as_ref())
    }
}

/// Whether a configuration asks for the newest version always.
fn follows(config: Option<&Map<String, Value>>) -> bool {
    config.and_then(|config| config.get("syncWithLatestSolutionVersion")).and_then(Value::as_bool) == Some(true)
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
    let config = request.campaign_config.as_ref();
    let follow = follows(config);
    let version = servable_version(&call, follow).await?;
    check_config(&version.resource, config)?;
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
    call.records().check_free::<Campaign>(&arn).await?;
    let group = &version.resource.dataset_group_arn;
    let room = room(&call, Quota::Campaigns, group, campaigns_of(&call, group).await?).await?;
    let mut with = vec![version.touch()?, room];
    if follow {
        with.push(schedule::set(call.records(), &arn, &Schedule::always()).await?);
    }
    jobs::create(&call.service, call.records(), &campaign, call.tags()?, with).await?;
    Ok(json!({"campaignArn": arn}))
}

/// How many campaigns a dataset group has.
async fn campaigns_of(call: &Call, dataset_group_arn: &str) -> Result<usize, OpError> {
    let place = Place::of(dataset_group_arn).unwrap_or_else(|| call.place.clone());
    let solutions = call.records().all::<Solution>(&place, "").await?.into_iter().map(|stored| stored.resource);
    let solutions: HashSet<String> = solutions
        .filter(|solution| solution.dataset_group_arn == dataset_group_arn)
        .map(|solution| solution.solution_arn)
        .collect();
    let campaigns = call.records().all::<Campaign>(&place, "").await?;
    Ok(campaigns.iter().filter(|campaign| solutions.contains(campaign.resource.solution_arn())).count())
}

/// The version that `solutionVersionArn` names, if it can serve: with `$LATEST` the newest that can.
async fn servable_version(call: &Call, follow: bool) -> Result<Stored<SolutionVersion>, OpError> {
    let given = call.text("solutionVersionArn");
    let solution = given.strip_suffix(LATEST);
    if solution.is_some() != follow {
        let message = "solutionVersionArn with $LATEST and campaignConfig.syncWithLatestSolutionVersion true belong \
                       together: give both or neither";
        return Err(OpError::invalid(message));
    }
    let version = match solution {
        Some(solution) => latest_version(call, solution).await?,
        None => call.resource::<SolutionVersion>("solutionVersionArn").await?,
    };
    match version.resource.status {
        Status::Active => Ok(version),
        status if status.is_settled() => {
            Err(OpError::invalid(format!("{given} is {status} and cannot be deployed; it must be ACTIVE")))
        }
        status => Err(OpError::InUse(format!("{given} is {status}; it must be ACTIVE to be deployed"))),
    }
}

async fn latest_version(call: &Call, solution_arn: &str) -> Result<Stored<SolutionVersion>, OpError> {
    let records = call.records();
    records.fetch::<Solution>(solution_arn, "solutionVersionArn").await?;
    if let Some(latest) = latest_active(records, solution_arn).await? {
        return records.fetch(&latest.solution_version_arn, "solutionVersionArn").await;
    }
    let versions = versions_of(records, solution_arn).await?;
    if versions.iter().any(|version| !version.resource.status.is_settled()) {
        return Err(OpError::InUse(format!("{solution_arn} has no ACTIVE version yet; one is being trained")));
    }
    Err(OpError::invalid(format!("{solution_arn} has no ACTIVE version to deploy; create one first")))
}

/// What the recipe of the version takes of `campaignConfig`.
fn check_config(version: &SolutionVersion, config: Option<&Map<String, Value>>) -> Result<(), OpError> {
    let Some(info) = recipe_name(&version.recipe_arn).and_then(palate_recipes::describe) else { return Ok(()) };
    if info.recipe_type == RecipeType::UserSegmentation {
        let message = format!("Recipe {} answers batch segment jobs and cannot be deployed", info.name);
        return Err(OpError::invalid(message));
    }
    let member = |name: &str| config.and_then(|config| config.get(name));
    check_exploration(info, member("itemExplorationConfig"), 0.0, "campaignConfig.itemExplorationConfig")?;
    check_influence(info, member("rankingInfluence"))
}

fn check_influence(info: &RecipeInfo, influence: Option<&Value>) -> Result<(), OpError> {
    let given = influence.and_then(Value::as_object).is_some_and(|influence| !influence.is_empty());
    if given && info.name != "aws-semantic-similarity" {
        let message = format!("campaignConfig.rankingInfluence does not apply to recipe {}", info.name);
        return Err(OpError::invalid(message));
    }
    Ok(())
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Campaign> {
        member: "solutionArn",
        kind: Kind::Solution,
        holds: |campaign, solution| campaign.solution_arn() == solution,
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
    let mut stored = call.resource::<Campaign>("campaignArn").await?;
    let campaign = &mut stored.resource;
    let arn = campaign.campaign_arn.clone();
    if campaign.is_busy() {
        return Err(OpError::InUse(format!("{arn} is being deployed; wait until that has ended")));
    }
    let config = request.campaign_config.or_else(|| campaign.campaign_config.clone());
    let follow = follows(config.as_ref());
    let mut with = Vec::new();
    let version = if request.solution_version_arn.is_some() {
        let version = servable_version(&call, follow).await?;
        with.push(version.touch()?);
        version
    } else if follow && !campaign.follows() {
        let message = "campaignConfig.syncWithLatestSolutionVersion true needs solutionVersionArn with $LATEST";
        return Err(OpError::invalid(message));
    } else {
        call.records().fetch(&campaign.solution_version_arn, "solutionVersionArn").await?
    };
    check_config(&version.resource, config.as_ref())?;
    if follow {
        with.push(schedule::set(call.records(), &arn, &Schedule::always()).await?);
    }
    let tps = request.min_provisioned_tps.map_or(campaign.min_provisioned_tps, |tps| tps as u64);
    campaign.begin_update(version.resource.solution_version_arn, tps, config, call.now());
    jobs::save(&call.service, call.records(), &stored, with).await?;
    Ok(json!({"campaignArn": arn}))
}

impl Campaign {
    fn begin_update(&mut self, version_arn: String, tps: u64, config: Option<Map<String, Value>>, now: Timestamp) {
        self.latest_campaign_update = Some(CampaignUpdate {
            solution_version_arn: version_arn,
            min_provisioned_tps: tps,
            campaign_config: config,
            status: Status::CreatePending,
            failure_reason: None,
            creation_date_time: now,
            last_updated_date_time: now,
        });
    }
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let stored = call.resource::<Campaign>("campaignArn").await?;
    let arn = &stored.resource.campaign_arn;
    if stored.resource.is_busy() {
        return Err(OpError::InUse(format!("{arn} is being deployed; it can be deleted afterwards")));
    }
    let with = schedule::clear(call.records(), arn).await?.into_iter().collect();
    call.records().remove(&stored, with).await?;
    call.service.runtime.forget(arn);
    Ok(Value::Null)
}

/// Whether a campaign answers with this version.
pub(super) async fn serves(service: &Service, version_arn: &str) -> Result<bool, OpError> {
    let Some(place) = Place::of(version_arn) else { return Ok(false) };
    let campaigns = service.records.all::<Campaign>(&place, "").await?;
    let mut campaigns = campaigns.iter().map(|stored| &stored.resource);
    Ok(campaigns.any(|campaign| campaign.status == Status::Active && campaign.solution_version_arn == version_arn))
}

/// Deploys the newest version of a solution to the campaigns that follow it, and has all of its campaigns look where
/// their models are now. What fails is left to the sweep.
pub(super) async fn follow_all(service: &Arc<Service>, solution_arn: &str) {
    let Some(place) = Place::of(solution_arn) else { return };
    let campaigns = match service.records.all::<Campaign>(&place, "").await {
        Ok(campaigns) => campaigns,
        Err(error) => return tracing::warn!(solution_arn, error = chain(&error), "campaigns not updated yet"),
    };
    for campaign in campaigns.into_iter().filter(|campaign| campaign.resource.solution_arn() == solution_arn) {
        service.runtime.forget(&campaign.resource.campaign_arn);
        if let Err(error) = deploy_latest(service, campaign).await {
            tracing::warn!(solution_arn, error = chain(&error), "a campaign is not updated yet");
        }
    }
}

/// Does the same for the campaign of a schedule; tells whether it began an update.
pub(super) async fn follow(service: &Arc<Service>, due: Due) -> Result<bool, OpError> {
    match service.records.find::<Campaign>(&due.arn).await? {
        Some(stored) if stored.resource.is_busy() => Ok(false),
        Some(stored) if stored.resource.follows() => deploy_latest(service, stored).await,
        _ => {
            due.end(service).await?;
            Ok(false)
        }
    }
}

async fn deploy_latest(service: &Arc<Service>, mut stored: Stored<Campaign>) -> Result<bool, OpError> {
    let campaign = &mut stored.resource;
    if campaign.is_busy() || !campaign.follows() {
        return Ok(false);
    }
    let Some(latest) = latest_active(&service.records, campaign.solution_arn()).await? else { return Ok(false) };
    let tried = campaign.latest_campaign_update.as_ref().map(|update| &update.solution_version_arn);
    // One that could not be deployed is not tried for ever.
    if [Some(&campaign.solution_version_arn), tried].contains(&Some(&latest.solution_version_arn)) {
        return Ok(false);
    }
    let version = service.records.fetch::<SolutionVersion>(&latest.solution_version_arn, "solutionVersionArn").await?;
    let (tps, config) = (campaign.min_provisioned_tps, campaign.campaign_config.clone());
    campaign.begin_update(latest.solution_version_arn, tps, config, service.now());
    jobs::save(service, &service.records, &stored, vec![version.touch()?]).await?;
    Ok(true)
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
    async fn finish(service: &Arc<Service>, campaign: &mut Self, _product: &()) -> Result<Vec<Write>, WorkError> {
        if let Some(update) = campaign.updating().map(|update| update.clone()) {
            campaign.solution_version_arn = update.solution_version_arn;
            campaign.min_provisioned_tps = update.min_provisioned_tps;
            campaign.campaign_config = update.campaign_config;
            // A campaign whose first deployment failed is repaired by an update that succeeds.
            campaign.status = Status::Active;
            campaign.failure_reason = None;
        }
        Ok(watch_deployed(service, &campaign.solution_version_arn).await?.into_iter().collect())
    }

    /// A version that became ACTIVE meanwhile is next.
    async fn then(service: &Arc<Service>, campaign: &Self) {
        if campaign.follows() {
            follow_all(service, campaign.solution_arn()).await;
        }
    }
}
