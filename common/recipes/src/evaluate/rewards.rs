//! average_rewards_at_k: whether what is worth most is what users take.

use std::collections::HashSet;

use super::asking::{Asking, Given};
use crate::model::Scorer;
use crate::{Dataset, Objective, TrainError};

/// What counts as the recommendations that a user got: as many as a request may ask for.
const ALL: usize = 500;

/// Those of them that are worth most.
const K: usize = 25;

/// Mean over test users of the share of their reward that comes from the 25 recommendations worth most. The reward of
/// an item is its value in the objective's column, 0 if that is missing or below 0; a user earns it who takes a
/// recommended item. Users who earn nothing are left out; 0 if all are.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn average_rewards(asking: &Asking<'_>, scorer: &impl Scorer, objective: &Objective) -> Result<f64, TrainError> {
    let dataset = asking.task.dataset;
    let (rewards, histories) = (rewards(dataset, objective), dataset.histories());
    let shares: Vec<Option<f64>> = asking.each(|test| {
        let list = asking.list(scorer, test, Given::History, ALL);
        share(&list, &histories.items_of(test.user)[test.n_history..], &rewards)
    })?;
    let known = || shares.iter().flatten();
    Ok(known().sum::<f64>() / known().count().max(1) as f64)
}

/// The share of a user's reward; `None` if there is no reward.
fn share(list: &[u32], truth: &[u32], rewards: &[f64]) -> Option<f64> {
    let truth: HashSet<u32> = truth.iter().copied().collect();
    let mut best: Vec<u32> = list.to_vec();
    // A stable sort: of equals the one that is recommended first.
    best.sort_by(|a, b| rewards[*b as usize].total_cmp(&rewards[*a as usize]));
    let earned = |items: &[u32]| {
        let taken = items.iter().filter(|item| truth.contains(item));
        taken.map(|item| rewards[*item as usize]).sum::<f64>()
    };
    let all = earned(list);
    (all > 0.0).then(|| earned(&best[..best.len().min(K)]) / all)
}

/// By item row, those without interactions too.
fn rewards(dataset: &Dataset, objective: &Objective) -> Vec<f64> {
    let column = dataset.item_columns().get(&objective.item_attribute);
    let reward = |row| column.and_then(|column| column.number(row)).unwrap_or(0.0).max(0.0);
    (0..dataset.n_catalogue_items()).map(reward).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_taken_items_among_the_most_worth() {
        // Thirty recommendations worth 1 to 30; the 25 worth most are 5 to 29.
        let rewards: Vec<f64> = (0..30).map(|item| f64::from(item) + 1.0).collect();
        let list: Vec<u32> = (0..30).collect();
        assert_eq!(share(&list, &[2, 9, 9, 99], &rewards), Some(10.0 / 13.0));
        assert_eq!(share(&list, &[7], &rewards), Some(1.0));
        assert_eq!(share(&list, &[0], &rewards), Some(0.0));
        assert_eq!(share(&list, &[99], &rewards), None);
        assert_eq!(share(&[], &[1], &rewards), None);
        assert_eq!(share(&list, &[3], &[0.0; 30]), None);
        // Of equal rewards the first recommended are the 25.
        assert_eq!(share(&list, &[4, 27], &[2.0; 30]), Some(0.5));
    }
}
