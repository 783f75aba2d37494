use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// Turns ids into dense rows and back.
///
/// All ids stand in one piece of memory, beside 8 bytes an id for its end and 8 to 16 for the index.
#[derive(Clone, Debug, Default)]
pub struct IdMap {
    text: String,
    ends: Vec<usize>,
    /// Open addressing: row + 1, or 0 for a free slot. The length is a power of two.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl IdMap {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, id: &str) -> Option<u32> {
        if self.slots.is_empty() { None } else { self.slots[self.slot_of(self.hasher.hash_one(id), id)].checked_sub(1) }
    }

    /// # Panics
    /// If `row` is not below [`IdMap::len`].
    pub fn id(&self, row: u32) -> &str {
        let row = row as usize;
        let begin = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[begin..self.ends[row]]
    }

    /// Ids by row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|row| self.id(row as u32))
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>() + self.slots.len() * size_of::<u32>()
    }

    pub(super) fn with_hasher(hasher: RandomState) -> Self {
        Self { hasher, ..Self::default() }
    }

    /// Has place for so many ids of so many bytes in all.
    pub(super) fn with_capacity(n_ids: usize, n_bytes: usize) -> Self {
        let slots = vec![0; (n_ids * 2).next_power_of_two().max(16)];
        let (text, ends) = (String::with_capacity(n_bytes), Vec::with_capacity(n_ids));
        Self { text, ends, slots, hasher: RandomState::default() }
    }

    /// The row of an id, a new one if it has none. `None` if there are no more rows.
    pub(crate) fn insert(&mut self, id: &str) -> Option<u32> {
        self.insert_hashed(self.hasher.hash_one(id), id)
    }

    /// Appends an id that is known not to be there.
    pub(super) fn push_new(&mut self, id: &str) {
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let slot = self.free_slot(self.hasher.hash_one(id));
        self.text.push_str(id);
        self.ends.push(self.text.len());
        self.slots[slot] = self.ends.len() as u32;
    }

    /// [`IdMap::insert`] for those who know the hash of the id.
    #[inline]
    pub(super) fn insert_hashed(&mut self, hash: u64, id: &str) -> Option<u32> {
        if (self.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let slot = self.slot_of(hash, id);
        if let Some(row) = self.slots[slot].checked_sub(1) {
            return Some(row);
        }
        // The greatest row is kept free: others use it to say "none".
        let row = u32::try_from(self.len()).ok().filter(|row| *row < u32::MAX - 1)?;
        self.text.push_str(id);
        self.ends.push(self.text.len());
        self.slots[slot] = row + 1;
        Some(row)
    }

    /// The same ids in byte order, and for each row here the row there; ids that `keep` refuses are left out.
    pub(crate) fn sorted(&self, keep: impl Fn(u32) -> bool) -> (Self, Vec<Option<u32>>) {
        let mut rows: Vec<u32> = (0..self.len() as u32).filter(|row| keep(*row)).collect();
        rows.sort_unstable_by(|a, b| self.id(*a).cmp(self.id(*b)));
        let mut sorted = Self::default();
        let mut new_rows = vec![None; self.len()];
        for row in rows {
            new_rows[row as usize] = sorted.insert(self.id(row));
        }
        (sorted, new_rows)
    }

    /// The slot that holds an id, or the free one where it belongs.
    #[inline]
    fn slot_of(&self, hash: u64, id: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(row) if self.id(row).as_bytes() != id.as_bytes() => slot = (slot + 1) & mask,
                _ => return slot,
            }
        }
    }

    /// Where an id belongs that is not there.
    fn free_slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(16)];
        for row in 0..self.len() as u32 {
            let slot = self.free_slot(self.hasher.hash_one(self.id(row)));
            self.slots[slot] = row + 1;
        }
    }
}

impl<'a> FromIterator<&'a str> for IdMap {
    /// Repeated ids keep their first row.
    fn from_iter<I: IntoIterator<Item = &'a str>>(ids: I) -> Self {
        let mut map = Self::default();
        for id in ids {
            map.insert(id);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_map_agrees_with_a_list_that_is_searched(ids in prop::collection::vec("[a-c]{0,3}", 0..60)) {
            let map: IdMap = ids.iter().map(String::as_str).collect();
            let mut distinct: Vec<&String> = Vec::new();
            for id in &ids {
                if !distinct.contains(&id) {
                    distinct.push(id);
                }
            }
            prop_assert_eq!(map.len(), distinct.len());
            for (row, id) in distinct.iter().enumerate() {
                prop_assert_eq!(map.get(id), Some(row as u32));
                prop_assert_eq!(map.id(row as u32), id.as_str());
            }
            prop_assert_eq!(map.get("d"), None);
        }

        #[test]
        fn sorting_gives_the_kept_ids_in_byte_order(ids in prop::collection::vec("[a-c]{0,3}", 0..60)) {
            let map: IdMap = ids.iter().map(String::as_str).collect();
            let (sorted, new_rows) = map.sorted(|row| row % 3 != 0);
            prop_assert!(sorted.iter().zip(sorted.iter().skip(1)).all(|(a, b)| a < b));
            for (row, new_row) in new_rows.iter().enumerate() {
                prop_assert_eq!(new_row.is_some(), row % 3 != 0);
                if let Some(new_row) = new_row {
                    prop_assert_eq!(sorted.id(*new_row), map.id(row as u32));
                }
            }
        }
    }

    #[test]
    fn an_empty_map_knows_nothing() {
        assert_eq!(IdMap::default().get(""), None);
        assert!(IdMap::default().is_empty());
    }
}
