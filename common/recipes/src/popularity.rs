//! Everybody gets the items that the most users interacted with: aws-popularity-count, and the use cases that
//! are the same over events of one type.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalogue;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Scorer, Served};
use crate::params::Params;
use crate::training::{Evaluated, evaluated};
use crate::{Explanation, Model, ModelError, ModelFile, Part, Query, Recipe, RecipeInfo, Scored};
use crate::{TrainError, Trained, TrainingTask};

/// A recipe that counts users; which events the dataset was read with makes the difference.
pub struct Popularity(&'static RecipeInfo);

pub static POPULARITY_COUNT: Popularity = Popularity(&catalogue::POPULARITY_COUNT);
pub static MOST_VIEWED: Popularity = Popularity(&catalogue::MOST_VIEWED);
pub static BEST_SELLERS: Popularity = Popularity(&catalogue::BEST_SELLERS);
pub static MOST_POPULAR: Popularity = Popularity(&catalogue::MOST_POPULAR);

impl Recipe for Popularity {
    fn info(&self) -> &'static RecipeInfo {
        self.0
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
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let allowed = self.order.iter().filter(|item| query.allows(**item));
        allowed.take(k).map(|item| Scored::new(*item, None)).collect()
    }

    fn rank(&self, _query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        items.iter().map(|item| self.n_users[*item as usize] as f32).collect()
    }

    fn explain(&self, _query: &Query<'_>, item: u32) -> Option<Explanation> {
        let n_users = f64::from(*self.n_users.get(item as usize)?);
        // As a ranking has it.
        let score = f64::from(n_users as f32);
        Some(Explanation { score, parts: vec![Part::Count { name: "users", count: n_users, share: n_users }] })
    }

    fn resident_bytes(&self) -> usize {
        (self.n_users.len() + self.order.len()) * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parts::{Column, ColumnType, PartBuilder};
    use crate::{Dataset, DatasetParts, Selection, recipe};

    /// Each of 100 users has ten events of `kind` among items i0 to i9, and ten others with i10 alone.
    fn dataset(info: &RecipeInfo, kind: &str) -> Dataset {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut part = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
            column("EVENT_TYPE", ColumnType::String),
        ]);
        for event in 0..2000 {
            let (user, nth) = (event / 20, event % 20);
            part.push_str(0, &format!("u{user}"));
            // Item i0 is everybody's, i1 that of every second user, and so on.
            let item = if nth < 10 && user % (nth + 1) == 0 { nth } else { 0 };
            part.push_str(1, &if nth < 10 { format!("i{item}") } else { "i10".into() });
            part.push_long(2, i64::from(event));
            part.push_str(3, if nth < 10 { kind } else { "Other" });
        }
        let parts = DatasetParts { interactions: vec![part.finish().unwrap()], ..DatasetParts::default() };
        let event_type = info.event_type.map(str::to_owned);
        Dataset::read(&parts, &Selection { event_type, ..Selection::default() }).unwrap()
    }

    fn train(name: &str, kind: &str) -> Result<Trained, TrainError> {
        let recipe = recipe(name).unwrap();
        let dataset = dataset(recipe.info(), kind);
        recipe.train(&TrainingTask::new(&dataset, &BTreeMap::new(), 1, &()))
    }

    #[test]
    fn a_use_case_counts_the_users_of_its_own_events() {
        for (name, kind) in [
            ("aws-ecomm-popular-items-by-views", "VIEW"),
            ("aws-ecomm-popular-items-by-purchases", "purchase"),
            ("aws-vod-most-popular", "Watch"),
        ] {
            let trained = train(name, kind).unwrap();
            let model = recipe(name).unwrap().open(&trained.files).unwrap();
            let list = model.recommend(&Query::default(), 3);
            let ids: Vec<&str> = list.iter().map(|scored| model.item_id(scored.item)).collect();
            assert_eq!(ids, ["i0", "i1", "i2"], "{name}");
            assert_eq!(model.item_index("i10"), None, "{name}");
        }
    }

    #[test]
    fn too_few_events_of_the_use_case_fail_with_the_documented_text() {
        for (name, kind) in [
            ("aws-ecomm-popular-items-by-views", "View"),
            ("aws-ecomm-popular-items-by-purchases", "Purchase"),
            ("aws-vod-most-popular", "Watch"),
        ] {
            let error = train(name, "Click").err().unwrap().to_string();
            let text = format!("Dataset has fewer than 1000 interactions after filtering by event type: {kind}");
            assert_eq!(error, text);
        }
    }

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
