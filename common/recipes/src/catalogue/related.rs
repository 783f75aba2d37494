//! Recipes that find what goes with an item.

use super::{Hyperparameter, Range, Reads, RecipeInfo, RecipeType};

const PERCENTILE: Range = Range::Continuous(0.0, 1.0);

pub const SIMS: RecipeInfo = RecipeInfo {
    feature_transformation: "sims",
    hyperparameters: &[
        Hyperparameter::algorithm("popularity_discount_factor", PERCENTILE, Some("0.5")).tunable(),
        Hyperparameter::algorithm("min_cointeraction_count", Range::Integer(0, 10), Some("3")).tunable(),
        Hyperparameter::feature("min_user_history_length_percentile", PERCENTILE, "0.005"),
        Hyperparameter::feature("max_user_history_length_percentile", PERCENTILE, "0.995"),
        Hyperparameter::feature("min_item_interaction_count_percentile", PERCENTILE, "0.01"),
        Hyperparameter::feature("max_item_interaction_count_percentile", PERCENTILE, "0.9"),
    ],
    ..RecipeInfo::new(
        "aws-sims",
        RecipeType::RelatedItems,
        "Finds the items that users who interacted with a given item also interacted with.",
    )
};

pub const SIMILAR_ITEMS: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS,
    hyperparameters: &[
        Hyperparameter::algorithm("popularity_discount_factor", PERCENTILE, Some("0.0")),
        Hyperparameter::algorithm("item_id_hidden_dim", Range::Integer(30, 200), Some("100")).tunable(),
        Hyperparameter::algorithm("item_metadata_hidden_dim", Range::Integer(30, 200), Some("100")).tunable(),
    ],
    ..RecipeInfo::new(
        "aws-similar-items",
        RecipeType::RelatedItems,
        "Finds items like a given one, from who interacted with them and from what is recorded of them.",
    )
};

pub const SEMANTIC_SIMILARITY: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS,
    // 2025-09-01
    created_s: 1_756_684_800,
    max_items: Some(10_000_000),
    ..RecipeInfo::new(
        "aws-semantic-similarity",
        RecipeType::RelatedItems,
        "Finds items whose names and texts mean something similar. Needs no interactions.",
    )
};
