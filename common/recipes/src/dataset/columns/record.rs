//! A row as a request brings it.

use super::{ColumnData, Columns};
use crate::Record;
use crate::parts::Values;

impl Columns {
    /// A row with its values as they are written in a dataset; what is null is absent, and so is every column of a
    /// row that there is not.
    pub fn record(&self, row: usize) -> Record {
        let here = self.iter().filter(|_| row < self.n_rows());
        here.filter_map(|(name, data)| Some((name.to_owned(), data.written(row)?))).collect()
    }
}

impl ColumnData {
    fn written(&self, row: usize) -> Option<String> {
        match self {
            Self::Categorical(column) => {
                let values: Vec<&str> = column.codes_of(row).iter().map(|code| column.dictionary.id(*code)).collect();
                (!values.is_empty()).then(|| values.join("|"))
            }
            Self::Text(column) => column.get(row).map(str::to_owned),
            Self::Float(values) => number(values, row),
            Self::Double(values) => number(values, row),
            Self::Long(values) => number(values, row),
        }
    }
}

fn number<T: ToString>(values: &Values<T>, row: usize) -> Option<String> {
    let valid = values.validity.as_ref().is_none_or(|validity| validity.get(row) == Some(&true));
    values.values.get(row).filter(|_| valid).map(T::to_string)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use crate::parts::{Column, ColumnType, PartBuilder};
    use crate::{ColumnChoice, ColumnKind, Dataset, DatasetParts, Selection, TimedPart};

    #[test]
    fn a_row_is_told_as_it_was_written() {
        let column = |name: &str, kind, nullable| Column { name: name.into(), kind, nullable };
        let mut users = PartBuilder::new(&[
            column("USER_ID", ColumnType::String, false),
            column("LIKES", ColumnType::String, true),
            column("AGE", ColumnType::Long, false),
        ]);
        for (user, likes, age) in [("a", Some("films|books"), 30), ("b", None, 41)] {
            users.push_str(0, user);
            match likes {
                Some(likes) => users.push_str(1, likes),
                None => users.push_null(1),
            }
            users.push_long(2, age);
        }
        let mut interactions = PartBuilder::new(&[
            column("USER_ID", ColumnType::String, false),
            column("ITEM_ID", ColumnType::String, false),
            column("TIMESTAMP", ColumnType::Long, false),
        ]);
        for user in ["a", "b"] {
            interactions.push_str(0, user);
            interactions.push_str(1, "x");
            interactions.push_long(2, 1);
        }
        let parts = DatasetParts {
            interactions: vec![interactions.finish().unwrap()],
            users: vec![TimedPart { content: users.finish().unwrap(), at_ms: 0 }],
            ..DatasetParts::default()
        };
        let choice = |name: &str, kind| ColumnChoice { name: name.into(), kind };
        let user_columns = vec![choice("LIKES", ColumnKind::Categorical), choice("AGE", ColumnKind::Number)];
        let dataset = Dataset::read(&parts, &Selection { user_columns, ..Selection::default() }).unwrap();
        let record = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let columns = dataset.user_columns();
        assert_eq!(columns.record(0), record(&[("LIKES", "films|books"), ("AGE", "30")]));
        assert_eq!(columns.record(1), record(&[("AGE", "41")]));
        assert_eq!(columns.record(2), record(&[]));
        assert_eq!(dataset.interaction_columns().record(0), record(&[]));
    }
}
