//! `solutionConfig`: what each recipe takes of it, checked when the solution is created or updated.

use std::collections::{BTreeMap, HashSet};

use palate_recipes::tune::{METRIC, METRICS};
use palate_recipes::{EventWeight, Objective, RecipeInfo, Sensitivity, Stage};
use serde_json::{Map, Value};

use super::hpo;
use super::training::{competitors, may_compete};
use crate::arn::recipe_name;
use crate::error::OpError;

/// As long as automatic training waits if nothing else is said.
const DEFAULT_PERIOD_DAYS: u64 = 7;
const MAX_PERIOD_DAYS: u64 = 30;

/// Can be set by a search alone.
const ONLY_SEARCHED: [&str; 2] = ["item_id_hidden_dim", "item_metadata_hidden_dim"];

/// Columns that every training needs.
const NEVER_EXCLUDED: [&str; 4] = ["USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"];

/// Recipes that weigh events by their type: those of the guide, and Palate's own.
const WEIGH_EVENTS: [&str; 4] =
    ["aws-user-personalization-v2", "aws-personalized-ranking-v2", "palate-transitions", "palate-ials"];

type Config = Map<String, Value>;

/// Checks a whole configuration for a recipe.
pub(super) fn check(info: &'static RecipeInfo, config: &Config, event_type: Option<&str>) -> Result<(), OpError> {
    check_stages(info, config)?;
    info.check(&hyperparameters(Some(config))).map_err(|error| OpError::invalid(error.to_string()))?;
    event_value_threshold(Some(config))?;
    if config.contains_key("autoMLConfig") {
        return Err(OpError::invalid("solutionConfig.autoMLConfig needs performAutoML true and no recipeArn"));
    }
    if let Some(given) = object(config, "hpoConfig") {
        hpo::check(info, given)?;
    }
    check_events(info, config, event_type)?;
    check_objective(info, config)?;
    check_training_data(config.get("trainingDataConfig"), "solutionConfig.trainingDataConfig")?;
    period_days(Some(config))?;
    Ok(())
}

/// Checks what performAutoML reads; it leaves the rest alone.
pub(super) fn check_auto_ml(config: Option<&Config>) -> Result<(), OpError> {
    for arn in recipe_list(config) {
        if !recipe_name(arn).is_some_and(may_compete) {
            return Err(OpError::invalid(format!(
                "solutionConfig.autoMLConfig.recipeList names {arn}; performAutoML chooses from {}",
                competitors().join(", ")
            )));
        }
    }
    let metric = auto_ml_metric(config);
    if metric != METRIC && !METRICS.contains(&metric) {
        return Err(OpError::invalid(format!(
            "solutionConfig.autoMLConfig.metricName is {metric}; performAutoML compares by one of {}",
            METRICS.join(", ")
        )));
    }
    period_days(config)?;
    Ok(())
}

/// What performAutoML compares the recipes by.
pub(super) fn auto_ml_metric(config: Option<&Config>) -> &str {
    let metric = config.and_then(|config| object(config, "autoMLConfig")?.get("metricName")?.as_str());
    metric.unwrap_or(METRIC)
}

fn recipe_list(config: Option<&Config>) -> impl Iterator<Item = &str> {
    let recipes = config.and_then(|config| object(config, "autoMLConfig")?.get("recipeList")?.as_array());
    recipes.into_iter().flatten().filter_map(Value::as_str)
}

/// The recipes that performAutoML chooses from, each once.
pub(super) fn auto_ml_recipes(config: Option<&Config>) -> Vec<String> {
    let mut listed: Vec<String> = Vec::new();
    for name in recipe_list(config).filter_map(recipe_name) {
        if !listed.iter().any(|other| other == name) {
            listed.push(name.to_owned());
        }
    }
    if listed.is_empty() { competitors() } else { listed }
}

/// What `eventsConfig` says; nothing if it is not given.
pub(super) fn event_weights(config: Option<&Config>) -> Vec<EventWeight> {
    let list = config.and_then(|config| object(config, "eventsConfig")?.get("eventParametersList")?.as_array());
    let weight = |event: &Value| {
        Some(EventWeight {
            event_type: event.get("eventType")?.as_str()?.to_owned(),
            event_value_threshold: event.get("eventValueThreshold").and_then(Value::as_f64),
            // What is not weighted weighs 1.
            weight: event.get("weight").and_then(Value::as_f64).unwrap_or(1.0),
        })
    };
    list.into_iter().flatten().filter_map(weight).collect()
}

