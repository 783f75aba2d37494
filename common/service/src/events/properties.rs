//! `properties`: what a streamed record says beside its own members, by camel-case names of the schema's fields.

use std::borrow::Cow;

use palate_recipes::parts::ColumnType;
use serde_json::{Map, Number, Value};

use crate::error::OpError;
use crate::import::value::{Typed, typed};
use crate::schema::{Field, Schema};
use crate::wire::{Timestamp, shorten};

/// The fields of a dataset, found by the names that properties have.
pub(super) struct Columns {
    fields: Vec<Field>,
    /// The fields that may not be null, in the order of the schema.
    required: Vec<String>,
}

/// Whether two names are the same but for underscores and case: no two fields of a schema are.
pub(super) fn same(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_uppercase())
    }
    letters(one).eq(letters(other))
}

/// The object that a validated member `properties` holds, as text or as it is.
pub(super) fn object(properties: Option<Value>) -> Map<String, Value> {
    match properties {
        Some(Value::Object(map)) => map,
        // The model says that it holds an object, and that was checked.
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Map::new(),
    }
}

impl Columns {
    pub fn of(schema: &Schema) -> Self {
        let required = schema.fields().iter().filter(|field| !field.nullable).map(|field| field.name.clone());
        Self { fields: schema.fields().to_vec(), required: required.collect() }
    }

    /// The values by the names of their fields, each as its field's type; what is null or empty is left out.
    ///
    /// Properties that the schema does not have are left out too: clients send what a schema of theirs had
    /// once or will have, and trackers of web sites send what they know of a page.
    ///
    /// # Errors
    /// Names the property (`at` is the place of the properties) and what was expected.
    pub fn read(&self, properties: &Map<String, Value>, at: &str) -> Result<Map<String, Value>, OpError> {
        let mut values = Map::new();
        for (name, value) in properties {
            let Some(field) = self.field(name) else { continue };
            let wrong = |problem: &dyn std::fmt::Display| OpError::invalid(format!("{at}.{name}: {problem}"));
            if values.contains_key(&field.name) {
                return Err(wrong(&format!("the field {} is given twice", field.name)));
            }
            let text = as_text(field, value).map_err(|found| {
                let expected = expected(field.kind);
                wrong(&format!("is {found}; expected {expected} for the field {}", field.name))
            })?;
            // As an empty cell of a file.
            if text.is_empty() {
                continue;
            }
            let value = as_json(typed(field, &text).map_err(|problem| wrong(&problem))?);
            values.insert(field.name.clone(), value);
        }
        Ok(values)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| same(&field.name, name))
    }

    /// Refuses values without one that may not be null; `own` is the field that has a member of its own.
    pub fn check_complete(&self, values: &Map<String, Value>, own: &str, at: &str) -> Result<(), OpError> {
        let missing = self.required.iter().find(|name| *name != own && !values.contains_key(*name));
        let Some(name) = missing else { return Ok(()) };
        let expected = self.field(name).map_or("a value", |field| expected(field.kind));
        let property = camel(name);
        Err(OpError::invalid(format!(
            "{at}.{property} must be given: expected {expected}, since the schema does not allow null for {name}"
        )))
    }
}

/// `NUM_RATINGS` as clients write it: `numRatings`.
fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let mut letters = word.chars();
        if let (Some(first), false) = (letters.next(), camel.is_empty()) {
            camel.push(first.to_ascii_uppercase());
            camel.push_str(&letters.as_str().to_ascii_lowercase());
        } else {
            camel.push_str(&word.to_ascii_lowercase());
        }
    }
    camel
}

/// A value as the text that a file would have for it; what is neither text nor number nor truth by its name.
fn as_text<'a>(field: &Field, value: &'a Value) -> Result<Cow<'a, str>, &'static str> {
    match value {
        Value::Null => Ok("".into()),
        // Python writes `True`.
        Value::String(text) if field.kind == ColumnType::Boolean => Ok(text.to_ascii_lowercase().into()),
        Value::String(text) => Ok(text.into()),
        Value::Number(number) => Ok(number_text(field.kind, number).into()),
        Value::Bool(is) => Ok(if *is { "true" } else { "false" }.into()),
        Value::Array(_) if field.kind == ColumnType::String => Err("a list (join several values with '|')"),
        Value::Array(_) => Err("a list"),
        Value::Object(_) => Err("an object"),
    }
}

