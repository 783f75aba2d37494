//! `hpoConfig`: which hyperparameters a search may vary, and how long it may take.

use palate_recipes::{Hyperparameter, Range, RecipeInfo};
use serde_json::{Map, Value};

use crate::error::OpError;

const LISTS: [&str; 3] =
    ["integerHyperParameterRanges", "continuousHyperParameterRanges", "categoricalHyperParameterRanges"];

/// Whether the recipe has anything to search.
pub(super) fn applies(info: &RecipeInfo) -> bool {
    info.hyperparameters.iter().any(|parameter| parameter.tunable)
}

/// Checks `solutionConfig.hpoConfig`.
pub(super) fn check(info: &RecipeInfo, config: &Map<String, Value>) -> Result<(), OpError> {
    if let Some(resources) = config.get("hpoResourceConfig") {
        check_count(resources, "maxNumberOfTrainingJobs", 40)?;
        check_count(resources, "maxParallelTrainingJobs", 10)?;
    }
    for list in LISTS {
        for range in ranges(config, list) {
            check_range(info, list, range)?;
        }
    }
    Ok(())
}

fn ranges<'a>(config: &'a Map<String, Value>, list: &str) -> impl Iterator<Item = &'a Value> {
    let ranges = config.get("algorithmHyperParameterRanges").and_then(|ranges| ranges.get(list));
    ranges.and_then(Value::as_array).into_iter().flatten()
}

/// A number in a string.
fn check_count(resources: &Value, member: &str, most: u64) -> Result<(), OpError> {
    let Some(text) = resources.get(member).and_then(Value::as_str) else { return Ok(()) };
    match text.trim().parse::<u64>() {
        Ok(count) if (1..=most).contains(&count) => Ok(()),
        _ => Err(OpError::invalid(format!(
            "solutionConfig.hpoConfig.hpoResourceConfig.{member} is '{text}'; expected a number from 1 to {most}"
        ))),
    }
}

