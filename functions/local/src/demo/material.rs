//! What the demo works with, wherever it comes from.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Value, json};

/// A dataset as Amazon Personalize takes it.
pub struct Table {
    /// `Interactions`, `Items` or `Users`.
    pub kind: &'static str,
    /// CSV with a header.
    pub csv: Bytes,
    /// The Avro schema, as text.
    pub schema: String,
}

/// One user did something with one item: indices into [`Material::users`] and [`Material::items`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub user: u32,
    pub item: u32,
    /// Seconds since the Unix epoch.
    pub at: i64,
}

/// Everything that the demo uploads, and what it shows of it.
pub struct Material {
    pub tables: Vec<Table>,
    pub events: Vec<Event>,
    pub users: Vec<String>,
    pub items: Vec<String>,
    /// Item id to a name for people.
    pub titles: HashMap<String, String>,
    pub event_type: String,
    /// How to speak of it.
    pub words: Words,
}

pub struct Words {
    pub user: &'static str,
    pub item: &'static str,
    pub did: &'static str,
    pub event: &'static str,
    /// How the name of a telling item begins, if one is known.
    pub telling: Option<&'static str>,
}

impl Material {
    /// The name of an item; its id if it has none.
    pub fn title<'a>(&'a self, item: &'a str) -> &'a str {
        self.titles.get(item).map_or(item, String::as_str)
    }
}

/// Numbers ids in the order of their first appearance.
#[derive(Default)]
pub struct Ids {
    known: HashMap<String, u32>,
    names: Vec<String>,
}

impl Ids {
    pub fn number(&mut self, id: &str) -> u32 {
        if let Some(number) = self.known.get(id) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.known.insert(id.to_owned(), number);
        self.names.push(id.to_owned());
        number
    }

    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// The Avro schema of a dataset with these columns. Numbers are told by their usual names; other texts are
/// categories, but for titles and descriptions.
pub fn schema(kind: &str, columns: &[&str]) -> String {
    let fields: Vec<Value> = columns.iter().map(|name| field(kind, name)).collect();
    json!({
        "type": "record",
        "name": kind,
        "namespace": "com.amazonaws.personalize.schema",
        "fields": fields,
        "version": "1.0",
    })
    .to_string()
}

fn field(kind: &str, name: &str) -> Value {
    let number = match name {
        "TIMESTAMP" | "CREATION_TIMESTAMP" => Some("long"),
        "EVENT_VALUE" | "YEAR" | "PRICE" | "SALES_VALUE" | "DISCOUNT" => Some("float"),
        _ => None,
    };
    let required = matches!(
        (kind, name),
        ("Interactions", "USER_ID" | "ITEM_ID" | "TIMESTAMP") | ("Items", "ITEM_ID") | ("Users", "USER_ID")
    );
    let base = number.unwrap_or("string");
    let plain = required || name == "EVENT_TYPE";
    let mut field = json!({ "name": name, "type": if plain { json!(base) } else { json!(["null", base]) } });
    match name {
        "TITLE" => {}
        "DESCRIPTION" if kind == "Items" => field["textual"] = json!(true),
        _ if number.is_none() && !plain => field["categorical"] = json!(true),
        _ => {}
    }
    field
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_schema_names_every_column_with_its_type() {
        let schema: Value =
            serde_json::from_str(&schema("Items", &["ITEM_ID", "TITLE", "CATEGORY", "PRICE", "DESCRIPTION"])).unwrap();
        let fields = json!([
            { "name": "ITEM_ID", "type": "string" },
            { "name": "TITLE", "type": ["null", "string"] },
            { "name": "CATEGORY", "type": ["null", "string"], "categorical": true },
            { "name": "PRICE", "type": ["null", "float"] },
            { "name": "DESCRIPTION", "type": ["null", "string"], "textual": true },
        ]);
        assert_eq!(schema["fields"], fields);
        assert_eq!(schema["name"], "Items");
    }

    #[test]
    fn ids_are_numbered_as_they_appear() {
        let mut ids = Ids::default();
        let numbers: Vec<u32> = ["b", "a", "b", "c"].iter().map(|id| ids.number(id)).collect();
        assert_eq!(numbers, [0, 1, 0, 2]);
        assert_eq!(ids.into_names(), ["b", "a", "c"]);
    }
}
