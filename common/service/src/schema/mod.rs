//! Avro schemas: what the columns of a dataset are called, hold and mean.
//!
//! [`Schema::parse`] checks all that a schema says by itself; whether it suits a dataset is
//! [`Schema::check_dataset`].

mod avro;
mod dataset_type;
mod known;

use std::fmt;

use palate_recipes::parts::{Column, ColumnType};

pub(crate) use dataset_type::DatasetType;
pub(crate) use known::is_keyword;
use known::{Known, Meaning, known};

/// The longest schema, in characters.
const MAX_CHARS: usize = 20_000;

/// The kind of dataset group that a schema is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Custom,
    Ecommerce,
    VideoOnDemand,
}

/// One field of a schema, one column of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub name: String,
    pub kind: ColumnType,
    pub nullable: bool,
    /// A string of values joined by `|`.
    pub categorical: bool,
    /// Free text, cut rather than refused if it is long.
    pub textual: bool,
    /// The title of an item.
    pub item_name: bool,
    /// The longest value in characters; for strings.
    pub max_chars: usize,
    /// The smallest and the largest value; for some longs.
    pub range: Option<(i64, i64)>,
}

/// A schema that keeps the rules for its dataset type and domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema {
    dataset_type: DatasetType,
    fields: Vec<Field>,
}

/// What is wrong with a schema, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) struct SchemaError {
    field: Option<String>,
    problem: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "Invalid schema: field {field} {}.", self.problem),
            None => write!(f, "Invalid schema: {}.", self.problem),
        }
    }
}

impl SchemaError {
    fn whole(problem: impl Into<String>) -> Self {
        Self { field: None, problem: problem.into() }
    }

    fn field(name: &str, problem: impl Into<String>) -> Self {
        Self { field: Some(name.into()), problem: problem.into() }
    }
}

impl Schema {
    /// Reads a schema for dataset groups of `domain` (`ECOMMERCE`, `VIDEO_ON_DEMAND`, or none).
    ///
    /// # Errors
    /// If it is not an Avro record of flat fields, lacks a field that the dataset type needs, has a
    /// reserved field with another type, too few or too many metadata fields, or names that clash.
    pub fn parse(json: &str, domain: Option<&str>) -> Result<Self, SchemaError> {
        let n_chars = json.chars().count();
        if n_chars > MAX_CHARS {
            return Err(SchemaError::whole(format!(
                "it has {n_chars} characters, and at most {MAX_CHARS} are allowed"
            )));
        }
        let domain = match domain {
            None => Domain::Custom,
            Some("ECOMMERCE") => Domain::Ecommerce,
            Some("VIDEO_ON_DEMAND") => Domain::VideoOnDemand,
            Some(other) => {
                let problem = format!("the domain is '{other}'; expected ECOMMERCE or VIDEO_ON_DEMAND");
                return Err(SchemaError::whole(problem));
            }
        };
        let record = avro::parse(json)?;
        let dataset_type = DatasetType::of_record(&record.name).ok_or_else(|| {
            let names = "Interactions, Items, Users, Actions or ActionInteractions";
            SchemaError::whole(format!("its name is '{}'; expected {names}", record.name))
        })?;
        if domain != Domain::Custom && matches!(dataset_type, DatasetType::Actions | DatasetType::ActionInteractions) {
            let problem = format!("{} datasets have no domain; create the schema without one", dataset_type.name());
            return Err(SchemaError::whole(problem));
        }
        let known = known(dataset_type, domain);
        for (attribute, is) in [("textual", textual as fn(&avro::Field) -> bool), ("itemName", item_name)] {
            let all: Vec<&str> = record.fields.iter().filter(|field| is(field)).map(|field| &*field.name).collect();
            if all.len() > 1 {
                let problem = format!("at most one field can be {attribute}, not {}", all.join(" and "));
                return Err(SchemaError::whole(problem));
            }
        }
        let fields = record
            .fields
            .into_iter()
            .map(|field| resolve(field, dataset_type, known))
            .collect::<Result<Vec<_>, _>>()?;
        let missing: Vec<&str> = known
            .iter()
            .filter(|known| known.required && !fields.iter().any(|field| known.names.contains(&&*field.name)))
            .map(|known| known.names[0])
            .collect();
        if !missing.is_empty() {
            let kind = dataset_type.name();
            let problem = format!("it lacks the fields that {kind} datasets need: {}", missing.join(", "));
            return Err(SchemaError::whole(problem));
        }
        let schema = Self { dataset_type, fields };
        schema.check_metadata(known)?;
        Ok(schema)
    }

