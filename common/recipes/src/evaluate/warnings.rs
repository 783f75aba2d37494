//! What should be known before the figures are believed.

use super::report::{Figure, Figures};
use crate::{RecipeInfo, RecipeType};

/// Test users below which figures say little.
const FEW_USERS: usize = 100;

/// NDCG above which it is likelier that the answer was given away than that users are that easy to foretell.
const TOO_GOOD: f64 = 0.9;

/// A difference of so many standard errors is not likely to be chance.
const CLEAR: f64 = 2.0;

pub fn warnings(info: &RecipeInfo, n_test_users: usize, figures: &Figures, gain: &Figures) -> Vec<String> {
    let mut warnings = Vec::new();
    if n_test_users < FEW_USERS {
        warnings.push(format!("Only {n_test_users} users were held out; figures of so few users say little."));
    }
    if figures.get("ndcg_at_25").is_some_and(|ndcg| ndcg.value > TOO_GOOD) {
        warnings.push(
            "NDCG is so high that the answer may have been given away: look for events that always come together, or \
             items that stand for what happened."
                .into(),
        );
    }
    // Who gives everybody the same is not measured by this.
    let personal = info.real_time || info.recipe_type == RecipeType::RelatedItems;
    if n_test_users > 0 && personal && !is_clear(gain.get("ndcg_at_25")) {
        warnings.push("The lists are not clearly better than those of the most popular items.".into());
    }
    warnings
}

/// Of lists of users. Most users turn to a common attribute, so that no figure is too good.
pub fn warnings_of_segments(n_test_users: usize, gain: &Figures) -> Vec<String> {
    let mut warnings = Vec::new();
    if n_test_users < FEW_USERS {
        warnings.push(format!("Only {n_test_users} users turned to a target; figures of so few users say little."));
    }
    if n_test_users > 0 && !is_clear(gain.get("recall_at_1_percent")) {
        warnings.push("The lists are not clearly better than those of the most active users.".into());
    }
    warnings
}

fn is_clear(gain: Option<&Figure>) -> bool {
    gain.is_some_and(|gain| gain.value > CLEAR * gain.standard_error.unwrap_or(f64::INFINITY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::describe;

    fn told(recipe: &str, n_test_users: usize, ndcg: f64, gain: Figure) -> usize {
        let figures = Figures::from([("ndcg_at_25".to_owned(), Figure::plain(ndcg))]);
        let gain = Figures::from([("ndcg_at_25".to_owned(), gain)]);
        warnings(describe(recipe).unwrap(), n_test_users, &figures, &gain).len()
    }

    #[test]
    fn few_users_too_good_figures_and_no_gain_are_told() {
        let clear = Figure { value: 0.2, standard_error: Some(0.05) };
        let vague = Figure { value: 0.09, ..clear };
        assert_eq!(told("palate-ease", 100, 0.5, clear), 0);
        assert_eq!(told("palate-ease", 99, 0.5, clear), 1);
        assert_eq!(told("palate-ease", 100, 0.95, clear), 1);
        assert_eq!(told("palate-ease", 100, 0.5, vague), 1);
        assert_eq!(told("palate-ease", 1, 0.95, Figure::plain(0.9)), 3);
        assert_eq!(told("aws-popularity-count", 100, 0.5, Figure::plain(0.0)), 0);
    }
}
