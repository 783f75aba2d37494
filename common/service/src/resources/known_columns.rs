//! Whether the columns that a configuration names are in the group's datasets.

use palate_recipes::parts::ColumnType;
use serde_json::{Map, Value};

use super::schema::DatasetSchema;
use crate::catalogue::find_dataset;
use crate::error::OpError;
use crate::records::Records;
use crate::schema::{DatasetType, Schema};

const ATTRIBUTE: &str = "optimizationObjective.itemAttribute";

/// Checks the columns of `trainingDataConfig` and of `optimizationObjective`; `at` is the member of the request that
/// `config` is. Nothing is known of the columns of a dataset that is not there yet.
pub(super) async fn check_columns(
    records: &Records,
    dataset_group_arn: &str,
    config: Option<&Map<String, Value>>,
    at: &str,
) -> Result<(), OpError> {
    let Some(config) = config else { return Ok(()) };
    for member in ["excludedDatasetColumns", "includedDatasetColumns"] {
        let types = config.get("trainingDataConfig").and_then(|config| config.get(member)).and_then(Value::as_object);
        for (dataset_type, names) in types.into_iter().flatten() {
            let Some(schema) = schema_of(records, dataset_group_arn, dataset_type).await? else { continue };
            let at = format!("{at}.trainingDataConfig.{member}");
            for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
                check_name(&schema, dataset_type, name, &at)?;
            }
        }
    }
    let objective = config.get("optimizationObjective").and_then(|objective| objective.get("itemAttribute"));
    if let Some(attribute) = objective.and_then(Value::as_str)
        && let Some(schema) = schema_of(records, dataset_group_arn, DatasetType::Items.name()).await?
    {
        check_attribute(&schema, attribute, &format!("{at}.{ATTRIBUTE}"))?;
    }
    Ok(())
}

/// Checks the column of an objective before a training, when the Items dataset must be there.
pub(super) async fn check_objective(records: &Records, group_arn: &str, attribute: &str) -> Result<(), OpError> {
    let at = format!("solutionConfig.{ATTRIBUTE}");
    match schema_of(records, group_arn, DatasetType::Items.name()).await? {
        Some(schema) => check_attribute(&schema, attribute, &at),
        None => Err(OpError::invalid(format!("{at} is {attribute}, but the dataset group has no Items dataset"))),
    }
}

async fn schema_of(records: &Records, group_arn: &str, dataset_type: &str) -> Result<Option<Schema>, OpError> {
    let Some(kind) = DatasetType::parse(dataset_type) else { return Ok(None) };
    let Some(dataset) = find_dataset(records, group_arn, kind).await? else { return Ok(None) };
    records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse().map(Some)
}

fn check_name(schema: &Schema, dataset_type: &str, name: &str, at: &str) -> Result<(), OpError> {
    if schema.fields().iter().any(|field| field.name.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let known: Vec<&str> = schema.fields().iter().map(|field| field.name.as_str()).collect();
    let message = format!("{at} names the column {name}, which {dataset_type} does not have; it has");
    Err(OpError::invalid(format!("{message} {}", known.join(", "))))
}

/// A number that every item has.
fn check_attribute(schema: &Schema, name: &str, at: &str) -> Result<(), OpError> {
    check_name(schema, DatasetType::Items.name(), name, at)?;
    let field = schema.fields().iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let number = |kind| matches!(kind, ColumnType::Int | ColumnType::Long | ColumnType::Float | ColumnType::Double);
    if field.is_some_and(|field| number(field.kind) && !field.nullable) {
        return Ok(());
    }
    Err(OpError::invalid(format!("{at} is {name}; it must be a column of numbers that may not be null")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn an_objective_is_a_column_of_numbers_without_nulls() {
        let schema = json!({"type": "record", "name": "Items", "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRES", "type": "string", "categorical": true},
            {"name": "PRICE", "type": "float"},
            {"name": "MARGIN", "type": ["null", "double"]},
            {"name": "ADULT_ONLY", "type": "boolean"},
        ]});
        let schema = Schema::parse(&schema.to_string(), None).unwrap();
        assert!(check_attribute(&schema, "price", "here").is_ok());
        for (name, says) in [
            ("COST", "here names the column COST, which Items does not have; it has ITEM_ID, GENRES, PRICE"),
            ("GENRES", "here is GENRES; it must be a column of numbers"),
            ("MARGIN", "may not be null"),
            ("ADULT_ONLY", "a column of numbers"),
        ] {
            let message = check_attribute(&schema, name, "here").unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}
