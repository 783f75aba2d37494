//! The recurrent recipes: aws-hrnn, aws-hrnn-metadata, aws-hrnn-coldstart, aws-personalized-ranking,
//! aws-user-personalization and the use cases made of it.
//!
//! One network for all of them: [`network`] has its formulas. Sessions are cut where a pause is longer than what the
//! data say ([`gap`]), and among streamed events where they begin by their ids. A user's state at training is kept on the user's page, so that a new event costs one step
//! ([`scorer`]). Metadata are features ([`features`]) that items are also made of ([`items`]), so that those that nobody
//! turned to yet can be recommended; recipes that explore give them places of their own ([`explore`]), and new ones can
//! be brought into a model that exists ([`update`]). What items are worth beside being relevant weighs their scores
//! ([`worth`]). What the network says is blended with what transitions say ([`crate::neural::blend`]), and what that comes to
//! of items that the user had is weighed by how long ago that was ([`crate::neural::returns`]); both parts, and the whole,
//! are judged apart.
//!
//! | hyperparameter                       | meaning                                                                     |
//! |--------------------------------------|-----------------------------------------------------------------------------|
//! | `hidden_dimension`                   | numbers in the state of a session, in that of a user, in an item's vector   |
//! | `bptt`                               | events that gradients go back; states go on beyond them                     |
//! | `recency_mask`                       | recent events count more in the loss: 1 for the newest, ½ for the oldest    |
//! | `m…_user_history_length_percentile`  | users with shorter and longer histories are not learned from, but answered  |

mod body;
mod cold;
mod config;
mod encode;
pub mod explore;
pub mod features;
mod fit;
pub mod fresh;
mod gap;
mod gates;
mod gru;
mod items;
mod learner;
pub mod metadata;
mod network;
mod sample;
mod scorer;
mod store;
mod trial;
mod update;
mod weights;
mod window;
mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Served, UserSide};
use crate::params::Params;
use crate::training::check_items;
use crate::{Dataset, IdMap, Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use scorer::Hrnn;
use store::Settings;

/// One of the recurrent recipes; what it reads makes the difference.
pub struct Recurrent(&'static RecipeInfo);

pub static HRNN: Recurrent = Recurrent(&catalogue::HRNN);
pub static HRNN_METADATA: Recurrent = Recurrent(&catalogue::HRNN_METADATA);
pub static HRNN_COLDSTART: Recurrent = Recurrent(&catalogue::HRNN_COLDSTART);
pub static PERSONALIZED_RANKING: Recurrent = Recurrent(&catalogue::PERSONALIZED_RANKING);
pub static USER_PERSONALIZATION: Recurrent = Recurrent(&catalogue::USER_PERSONALIZATION);
pub static RECOMMENDED_FOR_YOU: Recurrent = Recurrent(&catalogue::RECOMMENDED_FOR_YOU);
pub static TOP_PICKS: Recurrent = Recurrent(&catalogue::TOP_PICKS);

/// Newest events of a user that the model keeps where it does not matter what was seen.
const READ_EVENTS: usize = 100;

impl Recipe for Recurrent {
    fn info(&self) -> &'static RecipeInfo {
        self.0
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let given = Params::check(self.info(), task.hyperparameters)?;
        if self.0.name == catalogue::HRNN_COLDSTART.name {
            check_items(task, self.info())?;
        }
        task.dataset.check_minimums().map_err(TrainError::Data)?;
        let ids = self.items(task.dataset)?;
        let outcome = fit::fit(task, self.info(), &given, &ids)?;
        let settings = Settings::of(&outcome);
        let features = &outcome.weights.items.features;
        let parts = Parts { ids: &ids, settings: &settings, scorer: &outcome.scorer, item_features: features };
        let files = self.files(task, given.to_text(), parts, task.dataset.histories(), &outcome.states)?;
        Ok(Trained { files, report: outcome.report, hyperparameters: given.to_text(), chosen: BTreeMap::new() })
    }

    fn update(&self, trained: &Trained, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        if !self.takes_updates() {
            return Err(TrainError::not_updated(self.info()));
        }
        let contents = Contents::verify(&trained.files, self.info().name)?;
        let updated = update::update(&contents, self.info(), task)?;
        let update::Updated { ids, histories, settings, scorer, item_features, states } = &updated;
        let parts = Parts { ids, settings, scorer, item_features };
        let files = self.files(task, trained.hyperparameters.clone(), parts, histories, states)?;
        let (report, hyperparameters) = (trained.report.clone(), trained.hyperparameters.clone());
        Ok(Trained { files, report, hyperparameters, chosen: trained.chosen.clone() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let settings = Settings::read(&contents)?;
        let side = ItemSide::read(&contents)?;
        let (scorer, _) = store::read(&contents, &settings, &side)?;
        let scorer = Hrnn { gives_scores: self.0.scores, ..scorer };
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

/// What the resident files of a model are made of.
#[derive(Clone, Copy)]
struct Parts<'a> {
    ids: &'a IdMap,
    settings: &'a Settings,
    scorer: &'a Hrnn,
    item_features: &'a [f32],
}

impl Recurrent {
    /// Whether new items can be brought into a model by what is recorded of them.
    fn takes_updates(&self) -> bool {
        !matches!(self.0.name, "aws-hrnn" | "aws-hrnn-metadata" | "aws-personalized-ranking")
    }

    /// The items that a model answers with: those with interactions, and for most recipes all others as well.
    fn items(&self, dataset: &Dataset) -> Result<IdMap, TrainError> {
        let mut ids = dataset.items().clone();
        if !matches!(self.0.name, "aws-hrnn" | "aws-hrnn-metadata") {
            for id in dataset.other_items().iter() {
                ids.insert(id).ok_or_else(|| TrainError::Data("The dataset has too many items.".into()))?;
            }
        }
        Ok(ids)
    }

    fn files(
        &self,
        task: &TrainingTask<'_>,
        hyperparameters: BTreeMap<String, String>,
        parts: Parts<'_>,
        histories: &Histories,
        states: &[Vec<u8>],
    ) -> Result<Vec<ModelFile>, TrainError> {
        let n_kept = UserSide::n_kept(parts.scorer.network.seen_weight, READ_EVENTS);
        let mut files = vec![ItemSide::write(parts.ids, parts.scorer.transitions.popular())?];
        files.extend(store::write(parts.settings, parts.scorer, parts.item_features)?);
        files.extend(UserSide::write_with(task.dataset.users(), histories, n_kept, Some(states))?);
        let mut manifest = Manifest::of(self.info(), task, &hyperparameters);
        manifest.n_items = parts.ids.len();
        Ok(manifest.seal(files)?)
    }
}

#[cfg(test)]
mod tests;
