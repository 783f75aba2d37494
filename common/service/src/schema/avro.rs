//! The Avro JSON itself: one record of flat fields.

use std::collections::HashMap;

use palate_recipes::parts::ColumnType;
use serde::Deserialize;
use serde_json::Value;

use super::SchemaError;

/// The longest field name, in characters.
const MAX_NAME_CHARS: usize = 150;

pub(super) struct Record {
    pub name: String,
    pub fields: Vec<Field>,
}

pub(super) struct Field {
    pub name: String,
    pub kind: ColumnType,
    pub nullable: bool,
    pub categorical: bool,
    pub textual: bool,
    pub item_name: bool,
}

#[derive(Deserialize)]
struct RawRecord {
    #[serde(rename = "type")]
    kind: Value,
    name: String,
    fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    kind: Value,
    #[serde(default)]
    categorical: Value,
    #[serde(default)]
    textual: Value,
    #[serde(default)]
    item_name: Value,
}

/// Reads a record; its fields have types that columns can have, and names that can be told apart.
pub(super) fn parse(json: &str) -> Result<Record, SchemaError> {
    let value: Value =
        serde_json::from_str(json).map_err(|error| SchemaError::whole(format!("it is not JSON: {error}")))?;
    let record: RawRecord = serde_json::from_value(value).map_err(|error| {
        SchemaError::whole(format!("it must be a record with type, name and fields, each with name and type: {error}"))
    })?;
    if record.kind != "record" {
        return Err(SchemaError::whole(format!("its type is {}; expected \"record\"", record.kind)));
    }
    let fields = record.fields.into_iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let mut seen: HashMap<String, &str> = HashMap::new();
    for Field { name, .. } in &fields {
        if let Some(earlier) = seen.insert(plain(name), name) {
            let problem = format!("has the same letters and digits as the field {earlier}; give it another name");
            return Err(SchemaError::field(name, problem));
        }
    }
    Ok(Record { name: record.name, fields })
}

/// What of a name tells it from others: letters and digits, whatever their case.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

pub(super) fn type_name(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "string",
        ColumnType::Int => "int",
        ColumnType::Long => "long",
        ColumnType::Float => "float",
        ColumnType::Double => "double",
        ColumnType::Boolean => "boolean",
    }
}

fn field(raw: RawField) -> Result<Field, SchemaError> {
    let RawField { name, kind, categorical, textual, item_name } = raw;
    let mut letters = name.chars();
    let begins_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !begins_well || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        let problem = "has a name that is not of letters, digits and underscores, beginning with no digit";
        return Err(SchemaError::field(&format!("'{name}'"), problem));
    }
    if name.len() > MAX_NAME_CHARS {
        let problem = format!("has a name of {} characters, and at most {MAX_NAME_CHARS} are allowed", name.len());
        return Err(SchemaError::field(&name, problem));
    }
    let (kind, nullable) = column_type(&name, &kind)?;
    let categorical = flag(&name, "categorical", &categorical)?;
    let textual = flag(&name, "textual", &textual)?;
    let item_name = flag(&name, "itemName", &item_name)?;
    Ok(Field { name, kind, nullable, categorical, textual, item_name })
}

fn flag(name: &str, attribute: &str, value: &Value) -> Result<bool, SchemaError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(set) => Ok(*set),
        other => Err(SchemaError::field(name, format!("has {attribute}: {other}; expected true or false"))),
    }
}

/// The type and whether null is allowed: `"long"`, `["long"]`, `["null", "long"]`, `["long", "null"]`.
fn column_type(name: &str, value: &Value) -> Result<(ColumnType, bool), SchemaError> {
    let wrong = || {
        let types = "float, double, int, long, string and boolean";
        let problem = format!("has the type {value}; expected one of {types}, or a list of one of them and \"null\"");
        SchemaError::field(name, problem)
    };
    let members: &[Value] = match value {
        Value::Array(members) => members,
        one => std::slice::from_ref(one),
    };
    let (nulls, kinds): (Vec<_>, Vec<_>) = members.iter().partition(|member| **member == "null");
    let ([kind], true) = (&kinds[..], nulls.len() <= 1) else { return Err(wrong()) };
    let kind = match kind.as_str() {
        Some("string") => ColumnType::String,
        Some("int") => ColumnType::Int,
        Some("long") => ColumnType::Long,
        Some("float") => ColumnType::Float,
        Some("double") => ColumnType::Double,
        Some("boolean") => ColumnType::Boolean,
        _ => return Err(wrong()),
    };
    Ok((kind, !nulls.is_empty()))
}
