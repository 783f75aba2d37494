use palate_recipes::tune::{Budget, Dimension, METRIC};
use palate_recipes::{self as recipes, ColumnChoice, ColumnKind, Objective, Recipe, RecipeInfo, RecipeType, Selection};

use super::TrainedModel;
use crate::jobs::WorkError;
use crate::resources::hpo;

/// What is trained.
pub(in crate::resources) enum Plan {
    /// A recipe as it is configured.
    Recipe(String),
    /// A recipe whose hyperparameters are searched first.
    Search { recipe: String, space: Vec<Dimension>, budget: Budget },
    /// The best of several recipes by a metric, its hyperparameters searched by the same one.
    Compete { recipes: Vec<String>, metric: String },
    /// A model gets what is new, and is not learned anew.
    Update(Box<TrainedModel>),
    /// The same without anybody having asked for it.
    Refresh(Box<TrainedModel>),
}

/// Automatic updates are for datasets with fewer items.
const TOO_MANY_TO_REFRESH: usize = 750_000;

/// For the winner of a competition, which takes its time itself.
const WINNERS_BUDGET: Budget = Budget { trials: 10, parallel: 2 };

/// What performAutoML chooses from if nothing else is said, beside Palate's own recipes.
const DOCUMENTED: [&str; 3] = ["aws-hrnn", "aws-hrnn-metadata", "aws-hrnn-coldstart"];

impl Plan {
    /// The recipes that may be trained; at least one.
    ///
    /// # Errors
    /// [`WorkError::Failed`] if none can be.
    pub fn recipes(&self) -> Result<Vec<&'static dyn Recipe>, WorkError> {
        let names: Vec<&str> = match self {
            Self::Recipe(recipe) | Self::Search { recipe, .. } => vec![recipe],
            Self::Compete { recipes, .. } => recipes.iter().map(String::as_str).collect(),
            Self::Update(model) | Self::Refresh(model) => vec![&model.recipe],
        };
        let known: Vec<_> = names.iter().filter_map(|name| recipes::recipe(name)).collect();
        if known.is_empty() { Err(WorkError::Failed(not_trainable(&names.join(", ")))) } else { Ok(known) }
    }

    /// What trials are compared by.
    pub fn metric(&self) -> &str {
        match self {
            Self::Compete { metric, .. } => metric,
            _ => METRIC,
        }
    }

    /// With so many items it is not done; `None`: however many there are.
    pub fn too_many_items(&self) -> Option<usize> {
        matches!(self, Self::Refresh(_)).then_some(TOO_MANY_TO_REFRESH)
    }

    /// The hyperparameters of the recipe that are searched before it is trained.
    pub fn search(&self, info: &'static RecipeInfo) -> Option<(Vec<Dimension>, Budget)> {
        let (space, budget) = match self {
            Self::Search { space, budget, .. } => (space.clone(), *budget),
            Self::Compete { .. } => (hpo::whole_space(info, |_| false), WINNERS_BUDGET),
            Self::Recipe(_) | Self::Update(_) | Self::Refresh(_) => return None,
        };
        Some((space, budget)).filter(|(space, _)| !space.is_empty())
    }
}

/// Whether performAutoML may choose a recipe: the documented ones, and Palate's own of that type.
pub(in crate::resources) fn may_compete(name: &str) -> bool {
    let own = |info: &RecipeInfo| info.recipe_type == RecipeType::UserPersonalization && name.starts_with("palate-");
    DOCUMENTED.contains(&name) || recipes::describe(name).is_some_and(own)
}

/// All of them, in the order of the catalogue.
pub(in crate::resources) fn competitors() -> Vec<String> {
    recipes::catalogue().iter().map(|info| info.name).filter(|name| may_compete(name)).map(str::to_owned).collect()
}

/// Has of events and items read what the recipe learns from.
pub(super) fn read_as(info: &RecipeInfo, selection: &mut Selection) {
    if let Some(event_type) = info.event_type {
        selection.event_type = Some(event_type.to_owned());
    }
    selection.max_items = info.max_items;
    selection.visits = info.reads.visits;
}

/// Has the column of an objective read as a number, whatever else is said of it.
pub(super) fn read_objective(objective: &mut Objective, selection: &mut Selection) {
    let named = |column: &&ColumnChoice| column.name.eq_ignore_ascii_case(&objective.item_attribute);
    match selection.item_columns.iter().find(named) {
        Some(column) => objective.item_attribute = column.name.clone(),
        None => {
            let name = objective.item_attribute.clone();
            selection.item_columns.push(ColumnChoice { name, kind: ColumnKind::Number });
        }
    }
}

/// Why a recipe of the catalogue comes to nothing, and which of its kind would not.
fn not_trainable(name: &str) -> String {
    let domain = recipes::describe(name).and_then(|info| info.domain);
    let others = recipes::catalogue().iter().filter(|info| info.domain == domain);
    let names: Vec<&str> = others.map(|info| info.name).filter(|name| recipes::recipe(name).is_some()).collect();
    format!(
        "Recipe {name} cannot be trained by this version of Palate yet; recipes that can be trained instead: {}.",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn palates_own_recipes_and_the_documented_ones_compete() {
        let all = competitors();
        for name in DOCUMENTED.into_iter().chain(["palate-transitions", "palate-ease"]) {
            assert!(all.iter().any(|known| known == name), "{name}");
        }
        assert!(!["aws-sims", "aws-user-personalization", "palate-none"].into_iter().any(may_compete));
        let compete = |recipes| Plan::Compete { recipes, metric: METRIC.to_owned() };
        assert!(compete(all).recipes().unwrap().len() >= 3);
        let Err(WorkError::Failed(reason)) = compete(vec!["aws-none".into()]).recipes().map(|_| ()) else {
            panic!("a recipe that is not there is trained");
        };
        assert!(reason.starts_with("Recipe aws-none cannot be trained"), "{reason}");
    }

    #[test]
    fn recipes_read_the_events_and_as_many_items_as_they_say() {
        for (name, event_type, max_items, visits) in [
            ("aws-user-personalization-v2", Some("click"), Some(5_000_000), false),
            ("aws-hrnn", Some("click"), Some(750_000), true),
            ("aws-vod-most-popular", Some("Watch"), Some(750_000), false),
            ("palate-transitions", Some("click"), None, false),
        ] {
            let mut selection = Selection { event_type: Some("click".into()), ..Selection::default() };
            read_as(recipes::describe(name).unwrap(), &mut selection);
            assert_eq!((selection.event_type.as_deref(), selection.max_items), (event_type, max_items), "{name}");
            assert_eq!(selection.visits, visits, "{name}");
        }
    }

    #[test]
    fn the_column_of_an_objective_is_read_even_if_it_is_excluded() {
        let mut objective = Objective { item_attribute: "price".into(), sensitivity: recipes::Sensitivity::Low };
        let mut selection = Selection::default();
        read_objective(&mut objective, &mut selection);
        let column = |name: &str| ColumnChoice { name: name.into(), kind: ColumnKind::Number };
        assert_eq!(selection.item_columns, [column("price")]);
        selection.item_columns = vec![column("PRICE")];
        read_objective(&mut objective, &mut selection);
        assert_eq!((objective.item_attribute.as_str(), selection.item_columns), ("PRICE", vec![column("PRICE")]));
    }
}
