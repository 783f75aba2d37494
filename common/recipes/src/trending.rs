//! Items whose interactions grow fastest from one interval to the next: aws-trending-now, and the use case
//! aws-vod-trending-now.
//!
//! At every evaluation ([`Schedule`]) the interactions of the two last intervals are counted by item, whether the
//! item was there at training or not. Items that grew come first, by [`growth`]: the rate of increase that the
//! counts vouch for, so that three interactions after one do not beat 250 after 100. All others follow by the
//! number of users who interacted with them until the training: so popular items are the answer where nothing
//! happened, or nothing grew. An explanation tells the two counts and what each brings ([`list`]).
//!
//! The model knows the popular items alone. Who serves it counts what came in ([`crate::IntervalCounter`]) and asks
//! for the model as it answers after that ([`Trends::evaluated`]): no training is needed, and time is what TIMESTAMP
//! says.
//!
//! | hyperparameter              | meaning                                                                   |
//! |-----------------------------|---------------------------------------------------------------------------|
//! | `trend_discovery_frequency` | length of an interval; evaluations are as far apart, two hours at most    |
//!
//! A held-out user is asked for what trended, among the training users, at the evaluation before the last event of
//! the user's history.

mod accuracy;
mod growth;
mod list;
mod schedule;
mod served;
mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::dataset::Histories;
use crate::evaluate::Split;
use crate::model::{Contents, ItemSide, Manifest};
use crate::params::Params;
use crate::training::{Evaluated, evaluated, step};
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};
use accuracy::accuracy;
pub use schedule::{Intervals, Schedule};
use served::Trending;
pub use served::{ItemCounts, Trends};
use timeline::{AsOf, Timeline};

/// A recipe that finds what grows; which events the dataset was read with is the caller's choice.
pub struct TrendingNow(&'static RecipeInfo);

pub static TRENDING_NOW: TrendingNow = TrendingNow(&catalogue::TRENDING_NOW);
pub static VIDEO_TRENDING_NOW: TrendingNow = TrendingNow(&catalogue::VIDEO_TRENDING_NOW);

const METRIC: &str = "trend_prediction_accuracy";

impl Recipe for TrendingNow {
    fn info(&self) -> &'static RecipeInfo {
        self.0
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let (hyperparameters, schedule) = (params.to_text(), Schedule::of(&params));
        let n_items = task.dataset.items().len();
        let fit = |(): &(), histories: &Histories| Ok(AsOf::new(Timeline::of(histories, n_items), schedule));
        let Evaluated { scorer, mut report, .. } = evaluated(task, self.info(), |_| Ok(()), fit)?;
        step(task.progress, "evaluating trends", 0.96)?;
        let found =
            accuracy(task.dataset.histories(), &Split::draw(task.dataset.histories(), task.seed), n_items, schedule);
        report.metrics.insert(METRIC.into(), found.trending);
        report.popularity_baseline.insert(METRIC.into(), found.popular);
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        let files = manifest.seal(vec![ItemSide::write(task.dataset.items(), scorer.popular())?])?;
        Ok(Trained { files, report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let params = Params::check(self.info(), &contents.manifest.hyperparameters);
        let params =
            params.map_err(|error| ModelError::Damaged { name: "model.json".into(), reason: error.to_string() })?;
        let ItemSide { ids, popular } = ItemSide::read(&contents)?;
        Ok(Arc::new(Trending::new(ids, popular, Schedule::of(&params))))
    }
}

#[cfg(test)]
mod tests;
