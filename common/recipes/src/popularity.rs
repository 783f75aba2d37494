//! aws-popularity-count: everybody gets the items that the most users interacted with.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue::POPULARITY_COUNT;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Scorer, Served};
use crate::params::Params;
use crate::training::{Evaluated, evaluated};
use crate::{Model, ModelError, ModelFile, ParamError, Query, Recipe, RecipeInfo, Scored};
use crate::{TrainError, Trained, TrainingTask};

pub struct PopularityCount;

impl Recipe for PopularityCount {
    fn info(&self) -> &'static RecipeInfo {
        &POPULARITY_COUNT
    }

    fn check(&self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        Params::check(self.info(), hyperparameters).map(|_| ())
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let hyperparameters = Params::check(self.info(), task.hyperparameters)?.to_text();
        let n_items = task.dataset.items().len();
        let fit = |(): &(), histories: &Histories| Ok(Popular::count(histories, n_items));
        let Evaluated { scorer, report, .. } = evaluated(task, self.info(), |_| Ok(()), fit)?;
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        let files = manifest.seal(vec![ItemSide::write(task.dataset.items(), &scorer)?])?;
        Ok(Trained { files, report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let side = ItemSide::read(&Contents::verify(files, self.info().name)?)?;
        let popular = side.popular.clone();
        Ok(Arc::new(Served::new(side, popular, None)))
    }
}

/// How many users interacted with each item, and the items in that order.
#[derive(Clone, Debug, PartialEq)]
pub struct Popular {
    n_users: Vec<u32>,
    /// Most users first; ties by item row.
    order: Vec<u32>,
}

impl Popular {
    pub fn new(n_users: Vec<u32>) -> Self {
        let mut order: Vec<u32> = (0..n_users.len() as u32).collect();
        order.sort_by_key(|item| std::cmp::Reverse(n_users[*item as usize]));
        Self { n_users, order }
    }

    /// Counts each user once per item. Cost `O(n_events + n_items log n_items)`.
    pub fn count(histories: &Histories, n_items: usize) -> Self {
        let mut n_users = vec![0; n_items];
        let mut last_user = vec![usize::MAX; n_items];
        for user in histories.users() {
            for item in histories.items_of(user) {
                let item = *item as usize;
                if last_user[item] != user {
                    last_user[item] = user;
                    n_users[item] += 1;
                }
            }
        }
        Self::new(n_users)
    }

    /// By item row.
    pub fn n_users(&self) -> &[u32] {
        &self.n_users
    }

    /// Items, the most popular first.
    pub fn order(&self) -> &[u32] {
        &self.order
    }
}

impl Scorer for Popular {
    fn recommend(&self, _query: &Query<'_>, k: usize) -> Vec<Scored> {
        self.order.iter().take(k).map(|item| Scored { item: *item, score: None }).collect()
    }

    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        items.iter().map(|item| self.n_users[*item as usize] as f32).collect()
    }

    fn resident_bytes(&self) -> usize {
        (self.n_users.len() + self.order.len()) * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_counts_once_per_item_and_ties_go_by_row() {
        // Item 2 twice by one user; 1 and 2 by two users each; 0 by one; 3 by nobody.
        let histories = Histories::new(vec![0, 3, 5], vec![2, 2, 1, 1, 0], vec![0; 5]);
        let popular = Popular::count(&histories, 4);
        assert_eq!(popular.n_users(), [1, 2, 1, 0]);
        assert_eq!(popular.order(), [1, 0, 2, 3]);
        let best: Vec<u32> = popular.recommend(&Query::default(), 3).iter().map(|scored| scored.item).collect();
        assert_eq!(best, [1, 0, 2]);
        assert_eq!(popular.recommend(&Query::default(), 9).len(), 4);
        assert_eq!(popular.rank(&Query::default(), &[3, 1]), [0.0, 2.0]);
    }
}
