//! PutItems, PutUsers and PutActions: up to ten whole records of a dataset.

use serde_json::{Map, Value};

use super::properties::{object, same};
use super::records::store;
use super::target::{check_active, columns};
use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::resources::Dataset;
use crate::schema::DatasetType;

/// One of the three operations.
struct Put {
    /// The input's list of records.
    list: &'static str,
    /// The record's member that names it, and the field that this is.
    id: &'static str,
    id_field: &'static str,
    dataset_type: DatasetType,
}

const ITEMS: Put = Put { list: "items", id: "itemId", id_field: "ITEM_ID", dataset_type: DatasetType::Items };
const USERS: Put = Put { list: "users", id: "userId", id_field: "USER_ID", dataset_type: DatasetType::Users };
const ACTIONS: Put = Put { list: "actions", id: "actionId", id_field: "ACTION_ID", dataset_type: DatasetType::Actions };

pub(super) fn operations(all: &mut Operations) {
    all.add("PutItems", |call| put(call, &ITEMS))
        .add("PutUsers", |call| put(call, &USERS))
        .add("PutActions", |call| put(call, &ACTIONS));
}

async fn put(call: Call, what: &'static Put) -> Result<Value, OpError> {
    let arn = call.text("datasetArn");
    Kind::Dataset.check(arn, "datasetArn")?;
    let suffix = what.dataset_type.arn_suffix();
    if !arn.ends_with(&format!("/{suffix}")) {
        let name = what.dataset_type.name();
        let message = format!("datasetArn must be the ARN of a dataset of type {name} (…/{suffix}), not {arn}");
        return Err(OpError::invalid(message));
    }
    let turn = call.service.events.turns.of(arn);
    let _mine = turn.lock().await;
    let dataset = call.resource::<Dataset>("datasetArn").await?;
    check_active(&dataset.resource)?;
    let columns = columns(&call.service, &dataset).await?;
    let given = call.input.get(what.list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut rows = Vec::with_capacity(given.len());
    for (number, record) in given.iter().enumerate() {
        let at = format!("{}[{number}]", what.list);
        let id = record.get(what.id).and_then(Value::as_str).unwrap_or_default();
        let place = format!("{at}.properties");
        let properties = object(record.get("properties").cloned());
        let mut values = columns.read(&properties, &place)?;
        check_same_id(&mut values, &properties, what, id, &place)?;
        columns.check_complete(&values, what.id_field, &place)?;
        values.insert(what.id_field.to_owned(), id.into());
        rows.push(values);
    }
    store(&call.service, &dataset, rows).await?;
    Ok(Value::Null)
}

/// Clients that send whole rows repeat the id among the properties; it may not be another one there.
fn check_same_id(
    values: &mut Map<String, Value>,
    properties: &Map<String, Value>,
    what: &Put,
    id: &str,
    place: &str,
) -> Result<(), OpError> {
    let Some(repeated) = values.shift_remove(what.id_field) else { return Ok(()) };
    if repeated == id {
        return Ok(());
    }
    let name = properties.keys().find(|name| same(name, what.id_field)).map_or(what.id, String::as_str);
    Err(OpError::invalid(format!("{place}.{name} is not the record's {}; leave it out", what.id)))
}
