//! Schemas of random parts and broken text. `PROPTEST_CASES=1000000` makes the run a long one.
#![allow(clippy::unwrap_used)]

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;

/// Names that mean something, that clash, and that are none.
fn name() -> impl Strategy<Value = String> {
    let names = [
        "USER_ID",
        "ITEM_ID",
        "ACTION_ID",
        "TIMESTAMP",
        "EVENT_TYPE",
        "EVENT_VALUE",
        "IMPRESSION",
        "GENRES",
        "PRICE",
        "CATEGORY_L1",
        "CREATION_TIMESTAMP",
        "VALUE",
        "A",
        "B",
        "user_id",
        "userid",
        "A_1",
        "A1",
        "_",
        "__",
        "1A",
        "A-B",
        "",
        "é",
    ];
    let long = Just("N".repeat(151));
    prop_oneof![8 => select(names.to_vec()).prop_map(str::to_owned), 2 => "[A-Z_][A-Z0-9_]{0,12}", 1 => ".{0,8}", 1 => long]
}

fn kind() -> impl Strategy<Value = Value> {
    let names = ["string", "int", "long", "float", "double", "boolean", "null", "bytes", "String", ""];
    let name = select(names.to_vec());
    prop_oneof![
        4 => name.clone().prop_map(|name| json!(name)),
        4 => vec(name, 0..4).prop_map(|names| json!(names)),
        1 => Just(json!({"type": "array", "items": "string"})),
        1 => Just(json!(null)),
        1 => Just(json!([["string"]])),
    ]
}

fn field() -> impl Strategy<Value = Value> {
    let attribute = select(vec!["categorical", "textual", "itemName", "doc"]);
    let set =
        prop_oneof![4 => Just(json!(true)), 1 => Just(json!(false)), 1 => Just(json!("true")), 1 => Just(json!(1))];
    (name(), kind(), vec((attribute, set), 0..3)).prop_map(|(name, kind, attributes)| {
        let mut field = json!({"name": name, "type": kind});
        for (attribute, set) in attributes {
            field[attribute] = set;
        }
        field
    })
}

/// The fields that most dataset types need, so that not everything is refused for lack of them.
fn needed(record: &str) -> Vec<Value> {
    let string = |name: &str| json!({"name": name, "type": "string"});
    let time = json!({"name": "TIMESTAMP", "type": ["long"]});
    match record {
        "Interactions" => vec![string("USER_ID"), string("ITEM_ID"), time],
        "Users" => vec![string("USER_ID"), json!({"name": "AGE", "type": ["int", "null"]})],
        "Items" => vec![string("ITEM_ID"), json!({"name": "YEAR", "type": ["null", "int"]})],
        _ => Vec::new(),
    }
}

fn schema() -> impl Strategy<Value = String> {
    let record = select(vec!["Interactions", "Items", "Users", "Actions", "ActionInteractions", "items", "Films"]);
    (record, vec(field(), 0..6), any::<bool>()).prop_map(|(record, fields, with_needed)| {
        let first = if with_needed { needed(record) } else { Vec::new() };
        let fields: Vec<Value> = first.into_iter().chain(fields).collect();
        json!({"type": "record", "name": record, "fields": fields, "version": "1.0"}).to_string()
    })
}

/// A schema with pieces of JSON put over it here and there.
fn broken() -> impl Strategy<Value = String> {
    let pieces =
        ["{", "}", "[", "]", ",", ":", "\"", "\\", "null", "1e999", "\u{0}", "é", "\"name\"", "\"type\"", "{}"];
    (schema(), vec((any::<prop::sample::Index>(), select(pieces.to_vec())), 1..5)).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (at, piece) in changes {
            let at = at.index(letters.len());
            letters.splice(at..(at + piece.len()).min(letters.len()), piece.chars());
        }
        letters.into_iter().collect()
    })
}

const TYPES: [DatasetType; 5] = [
    DatasetType::Interactions,
    DatasetType::Items,
    DatasetType::Users,
    DatasetType::Actions,
    DatasetType::ActionInteractions,
];

proptest! {
    #[test]
    fn a_schema_is_refused_with_a_reason_or_keeps_the_rules(
        text in prop_oneof![6 => schema(), 3 => broken(), 1 => ".{0,200}"],
        domain in select(vec![None, Some("ECOMMERCE"), Some("VIDEO_ON_DEMAND"), Some("MUSIC")]),
    ) {
        match Schema::parse(&text, domain) {
            Err(error) => {
                let reason = error.to_string();
                prop_assert!(reason.starts_with("Invalid schema: ") && reason.ends_with('.'), "{}", reason);
            }
            Ok(schema) => {
                let names: Vec<String> = schema.fields().iter().map(|field| avro::plain(&field.name)).collect();
                let distinct: std::collections::HashSet<&String> = names.iter().collect();
                prop_assert_eq!(distinct.len(), names.len());
                prop_assert_eq!(schema.columns().len(), names.len());
                for field in schema.fields() {
                    let text = field.categorical || field.textual || field.item_name;
                    prop_assert!(!text || field.kind == ColumnType::String);
                    prop_assert!(!(field.categorical && field.textual));
                }
                prop_assert!(schema.fields().iter().filter(|field| field.textual).count() <= 1);
                let suits = TYPES.into_iter().filter(|kind| schema.check_dataset(*kind).is_ok());
                prop_assert_eq!(suits.collect::<Vec<_>>(), [schema.dataset_type()]);
            }
        }
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for text in ["[".repeat(20_000), "{\"a\":".repeat(4_000)] {
        assert!(Schema::parse(&text, None).unwrap_err().to_string().contains("it is not JSON"));
    }
}
