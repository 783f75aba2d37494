//! Items that users come back to.
//!
//! How likely somebody turns again to an item depends most of all on how long ago the last time was (Anderson, Kumar,
//! Tomkins and Vassilvitskii 2014, "The Dynamics of Repeat Consumption"). Neither inner products nor counts of
//! pairs tell that: what is in a basket is most like the basket, and is not put there twice. So the share of an item that
//! the user had is multiplied by a factor of the time from then to the user's newest event.
//!
//! Factors are chosen on events that were held back, one range of times after the other, by the NDCG of lists of 25.
//! (Those that make the events most likely boost what was had long ago by so much that lists get worse: shares fall too
//! slowly from the best item to the last, so what stands for all items of a range is wrong for the best of them.)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Event;

/// Up to so many seconds ago each; the last range is of longer times.
const AGES_S: [i64; 6] = [0, 3600, 86_400, 7 * 86_400, 30 * 86_400, 120 * 86_400];
const N_RANGES: usize = AGES_S.len() + 1;

/// What is compared. Of equal ones the first.
const FACTORS: [f32; 12] = [1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.03, 0.0, 1.4, 2.0, 3.0, 5.0];

/// Greatest factor that a model may have.
const GREATEST: f32 = 1000.0;

/// Length of the lists that factors are judged by.
const LIST_LENGTH: usize = 25;

/// How often all ranges are gone through.
const N_ROUNDS: usize = 2;

/// What a factor has to be better by, lest chance decide.
const LEAST_GAIN: f64 = 1.001;

/// A factor for each range of [`AGES_S`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Returns(Vec<f32>);

/// What an event that was held back tells.
pub struct Came {
    /// The range of the item that came; `None` if it is one that the user did not have before.
    range: Option<usize>,
    share: f32,
    /// Of the items that the user did not have: how many stand before what came if its share is multiplied by each factor.
    before: [usize; FACTORS.len()],
    /// Other items that the user had: range, share, and whether the row stands before that of what came.
    others: Vec<(usize, f32, bool)>,
}

impl Came {
    /// The shares of all items after a history, and the item that came next.
    pub fn new(history: &[Event], shares: &[f32], next: u32) -> Self {
        let share_of = |item: u32| shares.get(item as usize).copied().unwrap_or_default();
        let had: BTreeMap<u32, usize> = ranges(history).collect();
        let (range, share) = (had.get(&next).copied(), share_of(next));
        let mut before = [0; FACTORS.len()];
        // What the user did not have is weighed by the first factor alone, which is 1.
        let n_factors = if range.is_some() { FACTORS.len() } else { 1 };
        for (before, factor) in before.iter_mut().zip(FACTORS).take(n_factors) {
            let wanted = factor * share;
            let stands_before = |(item, share): &(u32, f32)| comes_first((*share, *item < next), wanted);
            *before = (0..).zip(shares.iter().copied()).filter(|(item, _)| *item != next).filter(stands_before).count();
            let had_before = had.keys().map(|item| (*item, share_of(*item))).filter(|(item, _)| *item != next);
            *before -= had_before.filter(stands_before).count();
        }
        let others = had.iter().filter(|(item, _)| **item != next);
        let others = others.map(|(item, range)| (*range, share_of(*item), *item < next)).collect();
        Self { range, share, before, others }
    }

    /// NDCG with the factors of these numbers.
    fn gain(&self, factors: &[usize; N_RANGES]) -> f64 {
        let own = self.range.map_or(0, |range| factors[range]);
        let wanted = FACTORS[own] * self.share;
        let others = self.others.iter().map(|(range, share, is_above)| (FACTORS[factors[*range]] * share, *is_above));
        let place = self.before[own] + others.filter(|other| comes_first(*other, wanted)).count();
        if place < LIST_LENGTH { 1.0 / ((2 + place) as f64).log2() } else { 0.0 }
    }
}

/// Whether an item comes before what is wanted: it has more, or as much and the smaller row.
fn comes_first((share, is_above): (f32, bool), wanted: f32) -> bool {
    share > wanted || share == wanted && is_above
}

impl Returns {
    /// The factors, if those of every second event find more of the others as well.
    pub fn of(came: &[Came]) -> Option<Self> {
        let of_half = chosen(&came.iter().step_by(2).collect::<Vec<_>>());
        let gained = |factors: &[usize; N_RANGES]| -> f64 {
            came.iter().skip(1).step_by(2).map(|came| came.gain(factors)).sum()
        };
        let is_better = gained(&of_half) > LEAST_GAIN * gained(&[0; N_RANGES]);
        is_better.then(|| Self(chosen(&came.iter().collect::<Vec<_>>()).map(|factor| FACTORS[factor]).to_vec()))
    }

    /// Multiplies the shares of the items of the history, which stand at their places, and scales all so that the sum
    /// stays what it was.
    pub fn weigh(&self, history: &[Event], place: impl Fn(u32) -> Option<usize>, shares: &mut [f32]) {
        let total = |shares: &[f32]| shares.iter().map(|share| f64::from(*share)).sum::<f64>();
        let before = total(shares);
        for (item, range) in ranges(history) {
            if let Some(share) = place(item).and_then(|place| shares.get_mut(place)) {
                *share *= self.0.get(range).copied().unwrap_or(1.0);
            }
        }
        let after = total(shares);
        if after > 0.0 {
            let scale = (before / after) as f32;
            shares.iter_mut().for_each(|share| *share *= scale);
        }
    }

