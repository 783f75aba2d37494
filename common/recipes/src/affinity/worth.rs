//! What lists of users are worth.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use super::targets::Targets;
use crate::Report;
use crate::evaluate::{
    Figure, Figures, Judged, accuracy, by_cutoff, by_target_users, fingerprint, gain, gini, warnings_of_segments,
};

/// One percent of the users, at least one.
pub fn list_length(n_users: usize) -> usize {
    n_users.div_ceil(100).max(1)
}

/// What the first so many of a list are worth.
type Measure = fn(&Judged, usize) -> f64;

/// What is told of the first percent, by its name on the wire.
const AT_1_PERCENT: [(&str, Measure); 2] = [
    ("hits_at_1_percent", |list, length| list.hits_at(length).len() as f64),
    ("recall_at_1_percent", Judged::recall_at),
];

/// Mean share of the users who turned to a target that the lists have.
pub fn recall(lists: &[Vec<u32>], targets: &Targets) -> f64 {
    let recalls: Vec<f64> = judged(lists, targets).iter().map(|list| list.recall_at(usize::MAX)).collect();
    Figure::mean(&recalls).value
}

/// Holds the lists of targets, and those of the most active users, against who turned to the targets.
///
/// | argument            | meaning                                                                          |
/// |---------------------|----------------------------------------------------------------------------------|
/// | `own`, `active`     | by target the users, best first; at least a percent of them                      |
/// | `n_users_of`        | by target how many users had turned to it before                                 |
/// | `n_users`           | users that lists are made of                                                     |
/// | `n_catalogue_users` | users of the datasets, of which coverage is a share                              |
pub fn report(
    [own, active]: [&[Vec<u32>]; 2],
    targets: &Targets,
    n_users_of: &[u32],
    n_users: usize,
    n_catalogue_users: usize,
) -> Report {
    let length = list_length(n_users);
    let [of_own, of_active] = [own, active].map(|lists| judged(lists, targets));
    let [figures, baseline] =
        [(own, &of_own), (active, &of_active)].map(|(lists, judged)| figures(lists, judged, length, n_catalogue_users));
    let mut gain = gain(&of_own, &of_active);
    for (name, measure) in AT_1_PERCENT {
        let differences =
            of_own.iter().zip(&of_active).map(|(own, active)| measure(own, length) - measure(active, length));
        gain.insert(name.to_owned(), Figure::mean(&differences.collect::<Vec<_>>()));
    }
    let n_test_users = targets.users.iter().flatten().collect::<HashSet<_>>().len();
    Report {
        metrics: wire(&figures),
        popularity_baseline: wire(&baseline),
        n_test_users,
        n_targets: Some(targets.items.len()),
        by_cutoff: by_cutoff(&of_own, &of_active, n_users),
        breakdowns: vec![by_target_users(&of_own, &of_active, n_users_of)],
        warnings: warnings_of_segments(n_test_users, &gain),
        fingerprint: fingerprint(own.iter().map(Vec::as_slice)),
        figures,
        baseline,
        gain,
        ..Report::default()
    }
}

fn judged(lists: &[Vec<u32>], targets: &Targets) -> Vec<Judged> {
    let of_target = |(list, users): (&Vec<u32>, &Vec<u32>)| {
        let found = (1..).zip(list).filter(|(_, user)| users.binary_search(user).is_ok());
        Judged::of_ranks(found.map(|(rank, _)| rank).collect(), users.len())
    };
    lists.par_iter().zip(&targets.users).map(of_target).collect()
}

/// Accuracy by target; of the first percent also how many of the users are in a list at all (`coverage`), and how
/// evenly (`gini`).
fn figures(lists: &[Vec<u32>], judged: &[Judged], length: usize, n_catalogue_users: usize) -> Figures {
    let mut figures = accuracy(judged.iter());
    for (name, measure) in AT_1_PERCENT {
        let values: Vec<f64> = judged.iter().map(|list| measure(list, length)).collect();
        figures.insert(name.to_owned(), Figure::mean(&values));
    }
    let shown = || lists.iter().flat_map(|list| list.iter().take(length));
    let n_shown = shown().collect::<HashSet<_>>().len();
    figures.insert("coverage".to_owned(), Figure::plain(n_shown as f64 / n_catalogue_users.max(1) as f64));
    figures.insert("gini".to_owned(), Figure::plain(gini(shown(), n_catalogue_users)));
    figures
}

fn wire(figures: &Figures) -> BTreeMap<String, f64> {
    let names = ["coverage"].into_iter().chain(AT_1_PERCENT.map(|(name, _)| name));
    names.filter_map(|name| Some((name.to_owned(), figures.get(name)?.value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two targets: four users turned to the first, one to the second.
    fn targets() -> Targets {
        Targets { items: vec![vec![0], vec![1]], users: vec![vec![1, 2, 3, 4], vec![9]], shares: false }
    }

    #[test]
    fn hits_are_counted_and_recall_is_a_share_of_those_who_turned_to_it() {
        let own = [vec![1, 4, 7, 3], vec![8, 7, 1, 9]];
        let active = [vec![7, 8, 1, 2], vec![7, 8, 1, 2]];
        // A percent of 300 users is three; four more are in the datasets and in no list.
        let report = report([&own, &active], &targets(), &[20, 0], 300, 304);
        let expected = [
            ("coverage", 4.0 / 304.0, 3.0 / 304.0),
            ("hits_at_1_percent", (2.0 + 0.0) / 2.0, (1.0 + 0.0) / 2.0),
            ("recall_at_1_percent", (2.0 / 4.0 + 0.0) / 2.0, (1.0 / 4.0 + 0.0) / 2.0),
        ];
        let told = |metrics: &BTreeMap<String, f64>| metrics.clone().into_iter().collect::<Vec<_>>();
        assert_eq!(told(&report.metrics), expected.map(|(name, own, _)| (name.to_owned(), own)));
        assert_eq!(told(&report.popularity_baseline), expected.map(|(name, _, active)| (name.to_owned(), active)));
        // Five turned to a target; the means are over the two targets.
        assert_eq!((report.n_test_users, report.n_targets), (5, Some(2)));
        // Of differences 1 and 0.
        assert_eq!(report.gain["hits_at_1_percent"], Figure { value: 0.5, standard_error: Some(0.5) });
        // The whole lists find one of four more, and the one.
        assert_eq!(report.figures["recall_at_5"], Figure { value: (0.75 + 1.0) / 2.0, standard_error: Some(0.125) });
        assert_eq!(report.figures["hit_rate_at_5"].value, 1.0);
        let groups = report.breakdowns[0].groups.iter().map(|group| (group.name.as_str(), group.n_users));
        assert_eq!(groups.collect::<Vec<_>>(), [("none", 1), ("20 to 99", 1)]);
        assert_eq!(report.breakdowns[0].groups[1].figures["recall_at_25"], Figure::plain(0.75));
        assert_eq!(report.warnings.len(), 2);
    }

    #[test]
    fn without_targets_every_figure_is_a_number() {
        let none = Targets { items: vec![], users: vec![], shares: false };
        let report = report([&[], &[]], &none, &[], 300, 300);
        assert!(report.figures.values().chain(report.baseline.values()).all(|figure| figure.value.is_finite()));
        assert_eq!((report.n_test_users, report.n_targets, report.breakdowns[0].groups.len()), (0, Some(0), 0));
    }
}