/// Some clients write whole numbers as 5.0.
fn number_text(kind: ColumnType, number: &Number) -> String {
    match (kind, number.as_f64()) {
        (ColumnType::Long | ColumnType::Int, Some(value)) if number.is_f64() && value.fract() == 0.0 => {
            format!("{value:.0}")
        }
        _ => number.to_string(),
    }
}

fn as_json(value: Typed<'_>) -> Value {
    match value {
        Typed::Text(text) => text.into(),
        Typed::Long(number) => number.into(),
        Typed::Int(number) => number.into(),
        // The shortest decimal, so that 9.99 stays 9.99 for whoever reads it as a double.
        Typed::Float(number) => number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into(),
        Typed::Double(number) => number.into(),
        Typed::Bool(is) => is.into(),
    }
}

fn expected(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "a string",
        ColumnType::Int | ColumnType::Long => "a whole number",
        ColumnType::Float | ColumnType::Double => "a number",
        ColumnType::Boolean => "true or false",
    }
}

/// Members that stand beside the properties of events, not in them.
const BESIDE: [&str; 6] = ["userId", "sessionId", "eventType", "timestamp", "recommendationId", "impression"];

/// Refuses properties that have a member of their own.
pub(super) fn check_beside(properties: &Map<String, Value>, at: &str) -> Result<(), OpError> {
    match properties.keys().find(|name| BESIDE.iter().any(|beside| same(beside, name))) {
        None => Ok(()),
        Some(name) => {
            let name = shorten(name);
            Err(OpError::invalid(format!("{at} must not contain '{name}'; it has a member of its own")))
        }
    }
}

/// A time of an event. What is past the year 9999, like milliseconds by mistake, is no time to begin with.
pub(super) fn since_1970(at: Timestamp, place: impl Fn() -> String) -> Result<Timestamp, OpError> {
    if at.0 >= 0 {
        return Ok(at);
    }
    Err(OpError::invalid(format!("{} is before 1970; it must be in seconds since the Unix epoch", place())))
}

/// The most that an event may be as JSON.
const MAX_EVENT_BYTES: usize = 10 * 1024;

/// Refuses an element of a list of events that is too large as it was sent.
pub(super) fn check_size(list: Option<&Value>, number: usize, at: &str) -> Result<(), OpError> {
    let Some(event) = list.and_then(|list| list.get(number)) else { return Ok(()) };
    // Most are far too small to be worth writing down.
    if at_most(event) <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let n_bytes = event.to_string().len();
    if n_bytes > MAX_EVENT_BYTES {
        let message = format!("{at} has {n_bytes} bytes as JSON; an event may have at most {MAX_EVENT_BYTES}");
        return Err(OpError::invalid(message));
    }
    Ok(())
}

/// No fewer bytes than a value has as JSON: a byte may become six (`\u0000`), a number has at most 24.
fn at_most(value: &Value) -> usize {
    let text = |text: &str| 6 * text.len() + 2;
    match value {
        Value::String(value) => text(value),
        Value::Array(values) => 2 + values.iter().map(|value| at_most(value) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(name, value)| text(name) + at_most(value) + 2).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 24,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_is_named_in_camel_case_to_clients() {
        for (field, property) in
            [("PRICE", "price"), ("NUM_RATINGS", "numRatings"), ("CATEGORY_L1", "categoryL1"), ("_A__b_", "aB")]
        {
            assert_eq!(camel(field), property);
        }
    }

    #[test]
    fn names_differ_by_more_than_underscores_and_case() {
        for (one, other, are) in [
            ("NUM_RATINGS", "numRatings", true),
            ("CATEGORY_L1", "categoryL1", true),
            ("PRICE", "price_", true),
            ("PRICE", "prices", false),
            ("PRICE", "prixé", false),
            ("A", "", false),
        ] {
            assert_eq!(same(one, other), are, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn no_event_is_larger_than_its_bound(text in ".{0,40}", number: f64, whole: i64) {
            let event = serde_json::json!({"a": text, &*text: [number, whole, null, true, {"b": text}], "c": []});
            prop_assert!(event.to_string().len() <= at_most(&event), "{}", event);
        }
    }
}
