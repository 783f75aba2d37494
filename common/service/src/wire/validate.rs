//! Checks an input against the service model, before anything else happens.

use serde_json::{Map, Value};

use super::model::{Bounds, MODEL, Member, Operation, Scalar, Type};

/// The first member that breaks a constraint, as the message tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub String);

/// Checks every member that the model knows; others are ignored, and `null` is as good as absent.
pub(crate) fn validate(operation: &Operation, input: &Map<String, Value>) -> Result<(), Violation> {
    members(&operation.input, input, "")
}

fn members(members: &[Member], input: &Map<String, Value>, path: &str) -> Result<(), Violation> {
    for member in members {
        let at = if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
        match input.get(&member.name) {
            None | Some(Value::Null) if member.required => return Err(broken(None, &at, "Member must not be null")),
            None | Some(Value::Null) => {}
            Some(value) => check(&member.kind, value, &at)?,
        }
    }
    Ok(())
}

fn check(kind: &Type, value: &Value, at: &str) -> Result<(), Violation> {
    match kind {
        Type::Named(name) => match MODEL.structures.get(name) {
            Some(fields) => members(fields, value.as_object().ok_or_else(|| wrong_type(at, "an object"))?, at),
            None => match MODEL.scalars.get(name) {
                Some(scalar) => check_scalar(scalar, value, at),
                None => Ok(()),
            },
        },
        Type::List(element, bounds) => {
            let elements = value.as_array().ok_or_else(|| wrong_type(at, "a list"))?;
            check_length(elements.len(), *bounds, None, at)?;
            elements.iter().enumerate().try_for_each(|(i, value)| check(element, value, &format!("{at}[{i}]")))
        }
        Type::Map(key, value_kind, bounds) => {
            let entries = value.as_object().ok_or_else(|| wrong_type(at, "an object"))?;
            check_length(entries.len(), *bounds, None, at)?;
            entries.iter().try_for_each(|(name, value)| {
                check(key, &Value::String(name.clone()), &format!("{at} (key)"))?;
                check(value_kind, value, &format!("{at}.{}", shorten(name)))
            })
        }
    }
}

fn check_scalar(scalar: &Scalar, value: &Value, at: &str) -> Result<(), Violation> {
    match scalar {
        Scalar::String { length, pattern } => {
            let text = value.as_str().ok_or_else(|| wrong_type(at, "a string"))?;
            check_length(text.chars().count(), *length, Some(text), at)?;
            match pattern {
                Some((pattern, regex)) if !regex.is_match(text) => {
                    let what = format!("Member must satisfy regular expression pattern: {pattern}");
                    Err(broken(Some(text), at, &what))
                }
                _ => Ok(()),
            }
        }
        Scalar::Enum(values) => {
            let text = value.as_str().ok_or_else(|| wrong_type(at, "a string"))?;
            if values.iter().any(|value| value == text) {
                return Ok(());
            }
            Err(broken(Some(text), at, &format!("Member must satisfy enum value set: [{}]", values.join(", "))))
        }
        Scalar::Integer(bounds) => {
            // Some clients write whole numbers as 5.0.
            let whole = value.as_f64().filter(|number| number.fract() == 0.0);
            check_range(whole.ok_or_else(|| wrong_type(at, "an integer"))?, *bounds, at)
        }
        Scalar::Number(bounds) => check_range(value.as_f64().ok_or_else(|| wrong_type(at, "a number"))?, *bounds, at),
        Scalar::Boolean => value.as_bool().map(|_| ()).ok_or_else(|| wrong_type(at, "true or false")),
        Scalar::Timestamp => super::timestamp::Timestamp::from_json(value)
            .map(|_| ())
            .ok_or_else(|| wrong_type(at, "a time: seconds since the Unix epoch, or an ISO 8601 string")),
        Scalar::Json { length } => match value {
            Value::Object(_) => check_length(value.to_string().chars().count(), *length, None, at),
            Value::String(text) => {
                check_length(text.chars().count(), *length, None, at)?;
                match serde_json::from_str::<Value>(text) {
                    Ok(Value::Object(_)) => Ok(()),
                    _ => Err(wrong_type(at, "a string that holds a JSON object")),
                }
            }
            _ => Err(wrong_type(at, "a string that holds a JSON object")),
        },
    }
}

