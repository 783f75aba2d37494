use std::hash::{DefaultHasher, Hash, Hasher};

use rayon::prelude::*;

use crate::parts::{ColumnType, Part, PartError, StringColumn};

/// Per row a hash of the columns that are not `known`; `None` if there are none or all of them are null.
///
/// A null does not count, so a part that lacks a column (a schema that grew, a row that was streamed) hashes
/// like one where it is null; adding makes the order of the columns not matter.
pub fn fingerprints(part: &Part, known: &[&str]) -> Result<Option<Vec<u64>>, PartError> {
    let mut hashes = Vec::new();
    for column in part.columns().iter().filter(|column| !known.contains(&column.name.as_str())) {
        let name = column.name.as_str();
        hashes.resize(part.n_rows(), 0);
        match column.kind {
            ColumnType::String => mix_strings(&mut hashes, name, &part.strings(name)?),
            ColumnType::Int => {
                let values = part.ints(name)?;
                mix(&mut hashes, name, |row| values.get(row));
            }
            ColumnType::Long => {
                let values = part.longs(name)?;
                mix(&mut hashes, name, |row| values.get(row));
            }
            ColumnType::Float => {
                let values = part.floats(name)?;
                mix(&mut hashes, name, |row| values.get(row).map(f32::to_bits));
            }
            ColumnType::Double => {
                let values = part.doubles(name)?;
                mix(&mut hashes, name, |row| values.get(row).map(f64::to_bits));
            }
            ColumnType::Boolean => {
                let values = part.booleans(name)?;
                mix(&mut hashes, name, |row| values.get(row));
            }
        }
    }
    Ok(Some(hashes).filter(|hashes| hashes.iter().any(|hash| *hash != 0)))
}

fn hash_of(name: &str, value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, value).hash(&mut hasher);
    hasher.finish()
}

fn mix<T: Hash>(hashes: &mut [u64], name: &str, value: impl Fn(usize) -> Option<T> + Sync) {
    hashes.par_iter_mut().enumerate().for_each(|(row, hash)| {
        if let Some(value) = value(row) {
            *hash = hash.wrapping_add(hash_of(name, value));
        }
    });
}

/// Text is hashed once for each entry of the dictionary.
fn mix_strings(hashes: &mut [u64], name: &str, column: &StringColumn) {
    let entries: Vec<u64> = column.dictionary.iter().map(|text| hash_of(name, text)).collect();
    for (hash, code) in hashes.iter_mut().zip(&column.codes) {
        *hash = hash.wrapping_add(entries.get(*code as usize).copied().unwrap_or(0));
    }
}
