use palate_recipes::parts::{ColumnType, Part, PartError, StringColumn};
use serde_json::{Map, Value};

use super::ids::Ids;
use super::words::Words;
use super::{Column, Columns, NumberColumn, TextColumn};
use crate::filters::Field;
use crate::filters::number::Number;

/// Collects the rows of a dataset: parts and single records, the later of an id in the place of the earlier.
pub struct ColumnsBuilder {
    id_field: String,
    ids: Ids,
    /// Whether the rows are given, and other ids are passed over.
    fixed: bool,
    n_rows: usize,
    columns: Vec<Filling>,
}

/// One column in building; rows that are not there yet are null.
struct Filling {
    name: String,
    values: Values,
}

enum Values {
    /// Entries of `words` + 1, or 0 for null.
    Text {
        words: Words,
        codes: Vec<u32>,
        filterable: bool,
        boolean: bool,
    },
    Ints(Vec<Option<i64>>),
    /// NaN for null.
    Singles(Vec<f32>),
    /// NaN for null.
    Doubles(Vec<f64>),
}

/// A row of the part that is not wanted.
const NO_ROW: u32 = u32::MAX;

impl ColumnsBuilder {
    /// Begins with no record.
    ///
    /// With `ids`, exactly these rows in this order: records of other ids are passed over, and rows without
    /// a record are null in every column. Without, a row for each id as they come. Of `fields`, that of the
    /// ids may be among them.
    pub fn new(id_field: &str, fields: &[Field], ids: Option<&mut dyn Iterator<Item = &str>>) -> Self {
        let mut built = Self {
            id_field: id_field.to_ascii_uppercase(),
            ids: Ids::default(),
            fixed: ids.is_some(),
            n_rows: 0,
            columns: fields
                .iter()
                .filter(|field| !field.name.eq_ignore_ascii_case(id_field))
                .map(Filling::new)
                .collect(),
        };
        for id in ids.into_iter().flatten().take(NO_ROW as usize) {
            built.ids.insert(id, built.n_rows as u32);
            built.n_rows += 1;
        }
        built
    }

    /// Takes the records of a part that `keep` says, row by row. A column that the part does not have is null in
    /// all of them.
    ///
    /// # Errors
    /// If the part has no column of the ids, a column of another type, or cannot be read.
    pub fn part(&mut self, part: &Part, keep: &[bool]) -> Result<(), PartError> {
        let own_name = |name: &str| {
            let same = part.columns().iter().find(|column| column.name.eq_ignore_ascii_case(name));
            same.map(|column| column.name.clone())
        };
        let id_field = own_name(&self.id_field).unwrap_or_else(|| self.id_field.clone());
        let ids = part.strings(&id_field)?;
        let mut row_of_entry = vec![None; ids.dictionary.len()];
        let rows: Vec<u32> = (ids.codes.iter())
            .zip(keep)
            .map(|(code, keep)| match row_of_entry.get_mut(*code as usize) {
                Some(row) if *keep => *row.get_or_insert_with(|| self.place(ids.dictionary.get(*code as usize))),
                _ => NO_ROW,
            })
            .collect();
        drop((ids, row_of_entry));
        for column in &mut self.columns {
            column.grow(self.n_rows);
            match own_name(&column.name) {
                Some(name) => column.values.fill(part, &name, &rows)?,
                None => wanted(&rows).for_each(|(_, row)| column.values.put(row, &Value::Null)),
            }
        }
        Ok(())
    }

    /// Takes one record: values by name of the schema's field; what is missing or of another kind is null.
    pub fn put(&mut self, id: &str, values: &Map<String, Value>) {
        let row = self.place(id);
        if row == NO_ROW {
            return;
        }
        for column in &mut self.columns {
            column.grow(self.n_rows);
            let value = values.get(&column.name).or_else(|| {
                let mut pairs = values.iter();
                pairs.find(|(name, _)| name.eq_ignore_ascii_case(&column.name)).map(|(_, value)| value)
            });
            column.values.put(row as usize, value.unwrap_or(&Value::Null));
        }
    }

    /// Encodes the columns and indexes their values.
    pub fn finish(self) -> Columns {
        let Self { id_field, mut ids, n_rows, columns, .. } = self;
        let encode = |mut filling: Filling| {
            filling.grow(n_rows);
            let column = match filling.values {
                Values::Text { words, codes, filterable, .. } => {
                    Column::Text(TextColumn::new(words, codes, filterable))
                }
                Values::Ints(rows) => Column::Number(NumberColumn::ints(&rows)),
                Values::Singles(rows) => Column::Number(NumberColumn::singles(&rows)),
                Values::Doubles(rows) => Column::Number(NumberColumn::doubles(&rows)),
            };
            (filling.name, column)
        };
        ids.shrink();
        Columns { n_rows, id_field, ids, columns: columns.into_iter().map(encode).collect() }
    }

