//! NDCG in which a hit counts by the weight of its event's type.

use std::collections::{BTreeMap, HashMap};

use super::asking::{Asking, Given};
use super::metrics::{CUTOFFS, LIST_LENGTH};
use crate::TrainError;
use crate::model::Scorer;

const NAME: &str = "normalized_discounted_cumulative_gain_with_event_weights_at";

/// The metrics of a training that weighs events, by their names on the wire.
///
/// As NDCG, but an item that was found gains the weight of its event, the mean of all types' weights being 1; of
/// several events with an item the greatest counts. Normalised, as the plain one on the wire, by the best order of
/// what was found.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn weighted_ndcg(asking: &Asking<'_>, scorer: &impl Scorer) -> Result<BTreeMap<String, f64>, TrainError> {
    let dataset = asking.task.dataset;
    let (weight_of, histories) = (dataset.interaction_weights(asking.task.event_weights), dataset.histories());
    let judged: Vec<[f64; CUTOFFS.len()]> = asking.each(|test| {
        let list = asking.list(scorer, test, Given::History, LIST_LENGTH);
        let begin = dataset.interactions_of(test.user).start;
        let mut gains: HashMap<u32, f64> = HashMap::new();
        for (place, item) in histories.items_of(test.user).iter().enumerate().skip(test.n_history) {
            let gain = gains.entry(*item).or_default();
            *gain = gain.max(f64::from(weight_of[begin + place]));
        }
        let list: Vec<f64> = list.iter().map(|item| gains.get(item).copied().unwrap_or_default()).collect();
        CUTOFFS.map(|k| ndcg(&list[..list.len().min(k)]))
    })?;
    let mean = |at: usize| judged.iter().map(|user| user[at]).sum::<f64>() / judged.len().max(1) as f64;
    Ok(CUTOFFS.iter().enumerate().map(|(at, k)| (format!("{NAME}_{k}"), mean(at))).collect())
}

/// Of the gains in the order of a list; 0 if there are none.
fn ndcg(gains: &[f64]) -> f64 {
    let mut best: Vec<f64> = gains.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    let ideal = dcg(&best);
    if ideal > 0.0 { dcg(gains) / ideal } else { 0.0 }
}

fn dcg(gains: &[f64]) -> f64 {
    gains.iter().enumerate().map(|(place, gain)| gain / ((place + 2) as f64).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_the_guides_example_count_as_three_to_one() {
        // Of weights 0.3 and 0.1 come 1.5 and 0.5; the light one was ranked before the heavy one.
        let found = [0.0, 0.5, 0.0, 1.5];
        let (second, fourth) = (0.5 / 3_f64.log2(), 1.5 / 5_f64.log2());
        let ideal = 1.5 / 2_f64.log2() + 0.5 / 3_f64.log2();
        // A few roundings of numbers near 1.
        assert!((ndcg(&found) - (second + fourth) / ideal).abs() < 1e-12);
        // Equal weights are no weights: hits at 2 and 5 as in the guide.
        let plain = ndcg(&[0.0, 1.0, 0.0, 0.0, 1.0]);
        assert!((plain - (1.0 / 3_f64.log2() + 1.0 / 6_f64.log2()) / (1.0 + 1.0 / 3_f64.log2())).abs() < 1e-12);
        assert_eq!((ndcg(&[]), ndcg(&[0.0; 3])), (0.0, 0.0));
    }
}
