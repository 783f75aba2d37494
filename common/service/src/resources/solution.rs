//! Solutions: a recipe, its configuration, and the versions trained from it.

use std::collections::BTreeMap;

use palate_recipes::{RecipeInfo, Stage, recipe};
use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Status;
use super::campaign::Campaign;
use super::dataset_group::group_of;
use super::recipe::recipe_of;
use super::solution_version::{SolutionVersion, delete_version, versions_of};
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{self, Parent};
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
    pub recipe_arn: String,
    pub dataset_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solution_config: Option<Map<String, Value>>,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
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
    let later = |member: &str| Err(OpError::invalid(format!("{member} is not available in this version of Palate")));
    if request.perform_auto_ml {
        return later("performAutoML");
    }
    if request.perform_hpo {
        return later("performHPO");
    }
    if request.perform_incremental_update == Some(true) {
        return later("performIncrementalUpdate");
    }
    let Some(recipe_arn) = request.recipe_arn else {
        return Err(OpError::invalid("recipeArn must be given unless performAutoML is true"));
    };
    let info = recipe_of(&recipe_arn)?;
    if info.domain.is_some() {
        let message = format!("{recipe_arn} is a use case; it is used by a recommender, not by a solution");
        return Err(OpError::invalid(message));
    }
    check_config(info, request.solution_config.as_ref())?;
    let (group, group_touch) = group_of(&call).await?;
    let now = call.now();
    let solution = Solution {
        solution_arn: call.place.arn(Kind::Solution, &request.name),
        name: request.name,
        perform_hpo: false,
        perform_auto_ml: false,
        perform_auto_training: request.perform_auto_training.unwrap_or(true),
        recipe_arn,
        dataset_group_arn: group.dataset_group_arn,
        event_type: request.event_type,
        solution_config: request.solution_config,
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    call.records().create(&solution, call.tags(), vec![group_touch]).await?;
    Ok(json!({"solutionArn": solution.solution_arn}))
}

/// The hyperparameters of both stages in one map.
pub(super) fn hyperparameters(config: Option<&Map<String, Value>>) -> BTreeMap<String, String> {
    let maps = ["algorithmHyperParameters", "featureTransformationParameters"];
    let given = maps.into_iter().filter_map(|map| config?.get(map)?.as_object()).flatten();
    given.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The threshold that `EVENT_VALUE` must reach, a number in a string.
pub(super) fn event_value_threshold(config: Option<&Map<String, Value>>) -> Result<Option<f64>, OpError> {
    let Some(text) = config.and_then(|config| config.get("eventValueThreshold")).and_then(Value::as_str) else {
        return Ok(None);
    };
    match text.parse::<f64>() {
        Ok(threshold) if threshold.is_finite() => Ok(Some(threshold)),
        _ => Err(OpError::invalid(format!("solutionConfig.eventValueThreshold is '{text}'; expected a number"))),
    }
}

fn check_config(info: &RecipeInfo, config: Option<&Map<String, Value>>) -> Result<(), OpError> {
    let Some(recipe) = recipe(info.name) else {
        let message = format!("Recipe {} is not available in this version of Palate", info.name);
        return Err(OpError::invalid(message));
    };
    for (map, stage) in
        [("algorithmHyperParameters", Stage::Algorithm), ("featureTransformationParameters", Stage::Feature)]
    {
        let given = config.and_then(|config| config.get(map)).and_then(Value::as_object);
        for name in given.into_iter().flat_map(Map::keys) {
            if info.hyperparameters.iter().any(|known| known.name == *name && known.stage != stage) {
                let message = format!("{name} of recipe {} does not belong into solutionConfig.{map}", info.name);
                return Err(OpError::invalid(message));
            }
        }
    }
    recipe.check(&hyperparameters(config)).map_err(|error| OpError::invalid(error.to_string()))?;
    event_value_threshold(config)?;
    for member in ["hpoConfig", "autoMLConfig", "eventsConfig", "optimizationObjective"] {
        if config.is_some_and(|config| config.contains_key(member)) {
            let message = format!("solutionConfig.{member} does not apply to recipe {}", info.name);
            return Err(OpError::invalid(message));
        }
    }
    Ok(())
}

async fn describe(call: Call) -> Result<Value, OpError> {
    let solution = call.resource::<Solution>("solutionArn").await?.resource;
    let latest = versions_of(call.records(), &solution.solution_arn).await?.into_iter().map(|stored| stored.resource);
    let latest = latest.max_by_key(|version| (version.creation_date_time, version.solution_version_arn.clone()));
    let mut answer = serde_json::to_value(&solution).map_err(OpError::internal)?;
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
    let with: Vec<Write> = Vec::new();
    call.records().remove(&solution, with).await?;
    Ok(Value::Null)
}
