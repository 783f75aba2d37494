//! `hpoConfig`: which hyperparameters a search may vary, and how long it may take.

use std::collections::BTreeMap;

use palate_recipes::tune::{Budget, Dimension, Values};
use palate_recipes::{Hyperparameter, Range, RecipeInfo};
use serde_json::{Map, Value};

use crate::error::OpError;

const LISTS: [&str; 3] =
    ["integerHyperParameterRanges", "continuousHyperParameterRanges", "categoricalHyperParameterRanges"];

/// The budget of a search of which nothing is said.
const BUDGET: Budget = Budget { trials: 20, parallel: 2 };

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

/// How many trials a search may make, all in all and at the same time.
pub(super) fn budget(config: Option<&Map<String, Value>>) -> Budget {
    let count = |member: &str, otherwise: usize| {
        let text = config.and_then(|config| config.get("hpoResourceConfig")?.get(member)?.as_str());
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(otherwise)
    };
    Budget {
        trials: count("maxNumberOfTrainingJobs", BUDGET.trials),
        parallel: count("maxParallelTrainingJobs", BUDGET.parallel),
    }
}

/// What is searched: the given ranges, or without any all that the recipe lets be searched and that is not `given`.
pub(super) fn space(
    info: &RecipeInfo,
    config: Option<&Map<String, Value>>,
    given: &BTreeMap<String, String>,
) -> Vec<Dimension> {
    let lists = LISTS.into_iter().flat_map(|list| config.into_iter().flat_map(move |config| ranges(config, list)));
    let mut space: Vec<Dimension> = lists.filter_map(|range| dimension(info, range)).collect();
    // A name that is given twice is searched as it was given first.
    let mut seen = std::collections::HashSet::new();
    space.retain(|dimension| seen.insert(dimension.name.clone()));
    if space.is_empty() { whole_space(info, |name| given.contains_key(name)) } else { space }
}

/// All that a recipe lets be searched, without what is fixed.
pub(super) fn whole_space(info: &RecipeInfo, fixed: impl Fn(&str) -> bool) -> Vec<Dimension> {
    tunable(info).filter(|parameter| !fixed(parameter.name)).map(Dimension::of).collect()
}

/// A range that was checked; an end that is missing is the recipe's.
fn dimension(info: &RecipeInfo, range: &Value) -> Option<Dimension> {
    let name = bare(range.get("name")?.as_str()?);
    let whole = Dimension::of(tunable(info).find(|parameter| parameter.name == name)?);
    let number = |member: &str| range.get(member).and_then(Value::as_f64);
    let values = match whole.values {
        Values::Integer(least, most) => Values::Integer(
            number("minValue").map_or(least, |value| value.ceil() as i64),
            number("maxValue").map_or(most, |value| value.floor() as i64),
        ),
        Values::Continuous(least, most) => {
            Values::Continuous(number("minValue").unwrap_or(least), number("maxValue").unwrap_or(most))
        }
        Values::Categorical(known) => {
            let given: Vec<&str> = range.get("values")?.as_array()?.iter().filter_map(Value::as_str).collect();
            let named = |value: &String| given.iter().any(|given| given.eq_ignore_ascii_case(value));
            Values::Categorical(known.into_iter().filter(named).collect())
        }
    };
    Some(Dimension { name: whole.name, values })
}

/// A name without the stage that DescribeSolution puts before it.
fn bare(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, bare)| bare)
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
    let bare = bare(name);
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
    fn what_is_searched_is_what_was_given_or_else_all_that_can_be() {
        let [integer, _, categorical] = LISTS;
        let hrnn = describe("aws-hrnn").unwrap();
        let names = |space: Vec<Dimension>| space.into_iter().map(|one| one.name).collect::<Vec<_>>();
        let none = BTreeMap::new();
        assert_eq!(names(space(hrnn, None, &none)), ["hidden_dimension", "bptt", "recency_mask"]);
        let given = BTreeMap::from([("bptt".to_owned(), "4".to_owned())]);
        assert_eq!(names(space(hrnn, None, &given)), ["hidden_dimension", "recency_mask"]);
        let config = json!({"algorithmHyperParameterRanges": {
            integer: [{"name": "training.bptt", "minValue": 4}],
            categorical: [{"name": "recency_mask", "values": ["True"]}],
        }, "hpoResourceConfig": {"maxNumberOfTrainingJobs": "7"}});
        let config = config.as_object();
        let wanted = [
            Dimension { name: "bptt".into(), values: Values::Integer(4, 32) },
            Dimension { name: "recency_mask".into(), values: Values::Categorical(vec!["true".into()]) },
        ];
        assert_eq!(space(hrnn, config, &given), wanted);
        assert_eq!(budget(config), Budget { trials: 7, parallel: BUDGET.parallel });
        assert_eq!(budget(None), BUDGET);
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
