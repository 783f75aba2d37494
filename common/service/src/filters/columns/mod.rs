//! The rows of a dataset as filters see them: column by column, each value a small code.

mod builder;
mod codes;
mod ids;
mod number;
mod text;
mod words;

pub use builder::ColumnsBuilder;
use ids::Ids;
pub(super) use number::NumberColumn;
pub(super) use text::{TextColumn, is_among, several};

/// The rows of Items, Users or Actions, dictionary-encoded, with an index of the values that filters ask for.
///
/// Made by [`ColumnsBuilder`]. Ids are not kept, only what finds the row of one.
#[derive(Debug)]
pub struct Columns {
    n_rows: usize,
    id_field: String,
    ids: Ids,
    /// Names in upper case; a few dozen at most.
    columns: Vec<(String, Column)>,
}

#[derive(Debug)]
pub(super) enum Column {
    Text(TextColumn),
    Number(NumberColumn),
}

impl Columns {
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub fn row(&self, id: &str) -> Option<u32> {
        self.ids.get(id)
    }

    /// The value of a field, of whatever kind, as the API shows metadata: floats as `130.0`, booleans as
    /// `true` and `false`. `None` if it is null, there is no such row or field, or it is the field of the ids.
    pub fn text(&self, field: &str, row: u32) -> Option<String> {
        match self.column(field)? {
            Column::Text(column) => column.text(row).map(str::to_owned),
            Column::Number(column) => column.text(row),
        }
    }

    /// Whether there is such a field, the field of the ids included; whatever the case of its letters.
    pub fn has(&self, field: &str) -> bool {
        self.is_id(field) || self.column(field).is_some()
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|(name, column)| name.len() + column.bytes());
        self.ids.bytes() + columns.sum::<usize>()
    }

    pub(super) fn is_id(&self, field: &str) -> bool {
        self.id_field.eq_ignore_ascii_case(field)
    }

    pub(super) fn column(&self, field: &str) -> Option<&Column> {
        self.columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, column)| column)
    }
}

impl Column {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(column) => column.bytes(),
            Self::Number(column) => column.bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
