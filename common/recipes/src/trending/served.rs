use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::list::List;
use super::schedule::Schedule;
use crate::model::Scorer;
use crate::popularity::Popular;
use crate::{Explanation, IdMap, Model, ModelError, Query, Scored, UserPage, UserPageRef};

/// By item id, how many interactions there were in the earlier and in the later of two intervals.
pub type ItemCounts = HashMap<String, [u32; 2]>;

/// What a model can do whose answers follow what happens after its training.
pub trait Trends {
    /// When it wants to be evaluated.
    fn schedule(&self) -> Schedule;

    /// The model as it answers after these counts, until the next evaluation. Items that it did not know are items
    /// of the new model, behind the others.
    fn evaluated(&self, counts: &ItemCounts) -> Arc<dyn Model>;
}

/// Popular items, and in front of them what grows.
pub struct Trending {
    items: IdMap,
    popular: Popular,
    schedule: Schedule,
    list: List,
}

impl Trending {
    /// Before any evaluation.
    pub fn new(items: IdMap, popular: Popular, schedule: Schedule) -> Self {
        Self { items, popular, schedule, list: List::default() }
    }
}

impl Trends for Trending {
    fn schedule(&self) -> Schedule {
        self.schedule
    }

    fn evaluated(&self, counts: &ItemCounts) -> Arc<dyn Model> {
        let mut items = self.items.clone();
        // In the order of the ids, so that the counts alone decide the rows.
        let mut counts: Vec<(&String, &[u32; 2])> = counts.iter().collect();
        counts.sort_unstable();
        let counted = counts.into_iter().filter_map(|(id, counts)| Some((items.insert(id)?, *counts)));
        let counted: Vec<(u32, [u32; 2])> = counted.collect();
        let mut n_users = self.popular.n_users().to_vec();
        n_users.resize(items.len(), 0);
        let popular = Popular::new(n_users);
        Arc::new(Self { items, popular, schedule: self.schedule, list: List::new(counted) })
    }
}

impl Model for Trending {
    fn n_items(&self) -> usize {
        self.items.len()
    }

    fn item_index(&self, item_id: &str) -> Option<u32> {
        self.items.get(item_id)
    }

    fn item_id(&self, item: u32) -> &str {
        self.items.id(item)
    }

    fn user_page(&self, _user_id: &str) -> Option<UserPageRef> {
        None
    }

    fn open_user_page(&self, page: &UserPageRef, _content: Bytes) -> Result<UserPage, ModelError> {
        Err(ModelError::Missing(page.file.to_string()))
    }

    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.list.recommend(&self.popular, query, k)
    }

    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        self.list.rank(&self.popular, items)
    }

    fn explain(&self, _query: &Query<'_>, item: u32) -> Option<Explanation> {
        self.list.explain(&self.popular, item)
    }

    fn trends(&self) -> Option<&dyn Trends> {
        Some(self)
    }

    fn resident_bytes(&self) -> usize {
        self.items.resident_bytes() + self.popular.resident_bytes() + self.list.resident_bytes()
    }
}
