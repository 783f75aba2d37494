use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::TrainError;
use crate::dataset::Histories;

/// Users to learn from and users to be judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Ascending.
    pub training: Vec<usize>,
    /// Ascending by user.
    pub test: Vec<TestUser>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestUser {
    pub user: usize,
    /// The oldest events, which are given; the others are what has to be found. Both are at least one.
    pub n_history: usize,
}

impl Split {
    /// A tenth of the users, drawn at random, is held out; of each, the newest tenth of the events is the
    /// truth, at least one. Held-out users with a single event are neither learned from nor asked for.
    pub fn draw(histories: &Histories, seed: u64) -> Self {
        let mut users: Vec<usize> = histories.users().collect();
        users.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let n_test = users.len().div_ceil(10);
        let mut training = users.split_off(n_test);
        training.sort_unstable();
        users.sort_unstable();
        let test = users.into_iter().filter_map(|user| {
            let n_events = histories.items_of(user).len();
            (n_events >= 2).then(|| TestUser { user, n_history: n_events - (n_events / 10).max(1) })
        });
        Self { training, test: test.collect() }
    }

    /// Sees that what is going to be learned from has no event of a test user.
    ///
    /// # Errors
    /// [`TrainError::Numerical`], since every figure would be wrong.
    pub fn guard(&self, training: &Histories) -> Result<(), TrainError> {
        let is_held_out = |row: usize| self.test.binary_search_by_key(&row, |test| test.user).is_ok();
        let events_of = |user: &usize| !training.items_of(*user).is_empty();
        match training.users().filter(events_of).map(|user| training.row_of(user)).find(|row| is_held_out(*row)) {
            None => Ok(()),
            Some(row) => Err(TrainError::Numerical(format!("user {row} is learned from and judged by"))),
        }
    }

    /// Splits the training users alone, as [`Split::draw`] does.
    pub fn within(&self, histories: &Histories, seed: u64) -> Self {
        let inner = Self::draw(&histories.of(&self.training), seed);
        let user = |place: usize| self.training[place];
        Self {
            training: inner.training.into_iter().map(user).collect(),
            test: inner.test.into_iter().map(|test| TestUser { user: user(test.user), ..test }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// User `u` with `sizes[u]` events.
    fn histories(sizes: &[usize]) -> Histories {
        Histories::of_events(sizes.iter().map(|size| std::iter::repeat_n((0, 0), *size)))
    }

    #[test]
    fn a_tenth_of_the_users_is_held_out_and_nobody_is_in_both_parts() {
        let split = Split::draw(&histories(&[5; 95]), 7);
        assert_eq!((split.training.len(), split.test.len()), (85, 10));
        assert!(split.test.iter().all(|test| split.training.binary_search(&test.user).is_err()));
        assert_eq!(split, Split::draw(&histories(&[5; 95]), 7));
        assert_ne!(split, Split::draw(&histories(&[5; 95]), 8));
    }

    #[test]
    fn a_held_out_user_among_those_to_learn_from_is_seen() {
        let all = histories(&[5; 95]);
        let split = Split::draw(&all, 7);
        assert!(split.guard(&all.of(&split.training)).is_ok());
        let mut leaky = split.training.clone();
        leaky.insert(3, split.test[0].user);
        let error = split.guard(&all.of(&leaky)).unwrap_err().to_string();
        assert_eq!(error, format!("user {} is learned from and judged by", split.test[0].user));
        // A single event is enough.
        assert!(split.guard(&all.cut(&leaky, |user| usize::from(user == split.test[0].user))).is_err());
    }

    #[test]
    fn a_split_within_leaves_the_test_users_out() {
        let sizes: Vec<usize> = (0..100).map(|user| 2 + user % 30).collect();
        let histories = histories(&sizes);
        let split = Split::draw(&histories, 7);
        let inner = split.within(&histories, 8);
        assert_eq!((inner.training.len(), inner.test.len()), (81, 9));
        let all = inner.training.iter().copied().chain(inner.test.iter().map(|test| test.user));
        let mut all: Vec<usize> = all.collect();
        all.sort_unstable();
        assert_eq!(all, split.training);
        assert!(inner.training.is_sorted() && inner.test.is_sorted_by_key(|test| test.user));
        let n_events = |test: &TestUser| histories.items_of(test.user).len();
        assert!(inner.test.iter().all(|test| test.n_history == n_events(test) - (n_events(test) / 10).max(1)));
    }

    #[test]
    fn the_newest_tenth_is_the_truth_and_at_least_one_event() {
        for (n_events, n_history) in [(2, 1), (9, 8), (10, 9), (19, 18), (20, 18), (100, 90)] {
            let split = Split::draw(&histories(&[n_events; 1]), 0);
            assert_eq!(split.test, [TestUser { user: 0, n_history }]);
        }
        assert_eq!(Split::draw(&histories(&[1]), 0).test, []);
        assert_eq!(Split::draw(&histories(&[]), 0), Split { training: vec![], test: vec![] });
    }
}
