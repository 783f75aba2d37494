use std::ops::Range;

use bytes::Bytes;

use super::column;
use crate::parts::{Column, ColumnType, Part, PartBuilder, PartError, StringColumn};
use crate::{Dataset, IdMap};

const USER_ID: &str = "USER_ID";
const ITEM_ID: &str = "ITEM_ID";
const EVENT_TYPE: &str = "EVENT_TYPE";
const TIMESTAMP: &str = "TIMESTAMP";

/// An event of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TypedEvent<'a> {
    pub item_id: &'a str,
    /// In lower case.
    pub event_type: Option<&'a str>,
    /// Seconds since the Unix epoch.
    pub timestamp_s: i64,
}

/// The events of a run of users.
pub struct EventPage {
    /// In byte order, each with where its events end.
    users: Vec<(String, usize)>,
    items: StringColumn,
    types: StringColumn,
    timestamp_s: Vec<i64>,
}

impl EventPage {
    /// Reads a page from the bytes of its range.
    pub fn open(content: Bytes) -> Result<Self, PartError> {
        let part = Part::open(content)?;
        let ids = part.strings(USER_ID)?;
        let mut users: Vec<(String, usize)> = Vec::new();
        for row in 0..part.n_rows() {
            let id = ids.get(row).unwrap_or_default();
            match users.last_mut() {
                Some((last, end)) if last == id => *end = row + 1,
                _ => users.push((id.to_owned(), row + 1)),
            }
        }
        if !users.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(PartError::Corrupt { reason: "its users are not in order".into() });
        }
        let (items, types) = (part.strings(ITEM_ID)?, part.strings(EVENT_TYPE)?);
        Ok(Self { users, items, types, timestamp_s: part.longs(TIMESTAMP)?.values })
    }

    /// The user's events, oldest first; none for a user who is not there.
    pub fn events(&self, user_id: &str) -> impl ExactSizeIterator<Item = TypedEvent<'_>> {
        let rows = match self.users.binary_search_by(|(id, _)| id.as_str().cmp(user_id)) {
            Ok(user) => user.checked_sub(1).map_or(0, |before| self.users[before].1)..self.users[user].1,
            Err(_) => 0..0,
        };
        rows.map(|row| TypedEvent {
            item_id: self.items.get(row).unwrap_or_default(),
            event_type: self.types.get(row),
            timestamp_s: self.timestamp_s.get(row).copied().unwrap_or_default(),
        })
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        let users: usize = self.users.iter().map(|(id, _)| id.len() + size_of::<(String, usize)>()).sum();
        let strings = |column: &StringColumn| {
            column.codes.len() * 4 + column.dictionary.iter().map(|text| text.len() + 8).sum::<usize>()
        };
        users + strings(&self.items) + strings(&self.types) + self.timestamp_s.len() * 8
    }
}

/// The event types of a dataset's interactions, in lower case.
pub struct Types<'a> {
    names: IdMap,
    /// By the dataset's row of the type.
    rows: Vec<u32>,
    dataset: &'a Dataset,
}

impl<'a> Types<'a> {
    pub const NONE: u32 = u32::MAX;

    pub fn of(dataset: &'a Dataset) -> Self {
        let lower: Vec<String> = dataset.event_types().iter().map(str::to_lowercase).collect();
        let names: IdMap = lower.iter().map(String::as_str).collect();
        let rows = lower.iter().map(|name| names.get(name).unwrap_or(Self::NONE)).collect();
        Self { names, rows, dataset }
    }

    /// The row of an event's type, or [`Types::NONE`].
    pub fn row(&self, event: usize) -> u32 {
        self.dataset.event_type(event).and_then(|row| self.rows.get(row as usize)).copied().unwrap_or(Self::NONE)
    }
}

/// The page of the users `run`; `kept` are every user's events as places among all.
pub fn write(dataset: &Dataset, types: &Types<'_>, run: Range<usize>, kept: &[Vec<usize>]) -> Result<Bytes, PartError> {
    let mut page = PartBuilder::new(&[
        column(USER_ID, ColumnType::String),
        column(ITEM_ID, ColumnType::String),
        Column { nullable: true, ..column(EVENT_TYPE, ColumnType::String) },
        column(TIMESTAMP, ColumnType::Long),
    ]);
    let histories = dataset.histories();
    for user in run {
        for event in &kept[user] {
            page.push_str(0, dataset.users().id(user as u32));
            page.push_str(1, dataset.items().id(histories.items()[*event]));
            match types.row(*event) {
                Types::NONE => page.push_null(2),
                row => page.push_str(2, types.names.id(row)),
            }
            page.push_long(3, histories.timestamps().get(*event));
        }
    }
    page.finish()
}
