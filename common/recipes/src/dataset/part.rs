use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::fingerprint::fingerprints;
use super::intern::{Interner, NONE};
use super::select::Wanted;
use super::{DatasetError, IdMap, Selection};
use crate::parts::{self, ColumnType, Part, PartError, StringColumn};

pub const USER_ID: &str = "USER_ID";
pub const ITEM_ID: &str = "ITEM_ID";
const TIMESTAMP: &str = "TIMESTAMP";
const EVENT_TYPE: &str = "EVENT_TYPE";
const EVENT_VALUE: &str = "EVENT_VALUE";

/// Numbers for what all parts name.
#[derive(Default)]
pub struct Interners {
    pub users: Interner,
    pub items: Interner,
    pub sessions: Interner,
    /// Few enough for one lock. Their numbers are dense.
    pub event_types: Mutex<IdMap>,
}

/// The rows of one part of the Interactions dataset, in its order.
pub struct PartRows {
    /// [`NONE`]: nobody is named.
    pub user: Vec<u32>,
    pub item: Vec<u32>,
    pub timestamp_s: Vec<i64>,
    /// One more than the type's number; 0 where there is none.
    pub event_type: Option<Vec<u32>>,
    /// NaN where there is none.
    pub value: Option<Vec<f32>>,
    /// A hash of all other columns, so that equal rows can be told.
    pub others: Option<Vec<u64>>,
    /// Of a part of streamed rows; [`NONE`] where there is none.
    pub session: Option<Vec<u32>>,
    /// Per row whether it is selected; `None` if all are.
    pub selected: Option<Vec<bool>>,
}

/// Decodes a part, one column after the other, so that hardly more than what is returned is in memory.
pub fn read(content: &Bytes, interners: &Interners, selection: &Selection) -> Result<PartRows, DatasetError> {
    let part = Part::open(content.clone())?;
    let has = |name: &str| part.columns().iter().any(|column| column.name == name);
    let streamed = has(parts::AT_MS);
    let user = numbers(part.strings(USER_ID)?, &interners.users, "users")?;
    let item = numbers(part.strings(ITEM_ID)?, &interners.items, "items")?;
    let mut session = match has(parts::SESSION_ID) {
        true => Some(numbers(part.strings(parts::SESSION_ID)?, &interners.sessions, "sessions")?),
        false => None,
    };
    let times = part.longs(TIMESTAMP)?;
    if let (Some(session), Some(validity)) = (&mut session, &times.validity) {
        // Who signed in at no time cannot be the first.
        session.iter_mut().zip(validity).filter(|(_, valid)| !**valid).for_each(|(session, _)| *session = NONE);
    }
    let (event_type, wanted) = match has(EVENT_TYPE) {
        true => event_types(part.strings(EVENT_TYPE)?, interners, selection)?,
        false => (None, vec![selection.wants(None)]),
    };
    let value = event_value(&part)?;
    let known = [USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE, parts::AT_MS, parts::SESSION_ID];
    let others = fingerprints(&part, &known)?;
    // An import requires all three, so where one is missing the part was not made by one.
    if !streamed && (user.contains(&NONE) || item.contains(&NONE) || times.validity.is_some()) {
        let reason = format!("a row has no {USER_ID}, {ITEM_ID} or {TIMESTAMP}");
        return Err(PartError::Corrupt { reason }.into());
    }
    let fits = |row: usize| {
        let code = event_type.as_ref().map_or(0, |codes: &Vec<u32>| codes[row]) as usize;
        let value = value.as_ref().map_or(f32::NAN, |values| values[row]);
        let whole = item[row] != NONE && times.validity.as_ref().is_none_or(|validity| validity[row]);
        whole && wanted.get(code).is_some_and(|wanted| wanted.takes(value))
    };
    let selected: Vec<bool> = (0..part.n_rows()).map(fits).collect();
    let selected = Some(selected).filter(|selected| selected.contains(&false));
    Ok(PartRows { user, item, timestamp_s: times.values, event_type, value, others, session, selected })
}

/// The number of each row's text.
fn numbers(column: StringColumn, interner: &Interner, what: &str) -> Result<Vec<u32>, DatasetError> {
    let StringColumn { dictionary, mut codes } = column;
    let numbers = interner.insert_all(&dictionary).ok_or_else(|| too_many(what))?;
    for code in &mut codes {
        *code = numbers.get(*code as usize).copied().unwrap_or(NONE);
    }
    Ok(codes)
}

pub fn too_many(what: &str) -> DatasetError {
    DatasetError::TooBig(format!("more {what} than fit"))
}

/// Per row one more than the number of its type, and by that what is selected of the type.
type EventTypes = (Option<Vec<u32>>, Vec<Wanted>);

fn event_types(column: StringColumn, interners: &Interners, selection: &Selection) -> Result<EventTypes, DatasetError> {
    let StringColumn { dictionary, mut codes } = column;
    let mut wanted = vec![selection.wants(None)];
    let mut types = interners.event_types.lock().unwrap_or_else(PoisonError::into_inner);
    let mut numbers = Vec::with_capacity(dictionary.len());
    for name in dictionary.iter() {
        let number = types.insert(name).ok_or_else(|| too_many("event types"))? + 1;
        wanted.resize(wanted.len().max(number as usize + 1), Wanted::None);
        wanted[number as usize] = selection.wants(Some(name));
        numbers.push(number);
    }
    drop(types);
    for code in &mut codes {
        *code = numbers.get(*code as usize).copied().unwrap_or(0);
    }
    Ok((Some(codes), wanted))
}

/// EVENT_VALUE as the schema has it, NaN where there is none.
fn event_value(part: &Part) -> Result<Option<Vec<f32>>, PartError> {
    let Some(column) = part.columns().iter().find(|column| column.name == EVENT_VALUE) else { return Ok(None) };
    let (mut values, validity): (Vec<f32>, _) = match column.kind {
        ColumnType::Float => {
            let values = part.floats(EVENT_VALUE)?;
            (values.values, values.validity)
        }
        ColumnType::Double => {
            let values = part.doubles(EVENT_VALUE)?;
            (values.values.iter().map(|value| *value as f32).collect(), values.validity)
        }
        found => return Err(PartError::WrongType { name: EVENT_VALUE.into(), found, wanted: ColumnType::Float }),
    };
    for (value, valid) in values.iter_mut().zip(validity.iter().flatten()) {
        if !valid {
            *value = f32::NAN;
        }
    }
    Ok(Some(values))
}
