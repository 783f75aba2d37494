use std::ops::Range;

use bytes::Bytes;

use super::{
    Column, ColumnType, ForeignChunk, PartError, StringColumn,
    chunk::Chunk,
    write::{Piece, assemble, encode},
};

/// The values of one column, nulls left out.
pub(super) enum Buffer {
    /// Value `i` is `bytes[ends[i - 1]..ends[i]]`.
    Strings {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
    /// Value `i` is entry `codes[i]` of the same form.
    Coded {
        bytes: Vec<u8>,
        ends: Vec<usize>,
        codes: Vec<u32>,
    },
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Booleans(Vec<bool>),
    /// Encoded already, nulls included.
    Encoded(Chunk),
}

impl Buffer {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::String => Self::Strings { bytes: Vec::new(), ends: Vec::new() },
            ColumnType::Int => Self::Ints(Vec::new()),
            ColumnType::Long => Self::Longs(Vec::new()),
            ColumnType::Float => Self::Floats(Vec::new()),
            ColumnType::Double => Self::Doubles(Vec::new()),
            ColumnType::Boolean => Self::Booleans(Vec::new()),
        }
    }

    fn n_values(&self) -> usize {
        match self {
            Self::Strings { ends, .. } => ends.len(),
            Self::Coded { codes, .. } => codes.len(),
            Self::Ints(values) => values.len(),
            Self::Longs(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Encoded(chunk) => chunk.n_rows(),
        }
    }

    fn n_bytes(&self) -> usize {
        match self {
            Self::Strings { bytes, ends } => bytes.len() + 8 * ends.len(),
            Self::Coded { bytes, ends, codes } => bytes.len() + 8 * ends.len() + 4 * codes.len(),
            Self::Ints(values) => 4 * values.len(),
            Self::Longs(values) => 8 * values.len(),
            Self::Floats(values) => 4 * values.len(),
            Self::Doubles(values) => 8 * values.len(),
            Self::Booleans(values) => values.len(),
            Self::Encoded(chunk) => chunk.n_bytes(),
        }
    }

    fn clear(&mut self, kind: ColumnType) {
        match self {
            Self::Strings { bytes, ends } => {
                bytes.clear();
                ends.clear();
            }
            Self::Coded { .. } | Self::Encoded(_) => *self = Self::new(kind),
            Self::Ints(values) => values.clear(),
            Self::Longs(values) => values.clear(),
            Self::Floats(values) => values.clear(),
            Self::Doubles(values) => values.clear(),
            Self::Booleans(values) => values.clear(),
        }
    }
}

/// One column in building.
pub(super) struct Filling {
    pub column: Column,
    pub buffer: Buffer,
    /// Per row 1 if there is a value, 0 if null; left empty if the column is not nullable.
    pub levels: Vec<u8>,
}

impl Filling {
    pub fn n_rows(&self) -> usize {
        match &self.buffer {
            Buffer::Encoded(chunk) => chunk.n_rows(),
            _ if self.column.nullable => self.levels.len(),
            buffer => buffer.n_values(),
        }
    }

    /// The levels of some rows; `None` if all have a value, or all rows are encoded already.
    pub fn levels_of(&self, rows: Range<usize>) -> Option<&[u8]> {
        let levels = self.column.nullable && !matches!(self.buffer, Buffer::Encoded(_));
        levels.then(|| &self.levels[rows])
    }
}

/// Collects typed columns and writes them as one part.
///
/// Columns are addressed by their position in the slice given to [`PartBuilder::new`]. Each row takes one
/// push per column, in any order of the columns; values are kept without an allocation of their own. A
/// push that does not fit its column is remembered, and [`PartBuilder::finish`] tells it.
pub struct PartBuilder {
    columns: Vec<Filling>,
    misuse: Option<String>,
}

impl PartBuilder {
    pub fn new(columns: &[Column]) -> Self {
        let filling =
            |column: &Column| Filling { column: column.clone(), buffer: Buffer::new(column.kind), levels: Vec::new() };
        Self { columns: columns.iter().map(filling).collect(), misuse: None }
    }

