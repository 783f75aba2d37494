//! Recipes: built in, the same everywhere.

use palate_recipes::{Domain, RecipeInfo, RecipeType, catalogue, describe as find};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Status;
use crate::arn::{Kind, recipe_arn, recipe_name};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{read_token, write_token};
use crate::wire::{Timestamp, project};

pub(super) fn operations(all: &mut Operations) {
    all.add("DescribeRecipe", describe).add("ListRecipes", list);
}

fn domain_name(domain: Domain) -> &'static str {
    match domain {
        Domain::Ecommerce => "ECOMMERCE",
        Domain::VideoOnDemand => "VIDEO_ON_DEMAND",
    }
}

fn type_name(recipe_type: RecipeType) -> &'static str {
    match recipe_type {
        RecipeType::UserPersonalization => "USER_PERSONALIZATION",
        RecipeType::PopularItems => "POPULAR_ITEMS",
        RecipeType::PersonalizedRanking => "PERSONALIZED_RANKING",
        RecipeType::RelatedItems => "RELATED_ITEMS",
        RecipeType::PersonalizedActions => "PERSONALIZED_ACTIONS",
        RecipeType::UserSegmentation => "USER_SEGMENTATION",
    }
}

/// Every member of `Recipe` and of `RecipeSummary`; the wire form takes those that it has.
fn wire_form(recipe: &RecipeInfo) -> Value {
    let created = Timestamp(recipe.created_s * 1000);
    let mut value = Map::from_iter([
        ("name".into(), json!(recipe.name)),
        ("recipeArn".into(), json!(recipe_arn(recipe.name))),
        ("algorithmArn".into(), json!(format!("arn:aws:personalize:::algorithm/{}", recipe.algorithm))),
        (
            "featureTransformationArn".into(),
            json!(format!("arn:aws:personalize:::feature-transformation/{}", recipe.feature_transformation)),
        ),
        ("status".into(), json!(Status::Active)),
        ("description".into(), json!(recipe.description)),
        ("creationDateTime".into(), json!(created)),
        ("recipeType".into(), json!(type_name(recipe.recipe_type))),
        ("lastUpdatedDateTime".into(), json!(created)),
    ]);
    if let Some(domain) = recipe.domain {
        value.insert("domain".into(), json!(domain_name(domain)));
    }
    Value::Object(value)
}

/// The recipe that an ARN names.
pub(super) fn recipe_of(arn: &str) -> Result<&'static RecipeInfo, OpError> {
    let name = recipe_name(arn)
        .ok_or_else(|| OpError::invalid(format!("recipeArn must be arn:aws:personalize:::recipe/<name>, not {arn}")))?;
    find(name).ok_or_else(|| Kind::Recipe.missing(arn))
}

async fn describe(call: Call) -> Result<Value, OpError> {
    let recipe = recipe_of(call.text("recipeArn"))?;
    Ok(json!({"recipe": project(&wire_form(recipe), "Recipe")}))
}

/// Lists by name, so a token holds the last name.
async fn list(call: Call) -> Result<Value, OpError> {
    #[derive(Serialize, Deserialize)]
    struct Last {
        name: String,
    }
    let domain = call.optional_text("domain");
    let scope = format!("ListRecipes|{}", domain.unwrap_or_default());
    let after: Option<Last> = call.optional_text("nextToken").map(|token| read_token(token, &scope)).transpose()?;
    let size = call.input.get("maxResults").and_then(Value::as_f64).map_or(100, |size| size as usize);
    let mut recipes: Vec<&RecipeInfo> = catalogue()
        .iter()
        .filter(|recipe| domain.is_none_or(|domain| recipe.domain.map(domain_name) == Some(domain)))
        .filter(|recipe| after.as_ref().is_none_or(|after| recipe.name > after.name.as_str()))
        .collect();
    recipes.sort_by_key(|recipe| recipe.name);
    let more = recipes.len() > size;
    recipes.truncate(size);
    let shown: Vec<Value> = recipes.iter().map(|recipe| project(&wire_form(recipe), "RecipeSummary")).collect();
    let mut answer = json!({ "recipes": shown });
    if let Some(last) = recipes.last().filter(|_| more) {
        answer["nextToken"] = Value::String(write_token(&Last { name: last.name.into() }, &scope)?);
    }
    Ok(answer)
}
