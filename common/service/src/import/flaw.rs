//! What is wrong with a file, told so that somebody can find and mend it.

use std::fmt;

/// The longest part of a value that is shown or kept, in characters.
const SHOWN_CHARS: usize = 64;

/// Something in a chunk that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Counted from 0 at the chunk's first line.
    pub line: u64,
    pub column: Option<String>,
    pub problem: Problem,
}

/// What is wrong with a value or a line. Values are kept [`shortened`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The value is longer than allowed. The service's own wording goes before the place.
    TooLong { limit: usize, n_chars: usize, value: String },
    /// The value is not `expected`.
    Unlike { value: String, expected: String },
    /// There is no value, and null is not allowed.
    Empty,
    /// The line has not as many cells as the header.
    Cells { found: usize, expected: usize },
    /// Anything else, as the end of a sentence that begins with the place.
    Other(String),
}

impl Flaw {
    #[cfg(test)]
    pub fn reason(&self, file: &str, first_line: u64) -> String {
        self.reason_in("line", file, first_line)
    }

    /// The reason for the job's failure. `first_line` is the physical line (of Parquet: the row, as `unit` says),
    /// from 1, that the chunk begins with.
    pub fn reason_in(&self, unit: &str, file: &str, first_line: u64) -> String {
        let line = first_line + self.line;
        let column = self.column.as_deref();
        let place = match column {
            Some(column) => format!("{file}, {unit} {line}, column {column}"),
            None => format!("{file}, {unit} {line}"),
        };
        match &self.problem {
            Problem::TooLong { limit, n_chars, value } => {
                let column = column.unwrap_or("a column");
                format!(
                    "Length cannot be more than {limit} characters for {column}. {place}: {} has {n_chars} characters.",
                    Shown(value)
                )
            }
            problem => format!("{place}: {problem}."),
        }
    }
}

impl Problem {
    /// The value that is at fault, if it is one.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::TooLong { value, .. } | Self::Unlike { value, .. } => Some(value),
            Self::Empty => Some(""),
            Self::Cells { .. } | Self::Other(_) => None,
        }
    }

    /// What should have been there.
    pub fn expected(&self) -> String {
        match self {
            Self::TooLong { limit, n_chars, .. } => format!("at most {limit} characters; these are {n_chars}"),
            Self::Unlike { expected, .. } => expected.clone(),
            Self::Empty => "a value; the schema does not allow null for this field".into(),
            Self::Cells { found, expected } => format!("{expected} cells, as the header has; these are {found}"),
            Self::Other(problem) => problem.clone(),
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
            Self::Unlike { value, expected } => write!(f, "{} is not {expected}", Shown(value)),
            Self::Empty => f.write_str("the cell is empty, and the schema does not allow null for this field"),
            Self::Cells { found, expected } => write!(f, "{found} cells, but the header has {expected}"),
            Self::Other(problem) => f.write_str(problem),
        }
    }
}

/// A value in quotes, cut if it is long, on one line.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", shortened(self.0))
    }
}

/// A value on one line, cut if it is long: a line may have millions of characters.
pub(super) fn shortened(value: &str) -> String {
    let cut = value.char_indices().nth(SHOWN_CHARS).is_some();
    let kept = if cut { SHOWN_CHARS - 1 } else { SHOWN_CHARS };
    let shown = value.chars().take(kept).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    shown.chain(cut.then_some('…')).collect()
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
        // What was cut once stays as it is.
        assert_eq!(shortened(&shortened(&"é".repeat(65))), format!("{}…", "é".repeat(63)));
    }
}
