//! Which columns of a Parquet file are the fields of a schema, and how their values become those of the fields.

use palate_recipes::parts::{Column, ColumnType};
use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical},
    schema::types::{SchemaDescriptor, Type},
};

use super::layout::Layout;
use crate::schema::{Field, Schema};

/// What the numbers of a column stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What they are: text, numbers, booleans.
    Plain,
    /// Numbers that were never negative: the same bits mean larger ones.
    Unsigned,
    /// Times in so many parts of a second.
    Time { per_second: i64 },
}

/// One field of the schema in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub field: Field,
    /// Among the file's columns of plain values.
    pub leaf: usize,
    pub nullable: bool,
    pub physical: Physical,
    pub meaning: Meaning,
}

impl Planned {
    /// The column of parts. Where the file may have nulls, the part may have them too, though no field may that is
    /// required: then columns can be taken over as they are.
    pub fn part_column(&self) -> Column {
        let Field { name, kind, nullable, .. } = &self.field;
        Column { name: name.clone(), kind: *kind, nullable: *nullable || self.nullable }
    }
}

/// How a file is read.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub columns: Vec<Planned>,
    pub layout: Layout,
}

impl Plan {
    /// Finds the fields of `schema` in a file. Columns are found as those of CSV are: by their exact names, in any
    /// order; others are ignored, whatever they hold.
    ///
    /// # Errors
    /// The reason for the job's failure, if fields are missing, stand twice or cannot become what they should.
    pub fn new(described: &SchemaDescriptor, schema: &Schema, file: &str) -> Result<Self, String> {
        let roots = described.root_schema().get_fields();
        let names: Vec<String> = roots.iter().map(|root| root.name().to_owned()).collect();
        let places = |field: &Field| {
            let places = names.iter().enumerate().filter(|(_, name)| **name == field.name);
            places.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let missing: Vec<&str> =
            schema.fields().iter().filter(|field| places(field).is_empty()).map(|field| &*field.name).collect();
        if !missing.is_empty() {
            return Err(format!(
                "Input Parquet is missing the following columns:[{}]. {file}: its columns are '{}'.",
                missing.join(", "),
                names.join(",")
            ));
        }
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        for field in schema.fields() {
            let [place] = places(field)[..] else {
                return Err(format!("{file}, column {}: the file has this column twice.", field.name));
            };
            let leaf = (0..described.num_columns()).find(|leaf| described.get_column_root_idx(*leaf) == place);
            let planned = plan(&roots[place], field, leaf)
                .map_err(|problem| format!("{file}, column {}: {problem}.", field.name))?;
            columns.push(planned);
            cells.push((place, field.clone()));
        }
        let timestamp = schema.fields().iter().position(|field| field.name == "TIMESTAMP");
        Ok(Self { columns, layout: Layout { names, cells, timestamp } })
    }
}

fn plan(column: &Type, field: &Field, leaf: Option<usize>) -> Result<Planned, String> {
    let wanted = wanted(field.kind);
    let flat = column.is_primitive() && column.get_basic_info().repetition() != Repetition::REPEATED;
    let Some(leaf) = leaf.filter(|_| flat) else {
        return Err(format!("it is nested (a list, a map or a structure), and the schema wants {wanted}"));
    };
    let physical = column.get_physical_type();
    let shown = shown(column);
    let meaning = meaning(column).ok_or_else(|| format!("its values are {shown}, and the schema wants {wanted}"))?;
    let whole = matches!(physical, Physical::INT32 | Physical::INT64);
    let time = matches!(meaning, Meaning::Time { .. }) || physical == Physical::INT96;
    let fits = match field.kind {
        ColumnType::String => physical == Physical::BYTE_ARRAY || (whole && !time),
        ColumnType::Long if time => field.name.ends_with("TIMESTAMP"),
        ColumnType::Long | ColumnType::Int => whole && !time,
        ColumnType::Float | ColumnType::Double => {
            (whole && !time) || matches!(physical, Physical::FLOAT | Physical::DOUBLE)
        }
        ColumnType::Boolean => physical == Physical::BOOLEAN,
    };
    if !fits {
        return Err(format!("its values are {shown}, and the schema wants {wanted}; convert the column"));
    }
    let nullable = column.get_basic_info().repetition() == Repetition::OPTIONAL;
    Ok(Planned { field: field.clone(), leaf, nullable, physical, meaning })
}

/// `None` if its numbers or bytes stand for something that fields cannot hold.
fn meaning(column: &Type) -> Option<Meaning> {
    let info = column.get_basic_info();
    let time = |per_second| Some(Meaning::Time { per_second });
    match info.logical_type_ref() {
        // A column of nulls has this and no type that means anything.
        Some(LogicalType::Unknown) => return Some(Meaning::Plain),
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => return Some(Meaning::Plain),
        Some(LogicalType::Integer(int)) => {
            return Some(if int.is_signed { Meaning::Plain } else { Meaning::Unsigned });
        }
        Some(LogicalType::Decimal(decimal)) => {
            let whole = decimal.scale == 0 && column.get_physical_type() != Physical::FIXED_LEN_BYTE_ARRAY;
            return (whole && column.get_physical_type() != Physical::BYTE_ARRAY).then_some(Meaning::Plain);
        }
        Some(LogicalType::Timestamp(timestamp)) => {
            return time(match timestamp.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            });
        }
        Some(_) => return None,
        None => {}
    }
    match info.converted_type() {
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Some(Meaning::Unsigned)
        }
        ConvertedType::TIMESTAMP_MILLIS => time(1_000),
        ConvertedType::TIMESTAMP_MICROS => time(1_000_000),
        ConvertedType::NONE
        | ConvertedType::UTF8
        | ConvertedType::ENUM
        | ConvertedType::JSON
        | ConvertedType::INT_8
        | ConvertedType::INT_16
        | ConvertedType::INT_32
        | ConvertedType::INT_64 => {
            (column.get_physical_type() != Physical::FIXED_LEN_BYTE_ARRAY).then_some(Meaning::Plain)
        }
        _ => None,
    }
}

fn shown(column: &Type) -> String {
    let info = column.get_basic_info();
    let physical = column.get_physical_type();
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::Decimal(_)), _) | (None, ConvertedType::DECIMAL) => "decimals".into(),
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => "dates".into(),
        (Some(LogicalType::Time(_)), _) => "times of day".into(),
        (Some(LogicalType::Timestamp(_)), _) => "timestamps".into(),
        (Some(LogicalType::Uuid), _) => "UUIDs in binary form".into(),
        (Some(LogicalType::Float16), _) => "floats of 16 bits".into(),
        (Some(LogicalType::String), _) | (None, ConvertedType::UTF8) => "strings".into(),
        _ => format!("of the type {physical}"),
    }
}

fn wanted(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::String => "strings (or whole numbers as ids)",
        ColumnType::Int => "whole numbers (int)",
        ColumnType::Long => "whole numbers (long)",
        ColumnType::Float => "numbers (float)",
        ColumnType::Double => "numbers (double)",
        ColumnType::Boolean => "booleans",
    }
}
