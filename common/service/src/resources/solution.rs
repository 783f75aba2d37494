//! Solutions: a recipe, its configuration, and the versions trained from it.

use palate_recipes::RecipeInfo;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::campaign::Campaign;
use super::dataset_group::group_of;
use super::known_columns::check_columns;
use super::recipe::recipe_of;
use super::schedule::{self, Schedule};
use super::solution_config::{check, check_auto_ml, check_events, period_days};
use super::solution_version::{SolutionVersion, delete_version, versions_of};
use super::{Status, hpo};
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::{Quota, room};
use crate::records::Resource;
use crate::wire::{Timestamp, project};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Solution {
    pub name: String,
    pub solution_arn: String,
    #[serde(rename = "performHPO")]
    pub perform_hpo: bool,
    #[serde(rename = "performAutoML")]
    pub perform_auto_ml: bool,
    pub perform_auto_training: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perform_incremental_update: Option<bool>,
    /// Empty if performAutoML is to choose one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub recipe_arn: String,
    pub dataset_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solution_config: Option<Map<String, Value>>,
    /// What performAutoML has chosen last.
    #[serde(rename = "autoMLResult", default, skip_serializing_if = "Option::is_none")]
    pub auto_ml_result: Option<AutoMlResult>,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_solution_update: Option<SolutionUpdate>,
}

/// The winner among the recipes that performAutoML tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoMlResult {
    pub best_recipe_arn: String,
}

/// What the latest UpdateSolution has changed. It takes hold in the commit that stores it, so it is never seen
/// on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SolutionUpdate {
    #[serde(skip_serializing_if = "Option::is_none")]
    solution_update_config: Option<Map<String, Value>>,
    status: Status,
    perform_auto_training: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    perform_incremental_update: Option<bool>,
    creation_date_time: Timestamp,
    last_updated_date_time: Timestamp,
}

impl Resource for Solution {
    const KIND: Kind = Kind::Solution;

