//! Parquet's packed deltas (`DELTA_BINARY_PACKED`), in which whole numbers and the lengths of strings are
//! stored: timestamps mostly rise by little, lengths of ids hardly differ.

use super::{PartError, rle};

/// Values of a block and of each of its parts: what every reader takes.
const BLOCK: usize = 128;
const MINI: usize = 32;
const MINIS: usize = BLOCK / MINI;

/// A type of number whose deltas wrap around in its own width.
pub(super) trait Whole: Copy {
    fn delta(self, before: Self) -> i64;
    fn long(self) -> i64;
}

impl Whole for i32 {
    fn delta(self, before: Self) -> i64 {
        i64::from(self.wrapping_sub(before))
    }

    fn long(self) -> i64 {
        i64::from(self)
    }
}

impl Whole for i64 {
    fn delta(self, before: Self) -> i64 {
        self.wrapping_sub(before)
    }

    fn long(self) -> i64 {
        self
    }
}

/// Appends the values in packed form.
pub(super) fn encode<T: Whole>(values: &[T], out: &mut Vec<u8>) {
    put_varint(BLOCK as u64, out);
    put_varint(MINIS as u64, out);
    put_varint(values.len() as u64, out);
    put_zigzag(values.first().map_or(0, |first| first.long()), out);
    let mut deltas = [0_i64; BLOCK];
    let mut start = 1;
    while start < values.len() {
        let end = values.len().min(start + BLOCK);
        for (delta, pair) in deltas.iter_mut().zip(values[start - 1..end].windows(2)) {
            *delta = pair[1].delta(pair[0]);
        }
        let n_deltas = end - start;
        let least = deltas[..n_deltas].iter().copied().min().unwrap_or(0);
        // Padding counts as the least delta, so it takes no bits of its own.
        deltas[n_deltas..].fill(least);
        put_zigzag(least, out);
        let mut relative = [0_u64; BLOCK];
        for (relative, delta) in relative.iter_mut().zip(deltas) {
            *relative = delta.wrapping_sub(least).cast_unsigned();
        }
        let widths: [u32; MINIS] = std::array::from_fn(|mini| {
            let all = relative[mini * MINI..(mini + 1) * MINI].iter().fold(0, |all, value| all | value);
            u64::BITS - all.leading_zeros()
        });
        out.extend(widths.iter().map(|width| *width as u8));
        for (mini, width) in widths.iter().enumerate().filter(|(mini, _)| mini * MINI < n_deltas) {
            pack(&relative[mini * MINI..(mini + 1) * MINI], *width, out);
        }
        start = end;
    }
}

/// Packs 32 values, so that whole words come out.
fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width <= 32 {
        let (mut bits, mut n_bits) = (0_u64, 0);
        for value in values {
            bits |= value << n_bits;
            n_bits += width;
            if n_bits >= 32 {
                out.extend_from_slice(&(bits as u32).to_le_bytes());
                bits >>= 32;
                n_bits -= 32;
            }
        }
    } else {
        let (mut bits, mut n_bits) = (0_u128, 0);
        for value in values {
            bits |= u128::from(*value) << n_bits;
            n_bits += width;
            while n_bits >= 32 {
                out.extend_from_slice(&(bits as u32).to_le_bytes());
                bits >>= 32;
                n_bits -= 32;
            }
        }
    }
}

/// Splits packed values off the front of `data`, which must be `n_values`.
pub(super) fn decode(data: &mut &[u8], n_values: usize) -> Result<Vec<i64>, PartError> {
    let block = usize::try_from(rle::varint(data)?).unwrap_or(usize::MAX);
    let minis = usize::try_from(rle::varint(data)?).unwrap_or(usize::MAX);
    let total = rle::varint(data)?;
    let first = zigzag(data)?;
    if total != n_values as u64 {
        return Err(PartError::corrupt("a page has not as many numbers as values"));
    }
    if block == 0 || block > 1 << 20 || minis == 0 || !block.is_multiple_of(minis) || !(block / minis).is_multiple_of(8)
    {
        return Err(PartError::corrupt("blocks of an impossible size"));
    }
    let mini = block / minis;
    let mut values = Vec::new();
    values.try_reserve_exact(n_values).map_err(PartError::corrupt)?;
    if n_values > 0 {
        values.push(first);
    }
    let mut last = first;
    while values.len() < n_values {
        let least = zigzag(data)?;
        let widths = rle::take(data, minis)?;
        for width in widths {
            if values.len() == n_values {
                break;
            }
            if *width > 64 {
                return Err(PartError::corrupt("numbers of more than 64 bits"));
            }
            let packed = rle::take(data, mini / 8 * usize::from(*width))?;
            let n_here = mini.min(n_values - values.len());
            unpack(packed, u32::from(*width), n_here, |relative| {
                last = last.wrapping_add(least).wrapping_add(relative.cast_signed());
                values.push(last);
            });
        }
    }
    Ok(values)
}

fn unpack(packed: &[u8], width: u32, n_values: usize, mut each: impl FnMut(u64)) {
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let (mut bits, mut n_bits) = (0_u128, 0);
    let mut bytes = packed.iter();
    for _ in 0..n_values {
        while n_bits < width {
            bits |= u128::from(bytes.next().copied().unwrap_or(0)) << n_bits;
            n_bits += 8;
        }
        each(bits as u64 & mask);
        bits >>= width;
        n_bits -= width;
    }
}

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_zigzag(value: i64, out: &mut Vec<u8>) {
    put_varint((value << 1 ^ value >> 63).cast_unsigned(), out);
}

fn zigzag(data: &mut &[u8]) -> Result<i64, PartError> {
    let value = rle::varint(data)?;
    Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(values in proptest::collection::vec(any::<i64>(), 0..400), shift in 0..64_u32) {
            let values: Vec<i64> = values.iter().map(|value| value >> shift).collect();
            let mut packed = Vec::new();
            encode(&values, &mut packed);
            packed.push(7);
            let mut rest = &packed[..];
            prop_assert_eq!(decode(&mut rest, values.len()).unwrap(), values);
            prop_assert_eq!(rest, [7]);
        }

        #[test]
        fn ints_wrap_in_their_own_width(values in proptest::collection::vec(any::<i32>(), 0..300)) {
            let mut packed = Vec::new();
            encode(&values, &mut packed);
            let read: Vec<i32> = decode(&mut &packed[..], values.len()).unwrap().iter().map(|value| *value as i32).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn no_bytes_make_it_panic(data in proptest::collection::vec(any::<u8>(), 0..60), n_values in 0..300_usize) {
            let _ = decode(&mut &data[..], n_values);
        }
    }

    #[test]
    fn equal_steps_take_no_bits() {
        let mut packed = Vec::new();
        encode(&(0..128_000).map(|number| number * 40).collect::<Vec<i64>>(), &mut packed);
        assert!(packed.len() < 8_000, "{}", packed.len());
    }
}
