//! aws-vod-more-like-x: videos like a given one, by what is recorded of them and by who watches them.
//!
//! The space is that of [`crate::similar_items`], over events of every type; it needs an Items dataset. Unlike
//! there, metadata always count at least half, since more like it is meant, not what is watched along with it, and
//! popularity counts nothing: a video that nobody has watched yet can be in the list. Where no column tells one video
//! from another, the report warns that interactions count alone. Requests leave out what the viewer has watched.

use std::sync::Arc;

use crate::catalogue::MORE_LIKE_X;
use crate::params::Params;
use crate::similar_items::{self, Taste};
use crate::training::check_items;
use crate::{Model, ModelError, ModelFile, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

pub struct MoreLike;

impl Recipe for MoreLike {
    fn info(&self) -> &'static RecipeInfo {
        &MORE_LIKE_X
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        check_items(task, self.info())?;
        similar_items::train(self.info(), task, &params, &Taste { popular: false, most_by_interactions: 0.5 })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        similar_items::open(self.info(), files)
    }
}
