//! Recipes that find users for items, and actions for users.

use super::{Hyperparameter, Range, Reads, RecipeInfo, RecipeType};

const HIDDEN_DIMENSION: &[Hyperparameter] =
    &[Hyperparameter::algorithm("hidden_dimension", Range::Integer(32, 256), Some("149"))];

pub const ITEM_AFFINITY: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS_AND_USERS,
    feature_transformation: "item-affinity",
    // 2021-07-15
    created_s: 1_626_307_200,
    hyperparameters: HIDDEN_DIMENSION,
    ..RecipeInfo::new(
        "aws-item-affinity",
        RecipeType::UserSegmentation,
        "Finds the users who are most likely to interact with each of the given items.",
    )
};

pub const ITEM_ATTRIBUTE_AFFINITY: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS_AND_USERS,
    feature_transformation: "item-attribute-affinity",
    // 2021-08-25
    created_s: 1_629_849_600,
    hyperparameters: HIDDEN_DIMENSION,
    ..RecipeInfo::new(
        "aws-item-attribute-affinity",
        RecipeType::UserSegmentation,
        "Finds the users who are most likely to interact with items that have the given attributes.",
    )
};

pub const NEXT_BEST_ACTION: RecipeInfo = RecipeInfo {
    // 2023-08-11
    created_s: 1_691_712_000,
    hyperparameters: &[Hyperparameter::feature("action_optimization_period", Range::Integer(7, 28), "14")],
    scores: true,
    real_time: true,
    ..RecipeInfo::new(
        "aws-next-best-action",
        RecipeType::PersonalizedActions,
        "Predicts which actions, such as joining a loyalty programme, a user is likely to take.",
    )
};
