//! Users who are most likely to interact with an item, or with items of some attributes: aws-item-affinity and
//! aws-item-attribute-affinity.
//!
//! What an interaction with one item says of another is learned as a linear map of low rank between items
//! ([`subspace`]): `B = V diag(σ² / (σ² + λ)) Vᵀ` with the `hidden_dimension` leading right singular vectors `V` of the
//! matrix of users by items, which is ridge regression of histories on themselves within that subspace. A user is the
//! weighted mean of the items of the history, an event after `half_life` more recent ones weighing half. The score of
//! a user for an item is
//!
//! ```text
//! n(u) · Σ_h 2^(-h / half_life) B(i_h, i) / Σ_h 2^(-h / half_life)
//! ```
//!
//! where `n(u)` is the number of the user's events (up to [`KEPT_EVENTS`]): how much the user does, times how much of it
//! goes to the item. If users hardly ever come back to an item, those who had it come last for it. For attributes, the
//! scores of all items that have them are added and divided by the sum over all items, without those that the user
//! will not come back to ([`share`]).
//!
//! Of each user the oldest 80 % of the events are learned from and the others are to be told; `λ` and `half_life` are
//! chosen on a further such cut of the training part. The user side holds histories in pages, so a segment is found by
//! reading one page after the other ([`crate::Segments`]).
//!
//! *Source:* Cremonesi, Koren and Turrin (2010), "Performance of Recommender Algorithms on Top-N Recommendation Tasks"
//! (PureSVD, whose scores are these for `λ` = 0); `V` and `σ²` come from [`crate::spectral`].

mod attributes;
mod choose;
mod expression;
mod judge;
mod model;
mod segments;
mod share;
mod store;
mod subspace;
mod targets;
mod tower;
mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, UserSide};
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::seen_weight;
use crate::training::step;
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use attributes::Attributes;
use choose::choose;
use judge::judge;
use model::Affine;
pub use segments::{Segment, Segments, Target, UserRows};
use subspace::Subspace;
use targets::Targets;
pub(crate) use targets::cut;
use tower::Tower;

pub struct Affinity(&'static RecipeInfo);

pub static ITEM_AFFINITY: Affinity = Affinity(&catalogue::ITEM_AFFINITY);
pub static ITEM_ATTRIBUTE_AFFINITY: Affinity = Affinity(&catalogue::ITEM_ATTRIBUTE_AFFINITY);

/// Newest events of a user that the model keeps.
const KEPT_EVENTS: usize = 1000;

impl Affinity {
    fn of_attributes(&self) -> bool {
        self.0.name == catalogue::ITEM_ATTRIBUTE_AFFINITY.name
    }
}

impl Recipe for Affinity {
    fn info(&self) -> &'static RecipeInfo {
        self.0
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let (dataset, progress) = (task.dataset, task.progress);
        dataset.check_minimums().map_err(TrainError::Data)?;
        let (users, items, histories) = (dataset.users(), dataset.items(), dataset.histories());
        let attributes = match self.of_attributes() {
            true => Some(Attributes::of(dataset.item_columns(), items.len())?),
            false => None,
        };
        let dimension = params.integer("hidden_dimension").unwrap_or(149);
        let targets_of = |held: &Histories, truth: &Histories| match &attributes {
            Some(attributes) => Targets::attributes(attributes, truth),
            None => Targets::items(held, truth, items.len(), task.seed),
        };
        step(progress, "learning for evaluation", 0.0)?;
        let (oldest, newest) = cut(histories);
        // It looks at last events, so those that are to be told must be gone.
        let seen = seen_weight(&oldest) as f32;
        let (inner, validation) = cut(&oldest);
        let subspace = Subspace::fit(&inner, items.len(), dimension, task.seed, progress)?;
        step(progress, "choosing strength and half-life", 0.2)?;
        let chosen = choose(&subspace, &inner, &targets_of(&inner, &validation), seen, progress)?;
        step(progress, "evaluating", 0.4)?;
        let subspace = Subspace::fit(&oldest, items.len(), dimension, task.seed, progress)?;
        let (tower, targets) = (Tower::new(&subspace, chosen, seen), targets_of(&oldest, &newest));
        let report = judge(&tower, &oldest, &targets, dataset.n_catalogue_users(), progress)?;
        step(progress, "learning from all interactions", 0.7)?;
        let subspace = Subspace::fit(histories, items.len(), dimension, task.seed, progress)?;
        step(progress, "writing the model", 0.95)?;
        let tower = Tower::new(&subspace, chosen, seen);
        tower.check()?;
        let mut files = vec![ItemSide::write(items, &Popular::count(histories, items.len()))?, store::write(&tower)?];
        files.extend(attributes.as_ref().map(Attributes::write).transpose()?);
        files.extend(UserSide::write(users, histories, KEPT_EVENTS)?);
        let hyperparameters = params.to_text();
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let side = ItemSide::read(&contents)?;
        let tower = store::read(&contents)?;
        let attributes = match self.of_attributes() {
            true => Some(Attributes::read(&contents)?),
            false => None,
        };
        Ok(Arc::new(Affine::new(side, tower, attributes, UserSide::read(&contents)?)))
    }
}

#[cfg(test)]
mod tests;
