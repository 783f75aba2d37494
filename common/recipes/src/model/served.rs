use bytes::Bytes;

use super::{Explanation, ItemSide, Model, ModelError, Query, Scored, UserPage, UserPageRef, UserSide};
use crate::IdMap;

/// What a recipe learned, in terms of item rows.
pub trait Scorer: Send + Sync {
    /// As [`Model::recommend`].
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored>;

    /// As [`Model::rank`].
    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32>;

    /// As [`Model::explain`].
    fn explain(&self, _query: &Query<'_>, _item: u32) -> Option<Explanation> {
        None
    }

    /// What it is blended of, for a report that tells what each is worth by itself.
    fn parts(&self) -> Vec<(&str, &dyn Scorer)> {
        Vec::new()
    }

    fn resident_bytes(&self) -> usize;
}

/// A scorer with the ids around it.
pub struct Served<S> {
    items: IdMap,
    scorer: S,
    users: Option<UserSide>,
}

impl<S: Scorer> Served<S> {
    pub fn new(side: ItemSide, scorer: S, users: Option<UserSide>) -> Self {
        Self { items: side.ids, scorer, users }
    }
}

impl<S: Scorer> Model for Served<S> {
    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn item_index(&self, item_id: &str) -> Option<u32> {
        self.items.get(item_id)
    }

    fn item_id(&self, item: u32) -> &str {
        self.items.id(item)
    }

    fn user_page(&self, user_id: &str) -> Option<UserPageRef> {
        self.users.as_ref()?.page(user_id)
    }

    fn open_user_page(&self, page: &UserPageRef, content: Bytes) -> Result<UserPage, ModelError> {
        match &self.users {
            Some(users) => users.open(page, content),
            None => Err(ModelError::Missing(page.file.to_string())),
        }
    }

    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.scorer.recommend(query, k)
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        self.scorer.rank(query, items)
    }

    fn explain(&self, query: &Query<'_>, item: u32) -> Option<Explanation> {
        self.scorer.explain(query, item)
    }

    fn resident_bytes(&self) -> usize {
        let users = self.users.as_ref().map_or(0, UserSide::resident_bytes);
        self.items.resident_bytes() + self.scorer.resident_bytes() + users
    }
}
