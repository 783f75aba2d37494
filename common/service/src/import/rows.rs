//! The core of the import: a piece of CSV into typed columns, or what is wrong with its rows.

use palate_recipes::parts::{Column, PartBuilder};

use super::{
    flaw::{Flaw, Problem, Shown},
    layout::Layout,
    line::{Cells, OpenQuote},
    value::{Typed, typed},
};
use crate::schema::Field;

/// How much of the values that are checked only is kept before it is given back, in bytes.
const SCRATCH_BYTES: usize = 1 << 20;

/// What was read from a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Physical lines, blank ones included.
    pub lines: u64,
    pub rows: u64,
    /// The least and the greatest value of the column TIMESTAMP, in seconds.
    pub span: Option<(i64, i64)>,
}

/// Some row is bad; [`check_rows`] tells which and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flawed;

/// Reads whole lines of CSV into `builder`, whose columns are the fields of the schema.
///
/// Blank lines are passed over.
///
/// # Errors
/// [`Flawed`] at the first bad row; `builder` then holds an unfinished row.
pub(super) fn read_rows(chunk: &[u8], layout: &Layout, builder: &mut PartBuilder) -> Result<Counts, Flawed> {
    let text = std::str::from_utf8(chunk).map_err(|_| Flawed)?;
    if memchr::memchr(0, chunk).is_some() {
        return Err(Flawed);
    }
    let mut counts = Counts::default();
    let mut cells = Cells::default();
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', chunk).map(|at| at + 1).chain([text.len()]) {
        let Some(line) = text.get(std::mem::replace(&mut begin, end)..end).filter(|line| !line.is_empty()) else {
            continue;
        };
        let line = without_end(line);
        if !line.is_empty() {
            read_row(line, layout, &mut cells, builder, &mut counts).map_err(|_| Flawed)?;
            counts.rows += 1;
        }
        counts.lines += 1;
    }
    Ok(counts)
}

/// Checks the same lines without keeping them: counts the good rows, and gives the first flaw of each bad one
/// (in the order of the schema's fields). Ends at the `most`th.
pub(super) fn check_rows(chunk: &[u8], layout: &Layout, columns: &[Column], most: usize) -> (Counts, Vec<Flaw>) {
    let mut counts = Counts::default();
    let mut flaws = Vec::new();
    let mut cells = Cells::default();
    let mut scratch = PartBuilder::new(columns);
    for line in chunk.split_inclusive(|byte| *byte == b'\n') {
        let checked = match std::str::from_utf8(line) {
            Err(error) => Err(not_utf8(line, error.valid_up_to(), layout)),
            Ok(text) if line.contains(&0) => Err(nul(text, layout)),
            Ok(text) => match without_end(text) {
                "" => Ok(0),
                text => read_row(text, layout, &mut cells, &mut scratch, &mut counts).map(|()| 1),
            },
        };
        match checked {
            Ok(rows) => counts.rows += rows,
            Err((column, problem)) => flaws.push(Flaw { line: counts.lines, column, problem }),
        }
        if flaws.len() >= most {
            break;
        }
        counts.lines += 1;
        if scratch.bytes_hint() > SCRATCH_BYTES {
            scratch = PartBuilder::new(columns);
        }
    }
    (counts, flaws)
}

/// A line without its LF or CRLF.
pub(super) fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

/// The column and what is wrong with it.
type Bad = (Option<String>, Problem);

#[inline]
fn read_row(
    line: &str,
    layout: &Layout,
    cells: &mut Cells,
    builder: &mut PartBuilder,
    counts: &mut Counts,
) -> Result<(), Bad> {
    let closed = cells.split(line);
    if closed == Err(OpenQuote) {
        let last = cells.len().saturating_sub(1);
        let problem = "a quote is not closed before the line's end (each record stands on one line)";
        return Err((layout.names.get(last).cloned(), Problem::Other(problem.into())));
    }
    if cells.len() != layout.names.len() {
        return Err((None, Problem::Cells { found: cells.len(), expected: layout.names.len() }));
    }
    for (column, (cell, field)) in layout.cells.iter().enumerate() {
        let value = cells.get(line, *cell);
        let pushed =
            if value.is_empty() { push_nothing(builder, column, field) } else { push(builder, column, field, value) };
        let number = pushed.map_err(|problem| (Some(field.name.clone()), problem))?;
        if let (Some(time), true) = (number, layout.timestamp == Some(column)) {
            let (least, most) = counts.span.unwrap_or((time, time));
            counts.span = Some((least.min(time), most.max(time)));
        }
    }
    Ok(())
}

#[inline]
fn push_nothing(builder: &mut PartBuilder, column: usize, field: &Field) -> Result<Option<i64>, Problem> {
    if field.nullable {
        builder.push_null(column);
        return Ok(None);
    }
    Err(Problem::Empty)
}

/// Checks a value, which is not empty, and adds it; gives the value of a long.
#[inline]
fn push(builder: &mut PartBuilder, column: usize, field: &Field, value: &str) -> Result<Option<i64>, Problem> {
    match typed(field, value)? {
        Typed::Text(text) => builder.push_str(column, text),
        Typed::Long(number) => {
            builder.push_long(column, number);
            return Ok(Some(number));
        }
        Typed::Int(number) => builder.push_int(column, number),
        Typed::Float(number) => builder.push_float(column, number),
        Typed::Double(number) => builder.push_double(column, number),
        Typed::Bool(is) => builder.push_bool(column, is),
    }
    Ok(None)
}

/// Tells of the byte at `at` in a line.
fn not_utf8(line: &[u8], at: usize, layout: &Layout) -> Bad {
    let byte = line.get(at).copied().unwrap_or_default();
    let before = std::str::from_utf8(line.get(..at).unwrap_or_default()).unwrap_or_default();
    let (column, cell) = last_cell(before, layout);
    let problem = format!("byte {byte:#04x} behind {} is not UTF-8; save the file as UTF-8", Shown(&cell));
    (column, Problem::Other(problem))
}

/// Tells of a NUL in a line: no text has one, but files that were torn or are UTF-16 do.
fn nul(line: &str, layout: &Layout) -> Bad {
    let (column, cell) = last_cell(line.split('\0').next().unwrap_or_default(), layout);
    let problem = format!("a NUL byte stands behind {}; save the file as plain UTF-8 text", Shown(&cell));
    (column, Problem::Other(problem))
}

/// The cell that the beginning of a line ends in, and its column.
fn last_cell(before: &str, layout: &Layout) -> (Option<String>, String) {
    let mut cells = Cells::default();
    let _ = cells.split(before);
    let last = cells.len().saturating_sub(1);
    (layout.names.get(last).cloned(), cells.get(before, last).to_owned())
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
