//! A dictionary for a column of strings, if it has few enough of them.

/// A column as codes into its distinct strings.
pub(super) struct Distinct {
    /// For each entry, in the order of first sight, the value that it was first seen at.
    pub first_seen: Vec<u32>,
    /// For each value its entry.
    pub codes: Vec<u32>,
}

/// Slots are looked through in a row no further than this: values made to collide must not cost more than a
/// column without dictionary.
const FURTHEST: usize = 256;
/// After how many values the share of distinct ones is looked at first; then at a quarter of all.
const FIRST_LOOK: usize = 8192;

/// A distinct value. Its ends stand in it, so that a look at the text itself is needed for long texts only:
/// that would be three reads one after the other, at three places in memory.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    head: u64,
    tail: u64,
    n_bytes: usize,
}

impl Entry {
    /// Texts up to this long are the same if their ends and their lengths are.
    const WHOLE: usize = 16;

    #[inline]
    fn of(text: &[u8]) -> Self {
        let n_bytes = text.len();
        let (head, tail) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
                (Some(head), Some(tail)) => {
                    (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
                }
                _ => (text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
            },
        };
        let hash = if n_bytes <= Self::WHOLE {
            fold(fold(FIRST ^ n_bytes as u64 ^ head, SECOND) ^ tail, SECOND ^ FIRST)
        } else {
            hash(text)
        };
        Self { hash, head, tail, n_bytes }
    }

    #[inline]
    fn has_ends_of(&self, other: &Self) -> bool {
        self.head == other.head && self.tail == other.tail && self.n_bytes == other.n_bytes
    }
}

/// Finds the distinct values among `n_values`. `None` if they take more than `max_bytes`, or, where a dictionary
/// must pay, if most are distinct.
///
/// Depends on the values alone.
pub(super) fn distinct<'a>(
    n_values: usize,
    value: impl Fn(usize) -> &'a [u8],
    max_bytes: usize,
    must_pay: bool,
) -> Option<Distinct> {
    let mut first_seen: Vec<u32> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut codes = Vec::with_capacity(n_values);
    // In a slot the upper half of the hash and the code plus one; 0 if it is free.
    let mut slots = vec![0_u64; if must_pay { 1024 } else { (2 * n_values).next_power_of_two().max(1024) }];
    let mut n_bytes = 0;
    let second_look = (n_values / 4).max(FIRST_LOOK + 1);
    for number in 0..n_values {
        // A dictionary of nearly every value is larger than the values.
        let hopeless = (number == FIRST_LOOK && first_seen.len() > number / 50 * 49)
            || (number == second_look && first_seen.len() > number / 8 * 7);
        if must_pay && hopeless {
            return None;
        }
        let text = value(number);
        let entry = Entry::of(text);
        let mask = slots.len() - 1;
        let tag = entry.hash >> 32 << 32;
        let mut slot = entry.hash as usize & mask;
        let mut steps = 0;
        loop {
            let held = slots[slot];
            if held == 0 {
                let code = first_seen.len() as u32;
                first_seen.push(u32::try_from(number).ok()?);
                entries.push(entry);
                slots[slot] = tag | u64::from(code + 1);
                codes.push(code);
                n_bytes += text.len() + 4;
                if n_bytes > max_bytes {
                    return None;
                }
                if first_seen.len() * 2 > slots.len() {
                    slots = grown(&entries, slots.len() * 4);
                }
                break;
            }
            if held >> 32 == tag >> 32 {
                let code = held as u32 - 1;
                let whole = text.len() <= Entry::WHOLE;
                if entries[code as usize].has_ends_of(&entry)
                    && (whole || same(value(first_seen[code as usize] as usize), text))
                {
                    codes.push(code);
                    break;
                }
            }
            slot = (slot + 1) & mask;
            steps += 1;
            if steps > FURTHEST {
                return None;
            }
        }
    }
    let pays = n_values < FIRST_LOOK || first_seen.len() <= n_values / 4 * 3;
    (pays || !must_pay).then_some(Distinct { first_seen, codes })
}

fn grown(entries: &[Entry], n_slots: usize) -> Vec<u64> {
    let mut slots = vec![0_u64; n_slots];
    let mask = n_slots - 1;
    for (entry, code) in entries.iter().zip(1_u64..) {
        let mut slot = entry.hash as usize & mask;
        while slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        slots[slot] = entry.hash >> 32 << 32 | code;
    }
    slots
}

/// Whether two texts are equal. They are short, so that a call of the library would cost more.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() < 8 {
        return a.iter().zip(b).all(|(a, b)| a == b);
    }
    let (heads_a, heads_b) = (a.chunks_exact(8), b.chunks_exact(8));
    heads_a.zip(heads_b).all(|(a, b)| a.first_chunk::<8>() == b.first_chunk::<8>())
        && a.last_chunk::<8>() == b.last_chunk::<8>()
}

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd6e8_feb8_6659_fd93;

/// Mixes two words by their product of 128 bits folded in half.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Mixes eight bytes at a time.
#[inline]
fn hash(text: &[u8]) -> u64 {
    let mut hash = FIRST ^ text.len() as u64;
    let mut rest = text;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        hash = fold(hash ^ u64::from_le_bytes(*head), SECOND);
        rest = tail;
    }
    let last = match text.last_chunk::<8>() {
        // What overlaps with the bytes before does no harm.
        Some(last) => u64::from_le_bytes(*last),
        None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    fold(hash ^ last, SECOND ^ FIRST)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn codes_are_those_of_a_map(values in proptest::collection::vec("[ab]{0,9}|.{0,20}", 0..300)) {
            let found = distinct(values.len(), |number| values[number].as_bytes(), usize::MAX, true).unwrap();
            let mut map = HashMap::new();
            for (number, value) in values.iter().enumerate() {
                let next = map.len() as u32;
                prop_assert_eq!(found.codes[number], *map.entry(value).or_insert(next));
            }
            prop_assert_eq!(found.first_seen.len(), map.len());
        }
    }

    #[test]
    fn many_values_are_told_apart() {
        // Every tenth is the same, so that the first values are not all different.
        let number = |n: u64| if n.is_multiple_of(10) { 0 } else { n * n % 50_021 };
        let values: Vec<String> = (0..200_000).map(|n| format!("item{:06}", number(n))).collect();
        let found = distinct(values.len(), |number| values[number].as_bytes(), usize::MAX, true).unwrap();
        // As many as a prime has squares.
        assert_eq!(found.first_seen.len(), 25_011);
        for (value, code) in values.iter().zip(&found.codes) {
            assert_eq!(values[found.first_seen[*code as usize] as usize], *value);
        }
    }

    #[test]
    fn mostly_distinct_or_long_values_get_no_dictionary() {
        let values: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        assert!(distinct(values.len(), |number| values[number].as_bytes(), usize::MAX, true).is_none());
        assert!(distinct(values.len(), |number| values[number].as_bytes(), usize::MAX, false).is_some());
        assert!(distinct(100, |number| values[number].as_bytes(), 200, true).is_none());
        assert!(distinct(100, |number| values[number].as_bytes(), 590, true).is_some());
    }
}
