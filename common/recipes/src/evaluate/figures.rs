//! The figures of the literature, with the standard errors of their means over users.

use super::metrics::{CUTOFFS, Judged};
use super::report::{AtCutoff, Figure, Figures};

/// Longest list that is looked at.
pub const LONGEST: usize = 100;

/// Lengths of lists that accuracy is told for.
const LENGTHS: [usize; 10] = [1, 2, 3, 5, 10, 15, 20, 25, 50, LONGEST];

/// What the first `k` items of a list are worth to its user.
type Measure = fn(&Judged, usize) -> f64;

const MEASURES: [(&str, Measure); 5] = [
    ("ndcg", Judged::ndcg_at),
    ("recall", Judged::recall_at),
    ("hit_rate", Judged::hit_at),
    ("precision", Judged::precision_at),
    ("mrr", Judged::reciprocal_rank_at),
];

/// Each measure at 5, 10 and 25: `ndcg_at_10`.
pub fn accuracy<'a>(judged: impl Iterator<Item = &'a Judged> + Clone) -> Figures {
    let named = MEASURES.iter().flat_map(|(name, measure)| CUTOFFS.map(|k| (format!("{name}_at_{k}"), measure, k)));
    named.map(|(name, measure, k)| (name, mean(judged.clone(), |list| measure(list, k)))).collect()
}

/// What `judged` has more than `baseline`, user by user.
pub fn gain(judged: &[Judged], baseline: &[Judged]) -> Figures {
    let mut gain = Figures::new();
    for (name, measure) in MEASURES {
        for k in CUTOFFS {
            let differences = judged.iter().zip(baseline).map(|(list, other)| measure(list, k) - measure(other, k));
            gain.insert(format!("{name}_at_{k}"), Figure::mean(&differences.collect::<Vec<_>>()));
        }
    }
    gain
}

/// Accuracy by the length of the list, up to the number of items there are.
pub fn by_cutoff(judged: &[Judged], baseline: &[Judged], n_items: usize) -> Vec<AtCutoff> {
    let at = |judged: &[Judged], k: usize| -> Figures {
        let figure = |measure: Measure| mean(judged.iter(), |list| measure(list, k));
        MEASURES.iter().map(|(name, measure)| ((*name).to_owned(), figure(*measure))).collect()
    };
    let lengths = LENGTHS.into_iter().filter(|k| *k <= n_items.max(1));
    lengths.map(|k| AtCutoff { k, figures: at(judged, k), baseline: at(baseline, k) }).collect()
}

fn mean<'a>(judged: impl Iterator<Item = &'a Judged>, value: impl Fn(&Judged) -> f64) -> Figure {
    Figure::mean(&judged.map(value).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Two users: the first finds its item at 2, the second misses one of two and finds the other at 7.
    fn judged() -> [Judged; 2] {
        let items: Vec<u32> = (1..=30).collect();
        [Judged::new(items.clone(), &[2]), Judged::new(items, &[7, 99])]
    }

    #[test]
    fn figures_are_means_over_users_with_their_standard_errors() {
        let figures = accuracy(judged().iter());
        assert_eq!(figures.len(), 15);
        // Recalls of 1 and 1/2: each is 1/4 off the mean.
        assert_eq!(figures["recall_at_10"], Figure { value: 0.75, standard_error: Some(0.25) });
        let [second, seventh] = [1.0 / 3_f64.log2(), 1.0 / 8_f64.log2() / (1.0 + 1.0 / 3_f64.log2())];
        // A few roundings of numbers near 1.
        assert!((figures["ndcg_at_10"].value - (second + seventh) / 2.0).abs() < 1e-12);
        assert_eq!(figures["mrr_at_25"].value, (1.0 / 2.0 + 1.0 / 7.0) / 2.0);
        assert_eq!(figures["hit_rate_at_5"].value, 0.5);
        assert_eq!(figures["precision_at_5"].value, 0.5 / 5.0);
    }

    #[test]
    fn a_gain_has_the_error_of_the_differences() {
        let nothing = [Judged::new(vec![], &[2]), Judged::new(vec![], &[7, 99])];
        let gain = gain(&judged(), &nothing);
        assert_eq!(gain["recall_at_10"], Figure { value: 0.75, standard_error: Some(0.25) });
        let same = super::gain(&judged(), &judged());
        assert_eq!(same["ndcg_at_25"], Figure { value: 0.0, standard_error: Some(0.0) });
    }

    #[test]
    fn longer_lists_find_more_and_none_is_longer_than_there_are_items() {
        let by = by_cutoff(&judged(), &judged(), 30);
        assert_eq!(by.iter().map(|at| at.k).collect::<Vec<_>>(), [1, 2, 3, 5, 10, 15, 20, 25]);
        let recalls: Vec<f64> = by.iter().map(|at| at.figures["recall"].value).collect();
        assert_eq!(recalls, [0.0, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75]);
        assert_eq!(by[0].baseline, by[0].figures);
    }
}
