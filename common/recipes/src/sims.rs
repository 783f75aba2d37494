//! aws-sims: item-to-item collaborative filtering on co-occurrence.
//!
//! Items `i` and `j` are alike by `Σ_u |I_u|^-½ / (|U_i|^½ |U_j|^p)`, the sum being over the users who
//! interacted with both, where `I_u` are the items of a user, `U_i` the users of an item and `p` is the
//! popularity discount factor. But for the weight of the users, of whom those who took nearly everything
//! say little, a factor of ½ gives the cosine. Users and items whose counts lie outside of the given
//! percentiles are left out of the counting.
//!
//! An item's list holds first the items that at least `min_cointeraction_count` users share with it, then
//! those that fewer share, then popular items, so a list is always as long as was asked for. The asked
//! item itself is never in it.

pub(crate) mod count;
mod filter;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalogue::SIMS;
use crate::dataset::Histories;
use crate::model::{Contents, ItemSide, Manifest, Scorer, Served, SparseRows};
use crate::params::Params;
use crate::popularity::Popular;
use crate::training::{Evaluated, evaluated, go_on};
use crate::{Model, ModelError, ModelFile, ParamError, Progress, Query, Recipe, RecipeInfo, Scored};
use crate::{TrainError, Trained, TrainingTask};

pub struct Sims;

impl Recipe for Sims {
    fn info(&self) -> &'static RecipeInfo {
        &SIMS
    }

    fn check(&self, hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
        Params::check(self.info(), hyperparameters).map(|_| ())
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let config = SimsValidParams::of(&params);
        let n_items = task.dataset.items().len();
        let fit = |(): &(), histories: &Histories| Neighbours::fit(histories, n_items, &config, task.progress);
        let Evaluated { scorer, report, .. } = evaluated(task, self.info(), |_| Ok(()), fit)?;
        let hyperparameters = params.to_text();
        let manifest = Manifest::of(self.info(), task, &hyperparameters);
        let files = vec![ItemSide::write(task.dataset.items(), &scorer.popular)?, scorer.rows.write(&[])?];
        Ok(Trained { files: manifest.seal(files)?, report, hyperparameters, chosen: BTreeMap::new() })
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        let contents = Contents::verify(files, self.info().name)?;
        let side = ItemSide::read(&contents)?;
        let (rows, _) = SparseRows::read(&contents, &[])?;
        let scorer = Neighbours { rows, popular: side.popular.clone() };
        Ok(Arc::new(Served::new(side, scorer, None)))
    }
}

/// Longest list of neighbours that is kept; the API asks for no more.
const N_NEIGHBOURS: usize = 500;

struct SimsValidParams {
    popularity_discount_factor: f64,
    min_cointeraction_count: u32,
    user_percentiles: (f64, f64),
    item_percentiles: (f64, f64),
}

impl SimsValidParams {
    fn of(params: &Params) -> Self {
        let share = |name: &str, otherwise| params.continuous(name).unwrap_or(otherwise);
        Self {
            popularity_discount_factor: share("popularity_discount_factor", 0.5),
            min_cointeraction_count: params.integer("min_cointeraction_count").unwrap_or(3) as u32,
            user_percentiles: (
                share("min_user_history_length_percentile", 0.0),
                share("max_user_history_length_percentile", 1.0),
            ),
            item_percentiles: (
                share("min_item_interaction_count_percentile", 0.0),
                share("max_item_interaction_count_percentile", 1.0),
            ),
        }
    }
}

/// Each item's neighbours, best first, with their similarities.
struct Neighbours {
    rows: SparseRows,
    popular: Popular,
}

impl Neighbours {
    fn fit(
        histories: &Histories,
        n_items: usize,
        config: &SimsValidParams,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let popular = Popular::count(histories, n_items);
        let baskets = filter::baskets(histories, n_items, config.user_percentiles, config.item_percentiles);
        let takers = baskets.transposed(n_items);
        let length = |user: usize| baskets.row(user).len().max(1) as f32;
        let user_weights: Vec<f32> = histories.users().map(|user| 1.0 / length(user).sqrt()).collect();
        // |U_j|^p and |U_i|^½ over the users that are left.
        let power = |exponent: f64| -> Vec<f32> {
            (0..n_items).map(|item| (takers.row(item).len().max(1) as f64).powf(exponent) as f32).collect()
        };
        let discount = power(config.popularity_discount_factor);
        let root = power(0.5);
        let rows: Result<Vec<_>, TrainError> = (0..n_items)
            .into_par_iter()
            .map_init(
                || count::Scratch::new(n_items),
                |scratch, item| {
                    go_on(progress)?;
                    let shared = count::shared_users(&baskets, &takers, &user_weights, item, scratch);
                    let mut row: Vec<(bool, (u32, f32))> = shared
                        .iter()
                        .map(|(other, shared)| {
                            let similarity = shared.weight / (root[item] * discount[*other as usize]);
                            (shared.n_users < config.min_cointeraction_count, (*other, similarity))
                        })
                        .collect();
                    let order = |a: &(bool, (u32, f32)), b: &(bool, (u32, f32))| {
                        a.0.cmp(&b.0).then_with(|| crate::rank::order(&a.1, &b.1))
                    };
                    if row.len() > N_NEIGHBOURS {
                        row.select_nth_unstable_by(N_NEIGHBOURS, order);
                        row.truncate(N_NEIGHBOURS);
                    }
                    row.sort_unstable_by(order);
                    Ok(row.into_iter().map(|(_, neighbour)| neighbour).unzip())
                },
            )
            .collect();
        Ok(Self { rows: SparseRows::from_rows(rows?), popular })
    }
}

impl Scorer for Neighbours {
    fn recommend(&self, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let neighbours: &[u32] = query.item.map_or(&[], |item| self.rows.row(item).0);
        let allowed = |item: &&u32| query.allows(**item);
        let mut list: Vec<u32> = neighbours.iter().filter(allowed).copied().take(k).collect();
        if list.len() < k {
            let taken: HashSet<u32> = list.iter().copied().chain(query.item).collect();
            let rest = self.popular.order().iter().filter(|item| query.allows(**item) && !taken.contains(item));
            list.extend(rest.take(k - list.len()));
        }
        list.into_iter().map(|item| Scored { item, score: None }).collect()
    }

    fn rank(&self, query: &Query<'_>, items: &[u32]) -> Vec<f32> {
        let (neighbours, weights): (&[u32], &[f32]) = query.item.map_or((&[], &[]), |item| self.rows.row(item));
        let similarity: BTreeMap<u32, f32> = neighbours.iter().copied().zip(weights.iter().copied()).collect();
        items.iter().map(|item| similarity.get(item).copied().unwrap_or(0.0)).collect()
    }

    fn resident_bytes(&self) -> usize {
        self.rows.resident_bytes() + self.popular.resident_bytes()
    }
}

#[cfg(test)]
mod tests;
