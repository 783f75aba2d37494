//! Columns of a Parquet file into typed columns, or what is wrong with their rows.

use std::{collections::BTreeMap, fmt::Display, panic::AssertUnwindSafe, sync::Arc};

use palate_recipes::parts::{Column, ColumnType, PartBuilder, StringColumn, foreign_strings};
use parquet::{
    basic::{Encoding, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader},
    data_type::{DataType, Int64Type},
    file::{metadata::RowGroupMetaData, reader::ChunkReader, serialized_reader::SerializedPageReader},
    schema::types::ColumnDescPtr,
};

use super::{
    flaw::{Flaw, Problem},
    parquet_adopt::{Adopted, adopt, is_as_it_is},
    parquet_bytes::Fetched,
    parquet_plan::{Meaning, Plan, Planned},
    rows::Counts,
    value::{Typed, typed},
};

/// Rows that were read.
pub(super) struct Rows {
    pub builder: PartBuilder,
    /// Lines are rows; of rows and their times, the good ones.
    pub counts: Counts,
    /// One of each bad row, in the order of rows. If there is one, `builder` is of no use.
    pub flaws: Vec<Flaw>,
}

/// Why a row group cannot be read.
pub(super) type Broken = String;

/// Reads a row group whole.
///
/// # Errors
/// If it is not readable Parquet.
pub(super) fn read_group(
    plan: &Plan,
    group: &RowGroupMetaData,
    bytes: &Arc<Fetched>,
    most_flaws: usize,
) -> Result<Rows, Broken> {
    let n_rows = usize::try_from(group.num_rows()).map_err(broken)?;
    let mut gathered = Gathered::new(plan, most_flaws, true);
    for (number, planned) in plan.columns.iter().enumerate() {
        if let Some(adopted) = adopt(planned, group, bytes)? {
            gathered.adopted((number, planned), adopted);
            continue;
        }
        let chunk = group.column(planned.leaf);
        let simple = |encoding| {
            matches!(
                encoding,
                Encoding::PLAIN
                    | Encoding::RLE
                    | Encoding::RLE_DICTIONARY
                    | Encoding::PLAIN_DICTIONARY
                    | Encoding::DELTA_LENGTH_BYTE_ARRAY
            )
        };
        let column = (number, planned);
        if planned.physical == Physical::BYTE_ARRAY && chunk.encodings().all(simple) {
            let mut pages = SerializedPageReader::new(Arc::clone(bytes), chunk, n_rows, None).map_err(broken)?;
            let strings = foreign_strings(&mut pages, n_rows, planned.nullable).map_err(broken)?;
            gathered.strings(column, strings);
        } else {
            let mut reader = open_column(planned, group, bytes)?;
            guarded(|| gathered.values(column, &mut reader, n_rows))?;
        }
    }
    Ok(gathered.finish(n_rows, plan.layout.timestamp))
}

/// Opens a column of a row group for [`read_some`].
pub(super) fn open_column<R: ChunkReader + 'static>(
    planned: &Planned,
    group: &RowGroupMetaData,
    bytes: &Arc<R>,
) -> Result<ColumnReader, Broken> {
    let n_rows = usize::try_from(group.num_rows()).map_err(broken)?;
    let chunk = group.column(planned.leaf);
    let described: ColumnDescPtr = chunk.column_descr_ptr();
    let pages = SerializedPageReader::new(Arc::clone(bytes), chunk, n_rows, None).map_err(broken)?;
    Ok(get_column_reader(described, Box::new(pages)))
}

/// How much of values is gathered before a piece ends early, in bytes.
const PIECE_BYTES: usize = 32 << 20;

/// Reads the next rows of all columns, `step` at a time: `n_rows`, or fewer if they are large.
pub(super) fn read_some(
    plan: &Plan,
    readers: &mut [ColumnReader],
    n_rows: usize,
    step: usize,
    most_flaws: usize,
) -> Result<Rows, Broken> {
    let mut gathered = Gathered::new(plan, most_flaws, false);
    let mut n_read = 0;
    while n_read < n_rows && gathered.builder.bytes_hint() < PIECE_BYTES {
        gathered.first_row = n_read;
        let n_next = step.min(n_rows - n_read);
        for (column, reader) in plan.columns.iter().enumerate().zip(&mut *readers) {
            guarded(|| gathered.values(column, reader, n_next))?;
        }
        n_read += n_next;
    }
    Ok(gathered.finish(n_read, plan.layout.timestamp))
}

pub(super) fn broken(error: impl Display) -> Broken {
    error.to_string()
}

/// The Parquet reader panics on some files that are none.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("the Parquet reader gave up on it".into()))
}

const TOO_FEW: &str = "a column has fewer values than its row group has rows";

type Numbered<'a> = (usize, &'a Planned);

struct Gathered {
    builder: PartBuilder,
    /// The row that those of [`Self::values`] are counted from.
    first_row: usize,
    /// Whether [`Self::values`] is called once for each column.
    all_at_once: bool,
    most_flaws: usize,
    /// By row.
    flaws: BTreeMap<u64, Flaw>,
    times: Option<(i64, i64)>,
}

