use std::collections::BTreeMap;

use super::expression::{Condition, Value};
use crate::model::Contents;
use crate::parts::{Column, ColumnType, Part, PartBuilder, PartError};
use crate::{ColumnData, Columns, ModelError, ModelFile, TrainError};

/// Which items have which values: of each column, in upper case, by value the items in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    n_items: usize,
    columns: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
}

const NAME: &str = "attributes.parquet";

/// Reserved: it says when an item came, not what it is.
const RESERVED: &str = "CREATION_TIMESTAMP";

impl Attributes {
    /// Of the first `n_items` rows. Text, the reserved column and numbers that are not finite are no attributes.
    ///
    /// # Errors
    /// [`TrainError::Data`] if no column is left.
    pub fn of(columns: &Columns, n_items: usize) -> Result<Self, TrainError> {
        let mut all = Self { n_items, columns: BTreeMap::new() };
        for (name, data) in columns.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(RESERVED)) {
            let mut values: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            let mut add = |value: String, item: usize| values.entry(value).or_default().push(item as u32);
            match data {
                ColumnData::Text(_) => continue,
                ColumnData::Categorical(column) => (0..n_items).for_each(|item| {
                    for code in column.codes_of(item) {
                        add(column.dictionary.id(*code).to_owned(), item);
                    }
                }),
                ColumnData::Float(_) | ColumnData::Double(_) | ColumnData::Long(_) => {
                    let values = (0..n_items).filter_map(|item| Some((item, data.number(item)?)));
                    values.for_each(|(item, value)| add(number(value), item));
                }
            }
            all.columns.insert(name.to_uppercase(), values);
        }
        match all.columns.values().any(|values| !values.is_empty()) {
            true => Ok(all),
            false => Err(TrainError::Data(
                "The Items dataset has no categorical or numeric column with values to find users by.".into(),
            )),
        }
    }

    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The items of each value of each column.
    pub fn sets(&self) -> impl Iterator<Item = &[u32]> {
        self.columns.values().flat_map(BTreeMap::values).map(Vec::as_slice)
    }

    /// The items that meet all conditions, ascending.
    ///
    /// # Errors
    /// If there is no such column, or no such item.
    pub fn matching(&self, conditions: &[Condition]) -> Result<Vec<u32>, String> {
        let mut found: Option<Vec<u32>> = None;
        for Condition { field, value } in conditions {
            let Some(values) = self.columns.get(field) else {
                let known: Vec<&str> = self.columns.keys().map(String::as_str).collect();
                return Err(format!("itemAttributes: ITEMS.{field} is no attribute; there are {}.", known.join(", ")));
            };
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Number(value) => number(*value),
            };
            let Some(items) = values.get(&value) else {
                return Err(format!("itemAttributes: no item had ITEMS.{field} = {value} when the model was trained."));
            };
            found = Some(match found {
                None => items.clone(),
                Some(found) => found.into_iter().filter(|item| items.binary_search(item).is_ok()).collect(),
            });
        }
        match found {
            Some(items) if !items.is_empty() => Ok(items),
            _ => Err("itemAttributes: no item had all of these attributes when the model was trained.".into()),
        }
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut part = PartBuilder::new(&[
            column("COLUMN", ColumnType::String),
            column("VALUE", ColumnType::String),
            column("ITEM", ColumnType::Int),
        ]);
        for (name, values) in &self.columns {
            for (value, items) in values {
                for item in items {
                    part.push_str(0, name);
                    part.push_str(1, value);
                    part.push_int(2, *item as i32);
                }
            }
        }
        Ok(ModelFile { name: NAME.into(), content: part.finish().map_err(damaged)?, paged: false })
    }

    pub fn read(contents: &Contents) -> Result<Self, ModelError> {
        let n_items = contents.manifest.n_items;
        let mut all = Self { n_items, columns: BTreeMap::new() };
        let part = Part::open(contents.file(NAME)?.clone()).map_err(damaged)?;
        let (names, values) = (part.strings("COLUMN").map_err(damaged)?, part.strings("VALUE").map_err(damaged)?);
        let items = part.ints("ITEM").map_err(damaged)?;
        for row in 0..part.n_rows() {
            let item =
                items.get(row).and_then(|item| u32::try_from(item).ok()).filter(|item| (*item as usize) < n_items);
            let (Some(name), Some(value), Some(item)) = (names.get(row), values.get(row), item) else {
                return Err(ModelError::Damaged { name: NAME.into(), reason: "an item that is not there".into() });
            };
            all.columns.entry(name.to_owned()).or_default().entry(value.to_owned()).or_default().push(item);
        }
        Ok(all)
    }

    pub fn resident_bytes(&self) -> usize {
        let values = self.columns.values().flatten();
        values.map(|(value, items)| value.len() + 64 + items.len() * size_of::<u32>()).sum()
    }
}

fn damaged(error: PartError) -> ModelError {
    ModelError::Damaged { name: NAME.into(), reason: error.to_string() }
}

/// The one text of a number: 1999.0 and 1999 are the same.
fn number(value: f64) -> String {
    // Nor are there two zeros.
    format!("{}", value + 0.0)
}
