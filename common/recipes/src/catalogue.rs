//! What every recipe is called, what it takes and what it gives, whether it can be trained yet or not.
//!
//! Facts that come with the API (names, types, hyperparameters, dates) are Amazon Personalize's; one file
//! per family of recipes holds them.

mod domain;
mod personalization;
mod popular;
mod related;
mod segments;

pub(crate) use domain::{
    BECAUSE_YOU_WATCHED_X, BEST_SELLERS, CUSTOMERS_WHO_VIEWED_X_ALSO_VIEWED, FREQUENTLY_BOUGHT_TOGETHER, MORE_LIKE_X,
    MOST_POPULAR, MOST_VIEWED, RECOMMENDED_FOR_YOU, TOP_PICKS, TRENDING_NOW as VIDEO_TRENDING_NOW,
};
pub(crate) use personalization::{
    EASE, HRNN, HRNN_COLDSTART, HRNN_METADATA, IALS, PERSONALIZED_RANKING, PERSONALIZED_RANKING_V2, SESSION_KNN,
    TRANSITIONS, USER_PERSONALIZATION, USER_PERSONALIZATION_V2,
};
pub(crate) use popular::{POPULARITY_COUNT, TRENDING_NOW};
pub(crate) use related::{SIMILAR_ITEMS, SIMS};
pub(crate) use segments::{ITEM_AFFINITY, ITEM_ATTRIBUTE_AFFINITY};

/// `recipeType` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipeType {
    UserPersonalization,
    PopularItems,
    PersonalizedRanking,
    RelatedItems,
    PersonalizedActions,
    UserSegmentation,
}

/// The domain of a use case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    Ecommerce,
    VideoOnDemand,
}

/// Which of the two maps of `solutionConfig` a hyperparameter stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// `algorithmHyperParameters`
    Algorithm,
    /// `featureTransformationParameters`
    Feature,
}

/// The values that a hyperparameter may take, ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    Integer(i64, i64),
    Continuous(f64, f64),
    Categorical(&'static [&'static str]),
}

/// One hyperparameter of a recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyperparameter {
    pub name: &'static str,
    pub stage: Stage,
    pub range: Range,
    /// As a string, as on the wire; `None` if a validation part of the data chooses it.
    pub default: Option<&'static str>,
    /// May be searched by hyperparameter optimisation.
    pub tunable: bool,
}

impl Hyperparameter {
    /// One of `algorithmHyperParameters` that is not searched.
    const fn algorithm(name: &'static str, range: Range, default: Option<&'static str>) -> Self {
        Self { name, stage: Stage::Algorithm, range, default, tunable: false }
    }

    /// One of `featureTransformationParameters`, which are never searched.
    const fn feature(name: &'static str, range: Range, default: &'static str) -> Self {
        Self { name, stage: Stage::Feature, range, default: Some(default), tunable: false }
    }

    const fn tunable(self) -> Self {
        Self { tunable: true, ..self }
    }
}

/// Which metadata a recipe learns from, beside interactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Columns of the Items dataset.
    pub items: bool,
    /// Columns of the Users dataset.
    pub users: bool,
    /// Further columns of the Interactions dataset.
    pub context: bool,
    /// IMPRESSION, as text, among the columns of interactions.
    pub impressions: bool,
    /// Which interactions are of one visit, where sessions are known.
    pub visits: bool,
}

impl Reads {
    pub(crate) const NOTHING: Self =
        Self { items: false, users: false, context: false, impressions: false, visits: false };
    const ITEMS: Self = Self { items: true, ..Self::NOTHING };
    const ITEMS_AND_USERS: Self = Self { users: true, ..Self::ITEMS };
    const EVERYTHING: Self = Self { context: true, ..Self::ITEMS_AND_USERS };
    const VISITS: Self = Self { visits: true, ..Self::NOTHING };
    const EVERYTHING_AND_VISITS: Self = Self { visits: true, ..Self::EVERYTHING };
    const WITH_IMPRESSIONS: Self = Self { impressions: true, ..Self::EVERYTHING_AND_VISITS };
}

const BOOLEAN: Range = Range::Categorical(&["true", "false"]);

/// A recipe as the API describes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecipeInfo {
    /// The last part of the ARN.
    pub name: &'static str,
    pub recipe_type: RecipeType,
    pub domain: Option<Domain>,
    pub description: &'static str,
    /// The last part of the algorithm's ARN.
    pub algorithm: &'static str,
    /// The last part of the feature transformation's ARN.
    pub feature_transformation: &'static str,
    /// Seconds since the Unix epoch.
    pub created_s: i64,
    pub hyperparameters: &'static [Hyperparameter],
    /// GetRecommendations answers with scores.
    pub scores: bool,
    /// GetPersonalizedRanking may be asked.
    pub ranks: bool,
    /// Streamed events change the answers without training.
    pub real_time: bool,
    /// The type of the events that a use case learns from: a training reads its dataset with this in the
    /// [`crate::Selection`]. `None` leaves the choice to the user.
    pub event_type: Option<&'static str>,
    /// A training reads its dataset with these columns in the [`crate::Selection`].
    pub reads: Reads,
    /// A training reads its dataset with this in the [`crate::Selection`].
    pub max_items: Option<usize>,
}

