//! What a field takes: the one place that says so, for imported and for streamed values.

use palate_recipes::parts::ColumnType;

use super::flaw::{Problem, Shown};
use crate::schema::Field;

/// A value of one of the types that fields have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Typed<'a> {
    Text(&'a str),
    Long(i64),
    Int(i32),
    Float(f32),
    Double(f64),
    Bool(bool),
}

/// Reads a value, which is not empty, as the type of its field.
///
/// # Errors
/// If it is not of that type, not in its range, or too long.
#[inline]
pub(crate) fn typed<'a>(field: &Field, value: &'a str) -> Result<Typed<'a>, Problem> {
    Ok(match field.kind {
        ColumnType::String => Typed::Text(fitting(field, value)?),
        ColumnType::Long => {
            let number: i64 = value.parse().map_err(|_| unlike(value, "a whole number of 64 bits (long)"))?;
            if let Some((least, most)) = field.range
                && !(least..=most).contains(&number)
            {
                return Err(unlike(value, &format!("a whole number from {least} to {most}")));
            }
            Typed::Long(number)
        }
        ColumnType::Int => Typed::Int(value.parse().map_err(|_| unlike(value, "a whole number of 32 bits (int)"))?),
        ColumnType::Float => {
            let number = value.parse().ok().filter(|number: &f32| number.is_finite());
            Typed::Float(number.ok_or_else(|| unlike(value, "a finite number (float)"))?)
        }
        ColumnType::Double => {
            let number = value.parse().ok().filter(|number: &f64| number.is_finite());
            Typed::Double(number.ok_or_else(|| unlike(value, "a finite number (double)"))?)
        }
        ColumnType::Boolean => match value {
            "true" => Typed::Bool(true),
            "false" => Typed::Bool(false),
            _ => return Err(unlike(value, "true or false")),
        },
    })
}

/// The value if it is not too long; free text is cut.
#[inline]
fn fitting<'a>(field: &Field, value: &'a str) -> Result<&'a str, Problem> {
    // No text has more characters than bytes.
    if value.len() <= field.max_chars {
        return Ok(value);
    }
    match value.char_indices().nth(field.max_chars) {
        None => Ok(value),
        Some((end, _)) if field.textual => Ok(&value[..end]),
        Some(_) => {
            let n_chars = value.chars().count();
            Err(Problem::TooLong { limit: field.max_chars, n_chars, value: value.to_owned() })
        }
    }
}

#[cold]
fn unlike(value: &str, expected: &str) -> Problem {
    Problem::Other(format!("{} is not {expected}", Shown(value)))
}