    /// Rows so far, judged by the first column.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, Filling::n_rows)
    }

    /// Bytes held in memory, roughly; the file becomes smaller.
    pub fn bytes_hint(&self) -> usize {
        self.columns.iter().map(|filling| filling.buffer.n_bytes() + filling.levels.len()).sum()
    }

    #[inline]
    pub fn push_str(&mut self, column: usize, value: &str) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Strings { bytes, ends }, levels, column }) => {
                bytes.extend_from_slice(value.as_bytes());
                ends.push(bytes.len());
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "a string"),
        }
    }

    #[inline]
    pub fn push_int(&mut self, column: usize, value: i32) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Ints(values), levels, column }) => {
                values.push(value);
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "an int"),
        }
    }

    #[inline]
    pub fn push_long(&mut self, column: usize, value: i64) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Longs(values), levels, column }) => {
                values.push(value);
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "a long"),
        }
    }

    #[inline]
    pub fn push_float(&mut self, column: usize, value: f32) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Floats(values), levels, column }) => {
                values.push(value);
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "a float"),
        }
    }

    #[inline]
    pub fn push_double(&mut self, column: usize, value: f64) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Doubles(values), levels, column }) => {
                values.push(value);
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "a double"),
        }
    }

    #[inline]
    pub fn push_bool(&mut self, column: usize, value: bool) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Booleans(values), levels, column }) => {
                values.push(value);
                if column.nullable {
                    levels.push(1);
                }
            }
            _ => self.misused(column, "a boolean"),
        }
    }

    #[inline]
    pub fn push_null(&mut self, column: usize) {
        match self.columns.get_mut(column) {
            Some(Filling { levels, column, .. }) if column.nullable => levels.push(0),
            _ => self.misused(column, "a null"),
        }
    }

    /// Gives a column of strings, to which nothing was pushed yet, its values for all rows at once.
    pub fn put_strings(&mut self, column: usize, values: StringColumn) {
        let Some(Filling { buffer, levels, column: Column { kind: ColumnType::String, nullable, .. } }) =
            self.columns.get_mut(column)
        else {
            return self.misused(column, "a column of strings");
        };
        let StringColumn { dictionary, mut codes } = values;
        let (text, ends) = dictionary.into_inner();
        let n_entries = ends.len();
        // The code of null is the greatest: nearly always one look at all codes is enough.
        let fits = codes.iter().max().is_none_or(|most| (*most as usize) < n_entries);
        let some_null = !fits && codes.contains(&StringColumn::NULL);
        let misfit = !fits && codes.iter().any(|code| *code != StringColumn::NULL && *code as usize >= n_entries);
        if misfit || buffer.n_values() > 0 || !levels.is_empty() || (some_null && !*nullable) {
            return self.misused(column, "a column of strings with other codes, or over values,");
        }
        if *nullable {
            levels.extend(codes.iter().map(|code| u8::from(*code != StringColumn::NULL)));
        }
        if some_null {
            codes.retain(|code| *code != StringColumn::NULL);
        }
        let plain = codes.len() == n_entries && codes.iter().enumerate().all(|(row, code)| row == *code as usize);
        let bytes = text.into_bytes();
        *buffer = if plain { Buffer::Strings { bytes, ends } } else { Buffer::Coded { bytes, ends, codes } };
    }

    /// Gives a column of longs, to which nothing was pushed yet, its values for all rows at once.
    pub fn put_longs(&mut self, column: usize, values: Vec<i64>) {
        match self.columns.get_mut(column) {
            Some(Filling { buffer: Buffer::Longs(held), levels, column: Column { nullable, .. } })
                if held.is_empty() && levels.is_empty() =>
            {
                if *nullable {
                    levels.resize(values.len(), 1);
                }
                *held = values;
            }
            _ => self.misused(column, "a column of longs over values"),
        }
    }

    /// Gives a column, to which nothing was pushed yet, all of its rows as somebody else has encoded them.
    pub fn put_chunk(&mut self, column: usize, chunk: ForeignChunk) {
        match self.columns.get_mut(column) {
            Some(filling) if filling.n_rows() == 0 && chunk.is_of(&filling.column) => {
                filling.buffer = Buffer::Encoded(chunk.into_inner());
            }
            _ => self.misused(column, "an encoded column of another kind, or over values,"),
        }
    }

    /// Writes the rows as a complete file and begins anew with none.
    ///
    /// # Errors
    /// [`PartError::Misused`] if a push did not fit its column, or columns have different lengths;
    /// [`PartError::Encode`] if the Parquet writer fails.
    pub fn finish(&mut self) -> Result<Bytes, PartError> {
        Ok(assemble(&[self.piece()?])?.content)
    }

    /// Encodes the rows, to be assembled with others, and begins anew with none.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn piece(&mut self) -> Result<Piece, PartError> {
        let encoded = match self.misuse.take() {
            Some(reason) => Err(PartError::Misused { reason }),
            None => self.checked(),
        };
        for filling in &mut self.columns {
            filling.buffer.clear(filling.column.kind);
            filling.levels.clear();
        }
        encoded
    }

    fn checked(&self) -> Result<Piece, PartError> {
        let n_rows = self.n_rows();
        if let Some(odd) = self.columns.iter().find(|filling| filling.n_rows() != n_rows) {
            let (name, has) = (&odd.column.name, odd.n_rows());
            let reason = format!("column `{name}` has {has} rows and the first column {n_rows}");
            return Err(PartError::Misused { reason });
        }
        encode(&self.columns, n_rows)
    }

    #[cold]
    fn misused(&mut self, column: usize, what: &str) {
        let reason = match self.columns.get(column).map(|filling| &filling.column) {
            Some(Column { name, kind, nullable }) => {
                format!("{what} was given for column `{name}` ({kind:?}, nullable: {nullable})")
            }
            None => format!("{what} was given for column number {column}, which is not there"),
        };
        self.misuse.get_or_insert(reason);
    }
}
