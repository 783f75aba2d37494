//! Columns of a Parquet file that go into a part as they are, after a look at their values.

use std::sync::Arc;

use palate_recipes::parts::{ColumnType, ForeignChunk, strings_fit};
use parquet::{
    basic::Type as Physical,
    column::reader::ColumnReader,
    file::{metadata::RowGroupMetaData, reader::ChunkReader, serialized_reader::SerializedPageReader},
};

use super::{
    parquet_bytes::Fetched,
    parquet_plan::{Meaning, Planned},
    parquet_read::{Broken, broken, open_column, read_values},
    value::{Typed, is_short_text, typed},
};
use crate::schema::Field;

/// A column of a row group.
pub(super) struct Adopted {
    pub chunk: ForeignChunk,
    /// The least and the greatest, of longs.
    pub span: Option<(i64, i64)>,
}

/// Takes a column over. `None` if its values become others in a part, or if one of them is bad: then somebody has to
/// look at each of them.
///
/// # Errors
/// If it is not readable Parquet.
pub(super) fn adopt(
    planned: &Planned,
    group: &RowGroupMetaData,
    bytes: &Arc<Fetched>,
) -> Result<Option<Adopted>, Broken> {
    let field = &planned.field;
    let same = match field.kind {
        ColumnType::String => planned.physical == Physical::BYTE_ARRAY,
        ColumnType::Long => planned.physical == Physical::INT64,
        ColumnType::Int => planned.physical == Physical::INT32,
        ColumnType::Float => planned.physical == Physical::FLOAT,
        ColumnType::Double => planned.physical == Physical::DOUBLE,
        ColumnType::Boolean => planned.physical == Physical::BOOLEAN,
    };
    if !same || planned.meaning != Meaning::Plain || planned.nullable != planned.part_column().nullable {
        return Ok(None);
    }
    let described = group.column(planned.leaf);
    let (start, length) = described.byte_range();
    let content = bytes.get_bytes(start, usize::try_from(length).map_err(broken)?).map_err(broken)?;
    // Whoever keeps a little of what was read at once keeps all of it.
    let content = if length < bytes.held_with(start) / 2 { content.to_vec().into() } else { content };
    let Some(chunk) = ForeignChunk::new(described, content) else { return Ok(None) };
    let n_rows = usize::try_from(group.num_rows()).map_err(broken)?;
    let looked = match field.kind {
        ColumnType::String => {
            let mut pages = SerializedPageReader::new(Arc::clone(bytes), described, n_rows, None).map_err(broken)?;
            let n_nulls = strings_fit(&mut pages, n_rows, planned.nullable, |text| is_as_it_is(field, text));
            n_nulls.map_err(broken)?.map(|n_nulls| Looked { n_nulls, span: None })
        }
        _ => numbers(planned, open_column(planned, group, bytes)?, n_rows)?,
    };
    let Some(Looked { n_nulls, span }) = looked.filter(|looked| looked.n_nulls == 0 || field.nullable) else {
        return Ok(None);
    };
    let chunk = match span {
        Some(span) => chunk.with_span(span, n_nulls),
        None => chunk,
    };
    Ok(Some(Adopted { chunk, span }))
}

/// Whether a text is one that the rules of CSV give back as it is.
#[inline]
pub(super) fn is_as_it_is(field: &Field, text: &str) -> bool {
    is_short_text(field, text) || (!text.is_empty() && typed(field, text) == Ok(Typed::Text(text)))
}

/// What was seen of a column's values, all of which are good.
struct Looked {
    n_nulls: usize,
    span: Option<(i64, i64)>,
}

fn numbers(planned: &Planned, reader: ColumnReader, n_rows: usize) -> Result<Option<Looked>, Broken> {
    let (n_values, span, fit) = match reader {
        ColumnReader::Int64ColumnReader(mut reader) => {
            let (values, _) = read_values(planned, &mut reader, n_rows)?;
            let span = values.iter().copied().min().zip(values.iter().copied().max());
            let (least, most) = planned.field.range.unwrap_or((i64::MIN, i64::MAX));
            (values.len(), span, span.is_none_or(|span| least <= span.0 && span.1 <= most))
        }
        ColumnReader::Int32ColumnReader(mut reader) => (read_values(planned, &mut reader, n_rows)?.0.len(), None, true),
        ColumnReader::BoolColumnReader(mut reader) => (read_values(planned, &mut reader, n_rows)?.0.len(), None, true),
        ColumnReader::FloatColumnReader(mut reader) => {
            let (values, _) = read_values(planned, &mut reader, n_rows)?;
            (values.len(), None, values.iter().all(|value| value.is_finite()))
        }
        ColumnReader::DoubleColumnReader(mut reader) => {
            let (values, _) = read_values(planned, &mut reader, n_rows)?;
            (values.len(), None, values.iter().all(|value| value.is_finite()))
        }
        _ => return Ok(None),
    };
    Ok(fit.then_some(Looked { n_nulls: n_rows - n_values, span }))
}
