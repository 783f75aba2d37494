use std::borrow::Cow;

use super::Split;
use super::split::TestUser;
use crate::model::Scorer;
use crate::{Dataset, Event, Query, RecipeInfo, RecipeType};

/// Test users, and how they are asked for: as a request would once the model is deployed.
pub struct Asking<'a> {
    pub dataset: &'a Dataset,
    pub info: &'a RecipeInfo,
    pub split: &'a Split,
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
        let histories = self.dataset.histories();
        let mut history: Cow<'_, [Event]> = histories.events(test.user, test.n_history).into();
        if given == Given::Nothing {
            history = Cow::Borrowed(&[]);
        }
        let item = if self.is_related() { history.last().map(|event| event.item) } else { None };
        let user = self.info.reads.users.then(|| self.dataset.user_columns().record(test.user));
        // Where the user is when the first of the held-out events is still to come.
        let next = self.dataset.interactions_of(test.user).start + test.n_history;
        let context = self.info.reads.context.then(|| self.dataset.interaction_columns().record(next));
        let (user, context) = (user.as_ref(), context.as_ref());
        let query = Query { history: &history, item, user, context, ..Query::default() };
        scorer.recommend(&query, k).iter().map(|scored| scored.item).collect()
    }
}
