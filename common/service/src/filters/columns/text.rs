use std::collections::HashMap;

use super::codes::Codes;
use super::words::Words;
use crate::filters::RowSet;

/// Stands between the values of a field that has several.
pub(super) const BETWEEN: char = '|';

/// A column of single values with more different ones than this is searched row by row, which is as fast
/// for the few rows that a value has and needs no lists.
const MOST_LISTED: usize = 1 << 16;

/// A value that at least one row in so many has is kept as bits, which are then smaller than a list.
const DENSE: usize = 32;

/// A column of strings, each of which may be several values with `|` between.
#[derive(Debug)]
pub struct TextColumn {
    words: Words,
    codes: Codes,
    /// `None`: not to be filtered on.
    index: Option<Index>,
}

/// Which rows have a value.
#[derive(Debug)]
enum Index {
    Scan,
    Lists {
        /// The rows of word `w` are `rows[starts[w]..starts[w + 1]]`, unless they are dense.
        starts: Vec<usize>,
        rows: Vec<u32>,
        dense: HashMap<u32, Vec<u64>>,
    },
}

impl TextColumn {
    /// `codes` are entries of `words` + 1, or 0 for null.
    pub fn new(words: Words, codes: Vec<u32>, filterable: bool) -> Self {
        let (mut words, codes) = drop_unused(words, codes);
        let n_whole = words.len();
        let index = filterable.then(|| index(&mut words, &codes));
        words.shrink();
        Self { codes: Codes::new(codes, n_whole), words, index }
    }

    pub fn text(&self, row: u32) -> Option<&str> {
        self.codes.entry(row).map(|entry| self.words.get(entry))
    }

    pub fn is_filterable(&self) -> bool {
        self.index.is_some()
    }

    /// The rows that have one of these values, whole or among several.
    pub fn rows_with<'a>(&self, values: impl Iterator<Item = &'a str>) -> RowSet {
        let mut found = RowSet::none(self.codes.len());
        let mut to_scan = Vec::new();
        for word in values.filter_map(|value| self.words.find(value)) {
            match &self.index {
                Some(Index::Lists { starts, rows, dense }) if !self.words.get(word).contains(BETWEEN) => {
                    if let Some(words) = dense.get(&word) {
                        found.insert_words(words);
                    }
                    let ends = starts.get(word as usize).zip(starts.get(word as usize + 1));
                    if let Some(rows) = ends.and_then(|(start, end)| rows.get(*start..*end)) {
                        found.insert_all(rows);
                    }
                }
                _ => to_scan.push(word),
            }
        }
        if !to_scan.is_empty() {
            found.unite(&self.codes.rows_of(&to_scan));
        }
        found
    }

    pub fn bytes(&self) -> usize {
        let index = match &self.index {
            Some(Index::Lists { starts, rows, dense }) => {
                let dense: usize = dense.values().map(|words| 8 * words.capacity() + 32).sum();
                8 * starts.capacity() + 4 * rows.capacity() + dense
            }
            Some(Index::Scan) | None => 0,
        };
        self.words.bytes() + self.codes.bytes() + index
    }
}

/// Whether a value is `wanted`, whole or one of several.
pub fn is_among(value: &str, wanted: impl Fn(&str) -> bool) -> bool {
    wanted(value) || several(value).any(wanted)
}

/// The values that a string stands for if there are several.
pub fn several(value: &str) -> impl Iterator<Item = &str> {
    let parts = value.contains(BETWEEN).then(|| value.split(BETWEEN)).into_iter().flatten();
    parts.filter(|part| !part.is_empty())
}

/// Rows that were replaced leave words behind that no row has.
fn drop_unused(words: Words, mut codes: Vec<u32>) -> (Words, Vec<u32>) {
    let mut used = vec![false; words.len() + 1];
    codes.iter().for_each(|code| used[*code as usize] = true);
    if used.iter().skip(1).all(|used| *used) {
        return (words, codes);
    }
    let mut kept = Words::default();
    let mut new = vec![0; used.len()];
    for code in (1..used.len()).filter(|code| used[*code]) {
        // As many as before or fewer, so there is a number for each.
        new[code] = kept.intern(words.get(code as u32 - 1)).map_or(0, |entry| entry + 1);
    }
    codes.iter_mut().for_each(|code| *code = new[*code as usize]);
    (kept, codes)
}

fn index(words: &mut Words, codes: &[u32]) -> Index {
    let n_whole = words.len();
    let parts = Parts::of(words);
    if parts.of.is_empty() && n_whole > MOST_LISTED {
        return Index::Scan;
    }
    let mut n_rows_of_whole = vec![0_usize; n_whole];
    codes.iter().filter_map(|code| code.checked_sub(1)).for_each(|word| n_rows_of_whole[word as usize] += 1);
    let mut n_rows_of = vec![0_usize; words.len()];
    for (word, n_rows) in (0..).zip(n_rows_of_whole) {
        parts.each(word, |part| n_rows_of[part as usize] += n_rows);
    }
    let n_words_of_bits = codes.len().div_ceil(64);
    let is_dense = |n_rows: usize| n_rows * DENSE >= codes.len() && n_rows > 0;
    let dense = (0..).zip(&n_rows_of).filter(|(_, n_rows)| is_dense(**n_rows));
    let mut dense: HashMap<u32, Vec<u64>> = dense.map(|(word, _)| (word, vec![0; n_words_of_bits])).collect();
    let mut starts = Vec::with_capacity(words.len() + 1);
    starts.push(0);
    for n_rows in &n_rows_of {
        let listed = if is_dense(*n_rows) { 0 } else { *n_rows };
        starts.push(starts.last().copied().unwrap_or(0) + listed);
    }
    let mut next = starts.clone();
    let mut rows = vec![0; starts.last().copied().unwrap_or(0)];
    for (row, code) in (0_u32..).zip(codes) {
        let Some(word) = code.checked_sub(1) else { continue };
        parts.each(word, |part| {
            let place = &mut next[part as usize];
            if n_rows_of[part as usize] * DENSE < codes.len() {
                rows[*place] = row;
                *place += 1;
            } else if let Some(bits) = dense.get_mut(&part) {
                bits[row as usize / 64] |= 1 << (row % 64);
            }
        });
    }
    Index::Lists { starts, rows, dense }
}

/// The parts of those words that are several values.
struct Parts {
    /// For such a word its parts, each once.
    of: HashMap<u32, Vec<u32>>,
}

impl Parts {
    /// Parts that are not words yet become so.
    fn of(words: &mut Words) -> Self {
        let mut of = HashMap::new();
        for word in 0..words.len() as u32 {
            if !words.get(word).contains(BETWEEN) {
                continue;
            }
            let text = words.get(word).to_owned();
            let mut parts: Vec<u32> = several(&text).filter_map(|part| words.intern(part)).collect();
            parts.sort_unstable();
            parts.dedup();
            of.insert(word, parts);
        }
        Self { of }
    }

    /// Calls with each value that a word stands for. A word of several values is none itself: it is rare to
    /// ask for, and found by a scan.
    fn each(&self, word: u32, mut with: impl FnMut(u32)) {
        match self.of.get(&word) {
            Some(parts) => parts.iter().for_each(|part| with(*part)),
            None => with(word),
        }
    }
}
