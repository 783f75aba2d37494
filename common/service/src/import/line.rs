//! One line of CSV into cells.

use std::ops::Range;

/// The cells of a line, kept from line to line for its memory.
#[derive(Default)]
pub(super) struct Cells {
    /// The text of the cells if quotes had to be taken off.
    unquoted: String,
    quoted: bool,
    ranges: Vec<Range<usize>>,
}

/// The cells of one line; `None` if a quote stays open.
pub(crate) fn cells_of(line: &str) -> Option<Vec<String>> {
    let mut cells = Cells::default();
    cells.split(line).ok()?;
    Some((0..cells.len()).map(|index| cells.get(line, index).to_owned()).collect())
}

/// A quote was opened and not closed before the line's end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

impl Cells {
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The cell at `index`, of the line that was split last; empty if there is none.
    #[inline]
    pub fn get<'a>(&'a self, line: &'a str, index: usize) -> &'a str {
        let text = if self.quoted { &self.unquoted } else { line };
        self.ranges.get(index).and_then(|range| text.get(range.clone())).unwrap_or("")
    }

    /// Splits a line (without its end) at commas.
    ///
    /// A cell that begins with `"` ends with the next one that is not escaped, by a backslash or by another
    /// quote before it. A backslash in quotes stands for itself unless a quote or a backslash follows. Text
    /// behind the closing quote belongs to the cell; quotes within other cells stand for themselves.
    ///
    /// # Errors
    /// [`OpenQuote`] if a quote stays open; the cells are then those up to the line's end.
    #[inline]
    pub fn split(&mut self, line: &str) -> Result<(), OpenQuote> {
        self.ranges.clear();
        self.quoted = false;
        let mut start = 0;
        for at in memchr::memchr2_iter(b',', b'"', line.as_bytes()) {
            if line.as_bytes()[at] == b'"' {
                return self.unquote(line);
            }
            self.ranges.push(start..at);
            start = at + 1;
        }
        self.ranges.push(start..line.len());
        Ok(())
    }

    fn unquote(&mut self, line: &str) -> Result<(), OpenQuote> {
        self.ranges.clear();
        self.quoted = true;
        self.unquoted.clear();
        let mut rest = line;
        loop {
            let start = self.unquoted.len();
            let mut closed = true;
            if let Some(inside) = rest.strip_prefix('"') {
                (closed, rest) = self.inside(inside);
            }
            let end = rest.find(',').unwrap_or(rest.len());
            self.unquoted.push_str(&rest[..end]);
            self.ranges.push(start..self.unquoted.len());
            if !closed {
                return Err(OpenQuote);
            }
            match rest.get(end + 1..) {
                Some(next) => rest = next,
                None => return Ok(()),
            }
        }
    }

    /// Takes over the text up to the closing quote; whether there was one, and what follows it.
    fn inside<'a>(&mut self, mut rest: &'a str) -> (bool, &'a str) {
        loop {
            let Some(at) = rest.find(['"', '\\']) else {
                self.unquoted.push_str(rest);
                return (false, "");
            };
            self.unquoted.push_str(&rest[..at]);
            let (special, behind) = rest[at..].split_at(1);
            match (special, behind.bytes().next()) {
                ("\\", Some(escaped @ (b'"' | b'\\'))) => {
                    self.unquoted.push(char::from(escaped));
                    rest = &behind[1..];
                }
                ("\\", _) => {
                    self.unquoted.push('\\');
                    rest = behind;
                }
                (_, Some(b'"')) => {
                    self.unquoted.push('"');
                    rest = &behind[1..];
                }
                _ => return (true, behind),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn split(line: &str) -> Vec<String> {
        let mut cells = Cells::default();
        cells.split(line).unwrap();
        (0..cells.len()).map(|index| cells.get(line, index).to_owned()).collect()
    }

    #[test]
    fn commas_part_cells() {
        assert_eq!(split("a,b,c"), ["a", "b", "c"]);
        assert_eq!(split(""), [""]);
        assert_eq!(split(",é,"), ["", "é", ""]);
    }

    #[test]
    fn quotes_come_off_and_keep_commas() {
        assert_eq!(split(r#""a,b",c,"","é""#), ["a,b", "c", "", "é"]);
        assert_eq!(split(r#"c,"a""b""#), ["c", r#"a"b"#]);
        assert_eq!(split(r#""a\"b\\",c"#), [r#"a"b\"#, "c"]);
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(split(r#""C:\temp",\"#), [r"C:\temp", r"\"]);
        assert_eq!(split(r#"5" disk,"a"b"#), [r#"5" disk"#, "ab"]);
        assert_eq!(split(r#"a\"b,"c""#), [r#"a\"b"#, "c"]);
    }

    #[test]
    fn an_open_quote_is_told() {
        let mut cells = Cells::default();
        for line in [r#"a,"b"#, r#"""#, r#""a\""#, r#""a""#.trim_end_matches('"')] {
            assert_eq!(cells.split(line), Err(OpenQuote), "{line}");
        }
        let line = r#"a,"b,c"#;
        assert_eq!(cells.split(line), Err(OpenQuote));
        assert_eq!((cells.len(), cells.get(line, 1)), (2, "b,c"));
    }

    /// Every line of up to seven of these letters splits as the `csv` crate splits it.
    #[test]
    fn lines_without_backslashes_are_those_of_the_csv_crate() {
        const LETTERS: [char; 4] = ['a', ',', '"', 'é'];
        let mut cells = Cells::default();
        for number in 0..4_usize.pow(7) {
            let digits = (0..7).map(|place| number / 4_usize.pow(place) % 4);
            let line: String = digits.map(|digit| LETTERS[digit]).collect();
            // With a line behind it, an open quote runs on into it.
            let two = format!("{line}\nend\n");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(two.as_bytes());
            let first = reader.records().next().unwrap().unwrap();
            let closed = reader.position().line() == 2;
            assert_eq!(cells.split(&line).is_ok(), closed, "{line}");
            if closed {
                let ours: Vec<&str> = (0..cells.len()).map(|index| cells.get(&line, index)).collect();
                assert_eq!(ours, first.iter().collect::<Vec<_>>(), "{line}");
            }
        }
    }
}
