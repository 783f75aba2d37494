use bytes::Bytes;
use palate_recipes::parts::{AT_MS, Column, ColumnType, PartBuilder, PartError, SESSION_ID};
use serde_json::{Map, Value};

use super::Journaled;
use crate::schema::{DatasetType, Field, Schema};

/// A streamed row: values by the names of the schema's fields, and the session under
/// [`SESSION_ID`]. Fields that the schema does not have may be among them; they go into no part.
pub(crate) type Row = Map<String, Value>;

/// Whether rows of such a dataset belong to a session.
pub(crate) fn keeps_sessions(dataset_type: DatasetType) -> bool {
    matches!(dataset_type, DatasetType::Interactions | DatasetType::ActionInteractions)
}

/// The columns of a part of streamed rows. All are nullable: a client may leave out what a file may not.
pub(super) fn columns_of(schema: &Schema) -> Vec<Column> {
    let column = |name: &str, kind, nullable| Column { name: name.to_owned(), kind, nullable };
    let mut columns: Vec<Column> = schema.fields().iter().map(|field| column(&field.name, field.kind, true)).collect();
    columns.push(column(AT_MS, ColumnType::Long, false));
    if keeps_sessions(schema.dataset_type()) {
        columns.push(column(SESSION_ID, ColumnType::String, true));
    }
    columns
}

/// Streamed rows as a part.
pub(super) fn part_of(schema: &Schema, entries: &[Journaled]) -> Result<Bytes, PartError> {
    let sessions = keeps_sessions(schema.dataset_type());
    let n_fields = schema.fields().len();
    let mut part = PartBuilder::new(&columns_of(schema));
    for entry in entries {
        for row in &entry.rows {
            for (column, field) in schema.fields().iter().enumerate() {
                push(&mut part, column, field, row.get(&field.name));
            }
            part.push_long(n_fields, i64::try_from(entry.at_ms).unwrap_or(i64::MAX));
            if sessions {
                match row.get(SESSION_ID).and_then(Value::as_str) {
                    Some(session) => part.push_str(n_fields + 1, session),
                    None => part.push_null(n_fields + 1),
                }
            }
        }
    }
    part.finish()
}

/// Values were read against the schema when they came in, so each is of its field's type.
fn push(part: &mut PartBuilder, column: usize, field: &Field, value: Option<&Value>) {
    let Some(value) = value else { return part.push_null(column) };
    let whole = || value.as_i64();
    match field.kind {
        ColumnType::String => match value.as_str() {
            Some(text) => part.push_str(column, text),
            None => part.push_null(column),
        },
        ColumnType::Long => match whole() {
            Some(number) => part.push_long(column, number),
            None => part.push_null(column),
        },
        ColumnType::Int => match whole().and_then(|number| i32::try_from(number).ok()) {
            Some(number) => part.push_int(column, number),
            None => part.push_null(column),
        },
        ColumnType::Float => match value.as_f64() {
            Some(number) => part.push_float(column, number as f32),
            None => part.push_null(column),
        },
        ColumnType::Double => match value.as_f64() {
            Some(number) => part.push_double(column, number),
            None => part.push_null(column),
        },
        ColumnType::Boolean => match value.as_bool() {
            Some(is) => part.push_bool(column, is),
            None => part.push_null(column),
        },
    }
}
