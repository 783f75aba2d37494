use std::collections::HashSet;

use super::report::Top;
use super::sample::ByHash;

/// How many of the most frequent ids are named.
const N_TOP: usize = 10;

/// How often each id occurs. Ids are kept as hashes of 64 bits: of ten million, two are taken for one with a
/// chance of one in 370,000.
#[derive(Default)]
pub(super) struct Counts {
    by_id: ByHash<u32>,
    top: Vec<Top>,
}

impl Counts {
    pub fn add(&mut self, hash: u64, n: u32) {
        let count = self.by_id.entry(hash).or_default();
        *count = count.saturating_add(n);
    }

    /// Takes note of the names of the most frequent ids, of those that the last part had.
    ///
    /// Whoever is among the most frequent in the end is so after the last part that names it, since the others
    /// only become more.
    pub fn name_top<'a>(&mut self, ids: impl Iterator<Item = (u64, &'a str)>) {
        let least = if self.top.len() < N_TOP { 0 } else { self.top.last().map_or(0, |top| top.events) };
        let mut known: Vec<(u64, Top)> = Vec::new();
        for top in std::mem::take(&mut self.top) {
            let hash = super::sample::of_text(&top.id);
            known.push((hash, Top { events: self.count(hash), id: top.id }));
        }
        let mut seen: HashSet<u64> = known.iter().map(|(hash, _)| *hash).collect();
        for (hash, id) in ids {
            let events = self.count(hash);
            if events >= least && seen.insert(hash) {
                known.push((hash, Top { events, id: id.to_owned() }));
                if known.len() > 64 * N_TOP {
                    shorten(&mut known);
                }
            }
        }
        shorten(&mut known);
        self.top = known.into_iter().map(|(_, top)| top).collect();
    }

    fn count(&self, hash: u64) -> u64 {
        self.by_id.get(&hash).copied().map_or(0, u64::from)
    }

    pub fn len(&self) -> u64 {
        self.by_id.len() as u64
    }

    pub fn top(&self) -> &[Top] {
        &self.top
    }

    /// How many of the ids are in `others`, and how many rows the remaining ones have.
    pub fn within(&self, others: &HashSet<u64, impl std::hash::BuildHasher>) -> (u64, u64) {
        let (mut within, mut rows_outside) = (0, 0);
        for (hash, count) in &self.by_id {
            match others.contains(hash) {
                true => within += 1,
                false => rows_outside += u64::from(*count),
            }
        }
        (within, rows_outside)
    }

    /// The counts alone, ascending.
    pub fn sorted(&self) -> Vec<u32> {
        let mut counts: Vec<u32> = self.by_id.values().copied().collect();
        counts.sort_unstable();
        counts
    }
}

fn shorten(known: &mut Vec<(u64, Top)>) {
    known.sort_by(|(_, a), (_, b)| b.events.cmp(&a.events).then_with(|| a.id.cmp(&b.id)));
    known.truncate(N_TOP);
}

/// The value below which a share of the values lies: of values in ascending order, the one at that place.
pub(super) fn quantile(sorted: &[u32], share: f64) -> u32 {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// Gini's coefficient of counts in ascending order: 0 if all are the same, near 1 if one has everything.
pub(super) fn gini(sorted: &[u32]) -> f64 {
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().map(|count| f64::from(*count)).sum();
    if total == 0.0 {
        return 0.0;
    }
    let weighted: f64 = sorted.iter().zip(1_u64..).map(|(count, rank)| f64::from(*count) * rank as f64).sum();
    2.0 * weighted / (n * total) - (n + 1.0) / n
}

/// The part of everything that the largest `share` of the counts has; of one at least.
pub(super) fn share_of_top(sorted: &[u32], share: f64) -> f64 {
    let n = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
    let total: u64 = sorted.iter().map(|count| u64::from(*count)).sum();
    let top: u64 = sorted.iter().rev().take(n).map(|count| u64::from(*count)).sum();
    if total == 0 { 0.0 } else { top as f64 / total as f64 }
}

#[cfg(test)]
mod tests {
    use super::super::sample::of_text;
    use super::*;

    #[test]
    fn ginis_coefficient_is_that_of_its_definition() {
        // The mean difference of all pairs over twice the mean.
        let slow = |counts: &[u32]| {
            let n = counts.len() as f64;
            let mean = counts.iter().map(|count| f64::from(*count)).sum::<f64>() / n;
            let pairs = counts.iter().flat_map(|a| counts.iter().map(move |b| f64::from(a.abs_diff(*b))));
            pairs.sum::<f64>() / (2.0 * n * n * mean)
        };
        for counts in [&[5, 5, 5][..], &[1, 2, 3, 10], &[0, 0, 0, 7], &[1]] {
            // Both are sums of a few small whole numbers.
            assert!((gini(counts) - slow(counts)).abs() < 1e-12, "{counts:?}");
        }
        assert_eq!(gini(&[]), 0.0);
    }

    #[test]
    fn quantiles_are_values_that_occur() {
        let sorted = [1, 1, 2, 3, 100];
        assert_eq!([0.0, 0.5, 0.9, 1.0].map(|share| quantile(&sorted, share)), [1, 2, 100, 100]);
        assert_eq!(quantile(&[], 0.5), 0);
    }

    #[test]
    fn the_largest_hundredth_is_one_id_at_least() {
        assert_eq!(share_of_top(&[1, 1, 2], 0.01), 0.5);
        assert_eq!(share_of_top(&[], 0.01), 0.0);
    }

    #[test]
    fn the_most_frequent_ids_of_all_parts_are_named() {
        let mut counts = Counts::default();
        let names: Vec<String> = (0..40).map(|number| format!("i{number:02}")).collect();
        for part in names.chunks(10) {
            for (place, name) in part.iter().enumerate() {
                counts.add(of_text(name), 100 - place as u32 * 10);
            }
            counts.name_top(part.iter().map(|name| (of_text(name), name.as_str())));
        }
        // One that was seen in the first part, and is in the last again.
        counts.add(of_text("i09"), 1_000);
        counts.name_top([(of_text("i09"), "i09")].into_iter());
        let top: Vec<(&str, u64)> = counts.top().iter().map(|top| (top.id.as_str(), top.events)).collect();
        assert_eq!(top[..5], [("i09", 1_010), ("i00", 100), ("i10", 100), ("i20", 100), ("i30", 100)]);
        assert_eq!(top.len(), N_TOP);
    }
}
