//! UpdateDataset: another schema with all the columns of the old one and some more.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::dataset::Dataset;
use super::schema::DatasetSchema;
use crate::call::Call;
use crate::error::OpError;
use crate::records::{FORMAT, Records, decode, encode};
use crate::schema::{DatasetType, Schema};
use crate::wire::Timestamp;

/// The latest change of a dataset's schema.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetUpdate {
    pub schema_arn: String,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

/// The columns that a dataset got after its creation. Solutions and recommenders that are older than a column
/// do not train on it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddedColumns {
    format: u64,
    columns: Vec<AddedColumn>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddedColumn {
    name: String,
    added: Timestamp,
}

pub(super) fn added_columns_key(dataset_arn: &str) -> Key {
    Key::new("added-columns", dataset_arn)
}

/// The columns that a dataset got after `since`.
pub(super) async fn added_after(
    records: &Records,
    dataset_arn: &str,
    since: Timestamp,
) -> Result<Vec<String>, OpError> {
    let Some(record) = records.get(&added_columns_key(dataset_arn)).await? else { return Ok(Vec::new()) };
    let columns = decode::<AddedColumns>(&record)?.columns.into_iter();
    Ok(columns.filter(|column| column.added > since).map(|column| column.name).collect())
}

pub(super) async fn update(call: Call) -> Result<Value, OpError> {
    let mut dataset = call.resource::<Dataset>("datasetArn").await?;
    let arn = dataset.resource.dataset_arn.clone();
    let kind = DatasetType::parse(&dataset.resource.dataset_type);
    let Some(kind @ (DatasetType::Items | DatasetType::Users)) = kind else {
        let message =
            format!("{arn} has the type {}; only Items and Users can be updated", dataset.resource.dataset_type);
        return Err(OpError::invalid(message));
    };
    dataset.resource.check_settled()?;
    let schema = call.resource::<DatasetSchema>("schemaArn").await?;
    let old = call.records().fetch::<DatasetSchema>(&dataset.resource.schema_arn, "schemaArn").await?;
    schema.resource.check_domain(old.resource.domain.as_deref())?;
    let new = schema.resource.parse()?;
    new.check_dataset(kind).map_err(|error| OpError::invalid(error.to_string()))?;
    let names = added(&old.resource.parse()?, &new).map_err(|problem| {
        OpError::invalid(format!("{} cannot follow {}: {problem}", schema.resource.schema_arn, old.resource.schema_arn))
    })?;
    let now = call.now();
    let mut with = vec![schema.touch()?];
    if !names.is_empty() {
        with.push(remember(&call, &arn, names, now).await?);
    }
    dataset.resource.schema_arn = schema.resource.schema_arn.clone();
    dataset.resource.last_updated_date_time = now;
    dataset.resource.latest_dataset_update = Some(DatasetUpdate {
        schema_arn: schema.resource.schema_arn.clone(),
        status: Status::Active,
        failure_reason: None,
        creation_date_time: now,
        last_updated_date_time: now,
    });
    call.records().save(&dataset, with).await?;
    Ok(json!({"datasetArn": arn}))
}

/// The names of the new fields, or why rows of the old schema would not fit the new one.
fn added(old: &Schema, new: &Schema) -> Result<Vec<String>, String> {
    for field in old.fields() {
        match new.fields().iter().find(|kept| kept.name == field.name) {
            None => return Err(format!("field {} is missing; keep every field", field.name)),
            Some(kept) if kept != field => {
                return Err(format!("field {} differs; keep its type and attributes", field.name));
            }
            Some(_) => {}
        }
    }
    let added = new.fields().iter().filter(|field| !old.fields().iter().any(|known| known.name == field.name));
    added
        .map(|field| match field.nullable {
            true => Ok(field.name.clone()),
            false => Err(format!("the new field {} must allow null, as earlier rows do not have it", field.name)),
        })
        .collect()
}

/// The write that adds `names` to what is known of the dataset's later columns.
async fn remember(call: &Call, dataset_arn: &str, names: Vec<String>, now: Timestamp) -> Result<Write, OpError> {
    let key = added_columns_key(dataset_arn);
    let record = call.records().get(&key).await?;
    let mut known = match &record {
        Some(record) => decode::<AddedColumns>(record)?,
        None => AddedColumns { format: FORMAT, columns: Vec::new() },
    };
    known.columns.extend(names.into_iter().map(|name| AddedColumn { name, added: now }));
    let value = encode(&known)?;
    Ok(match record {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn items(fields: &[&str]) -> Schema {
        let fields = fields.join(",");
        let id = r#"{"name": "ITEM_ID", "type": "string"}"#;
        Schema::parse(&format!(r#"{{"type": "record", "name": "Items", "fields": [{id},{fields}]}}"#), None).unwrap()
    }

    const GENRES: &str = r#"{"name": "GENRES", "type": ["null", "string"], "categorical": true}"#;
    const YEAR: &str = r#"{"name": "YEAR", "type": ["null", "int"]}"#;

    #[test]
    fn a_schema_may_only_grow_by_fields_that_allow_null() {
        let old = items(&[GENRES]);
        assert_eq!(added(&old, &items(&[YEAR, GENRES])).unwrap(), ["YEAR"]);
        assert_eq!(added(&old, &old).unwrap(), [""; 0]);
        for (fields, problem) in [
            (&[YEAR][..], "field GENRES is missing"),
            (&[r#"{"name": "GENRES", "type": "string", "categorical": true}"#], "field GENRES differs"),
            (&[r#"{"name": "GENRES", "type": ["null", "string"]}"#, YEAR], "field GENRES differs"),
            (
                &[r#"{"name": "GENRES", "type": ["null", "string"], "categorical": true, "itemName": true}"#],
                "GENRES differs",
            ),
            (&[GENRES, r#"{"name": "YEAR", "type": "int"}"#], "new field YEAR must allow null"),
        ] {
            let said = added(&old, &items(fields)).unwrap_err();
            assert!(said.contains(problem), "{said}");
        }
    }
}
