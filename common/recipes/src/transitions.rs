//! palate-transitions: what users turn to next, from what others turned to soon after the same items.
//!
//! Training counts, for every item `i` and every item `j` that followed it within a window,
//! `c(i,j) = Σ w(i) w(j) / (d (1 + Δt / f))`, where `d` is the distance in events, `Δt` the time between them and `w`
//! what an event of its type weighs ([`crate::EventWeight`]). A request reads the user's newest events, `h` = 0 the
//! newest, and gives item `j` the score
//!
//! ```text
//! s(j) = Σ_h  2^(-h / half_life) / (1 + Δt / q)  n(i_h)^-a  ( c(i_h,j)^p n(j)^-b  +  smoothing · popularity(j) )
//! ```
//!
//! divided by its sum over all items, so that scores lie in 0 to 1 and sum to 1. `Δt` is the time before the newest
//! event, `n` counts interactions by their weights, `popularity` is the share of an item among all pairs of a user and
//! an item. Where an item was seldom followed by others, popularity weighs more; a user without events gets popular
//! items.
//!
//! **Items with little evidence** borrow from items that their metadata are like ([`loans`]): `C = (c(i,j))` becomes
//! `(I + L) C (I + L)ᵀ`, `L(i,k) = borrowed_events · similarity(i,k) / n(k)`, as if so many further interactions with
//! `i` had gone as those with its lenders do on average, and `n(i)` counts them. So items that nobody has had are
//! recommended and lead to others. Without metadata of items the model knows items with interactions alone. Of large
//! catalogues the strongest loans are passed on, as many as bounds on time and memory allow ([`spread`]); beyond 200,000
//! items with metadata there are none.
//!
//! | hyperparameter    | sign        | meaning                                                          |
//! |-------------------|-------------|------------------------------------------------------------------|
//! | `window`          | `d` ≤       | events after an item that count as following it                  |
//! | `backward_weight` |             | what a step back counts, beside 1 for a step forward             |
//! | `fade_days`       | `f`         | days between two events after which they count half as a pair; 0: time does not matter |
//! | `query_fade_days` | `q`         | days before the user's newest event after which one counts half; 0: time does not matter |
//! | `count_power`     | `p`         | below 1, a few strong transitions do not drown the others        |
//! | `from_power`      | `a`         | discount of items that the user's common items lead from         |
//! | `to_power`        | `b`         | discount of items that everything leads to                       |
//! | `history_length`  | `h` <       | newest events of the user that are read                          |
//! | `half_life`       |             | events after which an event weighs half                          |
//! | `seen_weight`     |             | factor for items in the user's history; 0: they come last        |
//! | `borrowed_events` |             | what items with fewer than 20 interactions borrow; 0: nothing    |
//! | `smoothing`       |             | weight of popularity                                             |
//!
//! What is not given and has no default is chosen on the training users, each of whose last events is
//! held back, one hyperparameter after the other, by NDCG at 25; `seen_weight` is 1 if at least one in a
//! hundred of those events repeats an item of the user, else 0. The user side keeps the 1000 newest
//! events of each user if `seen_weight` is below 1, otherwise `history_length`.

mod choose;
mod config;
mod count;
mod loans;
mod scorer;
mod source;
mod spread;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::TRANSITIONS;
use crate::dataset::Histories;
use crate::features::Features;
use crate::model::{Contents, ItemSide, Manifest, Served, SparseRows, UserSide};
use crate::params::Params;
use crate::popularity::Popular;
use crate::ridge::Design;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, Progress, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use choose::choose;
pub(crate) use config::Fade;
pub use config::HYPERPARAMETERS;
pub(crate) use config::TransitionsValidParams;
pub(crate) use count::{Counting, Places, follow_ups};
pub(crate) use scorer::Transitions as Fitted;
use scorer::events_by_item;
pub(crate) use source::Source;

pub struct Transitions;

