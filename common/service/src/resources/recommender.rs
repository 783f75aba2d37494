//! Recommenders: a use case of a domain that is trained, answers requests and is kept up to date.

use std::collections::{BTreeMap, BTreeSet};

use palate_recipes::RecipeInfo;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Status;
use super::dataset_group::group_of;
use super::exploration::check_exploration;
use super::known_columns::check_columns;
use super::recipe::{domain_name, recipe_of};
use super::recommender_job::models_of;
use super::refresh::{self, Unasked};
use super::schedule::{self, Schedule};
use super::solution_config::check_training_data;
use super::training::disown;
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::jobs;
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::{Quota, room};
use crate::records::{Resource, Stored};
use crate::service::JobKind;
use crate::wire::{Timestamp, project};

/// How often a recommender is trained anew.
const PERIOD_DAYS: u64 = 7;

/// A recommender. Its model is [`super::trained_model`] of its ARN, the same while another is being trained;
/// it answers requests as long as [`Recommender::answers`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recommender {
    pub recommender_arn: String,
    pub dataset_group_arn: String,
    pub name: String,
    pub recipe_arn: String,
    /// The configuration in force.
    pub recommender_config: Map<String, Value>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_recommender_update: Option<RecommenderUpdate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_metrics: Option<BTreeMap<String, f64>>,
    /// Not on the wire: what is told is what the model's structure has.
    pub(super) trainings: Trainings,
}

/// What the latest UpdateRecommender asked for and how far it is; until it is ACTIVE the old configuration and
/// model serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecommenderUpdate {
    pub recommender_config: Map<String, Value>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trainings {
    /// How many were begun; part of the name of a model's folder.
    pub begun: u32,
    /// The one that nobody asked for, which leaves the recommender ACTIVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Unasked>,
    /// The update of the model with what is new, which nobody asked for either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Unasked>,
}

impl Recommender {
    /// Whether requests are answered: an update or a training on its way leaves the model that there is.
    pub fn answers(&self) -> bool {
        self.status == Status::Active
    }

    /// The update in progress.
    pub(super) fn update(&self) -> Option<&RecommenderUpdate> {
        self.latest_recommender_update.as_ref().filter(|update| !update.status.is_settled())
    }

    /// Nothing is on its way that its owner asked for.
    pub(super) fn is_settled(&self) -> bool {
        self.status.is_settled() && self.update().is_none()
    }
}

impl Resource for Recommender {
    const KIND: Kind = Kind::Recommender;

