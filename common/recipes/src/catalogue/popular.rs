//! Recipes that give everybody the same list.

use super::{Hyperparameter, Range, RecipeInfo, RecipeType};

pub const POPULARITY_COUNT: RecipeInfo = RecipeInfo {
    feature_transformation: "sims",
    ..RecipeInfo::new(
        "aws-popularity-count",
        // The guide groups it under POPULAR_ITEMS; DescribeRecipe says otherwise.
        RecipeType::UserPersonalization,
        "Ranks items by the number of users who interacted with them. A baseline to hold other recipes against.",
    )
};

pub const TRENDING_NOW: RecipeInfo = RecipeInfo {
    algorithm: "aws-trending-now-custom",
    // 2022-10-01
    created_s: 1_664_582_400,
    hyperparameters: &[Hyperparameter::feature(
        "trend_discovery_frequency",
        Range::Categorical(&["30 minutes", "1 hour", "2 hours", "3 hours", "1 day"]),
        "2 hours",
    )],
    ..RecipeInfo::new(
        "aws-trending-now",
        RecipeType::PopularItems,
        "Ranks items by how fast interest in them grows from one interval to the next.",
    )
};
