//! Recipes: built in, the same everywhere.

use palate_recipes::{Domain, RecipeInfo, RecipeType, catalogue, describe as find};
use serde_json::{Map, Value, json};

use super::Status;
use crate::arn::{Kind, built_in_arn, recipe_arn, recipe_name};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{LONGEST_PAGE, page_by};
use crate::wire::{Timestamp, project};

pub(super) fn operations(all: &mut Operations) {
    all.add("DescribeRecipe", describe).add("ListRecipes", list);
}

pub(super) fn domain_name(domain: Domain) -> &'static str {
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
        ("algorithmArn".into(), json!(built_in_arn(Kind::Algorithm, recipe.algorithm))),
        (
            "featureTransformationArn".into(),
            json!(built_in_arn(Kind::FeatureTransformation, recipe.feature_transformation)),
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

/// Lists by name.
async fn list(call: Call) -> Result<Value, OpError> {
    let domain = call.optional_text("domain");
    let recipes =
        catalogue().iter().filter(|recipe| domain.is_none_or(|of| recipe.domain.map(domain_name) == Some(of)));
    let rows = recipes.map(|recipe| (recipe.name.to_owned(), recipe)).collect();
    page_by(&call, rows, LONGEST_PAGE, "recipes", domain.unwrap_or_default(), |recipe| {
        Ok(project(&wire_form(recipe), "RecipeSummary"))
    })
}