impl Gathered {
    fn new(plan: &Plan, most_flaws: usize, all_at_once: bool) -> Self {
        let columns: Vec<Column> = plan.columns.iter().map(Planned::part_column).collect();
        Self {
            builder: PartBuilder::new(&columns),
            first_row: 0,
            all_at_once,
            most_flaws,
            flaws: BTreeMap::new(),
            times: None,
        }
    }

    fn finish(mut self, n_rows: usize, timestamp: Option<usize>) -> Rows {
        while self.flaws.len() > self.most_flaws {
            self.flaws.pop_last();
        }
        let n_flaws = self.flaws.len() as u64;
        let lines = n_rows as u64;
        let span = timestamp.and(self.times);
        let counts = Counts { lines, rows: lines.saturating_sub(n_flaws), span };
        Rows { builder: self.builder, counts, flaws: self.flaws.into_values().collect() }
    }

    #[cold]
    fn flaw(&mut self, row: usize, planned: &Planned, problem: Problem) {
        let row = (self.first_row + row) as u64;
        // Those of a column come in the order of rows: the first ones of all columns are among the first of each.
        if self.flaws.len() < self.most_flaws * 2 || self.flaws.last_key_value().is_some_and(|(last, _)| row < *last) {
            self.flaws.entry(row).or_insert_with(|| Flaw {
                line: row,
                column: Some(planned.field.name.clone()),
                problem,
            });
        }
        if self.flaws.len() > self.most_flaws * 2 {
            self.flaws.pop_last();
        }
    }

    #[inline]
    fn null(&mut self, row: usize, (number, planned): Numbered<'_>) {
        if planned.field.nullable {
            self.builder.push_null(number);
        } else {
            self.flaw(row, planned, Problem::Empty);
        }
    }

    /// Takes a value in the form of CSV, by the rules of CSV.
    fn text(&mut self, row: usize, (number, planned): Numbered<'_>, value: &str) {
        if value.is_empty() {
            return self.null(row, (number, planned));
        }
        match typed(&planned.field, value) {
            Ok(Typed::Text(text)) => self.builder.push_str(number, text),
            Ok(Typed::Long(value)) => self.builder.push_long(number, value),
            Ok(Typed::Int(value)) => self.builder.push_int(number, value),
            Ok(Typed::Float(value)) => self.builder.push_float(number, value),
            Ok(Typed::Double(value)) => self.builder.push_double(number, value),
            Ok(Typed::Bool(value)) => self.builder.push_bool(number, value),
            Err(problem) => self.flaw(row, planned, problem),
        }
    }

    fn adopted(&mut self, (number, planned): Numbered<'_>, adopted: Adopted) {
        if planned.field.name == "TIMESTAMP" {
            self.times = adopted.span;
        }
        self.builder.put_chunk(number, adopted.chunk);
    }

    /// Takes strings that each stand in a dictionary, and checks its entries instead of the rows.
    fn strings(&mut self, (number, planned): Numbered<'_>, strings: StringColumn) {
        let field = &planned.field;
        let StringColumn { dictionary, .. } = &strings;
        let nulls_fit = field.nullable || !strings.codes.contains(&StringColumn::NULL);
        if nulls_fit && dictionary.iter().all(|entry| is_as_it_is(field, entry)) {
            return self.builder.put_strings(number, strings);
        }
        for row in 0..strings.codes.len() {
            match strings.get(row) {
                Some(value) => self.text(row, (number, planned), value),
                None => self.null(row, (number, planned)),
            }
        }
    }