    fn arn(&self) -> &str {
        &self.recommender_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateRecommender", create)
        .add("DescribeRecommender", describe)
        .add("ListRecommenders", list)
        .add("UpdateRecommender", update)
        .add("StartRecommender", |call: Call| change(call, Status::Inactive, Status::StartPending))
        .add("StopRecommender", |call: Call| change(call, Status::Active, Status::StopPending))
        .add("DeleteRecommender", delete);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let recipe_arn = call.text("recipeArn").to_owned();
    let info = recipe_of(&recipe_arn)?;
    let Some(domain) = info.domain.map(domain_name) else {
        let message = format!("{recipe_arn} is no use case; create a solution with it instead of a recommender");
        return Err(OpError::invalid(message));
    };
    let given = config_of(&call, info)?;
    let (group, group_touch) = group_of(&call).await?;
    if group.domain.as_deref() != Some(domain) {
        let arn = &group.dataset_group_arn;
        let message = format!("{recipe_arn} needs a dataset group of the domain {domain}, which {arn} is not");
        return Err(OpError::invalid(message));
    }
    check_columns(call.records(), &group.dataset_group_arn, Some(&given), "recommenderConfig").await?;
    let now = call.now();
    let recommender = Recommender {
        recommender_arn: call.place.arn(Kind::Recommender, call.text("name")),
        dataset_group_arn: group.dataset_group_arn,
        name: call.text("name").to_owned(),
        recipe_arn,
        recommender_config: overlaid(&Map::from_iter([(RATE.to_owned(), json!(1))]), given),
        creation_date_time: now,
        last_updated_date_time: now,
        status: Status::CreatePending,
        failure_reason: None,
        latest_recommender_update: None,
        model_metrics: None,
        trainings: Trainings { begun: 1, ..Trainings::default() },
    };
    let (arn, group_arn) = (&recommender.recommender_arn, &recommender.dataset_group_arn);
    call.records().check_free::<Recommender>(arn).await?;
    let others = call.records().all::<Recommender>(&call.place, "").await?;
    let used = others.iter().filter(|other| other.resource.dataset_group_arn == *group_arn).count();
    let with = vec![
        group_touch,
        room(&call, Quota::Recommenders, group_arn, used).await?,
        schedule::set(call.records(), arn, &Schedule::every(PERIOD_DAYS, call.service.clock.now_ms())).await?,
    ];
    jobs::create(&call.service, call.records(), &recommender, call.tags()?, with).await?;
    Ok(json!({"recommenderArn": arn}))
}

const RATE: &str = "minRecommendationRequestsPerSecond";

/// The request's `recommenderConfig`, if the recipe takes it.
fn config_of(call: &Call, info: &RecipeInfo) -> Result<Map<String, Value>, OpError> {
    let Some(given) = call.input.get("recommenderConfig").filter(|given| given.is_object()) else {
        return Ok(Map::new());
    };
    let at = |member: &str| format!("recommenderConfig.{member}");
    let exploration = given.get("itemExplorationConfig");
    check_exploration(info, exploration, 1.0, &at("itemExplorationConfig"))?;
    check_training_data(given.get("trainingDataConfig"), &at("trainingDataConfig"))?;
    match project(given, "RecommenderConfig") {
        Value::Object(known) => Ok(known.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => Ok(Map::new()),
    }
}

/// What is given takes the place of what was; the rest stays.
fn overlaid(before: &Map<String, Value>, given: Map<String, Value>) -> Map<String, Value> {
    let mut config = before.clone();
    config.extend(given);
    config
}

/// The columns that a configuration includes or excludes, however they are written.
pub(super) fn columns(config: &Map<String, Value>) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for (member, types) in config.get("trainingDataConfig").and_then(Value::as_object).into_iter().flatten() {
        for (dataset_type, names) in types.as_object().into_iter().flatten() {
            let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
            let names: BTreeSet<String> = names.map(str::to_uppercase).collect();
            // To exclude nothing is to say nothing; to include nothing is not.
            if !names.is_empty() || member == "includedDatasetColumns" {
                all.insert((member.clone(), dataset_type.to_uppercase()), names);
            }
        }
    }
    all
}

async fn describe(call: Call) -> Result<Value, OpError> {
    let recommender = call.resource::<Recommender>("recommenderArn").await?.resource;
    let value = serde_json::to_value(&recommender).map_err(OpError::internal)?;
    Ok(json!({"recommender": project(&value, "Recommender")}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Recommender> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |recommender, group| recommender.dataset_group_arn == group,
    };
    paging::list(&call, parent, "recommenders", "RecommenderSummary").await
}

/// The recommender of the request, if it is in the state that the operation starts from.
async fn in_state(call: &Call, from: Status) -> Result<Stored<Recommender>, OpError> {
    let stored = call.resource::<Recommender>("recommenderArn").await?;
    let (recommender, operation) = (&stored.resource, call.operation);
    let arn = &recommender.recommender_arn;
    if !recommender.status.is_settled() {
        return Err(OpError::InUse(format!("{arn} is {}; {operation} must wait", recommender.status)));
    }
    if recommender.update().is_some() {
        return Err(OpError::InUse(format!("{arn} is being updated; {operation} must wait")));
    }
    if recommender.status != from {
        let message = format!("{arn} is {}; {operation} needs one that is {from}", recommender.status);
        return Err(OpError::invalid(message));
    }
    Ok(stored)
}

async fn update(call: Call) -> Result<Value, OpError> {
    let mut stored = in_state(&call, Status::Active).await?;
    let recommender = &mut stored.resource;
    let arn = recommender.recommender_arn.clone();
    let given = config_of(&call, recipe_of(&recommender.recipe_arn)?)?;
    check_columns(call.records(), &recommender.dataset_group_arn, Some(&given), "recommenderConfig").await?;
    let config = overlaid(&recommender.recommender_config, given);
    let kind = if columns(&config) == columns(&recommender.recommender_config) {
        JobKind::Deploy
    } else {
        recommender.trainings.begun += 1;
        JobKind::Train
    };
    let now = call.now();
    recommender.latest_recommender_update = Some(RecommenderUpdate {
        recommender_config: config,
        creation_date_time: now,
        last_updated_date_time: now,
        status: Status::CreatePending,
        failure_reason: None,
    });
    begin(&call, stored, kind).await?;
    Ok(json!({"recommenderArn": arn}))
}

async fn change(call: Call, from: Status, to: Status) -> Result<Value, OpError> {
    let mut stored = in_state(&call, from).await?;
    let arn = stored.resource.recommender_arn.clone();
    stored.resource.status = to;
    stored.resource.last_updated_date_time = call.now();
    begin(&call, stored, JobKind::Deploy).await?;
    Ok(json!({"recommenderArn": arn}))
}

/// Commits what the owner asked for with its job. What nobody asked for gives way.
async fn begin(call: &Call, mut stored: Stored<Recommender>, kind: JobKind) -> Result<(), OpError> {
    (stored.resource.trainings.weekly, stored.resource.trainings.refresh) = (None, None);
    let arn = stored.resource.recommender_arn.clone();
    let job = jobs::queue_instead(&call.service, kind, &arn).await?;
    call.records().save(&stored, vec![job]).await?;
    // One that is to rest answers no more from here on.
    call.service.runtime.forget(&arn);
    jobs::start_as(&call.service, kind, &arn).await;
    Ok(())
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let stored = call.resource::<Recommender>("recommenderArn").await?;
    let arn = &stored.resource.recommender_arn;
    if !stored.resource.is_settled() {
        return Err(OpError::InUse(format!("{arn} is being changed; it can be deleted afterwards")));
    }
    let mut with = Vec::new();
    with.extend(schedule::clear(call.records(), arn).await?);
    with.extend(refresh::clear(call.records(), arn).await?);
    with.extend(disown(call.records(), arn).await?);
    with.extend(jobs::cancel(&call.service, arn).await?);
    call.records().remove(&stored, with).await?;
    call.service.runtime.forget(arn);
    let place = Place::of(arn).unwrap_or_else(|| call.place.clone());
    call.service.remove_blobs(&format!("{}/", models_of(&place, &stored.resource.name))).await;
    Ok(Value::Null)
}
