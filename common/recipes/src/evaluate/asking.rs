use std::borrow::Cow;

use rayon::prelude::*;

use super::split::TestUser;
use crate::model::Scorer;
use crate::training::go_on;
use crate::{Event, Query, RecipeInfo, RecipeType, TrainError, TrainingTask};

/// Test users, and how they are asked for: as a request would once the model is deployed.
pub struct Asking<'a> {
    pub task: &'a TrainingTask<'a>,
    pub info: &'a RecipeInfo,
    /// Ascending by user.
    pub test: Cow<'a, [TestUser]>,
}

/// What is told of a test user.
#[derive(Clone, Copy, PartialEq)]
pub enum Given {
    History,
    Nothing,
}

impl Asking<'_> {
    pub fn is_related(&self) -> bool {
        self.info.recipe_type == RecipeType::RelatedItems
    }

    /// The best `k` items for a test user, of whom, and of whose moment, is told what the recipe reads.
    pub fn list<S: Scorer + ?Sized>(&self, scorer: &S, test: &TestUser, given: Given, k: usize) -> Vec<u32> {
        let dataset = self.task.dataset;
        let histories = dataset.histories();
        let mut history: Cow<'_, [Event]> = histories.events(test.user, test.n_history).into();
        if given == Given::Nothing {
            history = Cow::Borrowed(&[]);
        }
        let item = if self.is_related() { history.last().map(|event| event.item) } else { None };
        let user = self.info.reads.users.then(|| dataset.user_columns().record(test.user));
        // Where the user is when the first of the held-out events is still to come.
        let next = dataset.interactions_of(test.user).start + test.n_history;
        let context = self.info.reads.context.then(|| dataset.interaction_columns().record(next));
        let (user, context) = (user.as_ref(), context.as_ref());
        let query = Query { history: &history, item, user, context, ..Query::default() };
        scorer.recommend(&query, k).iter().map(|scored| scored.item).collect()
    }

    /// What `value` makes of each test user, in their order, whatever thread does which.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn each<T: Send>(&self, value: impl Fn(&TestUser) -> T + Sync) -> Result<Vec<T>, TrainError> {
        let of_one = |test: &TestUser| {
            go_on(self.task.progress)?;
            Ok(value(test))
        };
        self.test.par_iter().map(of_one).collect()
    }
}
