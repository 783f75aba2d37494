//! Hyperparameters as users give them, checked once.

use std::collections::BTreeMap;

use crate::{Hyperparameter, ParamError, Range, RecipeInfo};

/// Hyperparameters of a recipe, found to be known, to parse and to lie in range.
pub struct Params {
    given: BTreeMap<&'static str, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Integer(i64),
    Continuous(f64),
    Categorical(&'static str),
}

impl Params {
    pub fn check(info: &'static RecipeInfo, given: &BTreeMap<String, String>) -> Result<Self, ParamError> {
        let mut checked = BTreeMap::new();
        for (name, value) in given {
            let known = info.hyperparameters.iter().find(|parameter| parameter.name == name);
            let parameter = known.ok_or_else(|| unknown(info, name))?;
            checked.insert(parameter.name, parse(parameter, value)?);
        }
        for parameter in info.hyperparameters {
            if let Some(default) = parameter.default
                && !checked.contains_key(parameter.name)
            {
                checked.insert(parameter.name, parse(parameter, default)?);
            }
        }
        in_order(&checked)?;
        Ok(Self { given: checked })
    }

    /// What was given or is the default; `None` if that is for a validation part to choose.
    pub fn integer(&self, name: &str) -> Option<usize> {
        match self.given.get(name) {
            // Ranges of integers do not go below 0.
            Some(Value::Integer(value)) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// As [`Params::integer`].
    pub fn continuous(&self, name: &str) -> Option<f64> {
        match self.given.get(name) {
            Some(Value::Continuous(value)) => Some(*value),
            _ => None,
        }
    }

    /// As [`Params::integer`].
    pub fn categorical(&self, name: &str) -> Option<&'static str> {
        match self.given.get(name) {
            Some(Value::Categorical(value)) => Some(value),
            _ => None,
        }
    }

    /// Of a recipe that has none.
    #[cfg(test)]
    pub fn none() -> Self {
        Self { given: BTreeMap::new() }
    }

    /// Whether it was given or has a default.
    pub fn settles(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Those of `all` that somebody else had to choose.
    pub fn not_settled(&self, all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let chosen = all.iter().filter(|(name, _)| !self.settles(name));
        chosen.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Every value that is settled, as text.
    pub fn to_text(&self) -> BTreeMap<String, String> {
        self.given.iter().map(|(name, value)| ((*name).to_owned(), value.to_text())).collect()
    }
}

impl Value {
    fn to_text(self) -> String {
        match self {
            Self::Integer(value) => value.to_string(),
            // With a point, so that 1.0 stays a number of the same kind.
            Self::Continuous(value) => format!("{value:?}"),
            Self::Categorical(value) => value.to_owned(),
        }
    }
}

fn parse(parameter: &Hyperparameter, value: &str) -> Result<Value, ParamError> {
    let text = value.trim();
    let parsed = match parameter.range {
        Range::Integer(low, high) => text.parse().ok().filter(|value| (low..=high).contains(value)).map(Value::Integer),
        Range::Continuous(low, high) => {
            text.parse().ok().filter(|value| (low..=high).contains(value)).map(Value::Continuous)
        }
        Range::Categorical(values) => {
            values.iter().find(|known| known.eq_ignore_ascii_case(text)).map(|known| Value::Categorical(known))
        }
    };
    parsed.ok_or_else(|| ParamError::Value {
        name: parameter.name.into(),
        value: value.into(),
        expected: match parameter.range {
            Range::Integer(low, high) => format!("an integer from {low} to {high}"),
            Range::Continuous(low, high) => format!("a number from {low} to {high}"),
            Range::Categorical(values) => format!("one of {}", values.join(", ")),
        },
    })
}

/// Whether no `min_…` is above its `max_…`: nothing would be left to learn from.
fn in_order(checked: &BTreeMap<&'static str, Value>) -> Result<(), ParamError> {
    for (name, least) in checked {
        let most = name.strip_prefix("min_").and_then(|what| checked.get_key_value(format!("max_{what}").as_str()));
        if let (Value::Continuous(least), Some((most_name, Value::Continuous(most)))) = (least, most)
            && least > most
        {
            let expected = format!("at most `{most_name}`, which is {most:?}");
            return Err(ParamError::Value { name: (*name).into(), value: format!("{least:?}"), expected });
        }
    }
    Ok(())
}

fn unknown(info: &'static RecipeInfo, name: &str) -> ParamError {
    let known: Vec<&str> = info.hyperparameters.iter().map(|parameter| parameter.name).collect();
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    ParamError::Unknown { name: name.into(), recipe: info.name, known }
}

impl RecipeInfo {
    /// Checks hyperparameters as users give them, whether the recipe can be trained yet or not.
    ///
    /// # Errors
    /// As [`crate::Recipe::check`].
    pub fn check(&'static self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        Params::check(self, hyperparameters).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::describe;

    fn check(name: &str, value: &str) -> Result<Params, ParamError> {
        Params::check(describe("aws-sims").unwrap(), &BTreeMap::from([(name.into(), value.into())]))
    }

    #[test]
    fn what_is_not_given_takes_its_default() {
        let params = check("min_cointeraction_count", " 7 ").unwrap();
        assert_eq!(params.integer("min_cointeraction_count"), Some(7));
        assert_eq!(params.continuous("popularity_discount_factor"), Some(0.5));
        assert_eq!(params.to_text()["max_item_interaction_count_percentile"], "0.9");
    }

    #[test]
    fn what_is_neither_given_nor_a_default_has_to_be_chosen() {
        let given = BTreeMap::from([("window".into(), "7".into())]);
        let params = Params::check(describe("palate-transitions").unwrap(), &given).unwrap();
        assert!(params.settles("window") && !params.settles("half_life"));
        let all = BTreeMap::from([("window".into(), "7".into()), ("half_life".into(), "2.0".into())]);
        assert_eq!(params.not_settled(&all), BTreeMap::from([("half_life".into(), "2.0".into())]));
    }

    #[test]
    fn what_is_unknown_or_out_of_range_is_told_by_name() {
        for (name, value, message) in [
            ("bptt", "3", "unknown hyperparameter `bptt` for recipe aws-sims; it has: popularity_discount_factor,"),
            ("min_cointeraction_count", "11", "`min_cointeraction_count` is `11`; expected an integer from 0 to 10"),
            ("min_cointeraction_count", "3.5", "expected an integer from 0 to 10"),
            ("popularity_discount_factor", "NaN", "expected a number from 0 to 1"),
            ("popularity_discount_factor", "", "is ``; expected a number"),
        ] {
            let error = check(name, value).err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_least_value_is_not_above_the_greatest() {
        let error = check("min_item_interaction_count_percentile", "0.95").err().unwrap().to_string();
        let told = "`min_item_interaction_count_percentile` is `0.95`; expected at most \
                    `max_item_interaction_count_percentile`, which is 0.9";
        assert!(error.contains(told), "{error}");
        assert!(check("min_item_interaction_count_percentile", "0.9").is_ok());
    }

    #[test]
    fn categories_are_found_in_any_case() {
        let given = BTreeMap::from([("recency_mask".to_owned(), "True".to_owned())]);
        let params = Params::check(describe("aws-hrnn").unwrap(), &given).unwrap();
        assert_eq!(params.to_text()["recency_mask"], "true");
    }
}
