use std::collections::BTreeMap;

use crate::{Hyperparameter, Range, RecipeInfo};

/// A hyperparameter to be searched, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    pub name: String,
    pub values: Values,
}

/// Values to search, ends included.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Integer(i64, i64),
    Continuous(f64, f64),
    /// At least one.
    Categorical(Vec<String>),
}

/// Ranges whose ends are further apart than this are searched by ratio, not by difference.
const WIDE: f64 = 100.0;

impl Dimension {
    /// The whole range of a hyperparameter.
    pub fn of(parameter: &Hyperparameter) -> Self {
        let values = match parameter.range {
            Range::Integer(least, most) => Values::Integer(least, most),
            Range::Continuous(least, most) => Values::Continuous(least, most),
            Range::Categorical(values) => Values::Categorical(values.iter().map(|value| (*value).to_owned()).collect()),
        };
        Self { name: parameter.name.to_owned(), values }
    }

    /// How many values there are; `None` if that is no use to count.
    pub(super) fn n_values(&self) -> Option<usize> {
        match &self.values {
            Values::Integer(least, most) => usize::try_from(most.checked_sub(*least)?).ok()?.checked_add(1),
            Values::Continuous(least, most) => (least == most).then_some(1),
            Values::Categorical(values) => Some(values.len().max(1)),
        }
    }

    pub(super) fn is_categorical(&self) -> bool {
        matches!(self.values, Values::Categorical(_))
    }

    /// The value that stands at a share of 0 to 1 of the range, as text.
    pub(super) fn at(&self, share: f64) -> String {
        let share = share.clamp(0.0, 1.0);
        match &self.values {
            Values::Integer(least, most) => {
                // Every integer has as much of the range, its ends included.
                let (from, to) = (*least as f64 - 0.5, *most as f64 + 0.5);
                let value = if wide(*least as f64, *most as f64) {
                    ratio(from.max(0.5), to, share)
                } else {
                    from + share * (to - from)
                };
                (value.round() as i64).clamp(*least, *most).to_string()
            }
            Values::Continuous(least, most) => {
                let value =
                    if wide(*least, *most) { ratio(*least, *most, share) } else { least + share * (most - least) };
                // Four digits are more than a validation part can tell apart.
                let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
                format!("{:?}", rounded.clamp(*least, *most))
            }
            Values::Categorical(values) => {
                let place = ((share * values.len() as f64) as usize).min(values.len().saturating_sub(1));
                values.get(place).cloned().unwrap_or_default()
            }
        }
    }

    /// The share of the range at which a value stands; `None` if it is not in the range.
    pub(super) fn share_of(&self, text: &str) -> Option<f64> {
        match &self.values {
            Values::Integer(least, most) => {
                let value: i64 = text.trim().parse().ok().filter(|value| (least..=most).contains(&value))?;
                let (from, to) = (*least as f64 - 0.5, *most as f64 + 0.5);
                Some(if wide(*least as f64, *most as f64) {
                    place(from.max(0.5), to, value as f64)
                } else {
                    (value as f64 - from) / (to - from)
                })
            }
            Values::Continuous(least, most) => {
                let value: f64 = text.trim().parse().ok().filter(|value| (least..=most).contains(&value))?;
                Some(if least == most {
                    0.5
                } else if wide(*least, *most) {
                    place(*least, *most, value)
                } else {
                    (value - least) / (most - least)
                })
            }
            Values::Categorical(values) => {
                let place = values.iter().position(|value| value.eq_ignore_ascii_case(text.trim()))?;
                Some((place as f64 + 0.5) / values.len() as f64)
            }
        }
    }
}

fn wide(least: f64, most: f64) -> bool {
    least > 0.0 && most / least > WIDE
}

fn ratio(least: f64, most: f64, share: f64) -> f64 {
    least * (most / least).powf(share)
}

fn place(least: f64, most: f64, value: f64) -> f64 {
    (value / least).ln() / (most / least).ln()
}

