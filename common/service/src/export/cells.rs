//! A part as rows of CSV.

use std::sync::Arc;

use palate_recipes::parts::{AT_MS, Part, PartError, SESSION_ID};

use super::csv::append_text;
use super::{PartColumn, Sessions};
use crate::schema::{DatasetType, Schema};

/// The columns of a part in the order of the schema.
pub(super) struct Cells {
    n_rows: usize,
    columns: Vec<PartColumn>,
    /// The place of the column that names the item or user.
    id: usize,
    /// The place of USER_ID, if events without a user may be among the rows.
    visitor: Option<usize>,
    session: PartColumn,
    /// When each row came; a bulk part has one time for all.
    at: PartColumn,
    at_ms: u64,
    sessions: Arc<Sessions>,
}

impl Cells {
    pub fn read(part: &Part, schema: &Schema, at_ms: u64, sessions: Arc<Sessions>) -> Result<Self, PartError> {
        let columns = schema.fields().iter().map(|field| PartColumn::read(part, &field.name));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let place = |name: &str| schema.fields().iter().position(|field| field.name == name);
        let id = match schema.dataset_type() {
            DatasetType::Items => place("ITEM_ID"),
            _ => place("USER_ID"),
        };
        let session = PartColumn::read(part, SESSION_ID)?;
        let visitor = if matches!(session, PartColumn::Absent) { None } else { place("USER_ID") };
        let at = PartColumn::read(part, AT_MS)?;
        Ok(Self { n_rows: part.n_rows(), columns, id: id.unwrap_or_default(), visitor, session, at, at_ms, sessions })
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The item or user that a row is about.
    pub fn id(&self, row: usize) -> &str {
        self.columns.get(self.id).and_then(|column| column.text(row)).unwrap_or_default()
    }

    /// When a row came, in milliseconds since the Unix epoch.
    pub fn at_ms(&self, row: usize) -> u64 {
        self.at.long(row).and_then(|at_ms| u64::try_from(at_ms).ok()).unwrap_or(self.at_ms)
    }

    /// Appends a row with its line end.
    pub fn append(&self, row: usize, line: &mut Vec<u8>) {
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                line.push(b',');
            }
            let visitor = self.visitor == Some(place) && column.text(row).is_none();
            match self.session.text(row).filter(|_| visitor) {
                Some(session) => append_text(self.sessions.owner(session), line),
                None => column.append(row, line),
            }
        }
        line.push(b'\n');
    }
}
