//! Metadata as a recipe reads it: whole columns, a row for each item, user or interaction.

mod fill;
mod record;

use crate::IdMap;
use crate::parts::Values;

pub use fill::Filler;

/// A column to be read, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnChoice {
    pub name: String,
    pub kind: ColumnKind,
}

/// What a recipe makes of a column. The schema knows it, the parts do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Values of a fixed set, several in a row as `a|b`.
    Categorical,
    /// Text as it is.
    Text,
    Number,
}

/// Columns of equally many rows.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    n_rows: usize,
    columns: Vec<(String, ColumnData)>,
}

/// The values of one column.
#[derive(Clone, Debug)]
pub enum ColumnData {
    Categorical(Categorical),
    Text(Text),
    Float(Values<f32>),
    Double(Values<f64>),
    /// Also ints, and booleans as 0 and 1.
    Long(Values<i64>),
}

/// Any number of values in a row.
///
/// | field        | shape           | meaning                                                            |
/// |--------------|-----------------|--------------------------------------------------------------------|
/// | `dictionary` | `(n_values,)`   | the distinct values, in byte order                                 |
/// | `offsets`    | `(n_rows + 1,)` | where each row's codes begin                                       |
/// | `codes`      | `(nnz,)`        | rows of `dictionary`; in a row as they were written, each once     |
#[derive(Clone, Debug)]
pub struct Categorical {
    pub dictionary: IdMap,
    pub offsets: Vec<usize>,
    pub codes: Vec<u32>,
}

impl Categorical {
    /// The codes of a row; none if it is null.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn codes_of(&self, row: usize) -> &[u32] {
        &self.codes[self.offsets[row]..self.offsets[row + 1]]
    }
}

/// A text in a row.
#[derive(Clone, Debug)]
pub struct Text {
    /// The distinct texts, in byte order.
    pub dictionary: IdMap,
    /// A row of `dictionary`, or [`Text::NULL`].
    pub codes: Vec<u32>,
}

impl Text {
    pub const NULL: u32 = u32::MAX;

    /// The text of a row; `None` if it is null or there is no such row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.codes.get(row).filter(|code| **code != Self::NULL).map(|code| self.dictionary.id(*code))
    }
}

impl Columns {
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub fn get(&self, name: &str) -> Option<&ColumnData> {
        self.iter().find(|(other, _)| *other == name).map(|(_, data)| data)
    }

    /// In the order in which they were asked for.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ColumnData)> {
        self.columns.iter().map(|(name, data)| (name.as_str(), data))
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        self.columns.iter().map(|(name, data)| name.len() + data.resident_bytes()).sum()
    }
}

impl ColumnData {
    /// The number of a row, if it has one that is finite. Whole numbers beyond 2^53 are told to their nearest neighbour.
    pub fn number(&self, row: usize) -> Option<f64> {
        let value = match self {
            Self::Float(values) => values.get(row).map(f64::from),
            Self::Double(values) => values.get(row),
            Self::Long(values) => values.get(row).map(|value| value as f64),
            Self::Categorical(_) | Self::Text(_) => None,
        };
        value.filter(|value| value.is_finite())
    }

    pub fn resident_bytes(&self) -> usize {
        fn of<T>(values: &Values<T>) -> usize {
            values.values.len() * size_of::<T>() + values.validity.as_ref().map_or(0, Vec::len)
        }
        match self {
            Self::Categorical(column) => {
                let offsets = column.offsets.len() * size_of::<usize>();
                column.dictionary.resident_bytes() + offsets + column.codes.len() * size_of::<u32>()
            }
            Self::Text(column) => column.dictionary.resident_bytes() + column.codes.len() * size_of::<u32>(),
            Self::Float(values) => of(values),
            Self::Double(values) => of(values),
            Self::Long(values) => of(values),
        }
    }
}
