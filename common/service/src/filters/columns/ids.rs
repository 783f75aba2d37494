use std::hash::{BuildHasher, RandomState};

/// Finds the row of an id without keeping the ids.
///
/// A row keeps 96 bits of a hash whose keys are drawn for each table, so nobody can make two ids collide,
/// and among ten million ids two do so by chance once in 10^15 tables. That is 12 bytes an id, and five to
/// eleven for the index.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    marks: Vec<Mark>,
    rows: Vec<u32>,
    /// Open addressing: position in `marks` + 1, or 0 for a free slot. The length is a power of two.
    slots: Vec<u32>,
    hashers: [RandomState; 2],
}

type Mark = (u32, u32, u32);

impl Ids {
    pub fn get(&self, id: &str) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let place = self.slots[self.slot_of(self.mark(id))].checked_sub(1)?;
        self.row_at(place as usize)
    }

    /// Keeps an id for a row; one that is there already keeps its row.
    pub fn insert(&mut self, id: &str, row: u32) {
        if (self.marks.len() + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let mark = self.mark(id);
        let slot = self.slot_of(mark);
        let Ok(place) = u32::try_from(self.marks.len() + 1) else { return };
        if self.slots[slot] == 0 {
            self.slots[slot] = place;
            // Rows mostly are 0, 1, 2, ...: only when they are not must they be kept.
            if !self.rows.is_empty() || row as usize != self.marks.len() {
                if self.rows.is_empty() {
                    self.rows = (0..self.marks.len() as u32).collect();
                }
                self.rows.push(row);
            }
            self.marks.push(mark);
        }
    }

    pub fn shrink(&mut self) {
        self.marks.shrink_to_fit();
        self.rows.shrink_to_fit();
    }

    pub fn bytes(&self) -> usize {
        size_of::<Mark>() * self.marks.capacity() + 4 * (self.rows.capacity() + self.slots.capacity())
    }

    fn row_at(&self, place: usize) -> Option<u32> {
        if self.rows.is_empty() { u32::try_from(place).ok() } else { self.rows.get(place).copied() }
    }

    fn mark(&self, id: &str) -> Mark {
        let [one, other] = &self.hashers;
        let (one, other) = (one.hash_one(id), other.hash_one(id));
        (one as u32, (one >> 32) as u32, other as u32)
    }

    fn slot_of(&self, mark: Mark) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = mark.0 as usize & mask;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(place) if self.marks.get(place as usize) != Some(&mark) => slot = (slot + 1) & mask,
                _ => return slot,
            }
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(16)];
        for place in 0..self.marks.len() {
            let slot = self.slot_of(self.marks[place]);
            self.slots[slot] = place as u32 + 1;
        }
    }
}
