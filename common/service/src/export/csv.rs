//! Text as a cell of CSV that imports and other programs read alike.
//!
//! Imports take a backslash in quotes as an escape before a quote or another backslash; other programs do not. So
//! cells are put in quotes only if they must be, and quotes are doubled, which everybody reads. What is left is a
//! cell that must be in quotes and has a backslash where it would be an escape: there backslashes are doubled, as
//! the documentation of imports asks for, and other programs read both.

/// Appends a cell. A line break becomes a space, since a record stands on one line, and so does a NUL, which no
/// import takes.
pub(super) fn append_text(text: &str, line: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r' | b'\\' | b'\0')) {
        line.extend_from_slice(bytes);
        return;
    }
    if text.contains(['\n', '\0']) {
        return append_text(&text.replace("\r\n", " ").replace(['\n', '\0'], " "), line);
    }
    let must_be_quoted = text.starts_with('"') || text.contains([',', '\r']);
    let escapes = text.ends_with('\\') || text.contains("\\\\") || text.contains("\\\"");
    if !must_be_quoted && (escapes || !text.contains('"')) {
        // Quotes within an unquoted cell stand for themselves, and so do backslashes.
        line.extend_from_slice(bytes);
        return;
    }
    line.push(b'"');
    for byte in bytes {
        if *byte == b'"' || escapes && *byte == b'\\' {
            line.push(*byte);
        }
        line.push(*byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> String {
        let mut line = Vec::new();
        append_text(text, &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn quotes_are_set_where_they_must_be() {
        for (text, written) in [
            ("", ""),
            ("Köln", "Köln"),
            ("a,b", "\"a,b\""),
            ("5\" disk", "\"5\"\" disk\""),
            ("\"a\"", "\"\"\"a\"\"\""),
            (r"C:\temp", r"C:\temp"),
            (r"C:\temp, D:\x", r#""C:\temp, D:\x""#),
            (r"\\server", r"\\server"),
            (r"a,\\b", r#""a,\\\\b""#),
            ("two\r\nlines\n", "two lines "),
            ("a\0b", "a b"),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
    }

    proptest! {
        /// Without the backslashes that imports take as escapes, the `csv` crate reads the same as they do.
        #[test]
        fn every_text_is_read_back(texts in proptest::collection::vec("[a,\"\\\\é \r]{0,6}", 1..5)) {
            let line: Vec<String> = texts.iter().map(|text| cell(text)).collect();
            let line = line.join(",");
            let read = crate::import::line::cells_of(&line).unwrap();
            prop_assert_eq!(&read, &texts);
            let ambiguous = |text: &String| {
                (text.starts_with('"') || text.contains([',', '\r']))
                    && (text.ends_with('\\') || text.contains("\\\\") || text.contains("\\\""))
            };
            if !texts.iter().any(ambiguous) {
                // A second cell, since the crate passes over an empty line.
                let line = format!("{line},end\n");
                let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
                let record = reader.records().next().unwrap().unwrap();
                let read: Vec<&str> = record.iter().take(texts.len()).collect();
                prop_assert_eq!(&read, &texts);
            }
        }
    }
}
