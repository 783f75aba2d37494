//! Schemas: Avro records that say what the columns of a dataset are.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataset::Dataset;
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::page;
use crate::quotas::{self, Quota};
use crate::records::Resource;
use crate::schema::Schema;
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetSchema {
    pub name: String,
    pub schema_arn: String,
    /// The Avro JSON, as it was given.
    pub schema: String,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

impl DatasetSchema {
    /// The columns. It was checked when it was created.
    pub fn parse(&self) -> Result<Schema, OpError> {
        parse(&self.schema, self.domain.as_deref())
    }

    /// Fails unless it was made for dataset groups of that domain.
    pub fn check_domain(&self, group_domain: Option<&str>) -> Result<(), OpError> {
        if self.domain.as_deref() == group_domain {
            return Ok(());
        }
        let name = |domain: Option<&str>| domain.unwrap_or("no domain").to_owned();
        Err(OpError::invalid(format!(
            "{} is for {}, but the dataset group is for {}",
            self.schema_arn,
            name(self.domain.as_deref()),
            name(group_domain)
        )))
    }
}

impl Resource for DatasetSchema {
    const KIND: Kind = Kind::Schema;

    fn arn(&self) -> &str {
        &self.schema_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateSchema", create)
        .add("DescribeSchema", |call: Call| async move { call.describe::<DatasetSchema>("schemaArn", "schema").await })
        .add("ListSchemas", list)
        .add("DeleteSchema", delete);
}

fn parse(schema: &str, domain: Option<&str>) -> Result<Schema, OpError> {
    Schema::parse(schema, domain).map_err(|error| OpError::invalid(error.to_string()))
}

async fn create(call: Call) -> Result<Value, OpError> {
    let domain = call.optional_text("domain");
    parse(call.text("schema"), domain)?;
    let now = call.now();
    let schema = DatasetSchema {
        name: call.text("name").to_owned(),
        schema_arn: call.place.arn(Kind::Schema, call.text("name")),
        schema: call.text("schema").to_owned(),
        creation_date_time: now,
        last_updated_date_time: now,
        domain: domain.map(str::to_owned),
    };
    let schemas = call.records().all::<DatasetSchema>(&call.place, "").await?;
    let room = quotas::room(&call, Quota::Schemas, &call.place.region, schemas.len()).await?;
    call.records().create(&schema, Vec::new(), vec![room]).await?;
    Ok(json!({"schemaArn": schema.schema_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let schemas = call.records().all::<DatasetSchema>(&call.place, "").await?;
    page(&call, schemas, "schemas", "DatasetSchemaSummary", "")
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let schema = call.resource::<DatasetSchema>("schemaArn").await?;
    let arn = &schema.resource.schema_arn;
    let place = Place::of(arn).unwrap_or_else(|| call.place.clone());
    let datasets = call.records().all::<Dataset>(&place, "").await?;
    if let Some(user) = datasets.iter().find(|dataset| dataset.resource.schema_arn == *arn) {
        return Err(OpError::InUse(format!("{arn} is used by {}", user.resource.dataset_arn)));
    }
    call.records().remove(&schema, Vec::new()).await?;
    Ok(Value::Null)
}
