//! aws-user-personalization-v2 and aws-personalized-ranking-v2: what a user turns to next, by a transformer over
//! the sequence of the user's interactions, blended with palate-transitions.
//!
//! [`network`] has the formulas of the network, [`attention`] those of its attention. It learns to tell each event
//! of every user from those before, and what users begin with, by the cross-entropy over all items or, of large
//! catalogues, over shared negatives that are corrected for how they were drawn. What it gives an item is the softmax
//! over all items; items that the user had before get nothing if users hardly ever come back to items. The answer is
//! a blend of these shares with those of palate-transitions: one weight for each range of history lengths, chosen on
//! held-back events of training users.
//!
//! | hyperparameter       | meaning                                                                              |
//! |----------------------|--------------------------------------------------------------------------------------|
//! | `apply_recency_bias` | an event counts ½ to 1 in training, the more the newer it is, in a straight line     |
//!
//! A training learns from nine in ten of the users, without the last events of some of them, until what it tells of
//! those grows no better. It is judged by the other users. Then it goes on from the weights that it has, for a few
//! epochs over all events.

mod attention;
mod config;
mod fit;
mod network;
mod scorer;
mod store;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::model::{Contents, ItemSide, Manifest, Served, UserSide};
use crate::params::Params;
use crate::{Model, ModelError, ModelFile, ParamError, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

/// One of the two recipes, which differ in what they are asked.
pub struct Sequential(&'static RecipeInfo);

pub static USER_PERSONALIZATION_V2: Sequential = Sequential(&catalogue::USER_PERSONALIZATION_V2);
pub static PERSONALIZED_RANKING_V2: Sequential = Sequential(&catalogue::PERSONALIZED_RANKING_V2);

/// Newest events of a user that the model keeps to know what was seen.
const SEEN_EVENTS: usize = 1000;

impl Recipe for Sequential {
    fn info(&self) -> &'static RecipeInfo {
        self.0
    }

    fn check(&self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        Params::check(self.info(), hyperparameters).map(|_| ())
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let hyperparameters = Params::check(self.info(), task.hyperparameters)?.to_text();
        let recency_bias = hyperparameters.get("apply_recency_bias").is_none_or(|value| value == "true");
        let outcome = fit::fit(task, self.info(), recency_bias)?;
        let (users, items) = (task.dataset.users(), task.dataset.items());
        let mut files = vec![ItemSide::write(items, outcome.scorer.transitions.popular())?];
        files.extend(store::write(&outcome)?);
        let sequence = &outcome.scorer.sequence;
        let n_kept = if sequence.seen_weight < 1.0 { SEEN_EVENTS } else { sequence.network.shape.max_length };
        files.extend(UserSide::write(users, task.dataset.histories(), n_kept)?);
        let files = Manifest::of(self.info(), task, &hyperparameters).seal(files)?;
        Ok(Trained { files, report: outcome.report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let side = ItemSide::read(&contents)?;
        let scorer = store::read(&contents, &side)?;
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

#[cfg(test)]
mod tests;
