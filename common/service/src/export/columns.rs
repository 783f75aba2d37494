//! One column of a part, whatever its type.

use palate_recipes::parts::{ColumnType, Part, PartError, StringColumn, Values};

use super::csv::append_text;

/// A column in memory.
pub(crate) enum PartColumn {
    Text(StringColumn),
    Int(Values<i32>),
    Long(Values<i64>),
    Float(Values<f32>),
    Double(Values<f64>),
    Bool(Values<bool>),
    /// The part is older than the field: every row is null.
    Absent,
}

impl PartColumn {
    /// Reads the column of this name, of whatever type it is.
    pub fn read(part: &Part, name: &str) -> Result<Self, PartError> {
        let Some(column) = part.columns().iter().find(|column| column.name == name) else { return Ok(Self::Absent) };
        Ok(match column.kind {
            ColumnType::String => Self::Text(part.strings(name)?),
            ColumnType::Int => Self::Int(part.ints(name)?),
            ColumnType::Long => Self::Long(part.longs(name)?),
            ColumnType::Float => Self::Float(part.floats(name)?),
            ColumnType::Double => Self::Double(part.doubles(name)?),
            ColumnType::Boolean => Self::Bool(part.booleans(name)?),
        })
    }

    /// The text of a row; `None` if it is null or the column no text.
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(column) => column.get(row),
            _ => None,
        }
    }

    /// The whole number of a row; `None` if it is null or the column not of longs.
    pub fn long(&self, row: usize) -> Option<i64> {
        match self {
            Self::Long(column) => column.get(row),
            _ => None,
        }
    }

    /// Appends the value of a row as a cell of CSV; nothing if it is null.
    pub fn append(&self, row: usize, line: &mut Vec<u8>) {
        match self {
            Self::Text(column) => append_text(column.get(row).unwrap_or_default(), line),
            Self::Int(column) => append_display(column.get(row), line),
            Self::Long(column) => append_display(column.get(row), line),
            Self::Float(column) => append_display(column.get(row), line),
            Self::Double(column) => append_display(column.get(row), line),
            Self::Bool(column) => append_display(column.get(row), line),
            Self::Absent => {}
        }
    }
}

/// Numbers are written with as many digits as it takes to read the same number again.
fn append_display<T: std::fmt::Display>(value: Option<T>, line: &mut Vec<u8>) {
    use std::io::Write;
    if let Some(value) = value {
        // Writing to memory does not fail.
        let _ = write!(line, "{value}");
    }
}
