use std::collections::{BTreeMap, HashMap, HashSet};

/// Items that the API's metrics look at.
pub const LIST_LENGTH: usize = 25;

pub const CUTOFFS: [usize; 3] = [5, 10, 25];

/// One list, held against what the user did.
pub struct Judged {
    items: Vec<u32>,
    /// Ranks, from 1, of the relevant items in the list.
    hits: Vec<usize>,
    /// Each once, in the list or not.
    relevant: Vec<Relevant>,
    n_relevant: usize,
    n_history: usize,
    n_repeats: usize,
}

/// An item that the user had in the held-out part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relevant {
    pub item: u32,
    /// When the user first had it there, in seconds since the Unix epoch.
    pub at_s: i64,
    /// Its place in the list, from 1.
    pub rank: Option<usize>,
    /// Where it first is among the held-out events.
    first: usize,
}

impl Judged {
    /// `truth` may name an item more than once.
    pub fn new(items: Vec<u32>, truth: &[u32]) -> Self {
        let ranks: HashMap<u32, usize> = items.iter().copied().zip(1..).collect();
        let mut told = HashSet::new();
        let once = truth.iter().enumerate().filter(|(_, item)| told.insert(**item));
        let relevant: Vec<Relevant> = once
            .map(|(first, item)| Relevant { item: *item, at_s: 0, rank: ranks.get(item).copied(), first })
            .collect();
        let mut hits: Vec<usize> = relevant.iter().filter_map(|relevant| relevant.rank).collect();
        hits.sort_unstable();
        let n_relevant = relevant.len();
        Self { items, hits, relevant, n_relevant, n_history: 0, n_repeats: 0 }
    }

    /// From the ranks, ascending, of what is relevant in a list: all that measures of accuracy look at.
    pub fn of_ranks(hits: Vec<usize>, n_relevant: usize) -> Self {
        Self { items: Vec::new(), hits, relevant: Vec::new(), n_relevant, n_history: 0, n_repeats: 0 }
    }

    /// With the events that were given.
    pub fn after(mut self, history: &[u32]) -> Self {
        let had: HashSet<u32> = history.iter().copied().collect();
        self.n_history = history.len();
        self.n_repeats = self.shown().iter().filter(|item| had.contains(item)).count();
        self
    }

    /// With the times of the held-out events.
    pub fn at(mut self, timestamp_s: &[i64]) -> Self {
        for relevant in &mut self.relevant {
            relevant.at_s = timestamp_s.get(relevant.first).copied().unwrap_or(0);
        }
        self
    }

    /// The best first, as many as were asked for.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The part of the list that the API's metrics look at.
    pub fn shown(&self) -> &[u32] {
        &self.items[..self.items.len().min(LIST_LENGTH)]
    }

    pub fn relevant(&self) -> &[Relevant] {
        &self.relevant
    }

    /// How many events of the user were given.
    pub fn n_history(&self) -> usize {
        self.n_history
    }

    /// How many of the shown items the user had before.
    pub fn n_repeats(&self) -> usize {
        self.n_repeats
    }

    /// Ranks of the relevant items among the first `k`.
    pub fn hits_at(&self, k: usize) -> &[usize] {
        &self.hits[..self.hits.partition_point(|rank| *rank <= k)]
    }

    pub fn precision_at(&self, k: usize) -> f64 {
        self.hits_at(k).len() as f64 / k as f64
    }

    pub fn recall_at(&self, k: usize) -> f64 {
        self.hits_at(k).len() as f64 / self.n_relevant.max(1) as f64
    }

    /// 1 if there is anything relevant among the first `k`.
    pub fn hit_at(&self, k: usize) -> f64 {
        if self.hits_at(k).is_empty() { 0.0 } else { 1.0 }
    }

    pub fn reciprocal_rank_at(&self, k: usize) -> f64 {
        self.hits_at(k).first().map_or(0.0, |rank| 1.0 / *rank as f64)
    }

