//! A model for tests: it answers what the test says.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use palate_recipes::{Model, ModelError, Query, Scored, UserPage, UserPageRef, describe};

use super::Loaded;

struct Fixed {
    ids: Vec<String>,
    /// Of all items, in their order.
    list: Vec<Scored>,
}

impl Model for Fixed {
    fn n_items(&self) -> usize {
        self.ids.len()
    }

    fn item_index(&self, item_id: &str) -> Option<u32> {
        self.ids.iter().position(|id| id == item_id).map(|item| item as u32)
    }

    fn item_id(&self, item: u32) -> &str {
        &self.ids[item as usize]
    }

    fn user_page(&self, _user_id: &str) -> Option<UserPageRef> {
        None
    }

    fn open_user_page(&self, _page: &UserPageRef, _content: Bytes) -> Result<UserPage, ModelError> {
        Err(ModelError::Missing("pages".into()))
    }

    fn recommend(&self, _query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.list.iter().copied().take(k).collect()
    }

    /// Each item's score, whatever the others are; every item is asked for once.
    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        assert_eq!(items.iter().collect::<HashSet<_>>().len(), items.len());
        items.iter().map(|item| self.list[*item as usize].score.unwrap()).collect()
    }

    fn resident_bytes(&self) -> usize {
        0
    }
}

/// A model of a recipe: items, and what it answers of each.
pub(crate) fn loaded(recipe: &str, items: &[(&str, Scored)]) -> Loaded {
    let (ids, list) = items.iter().map(|(id, scored)| ((*id).to_owned(), *scored)).unzip();
    Loaded::of(describe(recipe).unwrap(), Arc::new(Fixed { ids, list }))
}
