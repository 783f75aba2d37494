//! The same users and items in groups: users by what was known of them, items by what was known of them.

use super::known::Known;
use super::metrics::Judged;
use super::report::{Breakdown, Figure, Figures, Group};

const DAY_S: i64 = 86_400;

/// First numbers of the groups of users by the length of their history.
const HISTORY: [i64; 7] = [1, 2, 5, 10, 20, 50, 200];

/// First numbers of the groups of items by their training users.
const USERS_OF_ITEM: [i64; 7] = [0, 1, 5, 20, 100, 500, 2000];

/// First numbers of the groups of items by their age in days.
const AGE_DAYS: [i64; 6] = [0, 1, 7, 30, 90, 365];

/// By how many events of the user were given. `withheld` has the lists that the same users get if none is: what
/// somebody sees of whom nothing is known.
pub fn by_history(judged: &[Judged], popular: &[Judged], withheld: Option<&[Judged]>) -> Breakdown {
    let all = (0..judged.len()).collect::<Vec<_>>();
    let cold = withheld.map(|withheld| Group {
        name: "none (withheld)".into(),
        n_users: withheld.len(),
        figures: of_users(withheld, &all),
        baseline: of_users(popular, &all),
    });
    let warm = grouped(judged, popular, &HISTORY, |user| judged[user].n_history() as i64);
    Breakdown { by: "events in the user's history".into(), groups: cold.into_iter().chain(warm).collect() }
}

/// By how many training users had turned to the target before, where lists are of users.
pub fn by_target_users(judged: &[Judged], active: &[Judged], n_users_of: &[u32]) -> Breakdown {
    let groups = grouped(judged, active, &USERS_OF_ITEM, |target| i64::from(n_users_of[target]));
    Breakdown { by: "training users of the target".into(), groups: groups.collect() }
}

/// Lists by the number that `value` gives for the place of each, in the groups that begin at `begins`.
fn grouped(
    judged: &[Judged],
    baseline: &[Judged],
    begins: &[i64],
    value: impl Fn(usize) -> i64,
) -> impl Iterator<Item = Group> {
    let group_of: Vec<usize> = (0..judged.len()).map(|list| place(begins, value(list))).collect();
    (0..begins.len()).filter_map(move |group| {
        let lists: Vec<usize> = (0..judged.len()).filter(|list| group_of[*list] == group).collect();
        let [figures, baseline] = [judged, baseline].map(|judged| of_users(judged, &lists));
        let name = name(begins, group, "");
        (!lists.is_empty()).then_some(Group { name, n_users: lists.len(), figures, baseline })
    })
}

/// By how many training users had the item that was to be found.
pub fn by_item_users(judged: &[Judged], popular: &[Judged], known: &Known) -> Breakdown {
    let group = |_: &Judged, item: u32, _: i64| Some(place(&USERS_OF_ITEM, i64::from(known.n_users_of(item))));
    let names = (0..USERS_OF_ITEM.len()).map(|group| name(&USERS_OF_ITEM, group, ""));
    Breakdown { by: "training users of the item".into(), groups: by_item(judged, popular, names, group) }
}

/// By how long ago a training user first had the item that was to be found.
pub fn by_item_age(judged: &[Judged], popular: &[Judged], known: &Known) -> Breakdown {
    let group = |_: &Judged, item: u32, at_s: i64| {
        Some(known.age_s(item, at_s).map_or(0, |age_s| 1 + place(&AGE_DAYS, age_s / DAY_S)))
    };
    let aged = (0..AGE_DAYS.len()).map(|group| name(&AGE_DAYS, group, " days"));
    let names = std::iter::once("never seen".to_owned()).chain(aged);
    Breakdown { by: "age of the item".into(), groups: by_item(judged, popular, names, group) }
}

/// The last group that begins at or before `value`.
fn place(begins: &[i64], value: i64) -> usize {
    begins.partition_point(|begin| *begin <= value).saturating_sub(1)
}

fn name(begins: &[i64], group: usize, unit: &str) -> String {
    let begin = begins[group];
    match begins.get(group + 1) {
        None => format!("{begin}{unit} or more"),
        Some(next) if *next == begin + 1 && begin == 0 && unit.is_empty() => "none".into(),
        Some(next) if *next == begin + 1 && begin == 0 => "below a day".into(),
        Some(next) if *next == begin + 1 => format!("{begin}{unit}"),
        Some(next) => format!("{begin} to {}{unit}", next - 1),
    }
}

fn of_users(judged: &[Judged], users: &[usize]) -> Figures {
    let mean = |value: &dyn Fn(&Judged) -> f64| {
        Figure::mean(&users.iter().map(|user| value(&judged[*user])).collect::<Vec<_>>())
    };
    let figures = [
        ("ndcg_at_10", mean(&|list| list.ndcg_at(10))),
        ("ndcg_at_25", mean(&|list| list.ndcg_at(25))),
        ("recall_at_25", mean(&|list| list.recall_at(25))),
        ("mrr_at_25", mean(&|list| list.reciprocal_rank_at(25))),
    ];
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
}

