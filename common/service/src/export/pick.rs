//! Which rows are written: each once, or of each id the newest.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use bytes::Bytes;

use super::cells::Cells;

/// Two keyed hashes of 64 bits: nobody can make rows whose fingerprints agree, and by chance it does not happen.
#[derive(Default)]
struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    fn of(&self, bytes: &[u8]) -> u128 {
        let [high, low] = self.0.each_ref().map(|state| u128::from(state.hash_one(bytes)));
        high << 64 | low
    }
}

/// Picks rows. With several passes each looks at its share of the fingerprints, so the share fits into memory.
pub(super) struct Pick {
    fingerprints: Fingerprints,
    n_passes: u64,
    pass: u64,
    /// The number of the first row of the part that is looked at, over all parts.
    first_row: u64,
    by_id: bool,
    /// Rows that were written.
    seen: HashSet<u128>,
    /// By id: when its newest row came, and the row's number.
    newest: HashMap<u128, (u64, u64)>,
}

impl Pick {
    pub fn new(by_id: bool, n_passes: u64) -> Self {
        Self {
            fingerprints: Fingerprints::default(),
            n_passes,
            pass: 0,
            first_row: 0,
            by_id,
            seen: HashSet::new(),
            newest: HashMap::new(),
        }
    }

    pub fn begin(&mut self, pass: u64) {
        self.pass = pass;
        self.first_row = 0;
        self.seen.clear();
        self.newest.clear();
    }

    /// Goes back to the first part within a pass.
    pub fn rewind(&mut self) {
        self.first_row = 0;
    }

    pub fn next_part(&mut self, cells: &Cells) {
        self.first_row += cells.n_rows() as u64;
    }

    /// Whether this pass is the one for a fingerprint.
    fn is_ours(&self, fingerprint: u128) -> bool {
        (fingerprint >> 64) as u64 % self.n_passes == self.pass
    }

    /// Takes note of a row that may be the newest of its id; of rows that came at the same time the last counts.
    pub fn consider(&mut self, cells: &Cells, row: usize) {
        let fingerprint = self.fingerprints.of(cells.id(row).as_bytes());
        if self.is_ours(fingerprint) {
            let this = (cells.at_ms(row), self.first_row + row as u64);
            let newest = self.newest.entry(fingerprint).or_insert(this);
            *newest = this.max(*newest);
        }
    }

    /// The lines of those of the rows that are picked, and how many there are.
    pub fn lines(&mut self, cells: &Cells, rows: Range<usize>) -> (Bytes, u64) {
        let (mut lines, mut n_lines) = (Vec::new(), 0);
        for row in rows {
            let begin = lines.len();
            let picked = if self.by_id {
                let newest = self.newest.get(&self.fingerprints.of(cells.id(row).as_bytes()));
                let picked = newest.is_some_and(|(_, number)| *number == self.first_row + row as u64);
                if picked {
                    cells.append(row, &mut lines);
                }
                picked
            } else {
                cells.append(row, &mut lines);
                let fingerprint = self.fingerprints.of(&lines[begin..]);
                self.is_ours(fingerprint) && self.seen.insert(fingerprint)
            };
            if picked {
                n_lines += 1;
            } else {
                lines.truncate(begin);
            }
        }
        (lines.into(), n_lines)
    }
}
