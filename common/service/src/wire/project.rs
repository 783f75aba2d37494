use serde_json::{Map, Value};

use super::model::MODEL;

/// The members of `value` that the structure `name` has: a summary is a part of its resource.
///
/// # Panics
/// If the model has no such structure: names are literals of this crate, and every list is tested.
pub(crate) fn project(value: &Value, name: &str) -> Value {
    let members = MODEL.structures.get(name).unwrap_or_else(|| panic!("no structure {name} in the model"));
    let mut summary = Map::new();
    for member in members {
        if let Some(value) = value.get(&member.name) {
            summary.insert(member.name.clone(), value.clone());
        }
    }
    Value::Object(summary)
}