fn check_range(info: &RecipeInfo, list: &str, range: &Value) -> Result<(), OpError> {
    let at = format!("solutionConfig.hpoConfig.algorithmHyperParameterRanges.{list}");
    let Some(name) = range.get("name").and_then(Value::as_str) else {
        return Err(OpError::invalid(format!("{at} has a range without a name")));
    };
    let bare = name.rsplit_once('.').map_or(name, |(_, bare)| bare);
    let known = info.hyperparameters.iter().find(|parameter| parameter.name == bare && parameter.tunable);
    let Some(parameter) = known else {
        let names: Vec<&str> = tunable(info).map(|parameter| parameter.name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = format!("{at} names {name}; those of recipe {} that can be searched: {names}", info.name);
        return Err(OpError::invalid(message));
    };
    let wrong = |expected: String| Err(OpError::invalid(format!("{at}: the range of {name} must be {expected}")));
    let number = |member: &str, otherwise: f64| range.get(member).and_then(Value::as_f64).unwrap_or(otherwise);
    let inside = |least: f64, most: f64| {
        let (from, to) = (number("minValue", least), number("maxValue", most));
        least <= from && from <= to && to <= most
    };
    match parameter.range {
        Range::Integer(least, most) if list != LISTS[0] || !inside(least as f64, most as f64) => {
            wrong(format!("among {} and within {least} to {most}, minValue first", LISTS[0]))
        }
        Range::Continuous(least, most) if list != LISTS[1] || !inside(least, most) => {
            wrong(format!("among {} and within {least} to {most}, minValue first", LISTS[1]))
        }
        Range::Categorical(known) => {
            let values = range.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let fits = |value: &Value| value.as_str().is_some_and(|v| known.iter().any(|k| k.eq_ignore_ascii_case(v)));
            if list == LISTS[2] && !values.is_empty() && values.iter().all(fits) {
                return Ok(());
            }
            wrong(format!("among {}, with values out of {}", LISTS[2], known.join(", ")))
        }
        _ => Ok(()),
    }
}

fn tunable(info: &RecipeInfo) -> impl Iterator<Item = &Hyperparameter> {
    info.hyperparameters.iter().filter(|parameter| parameter.tunable)
}

/// DescribeSolution tells with each name the stage that it belongs to: `training.bptt`, `data.recency_mask`.
pub(super) fn with_stages(solution: &mut Value) {
    for list in LISTS {
        let at = format!("/solutionConfig/hpoConfig/algorithmHyperParameterRanges/{list}");
        let ranges = solution.pointer_mut(&at).and_then(Value::as_array_mut);
        for range in ranges.into_iter().flatten() {
            if let Some(name) = range.get("name").and_then(Value::as_str).filter(|name| !name.contains('.')) {
                // Which events a recipe sees is decided before it trains.
                let stage = if name == "recency_mask" { "data" } else { "training" };
                range["name"] = Value::String(format!("{stage}.{name}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use palate_recipes::describe;
    use serde_json::json;

    use super::*;

    fn refused(recipe: &str, config: Value) -> Option<String> {
        check(describe(recipe).unwrap(), config.as_object().unwrap()).err().map(|error| error.to_string())
    }

    fn range(list: &str, range: Value) -> Value {
        json!({"algorithmHyperParameterRanges": {list: [range]}})
    }

    #[test]
    fn a_range_within_the_recipes_is_taken() {
        let [integer, continuous, categorical] = LISTS;
        for (recipe, list, given) in [
            ("aws-hrnn", integer, json!({"name": "bptt", "minValue": 2, "maxValue": 32})),
            ("aws-hrnn", integer, json!({"name": "training.bptt", "minValue": 4})),
            ("aws-hrnn", categorical, json!({"name": "recency_mask", "values": ["True", "false"]})),
            ("aws-sims", continuous, json!({"name": "popularity_discount_factor", "minValue": 0.5, "maxValue": 0.5})),
            ("aws-similar-items", integer, json!({"name": "item_id_hidden_dim", "minValue": 30, "maxValue": 200})),
        ] {
            assert_eq!(refused(recipe, range(list, given.clone())), None, "{given}");
        }
        let counts = json!({"hpoResourceConfig": {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"}});
        assert_eq!(refused("aws-hrnn", counts), None);
    }

    #[test]
    fn a_range_that_does_not_fit_is_told_by_name() {
        let [integer, continuous, categorical] = LISTS;
        for (list, given, says) in [
            (integer, json!({"name": "bptt", "minValue": 1, "maxValue": 32}), "2 to 32"),
            (integer, json!({"name": "bptt", "minValue": 9, "maxValue": 8}), "minValue first"),
            (continuous, json!({"name": "bptt", "minValue": 2, "maxValue": 3}), "integerHyperParameterRanges"),
            (integer, json!({"name": "min_user_history_length_percentile"}), "can be searched: hidden_dimension"),
            (integer, json!({"minValue": 1}), "without a name"),
            (categorical, json!({"name": "recency_mask", "values": []}), "out of true, false"),
            (categorical, json!({"name": "recency_mask", "values": ["maybe"]}), "out of true, false"),
        ] {
            let message = refused("aws-hrnn", range(list, given.clone())).unwrap();
            assert!(message.contains(says), "{given}: {message}");
        }
        for (member, value) in [
            ("maxNumberOfTrainingJobs", "41"),
            ("maxNumberOfTrainingJobs", "0"),
            ("maxParallelTrainingJobs", "11"),
            ("maxParallelTrainingJobs", "many"),
        ] {
            let message = refused("aws-hrnn", json!({"hpoResourceConfig": {member: value}})).unwrap();
            assert!(message.contains(member) && message.contains(value), "{message}");
        }
    }

    #[test]
    fn names_are_described_with_their_stage() {
        let mut solution = json!({"solutionConfig": {"hpoConfig": {"algorithmHyperParameterRanges": {
            LISTS[0]: [{"name": "bptt", "minValue": 2}],
            LISTS[2]: [{"name": "recency_mask", "values": ["true"]}, {"name": "data.recency_mask"}],
        }}}});
        with_stages(&mut solution);
        let ranges = &solution["solutionConfig"]["hpoConfig"]["algorithmHyperParameterRanges"];
        assert_eq!(ranges[LISTS[0]][0], json!({"name": "training.bptt", "minValue": 2}));
        assert_eq!(ranges[LISTS[2]][0]["name"], "data.recency_mask");
        assert_eq!(ranges[LISTS[2]][1]["name"], "data.recency_mask");
    }
}