    /// The row of an id, a new one if it has none.
    fn place(&mut self, id: &str) -> u32 {
        match self.ids.get(id) {
            Some(row) => row,
            None if self.fixed || self.n_rows >= NO_ROW as usize => NO_ROW,
            None => {
                let row = self.n_rows as u32;
                self.ids.insert(id, row);
                self.n_rows += 1;
                row
            }
        }
    }
}

/// Rows of a part with the rows that they go to.
fn wanted(rows: &[u32]) -> impl Iterator<Item = (usize, usize)> {
    rows.iter().enumerate().filter(|(_, row)| **row != NO_ROW).map(|(from, row)| (from, *row as usize))
}

impl Filling {
    fn new(field: &Field) -> Self {
        let boolean = field.kind == ColumnType::Boolean;
        let values = match field.kind {
            ColumnType::String | ColumnType::Boolean => {
                let filterable = !field.textual && !boolean;
                Values::Text { words: Words::default(), codes: Vec::new(), filterable, boolean }
            }
            ColumnType::Int | ColumnType::Long => Values::Ints(Vec::new()),
            ColumnType::Float => Values::Singles(Vec::new()),
            ColumnType::Double => Values::Doubles(Vec::new()),
        };
        Self { name: field.name.to_ascii_uppercase(), values }
    }

    fn grow(&mut self, n_rows: usize) {
        match &mut self.values {
            Values::Text { codes, .. } => codes.resize(n_rows, 0),
            Values::Ints(rows) => rows.resize(n_rows, None),
            Values::Singles(rows) => rows.resize(n_rows, f32::NAN),
            Values::Doubles(rows) => rows.resize(n_rows, f64::NAN),
        }
    }
}

impl Values {
    /// Sets the rows that a part's rows go to; they are there.
    fn fill(&mut self, part: &Part, name: &str, rows: &[u32]) -> Result<(), PartError> {
        let kind = part.columns().iter().find(|column| column.name == name).map(|column| column.kind);
        match self {
            Self::Text { words, codes, boolean: true, .. } => {
                let read = part.booleans(name)?;
                for (from, to) in wanted(rows) {
                    codes[to] = read.get(from).map_or(0, |value| code(words, bool_text(value)));
                }
            }
            Self::Text { words, codes, .. } => {
                let read: StringColumn = part.strings(name)?;
                let mut code_of_entry = vec![None; read.dictionary.len()];
                for (from, to) in wanted(rows) {
                    let entry = read.codes.get(from).map_or(usize::MAX, |entry| *entry as usize);
                    codes[to] = code_of_entry
                        .get_mut(entry)
                        .map_or(0, |known| *known.get_or_insert_with(|| code(words, read.dictionary.get(entry))));
                }
            }
            Self::Ints(values) if kind == Some(ColumnType::Int) => {
                let read = part.ints(name)?;
                wanted(rows).for_each(|(from, to)| values[to] = read.get(from).map(i64::from));
            }
            Self::Ints(values) => {
                let read = part.longs(name)?;
                wanted(rows).for_each(|(from, to)| values[to] = read.get(from));
            }
            Self::Singles(values) => {
                let read = part.floats(name)?;
                wanted(rows).for_each(|(from, to)| values[to] = read.get(from).unwrap_or(f32::NAN));
            }
            Self::Doubles(values) => {
                let read = part.doubles(name)?;
                wanted(rows).for_each(|(from, to)| values[to] = read.get(from).unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    /// Sets a row, which is there.
    fn put(&mut self, row: usize, value: &Value) {
        match self {
            Self::Text { words, codes, boolean, .. } => {
                codes[row] = match value {
                    Value::Bool(value) => code(words, bool_text(*value)),
                    Value::String(text) if *boolean => match text.to_ascii_lowercase().as_str() {
                        "true" => code(words, bool_text(true)),
                        "false" => code(words, bool_text(false)),
                        _ => 0,
                    },
                    Value::String(text) => code(words, text),
                    Value::Number(number) if !*boolean => code(words, &number.to_string()),
                    _ => 0,
                }
            }
            Self::Ints(values) => {
                values[row] = match number(value) {
                    Some(Number::Int(whole)) => Some(whole),
                    Some(Number::Float(float)) if float.fract() == 0.0 && float.abs() < 9e18 => Some(float as i64),
                    _ => None,
                }
            }
            Self::Singles(values) => {
                values[row] = match number(value) {
                    Some(Number::Int(whole)) => whole as f32,
                    Some(Number::Float(float)) => float as f32,
                    None => f32::NAN,
                }
            }
            Self::Doubles(values) => values[row] = number(value).map_or(f64::NAN, Number::as_f64),
        }
    }
}

fn code(words: &mut Words, text: &str) -> u32 {
    words.intern(text).map_or(0, |entry| entry + 1)
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// A JSON number, or one in a string.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Number::parse(&number.to_string()),
        Value::String(text) => Number::parse(text.trim()),
        _ => None,
    }
}