/// What `optimizationObjective` says; `None` if it names no column. One that is off has a metric all the same.
pub(super) fn objective(config: Option<&Config>) -> Option<Objective> {
    let given = object(config?, "optimizationObjective")?;
    let sensitivity = match given.get("objectiveSensitivity").and_then(Value::as_str) {
        Some("OFF") => Sensitivity::Off,
        Some("LOW") => Sensitivity::Low,
        Some("HIGH") => Sensitivity::High,
        _ => Sensitivity::Medium,
    };
    Some(Objective { item_attribute: given.get("itemAttribute")?.as_str()?.to_owned(), sensitivity })
}

/// The hyperparameters of both stages in one map.
pub(super) fn hyperparameters(config: Option<&Config>) -> BTreeMap<String, String> {
    let maps = ["algorithmHyperParameters", "featureTransformationParameters"];
    let given = maps.into_iter().filter_map(|map| config?.get(map)?.as_object()).flatten();
    given.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The threshold that `EVENT_VALUE` must reach, a number in a string.
pub(crate) fn event_value_threshold(config: Option<&Config>) -> Result<Option<f64>, OpError> {
    let Some(text) = config.and_then(|config| config.get("eventValueThreshold")).and_then(Value::as_str) else {
        return Ok(None);
    };
    match text.parse::<f64>() {
        Ok(threshold) if threshold.is_finite() => Ok(Some(threshold)),
        _ => Err(OpError::invalid(format!("solutionConfig.eventValueThreshold is '{text}'; expected a number"))),
    }
}

/// Days from one automatic training to the next: `rate(1 day)` to `rate(30 days)`.
pub(super) fn period_days(config: Option<&Config>) -> Result<u64, OpError> {
    let expression = config.and_then(|config| object(config, "autoTrainingConfig")?.get("schedulingExpression"));
    let Some(text) = expression.and_then(Value::as_str) else { return Ok(DEFAULT_PERIOD_DAYS) };
    let number = text.strip_prefix("rate(").and_then(|rest| rest.split_once(' ')).map(|(number, _)| number);
    match number.and_then(|number| number.parse().ok()) {
        Some(days) if (1..=MAX_PERIOD_DAYS).contains(&days) => Ok(days),
        _ => Err(OpError::invalid(format!(
            "autoTrainingConfig.schedulingExpression is '{text}'; expected rate(1 day) to rate({MAX_PERIOD_DAYS} days)"
        ))),
    }
}

fn object<'a>(config: &'a Config, member: &str) -> Option<&'a Config> {
    config.get(member).and_then(Value::as_object)
}

/// Each hyperparameter in the map of its stage.
fn check_stages(info: &RecipeInfo, config: &Config) -> Result<(), OpError> {
    for (map, stage) in
        [("algorithmHyperParameters", Stage::Algorithm), ("featureTransformationParameters", Stage::Feature)]
    {
        for name in object(config, map).into_iter().flat_map(Map::keys) {
            if info.hyperparameters.iter().any(|known| known.name == *name && known.stage != stage) {
                let message = format!("{name} of recipe {} does not belong into solutionConfig.{map}", info.name);
                return Err(OpError::invalid(message));
            }
            if ONLY_SEARCHED.contains(&name.as_str()) {
                let message = format!("{name} of recipe {} can only be given as a range in hpoConfig", info.name);
                return Err(OpError::invalid(message));
            }
        }
    }
    Ok(())
}

