//! Columns of a Parquet file, whole, in memory.

use bytes::Bytes;
use parquet::{
    column::reader::{ColumnReaderImpl, get_typed_column_reader},
    data_type::{ByteArrayType, DataType, Int64Type, Int96Type},
    file::reader::{FileReader, SerializedFileReader},
};

use super::Failed;

/// Values at a time.
const BATCH: usize = 1 << 16;

/// A Parquet file with flat, nullable columns.
pub struct Columns(SerializedFileReader<Bytes>);

impl Columns {
    pub fn open(file: Bytes) -> Result<Self, Failed> {
        Ok(Self(SerializedFileReader::new(file)?))
    }

    /// A column of integers; a null is an error.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, Failed> {
        all(name, self.values::<Int64Type, _>(name, |value| *value)?)
    }

    /// A column of times, in seconds since the Unix epoch; a null is an error.
    pub fn seconds(&self, name: &str) -> Result<Vec<i64>, Failed> {
        all(name, self.values::<Int96Type, _>(name, |value| value.to_seconds())?)
    }

    /// A column of texts; nulls are empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Failed> {
        let values =
            self.values::<ByteArrayType, _>(name, |value| String::from_utf8_lossy(value.data()).into_owned())?;
        Ok(values.into_iter().map(Option::unwrap_or_default).collect())
    }

    fn values<T: DataType, V>(&self, name: &str, convert: impl Fn(&T::T) -> V) -> Result<Vec<Option<V>>, Failed> {
        let schema = self.0.metadata().file_metadata().schema_descr();
        let column = schema.columns().iter().position(|column| column.name() == name);
        let column = column.ok_or_else(|| format!("the data has no column {name}"))?;
        if schema.column(column).physical_type() != T::get_physical_type() {
            return Err(format!("the column {name} has another type than expected").into());
        }
        let nullable = schema.column(column).max_def_level() > 0;
        let mut converted = Vec::new();
        for group in 0..self.0.num_row_groups() {
            let group = self.0.get_row_group(group)?;
            let mut reader: ColumnReaderImpl<T> = get_typed_column_reader(group.get_column_reader(column)?);
            let (mut values, mut present) = (Vec::new(), Vec::new());
            loop {
                values.clear();
                present.clear();
                let (rows, _, _) = reader.read_records(BATCH, nullable.then_some(&mut present), None, &mut values)?;
                if rows == 0 {
                    break;
                }
                let mut values = values.iter().map(&convert);
                match nullable {
                    true => converted.extend(present.iter().map(|level| if *level > 0 { values.next() } else { None })),
                    false => converted.extend(values.map(Some)),
                }
            }
        }
        Ok(converted)
    }
}

fn all<V>(name: &str, values: Vec<Option<V>>) -> Result<Vec<V>, Failed> {
    let all: Option<Vec<V>> = values.into_iter().collect();
    all.ok_or_else(|| format!("the column {name} has a null").into())
}
