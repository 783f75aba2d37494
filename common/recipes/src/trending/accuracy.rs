use std::collections::HashMap;

use rayon::prelude::*;

use super::schedule::{Intervals, Schedule};
use super::timeline::Timeline;
use crate::dataset::Histories;
use crate::evaluate::Split;
use crate::{Query, Scored};

/// Items that are recommended, and true trending items that they are held against.
const LIST_LENGTH: usize = 25;
/// The newest evaluations that are looked at.
const MAX_EVALUATIONS: usize = 10_000;

/// `trend_prediction_accuracy` of what the recipe gives, and of popular items.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accuracy {
    pub trending: f64,
    pub popular: f64,
}

/// How much of the growth among users who were not looked at is in the lists.
///
/// At every evaluation in the time of the newest tenth of the interactions, the list is made from the training users
/// alone. Held against it are the interactions of the held-out users in the same two intervals: by how much the
/// listed items grew among them, falls taken off, over how much those 25 items did that grew most. Both are summed
/// over all evaluations; what is below 0 is 0.
///
/// *Deviation:* the guide defines the ratio and does not say how the growth of an item is measured or when.
pub fn accuracy(histories: &Histories, split: &Split, n_items: usize, schedule: Schedule) -> Accuracy {
    let training = Timeline::of(&histories.of(&split.training), n_items);
    let test: Vec<usize> = split.test.iter().map(|test| test.user).collect();
    let test = Timeline::of(&histories.of(&test), n_items);
    let moments = evaluations(&test, schedule);
    let parts: Vec<[i64; 3]> = moments
        .into_par_iter()
        .map(|intervals| {
            let growth: HashMap<u32, i64> = test
                .counts(intervals)
                .into_iter()
                .map(|(item, [before, last])| (item, i64::from(last) - i64::from(before)))
                .collect();
            let grown = |list: Vec<Scored>| -> i64 { list.iter().filter_map(|scored| growth.get(&scored.item)).sum() };
            let mut best: Vec<i64> = growth.values().copied().filter(|growth| *growth > 0).collect();
            best.sort_unstable_by(|a, b| b.cmp(a));
            let query = Query::default();
            let list = training.list(intervals).recommend(training.popular(), &query, LIST_LENGTH);
            let popular = super::list::List::default().recommend(training.popular(), &query, LIST_LENGTH);
            [grown(list), grown(popular), best.into_iter().take(LIST_LENGTH).sum()]
        })
        .collect();
    let [trending, popular, best] = [0, 1, 2].map(|place| parts.iter().map(|part| part[place]).sum::<i64>());
    let share = |grown: i64| if best > 0 { grown.max(0) as f64 / best as f64 } else { 0.0 };
    Accuracy { trending: share(trending), popular: share(popular) }
}

/// The evaluations that the newest tenth of the events fall in, each with the time before it that it looks at.
fn evaluations(timeline: &Timeline, schedule: Schedule) -> Vec<Intervals> {
    let refresh_s = schedule.refresh_s();
    let first = timeline.len() - timeline.len().div_ceil(10);
    // An event counts at the evaluation that follows it.
    let mut ends: Vec<i64> = (first..timeline.len())
        .filter_map(|place| timeline.time_of(place))
        .map(|time| schedule.at(time).end_s.saturating_add(refresh_s))
        .collect();
    ends.dedup();
    let skipped = ends.len().saturating_sub(MAX_EVALUATIONS);
    ends.into_iter().skip(skipped).map(|end_s| schedule.at(end_s)).collect()
}
