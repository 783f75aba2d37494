//! The checksum that a part carries in its own footer.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::PartError;

pub(super) const FORMAT_KEY: &str = "palate.format";
pub(super) const FORMAT: &str = "2";
/// The formats that are read.
pub(super) const FORMATS: [&str; 2] = ["1", FORMAT];
pub(super) const SEAL_KEY: &str = "palate.sha256";
/// What stands in the place of the checksum while it is taken.
pub(super) const BLANK: [u8; 64] = [b'0'; 64];

/// The length of the footer's length and the magic `PAR1` behind it.
const TAIL: usize = 8;

/// Puts the checksum in its place. Gives the SHA-256 of the whole file with it, in hex.
pub(super) fn seal(file: &mut [u8]) -> Result<String, PartError> {
    let place = place(file)?;
    // Nearly all of the file stands before that place, and is hashed once for both sums.
    let before = Sha256::new_with_prefix(&file[..place.start]);
    let digest = hex(before.clone().chain_update(BLANK).chain_update(&file[place.end..]));
    file[place.clone()].copy_from_slice(&digest);
    Ok(String::from_utf8_lossy(&hex(before.chain_update(&file[place.start..]))).into_owned())
}

/// Fails unless the file is as [`seal`] left it.
pub(super) fn verify(file: &[u8]) -> Result<(), PartError> {
    let place = place(file)?;
    if file[place.clone()] != digest(file, &place) {
        return Err(PartError::corrupt("its checksum does not match its content"));
    }
    Ok(())
}

/// Where the checksum stands: behind its key in the footer, in Thrift's compact form (field 2, a string of
/// 64 bytes).
fn place(file: &[u8]) -> Result<Range<usize>, PartError> {
    let cut = || PartError::corrupt("it does not end as a Parquet file does");
    let tail = file.len().checked_sub(TAIL).ok_or_else(cut)?;
    let length = file[tail..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
    let start = tail.checked_sub(length).ok_or_else(cut)?;
    if !file.ends_with(b"PAR1") {
        return Err(cut());
    }
    let key: Vec<u8> = [SEAL_KEY.as_bytes(), &[0x18, 64]].concat();
    let footer = &file[start..tail];
    let found = footer.windows(key.len()).rposition(|window| window == key);
    let value = start + found.ok_or_else(|| PartError::corrupt("it has no checksum"))? + key.len();
    if value + BLANK.len() > tail {
        return Err(cut());
    }
    Ok(value..value + BLANK.len())
}

/// The SHA-256 of the file with `place` blanked, in hex.
fn digest(file: &[u8], place: &Range<usize>) -> [u8; 64] {
    let before = Sha256::new_with_prefix(&file[..place.start]);
    hex(before.chain_update(BLANK).chain_update(&file[place.end..]))
}

fn hex(sha: Sha256) -> [u8; 64] {
    let mut hex = BLANK;
    for (pair, byte) in hex.chunks_exact_mut(2).zip(sha.finalize()) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    hex
}
