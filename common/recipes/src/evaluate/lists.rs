//! What the lists are like, whoever they are for and whatever was relevant.

use std::collections::HashSet;

use super::known::Known;
use super::metrics::Judged;
use super::report::{Figure, Figures};

/// Of the first 25 items of each list:
///
/// | figure       | meaning                                                                                   |
/// |--------------|-------------------------------------------------------------------------------------------|
/// | `coverage`   | share of the items that are in a list at all                                              |
/// | `gini`       | of how often items are listed: 0 if all are equally often, near 1 if a few have it all    |
/// | `popularity` | mean share of the training users who had the item                                         |
/// | `novelty`    | mean self-information of the item, in bits (Zhou et al. 2010): `log₂(users / its users)`   |
/// | `repeats`    | share of items that the user had before                                                   |
pub fn lists(judged: &[Judged], known: &Known) -> Figures {
    let mean = |of: &dyn Fn(u32) -> f64| {
        let lists = judged.iter().map(Judged::shown).filter(|items| !items.is_empty());
        let means = lists.map(|items| items.iter().map(|item| of(*item)).sum::<f64>() / items.len() as f64);
        Figure::mean(&means.collect::<Vec<_>>())
    };
    let repeats: Vec<f64> =
        judged.iter().map(|list| list.n_repeats() as f64 / list.shown().len().max(1) as f64).collect();
    let distinct: HashSet<u32> = judged.iter().flat_map(Judged::shown).copied().collect();
    let figures = [
        ("coverage", Figure::plain(distinct.len() as f64 / known.n_catalogue.max(1) as f64)),
        ("gini", Figure::plain(gini(judged.iter().flat_map(Judged::shown), known.n_catalogue))),
        ("popularity", mean(&|item| known.popularity(item))),
        ("novelty", mean(&|item| known.novelty(item))),
        ("repeats", Figure::mean(&repeats)),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
}

/// Gini coefficient of how often each of `n_catalogue` items is listed: with counts `x` in ascending order,
/// `2 Σ i·x_i / (n Σ x_i) - (n + 1) / n`.
pub fn gini<'a>(listed: impl Iterator<Item = &'a u32>, n_catalogue: usize) -> f64 {
    let mut n_listed = vec![0_u64; n_catalogue];
    for item in listed {
        if let Some(n_listed) = n_listed.get_mut(*item as usize) {
            *n_listed += 1;
        }
    }
    n_listed.sort_unstable();
    let total: u64 = n_listed.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let n = n_catalogue as f64;
    let weighted: f64 = (1..).zip(&n_listed).map(|(place, count)| f64::from(place) * *count as f64).sum();
    2.0 * weighted / (n * total as f64) - (n + 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Histories;

    fn close(a: f64, b: f64) {
        // A few roundings of numbers near 1.
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    #[test]
    fn the_lists_of_two_users_by_hand() {
        // Four training users; item 0 was had by all, 1 by two, 2 by one, 3 by nobody, and 4 has no row.
        let training = Histories::new(vec![0, 3, 5, 6, 7], vec![0, 1, 2, 0, 1, 0, 0], vec![0_i64; 7]);
        let known = Known::of(&training, &[4, 2, 1, 0], 5);
        let judged = [Judged::new(vec![0, 1], &[2]).after(&[1]), Judged::new(vec![0, 3], &[0]).after(&[2])];
        let figures = lists(&judged, &known);
        close(figures["coverage"].value, 3.0 / 5.0);
        // Listed 0, 0, 1, 1 and 2 times.
        close(figures["gini"].value, 2.0 * (3.0 + 4.0 + 5.0 * 2.0) / (5.0 * 4.0) - 6.0 / 5.0);
        close(figures["popularity"].value, ((1.0 + 0.5) / 2.0 + (1.0 + 0.0) / 2.0) / 2.0);
        close(figures["novelty"].value, ((0.0 + 1.0) / 2.0 + (0.0 + 2.0) / 2.0) / 2.0);
        close(figures["repeats"].value, (1.0 / 2.0 + 0.0) / 2.0);
    }

    #[test]
    fn gini_is_0_of_equal_shares_and_nears_1_of_one_for_all() {
        let equal: Vec<u32> = (0..50).collect();
        close(gini(equal.iter(), 50), 0.0);
        close(gini([7; 50].iter(), 50), 1.0 - 1.0 / 50.0);
        close(gini([].iter(), 50), 0.0);
    }
}
