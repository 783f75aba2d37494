//! Parquet's hybrid of run lengths and packed bits, in which levels and dictionary codes are stored.

use super::{PartError, delta::put_varint};

/// Decodes `n_values` of `width` bits (0 to 32) each and appends them to `out`.
pub(super) fn decode(mut data: &[u8], width: u32, n_values: usize, out: &mut Vec<u32>) -> Result<(), PartError> {
    if width > 32 {
        return Err(PartError::corrupt("codes of more than 32 bits"));
    }
    let goal = out.len() + n_values;
    while out.len() < goal {
        let missing = goal - out.len();
        let header = varint(&mut data)?;
        let count = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if header & 1 == 0 {
            let n_bytes = width.div_ceil(8) as usize;
            let value = take(&mut data, n_bytes)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            if count == 0 {
                return Err(PartError::corrupt("an empty run"));
            }
            out.resize(out.len() + count.min(missing), value);
        } else {
            // `count` groups of eight values; the last group may be padded.
            let n_packed = count.saturating_mul(8);
            if n_packed == 0 {
                return Err(PartError::corrupt("an empty run"));
            }
            let n_bytes = count.saturating_mul(width as usize).min(data.len());
            let packed = take(&mut data, n_bytes)?;
            unpack(packed, width, n_packed.min(missing), out)?;
        }
    }
    Ok(())
}

/// Whether `data` begins with one run of at least `n_values` ones of one bit each: a page without nulls.
pub(super) fn is_all_ones(mut data: &[u8], n_values: usize) -> bool {
    let Ok(header) = varint(&mut data) else { return false };
    header & 1 == 0 && header >> 1 >= n_values as u64 && data.first() == Some(&1)
}

/// Equal values in a row that are worth a run of their own.
const RUN: usize = 64;

/// Appends values of `width` bits (1 to 32) each.
pub(super) fn encode<T: Copy + PartialEq + Into<u32>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    let (mut packed_from, mut at) = (0, 0);
    while at < values.len() {
        let rest = &values[at..];
        let Some(run) = rest.first_chunk::<8>().filter(|eight| eight.iter().all(|value| *value == eight[0])) else {
            at += rest.len().min(8);
            continue;
        };
        let run = rest.iter().take_while(|value| **value == run[0]).count();
        if run < RUN {
            at += 8;
            continue;
        }
        pack(&values[packed_from..at], width, out);
        put_varint((run as u64) << 1, out);
        let value: u32 = rest[0].into();
        out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
        at += run;
        packed_from = at;
    }
    pack(&values[packed_from..], width, out);
}

/// Appends values as one stretch of groups of eight, the last one filled up with zeros.
fn pack<T: Copy + Into<u32>>(values: &[T], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let n_groups = values.len().div_ceil(8);
    put_varint((n_groups as u64) << 1 | 1, out);
    let end = out.len() + n_groups * width as usize;
    let (mut bits, mut n_bits) = (0_u64, 0);
    for value in values {
        bits |= u64::from((*value).into()) << n_bits;
        n_bits += width;
        if n_bits >= 32 {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= 32;
            n_bits -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..n_bits.div_ceil(8) as usize]);
    out.resize(end, 0);
}

/// Appends `n_values` of `width` bits, least significant bit first.
fn unpack(packed: &[u8], width: u32, n_values: usize, out: &mut Vec<u32>) -> Result<(), PartError> {
    if packed.len().saturating_mul(8) < n_values.saturating_mul(width as usize) {
        return Err(PartError::corrupt("packed codes end early"));
    }
    let mask = if width == 32 { u64::from(u32::MAX) } else { (1 << width) - 1 };
    let (mut bits, mut n_bits) = (0_u64, 0);
    let mut rest = packed;
    out.extend((0..n_values).map(|_| {
        if n_bits < width {
            let word = match rest.split_first_chunk::<4>() {
                Some((word, behind)) => {
                    rest = behind;
                    *word
                }
                None => {
                    let mut word = [0; 4];
                    word[..rest.len()].copy_from_slice(rest);
                    rest = &[];
                    word
                }
            };
            bits |= u64::from(u32::from_le_bytes(word)) << n_bits;
            n_bits += 32;
        }
        let value = (bits & mask) as u32;
        bits >>= width;
        n_bits -= width;
        value
    }));
    Ok(())
}

pub(super) fn varint(data: &mut &[u8]) -> Result<u64, PartError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(data, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(PartError::corrupt("a run of impossible length"))
}

/// Splits off the first `n_bytes`.
pub(super) fn take<'a>(data: &mut &'a [u8], n_bytes: usize) -> Result<&'a [u8], PartError> {
    let (head, rest) = data.split_at_checked(n_bytes).ok_or_else(|| PartError::corrupt("a page ends early"))?;
    *data = rest;
    Ok(head)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_and_packed_groups_follow_each_other() {
        // Four times 5 (run), then 0..8 in three bits (packed): the example of the format's own page.
        let data = [4 << 1, 5, 1 << 1 | 1, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let mut out = Vec::new();
        decode(&data, 3, 12, &mut out).unwrap();
        assert_eq!(out, [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            runs in proptest::collection::vec((any::<u32>(), prop_oneof![3 => 1..4_usize, 1 => 50..200_usize]), 0..40),
            width in 1..=32_u32,
        ) {
            let values: Vec<u32> =
                runs.iter().flat_map(|(value, n)| std::iter::repeat_n(value >> (32 - width), *n)).collect();
            let (mut data, mut out) = (Vec::new(), Vec::new());
            encode(&values, width, &mut data);
            decode(&data, width, values.len(), &mut out).unwrap();
            prop_assert_eq!(out, values);
        }
    }

    #[test]
    fn a_width_of_zero_gives_zeros() {
        let mut out = Vec::new();
        decode(&[100 << 1 & 0x7f | 0x80, 1], 0, 100, &mut out).unwrap();
        assert_eq!(out, [0; 100]);
    }

    #[test]
    fn data_that_ends_early_is_an_error() {
        for data in [&[][..], &[0x80], &[3], &[3, 1], &[2 << 1], &[0, 1]] {
            assert!(decode(data, 7, 8, &mut Vec::new()).is_err(), "{data:?}");
        }
    }
}