impl Recipe for Transitions {
    fn info(&self) -> &'static RecipeInfo {
        &TRANSITIONS
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let given = Params::check(self.info(), task.hyperparameters)?;
        let (users, features) = (task.dataset.users(), Features::of(task.dataset.item_columns()));
        let all = (!features.is_empty()).then(|| task.dataset.all_items());
        let items = all.as_ref().unwrap_or_else(|| task.dataset.items());
        let design = all.as_ref().map(|_| Design::new(&features));
        let source = Source::events(task, items.len()).with_metadata(design.as_ref());
        let prepare = |training: &Histories| choose(training, &source, &given, task.seed, task.progress);
        let fit = |config: &TransitionsValidParams, histories: &Histories| {
            Fitted::learn(histories, &source, config, task.progress)
        };
        let Evaluated { prepared: config, scorer, report } = evaluated(task, self.info(), prepare, fit)?;
        let hyperparameters = config.to_text();
        let chosen = given.not_settled(&hyperparameters);
        let mut files = vec![ItemSide::write(items, scorer.popular())?, scorer.write()?];
        let n_kept = UserSide::n_kept(config.seen_weight, config.history_length);
        files.extend(UserSide::write(users, task.dataset.histories(), n_kept)?);
        let manifest = Manifest::of(self.info(), task, &hyperparameters).with_items(items.len());
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let damaged = |reason: String| ModelError::Damaged { name: "model.json".into(), reason };
        let config = TransitionsValidParams::from_text(&contents.manifest.hyperparameters);
        let config = config.ok_or_else(|| damaged("a hyperparameter is missing or out of range".into()))?;
        let side = ItemSide::read(&contents)?;
        let scorer = Fitted::read(&contents, side.popular.clone(), &config)?;
        let users = UserSide::read(&contents)?;
        Ok(Arc::new(Served::new(side, scorer, Some(users))))
    }
}

impl TransitionsValidParams {
    /// What the recipe chooses if nothing is given, for recipes that transitions are a part of.
    pub(crate) fn chosen(
        histories: &Histories,
        source: &Source<'_>,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        choose(histories, source, &Params::check(&TRANSITIONS, &BTreeMap::new())?, seed, progress)
    }

    /// As [`TransitionsValidParams::to_text`] wrote them; `None` if they are not whole.
    ///
    /// In models from before there were these two, time told in queries what it told in pairs, and nobody borrowed.
    pub(crate) fn from_text(text: &BTreeMap<String, String>) -> Option<Self> {
        let mut whole = text.clone();
        whole.entry("query_fade_days".to_owned()).or_insert_with(|| text.get("fade_days").cloned().unwrap_or_default());
        whole.entry("borrowed_events".to_owned()).or_insert_with(|| "0".to_owned());
        Self::settled(&Params::check(&TRANSITIONS, &whole).ok()?)
    }
}

impl Fitted {
    /// Counts and weighs what follows in histories.
    pub(crate) fn learn(
        histories: &Histories,
        source: &Source<'_>,
        config: &TransitionsValidParams,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let places = Places::of(histories, source.n_items);
        let weights = source.weighing.events(histories);
        let mut counts = follow_ups(histories, &places, &config.counting(), weights.as_deref(), progress)?;
        let mut n_events = events_by_item(histories, source.n_items, weights.as_deref());
        if config.borrowed_events > 0.0
            && let Some(loans) = source.loans(histories, progress)?
        {
            counts = loans.spread(&counts, &n_events, config.borrowed_events, progress)?;
            n_events = loans.n_events(&n_events, config.borrowed_events);
        }
        let fitted = Self::fit(&counts, &n_events, Popular::count(histories, source.n_items), config);
        fitted.check()?;
        Ok(fitted)
    }

    /// Reads what [`Fitted::write`] wrote.
    pub(crate) fn read(
        contents: &Contents,
        popular: Popular,
        config: &TransitionsValidParams,
    ) -> Result<Self, ModelError> {
        let (rows, mut columns) = SparseRows::read(contents, &[scorer::BACKOFF])?;
        Ok(Self::new(rows, columns.pop().unwrap_or_default(), popular, config))
    }
}

#[cfg(test)]
mod tests;
