use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical},
    column::writer::{ColumnCloseResult, ColumnWriterImpl},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        reader::FileReader,
        serialized_reader::SerializedFileReader,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{ColumnPath, Type},
};

use super::{
    Column, ColumnType, PartError,
    builder::{Buffer, Filling},
    error::guarded,
    seal,
};

/// Rows of one row group: large enough that dictionaries pay, small enough to skip or read alone.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// A column with more distinct text than this in a row group is written plainly. Ids of a million users
/// still fit; free text does not.
const DICTIONARY_BYTES: usize = 8 << 20;
/// Strings handed to the Parquet writer at a time.
const STRING_BATCH: usize = 4096;

/// Writes the columns, all of `n_rows` rows, as one file. Takes the text of strings out of them.
pub(super) fn write_file(columns: &mut [Filling], n_rows: usize) -> Result<Bytes, PartError> {
    let texts: Vec<Bytes> = columns.iter_mut().map(text_of).collect();
    let described: Vec<Column> = columns.iter().map(|filling| filling.column.clone()).collect();
    let mut file = open(&described, Vec::new())?;
    // Values seen so far, per column: nulls take no place in the buffers.
    let mut consumed = vec![0; columns.len()];
    for start in (0..n_rows).step_by(ROW_GROUP_ROWS) {
        let rows = start..n_rows.min(start + ROW_GROUP_ROWS);
        let mut group = file.next_row_group().map_err(PartError::Encode)?;
        for ((filling, text), consumed) in columns.iter().zip(&texts).zip(&mut consumed) {
            let levels = filling.column.nullable.then(|| &filling.levels[rows.clone()]);
            let n_values = levels.map_or(rows.len(), |levels| levels.iter().filter(|level| **level == 1).count());
            let values = *consumed..*consumed + n_values;
            *consumed = values.end;
            let mut writer = group.next_column().map_err(PartError::Encode)?.ok_or_else(no_column)?;
            write_column(&mut writer, &filling.buffer, text, values, levels)?;
            writer.close().map_err(PartError::Encode)?;
        }
        group.close().map_err(PartError::Encode)?;
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
        close(file)
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
    if columns.is_empty() {
        return Err(PartError::Misused { reason: "a part has at least one column".into() });
    }
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(PartError::Encode)?;
    let mut properties = WriterProperties::builder()
        // The default names a library version, and the bytes should not change with it.
        .set_created_by("palate".into())
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    for column in columns {
        let path = ColumnPath::new(vec![column.name.clone()]);
        properties = match column.kind {
            ColumnType::String => properties
                .set_column_dictionary_enabled(path.clone(), true)
                .set_column_statistics_enabled(path, EnabledStatistics::None),
            // Timestamps mostly rise: deltas are a fraction of the size and cost nothing.
            ColumnType::Int | ColumnType::Long => properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            ColumnType::Float | ColumnType::Double | ColumnType::Boolean => properties,
        };
    }
    SerializedFileWriter::new(into, Arc::new(schema), Arc::new(properties.build())).map_err(PartError::Encode)
}

fn close(mut file: SerializedFileWriter<Vec<u8>>) -> Result<Bytes, PartError> {
    let blank = String::from_utf8_lossy(&seal::BLANK).into_owned();
    file.append_key_value_metadata(KeyValue::new(seal::FORMAT_KEY.into(), seal::FORMAT.to_owned()));
    file.append_key_value_metadata(KeyValue::new(seal::SEAL_KEY.into(), blank));
    let mut bytes = file.into_inner().map_err(PartError::Encode)?;
    seal::seal(&mut bytes)?;
    Ok(Bytes::from(bytes))
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

/// The column's strings as one shared buffer, of which the Parquet writer takes slices.
fn text_of(filling: &mut Filling) -> Bytes {
    match &mut filling.buffer {
        Buffer::Strings { bytes, .. } => Bytes::from(std::mem::take(bytes)),
        _ => Bytes::new(),
    }
}

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    buffer: &Buffer,
    text: &Bytes,
    values: Range<usize>,
    levels: Option<&[i16]>,
) -> Result<(), PartError> {
    match buffer {
        Buffer::Strings { ends, .. } => write_strings(writer.typed::<ByteArrayType>(), text, ends, values, levels),
        Buffer::Ints(all) => write_numbers(writer.typed::<Int32Type>(), &all[values], levels),
        Buffer::Longs(all) => write_numbers(writer.typed::<Int64Type>(), &all[values], levels),
        Buffer::Floats(all) => write_numbers(writer.typed::<FloatType>(), &all[values], levels),
        Buffer::Doubles(all) => write_numbers(writer.typed::<DoubleType>(), &all[values], levels),
        Buffer::Booleans(all) => write_numbers(writer.typed::<BoolType>(), &all[values], levels),
    }
}

fn write_numbers<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), PartError> {
    writer.write_batch(values, levels, None).map_err(PartError::Encode)?;
    Ok(())
}

fn write_strings(
    writer: &mut ColumnWriterImpl<'_, ByteArrayType>,
    text: &Bytes,
    ends: &[usize],
    values: Range<usize>,
    levels: Option<&[i16]>,
) -> Result<(), PartError> {
    let mut batch = Vec::with_capacity(STRING_BATCH);
    let mut next = values.start;
    let n_rows = levels.map_or(values.len(), <[i16]>::len);
    for start in (0..n_rows).step_by(STRING_BATCH) {
        let rows = start..n_rows.min(start + STRING_BATCH);
        let levels = levels.map(|levels| &levels[rows.clone()]);
        let n_values = levels.map_or(rows.len(), |levels| levels.iter().filter(|level| **level == 1).count());
        batch.clear();
        batch.extend((next..next + n_values).map(|value| {
            let begin = if value == 0 { 0 } else { ends[value - 1] };
            ByteArray::from(text.slice(begin..ends[value]))
        }));
        next += n_values;
        writer.write_batch(&batch, levels, None).map_err(PartError::Encode)?;
    }
    Ok(())
}

fn no_column() -> PartError {
    PartError::Misused { reason: "the Parquet writer knows fewer columns than the builder".into() }
}