    /// Fails unless the schema was made for datasets of this type.
    pub fn check_dataset(&self, dataset_type: DatasetType) -> Result<(), SchemaError> {
        if self.dataset_type == dataset_type {
            return Ok(());
        }
        let (has, wanted) = (self.dataset_type.record(), dataset_type.record());
        let problem = format!("its name is '{has}', and a dataset of type {} needs '{wanted}'", dataset_type.name());
        Err(SchemaError::whole(problem))
    }

    pub fn dataset_type(&self) -> DatasetType {
        self.dataset_type
    }

    /// The fields in the order of the schema.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The columns of a part: one for each field, in the same order.
    pub fn columns(&self) -> Vec<Column> {
        let column = |field: &Field| Column { name: field.name.clone(), kind: field.kind, nullable: field.nullable };
        self.fields.iter().map(column).collect()
    }

    /// Counts the fields that are the user's own.
    fn check_metadata(&self, known: &[Known]) -> Result<(), SchemaError> {
        let kind = self.dataset_type;
        let own = |field: &&Field| !known.iter().any(|known| known.names.contains(&&*field.name));
        let (n_own, most) = (self.fields.iter().filter(own).count(), kind.max_metadata());
        if n_own > most {
            let problem = format!("{n_own} metadata fields, and {} datasets have at most {most}", kind.name());
            return Err(SchemaError::whole(problem));
        }
        let descriptive = |field: &Field| match field.kind {
            ColumnType::String => field.categorical || field.textual,
            ColumnType::Boolean => false,
            _ => true,
        };
        if kind.needs_metadata() && !self.fields.iter().any(descriptive) {
            let text = if kind == DatasetType::Items { "categorical or textual string" } else { "categorical string" };
            let problem = format!("{} datasets need at least one metadata field, a {text} or a number", kind.name());
            return Err(SchemaError::whole(problem));
        }
        Ok(())
    }
}

fn textual(field: &avro::Field) -> bool {
    field.textual
}

fn item_name(field: &avro::Field) -> bool {
    field.item_name
}

/// Checks one field against what its name and its dataset type ask for.
fn resolve(field: avro::Field, dataset_type: DatasetType, known: &[Known]) -> Result<Field, SchemaError> {
    let wrong = |problem: String| Err(SchemaError::field(&field.name, problem));
    if field.categorical && field.textual {
        return wrong("cannot be both categorical and textual".into());
    }
    for (attribute, set) in
        [("categorical", field.categorical), ("textual", field.textual), ("itemName", field.item_name)]
    {
        if set && field.kind != ColumnType::String {
            return wrong(format!("is {attribute}, so its type must be string, not {}", avro::type_name(field.kind)));
        }
        if set && attribute != "categorical" && dataset_type != DatasetType::Items {
            return wrong(format!("is {attribute}, which only fields of Items datasets can be"));
        }
    }
    let mut resolved = Field {
        name: field.name.clone(),
        kind: field.kind,
        nullable: field.nullable,
        categorical: field.categorical,
        textual: field.textual,
        item_name: field.item_name,
        max_chars: if field.textual { 20_000 } else { 1_000 },
        range: None,
    };
    let Some(known) = known.iter().find(|known| known.names.contains(&&*field.name)) else {
        let plain = avro::plain(&field.name);
        let clash = known.iter().flat_map(|known| known.names).find(|name| avro::plain(name) == plain);
        return match clash {
            Some(name) => wrong(format!("differs from the reserved name {name} only in its spelling; write {name}")),
            None => Ok(resolved),
        };
    };
    let (has, wanted) = (avro::type_name(field.kind), avro::type_name(known.kind));
    if has != wanted {
        return wrong(format!("must have the type {wanted}, not {has}"));
    }
    if known.required && field.nullable {
        return wrong("is required and must not be null; leave null out of its type".into());
    }
    match known.meaning {
        Meaning::Categorical if !field.categorical => return wrong("must have \"categorical\": true".into()),
        Meaning::Textual if !field.textual => return wrong("must have \"textual\": true".into()),
        Meaning::Reserved(_) if field.categorical || field.textual => {
            return wrong("is reserved and must be neither categorical nor textual".into());
        }
        Meaning::Id => resolved.max_chars = 256,
        Meaning::Reserved(max_chars) => resolved.max_chars = max_chars,
        Meaning::Range(least, most) => resolved.range = Some((least, most)),
        Meaning::Categorical | Meaning::Textual | Meaning::Number => {}
    }
    Ok(resolved)
}

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod tests;
