//! What a batch inference job may ask for beyond recommendations: themes, exploration, ranking influence.

use palate_recipes::parts::ColumnType;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::SolutionVersion;
use super::dataset::Dataset;
use super::dataset_group::DatasetGroup;
use super::schema::DatasetSchema;
use crate::arn::{Kind, Place, recipe_name};
use crate::call::Call;
use crate::error::OpError;
use crate::schema::DatasetType;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThemeGenerationConfig {
    pub fields_for_theme_generation: ThemeFields,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThemeFields {
    /// The column that holds the items' names.
    pub item_name: String,
}

/// Themes need the Similar-Items recipe, and items with a text and a name.
pub(super) async fn check_themes(
    call: &Call,
    version: &SolutionVersion,
    config: Option<&ThemeGenerationConfig>,
) -> Result<(), OpError> {
    if recipe_name(&version.recipe_arn) != Some("aws-similar-items") {
        let message = "batchInferenceJobMode THEME_GENERATION needs a version of aws-similar-items, not of";
        return Err(OpError::invalid(format!("{message} {}", version.recipe_arn)));
    }
    let Some(config) = config else {
        let message = "themeGenerationConfig must be given with batchInferenceJobMode THEME_GENERATION";
        return Err(OpError::invalid(message));
    };
    let group_arn = &version.dataset_group_arn;
    let group = call.records().fetch::<DatasetGroup>(group_arn, "datasetGroupArn").await?.resource;
    let place = Place::of(group_arn).unwrap_or_else(|| call.place.clone());
    let items = place.arn(Kind::Dataset, &format!("{}/{}", group.name, DatasetType::Items.arn_suffix()));
    let Some(items) = call.records().find::<Dataset>(&items).await? else {
        return Err(OpError::invalid(format!("{group_arn} has no Items dataset; themes are made of its texts")));
    };
    let schema = call.records().fetch::<DatasetSchema>(&items.resource.schema_arn, "schemaArn").await?;
    let schema = schema.resource.parse()?;
    if !schema.fields().iter().any(|field| field.textual) {
        let message = format!("{} has no textual field; themes are made of it", items.resource.dataset_arn);
        return Err(OpError::invalid(message));
    }
    let name = &config.fields_for_theme_generation.item_name;
    let is_name = schema.fields().iter().any(|field| field.name == *name && field.kind == ColumnType::String);
    if !is_name {
        return Err(OpError::invalid(format!(
            "themeGenerationConfig.fieldsForThemeGeneration.itemName is {name}, which is no string column of {}",
            items.resource.dataset_arn
        )));
    }
    Ok(())
}

/// Checks the maps of `batchInferenceJobConfig`: what a recipe does not heed is refused, not ignored.
pub(super) fn check_config(config: &Map<String, Value>, recipe_arn: &str) -> Result<(), OpError> {
    let recipe = recipe_name(recipe_arn).unwrap_or_default();
    let entries = |member: &str| config.get(member).and_then(Value::as_object).into_iter().flatten();
    let needs = |member: &str, wanted: &str| {
        let message = format!("batchInferenceJobConfig.{member} needs a version of {wanted}, not of {recipe_arn}");
        Err(OpError::invalid(message))
    };
    if entries("itemExplorationConfig").next().is_some() && recipe != "aws-user-personalization" {
        return needs("itemExplorationConfig", "aws-user-personalization");
    }
    if entries("rankingInfluence").next().is_some() && recipe != "aws-semantic-similarity" {
        return needs("rankingInfluence", "aws-semantic-similarity");
    }
    for (name, value) in entries("itemExplorationConfig") {
        let text = value.as_str().unwrap_or_default();
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let (fits, expected) = match name.as_str() {
            "explorationWeight" => (number.is_some_and(|n| (0.0..=1.0).contains(&n)), "a number from 0 to 1"),
            "explorationItemAgeCutOff" => (number.is_some_and(|n| n > 0.0), "a number of days above 0"),
            _ => {
                return Err(OpError::invalid(format!(
                    "batchInferenceJobConfig.itemExplorationConfig has {name}; expected explorationWeight or \
                     explorationItemAgeCutOff"
                )));
            }
        };
        if !fits {
            let member = format!("batchInferenceJobConfig.itemExplorationConfig.{name}");
            return Err(OpError::invalid(format!("{member} is '{text}'; expected {expected}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn check(config: Value, recipe: &str) -> Result<(), String> {
        let recipe = format!("arn:aws:personalize:::recipe/{recipe}");
        check_config(config.as_object().unwrap(), &recipe).map_err(|error| error.to_string())
    }

    #[test]
    fn exploration_is_for_user_personalization_and_in_range() {
        let explore = |name: &str, value: &str| json!({"itemExplorationConfig": {name: value}});
        let recipe = "aws-user-personalization";
        for (name, value) in
            [("explorationWeight", "0"), ("explorationWeight", "1.0"), ("explorationItemAgeCutOff", "7.5")]
        {
            check(explore(name, value), recipe).unwrap();
            assert!(check(explore(name, value), "aws-sims").unwrap_err().contains("needs a version of"));
        }
        for (name, value) in [
            ("explorationWeight", "1.1"),
            ("explorationWeight", "NaN"),
            ("explorationWeight", ""),
            ("explorationItemAgeCutOff", "0"),
            ("explorationItemAgeCutOff", "inf"),
            ("weight", "1"),
        ] {
            assert!(check(explore(name, value), recipe).unwrap_err().contains(name), "{name} {value}");
        }
        check(json!({"itemExplorationConfig": {}}), "aws-sims").unwrap();
    }

    #[test]
    fn ranking_influence_is_for_semantic_similarity() {
        let config = json!({"rankingInfluence": {"POPULARITY": 0.5}});
        check(config.clone(), "aws-semantic-similarity").unwrap();
        assert!(check(config, "aws-sims").unwrap_err().contains("aws-semantic-similarity"));
    }
}
