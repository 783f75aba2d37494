//! The core of the import: a piece of CSV into typed columns, or the first thing wrong with it.

use palate_recipes::parts::PartBuilder;

use super::{
    flaw::{Flaw, Problem, Shown},
    layout::Layout,
    line::{Cells, OpenQuote},
    value::{Typed, typed},
};
use crate::schema::Field;

/// What was read from a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Physical lines, blank ones included.
    pub lines: u64,
    pub rows: u64,
    /// The least and the greatest value of the column TIMESTAMP, in seconds.
    pub span: Option<(i64, i64)>,
}

/// Reads whole lines of CSV into `builder`, whose columns are the fields of the schema.
///
/// Blank lines are passed over. On an error, `builder` holds an unfinished row.
///
/// # Errors
/// The first flaw in the order of lines, and within a line in the order of the schema's fields.
pub(super) fn read_rows(chunk: &[u8], layout: &Layout, builder: &mut PartBuilder) -> Result<Counts, Flaw> {
    let (text, broken) = match std::str::from_utf8(chunk) {
        Ok(text) => (text, None),
        Err(error) => {
            // The lines before the one with the bad byte are read first: their flaws come first.
            let (valid, _) = chunk.split_at(error.valid_up_to());
            let whole = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            (std::str::from_utf8(&valid[..whole]).unwrap_or_default(), Some((whole, error.valid_up_to())))
        }
    };
    let mut counts = Counts::default();
    let mut cells = Cells::default();
    for line in text.split_inclusive('\n') {
        let line = without_end(line);
        if !line.is_empty() {
            if let Err((column, problem)) = read_row(line, layout, &mut cells, builder, &mut counts) {
                return Err(Flaw { line: counts.lines, column, problem });
            }
            counts.rows += 1;
        }
        counts.lines += 1;
    }
    match broken {
        None => Ok(counts),
        Some((start, at)) => Err(not_utf8(chunk, start, at, layout, counts.lines)),
    }
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
        let problem = format!("{} cells, but the header has {}", cells.len(), layout.names.len());
        return Err((None, Problem::Other(problem)));
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
    let problem = "the cell is empty, and the schema does not allow null for this field";
    Err(Problem::Other(problem.into()))
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

/// Tells of the byte at `at`, in the line that begins at `start`.
fn not_utf8(chunk: &[u8], start: usize, at: usize, layout: &Layout, line: u64) -> Flaw {
    let byte = chunk.get(at).copied().unwrap_or_default();
    // The cell that the bad byte stands in is the last one of the text before it.
    let before = std::str::from_utf8(chunk.get(start..at).unwrap_or_default()).unwrap_or_default();
    let mut cells = Cells::default();
    let _ = cells.split(before);
    let column = layout.names.get(cells.len().saturating_sub(1)).cloned();
    let shown = Shown(cells.get(before, cells.len().saturating_sub(1))).to_string();
    let problem = format!("byte {byte:#04x} behind {shown} is not UTF-8; save the file as UTF-8");
    Flaw { line, column, problem: Problem::Other(problem) }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