    fn values(&mut self, column: Numbered<'_>, reader: &mut ColumnReader, n_rows: usize) -> Result<(), Broken> {
        let (_, planned) = column;
        match reader {
            ColumnReader::BoolColumnReader(reader) => {
                self.each(column, reader, n_rows, |gathered, _, (number, _), value| {
                    gathered.builder.push_bool(number, value);
                })
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let unsigned = planned.meaning == Meaning::Unsigned;
                self.each(column, reader, n_rows, |gathered, row, column, value| {
                    let whole = if unsigned { i64::from(value.cast_unsigned()) } else { i64::from(value) };
                    gathered.whole(row, column, whole);
                })
            }
            ColumnReader::Int64ColumnReader(reader) => match planned.meaning {
                Meaning::Unsigned => self.each(column, reader, n_rows, |gathered, row, column, value| {
                    if value < 0 {
                        gathered.text(row, column, &value.cast_unsigned().to_string());
                    } else {
                        gathered.whole(row, column, value);
                    }
                }),
                Meaning::Plain if self.all_at_once && planned.field.kind == ColumnType::Long => {
                    self.longs(column, reader, n_rows)
                }
                Meaning::Plain => self.each(column, reader, n_rows, Self::whole),
                Meaning::Time { per_second } => self.each(column, reader, n_rows, |gathered, row, column, value| {
                    gathered.whole(row, column, value.div_euclid(per_second));
                }),
            },
            ColumnReader::Int96ColumnReader(reader) => {
                self.each(column, reader, n_rows, |gathered, row, column, value| {
                    gathered.whole(row, column, value.to_seconds());
                })
            }
            ColumnReader::FloatColumnReader(reader) => {
                self.each(column, reader, n_rows, |gathered, row, column, value| {
                    gathered.real(row, column, f64::from(value));
                })
            }
            ColumnReader::DoubleColumnReader(reader) => self.each(column, reader, n_rows, Self::real),
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.each(column, reader, n_rows, |gathered, row, column, value| match value.as_utf8() {
                    Ok(text) => gathered.text(row, column, text),
                    Err(_) => {
                        let problem = "the value is not UTF-8; write the column as strings".to_owned();
                        gathered.flaw(row, column.1, Problem::Other(problem));
                    }
                })
            }
            ColumnReader::FixedLenByteArrayColumnReader(_) => Err("bytes of a fixed length".into()),
        }
    }

    #[inline]
    fn whole(&mut self, row: usize, column: Numbered<'_>, value: i64) {
        use palate_recipes::parts::ColumnType::{Boolean, Double, Float, Int, Long, String};
        let (number, planned) = column;
        let in_range = planned.field.range.is_none_or(|(least, most)| (least..=most).contains(&value));
        match planned.field.kind {
            Long if in_range => {
                if planned.field.name == "TIMESTAMP" {
                    let (least, most) = self.times.unwrap_or((value, value));
                    self.times = Some((least.min(value), most.max(value)));
                }
                self.builder.push_long(number, value);
            }
            Int => match i32::try_from(value) {
                Ok(value) => self.builder.push_int(number, value),
                Err(_) => self.text(row, column, &value.to_string()),
            },
            Float => self.builder.push_float(number, value as f32),
            Double => self.builder.push_double(number, value as f64),
            // The rules of CSV tell what is wrong, or what is right.
            Long | String | Boolean => self.text(row, column, &value.to_string()),
        }
    }

    #[inline]
    fn real(&mut self, row: usize, column: Numbered<'_>, value: f64) {
        use palate_recipes::parts::ColumnType::{Double, Float};
        let (number, planned) = column;
        match planned.field.kind {
            Float if (value as f32).is_finite() => self.builder.push_float(number, value as f32),
            Double if value.is_finite() => self.builder.push_double(number, value),
            _ => self.text(row, column, &value.to_string()),
        }
    }

    /// Reads a column of longs whole, and takes it as it is if every value is there and in its range.
    fn longs(
        &mut self,
        column: Numbered<'_>,
        reader: &mut ColumnReaderImpl<Int64Type>,
        n_rows: usize,
    ) -> Result<(), Broken> {
        let (number, planned) = column;
        let (values, levels) = read_values(planned, reader, n_rows)?;
        let span = values.iter().copied().min().zip(values.iter().copied().max());
        let in_range = |value: i64| planned.field.range.is_none_or(|(least, most)| (least..=most).contains(&value));
        if values.len() < n_rows || !span.is_some_and(|(least, most)| in_range(least) && in_range(most)) {
            self.hand_on(column, n_rows, values, &levels, Self::whole);
            return Ok(());
        }
        if planned.field.name == "TIMESTAMP" {
            self.times = span;
        }
        self.builder.put_longs(number, values);
        Ok(())
    }

    /// Reads `n_rows` and hands each value on.
    fn each<T: DataType>(
        &mut self,
        column: Numbered<'_>,
        reader: &mut ColumnReaderImpl<T>,
        n_rows: usize,
        take: impl Fn(&mut Self, usize, Numbered<'_>, T::T),
    ) -> Result<(), Broken> {
        let (values, levels) = read_values(column.1, reader, n_rows)?;
        self.hand_on(column, n_rows, values, &levels, take);
        Ok(())
    }

    fn hand_on<T>(
        &mut self,
        column: Numbered<'_>,
        n_rows: usize,
        values: Vec<T>,
        levels: &[i16],
        take: impl Fn(&mut Self, usize, Numbered<'_>, T),
    ) {
        let nullable = column.1.nullable;
        let mut values = values.into_iter();
        for row in 0..n_rows {
            let value = if nullable && levels.get(row) != Some(&1) { None } else { values.next() };
            match value {
                Some(value) => take(self, row, column, value),
                None => self.null(row, column),
            }
        }
    }
}

/// Reads `n_rows`: the values, and if the column may have nulls, for each row 1 or 0.
pub(super) fn read_values<T: DataType>(
    planned: &Planned,
    reader: &mut ColumnReaderImpl<T>,
    n_rows: usize,
) -> Result<(Vec<T::T>, Vec<i16>), Broken> {
    let mut values: Vec<T::T> = Vec::new();
    let mut levels: Vec<i16> = Vec::new();
    let mut n_read = 0;
    while n_read < n_rows {
        let into = planned.nullable.then_some(&mut levels);
        let (read, _, _) = reader.read_records(n_rows - n_read, into, None, &mut values).map_err(broken)?;
        if read == 0 {
            return Err(TOO_FEW.into());
        }
        n_read += read;
    }
    Ok((values, levels))
}
