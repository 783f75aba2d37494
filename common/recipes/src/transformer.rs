//! aws-user-personalization-v2 and aws-personalized-ranking-v2: what a user turns to next, by a transformer over
//! the sequence of the user's interactions, blended with palate-transitions.
//!
//! [`network`] has the formulas of the network, [`attention`] those of its attention. It learns to tell each event
//! of every user from those before, and what users begin with, by the cross-entropy over all items or, of large
//! catalogues, over shared negatives that are corrected for how they were drawn. What it gives an item is the softmax
//! over all items; items that the user had before get nothing if users hardly ever come back to items. The answer is
//! a blend of these shares with those of palate-transitions ([`crate::neural::blend`]): a product of powers or a weighted
//! sum, whichever finds more, with a weight for each range of history lengths, chosen on held-back events of training
//! users. If users do come back to items, what the blend gives to these is weighed by how long ago the user had them
//! ([`crate::neural::returns`]).
//!
//! | hyperparameter       | meaning                                                                              |
//! |----------------------|--------------------------------------------------------------------------------------|
//! | `apply_recency_bias` | an event counts ½ to 1 in training, the more the newer it is, in a straight line     |
//!
//! **What is recorded** of items is part of their vectors, and transitions borrow by it as well; what is recorded of the
//! user and of the moment of the request is part of what these are compared with. [`crate::hrnn::features`] says what of
//! it is read. So items of which little is known gain, and those that nobody turned to yet can be recommended. Of past
//! events only item and time are read: a user's page keeps no more. Without metadata the network is number by number what
//! it would be if it could not read any.
//!
//! **Exploration**: aws-user-personalization-v2 gives places of its lists to new items ([`new`]), if the query asks for
//! it, drawn as [`crate::hrnn::explore`] says from how much they suit the user. It says which, and leaves all scores, and
//! the list in their order. [`update`] brings new items and events into a model that exists.
//!
//! **Answers** to somebody who did nothing since the training or the last update begin with what the network made of the
//! history then, which the user's page keeps unless there are so many users that it would take long.
//!
//! A training learns from nine in ten of the users, without the last events of some of them, until what it tells of
//! those grows no better, and settles: from the best weights it goes on for half as many epochs, while its steps become
//! smaller and smaller. It is judged by the other users. Then it goes on from the weights that it has, for a few epochs
//! over all events.

mod attention;
mod candidates;
mod config;
mod fit;
mod items;
mod moments;
mod network;
mod new;
mod scorer;
mod store;
mod trial;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Served, UserSide};
use crate::params::Params;
use crate::{IdMap, Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use scorer::Scores;
use store::Settings;

/// One of the two recipes, which differ in what they are asked.
pub struct Sequential(&'static RecipeInfo);

pub static USER_PERSONALIZATION_V2: Sequential = Sequential(&catalogue::USER_PERSONALIZATION_V2);
pub static PERSONALIZED_RANKING_V2: Sequential = Sequential(&catalogue::PERSONALIZED_RANKING_V2);

impl Recipe for Sequential {
    fn info(&self) -> &'static RecipeInfo {
        self.0
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let hyperparameters = Params::check(self.info(), task.hyperparameters)?.to_text();
        let recency_bias = hyperparameters.get("apply_recency_bias").is_none_or(|value| value == "true");
        let fit::Outcome { ids, scorer, item_features, transitions, report } =
            fit::fit(task, self.info(), recency_bias)?;
        let settings = Settings::of(&scorer, &transitions, &item_features);
        let files = self.files(task, &hyperparameters, (&ids, task.dataset.histories()), (&scorer, &settings))?;
        Ok(Trained { files, report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn update(&self, trained: &Trained, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        if !fit::explores(self.info()) {
            return Err(TrainError::not_updated(self.info()));
        }
        let contents = Contents::verify(&trained.files, self.info().name)?;
        let update::Updated { ids, histories, scorer, settings } = update::update(&contents, self.info(), task)?;
        let hyperparameters = trained.hyperparameters.clone();
        let files = self.files(task, &hyperparameters, (&ids, &histories), (&scorer, &settings))?;
        Ok(Trained { files, report: trained.report.clone(), hyperparameters, chosen: trained.chosen.clone() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let side = ItemSide::read(&contents)?;
        let scorer = store::read(&contents, &Settings::read(&contents)?, &side)?;
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

impl Sequential {
    /// A model's items and what users did with them, as files, and what was learned of them.
    fn files(
        &self,
        task: &TrainingTask<'_>,
        hyperparameters: &BTreeMap<String, String>,
        (ids, histories): (&IdMap, &Histories),
        (scorer, settings): (&Scores, &Settings),
    ) -> Result<Vec<ModelFile>, TrainError> {
        let mut files = vec![ItemSide::write(ids, scorer.transitions.popular())?];
        files.extend(store::write(settings, scorer)?);
        let sequence = &scorer.sequence;
        let n_kept = UserSide::n_kept(sequence.seen_weight, sequence.network.shape.max_length);
        let states = if task.trial { None } else { sequence.states(histories, task.progress)? };
        files.extend(UserSide::write_with(task.dataset.users(), histories, n_kept, states.as_deref())?);
        Ok(Manifest::of(self.info(), task, hyperparameters).with_items(ids.len()).seal(files)?)
    }
}

#[cfg(test)]
mod tests;
