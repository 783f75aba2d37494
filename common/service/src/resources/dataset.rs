//! Datasets: typed rows of one kind in a group, as parts that a manifest lists.

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataset_group::{DatasetGroup, group_of};
use super::dataset_update::{DatasetUpdate, added_columns_key, update};
use super::dataset_user::user_of;
use super::schema::DatasetSchema;
use super::{Status, action_tracking};
use crate::arn::Kind;
use crate::call::Call;
use crate::catalogue::history_record;
use crate::data::{self, Manifest};
use crate::deletion::Removal;
use crate::error::OpError;
use crate::events::forget_dataset;
use crate::insights;
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::records::{Resource, Stored};
use crate::schema::DatasetType;
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dataset {
    pub name: String,
    pub dataset_arn: String,
    pub dataset_group_arn: String,
    pub dataset_type: String,
    pub schema_arn: String,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_dataset_update: Option<DatasetUpdate>,
    /// By which streamed action interactions name the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

impl Dataset {
    /// Fails unless nothing is going on with it.
    pub fn check_settled(&self) -> Result<(), OpError> {
        let update = self.latest_dataset_update.as_ref().map(|update| update.status);
        match [Some(self.status), update].into_iter().flatten().find(|status| !status.is_settled()) {
            None => Ok(()),
            Some(status) => Err(OpError::InUse(format!("{} is {status}; wait until that has ended", self.dataset_arn))),
        }
    }
}

impl Resource for Dataset {
    const KIND: Kind = Kind::Dataset;

    fn arn(&self) -> &str {
        &self.dataset_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDataset", create)
        .add("DescribeDataset", |call: Call| async move { call.describe::<Dataset>("datasetArn", "dataset").await })
        .add("ListDatasets", list)
        .add("UpdateDataset", update)
        .add("DeleteDataset", delete);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let kind = DatasetType::parse(call.text("datasetType")).ok_or_else(|| {
        let message = format!(
            "datasetType is '{}'; expected Interactions, Items, Users, Actions or Action_Interactions",
            call.text("datasetType")
        );
        OpError::invalid(message)
    })?;
    let (group, group_touch) = group_of(&call).await?;
    let schema = call.resource::<DatasetSchema>("schemaArn").await?;
    schema.resource.parse()?.check_dataset(kind).map_err(|error| OpError::invalid(error.to_string()))?;
    schema.resource.check_domain(group.domain.as_deref())?;
    if group.domain.is_some() && matches!(kind, DatasetType::Actions | DatasetType::ActionInteractions) {
        return Err(OpError::invalid(format!("A {} dataset needs a dataset group without a domain", kind.name())));
    }
    let now = call.now();
    let dataset = Dataset {
        name: call.text("name").to_owned(),
        dataset_arn: call.place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix())),
        dataset_group_arn: group.dataset_group_arn,
        dataset_type: kind.name().to_owned(),
        schema_arn: schema.resource.schema_arn.clone(),
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
        latest_dataset_update: None,
        tracking_id: (kind == DatasetType::ActionInteractions).then(|| uuid::Uuid::new_v4().to_string()),
    };
    let manifest = Manifest::empty().replace(&dataset.dataset_arn, None)?;
    let mut with = vec![group_touch, schema.touch()?, manifest];
    if let Some(tracking_id) = &dataset.tracking_id {
        with.push(action_tracking::creation(tracking_id, &dataset.dataset_arn)?);
    }
    call.records().create(&dataset, call.tags()?, with).await?;
    Ok(json!({"datasetArn": dataset.dataset_arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Dataset> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |dataset, group| dataset.dataset_group_arn == group,
    };
    paging::list(&call, parent, "datasets", "DatasetSummary").await
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let dataset = call.resource::<Dataset>("datasetArn").await?;
    let arn = dataset.resource.dataset_arn.clone();
    dataset.resource.check_settled()?;
    // Filters and solutions of the group move its version when they are created.
    let group = call.records().find::<DatasetGroup>(&dataset.resource.dataset_group_arn).await?;
    if let Some(user) = user_of(&call, &dataset.resource).await? {
        return Err(OpError::InUse(format!("{arn} is in use by {user}")));
    }
    let mut with: Vec<Write> = group.iter().map(Stored::touch).collect::<Result<_, _>>()?;
    let tracking = dataset.resource.tracking_id.as_deref().map(action_tracking::key);
    let own = [
        Manifest::key(&arn),
        data::record_of(&arn),
        added_columns_key(&arn),
        insights::key(&arn),
        history_record(&arn),
    ];
    for key in own.into_iter().chain(tracking) {
        if let Some(record) = call.records().get(&key).await? {
            with.push(Write::Delete { key, expected: record.version });
        }
    }
    let (removal, freeing) = Removal::of_dataset(&call.service, &dataset.resource).await?;
    with.push(freeing);
    call.records().remove(&dataset, with).await?;
    forget_dataset(&call.service, &dataset.resource).await;
    Removal::start(&call.service, &removal).await;
    Ok(Value::Null)
}
