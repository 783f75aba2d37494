//! Algorithms and feature transformations: the two stages of a recipe, built in like it.

use palate_recipes::{Hyperparameter, Range, RecipeInfo, Stage, catalogue};
use serde_json::{Map, Value, json};

use super::Status;
use crate::arn::{Kind, built_in_arn, built_in_name};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::wire::Timestamp;

pub(super) fn operations(all: &mut Operations) {
    all.add("DescribeAlgorithm", algorithm).add("DescribeFeatureTransformation", feature_transformation);
}

/// What the recipes that share a stage say of it.
struct Found<'a> {
    name: &'a str,
    arn: String,
    created: Timestamp,
    /// Of this stage, each once.
    parameters: Vec<&'static Hyperparameter>,
}

/// The stage that the input's `member` names; `name_of` is a recipe's name for it.
fn stage<'a>(
    call: &'a Call,
    kind: Kind,
    member: &str,
    stage: Stage,
    name_of: fn(&RecipeInfo) -> &'static str,
) -> Result<Found<'a>, OpError> {
    let arn = call.text(member);
    let name = built_in_name(kind, arn)
        .ok_or_else(|| OpError::invalid(format!("{member} must be {}, not {arn}", built_in_arn(kind, "<name>"))))?;
    let recipes: Vec<&RecipeInfo> = catalogue().iter().filter(|recipe| name_of(recipe) == name).collect();
    let created_s = recipes.iter().map(|recipe| recipe.created_s).min().ok_or_else(|| kind.missing(arn))?;
    let mut parameters: Vec<&'static Hyperparameter> = Vec::new();
    for parameter in recipes.iter().flat_map(|recipe| recipe.hyperparameters) {
        if parameter.stage == stage && !parameters.iter().any(|known| known.name == parameter.name) {
            parameters.push(parameter);
        }
    }
    Ok(Found { name, arn: built_in_arn(kind, name), created: Timestamp(created_s * 1000), parameters })
}

/// Names and values of those that have a default; the others are chosen by the data.
fn defaults(parameters: &[&Hyperparameter]) -> Map<String, Value> {
    let known = parameters.iter().filter_map(|parameter| Some((parameter.name.to_owned(), json!(parameter.default?))));
    known.collect()
}

fn ranges(parameters: &[&Hyperparameter]) -> Value {
    let (mut integer, mut continuous, mut categorical) = (Vec::new(), Vec::new(), Vec::new());
    for Hyperparameter { name, range, tunable, .. } in parameters {
        match range {
            Range::Integer(low, high) => {
                integer.push(json!({"name": name, "minValue": low, "maxValue": high, "isTunable": tunable}));
            }
            Range::Continuous(low, high) => {
                continuous.push(json!({"name": name, "minValue": low, "maxValue": high, "isTunable": tunable}));
            }
            Range::Categorical(values) => {
                categorical.push(json!({"name": name, "values": values, "isTunable": tunable}));
            }
        }
    }
    json!({
        "integerHyperParameterRanges": integer,
        "continuousHyperParameterRanges": continuous,
        "categoricalHyperParameterRanges": categorical,
    })
}

async fn algorithm(call: Call) -> Result<Value, OpError> {
    let found = stage(&call, Kind::Algorithm, "algorithmArn", Stage::Algorithm, |recipe| recipe.algorithm)?;
    Ok(json!({"algorithm": {
        "name": found.name,
        "algorithmArn": found.arn,
        "defaultHyperParameters": defaults(&found.parameters),
        "defaultHyperParameterRanges": ranges(&found.parameters),
        // The most that a search of hyperparameters may take.
        "defaultResourceConfig": {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"},
        "trainingInputMode": "File",
        "creationDateTime": found.created,
        "lastUpdatedDateTime": found.created,
    }}))
}

async fn feature_transformation(call: Call) -> Result<Value, OpError> {
    let member = "featureTransformationArn";
    let found =
        stage(&call, Kind::FeatureTransformation, member, Stage::Feature, |recipe| recipe.feature_transformation)?;
    Ok(json!({"featureTransformation": {
        "name": found.name,
        "featureTransformationArn": found.arn,
        "defaultParameters": defaults(&found.parameters),
        "creationDateTime": found.created,
        "lastUpdatedDateTime": found.created,
        "status": Status::Active,
    }}))
}
