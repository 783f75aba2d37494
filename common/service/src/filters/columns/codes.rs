//! What a row has in a column: a small number, as narrow as the column allows.

use std::ops::RangeInclusive;

use crate::filters::RowSet;

/// So many passes over the codes are faster than looking each up in a table.
const FEW: usize = 6;

/// A code for each row: 0 for null, entry + 1 of the column's dictionary otherwise.
#[derive(Clone, Debug)]
pub(super) enum Codes {
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    Wide(Vec<u32>),
}

impl Codes {
    /// `codes` are at most `greatest`.
    pub fn new(codes: Vec<u32>, greatest: usize) -> Self {
        if greatest <= usize::from(u8::MAX) {
            Self::Bytes(codes.iter().map(|code| *code as u8).collect())
        } else if greatest <= usize::from(u16::MAX) {
            Self::Shorts(codes.iter().map(|code| *code as u16).collect())
        } else {
            Self::Wide(codes)
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(codes) => codes.len(),
            Self::Shorts(codes) => codes.len(),
            Self::Wide(codes) => codes.len(),
        }
    }

    /// The entry of a row; `None` if it is null or there is no such row.
    pub fn entry(&self, row: u32) -> Option<u32> {
        let row = row as usize;
        let code = match self {
            Self::Bytes(codes) => codes.get(row).map(|code| u32::from(*code)),
            Self::Shorts(codes) => codes.get(row).map(|code| u32::from(*code)),
            Self::Wide(codes) => codes.get(row).copied(),
        };
        code?.checked_sub(1)
    }

    /// The rows whose code is in the range.
    pub fn rows_in(&self, codes: RangeInclusive<u32>) -> RowSet {
        let (first, last) = codes.into_inner();
        if first > last {
            return RowSet::none(self.len());
        }
        // Codes are never greater than their type allows, so a greater bound means the same as the greatest.
        let words = match self {
            Self::Bytes(codes) => match u8::try_from(first) {
                Ok(first) => scan(codes, first, u8::try_from(last).unwrap_or(u8::MAX)),
                Err(_) => Vec::new(),
            },
            Self::Shorts(codes) => match u16::try_from(first) {
                Ok(first) => scan(codes, first, u16::try_from(last).unwrap_or(u16::MAX)),
                Err(_) => Vec::new(),
            },
            Self::Wide(codes) => scan(codes, first, last),
        };
        RowSet::from_words(words, self.len())
    }

    /// The rows that have one of these entries.
    pub fn rows_of(&self, entries: &[u32]) -> RowSet {
        match entries {
            [] => RowSet::none(self.len()),
            [one] => self.rows_in(one + 1..=one + 1),
            few if few.len() <= FEW => {
                let mut rows = RowSet::none(self.len());
                few.iter().for_each(|entry| rows.unite(&self.rows_in(entry + 1..=entry + 1)));
                rows
            }
            many => {
                // Bits, so that the table of a column of a million values stays in the cache.
                let greatest = many.iter().max().map_or(0, |entry| *entry as usize + 1);
                let mut wanted = vec![0; greatest / 64 + 1];
                many.iter().map(|entry| entry + 1).for_each(|code| wanted[code as usize / 64] |= 1 << (code % 64));
                let words = match self {
                    Self::Bytes(codes) => look_up(codes, &wanted),
                    Self::Shorts(codes) => look_up(codes, &wanted),
                    Self::Wide(codes) => look_up(codes, &wanted),
                };
                RowSet::from_words(words, self.len())
            }
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Bytes(codes) => codes.capacity(),
            Self::Shorts(codes) => 2 * codes.capacity(),
            Self::Wide(codes) => 4 * codes.capacity(),
        }
    }
}

/// A bit for each code from `first` to `last`.
fn scan<T: Copy + PartialOrd + Default>(codes: &[T], first: T, last: T) -> Vec<u64> {
    // In pieces of known length and to bytes before bits: so the comparisons become vector instructions.
    let word = |codes: &[T; 64]| pack(&codes.map(|code| u8::from(code >= first) & u8::from(code <= last)));
    let equal = |codes: &[T; 64]| pack(&codes.map(|code| u8::from(code == first)));
    let (whole, rest) = codes.as_chunks::<64>();
    let mut last_codes = [T::default(); 64];
    last_codes.iter_mut().zip(rest).for_each(|(code, from)| *code = *from);
    // What pads the last word is cut off with the bits behind the last row.
    let all = whole.iter().chain((!rest.is_empty()).then_some(&last_codes));
    if first == last { all.map(equal).collect() } else { all.map(word).collect() }
}

/// A bit for each code that is set in `wanted`.
fn look_up<T: Copy + Into<u32>>(codes: &[T], wanted: &[u64]) -> Vec<u64> {
    let is_wanted = |code: u32| wanted.get(code as usize / 64).map_or(0, |word| word >> (code % 64) & 1);
    let word = |codes: &[T]| codes.iter().rev().fold(0, |word, code| word << 1 | is_wanted((*code).into()));
    codes.chunks(64).map(word).collect()
}

/// 64 bytes of 0 or 1 as 64 bits.
fn pack(hits: &[u8; 64]) -> u64 {
    // The product moves byte `i` to bit `56 + i`; nothing else reaches the upper byte.
    const SPREAD: u64 = 0x0102_0408_1020_4080;
    let bytes = hits.as_chunks::<8>().0.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(SPREAD) >> 56);
    bytes.rev().fold(0, |word, byte| word << 8 | byte)
}
