//! aws-ecomm-frequently-bought-together: what is in the same baskets as an item, more often than chance would have
//! it.
//!
//! A basket is what one customer purchases with no pause longer than an hour; the order within it says nothing, and
//! what the customer bought at other times does not count. Of `N` baskets, `n(i)` hold item `i` and `n(i,j)` hold
//! both. Confidence is drawn towards chance as if [`CHANCE_BASKETS`] more baskets with `i` were ordinary ones:
//!
//! ```text
//! p(j) = n(j) / N    c(i,j) = (n(i,j) + m p(j)) / (n(i) + m)    s(i,j) = c(i,j) ln(c(i,j) / p(j))
//! ```
//!
//! `s` is what `j` adds to the divergence of such baskets from ordinary ones (Kullback and Leibler 1951), so it
//! asks for both: that `j` is bought often with `i`, and more often than without. Items that are bought with `i` no
//! more than by chance are not neighbours.

use std::sync::Arc;

use crate::catalogue::FREQUENTLY_BOUGHT_TOGETHER;
use crate::dataset::Histories;
use crate::neighbours::{self, CHANCE, Candidate, Evidence, Neighbours, Pair, Told};
use crate::params::Params;
use crate::popularity::Popular;
use crate::session_knn::Sessions;
use crate::sims::count::{Lists, Scratch, shared_users};
use crate::{Model, ModelError, ModelFile, Part, Progress, Recipe, RecipeInfo};
use crate::{TrainError, Trained, TrainingTask};

pub struct BoughtTogether;

/// A longer pause ends a basket.
const PAUSE_S: i64 = 3600;

/// `m`: so many baskets of chance stand beside those with the item.
const CHANCE_BASKETS: f64 = 10.0;

impl Recipe for BoughtTogether {
    fn info(&self) -> &'static RecipeInfo {
        &FREQUENTLY_BOUGHT_TOGETHER
    }

    fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
        let params = Params::check(self.info(), task.hyperparameters)?;
        let n_items = task.dataset.items().len();
        let fit = |(): &(), histories: &Histories| fit(histories, n_items, task.progress);
        neighbours::train(self.info(), task, params.to_text(), |_| Ok(()), fit)
    }

    fn open(&self, files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
        neighbours::open(self.info(), files, tell)
    }
}

/// Cost: for each basket the square of the number of its items, at most 500.
pub(super) fn fit(histories: &Histories, n_items: usize, progress: &dyn Progress) -> Result<Neighbours, TrainError> {
    let baskets = lists(&Sessions::cut(histories, Some(PAUSE_S)));
    let holders = baskets.transposed(n_items);
    let n_baskets = baskets.len().max(1) as f64;
    let ones = vec![1.0; baskets.len()];
    let popular = Popular::count(histories, n_items);
    let held = (0..n_items).map(|item| holders.row(item).len() as u32).collect();
    let evidence = Evidence::new(vec![held], vec![baskets.len() as u32], Vec::new(), 1);
    Neighbours::build(
        popular,
        Some(Told { evidence, tell }),
        progress,
        || Scratch::new(n_items),
        |scratch, item, list| {
            let n_with = holders.row(item).len() as f64;
            shared_users(&baskets, &holders, &ones, item, scratch, |other, shared| {
                let chance = holders.row(other as usize).len() as f64 / n_baskets;
                let confidence = confidence(f64::from(shared.n_users), n_with, chance);
                let score = confidence * (confidence / chance).ln();
                if score > 0.0 {
                    let counts = [shared.n_users, 0, 0];
                    list.push(Candidate { last: false, item: other, score: score as f32, counts });
                }
            });
        },
    )
}

/// The one number of a pair are the baskets with both. With `n(i) p(j)` of them by chance, `c - p` is how many there are
/// beyond these over `n(i) + m`, so that `s = (c - p) ln(c / p) + p ln(c / p)`.
fn tell(pair: &Pair<'_>) -> Option<Vec<Part>> {
    let [both, ..] = pair.counts;
    let [asked, item, all] = pair.held(0)?;
    let [n_both, n_with] = [both, asked].map(f64::from);
    let chance = f64::from(item) / f64::from(all);
    let weight = (confidence(n_both, n_with, chance) / chance).ln();
    let (by_chance, discount) = (n_with * chance, n_with + CHANCE_BASKETS);
    let counts = pair.told("baskets", 0, both, Some(by_chance), (weight, discount))?;
    let share = (n_both - by_chance) * weight / discount;
    Some(vec![
        Part::Together { share, counts: Some(Box::new(counts)) },
        Part::Term { name: CHANCE, share: chance * weight },
    ])
}

fn confidence(n_both: f64, n_with: f64, chance: f64) -> f64 {
    (n_both + CHANCE_BASKETS * chance) / (n_with + CHANCE_BASKETS)
}

/// The distinct items of each session.
pub(super) fn lists(sessions: &Sessions) -> Lists {
    let mut lists = Lists::default();
    for session in 0..sessions.len() as u32 {
        lists.push(sessions.row(session));
    }
    lists
}
