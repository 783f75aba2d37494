use std::collections::{BTreeMap, HashSet};

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::attributes::Attributes;
use super::segments::Segment;
use super::share::Person;
use super::tower::Tower;
use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, Report, TrainError};

/// Targets that are judged at most: the error of a mean over so many is some hundredths of it.
const MAX_TARGETS: usize = 2000;
/// Users whose scores are in memory at a time.
const BLOCK: usize = 256;

/// The oldest 80 % of each user's events, and the others. A user with a single event has it in the first.
pub fn cut(histories: &Histories) -> (Histories, Histories) {
    let users: Vec<usize> = histories.users().collect();
    let kept = |user: usize| {
        let n_events = histories.items_of(user).len();
        n_events - (n_events / 5).max(usize::from(n_events > 1))
    };
    let (mut offsets, mut items, mut times) = (vec![0], Vec::new(), Vec::new());
    for user in histories.users() {
        items.extend_from_slice(&histories.items_of(user)[kept(user)..]);
        times.extend(histories.timestamps_of(user).iter().skip(kept(user)));
        offsets.push(items.len());
    }
    (histories.cut(&users, kept), Histories::new(offsets, items, times))
}

/// Items or attributes, and who turned to them.
pub struct Targets {
    /// The items of each target.
    items: Vec<Vec<u32>>,
    /// Users of each target, ascending.
    users: Vec<Vec<u32>>,
    /// Scored as shares of all that a user turns to: see [`Person`].
    shares: bool,
}

impl Targets {
    /// Items that somebody turned to and that were there before; some of them, drawn at random, if they are many.
    pub fn items(before: &Histories, truth: &Histories, n_items: usize, seed: u64) -> Self {
        let known: HashSet<u32> = before.items().iter().copied().collect();
        let mut users = users_of(truth, (0..n_items as u32).map(|item| vec![item]), n_items);
        let mut chosen: Vec<usize> =
            (0..n_items).filter(|item| !users[*item].is_empty() && known.contains(&(*item as u32))).collect();
        chosen.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        chosen.truncate(MAX_TARGETS);
        chosen.sort_unstable();
        let users = chosen.iter().map(|item| std::mem::take(&mut users[*item])).collect();
        Self { items: chosen.into_iter().map(|item| vec![item as u32]).collect(), users, shares: false }
    }

    /// The values of all columns that items have, those of the most items if they are many.
    pub fn attributes(attributes: &Attributes, truth: &Histories) -> Self {
        let mut items: Vec<Vec<u32>> = attributes.sets().map(<[u32]>::to_vec).collect();
        items.sort_by_key(|set| std::cmp::Reverse(set.len()));
        items.truncate(MAX_TARGETS);
        let n_items = attributes.n_items();
        let users = users_of(truth, items.iter().cloned(), n_items);
        let (items, users) = items.into_iter().zip(users).filter(|(_, users)| !users.is_empty()).unzip();
        Self { items, users, shares: true }
    }
}

/// For each item the numbers of the sets that have it.
fn sets_of(sets: impl Iterator<Item = impl AsRef<[u32]>>, n_items: usize) -> Vec<Vec<u32>> {
    let mut sets_of: Vec<Vec<u32>> = vec![Vec::new(); n_items];
    for (number, set) in (0..).zip(sets) {
        set.as_ref().iter().for_each(|item| sets_of[*item as usize].push(number));
    }
    sets_of
}

/// For each set of items the users of one of them, ascending.
fn users_of(histories: &Histories, sets: impl Iterator<Item = Vec<u32>>, n_items: usize) -> Vec<Vec<u32>> {
    let mut n_sets = 0;
    let sets_of = sets_of(sets.inspect(|_| n_sets += 1), n_items);
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); n_sets];
    for user in histories.users() {
        for item in histories.items_of(user) {
            for set in &sets_of[*item as usize] {
                let users = &mut users[*set as usize];
                if users.last() != Some(&(user as u32)) {
                    users.push(user as u32);
                }
            }
        }
    }
    users
}

