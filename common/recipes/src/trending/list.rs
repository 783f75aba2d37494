use std::collections::HashMap;

use super::growth::{grew, growth, terms};
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::{Explanation, Part, Query, Scored};

/// What an item that grew has beside its growth, so that it comes before all others: growth is above -2, and others
/// have 1 at most.
const FRONT: f64 = 3.0;

/// The items that grew, in front of all others.
///
/// An item that grew has the score [`FRONT`] and its [`growth`], another the number of its users as a share of the most
/// that an item has.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Fastest first, ties by item row.
    growing: Vec<u32>,
    /// By item, the numbers of the two intervals.
    counts: HashMap<u32, [u32; 2]>,
}

impl List {
    /// Of items with their numbers in the two intervals. Those that did not grow have theirs for explanations alone.
    pub fn new(counts: Vec<(u32, [u32; 2])>) -> Self {
        let grown = counts.iter().filter(|(_, counts)| grew(*counts));
        let mut grown: Vec<Ranked> = grown.map(|(item, counts)| (*item, grown_score(*counts))).collect();
        grown.sort_unstable_by(rank::order);
        Self { growing: grown.into_iter().map(|(item, _)| item).collect(), counts: counts.into_iter().collect() }
    }

    /// The best `k` items that the query allows, the growing ones first, then by popularity.
    pub fn recommend(&self, popular: &Popular, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let others = popular.order().iter().filter(|item| self.grown(**item).is_none());
        let allowed = self.growing.iter().chain(others).filter(|item| query.allows(**item));
        allowed.take(k).map(|item| Scored::new(*item, None)).collect()
    }

    pub fn rank(&self, popular: &Popular, items: &[u32]) -> Vec<f32> {
        let score = |item: &u32| match self.grown(*item) {
            Some(counts) => grown_score(counts),
            None => popular.n_users()[*item as usize] as f32 / most(popular),
        };
        items.iter().map(score).collect()
    }

    /// Tells of what grew by the numbers of the two intervals, and of other items by their users.
    pub fn explain(&self, popular: &Popular, item: u32) -> Option<Explanation> {
        let n_users = *popular.n_users().get(item as usize)?;
        let counts = self.counts.get(&item).copied();
        let [before, last] = counts.unwrap_or_default().map(f64::from);
        let by_interval = |[of_last, of_before]: [f64; 2]| {
            [
                Part::Count { name: "interactions in the later interval", count: last, share: of_last },
                Part::Count { name: "interactions in the earlier interval", count: before, share: of_before },
            ]
        };
        let users = |share| Part::Count { name: "users", count: f64::from(n_users), share };
        let mut parts = Vec::new();
        match self.grown(item).map(terms) {
            Some([last, before, doubt]) => {
                parts.extend(by_interval([last, before]));
                parts.push(Part::Term { name: "doubt about small counts", share: doubt });
                parts.push(Part::Term { name: "place in front of what did not grow", share: FRONT });
                parts.push(users(0.0));
            }
            None => {
                parts.push(users(f64::from(n_users) / f64::from(most(popular))));
                parts.extend(by_interval([0.0; 2]));
            }
        }
        Some(Explanation { score: f64::from(*self.rank(popular, &[item]).first()?), parts })
    }

    pub fn resident_bytes(&self) -> usize {
        (self.growing.len() + self.counts.len() * 4) * size_of::<u32>()
    }

    fn grown(&self, item: u32) -> Option<[u32; 2]> {
        self.counts.get(&item).copied().filter(|counts| grew(*counts))
    }
}

fn grown_score([before, last]: [u32; 2]) -> f32 {
    (FRONT + growth(before, last)) as f32
}

/// The most users that an item has, at least 1.
fn most(popular: &Popular) -> f32 {
    popular.order().first().map_or(1, |item| popular.n_users()[*item as usize]).max(1) as f32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn growing(counts: &[(u32, [u32; 2])]) -> Vec<u32> {
        List::new(counts.to_vec()).growing
    }

    #[test]
    fn what_many_vouch_for_beats_what_a_few_do() {
        assert_eq!(growing(&[(0, [1, 3]), (1, [100, 250]), (2, [0, 1]), (3, [50, 50]), (4, [9, 2])]), [1, 0, 2]);
        // From nothing to something that is no accident is fast.
        assert_eq!(growing(&[(0, [0, 30]), (1, [100, 250])]), [0, 1]);
        assert_eq!(growing(&[(7, [2, 4]), (3, [2, 4])]), [3, 7]);
        assert!(growing(&[]).is_empty());
    }

    #[test]
    fn growing_items_stand_in_front_and_every_item_occurs_once() {
        let popular = Popular::new(vec![5, 9, 1, 7]);
        let list = List::new(vec![(2, [0, 9]), (3, [0, 1]), (0, [4, 4])]);
        let items: Vec<u32> = list.recommend(&popular, &Query::default(), 9).iter().map(|one| one.item).collect();
        assert_eq!(items, [2, 3, 1, 0]);
        // The slowest growth there is still is in front of the most popular item.
        assert!(list.rank(&popular, &items).is_sorted_by(|a, b| a > b));
        let first: Vec<u32> =
            List::default().recommend(&popular, &Query::default(), 2).iter().map(|one| one.item).collect();
        assert_eq!(first, [1, 3]);
    }

    #[test]
    fn a_score_is_the_sum_of_what_the_counts_bring() {
        let popular = Popular::new(vec![5, 20, 1]);
        let list = List::new(vec![(2, [3, 12]), (0, [8, 2])]);
        let shares = |item| {
            let explanation = list.explain(&popular, item).unwrap();
            let sum: f64 = explanation.parts.iter().map(Part::share).sum();
            // A rounding in single precision of numbers below 4.
            assert!((sum - explanation.score).abs() < 1e-6, "{explanation:?}");
            let counts = explanation.parts.into_iter().filter_map(|part| match part {
                Part::Count { count, share, .. } => Some((count, share)),
                _ => None,
            });
            counts.collect::<Vec<_>>()
        };
        assert_eq!(shares(2), [(12.0, 12.5_f64.ln()), (3.0, -(3.5_f64.ln())), (1.0, 0.0)]);
        assert_eq!(shares(0), [(5.0, 0.25), (2.0, 0.0), (8.0, 0.0)]);
        assert_eq!(shares(1), [(20.0, 1.0), (0.0, 0.0), (0.0, 0.0)]);
        assert_eq!(list.explain(&popular, 3), None);
    }
}
