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

use std::sync::Arc;

use crate::catalogue::SIMS;
use crate::dataset::Histories;
use crate::neighbours::{self, Candidate, Evidence, Neighbours, Pair, Told};
use crate::params::Params;
use crate::popularity::Popular;
use crate::{Model, ModelError, ModelFile, Part, Progress, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

pub(crate) use filter::bounds as percentile_bounds;

pub struct Sims;

impl Recipe for Sims {
    fn info(&self) -> &'static RecipeInfo {
        &SIMS
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let config = SimsValidParams::of(&params);
        let n_items = task.dataset.items().len();
        let fit = |(): &(), histories: &Histories| fit(histories, n_items, &config, task.progress);
        neighbours::train(self.info(), task, params.to_text(), |_| Ok(()), fit)
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        neighbours::open(self.info(), files, tell)
    }
}

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

/// Lists each item's neighbours. Cost: for each user the square of the number of items, whatever the number of
/// items in all.
fn fit(
    histories: &Histories,
    n_items: usize,
    config: &SimsValidParams,
    progress: &dyn Progress,
) -> Result<Neighbours, TrainError> {
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
    let held = (0..n_items).map(|item| takers.row(item).len() as u32).collect();
    let n_lists = histories.users().filter(|user| !baskets.row(*user).is_empty()).count() as u32;
    let factors = vec![config.popularity_discount_factor as f32];
    let told = Told { evidence: Evidence::new(vec![held], vec![n_lists], factors, 1), tell };
    let scratch = || count::Scratch::new(n_items);
    Neighbours::build(popular, Some(told), progress, scratch, |scratch, item, list| {
        count::shared_users(&baskets, &takers, &user_weights, item, scratch, |other, shared| {
            let score = shared.weight / (root[item] * discount[other as usize]);
            let last = shared.n_users < config.min_cointeraction_count;
            list.push(Candidate { last, item: other, score, counts: [shared.n_users, 0, 0] });
        });
    })
}

/// The one number of a pair are the users who are left and had both.
fn tell(pair: &Pair<'_>) -> Option<Vec<Part>> {
    let [asked, item, _] = pair.held(0)?.map(f64::from);
    pair.beyond_chance("users", 0, pair.score, asked.sqrt() * item.powf(pair.factor(0)?))
}

#[cfg(test)]
mod tests;