    /// Normalised by the hits in the list, as the API has it.
    fn ndcg_of_list_at(&self, k: usize) -> f64 {
        self.normalised(k, self.hits_at(k).len())
    }

    /// Normalised by the best list there could be.
    pub fn ndcg_at(&self, k: usize) -> f64 {
        self.normalised(k, self.n_relevant.min(k))
    }

    /// Normalised by the best order of the `n_ideal` leading places; 0 without hits.
    fn normalised(&self, k: usize, n_ideal: usize) -> f64 {
        let hits = self.hits_at(k);
        if hits.is_empty() { 0.0 } else { dcg(hits.iter().copied()) / dcg(1..=n_ideal) }
    }
}

/// Gain 1 for each relevant item. The base of the logarithm cancels in NDCG.
fn dcg(ranks: impl Iterator<Item = usize>) -> f64 {
    ranks.map(discount).sum()
}

/// The logarithm of 1 + rank, inverted.
pub fn discount(rank: usize) -> f64 {
    1.0 / ((1 + rank) as f64).log2()
}

/// Means over all lists.
pub struct Means {
    coverage: f64,
    reciprocal_rank: f64,
    precision: [f64; 3],
    ndcg_of_list: [f64; 3],
}

impl Means {
    /// `n_catalogue` is the number of items that could be recommended.
    pub fn of(judged: &[Judged], n_catalogue: usize) -> Self {
        let shown: HashSet<u32> = judged.iter().flat_map(Judged::shown).copied().collect();
        let mean = |value: &dyn Fn(&Judged) -> f64| judged.iter().map(value).sum::<f64>() / judged.len().max(1) as f64;
        Self {
            coverage: shown.len() as f64 / n_catalogue.max(1) as f64,
            reciprocal_rank: mean(&|list| list.reciprocal_rank_at(LIST_LENGTH)),
            precision: CUTOFFS.map(|k| mean(&|list| list.precision_at(k))),
            ndcg_of_list: CUTOFFS.map(|k| mean(&|list| list.ndcg_of_list_at(k))),
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
        let missed = list(&[2, 7], 4);
        let means = Means::of(std::slice::from_ref(&missed), 25);
        let [second, seventh] = [1.0 / 3_f64.log2(), 1.0 / 8_f64.log2()];
        close(means.ndcg_of_list[0], second);
        close(means.ndcg_of_list[1], (second + seventh) / (1.0 + second));
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 1.0 / 4_f64.log2() + 1.0 / 5_f64.log2();
        close(missed.ndcg_at(5), second / ideal);
        close(missed.ndcg_at(10), (second + seventh) / ideal);
        // More relevant items than places: the ideal fills the places.
        let ideal: f64 = (1..=5).map(|rank| 1.0 / (1.0 + f64::from(rank)).log2()).sum();
        close(list(&[1], 9).ndcg_at(5), 1.0 / ideal);
    }

    #[test]
    fn precision_divides_by_the_cutoff_and_a_truth_counts_once() {
        let means = Means::of(&[Judged::new(vec![1, 2, 3], &[2, 2, 3, 9])], 10);
        close(means.precision[0], 2.0 / 5.0);
        close(means.precision[2], 2.0 / 25.0);
        close(means.coverage, 3.0 / 10.0);
    }

    #[test]
    fn recall_hits_and_reciprocal_ranks_look_at_the_first_k() {
        let missed = list(&[2, 7], 4);
        close(missed.recall_at(5), 1.0 / 4.0);
        close(missed.recall_at(10), 2.0 / 4.0);
        assert_eq!([missed.hit_at(1), missed.hit_at(2), missed.hit_at(25)], [0.0, 1.0, 1.0]);
        close(missed.reciprocal_rank_at(1), 0.0);
        close(missed.reciprocal_rank_at(25), 1.0 / 2.0);
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
