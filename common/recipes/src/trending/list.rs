use std::collections::HashSet;

use crate::popularity::Popular;
use crate::{Query, Scored};

/// The items that grew, in front of all others.
#[derive(Clone, Debug, Default)]
pub struct List {
    growing: Vec<u32>,
    among: HashSet<u32>,
}

impl List {
    pub fn new(growing: Vec<u32>) -> Self {
        Self { among: growing.iter().copied().collect(), growing }
    }

    /// The best `k` items that the query allows, the growing ones first, then by popularity.
    pub fn recommend(&self, popular: &Popular, query: &Query<'_>, k: usize) -> Vec<Scored> {
        let allowed = self.all(popular).filter(|item| query.allows(*item));
        allowed.take(k).map(|item| Scored::new(item, None)).collect()
    }

    /// The number of items that come after each of these.
    pub fn rank(&self, popular: &Popular, items: &[u32]) -> Vec<f32> {
        let n_items = popular.order().len();
        let mut after = vec![0.0; n_items];
        for (place, item) in (1..).zip(self.all(popular)) {
            after[item as usize] = (n_items - place) as f32;
        }
        items.iter().map(|item| after[*item as usize]).collect()
    }

    pub fn resident_bytes(&self) -> usize {
        self.growing.len() * 3 * size_of::<u32>()
    }

    fn all<'a>(&'a self, popular: &'a Popular) -> impl Iterator<Item = u32> + 'a {
        let others = popular.order().iter().filter(|item| !self.among.contains(item));
        self.growing.iter().chain(others).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_items_stand_in_front_and_every_item_occurs_once() {
        let popular = Popular::new(vec![5, 9, 1, 7]);
        let list = List::new(vec![2, 3]);
        let items: Vec<u32> = list.recommend(&popular, &Query::default(), 9).iter().map(|one| one.item).collect();
        assert_eq!(items, [2, 3, 1, 0]);
        assert_eq!(list.rank(&popular, &[0, 1, 2, 3]), [0.0, 1.0, 3.0, 2.0]);
        let first: Vec<u32> =
            List::default().recommend(&popular, &Query::default(), 2).iter().map(|one| one.item).collect();
        assert_eq!(first, [1, 3]);
    }
}
