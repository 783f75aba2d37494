use crate::dataset::Histories;
use crate::model::SparseRows;

/// What was observed, by user and by item, with what it weighs.
pub struct Observed {
    by_user: SparseRows,
    by_item: SparseRows,
}

impl Observed {
    /// Each interaction weighs 1.
    #[cfg(test)]
    pub fn of(histories: &Histories, n_items: usize) -> Self {
        Self::weighed(histories, n_items, |_, _| 1.0)
    }

    /// An item counts once for a user, however often it occurs: as much as that of its interactions that weighs most.
    /// What weighs nothing was not observed.
    ///
    /// `weight` is asked with a user and the place of an interaction in the history.
    pub fn weighed(histories: &Histories, n_items: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let row = |user: usize| {
            let weighed = (0..).zip(histories.items_of(user)).map(|(place, item)| (*item, weight(user, place)));
            let mut pairs: Vec<(u32, f32)> = weighed.filter(|(_, weight)| *weight > 0.0).collect();
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
            pairs.dedup_by_key(|(item, _)| *item);
            pairs.into_iter().unzip()
        };
        let by_user = SparseRows::from_rows(histories.users().map(row));
        Self { by_item: by_user.transposed(n_items), by_user }
    }

    /// By user, and by item.
    pub fn sides(&self) -> (&SparseRows, &SparseRows) {
        (&self.by_user, &self.by_item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_weighs_as_much_as_the_heaviest_of_its_interactions() {
        let histories = Histories::new(vec![0, 4, 5], vec![2, 1, 2, 0, 1], vec![0; 5]);
        let weights = [[0.5, 1.0, 1.5, 0.0], [0.25, 0.0, 0.0, 0.0]];
        let observed = Observed::weighed(&histories, 3, |user, place| weights[user][place]);
        let (by_user, by_item) = observed.sides();
        assert_eq!(by_user.row(0), (&[1, 2][..], &[1.0, 1.5][..]));
        assert_eq!(by_item.row(1), (&[0, 1][..], &[1.0, 0.25][..]));
        assert!(by_item.row(0).0.is_empty());
    }
}
