use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use rayon::prelude::*;

use super::{Dataset, DatasetError, DatasetParts, IdMap, Selection, build::Rows};
use crate::parts::{ColumnType, Part, PartError, StringColumn};

const USER_ID: &str = "USER_ID";
const ITEM_ID: &str = "ITEM_ID";
const TIMESTAMP: &str = "TIMESTAMP";
const EVENT_TYPE: &str = "EVENT_TYPE";
const EVENT_VALUE: &str = "EVENT_VALUE";

pub fn read(parts: &DatasetParts, selection: &Selection) -> Result<Dataset, DatasetError> {
    let columns: Vec<Result<Columns, PartError>> = parts.interactions.par_iter().map(Columns::read).collect();
    let catalogue: Vec<Result<StringColumn, PartError>> =
        parts.items.par_iter().map(|part| Part::open(part.content.clone())?.strings(ITEM_ID)).collect();
    let mut rows = Rows::default();
    for columns in columns {
        columns?.append_to(&mut rows)?;
    }
    for ids in catalogue {
        intern(&mut rows.items, &ids?, "items")?;
    }
    if rows.others.iter().all(|fingerprint| *fingerprint == 0) {
        rows.others = Vec::new();
    }
    rows.build(selection)
}

/// The columns of one part of the Interactions dataset.
struct Columns {
    user: StringColumn,
    item: StringColumn,
    timestamp_s: Vec<i64>,
    event_type: Option<StringColumn>,
    value: Vec<f32>,
    others: Vec<u64>,
}

impl Columns {
    fn read(content: &Bytes) -> Result<Self, PartError> {
        let part = Part::open(content.clone())?;
        let has = |name: &str| part.columns().iter().any(|column| column.name == name);
        let ((user, item), (timestamp_s, event_type)) = rayon::join(
            || rayon::join(|| part.strings(USER_ID), || part.strings(ITEM_ID)),
            || rayon::join(|| part.longs(TIMESTAMP), || has(EVENT_TYPE).then(|| part.strings(EVENT_TYPE)).transpose()),
        );
        Ok(Self {
            user: user?,
            item: item?,
            timestamp_s: timestamp_s?.values,
            event_type: event_type?,
            value: event_value(&part)?,
            others: fingerprints(&part)?,
        })
    }

    fn append_to(self, rows: &mut Rows) -> Result<(), DatasetError> {
        let n_rows = self.timestamp_s.len();
        let users = intern(&mut rows.users, &self.user, "users")?;
        let items = intern(&mut rows.items, &self.item, "items")?;
        let map = |codes: &[u32], rows: &[u32], none: u32| -> Vec<u32> {
            codes.par_iter().map(|code| rows.get(*code as usize).copied().unwrap_or(none)).collect()
        };
        rows.user.extend(map(&self.user.codes, &users, u32::MAX));
        rows.item.extend(map(&self.item.codes, &items, u32::MAX));
        // A null there cannot come from an import, which requires both.
        if [&rows.user, &rows.item].iter().any(|column| column.contains(&u32::MAX)) {
            let reason = format!("a row has no {USER_ID} or no {ITEM_ID}");
            return Err(PartError::Corrupt { reason }.into());
        }
        match self.event_type {
            Some(column) => {
                let types = intern(&mut rows.event_types, &column, "event types")?;
                rows.event_type.extend(map(&column.codes, &types, Dataset::NO_EVENT_TYPE));
            }
            None => rows.event_type.resize(rows.event_type.len() + n_rows, Dataset::NO_EVENT_TYPE),
        }
        rows.timestamp_s.extend(self.timestamp_s);
        rows.value.extend(self.value);
        rows.others.extend(self.others);
        Ok(())
    }
}

/// The row of each entry of the dictionary.
fn intern(ids: &mut IdMap, column: &StringColumn, what: &str) -> Result<Vec<u32>, DatasetError> {
    let rows = column.dictionary.iter().map(|id| ids.insert(id));
    rows.collect::<Option<_>>().ok_or_else(|| DatasetError::TooBig(format!("more {what} than fit")))
}

/// EVENT_VALUE as the schema has it, NaN where there is none.
fn event_value(part: &Part) -> Result<Vec<f32>, PartError> {
    let n_rows = part.n_rows();
    let Some(column) = part.columns().iter().find(|column| column.name == EVENT_VALUE) else {
        return Ok(vec![f32::NAN; n_rows]);
    };
    Ok(match column.kind {
        ColumnType::Float => {
            let values = part.floats(EVENT_VALUE)?;
            (0..n_rows).map(|row| values.get(row).unwrap_or(f32::NAN)).collect()
        }
        ColumnType::Double => {
            let values = part.doubles(EVENT_VALUE)?;
            (0..n_rows).map(|row| values.get(row).map_or(f32::NAN, |value| value as f32)).collect()
        }
        found => return Err(PartError::WrongType { name: EVENT_VALUE.into(), found, wanted: ColumnType::Float }),
    })
}

/// Per row a hash of the columns that have no place in a [`Dataset`]; 0 if all of them are null.
fn fingerprints(part: &Part) -> Result<Vec<u64>, PartError> {
    let known = [USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE];
    let mut hashes = vec![0; part.n_rows()];
    for column in part.columns().iter().filter(|column| !known.contains(&column.name.as_str())) {
        let name = column.name.as_str();
        match column.kind {
            ColumnType::String => {
                let values = part.strings(name)?;
                mix(&mut hashes, name, |row| values.get(row));
            }
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
    Ok(hashes)
}

/// Adds a column to the hashes. A null leaves them alone, so a part that lacks the column (a schema that
/// grew) hashes like one where it is null; adding makes the order of the columns not matter.
fn mix<T: Hash>(hashes: &mut [u64], name: &str, value: impl Fn(usize) -> Option<T> + Sync) {
    hashes.par_iter_mut().enumerate().for_each(|(row, hash)| {
        if let Some(value) = value(row) {
            let mut hasher = DefaultHasher::new();
            (name, value).hash(&mut hasher);
            *hash = hash.wrapping_add(hasher.finish());
        }
    });
}