/// `eventsConfig`: types of events with their weights, of the recipes that weigh events.
pub(super) fn check_events(info: &RecipeInfo, config: &Config, event_type: Option<&str>) -> Result<(), OpError> {
    let Some(events) = object(config, "eventsConfig") else { return Ok(()) };
    let wrong = |what: &str| Err(OpError::invalid(format!("eventsConfig {what}")));
    if !WEIGH_EVENTS.contains(&info.name) {
        return wrong(&format!("does not apply to recipe {}; give eventType instead", info.name));
    }
    if event_type.is_some() {
        return wrong("and eventType cannot be given together");
    }
    let list = events.get("eventParametersList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut seen = HashSet::new();
    for (number, event) in list.iter().enumerate() {
        let event_type = event.get("eventType").and_then(Value::as_str).unwrap_or_default();
        if event_type.is_empty() {
            return wrong(&format!("has no eventType in eventParametersList[{number}]"));
        }
        if !seen.insert(event_type.to_lowercase()) {
            return wrong(&format!("names an event type twice in eventParametersList[{number}]"));
        }
    }
    // What is not weighted weighs 1.
    let weightless = |event: &Value| event.get("weight").and_then(Value::as_f64) == Some(0.0);
    if !list.is_empty() && list.iter().all(weightless) {
        return wrong("gives every event type the weight 0; one must weigh more");
    }
    Ok(())
}

fn check_objective(info: &RecipeInfo, config: &Config) -> Result<(), OpError> {
    let Some(objective) = object(config, "optimizationObjective") else { return Ok(()) };
    if !["aws-user-personalization", "aws-personalized-ranking"].contains(&info.name) {
        let message = format!("solutionConfig.optimizationObjective does not apply to recipe {}", info.name);
        return Err(OpError::invalid(message));
    }
    let sensitivity = objective.get("objectiveSensitivity").and_then(Value::as_str);
    if objective.get("itemAttribute").is_none_or(Value::is_null) && sensitivity.is_some_and(|level| level != "OFF") {
        return Err(OpError::invalid(
            "solutionConfig.optimizationObjective.itemAttribute must name a numeric column of the Items dataset",
        ));
    }
    Ok(())
}

/// `trainingDataConfig` of a solution or a recommender.
pub(super) fn check_training_data(config: Option<&Value>, at: &str) -> Result<(), OpError> {
    const TYPES: [&str; 5] = ["INTERACTIONS", "ITEMS", "USERS", "ACTIONS", "ACTION_INTERACTIONS"];
    let mut seen = HashSet::new();
    for member in ["excludedDatasetColumns", "includedDatasetColumns"] {
        let columns = config.and_then(|config| config.get(member)).and_then(Value::as_object);
        for (dataset_type, columns) in columns.into_iter().flatten() {
            let upper = dataset_type.to_uppercase();
            if !TYPES.contains(&upper.as_str()) {
                return Err(OpError::invalid(format!(
                    "{at}.{member} names the dataset type '{dataset_type}'; expected one of {}",
                    TYPES.join(", ")
                )));
            }
            if !seen.insert(upper) {
                return Err(OpError::invalid(format!("{at} names {dataset_type} twice; include or exclude, not both")));
            }
            let names = columns.as_array().into_iter().flatten().filter_map(Value::as_str);
            let needed = |name: &&str| NEVER_EXCLUDED.iter().any(|known| known.eq_ignore_ascii_case(name));
            if let Some(name) = names.into_iter().find(|name| member == "excludedDatasetColumns" && needed(name)) {
                return Err(OpError::invalid(format!("{at}.{member}: {name} cannot be excluded from training")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palate_recipes::describe;
    use serde_json::json;

    use super::*;

    fn message(recipe: &str, config: Value, event_type: Option<&str>) -> Option<String> {
        let config = config.as_object().unwrap();
        check(describe(recipe).unwrap(), config, event_type).err().map(|error| error.to_string())
    }

    #[test]
    fn each_recipe_takes_what_is_documented_for_it() {
        let events = json!({"eventsConfig": {"eventParametersList": [
            {"eventType": "Watch", "weight": 0.3}, {"eventType": "Click", "weight": 0.0, "eventValueThreshold": 2.5},
        ]}});
        let objective = json!({"optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": "HIGH"}});
        let columns = json!({"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["PRICE"]}}});
        for (recipe, config) in [
            ("aws-user-personalization-v2", events.clone()),
            ("aws-personalized-ranking-v2", events.clone()),
            ("palate-transitions", events.clone()),
            ("palate-ials", events.clone()),
            ("aws-user-personalization", objective.clone()),
            ("aws-personalized-ranking", objective.clone()),
            ("aws-sims", columns),
            ("aws-hrnn", json!({"algorithmHyperParameters": {"bptt": "16"}, "eventValueThreshold": "0.5"})),
            ("aws-trending-now", json!({"featureTransformationParameters": {"trend_discovery_frequency": "1 hour"}})),
        ] {
            assert_eq!(message(recipe, config, None), None, "{recipe}");
        }
        for recipe in [
            "aws-sims",
            "aws-hrnn",
            "aws-user-personalization",
            "aws-next-best-action",
            "palate-ease",
            "palate-session-knn",
        ] {
            let told = message(recipe, events.clone(), None).unwrap();
            assert_eq!(told, format!("eventsConfig does not apply to recipe {recipe}; give eventType instead"));
        }
        for recipe in ["aws-sims", "aws-user-personalization-v2", "aws-hrnn"] {
            assert!(message(recipe, objective.clone(), None).unwrap().contains("optimizationObjective"), "{recipe}");
        }
        let both = message("aws-user-personalization-v2", events, Some("Watch")).unwrap();
        assert!(both.contains("cannot be given together"), "{both}");
    }

    #[test]
    fn what_does_not_fit_is_told_by_name() {
        let v2 = "aws-user-personalization-v2";
        let list = |list: Value| json!({"eventsConfig": {"eventParametersList": list}});
        let columns = |member: &str, given: Value| json!({"trainingDataConfig": {member: given}});
        for (recipe, config, says) in [
            ("aws-hrnn", json!({"algorithmHyperParameters": {"bptt": "33"}}), "from 2 to 32"),
            ("aws-hrnn", json!({"algorithmHyperParameters": {"depth": "3"}}), "unknown hyperparameter `depth`"),
            ("aws-hrnn", json!({"featureTransformationParameters": {"bptt": "3"}}), "does not belong"),
            ("aws-similar-items", json!({"algorithmHyperParameters": {"item_id_hidden_dim": "50"}}), "hpoConfig"),
            ("aws-hrnn", json!({"eventValueThreshold": "much"}), "expected a number"),
            ("aws-hrnn", json!({"autoMLConfig": {}}), "performAutoML"),
            (v2, list(json!([{"weight": 1.0}])), "eventParametersList[0]"),
            (v2, list(json!([{"eventType": "a"}, {"eventType": "A"}])), "eventParametersList[1]"),
            (v2, list(json!([{"eventType": "a", "weight": 0}])), "weight 0"),
            ("aws-user-personalization", json!({"optimizationObjective": {"objectiveSensitivity": "LOW"}}), "itemAttr"),
            ("aws-sims", columns("excludedDatasetColumns", json!({"Interactions": ["event_type"]})), "event_type"),
            ("aws-sims", columns("excludedDatasetColumns", json!({"Films": ["A"]})), "'Films'"),
            ("aws-sims", columns("includedDatasetColumns", json!({"ITEMS": [], "items": []})), "twice"),
            ("aws-sims", json!({"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}), "rate(30 days)"),
            ("aws-sims", json!({"autoTrainingConfig": {"schedulingExpression": "rate(0 days)"}}), "rate(30 days)"),
        ] {
            let message = message(recipe, config.clone(), None).unwrap();
            assert!(message.contains(says), "{config}: {message}");
        }
    }

    #[test]
    fn what_is_not_weighted_weighs_1_and_an_objective_counts_as_much_as_relevance_unless_told() {
        let config = json!({"eventsConfig": {"eventParametersList": [
            {"eventType": "Watch", "weight": 0.3, "eventValueThreshold": 2.5}, {"eventType": "Click"},
        ]}});
        let weight = |event_type: &str, event_value_threshold, weight| EventWeight {
            event_type: event_type.into(),
            event_value_threshold,
            weight,
        };
        let wanted = [weight("Watch", Some(2.5), 0.3), weight("Click", None, 1.0)];
        assert_eq!((event_weights(config.as_object()), event_weights(None)), (wanted.to_vec(), Vec::new()));
        let of = |level: Value| {
            let config = json!({"optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": level}});
            objective(config.as_object()).map(|objective| objective.sensitivity)
        };
        assert_eq!([of(json!("OFF")), of(json!("LOW"))], [Some(Sensitivity::Off), Some(Sensitivity::Low)]);
        assert_eq!([of(json!("HIGH")), of(Value::Null)], [Some(Sensitivity::High), Some(Sensitivity::Medium)]);
        assert_eq!(objective(None), None);
        assert_eq!(objective(json!({"optimizationObjective": {"objectiveSensitivity": "OFF"}}).as_object()), None);
    }

    #[test]
    fn a_training_period_is_in_days() {
        let days = |text: &str| {
            let config = json!({"autoTrainingConfig": {"schedulingExpression": text}});
            period_days(config.as_object()).unwrap()
        };
        assert_eq!((days("rate(1 day)"), days("rate(2 days)"), days("rate(30 days)")), (1, 2, 30));
        assert_eq!(period_days(None).unwrap(), 7);
    }
}