impl RecipeInfo {
    /// A recipe whose algorithm and feature transformation are named after it, of the first release, with
    /// nothing to set.
    const fn new(name: &'static str, recipe_type: RecipeType, description: &'static str) -> Self {
        Self {
            name,
            recipe_type,
            domain: None,
            description,
            algorithm: name,
            feature_transformation: name,
            created_s: FIRST_RELEASE_S,
            hyperparameters: &[],
            scores: false,
            ranks: false,
            real_time: false,
            event_type: None,
            reads: Reads::NOTHING,
            max_items: Some(MAX_ITEMS),
        }
    }
}

/// Items that a training considers, unless the recipe says otherwise.
const MAX_ITEMS: usize = 750_000;

/// 2019-06-10
const FIRST_RELEASE_S: i64 = 1_560_124_800;

/// In byte order of the names, as ListRecipes gives them.
static CATALOGUE: [RecipeInfo; 29] = [
    domain::CUSTOMERS_WHO_VIEWED_X_ALSO_VIEWED,
    domain::FREQUENTLY_BOUGHT_TOGETHER,
    domain::BEST_SELLERS,
    domain::MOST_VIEWED,
    domain::RECOMMENDED_FOR_YOU,
    personalization::HRNN,
    personalization::HRNN_COLDSTART,
    personalization::HRNN_METADATA,
    segments::ITEM_AFFINITY,
    segments::ITEM_ATTRIBUTE_AFFINITY,
    segments::NEXT_BEST_ACTION,
    personalization::PERSONALIZED_RANKING,
    personalization::PERSONALIZED_RANKING_V2,
    popular::POPULARITY_COUNT,
    related::SEMANTIC_SIMILARITY,
    related::SIMILAR_ITEMS,
    related::SIMS,
    popular::TRENDING_NOW,
    personalization::USER_PERSONALIZATION,
    personalization::USER_PERSONALIZATION_V2,
    domain::BECAUSE_YOU_WATCHED_X,
    domain::MORE_LIKE_X,
    domain::MOST_POPULAR,
    domain::TOP_PICKS,
    domain::TRENDING_NOW,
    personalization::EASE,
    personalization::IALS,
    personalization::SESSION_KNN,
    personalization::TRANSITIONS,
];

/// Every recipe, by name.
pub fn catalogue() -> &'static [RecipeInfo] {
    &CATALOGUE
}

/// The recipe of that name.
pub fn describe(name: &str) -> Option<&'static RecipeInfo> {
    let at = CATALOGUE.binary_search_by(|recipe| recipe.name.cmp(name)).ok()?;
    CATALOGUE.get(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_recipe_is_found_by_its_name_and_names_ascend() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].name < pair[1].name));
        for recipe in catalogue() {
            assert_eq!(describe(recipe.name), Some(recipe));
        }
        assert_eq!(describe("aws-deepfm"), None);
    }

    #[test]
    fn there_are_nineteen_custom_recipes_and_five_use_cases_a_domain() {
        let of = |domain| catalogue().iter().filter(|recipe| recipe.domain == domain).count();
        assert_eq!((of(None), of(Some(Domain::Ecommerce)), of(Some(Domain::VideoOnDemand))), (19, 5, 5));
    }

    #[test]
    fn every_default_lies_in_its_range() {
        for recipe in catalogue() {
            for parameter in recipe.hyperparameters {
                let Some(default) = parameter.default else { continue };
                let inside = match parameter.range {
                    Range::Integer(low, high) => (low..=high).contains(&default.parse().unwrap()),
                    Range::Continuous(low, high) => (low..=high).contains(&default.parse().unwrap()),
                    Range::Categorical(values) => values.contains(&default),
                };
                assert!(inside, "{} of {}", parameter.name, recipe.name);
            }
        }
    }

    #[test]
    fn documented_recipes_consider_so_many_items_and_palates_own_all() {
        for recipe in catalogue() {
            let most = match recipe.name {
                "aws-user-personalization-v2" | "aws-personalized-ranking-v2" => Some(5_000_000),
                "aws-semantic-similarity" => Some(10_000_000),
                name => (!name.starts_with("palate-")).then_some(750_000),
            };
            assert_eq!(recipe.max_items, most, "{}", recipe.name);
        }
    }

    #[test]
    fn descriptions_fit_the_wire() {
        for recipe in catalogue() {
            assert!((1..=1000).contains(&recipe.description.len()), "{}", recipe.name);
            assert!(recipe.name.len() <= 63, "{}", recipe.name);
        }
    }
}