/// What lists of users are worth.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Mean number of users in a list who turned to its target.
    hits: f64,
    /// Mean share of them among all who did.
    recall: f64,
    coverage: f64,
}

impl Found {
    fn of(lists: &[Vec<u32>], targets: &Targets, n_users: usize) -> Self {
        let mut shown: HashSet<u32> = HashSet::new();
        let (mut hits, mut recall) = (0.0, 0.0);
        for (list, users) in lists.iter().zip(&targets.users) {
            let found = list.iter().filter(|user| users.binary_search(user).is_ok()).count() as f64;
            hits += found;
            recall += found / users.len() as f64;
            shown.extend(list);
        }
        let n_lists = lists.len().max(1) as f64;
        Self { hits: hits / n_lists, recall: recall / n_lists, coverage: shown.len() as f64 / n_users.max(1) as f64 }
    }

    fn wire(self) -> BTreeMap<String, f64> {
        let named =
            [("coverage", self.coverage), ("hits_at_1_percent", self.hits), ("recall_at_1_percent", self.recall)];
        named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// One percent of the users, at least one.
fn list_length(n_users: usize) -> usize {
    n_users.div_ceil(100).max(1)
}

/// Share of the users who turned to a target that the lists have.
pub fn recall(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    progress: &dyn Progress,
) -> Result<f64, TrainError> {
    Ok(Found::of(&lists(tower, histories, targets, progress)?, targets, histories.n_users()).recall)
}

/// The metrics of segments, beside those of the users with the most events.
pub fn judge(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    progress: &dyn Progress,
) -> Result<Report, TrainError> {
    let n_users = histories.n_users();
    let found = Found::of(&lists(tower, histories, targets, progress)?, targets, n_users);
    let baseline = Found::of(&most_active(histories, targets, tower.seen_weight), targets, n_users);
    Ok(Report {
        metrics: found.wire(),
        popularity_baseline: baseline.wire(),
        n_test_users: targets.users.iter().flatten().collect::<HashSet<_>>().len(),
        ..Report::default()
    })
}

/// The best percent of users for each target. Blocks of users run one after the other, targets in parallel.
fn lists(
    tower: &Tower,
    histories: &Histories,
    targets: &Targets,
    progress: &dyn Progress,
) -> Result<Vec<Vec<u32>>, TrainError> {
    let (n_users, n_targets, dimension) = (histories.n_users(), targets.items.len(), tower.dimension);
    let vectors: Vec<f32> = targets.items.par_iter().flat_map_iter(|items| tower.sum(items)).collect();
    let mut segments: Vec<Segment> = (0..n_targets).map(|_| Segment::new(list_length(n_users))).collect();
    let targets_of = sets_of(targets.items.iter(), tower.n_items());
    for begin in (0..n_users).step_by(BLOCK) {
        go_on(progress)?;
        let users = begin..(begin + BLOCK).min(n_users);
        let n = users.len();
        let mut of_users = vec![0.0_f32; n * dimension];
        of_users.par_chunks_mut(dimension.max(1)).enumerate().for_each(|(place, to)| {
            tower.user(histories.items_of(begin + place).iter().copied(), to);
        });
        // A row for each target, so that targets are independent.
        let mut scores = vec![0.0_f32; n_targets * n];
        scores.par_chunks_mut(n * 64).zip(vectors.par_chunks(dimension.max(1) * 64)).for_each(|(scores, vectors)| {
            let n_rows = scores.len() / n;
            let shaped = (
                ArrayView2::from_shape((n_rows, dimension), vectors),
                ArrayView2::from_shape((n, dimension), &of_users),
                ArrayViewMut2::from_shape((n_rows, n), scores),
            );
            if let (Ok(vectors), Ok(users), Ok(mut scores)) = shaped {
                general_mat_mul(1.0, &vectors, &users.t(), 0.0, &mut scores);
            }
        });
        if targets.shares {
            let vectors = of_users.par_chunks(dimension.max(1)).enumerate();
            let people: Vec<Person> = vectors
                .map(|(place, vector)| Person::of(tower, histories.items_of(begin + place).iter().copied(), vector))
                .collect();
            for (place, person) in people.iter().enumerate() {
                for (item, score) in person.had() {
                    targets_of[*item as usize].iter().for_each(|target| scores[*target as usize * n + place] -= score);
                }
            }
            scores.par_chunks_mut(n).for_each(|scores| {
                scores.iter_mut().zip(&people).for_each(|(score, person)| *score = person.share(f64::from(*score)));
            });
        } else if tower.seen_weight == 0.0 {
            for (place, user) in users.clone().enumerate() {
                for target in histories.items_of(user).iter().flat_map(|item| &targets_of[*item as usize]) {
                    scores[*target as usize * n + place] = f32::NEG_INFINITY;
                }
            }
        }
        segments.par_iter_mut().zip(scores.par_chunks(n)).for_each(|(segment, scores)| {
            for (place, score) in scores.iter().enumerate() {
                segment.add((begin + place) as u32, *score);
            }
        });
    }
    Ok(segments.into_par_iter().map(|segment| segment.best().into_iter().map(|(user, _)| user).collect()).collect())
}

/// The users with the most events, those who had the item left out where users do not come back.
fn most_active(histories: &Histories, targets: &Targets, seen_weight: f32) -> Vec<Vec<u32>> {
    let n_listed = list_length(histories.n_users());
    let mut users: Vec<u32> = (0..histories.n_users() as u32).collect();
    users.sort_by_key(|user| std::cmp::Reverse(histories.items_of(*user as usize).len()));
    let had = |user: u32, items: &[u32]| match items {
        [item] if seen_weight == 0.0 => histories.items_of(user as usize).contains(item),
        _ => false,
    };
    let list = |items: &Vec<u32>| {
        users.iter().copied().filter(|user| !had(*user, items.as_slice())).take(n_listed).collect::<Vec<u32>>()
    };
    targets.items.par_iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_fifth_of_each_user_is_to_be_told() {
        let histories = Histories::new(vec![0, 10, 12, 13, 13], (0..13).collect(), (0..13).collect::<Vec<i64>>());
        let (oldest, newest) = cut(&histories);
        assert_eq!((oldest.items_of(0).len(), newest.items_of(0)), (8, &[8_u32, 9][..]));
        assert_eq!((oldest.items_of(1), newest.items_of(1)), (&[10_u32][..], &[11_u32][..]));
        assert_eq!((oldest.items_of(2), newest.items_of(2).len()), (&[12_u32][..], 0));
        assert_eq!(newest.n_users(), 4);
    }

    #[test]
    fn hits_are_counted_and_recall_is_a_share_of_those_who_turned_to_it() {
        let targets = Targets { items: vec![vec![0], vec![1]], users: vec![vec![1, 2, 3, 4], vec![9]], shares: false };
        let found = Found::of(&[vec![1, 4, 7], vec![8, 7, 1]], &targets, 10);
        assert_eq!(
            (found.hits, found.recall, found.coverage),
            ((2.0 + 0.0) / 2.0, (2.0 / 4.0 + 0.0) / 2.0, 4.0 / 10.0)
        );
    }

    #[test]
    fn only_items_that_were_there_before_are_asked_for() {
        let before = Histories::new(vec![0, 2, 3], vec![0, 1, 1], vec![0; 3]);
        let truth = Histories::new(vec![0, 1, 3], vec![1, 1, 2], vec![0; 3]);
        let targets = Targets::items(&before, &truth, 3, 0);
        assert_eq!((targets.items, targets.users), (vec![vec![1]], vec![vec![0, 1]]));
    }
}
