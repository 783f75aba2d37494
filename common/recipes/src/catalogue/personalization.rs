//! Recipes that answer a user, and those that put a user's list in order.

use super::{BOOLEAN, Hyperparameter, Range, Reads, RecipeInfo, RecipeType};

const JANUARY_2024_S: i64 = 1_704_067_200;

const BPTT: Hyperparameter = Hyperparameter::algorithm("bptt", Range::Integer(2, 32), Some("32")).tunable();
const RECENCY_MASK: Hyperparameter = Hyperparameter::algorithm("recency_mask", BOOLEAN, Some("true")).tunable();
const MIN_USER_HISTORY: Hyperparameter =
    Hyperparameter::feature("min_user_history_length_percentile", Range::Continuous(0.0, 1.0), "0.0");
const MAX_USER_HISTORY: Hyperparameter =
    Hyperparameter::feature("max_user_history_length_percentile", Range::Continuous(0.0, 1.0), "0.99");
const TRANSFORMER: &[Hyperparameter] = &[Hyperparameter::algorithm("apply_recency_bias", BOOLEAN, Some("true"))];

/// Items that a training of the transformer considers.
const TRANSFORMER_MAX_ITEMS: Option<usize> = Some(5_000_000);

const fn hidden_dimension(default: &'static str) -> Hyperparameter {
    Hyperparameter::algorithm("hidden_dimension", Range::Integer(32, 256), Some(default)).tunable()
}

const fn personal(name: &'static str, description: &'static str) -> RecipeInfo {
    RecipeInfo {
        scores: true,
        ranks: true,
        real_time: true,
        ..RecipeInfo::new(name, RecipeType::UserPersonalization, description)
    }
}

const fn ranking(name: &'static str, description: &'static str) -> RecipeInfo {
    RecipeInfo {
        scores: true,
        ranks: true,
        real_time: true,
        ..RecipeInfo::new(name, RecipeType::PersonalizedRanking, description)
    }
}

pub const USER_PERSONALIZATION_V2: RecipeInfo = RecipeInfo {
    reads: Reads::EVERYTHING,
    created_s: JANUARY_2024_S,
    hyperparameters: TRANSFORMER,
    max_items: TRANSFORMER_MAX_ITEMS,
    ranks: false,
    ..personal(
        "aws-user-personalization-v2",
        "Predicts what a user turns to next with a transformer over the sequence of the user's interactions. \
         Made for large catalogues and low latency.",
    )
};

pub const USER_PERSONALIZATION: RecipeInfo = RecipeInfo {
    reads: Reads::WITH_IMPRESSIONS,
    hyperparameters: &[hidden_dimension("149"), BPTT, RECENCY_MASK, MIN_USER_HISTORY, MAX_USER_HISTORY],
    ranks: false,
    ..personal(
        "aws-user-personalization",
        "Predicts what a user turns to next with a hierarchical recurrent network, and explores items of which \
         little is known yet.",
    )
};

pub const HRNN: RecipeInfo = RecipeInfo {
    reads: Reads::VISITS,
    feature_transformation: "JSON-percentile-filtering",
    hyperparameters: &[hidden_dimension("43"), BPTT, RECENCY_MASK, MIN_USER_HISTORY, MAX_USER_HISTORY],
    ranks: false,
    ..personal(
        "aws-hrnn",
        "Legacy. Predicts what a user turns to next with a hierarchical recurrent network over interactions alone.",
    )
};

pub const HRNN_METADATA: RecipeInfo = RecipeInfo {
    reads: Reads::EVERYTHING_AND_VISITS,
    feature_transformation: "featurize_metadata",
    hyperparameters: &[hidden_dimension("43"), BPTT, RECENCY_MASK, MIN_USER_HISTORY, MAX_USER_HISTORY],
    ranks: false,
    ..personal(
        "aws-hrnn-metadata",
        "Legacy. A hierarchical recurrent network that also reads what is recorded of users, items and the context \
         of an interaction.",
    )
};

