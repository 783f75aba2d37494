use std::ops::Range;

use super::timestamps::{Times, Timestamps};
use crate::Event;

/// The interactions of users, oldest first, in flat arrays.
///
/// | field         | shape            | meaning                                         |
/// |---------------|------------------|-------------------------------------------------|
/// | `offsets`     | `(n_users + 1,)` | where each user's interactions begin; ascending |
/// | `items`       | `(n_events,)`    | row of the item                                 |
/// | `timestamp_s` | `(n_events,)`    | seconds since the Unix epoch                    |
/// | `rows`        | `(n_users,)`     | row of the user in the dataset; `None`: its own |
#[derive(Clone, Debug, PartialEq)]
pub struct Histories {
    offsets: Vec<usize>,
    items: Vec<u32>,
    timestamp_s: Timestamps,
    rows: Option<Vec<u32>>,
}

impl Default for Histories {
    fn default() -> Self {
        Self { offsets: vec![0], items: Vec::new(), timestamp_s: Timestamps::default(), rows: None }
    }
}

impl Histories {
    /// # Panics
    /// If the shapes disagree.
    pub fn new(offsets: Vec<usize>, items: Vec<u32>, timestamp_s: impl Into<Timestamps>) -> Self {
        let timestamp_s = timestamp_s.into();
        assert!(
            offsets.first() == Some(&0) && offsets.last() == Some(&items.len()) && items.len() == timestamp_s.len()
        );
        assert!(offsets.is_sorted());
        Self { offsets, items, timestamp_s, rows: None }
    }

    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn n_events(&self) -> usize {
        self.items.len()
    }

    pub fn users(&self) -> Range<usize> {
        0..self.n_users()
    }

    /// The row in [`crate::Dataset::users`], whatever was cut away. A user's events here are the oldest of
    /// [`crate::Dataset::interactions_of`] that row.
    pub fn row_of(&self, user: usize) -> usize {
        self.rows.as_ref().map_or(user, |rows| rows[user] as usize)
    }

    /// Where a user's events stand among all.
    pub fn events_of(&self, user: usize) -> Range<usize> {
        self.offsets[user]..self.offsets[user + 1]
    }

    pub fn items_of(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user]..self.offsets[user + 1]]
    }

    pub fn timestamps_of(&self, user: usize) -> Times<'_> {
        self.timestamp_s.slice(self.offsets[user]..self.offsets[user + 1])
    }

    /// The items of all users, one after the other.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// The times of all users' events, one user after the other.
    pub fn timestamps(&self) -> Times<'_> {
        self.timestamp_s.slice(0..self.timestamp_s.len())
    }

    /// Interactions with each of `n_items` items.
    pub fn events_by_item(&self, n_items: usize) -> Vec<u32> {
        let mut n_events = vec![0_u32; n_items];
        for item in &self.items {
            n_events[*item as usize] += 1;
        }
        n_events
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        self.offsets.len() * size_of::<usize>()
            + self.rows.as_ref().map_or(0, |rows| rows.len() * size_of::<u32>())
            + self.items.len() * size_of::<u32>()
            + self.timestamp_s.resident_bytes()
    }

    /// The `take` oldest events of a user.
    pub fn events(&self, user: usize, take: usize) -> Vec<Event> {
        let pairs = self.items_of(user).iter().zip(self.timestamps_of(user).iter());
        pairs.take(take).map(|(item, timestamp_s)| Event { item: *item, timestamp_s }).collect()
    }

    /// Some of the users, each with the oldest part of the history, as long as `n_kept` says.
    pub fn cut(&self, users: &[usize], n_kept: impl Fn(usize) -> usize) -> Self {
        let mut cut = Self::default();
        for user in users {
            let kept = n_kept(*user);
            cut.items.extend_from_slice(&self.items_of(*user)[..kept]);
            cut.timestamp_s.extend_from(self.timestamps_of(*user).slice(0..kept));
            cut.offsets.push(cut.items.len());
        }
        cut.rows = Some(users.iter().map(|user| self.row_of(*user) as u32).collect());
        cut
    }

    /// Some of the users, with their whole histories.
    pub fn of(&self, users: &[usize]) -> Self {
        self.cut(users, |user| self.items_of(user).len())
    }
}

#[cfg(test)]
impl Histories {
    /// The events of each user: item and seconds.
    pub fn of_events<E: IntoIterator<Item = (u32, i64)>>(users: impl IntoIterator<Item = E>) -> Self {
        let (mut offsets, mut items, mut timestamp_s) = (vec![0], Vec::new(), Vec::new());
        for events in users {
            for (item, time_s) in events {
                items.push(item);
                timestamp_s.push(time_s);
            }
            offsets.push(items.len());
        }
        Self::new(offsets, items, timestamp_s)
    }

    /// The items of each user, all at one time.
    pub fn of_items(users: &[Vec<u32>]) -> Self {
        Self::of_events(users.iter().map(|items| items.iter().map(|item| (*item, 0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_of_a_cut_knows_the_rows_of_its_users() {
        let all = Histories::new(vec![0, 2, 3, 6], vec![5, 6, 7, 8, 9, 10], vec![0_i64; 6]);
        assert_eq!(all.row_of(1), 1);
        let some = all.of(&[1, 2]);
        let cut = some.cut(&[1], |_| 2);
        assert_eq!((some.row_of(0), cut.row_of(0)), (1, 2));
        // What is left of a user is the oldest part.
        assert_eq!(cut.items_of(0), &all.items_of(2)[..2]);
        assert_eq!(cut.events_of(0), 0..2);
    }
}
