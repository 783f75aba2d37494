//! aws-similar-items: what users have near each other and what is recorded of items, in one space, so that an item
//! that nobody has touched yet has neighbours too.
//!
//! **By interactions.** `C(i,j) = Σ 2^(-d / half_life)` over all pairs of events of one user, `d` events apart.
//! With the sums `d` of its rows, `d(i)^-½ C(i,j) d(j)^-½` is factored: an item's place `v` is its row of the
//! `item_id_hidden_dim` leading eigenvectors, each times the root of its eigenvalue, at unit length. This is the
//! factorisation that word embeddings were found to be (Levy and Goldberg 2014, "Neural Word Embedding as Implicit
//! Matrix Factorization") with exponents in place of the logarithm, so that the matrix need not be written down
//! ([`cooccurrence`]): a training costs a number of passes over the interactions, however many pairs there are.
//!
//! **By metadata.** Categories, numbers and texts become a sparse vector `f` ([`crate::features`]). Its truncated
//! singular value decomposition gives `m`, `item_metadata_hidden_dim` numbers at unit length. And a ridge
//! regression ([`crate::ridge`]) from `f` to `v` learns where items with such metadata stand among users.
//!
//! **Together.** An item's place is `e = a v + (1 - a) (what f leads to)`, at unit length, with
//! `a = n / (n + 10)` after `n` interactions, and `a = 0` for cold items, those with fewer than five. The items
//! nearest to `i` are those with the greatest
//!
//! ```text
//! s(i,j) = ( w(i) e(i)·e(j) + (1 - w(i)) m(i)·m(j) ) · ((n(j) + 1) / (max n + 1))^(g (1 - popularity_discount_factor))
//! ```
//!
//! over all items, exactly. `half_life`, `g`, the strength of the ridge and `w`, which is one number for cold items
//! and one for others, are chosen on the training users ([`choose`]). An item of which nothing is known is
//! answered with popular items, and so is a list continued that is not full; the asked item is never in it.

mod choose;
mod cooccurrence;
mod explain;
mod fit;
mod near;
mod scorer;
mod space;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::SIMILAR_ITEMS;
use crate::dataset::Histories;
use crate::features::Features;
use crate::model::{Contents, ItemSide, Manifest, Served};
use crate::params::Params;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use choose::choose;
use fit::Engine;
pub(crate) use fit::Taste;
use near::Near;
pub(crate) use space::{Joined, Placed};

pub struct SimilarItems;

/// Both are as documented where users do not search for others.
const HIDDEN_DIM: usize = 100;

impl Recipe for SimilarItems {
    fn info(&self) -> &'static RecipeInfo {
        &SIMILAR_ITEMS
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        train(self.info(), task, &params, &Taste { popular: true, most_by_interactions: 1.0 })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        open(self.info(), files)
    }
}

/// Trains a recipe that places items in one space.
pub fn train(
    info: &'static RecipeInfo,
    task: &TrainingTask<'_>,
    params: &Params,
    taste: &Taste,
) -> Result<Trained, TrainError> {
    let dim = |name| params.integer(name).unwrap_or(HIDDEN_DIM);
    let (id_dim, metadata_dim) = (dim("item_id_hidden_dim"), dim("item_metadata_hidden_dim"));
    let discount = params.continuous("popularity_discount_factor").unwrap_or(0.0);
    task.dataset.check_minimums().map_err(TrainError::Data)?;
    let features = Features::of(task.dataset.item_columns());
    let items = task.dataset.all_items();
    let engine = Engine::new(&features, items.len(), id_dim, metadata_dim, task.seed, task.progress)?;
    let prepare = |training: &Histories| choose(&engine, training, taste, task.seed, task.progress);
    let fit = |choice: &choose::Choice, histories: &Histories| engine.fit(histories, choice, discount, task.progress);
    let Evaluated { prepared, mut scorer, mut report } = evaluated(task, info, prepare, fit)?;
    scorer.check()?;
    if let Some(placing) = scorer.placing.as_mut().filter(|_| !task.trial) {
        let histories = task.dataset.histories();
        placing.near = Some(Near::count(histories, items.len(), prepared.half_life, task.progress)?);
    }
    if features.is_empty() && taste.most_by_interactions < 1.0 {
        let told =
            "No column of the Items dataset tells one item from another, so the lists are by interactions alone.";
        report.warnings.push(told.to_owned());
    }
    let hyperparameters = params.to_text();
    let mut files = vec![ItemSide::write(&items, &scorer.popular)?];
    files.extend(store::write(&scorer)?);
    let manifest = Manifest::of(info, task, &hyperparameters).with_items(items.len());
    Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen: BTreeMap::new() })
}

/// Opens a model of such a recipe.
pub fn open(info: &'static RecipeInfo, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
    let contents = Contents::verify(files, info.name)?;
    let side = ItemSide::read(&contents)?;
    let scorer = store::read(&contents, side.popular.clone())?;
    Ok(Arc::new(Served::new(side, scorer, None)))
}

#[cfg(test)]
mod tests;
