use palate_recipes::{RecipeType, describe};

use super::ModelReport;
use crate::insights::thousands;

/// What the lists of a recipe have in them, and what they are held against.
pub(super) struct Words {
    /// What the lists are of.
    pub listed: &'static str,
    /// What lists are for, and means are over.
    pub asked: &'static str,
    /// What coverage is a share of.
    pub covered: &'static str,
    /// What the baseline lists.
    pub baseline: &'static str,
    /// Heading over groups.
    pub groups: &'static str,
    /// How much of the lists says what they are like.
    pub shown: &'static str,
    /// Heading over how many [`Report::n_test_users`](palate_recipes::Report::n_test_users) are.
    pub judges: &'static str,
    /// What versions are compared by, by the names on the wire, with their headings.
    pub versioned: &'static [(&'static str, &'static str)],
    /// Those of them that the table has, with shorter headings.
    pub versioned_short: [(&'static str, &'static str); 3],
}

const OF_ITEMS: Words = Words {
    listed: "items",
    asked: "users",
    covered: "of all items, in some list",
    baseline: "most popular",
    groups: "For whom, and of which items",
    shown: "Of the first 25 items",
    judges: "held-out users",
    versioned: &[
        ("normalized_discounted_cumulative_gain_at_25", "NDCG of the list@25"),
        ("mean_reciprocal_rank_at_25", "MRR@25"),
        ("precision_at_25", "Precision@25"),
        ("coverage", "Coverage"),
    ],
    versioned_short: [
        ("normalized_discounted_cumulative_gain_at_25", "NDCG"),
        ("mean_reciprocal_rank_at_25", "MRR"),
        ("coverage", "coverage"),
    ],
};

/// A segment is one percent of the users.
const OF_USERS: Words = Words {
    listed: "users",
    asked: "targets",
    covered: "of all users, in some segment",
    baseline: "most active",
    groups: "For which items or attributes",
    shown: "Of segments of 1 % of the users",
    judges: "users who turned to a target",
    versioned: &[
        ("recall_at_1_percent", "Recall at 1 %"),
        ("hits_at_1_percent", "Hits at 1 %"),
        ("coverage", "Coverage"),
    ],
    versioned_short: [("recall_at_1_percent", "recall"), ("hits_at_1_percent", "hits"), ("coverage", "coverage")],
};

impl ModelReport {
    pub(super) fn words(&self) -> &'static Words {
        let of_users = describe(&self.recipe).is_some_and(|info| info.recipe_type == RecipeType::UserSegmentation);
        if of_users { &OF_USERS } else { &OF_ITEMS }
    }

    /// Who judged: `6,040 held-out users`; `1,808 targets, 6,040 users who turned to a target`.
    pub(super) fn judges(&self) -> String {
        let targets = self.report.n_targets.map(|n| format!("{} targets, ", thousands(n as u64)));
        let n_users = thousands(self.report.n_test_users as u64);
        format!("{}{n_users} {}", targets.unwrap_or_default(), self.words().judges)
    }
}
