/// A set of rows as bits: row `r` is bit `r % 64` of word `r / 64`.
///
/// Bits behind the last row are never set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    n_rows: usize,
    words: Vec<u64>,
}

impl RowSet {
    /// No row of `n_rows`.
    pub fn none(n_rows: usize) -> Self {
        Self { n_rows, words: vec![0; n_rows.div_ceil(64)] }
    }

    /// All rows.
    pub fn all(n_rows: usize) -> Self {
        Self::from_words(vec![u64::MAX; n_rows.div_ceil(64)], n_rows)
    }

    /// Words that are missing are zero; bits and words behind the last row are dropped.
    pub fn from_words(mut words: Vec<u64>, n_rows: usize) -> Self {
        words.resize(n_rows.div_ceil(64), 0);
        let mut set = Self { n_rows, words };
        set.cut();
        set
    }

    /// The set of these rows; what is not a row is left out.
    pub fn from_rows(rows: &[u32], n_rows: usize) -> Self {
        let mut set = Self::none(n_rows);
        set.insert_all(rows);
        set
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    pub(super) fn insert_all(&mut self, rows: &[u32]) {
        for row in rows.iter().filter(|row| (**row as usize) < self.n_rows) {
            if let Some(word) = self.words.get_mut(*row as usize / 64) {
                *word |= 1 << (row % 64);
            }
        }
    }

    pub(super) fn insert_words(&mut self, words: &[u64]) {
        self.words.iter_mut().zip(words).for_each(|(word, other)| *word |= other);
        self.cut();
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
        self.cut();
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter_mut().zip(others).for_each(|(word, other)| *word &= other);
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    pub(super) fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.cut();
    }

    /// Clears the bits behind the last row.
    fn cut(&mut self) {
        let used = self.n_rows % 64;
        if used > 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << used) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bit_behind_the_last_row_is_ever_set() {
        for n_rows in [0, 1, 63, 64, 65, 130] {
            let mut inverted = RowSet::none(n_rows);
            inverted.invert();
            for set in [RowSet::all(n_rows), RowSet::from_words(vec![u64::MAX; 9], n_rows), inverted] {
                assert_eq!(set.count(), n_rows);
                assert_eq!(set.words().len(), n_rows.div_ceil(64));
                assert!(!set.contains(n_rows as u32) && !set.contains(u32::MAX));
            }
            assert_eq!(RowSet::from_words(Vec::new(), n_rows), RowSet::none(n_rows));
            assert_eq!(RowSet::from_rows(&[n_rows as u32, u32::MAX], n_rows).count(), 0);
        }
    }

    #[test]
    fn sets_of_different_sizes_meet_without_a_panic() {
        let mut small = RowSet::all(10);
        small.unite(&RowSet::all(200));
        assert_eq!(small, RowSet::all(10));
        let mut large = RowSet::all(200);
        large.intersect(&RowSet::all(10));
        assert_eq!(large.count(), 10);
        large.subtract(&RowSet::all(5));
        assert_eq!(large.count(), 5);
    }
}
