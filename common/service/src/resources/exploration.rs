//! `itemExplorationConfig`: how much is recommended to learn about it, for the recipes that explore by
//! configuration; aws-user-personalization-v2 explores without any.

use palate_recipes::RecipeInfo;
use serde_json::Value;

use crate::error::OpError;

/// What aws-user-personalization-v2 explores: one place in ten, as far as there are new items. How old these may be
/// its model knows.
const MANAGED: ItemExploration = ItemExploration { weight: 0.1, age_cut_off_days: 30.0 };

const RECIPES: [&str; 3] = ["aws-user-personalization", "aws-ecomm-recommended-for-you", "aws-vod-top-picks"];

/// How much a campaign, recommender or batch explores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ItemExploration {
    pub weight: f64,
    pub age_cut_off_days: f64,
}

impl ItemExploration {
    /// What a checked `itemExplorationConfig`, if there is one, means for a recipe; `None` if it does not explore.
    pub fn of(info: &RecipeInfo, config: Option<&Value>) -> Option<Self> {
        if info.name == "aws-user-personalization-v2" {
            return Some(MANAGED);
        }
        let number = |name: &str| config?.get(name)?.as_str()?.trim().parse().ok();
        RECIPES.contains(&info.name).then(|| Self {
            weight: number("explorationWeight").unwrap_or(0.3),
            age_cut_off_days: number("explorationItemAgeCutOff").unwrap_or(30.0),
        })
    }
}

/// Checks the member `at`. `least_age_days` is the shortest age that an item may be explored to.
pub(crate) fn check_exploration(
    info: &RecipeInfo,
    config: Option<&Value>,
    least_age_days: f64,
    at: &str,
) -> Result<(), OpError> {
    for (name, value) in config.and_then(Value::as_object).into_iter().flatten() {
        if !RECIPES.contains(&info.name) {
            return Err(OpError::invalid(format!("{at} does not apply to recipe {}", info.name)));
        }
        let number =
            value.as_str().and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
        let (fits, expected) = match name.as_str() {
            "explorationWeight" => {
                (number.is_some_and(|weight| (0.0..=1.0).contains(&weight)), "a number from 0 to 1".to_owned())
            }
            "explorationItemAgeCutOff" => {
                let fits = number.is_some_and(|days| days > 0.0 && days >= least_age_days);
                (fits, format!("days, more than 0 and at least {least_age_days}"))
            }
            _ => {
                let known = "explorationWeight and explorationItemAgeCutOff";
                return Err(OpError::invalid(format!("{at} has no member {name}; it has {known}")));
            }
        };
        if !fits {
            let shown = value.as_str().unwrap_or_default();
            return Err(OpError::invalid(format!("{at}.{name} is '{shown}'; expected {expected}")));
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

    fn refused(recipe: &str, config: Value) -> Option<String> {
        let checked = check_exploration(describe(recipe).unwrap(), Some(&config), 1.0, "itemExplorationConfig");
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn only_recipes_that_explore_by_configuration_take_it() {
        let config = json!({"explorationWeight": "0.3", "explorationItemAgeCutOff": "30"});
        for recipe in RECIPES {
            assert_eq!(refused(recipe, config.clone()), None);
        }
        for recipe in ["aws-user-personalization-v2", "aws-sims", "aws-vod-most-popular"] {
            assert!(refused(recipe, config.clone()).unwrap().contains(recipe));
            assert_eq!(refused(recipe, json!({})), None);
        }
    }

    #[test]
    fn what_is_not_configured_has_the_documented_defaults() {
        let of = |recipe: &str, config: Value| ItemExploration::of(describe(recipe).unwrap(), Some(&config));
        let usual = ItemExploration { weight: 0.3, age_cut_off_days: 30.0 };
        assert_eq!(of("aws-vod-top-picks", json!({})), Some(usual));
        assert_eq!(ItemExploration::of(describe("aws-user-personalization").unwrap(), None), Some(usual));
        let config = json!({"explorationWeight": "1", "explorationItemAgeCutOff": "7.5"});
        let set = ItemExploration { weight: 1.0, age_cut_off_days: 7.5 };
        assert_eq!(of("aws-ecomm-recommended-for-you", config.clone()), Some(set));
        // What is managed cannot be set.
        assert_eq!(of("aws-user-personalization-v2", config.clone()), Some(MANAGED));
        assert_eq!(of("aws-personalized-ranking-v2", config), None);
    }

    #[test]
    fn a_value_out_of_range_is_told_by_name() {
        for (name, value) in [
            ("explorationWeight", "1.01"),
            ("explorationWeight", "-0.1"),
            ("explorationWeight", "NaN"),
            ("explorationItemAgeCutOff", "0"),
            ("explorationItemAgeCutOff", "0.5"),
            ("explorationItemAgeCutOff", "inf"),
            ("exploration_weight", "0.1"),
        ] {
            let message = refused("aws-vod-top-picks", json!({name: value})).unwrap();
            assert!(message.contains(name), "{message}");
        }
    }
}
