//! Parquet's hybrid of run lengths and packed bits, in which levels and dictionary codes are stored.

use super::PartError;

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

/// Appends `n_values` of `width` bits, least significant bit first.
fn unpack(packed: &[u8], width: u32, n_values: usize, out: &mut Vec<u32>) -> Result<(), PartError> {
    if packed.len().saturating_mul(8) < n_values.saturating_mul(width as usize) {
        return Err(PartError::corrupt("packed codes end early"));
    }
    let mask = if width == 32 { u64::from(u32::MAX) } else { (1 << width) - 1 };
    let (mut bits, mut n_bits) = (0_u64, 0);
    let mut bytes = packed.iter();
    out.extend((0..n_values).map(|_| {
        while n_bits < width {
            bits |= u64::from(bytes.next().copied().unwrap_or(0)) << n_bits;
            n_bits += 8;
        }
        let value = (bits & mask) as u32;
        bits >>= width;
        n_bits -= width;
        value
    }));
    Ok(())
}

fn varint(data: &mut &[u8]) -> Result<u64, PartError> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
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

    #[test]
    fn runs_and_packed_groups_follow_each_other() {
        // Four times 5 (run), then 0..8 in three bits (packed): the example of the format's own page.
        let data = [4 << 1, 5, 1 << 1 | 1, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let mut out = Vec::new();
        decode(&data, 3, 12, &mut out).unwrap();
        assert_eq!(out, [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]);
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
