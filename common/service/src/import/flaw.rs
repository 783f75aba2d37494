//! What is wrong with a file, told so that somebody can find and mend it.

use std::fmt;

/// The longest part of a value that a message shows, in characters.
const SHOWN_CHARS: usize = 64;

/// Something in a chunk that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Counted from 0 at the chunk's first line.
    pub line: u64,
    pub column: Option<String>,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The value is longer than allowed. The service's own wording goes before the place.
    TooLong { limit: usize, n_chars: usize, value: String },
    /// Anything else, as the end of a sentence that begins with the place.
    Other(String),
}

impl Flaw {
    /// The reason for the job's failure. `first_line` is the physical line, from 1, that the chunk begins
    /// with.
    pub fn reason(&self, file: &str, first_line: u64) -> String {
        let line = first_line + self.line;
        let column = self.column.as_deref();
        let place = match column {
            Some(column) => format!("{file}, line {line}, column {column}"),
            None => format!("{file}, line {line}"),
        };
        match &self.problem {
            Problem::TooLong { limit, n_chars, value } => {
                let column = column.unwrap_or("a column");
                format!(
                    "Length cannot be more than {limit} characters for {column}. {place}: {} has {n_chars} characters.",
                    Shown(value)
                )
            }
            Problem::Other(problem) => format!("{place}: {problem}."),
        }
    }
}

impl fmt::Display for Problem {
    /// Without the place, which stands before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit, n_chars, value } => {
                write!(f, "{} has {n_chars} characters, and at most {limit} are allowed", Shown(value))
            }
            Self::Other(problem) => f.write_str(problem),
        }
    }
}

/// A value in quotes, cut if it is long, on one line.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.char_indices().nth(SHOWN_CHARS).is_some();
        let kept = if cut { SHOWN_CHARS - 1 } else { SHOWN_CHARS };
        let shown = self.0.chars().take(kept).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
        write!(f, "'{}{}'", shown.collect::<String>(), if cut { "…" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut() {
        assert_eq!(Shown("abc").to_string(), "'abc'");
        assert_eq!(Shown(&"é".repeat(64)).to_string(), format!("'{}'", "é".repeat(64)));
        assert_eq!(Shown(&"é".repeat(65)).to_string(), format!("'{}…'", "é".repeat(63)));
        assert_eq!(Shown("a\tb").to_string(), "'a\u{fffd}b'");
    }
}
