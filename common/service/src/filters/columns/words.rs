use std::hash::{BuildHasher, RandomState};

/// Distinct strings, numbered in the order in which they came.
///
/// All text stands in one piece, beside four bytes a string for its end and six to eleven for the index.
#[derive(Clone, Debug, Default)]
pub struct Words {
    text: String,
    /// Where each string ends, counted from the base that holds for it.
    ends: Vec<u32>,
    /// From which string on ends are counted from where: one entry for each four gigabytes of text.
    bases: Vec<(usize, usize)>,
    /// Open addressing: number + 1, or 0 for a free slot. The length is a power of two.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Words {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string of a number; empty if there is none.
    pub fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let end = self.end(number);
        let begin = if number == 0 { Some(0) } else { self.end(number - 1) };
        begin.zip(end).and_then(|(begin, end)| self.text.get(begin..end)).unwrap_or("")
    }

    pub fn find(&self, word: &str) -> Option<u32> {
        if self.slots.is_empty() { None } else { self.slots[self.slot_of(word)].checked_sub(1) }
    }

    /// The number of a string, a new one if it has none. `None` if there are no more numbers.
    pub fn intern(&mut self, word: &str) -> Option<u32> {
        if (self.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow((self.slots.len() * 2).max(16));
        }
        let slot = self.slot_of(word);
        if let Some(number) = self.slots[slot].checked_sub(1) {
            return Some(number);
        }
        let number = u32::try_from(self.len()).ok().filter(|number| *number < u32::MAX - 1)?;
        let base = self.bases.last().map_or(0, |(_, base)| *base);
        let end = self.text.len() + word.len();
        let relative = u32::try_from(end - base).ok().or_else(|| {
            self.bases.push((self.len(), self.text.len()));
            u32::try_from(word.len()).ok()
        })?;
        self.text.push_str(word);
        self.ends.push(relative);
        self.slots[slot] = number + 1;
        Some(number)
    }

    /// Gives back the memory that growing kept in reserve.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub fn bytes(&self) -> usize {
        self.text.capacity() + 4 * (self.ends.capacity() + self.slots.capacity()) + 16 * self.bases.capacity()
    }

    fn end(&self, number: usize) -> Option<usize> {
        let after = self.bases.partition_point(|(first, _)| *first <= number);
        let base = after.checked_sub(1).and_then(|index| self.bases.get(index)).map_or(0, |(_, base)| *base);
        self.ends.get(number).map(|end| base + *end as usize)
    }

    /// The slot that holds a string, or the free one where it belongs.
    fn slot_of(&self, word: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(word) as usize & mask;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(number) if self.get(number) != word => slot = (slot + 1) & mask,
                _ => return slot,
            }
        }
    }

    fn grow(&mut self, n_slots: usize) {
        self.slots = vec![0; n_slots];
        for number in 0..self.len() as u32 {
            // All are distinct, so the first free slot is the one.
            let mask = n_slots - 1;
            let mut slot = self.hasher.hash_one(self.get(number)) as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = number + 1;
        }
    }
}
