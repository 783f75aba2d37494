//! What a field takes: the one place that says so, for imported and for streamed values.

use palate_recipes::parts::ColumnType;

use super::flaw::{Problem, shortened};
use crate::schema::{Field, is_keyword};

/// The longest text in Chinese or Japanese, in characters.
const CJK_TEXT_CHARS: usize = 7_000;

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

/// Whether a value is a text that [`typed`] gives back as it is. Says no of some of them too, the long ones.
#[inline]
pub(super) fn is_short_text(field: &Field, value: &str) -> bool {
    let short = (1..=field.max_chars.min(CJK_TEXT_CHARS)).contains(&value.len());
    short && field.kind == ColumnType::String && !is_keyword(value)
}

/// The value if it is not too long; free text is cut.
#[inline]
fn fitting<'a>(field: &Field, value: &'a str) -> Result<&'a str, Problem> {
    if is_keyword(value) {
        return Err(unlike(value, "a value but a reserved keyword, the name of a field; rename the value"));
    }
    // No text has more characters than bytes.
    if value.len() <= field.max_chars.min(CJK_TEXT_CHARS) {
        return Ok(value);
    }
    if field.textual {
        return Ok(cut(value, field.max_chars));
    }
    match value.char_indices().nth(field.max_chars) {
        None => Ok(value),
        Some(_) => {
            let n_chars = value.chars().count();
            Err(Problem::TooLong { limit: field.max_chars, n_chars, value: shortened(value) })
        }
    }
}

/// The first `most` characters of a text, fewer if it is Chinese or Japanese.
#[cold]
fn cut(text: &str, most: usize) -> &str {
    let first = |n: usize| text.char_indices().nth(n).map_or(text, |(end, _)| &text[..end]);
    let beginning = first(CJK_TEXT_CHARS);
    if beginning.len() == text.len() {
        return text;
    }
    // Such texts hold Latin words and digits too; others hold hardly any of these characters.
    let n_cjk = beginning.chars().filter(is_cjk).count();
    if 2 * n_cjk > CJK_TEXT_CHARS { beginning } else { first(most) }
}

/// Han, kana and their punctuation.
fn is_cjk(letter: &char) -> bool {
    matches!(letter, '\u{3000}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cold]
fn unlike(value: &str, expected: &str) -> Problem {
    Problem::Unlike { value: shortened(value), expected: expected.to_owned() }
}
