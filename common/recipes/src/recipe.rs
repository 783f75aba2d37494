use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{
    Dataset, EventWeight, Model, ModelError, ModelFile, RecipeInfo, Report, affinity, ease, hrnn, ials, popularity,
    session_knn, similar_items, sims, transformer, transitions, trending, use_cases,
};

/// A way of learning to recommend.
pub trait Recipe: Sync {
    fn info(&self) -> &'static RecipeInfo;

    /// Checks hyperparameters as users give them: name to value, both stages in one map.
    ///
    /// # Errors
    /// [`ParamError`] for the first unknown name, value that does not parse, or value out of range.
    fn check(&self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        self.info().check(hyperparameters)
    }

    /// Splits, fits, evaluates on the held-out part, then fits on everything.
    ///
    /// Data, hyperparameters and seed decide every byte of the model; the number of threads does not.
    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError>;

    /// Brings what is new in a dataset into a model without learning it anew: items that came since, by what is
    /// recorded of them, and what users did since. What the model has learned stays, and so does its report.
    ///
    /// `trained` is the model with all its files, the paged ones too; the task's dataset is read as for
    /// [`Recipe::train`], and its hyperparameters and seed are those that the model was trained with.
    ///
    /// # Errors
    /// [`TrainError::Data`] if the recipe cannot do this, and that is what most answer.
    fn update(&self, _trained: &Trained, _task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        Err(TrainError::not_updated(self.info()))
    }

    /// Opens a model from its resident files (those with [`ModelFile::paged`] unset), which are checked
    /// against the checksums in `model.json`.
    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError>;
}

/// Finds a recipe that can be trained. [`crate::describe`] also knows those that cannot be yet.
pub fn recipe(name: &str) -> Option<&'static dyn Recipe> {
    let all: [&'static dyn Recipe; 27] = [
        &hrnn::HRNN,
        &hrnn::HRNN_METADATA,
        &hrnn::HRNN_COLDSTART,
        &hrnn::PERSONALIZED_RANKING,
        &hrnn::USER_PERSONALIZATION,
        &hrnn::RECOMMENDED_FOR_YOU,
        &hrnn::TOP_PICKS,
        &popularity::POPULARITY_COUNT,
        &popularity::MOST_VIEWED,
        &popularity::BEST_SELLERS,
        &popularity::MOST_POPULAR,
        &trending::TRENDING_NOW,
        &trending::VIDEO_TRENDING_NOW,
        &affinity::ITEM_AFFINITY,
        &affinity::ITEM_ATTRIBUTE_AFFINITY,
        &sims::Sims,
        &similar_items::SimilarItems,
        &use_cases::BoughtTogether,
        &use_cases::AlsoViewed,
        &use_cases::BecauseWatched,
        &use_cases::MoreLike,
        &transitions::Transitions,
        &ease::Ease,
        &ials::Ials,
        &session_knn::SessionKnn,
        &transformer::USER_PERSONALIZATION_V2,
        &transformer::PERSONALIZED_RANKING_V2,
    ];
    all.into_iter().find(|recipe| recipe.info().name == name)
}

/// One training: what to learn from, how, and whom to tell.
#[derive(Clone, Copy)]
pub struct TrainingTask<'a> {
    pub dataset: &'a Dataset,
    /// As given by the user; what is missing takes its default or is chosen on a validation part.
    pub hyperparameters: &'a BTreeMap<String, String>,
    pub seed: u64,
    pub progress: &'a dyn Progress,
    /// What an event of each type weighs beside the others, for recipes that weigh events; empty: all the same.
    /// The dataset was read with these types alone ([`crate::Selection::events`]);
    /// [`Dataset::interaction_weights`] has the weight of each interaction.
    pub event_weights: &'a [EventWeight],
    /// What items are worth beside being relevant, for recipes that look at it.
    pub objective: Option<&'a Objective>,
    /// Only to see how good these hyperparameters are. Users whom the model will be judged by are left out whole;
    /// of the others, some are held out, and what was fitted without them is not fitted again with them.
    pub trial: bool,
}

impl<'a> TrainingTask<'a> {
    /// A training that weighs all events alike and has no other aim than relevance.
    pub fn new(
        dataset: &'a Dataset,
        hyperparameters: &'a BTreeMap<String, String>,
        seed: u64,
        progress: &'a dyn Progress,
    ) -> Self {
        Self { dataset, hyperparameters, seed, progress, event_weights: &[], objective: None, trial: false }
    }
}

/// `optimizationObjective`: a column of numbers of the Items dataset, and how much it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// Upper case; one of [`crate::Selection::item_columns`], as a number.
    pub item_attribute: String,
    pub sensitivity: Sensitivity,
}

/// How much an [`Objective`] matters beside relevance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Not at all.
    Off,
    Low,
    /// As much as relevance.
    Medium,
    High,
}

/// Hears how far a training is, and can stop it.
pub trait Progress: Sync {
    /// `done` runs from 0 to 1 over the whole training.
    fn report(&self, step: &str, done: f64);

    /// If true, the training ends with [`TrainError::Stopped`] within a second or two.
    fn stopped(&self) -> bool {
        false
    }

    /// How long the training may learn yet; `None` if its time is not limited. Once it is over, learning ends with
    /// the best that there is so far, and that becomes the model. Recipes that learn step by step ask at each step.
    fn time_left(&self) -> Option<Duration> {
        None
    }

    fn out_of_time(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    /// Whether the report may tell what the machine decides, such as how long answers take.
    fn tells_times(&self) -> bool {
        false
    }

    /// What an attempt that was cut off has kept under this name, of the same data and hyperparameters.
    fn kept(&self, _name: &str) -> Option<Bytes> {
        None
    }

    /// Keeps what is needed to go on from here, in place of what was kept under this name: letters, digits and
    /// hyphens. It may be dropped; a training that finds nothing begins anew.
    fn keep(&self, _name: &str, _state: Bytes) {}
}

impl Progress for () {
    fn report(&self, _step: &str, _done: f64) {}
}

/// What a training leaves.
pub struct Trained {
    /// The first is `model.json`: format version, recipe, counts, hyperparameters, and name, size and
    /// SHA-256 of each other file.
    pub files: Vec<ModelFile>,
    pub report: Report,
    /// Every hyperparameter in force.
    pub hyperparameters: BTreeMap<String, String>,
    /// Those of them that were chosen on a validation part.
    pub chosen: BTreeMap<String, String>,
}

/// A hyperparameter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ParamError {
    #[error("unknown hyperparameter `{name}` for recipe {recipe}; it has: {known}")]
    Unknown { name: String, recipe: &'static str, known: String },
    #[error("hyperparameter `{name}` is `{value}`; expected {expected}")]
    Value { name: String, value: String, expected: String },
}

/// Why a training came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The data are not enough; the text is the documented failure reason.
    #[error("{0}")]
    Data(String),
    #[error(transparent)]
    Param(#[from] ParamError),
    #[error("stopped")]
    Stopped,
    /// The result would be wrong (a score that is not finite, say).
    #[error("{0}")]
    Numerical(String),
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl TrainError {
    /// What [`Recipe::update`] says of a recipe that takes in what is new by a training in full alone.
    pub(crate) fn not_updated(info: &RecipeInfo) -> Self {
        Self::Data(format!("Recipe {} cannot be updated; it can only be trained in full.", info.name))
    }
}
