//! Use cases: recipes of a domain, for recommenders. They take no hyperparameters and give no scores.

use super::{Domain, Reads, RecipeInfo, RecipeType};

const fn ecommerce(name: &'static str, recipe_type: RecipeType, description: &'static str) -> RecipeInfo {
    RecipeInfo { domain: Some(Domain::Ecommerce), ..RecipeInfo::new(name, recipe_type, description) }
}

const fn video(name: &'static str, recipe_type: RecipeType, description: &'static str) -> RecipeInfo {
    RecipeInfo { domain: Some(Domain::VideoOnDemand), ..RecipeInfo::new(name, recipe_type, description) }
}

pub const MOST_VIEWED: RecipeInfo = RecipeInfo {
    event_type: Some("View"),
    ..ecommerce(
        "aws-ecomm-popular-items-by-views",
        RecipeType::PopularItems,
        "Most viewed: the items that customers looked at most.",
    )
};

pub const BEST_SELLERS: RecipeInfo = RecipeInfo {
    event_type: Some("Purchase"),
    ..ecommerce(
        "aws-ecomm-popular-items-by-purchases",
        RecipeType::PopularItems,
        "Best sellers: the items that customers bought most.",
    )
};

pub const FREQUENTLY_BOUGHT_TOGETHER: RecipeInfo = RecipeInfo {
    event_type: Some("Purchase"),
    ..ecommerce(
        "aws-ecomm-frequently-bought-together",
        RecipeType::RelatedItems,
        "Frequently bought together: items that customers bought along with a given item.",
    )
};

pub const CUSTOMERS_WHO_VIEWED_X_ALSO_VIEWED: RecipeInfo = RecipeInfo {
    event_type: Some("View"),
    ..ecommerce(
        "aws-ecomm-customers-who-viewed-x-also-viewed",
        RecipeType::RelatedItems,
        "Customers who viewed X also viewed: items that were looked at along with a given one, without those that the \
         customer has bought.",
    )
};

pub const RECOMMENDED_FOR_YOU: RecipeInfo = RecipeInfo {
    reads: Reads::WITH_IMPRESSIONS,
    real_time: true,
    ..ecommerce(
        "aws-ecomm-recommended-for-you",
        RecipeType::UserPersonalization,
        "Recommended for you: items for a customer, without those that the customer has bought.",
    )
};

pub const BECAUSE_YOU_WATCHED_X: RecipeInfo = RecipeInfo {
    event_type: Some("Watch"),
    ..video(
        "aws-vod-because-you-watched-x",
        RecipeType::RelatedItems,
        "Because you watched X: videos that were watched along with a given one, without those that the viewer knows.",
    )
};

pub const MORE_LIKE_X: RecipeInfo = RecipeInfo {
    reads: Reads::ITEMS,
    ..video(
        "aws-vod-more-like-x",
        RecipeType::RelatedItems,
        "More like X: videos like a given one, without those that the viewer knows.",
    )
};

pub const MOST_POPULAR: RecipeInfo = RecipeInfo {
    event_type: Some("Watch"),
    ..video("aws-vod-most-popular", RecipeType::PopularItems, "Most popular: the videos that most viewers watched.")
};

pub const TRENDING_NOW: RecipeInfo =
    video("aws-vod-trending-now", RecipeType::PopularItems, "Trending now: videos that interest in grows fastest.");

pub const TOP_PICKS: RecipeInfo = RecipeInfo {
    reads: Reads::WITH_IMPRESSIONS,
    real_time: true,
    ..video(
        "aws-vod-top-picks",
        RecipeType::UserPersonalization,
        "Top picks for you: videos for a viewer, without those that the viewer has watched.",
    )
};
