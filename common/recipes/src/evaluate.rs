//! How good a recipe is, by the protocol and the metrics of the service's guide.

mod metrics;
mod split;

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use split::Split;

use crate::dataset::Histories;
use crate::model::Scorer;
use crate::{Query, RecipeInfo, RecipeType};
use metrics::{Judged, LIST_LENGTH, Means};

const FORMAT_VERSION: u32 = 1;

/// What held-out users say of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub format_version: u32,
    /// By the names on the wire. NDCG is normalised by the relevant items in the returned list.
    pub metrics: BTreeMap<String, f64>,
    /// NDCG normalised by the best list there could be, as the literature has it.
    pub standard: BTreeMap<String, f64>,
    /// As `metrics`, of the most popular items for the same users.
    pub popularity_baseline: BTreeMap<String, f64>,
    /// How many users the means are over.
    pub n_test_users: usize,
}

/// Asks for a list for each test user and compares it with what the user did next.
///
/// `n_catalogue` is the denominator of coverage.
pub fn evaluate(
    histories: &Histories,
    split: &Split,
    info: &RecipeInfo,
    n_catalogue: usize,
    scorer: &impl Scorer,
    baseline: &impl Scorer,
) -> Report {
    let related = info.recipe_type == RecipeType::RelatedItems;
    let judged = judge(histories, split, related, scorer);
    let means = Means::of(&judged, n_catalogue);
    let baseline = Means::of(&judge(histories, split, related, baseline), n_catalogue);
    Report {
        format_version: FORMAT_VERSION,
        metrics: means.wire(),
        standard: means.standard(),
        popularity_baseline: baseline.wire(),
        n_test_users: split.test.len(),
    }
}

/// In the order of the test users, whatever thread did which.
fn judge(histories: &Histories, split: &Split, related: bool, scorer: &impl Scorer) -> Vec<Judged> {
    split
        .test
        .par_iter()
        .map(|test| {
            let history = histories.events(test.user, test.n_history);
            let item = if related { history.last().map(|event| event.item) } else { None };
            let list = scorer.recommend(&Query { history: &history, item, ..Query::default() }, LIST_LENGTH);
            let items = list.iter().map(|scored| scored.item).collect();
            Judged::new(items, &histories.items_of(test.user)[test.n_history..])
        })
        .collect()
}
