//! What has to be told: which users turn to which items or attributes.

use std::collections::HashSet;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::attributes::Attributes;
use crate::dataset::Histories;

/// Targets that are judged at most: the error of a mean over so many is some hundredths of it.
const MAX_TARGETS: usize = 2000;

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
    pub items: Vec<Vec<u32>>,
    /// Users of each target, ascending.
    pub users: Vec<Vec<u32>>,
    /// Scored as shares of all that a user turns to: see [`super::share::Person`].
    pub shares: bool,
}

impl Targets {
    /// Items that somebody turned to and that were there before; some of them, drawn at random, if they are many.
    pub fn items(before: &Histories, truth: &Histories, n_items: usize, seed: u64) -> Self {
        let known: HashSet<u32> = before.items().iter().copied().collect();
        let single: Vec<[u32; 1]> = (0..n_items as u32).map(|item| [item]).collect();
        let mut users = users_of(truth, &single, n_items);
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
        let users = users_of(truth, &items, n_items);
        let (items, users) = items.into_iter().zip(users).filter(|(_, users)| !users.is_empty()).unzip();
        Self { items, users, shares: true }
    }

    /// How many users of `before` had turned to each target.
    pub fn n_users_of(&self, before: &Histories, n_items: usize) -> Vec<u32> {
        let mut n_users = vec![0; self.items.len()];
        each_user(before, &self.items, n_items, |target, _| n_users[target] += 1);
        n_users
    }
}

/// For each item the numbers of the sets that have it.
pub fn sets_of(sets: &[impl AsRef<[u32]>], n_items: usize) -> Vec<Vec<u32>> {
    let mut sets_of: Vec<Vec<u32>> = vec![Vec::new(); n_items];
    for (number, set) in (0..).zip(sets) {
        set.as_ref().iter().for_each(|item| sets_of[*item as usize].push(number));
    }
    sets_of
}

/// For each set of items the users of one of them, ascending.
fn users_of(histories: &Histories, sets: &[impl AsRef<[u32]>], n_items: usize) -> Vec<Vec<u32>> {
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); sets.len()];
    each_user(histories, sets, n_items, |set, user| users[set].push(user));
    users
}

/// Tells of each set of items and each user of one of them once, users in ascending order.
fn each_user(histories: &Histories, sets: &[impl AsRef<[u32]>], n_items: usize, mut tell: impl FnMut(usize, u32)) {
    let sets_of = sets_of(sets, n_items);
    let mut last = vec![None; sets.len()];
    for user in histories.users().map(|user| user as u32) {
        for set in histories.items_of(user as usize).iter().flat_map(|item| &sets_of[*item as usize]) {
            if last[*set as usize].replace(user) != Some(user) {
                tell(*set as usize, user);
            }
        }
    }
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
    fn only_items_that_were_there_before_are_asked_for() {
        let before = Histories::new(vec![0, 2, 3], vec![0, 1, 1], vec![0; 3]);
        let truth = Histories::new(vec![0, 1, 3], vec![1, 1, 2], vec![0; 3]);
        let targets = Targets::items(&before, &truth, 3, 0);
        assert_eq!((&targets.items, &targets.users), (&vec![vec![1]], &vec![vec![0, 1]]));
        assert_eq!(targets.n_users_of(&before, 3), [2]);
    }

    #[test]
    fn a_user_of_several_items_of_a_target_is_one() {
        let targets = Targets { items: vec![vec![0, 1], vec![1, 2], vec![]], users: vec![vec![]; 3], shares: true };
        let before = Histories::new(vec![0, 4, 4, 5], vec![0, 1, 0, 0, 2], vec![0; 5]);
        assert_eq!(targets.n_users_of(&before, 3), [1, 2, 0]);
    }
}
