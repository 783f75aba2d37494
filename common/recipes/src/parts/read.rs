use bytes::Bytes;
use parquet::{
    basic::{Repetition, Type as Physical},
    column::reader::get_typed_column_reader,
    data_type::{BoolType, DataType, DoubleType, FloatType, Int32Type, Int64Type},
    file::{metadata::ParquetMetaData, reader::FileReader, serialized_reader::SerializedFileReader},
    schema::types::Type,
};

use super::{Column, ColumnType, PartError, StringColumn, error::guarded, seal, strings::Collector};

/// A column of numbers or booleans, one value per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values<T> {
    /// Where a row is null: zero or `false`.
    pub values: Vec<T>,
    /// Per row whether there is a value; `None` if no row is null.
    pub validity: Option<Vec<bool>>,
}

impl<T: Copy> Values<T> {
    /// The value of `row`; `None` if it is null or there is no such row.
    pub fn get(&self, row: usize) -> Option<T> {
        let valid = self.validity.as_ref().is_none_or(|validity| validity.get(row) == Some(&true));
        self.values.get(row).copied().filter(|_| valid)
    }
}

/// A part, opened for reading.
pub struct Part {
    reader: SerializedFileReader<Bytes>,
    columns: Vec<Column>,
    n_rows: usize,
}

impl Part {
    /// Opens a part after checking that its bytes are as they were written.
    ///
    /// # Errors
    /// [`PartError::Corrupt`] if they are not, or were written by something else.
    pub fn open(content: Bytes) -> Result<Self, PartError> {
        guarded(|| {
            seal::verify(&content)?;
            let reader = SerializedFileReader::new(content).map_err(PartError::corrupt)?;
            let metadata = reader.metadata();
            let pairs = metadata.file_metadata().key_value_metadata();
            let format = pairs.into_iter().flatten().find(|pair| pair.key == seal::FORMAT_KEY);
            let format = format.and_then(|pair| pair.value.as_deref());
            if !format.is_some_and(|format| seal::FORMATS.contains(&format)) {
                let reason = format!("its format is {format:?}, and this version reads {:?}", seal::FORMATS);
                return Err(PartError::corrupt(reason));
            }
            let columns = columns_of(metadata)?;
            let n_rows = metadata.row_groups().iter().try_fold(0_usize, |sum, group| {
                usize::try_from(group.num_rows()).ok().and_then(|rows| sum.checked_add(rows))
            });
            let n_rows = n_rows.ok_or_else(|| PartError::corrupt("an impossible number of rows"))?;
            Ok(Self { reader, columns, n_rows })
        })
    }

    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The columns in the order in which they were given to the builder.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub fn strings(&self, name: &str) -> Result<StringColumn, PartError> {
        let (index, nullable) = self.find(name, ColumnType::String)?;
        guarded(|| {
            let mut collector = Collector::default();
            collector.reserve(self.n_rows)?;
            for number in 0..self.reader.num_row_groups() {
                let group = self.reader.get_row_group(number).map_err(PartError::corrupt)?;
                let n_rows = usize::try_from(group.metadata().num_rows()).map_err(PartError::corrupt)?;
                let mut pages = group.get_column_page_reader(index).map_err(PartError::corrupt)?;
                collector.chunk(pages.as_mut(), n_rows, nullable)?;
            }
            collector.finish()
        })
    }

    pub fn ints(&self, name: &str) -> Result<Values<i32>, PartError> {
        self.numbers::<Int32Type>(name, ColumnType::Int)
    }

    pub fn longs(&self, name: &str) -> Result<Values<i64>, PartError> {
        self.numbers::<Int64Type>(name, ColumnType::Long)
    }

    pub fn floats(&self, name: &str) -> Result<Values<f32>, PartError> {
        self.numbers::<FloatType>(name, ColumnType::Float)
    }

    pub fn doubles(&self, name: &str) -> Result<Values<f64>, PartError> {
        self.numbers::<DoubleType>(name, ColumnType::Double)
    }

