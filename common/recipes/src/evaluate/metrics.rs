use std::collections::{BTreeMap, HashSet};

/// Items asked for when a recipe is judged.
pub const LIST_LENGTH: usize = 25;

const CUTOFFS: [usize; 3] = [5, 10, 25];

/// One list, held against what the user did.
pub struct Judged {
    items: Vec<u32>,
    /// Ranks, from 1, of the relevant items in the list.
    hits: Vec<usize>,
    /// Distinct relevant items, in the list or not.
    n_relevant: usize,
}

impl Judged {
    /// `truth` may name an item more than once.
    pub fn new(items: Vec<u32>, truth: &[u32]) -> Self {
        let relevant: HashSet<u32> = truth.iter().copied().collect();
        let hits = (1..).zip(&items).filter(|(_, item)| relevant.contains(item)).map(|(rank, _)| rank).collect();
        Self { items, hits, n_relevant: relevant.len() }
    }

    fn hits_at(&self, k: usize) -> &[usize] {
        &self.hits[..self.hits.partition_point(|rank| *rank <= k)]
    }

    fn precision_at(&self, k: usize) -> f64 {
        self.hits_at(k).len() as f64 / k as f64
    }

    fn reciprocal_rank(&self) -> f64 {
        self.hits_at(LIST_LENGTH).first().map_or(0.0, |rank| 1.0 / *rank as f64)
    }

    /// Normalised by the best order of the `n_ideal` leading places; 0 without hits.
    fn ndcg_at(&self, k: usize, n_ideal: usize) -> f64 {
        let hits = self.hits_at(k);
        if hits.is_empty() { 0.0 } else { dcg(hits.iter().copied()) / dcg(1..=n_ideal) }
    }
}

/// Gain 1 for each relevant item, discounted by the logarithm of 1 + rank. The base cancels in NDCG.
fn dcg(ranks: impl Iterator<Item = usize>) -> f64 {
    ranks.map(|rank| 1.0 / ((1 + rank) as f64).log2()).sum()
}

/// Means over all lists.
pub struct Means {
    coverage: f64,
    reciprocal_rank: f64,
    precision: [f64; 3],
    ndcg_of_list: [f64; 3],
    ndcg: [f64; 3],
}

impl Means {
    /// `n_catalogue` is the number of items that could be recommended.
    pub fn of(judged: &[Judged], n_catalogue: usize) -> Self {
        let shown: HashSet<u32> = judged.iter().flat_map(|list| list.items.iter().take(LIST_LENGTH)).copied().collect();
        let mean = |value: &dyn Fn(&Judged) -> f64| judged.iter().map(value).sum::<f64>() / judged.len().max(1) as f64;
        Self {
            coverage: shown.len() as f64 / n_catalogue.max(1) as f64,
            reciprocal_rank: mean(&Judged::reciprocal_rank),
            precision: CUTOFFS.map(|k| mean(&|list| list.precision_at(k))),
            ndcg_of_list: CUTOFFS.map(|k| mean(&|list| list.ndcg_at(k, list.hits_at(k).len()))),
            ndcg: CUTOFFS.map(|k| mean(&|list| list.ndcg_at(k, list.n_relevant.min(k)))),
        }
    }

    /// The eight metrics of the API.
    pub fn wire(&self) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::from([
            ("coverage".to_owned(), self.coverage),
            (format!("mean_reciprocal_rank_at_{LIST_LENGTH}"), self.reciprocal_rank),
        ]);
        metrics.extend(named("precision_at", self.precision));
        metrics.extend(named("normalized_discounted_cumulative_gain_at", self.ndcg_of_list));
        metrics
    }

    /// NDCG by the best list there could be.
    pub fn standard(&self) -> BTreeMap<String, f64> {
        named("normalized_discounted_cumulative_gain_at", self.ndcg).collect()
    }
}

fn named(name: &str, values: [f64; 3]) -> impl Iterator<Item = (String, f64)> {
    CUTOFFS.into_iter().zip(values).map(move |(k, value)| (format!("{name}_{k}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        // A few roundings of numbers near 1.
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    /// A list of 25 items whose hits are at these ranks, of `n_relevant` relevant items.
    fn list(ranks: &[usize], n_relevant: usize) -> Judged {
        let items: Vec<u32> = (1..=25).collect();
        let missed = (0..n_relevant - ranks.len()).map(|number| 100 + number as u32);
        let truth: Vec<u32> = ranks.iter().map(|rank| *rank as u32).chain(missed).collect();
        Judged::new(items, &truth)
    }

    #[test]
    fn the_guides_example_of_mrr() {
        let means = Means::of(&[list(&[4], 1), list(&[2], 1), list(&[6], 1)], 25);
        close(means.reciprocal_rank, (1.0 / 4.0 + 1.0 / 2.0 + 1.0 / 6.0) / 3.0);
    }

    #[test]
    fn the_guides_example_of_ndcg() {
        let of_list = (1.0 / 3_f64.log2() + 1.0 / 6_f64.log2()) / (1.0 + 1.0 / 3_f64.log2());
        close(Means::of(&[list(&[2, 5], 2)], 25).ndcg_of_list[0], of_list);
        close((of_list * 1e4).round() / 1e4, 0.6241);
    }

    #[test]
    fn the_two_ndcgs_differ_when_something_was_missed() {
        // Hits at 2 and 7, four relevant: at 5 one hit in the list of four reachable, at 10 two.
        let means = Means::of(&[list(&[2, 7], 4)], 25);
        let [second, seventh] = [1.0 / 3_f64.log2(), 1.0 / 8_f64.log2()];
        close(means.ndcg_of_list[0], second);
        close(means.ndcg_of_list[1], (second + seventh) / (1.0 + second));
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 1.0 / 4_f64.log2() + 1.0 / 5_f64.log2();
        close(means.ndcg[0], second / ideal);
        close(means.ndcg[1], (second + seventh) / ideal);
        // More relevant items than places: the ideal fills the places.
        let means = Means::of(&[list(&[1], 9)], 25);
        let ideal: f64 = (1..=5).map(|rank| 1.0 / (1.0 + f64::from(rank)).log2()).sum();
        close(means.ndcg[0], 1.0 / ideal);
    }

    #[test]
    fn precision_divides_by_the_cutoff_and_a_truth_counts_once() {
        let means = Means::of(&[Judged::new(vec![1, 2, 3], &[2, 2, 3, 9])], 10);
        close(means.precision[0], 2.0 / 5.0);
        close(means.precision[2], 2.0 / 25.0);
        close(means.coverage, 3.0 / 10.0);
    }

    #[test]
    fn nothing_found_and_nobody_asked_give_zeros() {
        for judged in [vec![], vec![list(&[], 1)], vec![Judged::new(vec![], &[1])]] {
            let means = Means::of(&judged, 0);
            assert!(means.wire().iter().filter(|(name, _)| *name != "coverage").all(|(_, value)| *value == 0.0));
        }
    }

    #[test]
    fn the_wire_has_the_eight_names() {
        let names: Vec<String> = Means::of(&[], 0).wire().into_keys().collect();
        assert_eq!(
            names,
            [
                "coverage",
                "mean_reciprocal_rank_at_25",
                "normalized_discounted_cumulative_gain_at_10",
                "normalized_discounted_cumulative_gain_at_25",
                "normalized_discounted_cumulative_gain_at_5",
                "precision_at_10",
                "precision_at_25",
                "precision_at_5",
            ]
        );
    }
}
