/// A set of a model's item rows, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemSet {
    words: Vec<u64>,
}

impl ItemSet {
    /// Row `r` is in the set if bit `r % 64` of word `r / 64` is set; bits at `n_items` and above are dropped.
    pub fn from_words(mut words: Vec<u64>, n_items: usize) -> Self {
        words.truncate(n_items.div_ceil(64));
        if let (Some(last), used @ 1..) = (words.get_mut(n_items / 64), n_items % 64) {
            *last &= (1 << used) - 1;
        }
        Self { words }
    }

    /// Every row below `n_items`.
    pub fn all(n_items: usize) -> Self {
        Self::from_words(vec![u64::MAX; n_items.div_ceil(64)], n_items)
    }

    pub fn contains(&self, item: u32) -> bool {
        self.words.get(item as usize / 64).is_some_and(|word| word >> (item % 64) & 1 == 1)
    }

    pub fn remove(&mut self, item: u32) {
        if let Some(word) = self.words.get_mut(item as usize / 64) {
            *word &= !(1 << (item % 64));
        }
    }

    /// How many rows are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_agrees_with_a_list_of_flags(flags in prop::collection::vec(any::<bool>(), 0..200), gone in 0_u32..220) {
            let mut words = vec![u64::MAX; flags.len() / 64 + 2];
            for (row, _) in flags.iter().enumerate().filter(|(_, flag)| !**flag) {
                words[row / 64] &= !(1 << (row % 64));
            }
            let mut set = ItemSet::from_words(words, flags.len());
            let holds = |set: &ItemSet| (0..300).filter(|row| set.contains(*row)).collect::<Vec<u32>>();
            let mut wanted: Vec<u32> = (0..).zip(&flags).filter(|(_, flag)| **flag).map(|(row, _)| row).collect();
            prop_assert_eq!(holds(&set), wanted.clone());
            prop_assert_eq!(set.count(), wanted.len());
            set.remove(gone);
            wanted.retain(|row| *row != gone);
            prop_assert_eq!(holds(&set), wanted);
            prop_assert_eq!(ItemSet::all(flags.len()).count(), flags.len());
        }
    }
}
