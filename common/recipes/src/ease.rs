//! palate-ease: the linear model between items that fits all histories best, solved in closed form.
//!
//! Steck (2019), "Embarrassingly Shallow Autoencoders for Sparse Data": of all item-by-item matrices `B` with
//! an empty diagonal, the one that minimises `‖X - XB‖² + λ‖B‖²` is, with `P = (XᵀX + λI)⁻¹` (eq. 8),
//!
//! ```text
//! B = I - P · diag(1 / diag P)
//! ```
//!
//! where `X` says which user interacted with which item. A request reads the user's newest events, each item at
//! its newest place `h` (0 the newest event), and gives item `j` the score
//!
//! ```text
//! s(j) = Σ_h 2^(-h / half_life) B(i_h, j)
//! ```
//!
//! plus a millionth of the item's share in popularity, which orders what no event leads to or away from; a user
//! without events gets popular items.
//!
//! | hyperparameter     | sign  | meaning                                                                       |
//! |--------------------|-------|-------------------------------------------------------------------------------|
//! | `regularization`   | `λ`   | the larger, the smaller the weights                                           |
//! | `history_length`   | `h` < | newest events of the user that are read                                       |
//! | `half_life`        |       | events after which an event weighs half                                       |
//! | `seen_weight`      |       | factor for items in the user's history; 0: they come last                     |
//! | `weights_per_item` |       | strongest weights that lead to an item and are kept                           |
//! | `exact_items`      |       | up to so many items the inverse is exact; it takes `4 n²` bytes, `n³` flops   |
//!
//! Beyond `exact_items`, each column of `B` is solved by itself over the items that occur most with the item of
//! the column ([`blocks`]).
//!
//! What is not given and has no default is chosen on the training users, of whom some last events are held
//! back, one hyperparameter after the other, by NDCG at 25. The user side keeps the 1000 newest events of each
//! user if `seen_weight` is below 1, otherwise `history_length`.

mod blocks;
mod choose;
mod config;
mod fit;
mod gram;
mod inverse;
mod scorer;
mod weights;

use std::sync::Arc;

use crate::catalogue::EASE;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Served, SparseRows, UserSide};
use crate::params::Params;
use crate::popularity::Popular;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use choose::choose;
use config::EaseValidParams;
pub use config::HYPERPARAMETERS;
use scorer::Linear;

pub struct Ease;

impl Recipe for Ease {
    fn info(&self) -> &'static RecipeInfo {
        &EASE
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let given = Params::check(self.info(), task.hyperparameters)?;
        let (users, items) = (task.dataset.users(), task.dataset.items());
        let prepare = |training: &Histories| choose(training, items.len(), &given, task.seed, task.progress);
        let fit = |config: &EaseValidParams, histories: &Histories| {
            let rows = fit::fit(histories, items.len(), config, task.progress)?;
            Ok(Linear::new(Arc::new(rows), Popular::count(histories, items.len()), config))
        };
        let Evaluated { prepared: config, scorer, report } = evaluated(task, self.info(), prepare, fit)?;
        scorer.check()?;
        let hyperparameters = config.to_text();
        let chosen = given.not_settled(&hyperparameters);
        let mut files = vec![ItemSide::write(items, scorer.popular())?, scorer.write()?];
        let n_kept = UserSide::n_kept(config.seen_weight, config.history_length);
        files.extend(UserSide::write(users, task.dataset.histories(), n_kept)?);
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let config = contents.settled(self.info(), EaseValidParams::settled)?;
        let side = ItemSide::read(&contents)?;
        let (rows, _) = SparseRows::read(&contents, &[])?;
        let scorer = Linear::new(Arc::new(rows), side.popular.clone(), &config);
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

#[cfg(test)]
mod tests;
