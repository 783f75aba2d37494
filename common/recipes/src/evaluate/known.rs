use crate::dataset::Histories;

/// What the training users' events say of each item.
pub struct Known {
    /// By item row: training users who had it.
    n_users_of: Vec<u32>,
    /// By item row: when a training user first had it.
    first_s: Vec<Option<i64>>,
    n_users: usize,
    /// Items that could be recommended, with those that nobody had.
    pub n_catalogue: usize,
}

impl Known {
    /// `n_users_of` counts the training users of each item.
    pub fn of(training: &Histories, n_users_of: &[u32], n_catalogue: usize) -> Self {
        let mut first_s = vec![None; n_users_of.len()];
        for (item, timestamp_s) in training.items().iter().zip(training.timestamps().iter()) {
            let first: &mut Option<i64> = &mut first_s[*item as usize];
            *first = Some(first.map_or(timestamp_s, |first| first.min(timestamp_s)));
        }
        Self { n_users_of: n_users_of.to_vec(), first_s, n_users: training.n_users(), n_catalogue }
    }

    /// Training users who had the item; none of an item without interactions.
    pub fn n_users_of(&self, item: u32) -> u32 {
        self.n_users_of.get(item as usize).copied().unwrap_or(0)
    }

    /// Share of the training users who had the item.
    pub fn popularity(&self, item: u32) -> f64 {
        f64::from(self.n_users_of(item)) / self.n_users.max(1) as f64
    }

    /// Self-information in bits: `-log₂` of the popularity, in which an item that nobody had counts as one that a
    /// single user had.
    pub fn novelty(&self, item: u32) -> f64 {
        (self.n_users.max(1) as f64 / f64::from(self.n_users_of(item).max(1))).log2()
    }

    /// Seconds since a training user first had the item, not below 0; `None` if nobody had.
    pub fn age_s(&self, item: u32, at_s: i64) -> Option<i64> {
        let first_s = self.first_s.get(item as usize).copied().flatten()?;
        Some(at_s.saturating_sub(first_s).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_as_old_as_its_first_event_among_the_training_users() {
        let training = Histories::new(vec![0, 2, 3], vec![0, 1, 0], vec![50_i64, 60, 40]);
        let known = Known::of(&training, &[2, 1, 0], 4);
        assert_eq!([0, 1, 2, 9].map(|item| known.age_s(item, 70)), [Some(30), Some(10), None, None]);
        assert_eq!(known.age_s(1, 55), Some(0));
        assert_eq!([0, 1, 2, 9].map(|item| known.popularity(item)), [1.0, 0.5, 0.0, 0.0]);
        assert_eq!([0, 1, 2, 9].map(|item| known.novelty(item)), [0.0, 1.0, 1.0, 1.0]);
    }
}
