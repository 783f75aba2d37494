/// Lists of rows, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Lists {
    offsets: Vec<usize>,
    entries: Vec<u32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { offsets: vec![0], entries: Vec::new() }
    }
}

impl Lists {
    pub fn push(&mut self, entries: &[u32]) {
        self.entries.extend_from_slice(entries);
        self.offsets.push(self.entries.len());
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn row(&self, row: usize) -> &[u32] {
        &self.entries[self.offsets[row]..self.offsets[row + 1]]
    }

    /// For each of `n_columns` entries the rows that have it, ascending.
    pub fn transposed(&self, n_columns: usize) -> Self {
        let mut offsets = vec![0; n_columns + 1];
        for entry in &self.entries {
            offsets[*entry as usize + 1] += 1;
        }
        for column in 0..n_columns {
            offsets[column + 1] += offsets[column];
        }
        let mut next = offsets.clone();
        let mut entries = vec![0; self.entries.len()];
        for row in 0..self.len() {
            for entry in self.row(row) {
                let place = &mut next[*entry as usize];
                entries[*place] = row as u32;
                *place += 1;
            }
        }
        Self { offsets, entries }
    }
}

/// Memory that one thread counts in.
pub struct Scratch {
    /// By item; all 0 between calls.
    n_shared: Vec<u32>,
    found: Vec<(u32, u32)>,
}

impl Scratch {
    pub fn new(n_items: usize) -> Self {
        Self { n_shared: vec![0; n_items], found: Vec::new() }
    }
}

/// How many users each other item shares with `item`, for those that share any; ascending by item.
///
/// | argument  | shape                              | meaning                    |
/// |-----------|------------------------------------|----------------------------|
/// | `baskets` | `n_users` lists of distinct items  | what each user took        |
/// | `takers`  | `n_items` lists of users           | `baskets`, transposed      |
///
/// Cost: the sum of the lengths of the baskets that hold `item`, and `n_items`.
pub fn shared_users<'s>(baskets: &Lists, takers: &Lists, item: usize, scratch: &'s mut Scratch) -> &'s [(u32, u32)] {
    for user in takers.row(item) {
        for other in baskets.row(*user as usize) {
            scratch.n_shared[*other as usize] += 1;
        }
    }
    scratch.n_shared[item] = 0;
    scratch.found.clear();
    if !takers.row(item).is_empty() {
        for (other, n_shared) in scratch.n_shared.iter_mut().enumerate() {
            if *n_shared > 0 {
                scratch.found.push((other as u32, *n_shared));
                *n_shared = 0;
            }
        }
    }
    &scratch.found
}