    /// Whether there is a factor for each range, within its bounds.
    pub fn is_sound(&self) -> bool {
        self.0.len() == N_RANGES && self.0.iter().all(|factor| (0.0..=GREATEST).contains(factor))
    }
}

/// The items of a history and the range of the time from when the user last had each to the newest event.
fn ranges(history: &[Event]) -> impl Iterator<Item = (u32, usize)> {
    let newest_s = history.iter().map(|event| event.timestamp_s).max().unwrap_or_default();
    let mut last_s: BTreeMap<u32, i64> = BTreeMap::new();
    for event in history {
        let last_s = last_s.entry(event.item).or_insert(event.timestamp_s);
        *last_s = event.timestamp_s.max(*last_s);
    }
    last_s.into_iter().map(move |(item, last_s)| {
        let age_s = newest_s.saturating_sub(last_s);
        (item, AGES_S.partition_point(|most| *most < age_s))
    })
}

/// The numbers of the factors that find the most.
fn chosen(came: &[&Came]) -> [usize; N_RANGES] {
    let gained = |factors: &[usize; N_RANGES]| -> f64 { came.iter().map(|came| came.gain(factors)).sum() };
    let mut best = [0; N_RANGES];
    let mut most = gained(&best);
    for range in (0..N_ROUNDS).flat_map(|_| 0..N_RANGES) {
        for factor in 0..FACTORS.len() {
            let mut candidate = best;
            candidate[range] = factor;
            let gain = gained(&candidate);
            if gain > LEAST_GAIN * most {
                (best, most) = (candidate, gain);
            }
        }
    }
    best
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn event(item: u32, timestamp_s: i64) -> Event {
        Event { item, timestamp_s }
    }

    /// Item 0 was had just now, item 1 a year ago, items 2 and 3 never.
    fn history() -> Vec<Event> {
        vec![event(1, 0), event(0, 5), event(0, 365 * 86_400)]
    }

    #[test]
    fn ranges_go_by_the_last_time_and_end_with_their_bounds() {
        let day = 86_400;
        let history =
            [event(7, 0), event(3, 10 * day), event(7, 10 * day - 3600), event(5, 9 * day), event(4, 9 * day - 1)];
        assert_eq!(ranges(&history).collect::<Vec<_>>(), [(3, 0), (4, 3), (5, 2), (7, 1)]);
        assert_eq!(ranges(&[]).count(), 0);
        // Time that overflows is long.
        assert_eq!(ranges(&[event(1, i64::MIN), event(2, i64::MAX)]).collect::<Vec<_>>(), [(1, 6), (2, 0)]);
    }

    #[test]
    fn a_gain_is_that_of_the_place_in_the_weighed_list() {
        let shares = [0.3, 0.2, 0.3, 0.2];
        for next in 0..4 {
            let came = Came::new(&history(), &shares, next);
            for (now, long_ago) in (0..FACTORS.len()).flat_map(|now| (0..FACTORS.len()).map(move |other| (now, other)))
            {
                let mut factors = [0; N_RANGES];
                (factors[0], factors[N_RANGES - 1]) = (now, long_ago);
                let mut weighed = shares;
                weighed[0] *= FACTORS[now];
                weighed[1] *= FACTORS[long_ago];
                assert_eq!(came.gain(&factors), super::super::shares::gain(&weighed, next, LIST_LENGTH));
            }
        }
    }

    #[test]
    fn factors_make_up_for_what_the_shares_do_not_tell() {
        // What was had just now never comes again, what was had long ago often does.
        let shares = [0.4, 0.1, 0.3, 0.2];
        let next = |asked: u32| if asked.is_multiple_of(3) { 2 } else { 1 };
        let came: Vec<Came> = (0..1000).map(|asked| Came::new(&history(), &shares, next(asked))).collect();
        let returns = Returns::of(&came).unwrap();
        assert!(returns.is_sound());
        let mut weighed = shares;
        returns.weigh(&history(), |item| Some(item as usize), &mut weighed);
        // Of equals the one of the smaller row is the first.
        assert!(weighed[1] >= weighed[2] && weighed[2] > weighed[3] && weighed[3] > weighed[0], "{weighed:?}");
        assert!((weighed.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((weighed[2] / weighed[3] - 1.5).abs() < 1e-4);
        // No event is of the other ranges, which stay as they are.
        assert_eq!(returns.0[1..6], [1.0; 5]);
    }

    #[test]
    fn without_anything_to_tell_there_are_no_factors() {
        assert_eq!(Returns::of(&[]), None);
        // What holds for every second event alone is chance.
        let came = |asked: u32| Came::new(&history(), &[0.4, 0.4, 0.1, 0.1], (asked + 1) % 2);
        assert_eq!(Returns::of(&(0..100).map(came).collect::<Vec<_>>()), None);
    }

    #[test]
    fn items_without_a_place_and_nothing_at_all_are_left_alone() {
        let returns = Returns(vec![0.5; N_RANGES]);
        let mut some = [0.6, 0.4];
        returns.weigh(&history(), |item| (item == 1).then_some(0), &mut some);
        assert!((some[0] - 0.3 / 0.7).abs() < 1e-6 && (some[1] - 0.4 / 0.7).abs() < 1e-6);
        let mut nothing = [0.0; 4];
        returns.weigh(&history(), |item| Some(item as usize), &mut nothing);
        assert_eq!(nothing, [0.0; 4]);
        assert!(!Returns(vec![1.0; 3]).is_sound() && !Returns(vec![f32::NAN; N_RANGES]).is_sound());
    }
}
