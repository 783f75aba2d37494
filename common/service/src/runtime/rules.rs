//! What recipes and use cases ask of a request, beyond their type.

use palate_recipes::{RecipeInfo, RecipeType, Scored};

/// The ids that a request must name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub user: bool,
    pub item: bool,
}

/// What GetRecommendations needs; `None` if the recipe does not answer it.
pub(super) fn needs(info: &RecipeInfo) -> Option<Needs> {
    let needs = |user, item| Some(Needs { user, item });
    match info.name {
        // Everybody gets the same list, though its type is that of personal ones.
        "aws-popularity-count" => return needs(false, false),
        "aws-ecomm-customers-who-viewed-x-also-viewed" | "aws-vod-because-you-watched-x" | "aws-vod-more-like-x" => {
            return needs(true, true);
        }
        "aws-ecomm-popular-items-by-views" | "aws-ecomm-popular-items-by-purchases" | "aws-vod-most-popular" => {
            return needs(true, false);
        }
        _ => {}
    }
    match info.recipe_type {
        RecipeType::UserPersonalization => needs(true, false),
        RecipeType::PopularItems => needs(false, false),
        RecipeType::RelatedItems => needs(false, true),
        RecipeType::PersonalizedRanking | RecipeType::PersonalizedActions | RecipeType::UserSegmentation => None,
    }
}

/// The event type, in lower case, whose items a use case never gives to the user who had such an event.
pub(super) fn left_out(info: &RecipeInfo) -> Option<&'static str> {
    match info.name {
        "aws-ecomm-customers-who-viewed-x-also-viewed" | "aws-ecomm-recommended-for-you" => Some("purchase"),
        "aws-vod-because-you-watched-x" | "aws-vod-more-like-x" | "aws-vod-top-picks" => Some("watch"),
        _ => None,
    }
}

/// Whether a use case leaves out what the user did.
pub(crate) fn leaves_out(info: &RecipeInfo) -> bool {
    left_out(info).is_some()
}

/// Whether some of the items may be promoted ones.
pub(super) fn promotes(info: &RecipeInfo) -> bool {
    info.name != "aws-vod-trending-now" && needs(info).is_some()
}

/// Whether answers may hold metadata without a setting.
pub(super) fn always_has_metadata(info: &RecipeInfo) -> bool {
    matches!(info.name, "aws-user-personalization-v2" | "aws-personalized-ranking-v2" | "aws-semantic-similarity")
}

/// Whether items tell why they are in the answer.
pub(crate) fn gives_reasons(info: &RecipeInfo) -> bool {
    info.name == "aws-user-personalization-v2"
}

/// Why an item is in an answer of a recipe that tells; `None`: for its relevance.
pub(crate) fn reason(scored: &Scored, promoted: bool) -> Option<&'static str> {
    match (promoted, scored.score) {
        (true, _) => Some("Promoted item"),
        (false, None) => Some("Popular item"),
        (false, Some(_)) => scored.explored.then_some("Exploration"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use palate_recipes::{catalogue, describe};

    use super::*;

    #[test]
    fn every_use_case_asks_for_the_ids_of_the_table() {
        let table = [
            ("aws-ecomm-popular-items-by-views", true, false, None),
            ("aws-ecomm-popular-items-by-purchases", true, false, None),
            ("aws-ecomm-frequently-bought-together", false, true, None),
            ("aws-ecomm-customers-who-viewed-x-also-viewed", true, true, Some("purchase")),
            ("aws-ecomm-recommended-for-you", true, false, Some("purchase")),
            ("aws-vod-because-you-watched-x", true, true, Some("watch")),
            ("aws-vod-more-like-x", true, true, Some("watch")),
            ("aws-vod-most-popular", true, false, None),
            ("aws-vod-trending-now", false, false, None),
            ("aws-vod-top-picks", true, false, Some("watch")),
        ];
        for (name, user, item, event_type) in table {
            let info = describe(name).unwrap();
            assert_eq!(needs(info), Some(Needs { user, item }), "{name}");
            assert_eq!(left_out(info), event_type, "{name}");
            assert_eq!(promotes(info), name != "aws-vod-trending-now", "{name}");
        }
        assert_eq!(catalogue().iter().filter(|info| info.domain.is_some()).count(), table.len());
    }

    #[test]
    fn custom_recipes_ask_for_what_their_type_does() {
        for (name, expected) in [
            ("aws-user-personalization", Some((true, false))),
            ("aws-hrnn", Some((true, false))),
            ("aws-popularity-count", Some((false, false))),
            ("aws-trending-now", Some((false, false))),
            ("aws-sims", Some((false, true))),
            ("aws-personalized-ranking", None),
            ("aws-next-best-action", None),
            ("aws-item-affinity", None),
        ] {
            let found = needs(describe(name).unwrap()).map(|needs| (needs.user, needs.item));
            assert_eq!(found, expected, "{name}");
        }
    }
}