    fn arn(&self) -> &str {
        &self.solution_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateSolution", create)
        .add("DescribeSolution", describe)
        .add("ListSolutions", list)
        .add("UpdateSolution", update)
        .add("DeleteSolution", delete);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    name: String,
    #[serde(rename = "performHPO", default)]
    perform_hpo: bool,
    #[serde(rename = "performAutoML", default)]
    perform_auto_ml: bool,
    perform_auto_training: Option<bool>,
    perform_incremental_update: Option<bool>,
    recipe_arn: Option<String>,
    event_type: Option<String>,
    solution_config: Option<Map<String, Value>>,
}

async fn create(call: Call) -> Result<Value, OpError> {
    let request: CreateRequest = call.parse()?;
    check_request(&request)?;
    let (group, group_touch) = group_of(&call).await?;
    if !request.perform_auto_ml {
        let config = request.solution_config.as_ref();
        check_columns(call.records(), &group.dataset_group_arn, config, "solutionConfig").await?;
    }
    let now = call.now();
    let solution = Solution {
        solution_arn: call.place.arn(Kind::Solution, &request.name),
        name: request.name,
        // AutoML searches for every recipe that it tries.
        perform_hpo: request.perform_hpo || request.perform_auto_ml,
        perform_auto_ml: request.perform_auto_ml,
        perform_auto_training: request.perform_auto_training.unwrap_or(true),
        perform_incremental_update: request.perform_incremental_update,
        recipe_arn: request.recipe_arn.unwrap_or_default(),
        dataset_group_arn: group.dataset_group_arn,
        event_type: request.event_type,
        solution_config: request.solution_config,
        auto_ml_result: None,
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
        latest_solution_update: None,
    };
    let arn = &solution.solution_arn;
    call.records().check_free::<Solution>(arn).await?;
    let solutions = call.records().all::<Solution>(&call.place, "").await?;
    let in_group = |other: &Solution| other.dataset_group_arn == solution.dataset_group_arn;
    let used = solutions.iter().filter(|stored| in_group(&stored.resource)).count();
    let room = room(&call, Quota::Solutions, &solution.dataset_group_arn, used).await?;
    let mut with = vec![group_touch, room];
    if solution.perform_auto_training {
        with.push(schedule::set(call.records(), arn, &first_training(&call, &solution)?).await?);
    }
    call.records().create(&solution, call.tags()?, with).await?;
    Ok(json!({"solutionArn": arn}))
}

/// Trained within the hour, then by its period.
fn first_training(call: &Call, solution: &Solution) -> Result<Schedule, OpError> {
    let days = period_days(solution.solution_config.as_ref())?;
    Ok(Schedule::within_the_hour(days, call.service.clock.now_ms()))
}

fn check_request(request: &CreateRequest) -> Result<(), OpError> {
    let Some(arn) = &request.recipe_arn else {
        if !request.perform_auto_ml {
            return Err(OpError::invalid("recipeArn must be given unless performAutoML is true"));
        }
        if request.perform_incremental_update == Some(true) {
            return Err(OpError::invalid("performIncrementalUpdate and performAutoML cannot be true together"));
        }
        return check_auto_ml(request.solution_config.as_ref());
    };
    if request.perform_auto_ml {
        return Err(OpError::invalid("recipeArn and performAutoML true cannot be given together"));
    }
    let info = recipe_of(arn)?;
    if info.domain.is_some() {
        let message = format!("{arn} is a use case; it is used by a recommender, not by a solution");
        return Err(OpError::invalid(message));
    }
    if request.perform_hpo && !hpo::applies(info) {
        return Err(OpError::invalid(format!("performHPO does not apply to recipe {}", info.name)));
    }
    check_incremental(info, request.perform_incremental_update)?;
    match &request.solution_config {
        Some(config) => check(info, config, request.event_type.as_deref()),
        None => Ok(()),
    }
}

fn check_incremental(info: &RecipeInfo, perform: Option<bool>) -> Result<(), OpError> {
    if perform == Some(true) && info.name != "aws-semantic-similarity" {
        let message = format!("performIncrementalUpdate does not apply to recipe {}", info.name);
        return Err(OpError::invalid(message));
    }
    Ok(())
}

async fn describe(call: Call) -> Result<Value, OpError> {
    let solution = call.resource::<Solution>("solutionArn").await?.resource;
    let latest = versions_of(call.records(), &solution.solution_arn).await?.into_iter().map(|stored| stored.resource);
    let latest = latest.max_by_key(|version| (version.creation_date_time, version.solution_version_arn.clone()));
    let mut answer = serde_json::to_value(&solution).map_err(OpError::internal)?;
    hpo::with_stages(&mut answer);
    if let Some(latest) = latest {
        let latest = serde_json::to_value(&latest).map_err(OpError::internal)?;
        answer["latestSolutionVersion"] = project(&latest, "SolutionVersionSummary");
    }
    Ok(json!({"solution": answer}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Solution> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |solution, group| solution.dataset_group_arn == group,
    };
    paging::list(&call, parent, "solutions", "SolutionSummary").await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRequest {
    perform_auto_training: Option<bool>,
    perform_incremental_update: Option<bool>,
    solution_update_config: Option<Value>,
}

async fn update(call: Call) -> Result<Value, OpError> {
    let request: UpdateRequest = call.parse()?;
    let mut stored = call.resource::<Solution>("solutionArn").await?;
    let solution = &mut stored.resource;
    let arn = solution.solution_arn.clone();
    let given = match request.solution_update_config.map(|given| project(&given, "SolutionUpdateConfig")) {
        Some(Value::Object(given)) => Some(given),
        _ => None,
    };
    period_days(given.as_ref())?;
    if !solution.perform_auto_ml {
        let info = recipe_of(&solution.recipe_arn)?;
        check_incremental(info, request.perform_incremental_update)?;
        let none = Map::new();
        let config = given.as_ref().unwrap_or(&none);
        check_events(info, config, solution.event_type.as_deref())?;
    } else if request.perform_incremental_update == Some(true) {
        return Err(OpError::invalid("performIncrementalUpdate does not apply to a solution with performAutoML"));
    }
    let before = (solution.perform_auto_training, period_days(solution.solution_config.as_ref())?);
    let now = call.now();
    solution.perform_auto_training = request.perform_auto_training.unwrap_or(solution.perform_auto_training);
    solution.perform_incremental_update = request.perform_incremental_update.or(solution.perform_incremental_update);
    for (member, value) in given.iter().flatten() {
        solution.solution_config.get_or_insert_default().insert(member.clone(), value.clone());
    }
    solution.latest_solution_update = Some(SolutionUpdate {
        solution_update_config: given,
        status: Status::Active,
        perform_auto_training: solution.perform_auto_training,
        perform_incremental_update: solution.perform_incremental_update,
        creation_date_time: now,
        last_updated_date_time: now,
    });
    solution.last_updated_date_time = now;
    let mut with = Vec::new();
    if !solution.perform_auto_training {
        with.extend(schedule::clear(call.records(), &arn).await?);
    } else if before != (true, period_days(solution.solution_config.as_ref())?) {
        // Day 1 is the day of the update.
        with.push(schedule::set(call.records(), &arn, &first_training(&call, solution)?).await?);
    }
    call.records().save(&stored, with).await?;
    Ok(json!({"solutionArn": arn}))
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let solution = call.resource::<Solution>("solutionArn").await?;
    let arn = &solution.resource.solution_arn;
    let place = Place::of(arn).unwrap_or_else(|| call.place.clone());
    let below = format!("{arn}/");
    for campaign in call.records().all::<Campaign>(&place, "").await? {
        if campaign.resource.uses(&below) {
            return Err(OpError::InUse(format!("{arn} is in use by {}", campaign.resource.campaign_arn)));
        }
    }
    let versions = versions_of(call.records(), arn).await?;
    let training = |version: &SolutionVersion| !version.status.is_settled();
    if let Some(version) = versions.iter().find(|version| training(&version.resource)) {
        let message = format!("{} is {}", version.resource.solution_version_arn, version.resource.status);
        return Err(OpError::InUse(message));
    }
    // The solution goes last: as long as it is there, the deletion can be asked for again.
    for version in &versions {
        delete_version(&call.service, version).await?;
    }
    let with = schedule::clear(call.records(), arn).await?.into_iter().collect();
    call.records().remove(&solution, with).await?;
    Ok(Value::Null)
}
