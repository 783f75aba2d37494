use crate::UserPageRef;
use crate::rank::{Ranked, keep_best};

/// What users are looked for: items, joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub(super) vector: Vec<f32>,
    pub(super) of: Wanted,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    Item(u32),
    /// The items with some attributes, ascending.
    Attributes(Vec<u32>),
}

/// Users of a page with their scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRows {
    pub ids: Vec<String>,
    /// `(n_users, n_targets)`: user by user a score for each target; finite, higher is better.
    pub scores: Vec<f32>,
}

/// What a model can do that finds users. Its users are read page by page, so memory does not grow with them.
pub trait Segments {
    /// Those who would interact with an item.
    ///
    /// # Errors
    /// What is wrong with it, for whoever asked.
    fn item(&self, item_id: &str) -> Result<Target, String>;

    /// Those who would interact with items of some attributes: `ITEMS.GENRES = "Comedy" AND ITEMS.YEAR = 1999`.
    ///
    /// # Errors
    /// As [`Segments::item`].
    fn attributes(&self, expression: &str) -> Result<Target, String>;

    /// All pages of users, each user in one of them, in the order of their ids.
    fn pages(&self) -> Vec<UserPageRef>;

    /// The scores of a page's users, from the page's bytes.
    fn score(
        &self,
        page: &UserPageRef,
        content: bytes::Bytes,
        targets: &[Target],
    ) -> Result<UserRows, crate::ModelError>;
}

/// The best of users that come one after the other.
#[derive(Clone, Debug)]
pub struct Segment {
    n_best: usize,
    held: Vec<Ranked>,
    /// Once so many are held as are wanted, who is below cannot be among the best.
    least: f32,
}

/// What is held beyond the wanted users before the worse ones go.
const SLACK: usize = 1024;

impl Segment {
    /// Of the best `n_best`. Takes memory for twice as many at most, and for no more than there are.
    pub fn new(n_best: usize) -> Self {
        Self { n_best, held: Vec::new(), least: f32::NEG_INFINITY }
    }

    /// `user` is any number of the user's own, `score` not NaN; of equal scores the lower number is better.
    pub fn add(&mut self, user: u32, score: f32) {
        if score < self.least {
            return;
        }
        self.held.push((user, score));
        if self.held.len() >= self.n_best.saturating_mul(2).max(self.n_best.saturating_add(SLACK)) {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        keep_best(&mut self.held, self.n_best);
        if self.held.len() == self.n_best
            && let Some((_, least)) = self.held.last()
        {
            self.least = *least;
        }
    }

    /// The best, best first.
    pub fn best(mut self) -> Vec<(u32, f32)> {
        self.shrink();
        self.held
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_segment_is_the_head_of_the_sorted_whole(
            scores in prop::collection::vec(0_u8..6, 0..4000), n_best in 0_usize..40,
        ) {
            let mut segment = Segment::new(n_best);
            let mut all: Vec<Ranked> = Vec::new();
            for (user, score) in (0..).zip(&scores) {
                segment.add(user, f32::from(*score));
                all.push((user, f32::from(*score)));
            }
            all.sort_by(crate::rank::order);
            all.truncate(n_best);
            prop_assert_eq!(segment.best(), all);
        }
    }
}