    pub fn booleans(&self, name: &str) -> Result<Values<bool>, PartError> {
        self.numbers::<BoolType>(name, ColumnType::Boolean)
    }

    /// The position of a column and whether it may be null.
    fn find(&self, name: &str, wanted: ColumnType) -> Result<(usize, bool), PartError> {
        let found = self.columns.iter().enumerate().find(|(_, column)| column.name == name);
        let (index, column) = found.ok_or_else(|| PartError::NoColumn { name: name.into() })?;
        if column.kind != wanted {
            return Err(PartError::WrongType { name: name.into(), found: column.kind, wanted });
        }
        Ok((index, column.nullable))
    }

    fn numbers<T: DataType>(&self, name: &str, kind: ColumnType) -> Result<Values<T::T>, PartError>
    where
        T::T: Copy + Default,
    {
        let (index, nullable) = self.find(name, kind)?;
        guarded(|| {
            let mut values: Vec<T::T> = Vec::new();
            values.try_reserve_exact(self.n_rows).map_err(PartError::corrupt)?;
            let mut levels: Vec<i16> = Vec::new();
            for number in 0..self.reader.num_row_groups() {
                let group = self.reader.get_row_group(number).map_err(PartError::corrupt)?;
                let mut missing = usize::try_from(group.metadata().num_rows()).map_err(PartError::corrupt)?;
                let reader = group.get_column_reader(index).map_err(PartError::corrupt)?;
                let mut reader = get_typed_column_reader::<T>(reader);
                let (first, first_level) = (values.len(), levels.len());
                while missing > 0 {
                    let into = nullable.then_some(&mut levels);
                    let (n_read, _, _) =
                        reader.read_records(missing, into, None, &mut values).map_err(PartError::corrupt)?;
                    if n_read == 0 {
                        return Err(PartError::corrupt("a row group has too few rows"));
                    }
                    missing -= n_read;
                }
                if nullable {
                    spread(&mut values, first, &levels[first_level..]);
                }
            }
            if values.len() != self.n_rows {
                return Err(PartError::corrupt("a column has not as many values as rows"));
            }
            let some_null = levels.contains(&0);
            let validity = some_null.then(|| levels.iter().map(|level| *level == 1).collect());
            Ok(Values { values, validity })
        })
    }
}

/// Moves the values from `first` on, which stand close together, to the rows that have one.
fn spread<T: Copy + Default>(values: &mut Vec<T>, first: usize, levels: &[i16]) {
    let mut unplaced = values.len() - first;
    if unplaced == levels.len() {
        return;
    }
    values.resize(first + levels.len(), T::default());
    for row in (0..levels.len()).rev() {
        values[first + row] = if levels[row] == 1 {
            unplaced -= 1;
            values[first + unplaced]
        } else {
            T::default()
        };
    }
}

/// The columns of a file, if they are of the kinds that parts have.
pub(super) fn columns_of(metadata: &ParquetMetaData) -> Result<Vec<Column>, PartError> {
    let schema = metadata.file_metadata().schema_descr();
    schema.root_schema().get_fields().iter().map(|field| column_of(field)).collect()
}

fn column_of(field: &Type) -> Result<Column, PartError> {
    let other = || PartError::corrupt(format!("column `{}` is of a kind that parts do not have", field.name()));
    if !field.is_primitive() {
        return Err(other());
    }
    let kind = match field.get_physical_type() {
        Physical::BYTE_ARRAY => ColumnType::String,
        Physical::INT32 => ColumnType::Int,
        Physical::INT64 => ColumnType::Long,
        Physical::FLOAT => ColumnType::Float,
        Physical::DOUBLE => ColumnType::Double,
        Physical::BOOLEAN => ColumnType::Boolean,
        Physical::INT96 | Physical::FIXED_LEN_BYTE_ARRAY => return Err(other()),
    };
    let nullable = match field.get_basic_info().repetition() {
        Repetition::REQUIRED => false,
        Repetition::OPTIONAL => true,
        Repetition::REPEATED => return Err(other()),
    };
    Ok(Column { name: field.name().into(), kind, nullable })
}