/// Recall of the relevant items of each group, as a mean over the users who have such items. `group` says where an
/// item belongs, by the list, the item and when it was had.
fn by_item(
    judged: &[Judged],
    popular: &[Judged],
    names: impl Iterator<Item = String>,
    group: impl Fn(&Judged, u32, i64) -> Option<usize>,
) -> Vec<Group> {
    let names: Vec<String> = names.collect();
    let recalls = |judged: &[Judged], k: usize| {
        let mut recalls: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        for list in judged {
            let mut found = vec![(0_u32, 0_u32); names.len()];
            for relevant in list.relevant() {
                let place = group(list, relevant.item, relevant.at_s).and_then(|place| found.get_mut(place));
                if let Some((n_found, n_all)) = place {
                    *n_all += 1;
                    *n_found += u32::from(relevant.rank.is_some_and(|rank| rank <= k));
                }
            }
            for (recalls, (n_found, n_all)) in recalls.iter_mut().zip(found) {
                if n_all > 0 {
                    recalls.push(f64::from(n_found) / f64::from(n_all));
                }
            }
        }
        recalls
    };
    let mut groups: Vec<Group> = names.iter().map(|name| Group { name: name.clone(), ..Group::default() }).collect();
    for k in [10, 25, 50] {
        let (of_lists, of_popular) = (recalls(judged, k), recalls(popular, k));
        for ((group, of_lists), of_popular) in groups.iter_mut().zip(of_lists).zip(of_popular) {
            group.n_users = of_lists.len();
            group.figures.insert(format!("recall_at_{k}"), Figure::mean(&of_lists));
            group.baseline.insert(format!("recall_at_{k}"), Figure::mean(&of_popular));
        }
    }
    groups.retain(|group| group.n_users > 0);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Histories;

    fn names(breakdown: &Breakdown) -> Vec<(&str, usize)> {
        breakdown.groups.iter().map(|group| (group.name.as_str(), group.n_users)).collect()
    }

    /// Three users with histories of 1, 3 and 300 events; the second item of each list is relevant to the first and
    /// the last, and nothing that is relevant to the second is in its list.
    fn judged() -> Vec<Judged> {
        [(1, 1), (3, 9), (300, 1)]
            .map(|(n_history, item)| Judged::new(vec![0, 1, 2], &[item]).after(&vec![5; n_history]))
            .into()
    }

    #[test]
    fn users_are_grouped_by_their_history_and_asked_without_it() {
        let breakdown = by_history(&judged(), &judged(), None);
        assert_eq!(names(&breakdown), [("1", 1), ("2 to 4", 1), ("200 or more", 1)]);
        let recalls: Vec<f64> = breakdown.groups.iter().map(|group| group.figures["recall_at_25"].value).collect();
        assert_eq!(recalls, [1.0, 0.0, 1.0]);
        let nothing: Vec<Judged> = judged().iter().map(|_| Judged::new(vec![], &[1])).collect();
        let breakdown = by_history(&judged(), &judged(), Some(&nothing));
        assert_eq!(breakdown.groups[0].name, "none (withheld)");
        assert_eq!(breakdown.groups[0].n_users, 3);
        assert_eq!(breakdown.groups[0].figures["recall_at_25"].value, 0.0);
        // Popular items are the same for everybody.
        assert_eq!(breakdown.groups[0].baseline["recall_at_25"].value, 2.0 / 3.0);
    }

    #[test]
    fn items_are_grouped_by_their_users_and_by_their_age() {
        // Item 0 by three users since day 0, item 1 by one since day 10, item 2 by nobody.
        let training = Histories::new(vec![0, 2, 3, 4], vec![0, 1, 0, 0], vec![0, 10 * DAY_S, 5, 6]);
        let known = Known::of(&training, &[3, 1, 0], 3);
        let times = [100 * DAY_S, 10 * DAY_S + 5, 40 * DAY_S];
        let lists = [
            // Finds item 0, misses 1 and 2.
            Judged::new(vec![0], &[0, 1, 2]).at(&times),
            // Finds item 1 alone.
            Judged::new(vec![1], &[1]).at(&[40 * DAY_S]),
        ];
        let by_users = by_item_users(&lists, &lists, &known);
        assert_eq!(names(&by_users), [("none", 1), ("1 to 4", 2)]);
        // Of the first user's items with one to four users half were found, of the second's all.
        assert_eq!(by_users.groups[1].figures["recall_at_10"], Figure { value: 0.75, standard_error: Some(0.25) });
        assert_eq!(by_users.groups[0].figures["recall_at_50"].value, 0.0);
        let by_age = by_item_age(&lists, &lists, &known);
        assert_eq!(
            names(&by_age),
            [("never seen", 1), ("below a day", 1), ("30 to 89 days", 1), ("90 to 364 days", 1)]
        );
        let recalls: Vec<f64> = by_age.groups.iter().map(|group| group.figures["recall_at_10"].value).collect();
        assert_eq!(recalls, [0.0, 0.0, 1.0, 1.0]);
    }
}
