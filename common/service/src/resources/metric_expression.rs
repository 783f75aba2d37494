//! What a metric of an attribution adds up: `SAMPLECOUNT()`, `SUM(Items.PRICE)`, `SUM(Interactions.EVENT_VALUE)`.

use palate_recipes::parts::ColumnType;

use crate::schema::{DatasetType, Schema};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// The number of events.
    SampleCount,
    /// A column of the events, or of the items that they are about.
    Sum { dataset: DatasetType, column: String },
}

impl Expression {
    /// Reads an expression; function and dataset in any case, with spaces between words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("is '{text}'; expected SAMPLECOUNT(), SUM(Items.<column>) or SUM(Interactions.<column>)");
        let (function, rest) = text.trim().split_once('(').ok_or_else(wrong)?;
        let argument = rest.trim_end().strip_suffix(')').ok_or_else(wrong)?.trim();
        if function.trim().eq_ignore_ascii_case("SAMPLECOUNT") && argument.is_empty() {
            return Ok(Self::SampleCount);
        }
        if !function.trim().eq_ignore_ascii_case("SUM") {
            return Err(wrong());
        }
        let (dataset, column) = argument.split_once('.').ok_or_else(wrong)?;
        let dataset = DatasetType::parse(dataset.trim()).ok_or_else(wrong)?;
        let column = column.trim();
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !matches!(dataset, DatasetType::Items | DatasetType::Interactions)
            || column.is_empty()
            || !column.chars().all(is_name)
        {
            return Err(wrong());
        }
        Ok(Self::Sum { dataset, column: column.to_owned() })
    }

    /// The dataset whose column is summed.
    pub fn dataset(&self) -> Option<DatasetType> {
        match self {
            Self::SampleCount => None,
            Self::Sum { dataset, .. } => Some(*dataset),
        }
    }

    /// Fails unless the schema of its dataset has the column, and numbers in it.
    pub fn check_column(&self, schema: &Schema) -> Result<(), String> {
        let Self::Sum { dataset, column } = self else { return Ok(()) };
        let field = schema.fields().iter().find(|field| field.name.eq_ignore_ascii_case(column));
        let name = dataset.name();
        match field.map(|field| field.kind) {
            None => Err(format!("names the column {column}, which the {name} dataset does not have")),
            Some(ColumnType::String | ColumnType::Boolean) => {
                Err(format!("sums {column} of the {name} dataset, which holds no numbers"))
            }
            Some(ColumnType::Int | ColumnType::Long | ColumnType::Float | ColumnType::Double) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_and_sums_are_read_in_any_case() {
        let sum = |dataset, column: &str| Expression::Sum { dataset, column: column.to_owned() };
        for (text, expected) in [
            ("SAMPLECOUNT()", Expression::SampleCount),
            ("samplecount( )", Expression::SampleCount),
            ("SUM(Items.PRICE)", sum(DatasetType::Items, "PRICE")),
            (" Sum( interactions.EVENT_VALUE ) ", sum(DatasetType::Interactions, "EVENT_VALUE")),
        ] {
            assert_eq!(Expression::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_a_count_nor_a_sum_is_refused() {
        for text in [
            "",
            "SAMPLECOUNT",
            "SAMPLECOUNT(Items.PRICE)",
            "SUM()",
            "SUM(PRICE)",
            "SUM(Items.)",
            "SUM(Items.PRICE",
            "SUM(Users.AGE)",
            "SUM(Items.A.B)",
            "SUM(Items.PRICE) + 1",
            "AVG(Items.PRICE)",
            "SUM((Items.PRICE))",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