pub const HRNN_COLDSTART: RecipeInfo = RecipeInfo {
    reads: Reads::EVERYTHING_AND_VISITS,
    feature_transformation: "featurize_coldstart",
    hyperparameters: &[
        hidden_dimension("149"),
        BPTT,
        RECENCY_MASK,
        Hyperparameter::feature("cold_start_max_interactions", Range::Integer(1, 1_000_000), "15"),
        Hyperparameter::feature("cold_start_max_duration", Range::Continuous(f64::MIN_POSITIVE, 1_000_000.0), "5.0"),
        Hyperparameter::feature(
            "cold_start_relative_from",
            Range::Categorical(&["currentTime", "latestItem"]),
            "latestItem",
        ),
        MIN_USER_HISTORY,
        MAX_USER_HISTORY,
    ],
    ranks: false,
    ..personal(
        "aws-hrnn-coldstart",
        "Legacy. As aws-hrnn-metadata, and recommends new items before there are interactions with them.",
    )
};

pub const PERSONALIZED_RANKING_V2: RecipeInfo = RecipeInfo {
    reads: Reads::EVERYTHING,
    created_s: JANUARY_2024_S,
    hyperparameters: TRANSFORMER,
    max_items: TRANSFORMER_MAX_ITEMS,
    ..ranking(
        "aws-personalized-ranking-v2",
        "Puts a given list of items in the order of a user's interest, with a transformer over the user's \
         interactions.",
    )
};

pub const PERSONALIZED_RANKING: RecipeInfo = RecipeInfo {
    reads: Reads::EVERYTHING_AND_VISITS,
    feature_transformation: "JSON-percentile-filtering",
    hyperparameters: &[hidden_dimension("149"), BPTT, RECENCY_MASK, MIN_USER_HISTORY, MAX_USER_HISTORY],
    ..ranking(
        "aws-personalized-ranking",
        "Puts a given list of items in the order of a user's interest, with a hierarchical recurrent network.",
    )
};

/// Palate's own: see [`crate::transitions`] for what the hyperparameters do.
pub const TRANSITIONS: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS,
    // 2026-01-01
    created_s: 1_767_225_600,
    max_items: None,
    hyperparameters: crate::transitions::HYPERPARAMETERS,
    ..personal(
        "palate-transitions",
        "Predicts what a user turns to next from what other users turned to soon after the same items. Trains in \
         seconds, learns from a new visitor's first event, and knows new items by what is recorded of them.",
    )
};

/// Palate's own: see [`crate::ease`] for what the hyperparameters do.
pub const EASE: RecipeInfo = RecipeInfo {
    // 2026-01-01
    created_s: 1_767_225_600,
    max_items: None,
    hyperparameters: crate::ease::HYPERPARAMETERS,
    ..personal(
        "palate-ease",
        "Predicts what a user turns to next with the linear model between items that fits all histories best. \
         Solved in one step; learns from a new visitor's first event.",
    )
};

/// Palate's own: see [`crate::ials`] for what the hyperparameters do.
pub const IALS: RecipeInfo = RecipeInfo {
    // 2026-01-01
    created_s: 1_767_225_600,
    max_items: None,
    hyperparameters: crate::ials::HYPERPARAMETERS,
    reads: Reads::ITEMS_AND_USERS,
    ..personal(
        "palate-ials",
        "Predicts what a user turns to next with a vector for each item, learned by alternating least squares, and one \
         for the user, made of the newest events. Learns from a new visitor's first event, and knows new items and \
         users by their metadata.",
    )
};

/// Palate's own: see [`crate::session_knn`] for what the hyperparameters do.
pub const SESSION_KNN: RecipeInfo = RecipeInfo {
    // 2026-01-01
    created_s: 1_767_225_600,
    max_items: None,
    hyperparameters: crate::session_knn::HYPERPARAMETERS,
    ..personal(
        "palate-session-knn",
        "Predicts what a session turns to next from the recent sessions that are most like it. Needs hardly any \
         training; made for visitors of whom little else is known.",
    )
};