fn check_length(length: usize, bounds: Bounds, shown: Option<&str>, at: &str) -> Result<(), Violation> {
    let length = length as f64;
    if bounds.min.is_some_and(|min| length < min) {
        let what = format!("Member must have length greater than or equal to {}", bounds.min.unwrap_or_default());
        return Err(broken(shown, at, &what));
    }
    if bounds.max.is_some_and(|max| length > max) {
        let what = format!("Member must have length less than or equal to {}", bounds.max.unwrap_or_default());
        return Err(broken(shown, at, &what));
    }
    Ok(())
}

fn check_range(number: f64, bounds: Bounds, at: &str) -> Result<(), Violation> {
    let shown = number.to_string();
    if bounds.min.is_some_and(|min| number < min) {
        let what = format!("Member must have value greater than or equal to {}", bounds.min.unwrap_or_default());
        return Err(broken(Some(&shown), at, &what));
    }
    if bounds.max.is_some_and(|max| number > max) {
        let what = format!("Member must have value less than or equal to {}", bounds.max.unwrap_or_default());
        return Err(broken(Some(&shown), at, &what));
    }
    Ok(())
}

fn wrong_type(at: &str, expected: &str) -> Violation {
    Violation(format!("1 validation error detected: '{at}' must be {expected}"))
}

fn broken(value: Option<&str>, at: &str, constraint: &str) -> Violation {
    let value = value.map_or_else(|| "Value".into(), |value| format!("Value '{}'", shorten(value)));
    Violation(format!("1 validation error detected: {value} at '{at}' failed to satisfy constraint: {constraint}"))
}

/// At most 64 characters of a value.
pub(crate) fn shorten(value: &str) -> String {
    match value.char_indices().nth(64) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn refused(operation: &str, input: Value) -> String {
        let operation = MODEL.operations.iter().find(|known| known.name == operation).unwrap();
        validate(operation, input.as_object().unwrap()).unwrap_err().0
    }

    #[test]
    fn a_violation_names_the_member_and_the_constraint() {
        for (operation, input, member, constraint) in [
            ("CreateDatasetGroup", json!({}), "'name'", "must not be null"),
            ("CreateDatasetGroup", json!({"name": null}), "'name'", "must not be null"),
            ("CreateDatasetGroup", json!({"name": "-x"}), "'name'", "pattern"),
            ("CreateDatasetGroup", json!({"name": "x\n"}), "'name'", "pattern"),
            ("CreateDatasetGroup", json!({"name": "x".repeat(64)}), "'name'", "less than or equal to 63"),
            ("CreateDatasetGroup", json!({"name": 7}), "'name'", "must be a string"),
            ("CreateDatasetGroup", json!({"name": "x", "domain": "MUSIC"}), "'domain'", "[ECOMMERCE, VIDEO_ON_DEMAND]"),
            ("CreateDatasetGroup", json!({"name": "x", "tags": [{"tagKey": "k"}]}), "'tags[0].tagValue'", "null"),
            ("ListCampaigns", json!({"maxResults": 101}), "'maxResults'", "less than or equal to 100"),
            ("ListCampaigns", json!({"maxResults": 1.5}), "'maxResults'", "an integer"),
            ("GetRecommendations", json!({"context": {"a b": "c"}}), "'context (key)'", "pattern"),
            ("GetRecommendations", json!({"numResults": -1}), "'numResults'", "greater than or equal to 0"),
            ("PutEvents", json!({"trackingId": "t", "sessionId": "s", "eventList": []}), "'eventList'", "equal to 1"),
            (
                "PutEvents",
                json!({"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "x", "sentAt": "soon"}]}),
                "'eventList[0].sentAt'",
                "a time",
            ),
        ] {
            let message = refused(operation, input.clone());
            assert!(message.contains(member) && message.contains(constraint), "{input}: {message}");
        }
    }

    #[test]
    fn what_is_unknown_or_null_is_ignored() {
        let operation = MODEL.control("CreateDatasetGroup").unwrap();
        let input = json!({"name": "x", "domain": null, "colour": 3});
        validate(operation, input.as_object().unwrap()).unwrap();
    }
}
