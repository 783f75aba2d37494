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

/// What two items share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shared {
    pub n_users: u32,
    /// Sum of the users' weights.
    pub weight: f32,
}

/// Memory that one thread counts in.
pub struct Scratch {
    /// By item; all empty between calls.
    shared: Vec<Shared>,
    found: Vec<u32>,
}

impl Scratch {
    pub fn new(n_items: usize) -> Self {
        Self { shared: vec![Shared::default(); n_items], found: Vec::new() }
    }
}

/// Tells what each other item shares with `item`, of those that share any users, in no order.
///
/// | argument       | shape                             | meaning               |
/// |----------------|-----------------------------------|-----------------------|
/// | `baskets`      | `n_users` lists of distinct items | what each user took   |
/// | `takers`       | `n_items` lists of users          | `baskets`, transposed |
/// | `user_weights` | `(n_users,)`                      | above 0               |
///
/// Sums run over users in their order. Cost: the sum of the lengths of the baskets that hold `item`.
pub fn shared_users(
    baskets: &Lists,
    takers: &Lists,
    user_weights: &[f32],
    item: usize,
    scratch: &mut Scratch,
    mut tell: impl FnMut(u32, Shared),
) {
    for user in takers.row(item) {
        let weight = user_weights[*user as usize];
        for other in baskets.row(*user as usize) {
            let shared = &mut scratch.shared[*other as usize];
            if shared.n_users == 0 {
                scratch.found.push(*other);
            }
            shared.n_users += 1;
            shared.weight += weight;
        }
    }
    for other in scratch.found.drain(..) {
        let shared = std::mem::take(&mut scratch.shared[other as usize]);
        if other as usize != item {
            tell(other, shared);
        }
    }
}
