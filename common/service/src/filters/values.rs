//! The values that a request gives to a filter's parameters.

use std::collections::{BTreeSet, HashMap};

use super::error::FilterError;
use super::number::Number;

/// The values of each parameter that was given; each has at least one.
pub(super) struct Given<'a>(HashMap<&'a str, Vec<String>>);

impl<'a> Given<'a> {
    /// Reads `filterValues`. The service takes them as strings in quotes, several with commas between:
    /// `"\"horror\",\"comedy\""`; without quotes they are taken too.
    ///
    /// # Errors
    /// If a name is not a parameter of the filter, or a value is not written like that.
    pub fn read(values: &'a HashMap<String, String>, parameters: &BTreeSet<String>) -> Result<Self, FilterError> {
        let mut unknown: Vec<&str> =
            values.keys().map(String::as_str).filter(|name| !parameters.contains(*name)).collect();
        unknown.sort_unstable();
        if let Some(name) = unknown.first() {
            let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
            let has = if parameters.is_empty() { "no parameter".into() } else { parameters.join(", ") };
            return Err(FilterError::asked(format!(
                "filterValues.{name} is not a parameter of the filter, which has {has}."
            )));
        }
        let read = |(name, text): (&'a String, &String)| Ok((name.as_str(), list(name, text)?));
        values.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The values of a parameter; none if it was not given.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn one(&self, name: &str) -> Result<&str, FilterError> {
        match self.all(name) {
            [one] => Ok(one),
            several => {
                let n = several.len();
                let message = format!("filterValues.{name} has {n} values, and the filter compares with exactly one.");
                Err(FilterError::asked(message))
            }
        }
    }

    pub fn number(&self, name: &str) -> Result<Number, FilterError> {
        number(name, self.one(name)?)
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<Number>, FilterError> {
        self.all(name).iter().map(|text| number(name, text)).collect()
    }
}

fn number(name: &str, text: &str) -> Result<Number, FilterError> {
    Number::parse(text.trim()).ok_or_else(|| {
        let message = format!("filterValues.{name} must be a number such as \"\\\"10\\\"\": the field is numeric.");
        FilterError::asked(message)
    })
}

/// Splits `"a","b"`; within quotes a backslash stands before `"` and `\`.
fn list(name: &str, text: &str) -> Result<Vec<String>, FilterError> {
    let wrong = |problem: &str| {
        let rule = "write each value between double quotes, several with commas between";
        FilterError::asked(format!("filterValues.{name} {problem}; {rule}, as in \"\\\"horror\\\",\\\"comedy\\\"\"."))
    };
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let (value, after) = unquote(quoted).ok_or_else(|| wrong("has an opening quote without a closing one"))?;
            values.push(value);
            after.trim_start()
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let value = rest[..end].trim_end();
            if value.is_empty() {
                return Err(wrong(if text.trim().is_empty() { "is empty" } else { "has a comma without a value" }));
            }
            values.push(value.to_owned());
            &rest[end..]
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(values),
            None => return Err(wrong("goes on behind a closing quote")),
        }
    }
}

/// The value before the closing quote, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\') => value.push(escaped),
                // A request is no place to be strict about what a backslash may stand before.
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_are_read_with_quotes_and_without() {
        for (text, values) in [
            (r#""comedy""#, vec!["comedy"]),
            (r#""horror","comedy","drama""#, vec!["horror", "comedy", "drama"]),
            (r#" "horror" , "comedy" "#, vec!["horror", "comedy"]),
            (r#""a,b","c\"d","e\\f","g\h""#, vec!["a,b", "c\"d", "e\\f", "g\\h"]),
            (r#""""#, vec![""]),
            ("0", vec!["0"]),
            ("comedy, science fiction", vec!["comedy", "science fiction"]),
            (r#"comedy,"drama""#, vec!["comedy", "drama"]),
            (r#""Ünïcode 映画""#, vec!["Ünïcode 映画"]),
        ] {
            assert_eq!(list("G", text).unwrap(), values, "{text}");
        }
    }

    #[test]
    fn values_that_are_not_lists_are_refused_by_name() {
        for (text, problem) in [
            ("", "is empty"),
            ("  ", "is empty"),
            (r#""comedy"#, "without a closing"),
            (r#""comedy\""#, "without a closing"),
            (r#""comedy","#, "comma without a value"),
            (",", "comma without a value"),
            ("a,,b", "comma without a value"),
            (r#""a" "b""#, "behind a closing quote"),
            (r#""a"b"#, "behind a closing quote"),
        ] {
            let message = list("G", text).unwrap_err().message;
            assert!(message.starts_with("filterValues.G ") && message.contains(problem), "{text}: {message}");
        }
    }
}
