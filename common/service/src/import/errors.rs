//! The bad rows of an import, gathered over all of its files for `errors.jsonl`.

use serde::Serialize;

use super::flaw::Flaw;

/// How many bad rows are gathered before the reading ends.
pub(super) const MOST_BAD_ROWS: usize = 1_000;

/// A row, or a whole file, that cannot be imported: a line of `errors.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// As `s3://bucket/key`, or the path of a local file.
    pub file: String,
    /// From 1; `None` if the file as a whole is at fault.
    pub line: Option<u64>,
    pub column: Option<String>,
    /// On one line, and cut if it is long; `None` if no single value is at fault.
    pub value: Option<String>,
    /// What should have been there, or what is wrong with a file.
    pub expected: String,
}

/// The first bad rows in the order of files and lines, one flaw of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRows {
    rows: Vec<BadRow>,
    first: String,
}

impl BadRows {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether there are as many as are wanted; there may be more behind them.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= MOST_BAD_ROWS
    }

    pub fn rows(&self) -> &[BadRow] {
        &self.rows
    }

    #[cfg(test)]
    pub(super) fn add(&mut self, flaw: &Flaw, file: &str, first_line: u64) {
        self.add_in("line", flaw, file, first_line);
    }

    /// Takes a flaw of a chunk that begins with the physical line, or the row of Parquet, `first_line`; `unit`
    /// says which.
    pub(super) fn add_in(&mut self, unit: &str, flaw: &Flaw, file: &str, first_line: u64) {
        let row = BadRow {
            file: file.to_owned(),
            line: Some(first_line + flaw.line),
            column: flaw.column.clone(),
            value: flaw.problem.value().map(str::to_owned),
            expected: flaw.problem.expected(),
        };
        self.push(row, || flaw.reason_in(unit, file, first_line));
    }

    /// Takes a file that cannot be read, or not to its end.
    pub(super) fn add_file(&mut self, file: &str, reason: String) {
        let row = BadRow { file: file.to_owned(), line: None, column: None, value: None, expected: reason.clone() };
        self.push(row, || reason);
    }

    fn push(&mut self, row: BadRow, reason: impl FnOnce() -> String) {
        if self.is_full() {
            return;
        }
        if self.rows.is_empty() {
            self.first = reason();
        }
        self.rows.push(row);
    }

    /// What is wrong with the first one.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The first one, and how many more there are.
    pub fn reason(&self) -> String {
        let more = self.rows.len().saturating_sub(1);
        match (more, self.is_full()) {
            (0, _) => self.first.clone(),
            (1, _) => format!("{} 1 more row is bad.", self.first),
            (_, false) => format!("{} {more} more rows are bad.", self.first),
            (_, true) => format!("{} At least {more} more rows are bad.", self.first),
        }
    }

    /// `errors.jsonl`: an object a line.
    pub fn json_lines(&self) -> Result<String, serde_json::Error> {
        let mut lines = String::new();
        for row in &self.rows {
            lines.push_str(&serde_json::to_string(row)?);
            lines.push('\n');
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::import::flaw::Problem;

    fn flaw(line: u64) -> Flaw {
        let problem = Problem::Unlike { value: "x\"".into(), expected: "a number".into() };
        Flaw { line, column: Some("AGE".into()), problem }
    }

    #[test]
    fn the_reason_counts_what_follows_the_first() {
        let mut bad = BadRows::default();
        bad.add(&flaw(1), "f", 2);
        assert_eq!(bad.reason(), "f, line 3, column AGE: 'x\"' is not a number.");
        bad.add_file("g", "g is empty.".into());
        assert_eq!(bad.reason(), "f, line 3, column AGE: 'x\"' is not a number. 1 more row is bad.");
        bad.add(&flaw(5), "h", 2);
        assert!(bad.reason().ends_with(" 2 more rows are bad."));
        for line in 0..2_000 {
            bad.add(&flaw(line), "h", 9);
        }
        assert_eq!(bad.rows().len(), 1_000);
        assert!(bad.reason().ends_with(" At least 999 more rows are bad."));
    }

    #[test]
    fn a_bad_row_is_an_object_on_one_line() {
        let mut bad = BadRows::default();
        bad.add(&flaw(0), "s3://b/f.csv", 2);
        bad.add_file("s3://b/g.csv", "s3://b/g.csv is empty.".into());
        let expected = concat!(
            r#"{"file":"s3://b/f.csv","line":2,"column":"AGE","value":"x\"","expected":"a number"}"#,
            "\n",
            r#"{"file":"s3://b/g.csv","line":null,"column":null,"value":null,"expected":"s3://b/g.csv is empty."}"#,
            "\n"
        );
        assert_eq!(bad.json_lines().unwrap(), expected);
    }
}
