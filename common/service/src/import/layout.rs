//! Where the fields of a schema stand in a file.

use super::{
    flaw::Shown,
    line::{Cells, OpenQuote},
};
use crate::schema::{Field, Schema};

/// The columns of a file, read from its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The header's cells.
    pub names: Vec<String>,
    /// For each field of the schema its cell.
    pub cells: Vec<(usize, Field)>,
    /// The position among the fields of the column of times.
    pub timestamp: Option<usize>,
}

impl Layout {
    /// Finds the fields of `schema` in a header line (without its end).
    ///
    /// Columns may come in any order, and those that the schema does not have are ignored.
    ///
    /// # Errors
    /// The reason for the job's failure, if fields are missing or stand twice.
    pub fn read(header: &str, schema: &Schema, file: &str) -> Result<Self, String> {
        let mut split = Cells::default();
        if split.split(header) == Err(OpenQuote) {
            return Err(format!("{file}, line 1: the header has a quote that is not closed before the line's end."));
        }
        let names: Vec<String> = (0..split.len()).map(|index| split.get(header, index).to_owned()).collect();
        let found = |field: &Field| names.iter().position(|name| *name == field.name);
        let missing: Vec<&str> =
            schema.fields().iter().filter(|field| found(field).is_none()).map(|field| &*field.name).collect();
        if !missing.is_empty() {
            let likely = likely(header, &names, &missing);
            let header = Shown(header);
            return Err(format!(
                "Input CSV is missing the following columns:[{}]. {file}, line 1: the header is {header}.{likely}",
                missing.join(", ")
            ));
        }
        for field in schema.fields() {
            if names.iter().filter(|name| **name == field.name).count() > 1 {
                return Err(format!("{file}, line 1, column {}: the header names this column twice.", field.name));
            }
        }
        let cells = schema.fields().iter().filter_map(|field| Some((found(field)?, field.clone()))).collect();
        let timestamp = schema.fields().iter().position(|field| field.name == "TIMESTAMP");
        Ok(Self { names, cells, timestamp })
    }
}

/// What a header that lacks columns may be instead, as a sentence that follows another; empty if nobody knows.
fn likely(header: &str, names: &[String], missing: &[&str]) -> &'static str {
    let same = |name: &str, field: &str| name.trim().eq_ignore_ascii_case(field);
    if header.contains('\0') {
        " The file looks like UTF-16; save it as UTF-8."
    } else if header.contains('\r') {
        " Its lines seem to end with CR alone; save it with LF or CRLF."
    } else if header.starts_with(['{', '[']) {
        " The file looks like JSON; an import takes CSV whose first line names the columns."
    } else if names.len() == 1 && header.contains(['\t', ';', '|']) {
        " Separate the cells by commas."
    } else if missing.iter().all(|field| names.iter().any(|name| same(name, field))) {
        " Write the names exactly as the schema does, in its case and without spaces."
    } else {
        ""
    }
}
