use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    column::writer::ColumnCloseResult,
    file::{
        metadata::KeyValue, properties::WriterProperties, reader::FileReader, serialized_reader::SerializedFileReader,
        writer::SerializedFileWriter,
    },
    schema::types::Type,
};

use super::{Column, ColumnType, PartError, builder::Filling, chunk::Chunk, error::guarded, seal};

/// Rows of one row group: large enough that dictionaries pay, small enough to skip or read alone.
pub(super) const ROW_GROUP_ROWS: usize = 1 << 20;

/// Encoded rows that are not a file yet; [`assemble`] makes one of several.
pub struct Piece {
    columns: Vec<Column>,
    /// For each row group its columns.
    groups: Vec<Vec<Chunk>>,
    n_rows: usize,
}

impl Piece {
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Whether both can go into one part.
    pub fn goes_with(&self, other: &Self) -> bool {
        self.columns == other.columns
    }

    /// What it adds to a file, but for some bytes of the footer.
    pub fn n_bytes(&self) -> usize {
        self.groups.iter().flatten().map(Chunk::n_bytes).sum()
    }
}

/// A complete part.
pub struct Sealed {
    pub content: Bytes,
    /// Of the content, in lower-case hex.
    pub sha256: String,
}

/// Encodes the columns, all of `n_rows` rows.
pub(super) fn encode(columns: &[Filling], n_rows: usize) -> Result<Piece, PartError> {
    if columns.is_empty() {
        return Err(PartError::Misused { reason: "a part has at least one column".into() });
    }
    let described = columns.iter().map(|filling| filling.column.clone()).collect();
    // Values seen so far, per column: nulls take no place in the buffers.
    let mut consumed = vec![0; columns.len()];
    let mut groups = Vec::new();
    for start in (0..n_rows).step_by(ROW_GROUP_ROWS) {
        let rows = start..n_rows.min(start + ROW_GROUP_ROWS);
        let chunks = columns.iter().zip(&mut consumed).map(|(filling, consumed)| {
            let levels = filling.levels_of(rows.clone());
            let n_values = levels.map_or(rows.len(), |levels| levels.iter().filter(|level| **level == 1).count());
            let values = *consumed..*consumed + n_values;
            *consumed = values.end;
            Chunk::encode(filling, rows.clone(), values)
        });
        groups.push(chunks.collect::<Result<_, _>>()?);
    }
    Ok(Piece { columns: described, groups, n_rows })
}

/// Makes one part of pieces of the same columns, in the order given.
///
/// # Errors
/// [`PartError::Misused`] if there is none or their columns differ.
pub fn assemble(pieces: &[Piece]) -> Result<Sealed, PartError> {
    assemble_in(Vec::new(), pieces)
}

/// As [`assemble`], in the memory of `buffer`, whatever it holds: that of a part that was written before saves
/// getting as much anew from the system.
///
/// # Errors
/// As [`assemble`].
pub fn assemble_in(mut buffer: Vec<u8>, pieces: &[Piece]) -> Result<Sealed, PartError> {
    let first = pieces.first().ok_or_else(|| PartError::Misused { reason: "no pieces to assemble".into() })?;
    if pieces.iter().any(|piece| piece.columns != first.columns) {
        return Err(PartError::Misused { reason: "pieces of different columns".into() });
    }
    let n_bytes: usize = pieces.iter().map(Piece::n_bytes).sum();
    buffer.clear();
    buffer.reserve(n_bytes + n_bytes / 16 + 4096);
    let mut file = open(&first.columns, buffer)?;
    for group in pieces.iter().flat_map(|piece| &piece.groups) {
        let described = file.schema_descr().columns().to_vec();
        let mut out = file.next_row_group().map_err(PartError::Encode)?;
        for (chunk, column) in group.iter().zip(described) {
            let (pages, closed) = chunk.closed(column)?;
            out.append_column(pages, closed).map_err(PartError::Encode)?;
        }
        out.close().map_err(PartError::Encode)?;
    }
    close(file)
}

/// Joins parts of the same columns into one, in the order given, without decoding their values.
///
/// # Errors
/// [`PartError::Misused`] if there is none or their columns differ; [`PartError::Corrupt`] if one is not
/// a part.
pub fn concat(parts: &[Bytes]) -> Result<Bytes, PartError> {
    // Footers are joined too, so it will not be more.
    let n_bytes = parts.iter().map(Bytes::len).sum();
    guarded(|| {
        let mut joined: Option<(Vec<Column>, SerializedFileWriter<Vec<u8>>)> = None;
        for part in parts {
            seal::verify(part)?;
            let reader = SerializedFileReader::new(part.clone()).map_err(PartError::corrupt)?;
            let columns = super::read::columns_of(reader.metadata())?;
            let file = match &mut joined {
                Some((expected, file)) if *expected == columns => file,
                Some(_) => return Err(PartError::Misused { reason: "parts of different columns".into() }),
                None => &mut joined.insert((columns.clone(), open(&columns, Vec::with_capacity(n_bytes))?)).1,
            };
            append(file, part, &reader)?;
        }
        let (_, file) = joined.ok_or_else(|| PartError::Misused { reason: "no parts to join".into() })?;
        Ok(close(file)?.content)
    })
}

fn append(
    file: &mut SerializedFileWriter<Vec<u8>>,
    part: &Bytes,
    reader: &SerializedFileReader<Bytes>,
) -> Result<(), PartError> {
    for group in reader.metadata().row_groups() {
        let mut out = file.next_row_group().map_err(PartError::Encode)?;
        for column in group.columns() {
            let copied = ColumnCloseResult {
                bytes_written: column.compressed_size().cast_unsigned(),
                rows_written: group.num_rows().cast_unsigned(),
                metadata: column.clone(),
                bloom_filter: None,
                column_index: None,
                offset_index: None,
            };
            out.append_column(part, copied).map_err(PartError::Encode)?;
        }
        out.close().map_err(PartError::Encode)?;
    }
    Ok(())
}

fn open(columns: &[Column], into: Vec<u8>) -> Result<SerializedFileWriter<Vec<u8>>, PartError> {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(PartError::Encode)?;
    let properties = WriterProperties::builder()
        // The default names a library version, and the bytes should not change with it.
        .set_created_by("palate".into())
        .set_compression(Compression::SNAPPY)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    SerializedFileWriter::new(into, Arc::new(schema), Arc::new(properties.build())).map_err(PartError::Encode)
}

fn close(mut file: SerializedFileWriter<Vec<u8>>) -> Result<Sealed, PartError> {
    let blank = String::from_utf8_lossy(&seal::BLANK).into_owned();
    file.append_key_value_metadata(KeyValue::new(seal::FORMAT_KEY.into(), seal::FORMAT.to_owned()));
    file.append_key_value_metadata(KeyValue::new(seal::SEAL_KEY.into(), blank));
    let mut bytes = file.into_inner().map_err(PartError::Encode)?;
    let sha256 = seal::seal(&mut bytes)?;
    Ok(Sealed { content: Bytes::from(bytes), sha256 })
}

fn field(column: &Column) -> Result<Arc<Type>, PartError> {
    let (physical, logical) = match column.kind {
        ColumnType::String => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Int => (Physical::INT32, None),
        ColumnType::Long => (Physical::INT64, None),
        ColumnType::Float => (Physical::FLOAT, None),
        ColumnType::Double => (Physical::DOUBLE, None),
        ColumnType::Boolean => (Physical::BOOLEAN, None),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
        .map(Arc::new)
        .map_err(PartError::Encode)
}