/// Where a search begins: as if nothing were searched, as far as that is in the space. A dimension without a default
/// that spans its whole range is left to the recipe.
pub(super) fn start(
    info: &RecipeInfo,
    space: &[Dimension],
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut start = BTreeMap::new();
    for dimension in space {
        let known = info.hyperparameters.iter().find(|known| known.name == dimension.name);
        let usual = given.get(&dimension.name).map(String::as_str).or(known.and_then(|known| known.default));
        let inside = usual.filter(|value| dimension.share_of(value).is_some());
        let whole = known.is_some_and(|known| Dimension::of(known) == *dimension);
        match inside {
            Some(value) => start.insert(dimension.name.clone(), value.to_owned()),
            None if usual.is_none() && whole => None,
            None => start.insert(dimension.name.clone(), dimension.at(0.5)),
        };
    }
    start
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn dimension(values: Values) -> Dimension {
        Dimension { name: "x".into(), values }
    }

    #[test]
    fn every_share_is_a_value_of_the_range_and_the_ends_are_reached() {
        for (values, least, middle, most) in [
            (Values::Integer(2, 32), "2", "17", "32"),
            (Values::Integer(1, 1000), "1", "22", "1000"),
            (Values::Integer(5, 5), "5", "5", "5"),
            (Values::Continuous(0.0, 1.0), "0.0", "0.5", "1.0"),
            (Values::Continuous(0.01, 100.0), "0.01", "1.0", "100.0"),
            (Values::Continuous(0.3, 0.3), "0.3", "0.3", "0.3"),
            (Values::Categorical(vec!["a".into(), "b".into(), "c".into()]), "a", "b", "c"),
        ] {
            let dimension = dimension(values);
            assert_eq!([0.0, 0.5, 1.0].map(|share| dimension.at(share)), [least, middle, most]);
            for step in 0..=100 {
                let share = dimension.share_of(&dimension.at(f64::from(step) / 100.0)).unwrap();
                assert!((0.0..=1.0).contains(&share));
                // A value stands where it is read again.
                let text = dimension.at(share);
                let again = dimension.share_of(&text).unwrap();
                assert!((again - share).abs() < 1e-3, "{dimension:?} {text}");
            }
        }
    }

    #[test]
    fn integers_are_met_equally_often() {
        let dimension = dimension(Values::Integer(0, 3));
        let mut counts = [0; 4];
        for step in 0..1000 {
            counts[dimension.at((f64::from(step) + 0.5) / 1000.0).parse::<usize>().unwrap()] += 1;
        }
        assert_eq!(counts, [250; 4]);
    }

    #[test]
    fn what_is_outside_has_no_share() {
        let integers = dimension(Values::Integer(2, 4));
        assert!(["1", "5", "3.5", "", "x"].iter().all(|text| integers.share_of(text).is_none()));
        let numbers = dimension(Values::Continuous(0.0, 1.0));
        assert!(["-0.1", "NaN", "inf"].iter().all(|text| numbers.share_of(text).is_none()));
    }

    #[test]
    fn a_search_begins_with_what_would_be_in_force_without_it() {
        let sims = crate::describe("aws-sims").unwrap();
        let space = |name: &str, values| vec![Dimension { name: name.into(), values }];
        let none = BTreeMap::new();
        let of = |space: &[Dimension], given| start(sims, space, given).into_values().collect::<Vec<_>>();
        let factor = "popularity_discount_factor";
        assert_eq!(of(&space(factor, Values::Continuous(0.0, 1.0)), &none), ["0.5"]);
        assert_eq!(of(&space(factor, Values::Continuous(0.8, 1.0)), &none), ["0.9"]);
        let given = BTreeMap::from([(factor.to_owned(), "0.7".to_owned())]);
        assert_eq!(of(&space(factor, Values::Continuous(0.0, 1.0)), &given), ["0.7"]);
        // What the recipe would choose itself is left to it.
        let own = crate::describe("palate-transitions").unwrap();
        let window = |least, most| start(own, &space("window", Values::Integer(least, most)), &none);
        assert!(window(1, 100).is_empty());
        assert_eq!(window(1, 9)["window"], "5");
    }
}
