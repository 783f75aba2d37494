//! Dataset groups: what belongs together.

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::others::{arn_of, in_group};
use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::events::arrival_keys;
use crate::operations::Operations;
use crate::paging::page;
use crate::quotas::{self, Quota};
use crate::records::Resource;
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetGroup {
    pub name: String,
    pub dataset_group_arn: String,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

impl Resource for DatasetGroup {
    const KIND: Kind = Kind::DatasetGroup;

    fn arn(&self) -> &str {
        &self.dataset_group_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateDatasetGroup", create)
        .add("DescribeDatasetGroup", |call: Call| async move {
            call.describe::<DatasetGroup>("datasetGroupArn", "datasetGroup").await
        })
        .add("ListDatasetGroups", list)
        .add("DeleteDatasetGroup", delete);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let (role, key) = (call.optional_text("roleArn"), call.optional_text("kmsKeyArn"));
    if role.is_some() != key.is_some() {
        return Err(OpError::invalid("roleArn and kmsKeyArn must be given together, or neither"));
    }
    let now = call.now();
    let group = DatasetGroup {
        name: call.text("name").to_owned(),
        dataset_group_arn: call.place.arn(Kind::DatasetGroup, call.text("name")),
        status: Status::Active,
        role_arn: role.map(str::to_owned),
        kms_key_arn: key.map(str::to_owned),
        creation_date_time: now,
        last_updated_date_time: now,
        domain: call.optional_text("domain").map(str::to_owned),
    };
    let groups = call.records().all::<DatasetGroup>(&call.place, "").await?;
    let room = quotas::room(&call, Quota::DatasetGroups, &call.place.region, groups.len()).await?;
    call.records().create(&group, call.tags()?, vec![room]).await?;
    let mut answer = json!({"datasetGroupArn": group.dataset_group_arn});
    if let Some(domain) = group.domain {
        answer["domain"] = Value::String(domain);
    }
    Ok(answer)
}

async fn list(call: Call) -> Result<Value, OpError> {
    let groups = call.records().all::<DatasetGroup>(&call.place, "").await?;
    page(&call, groups, "datasetGroups", "DatasetGroupSummary", "")
}

/// What must be deleted before its group. Jobs stay, as records of what was done.
const MEMBERS: [Kind; 6] =
    [Kind::EventTracker, Kind::Solution, Kind::Dataset, Kind::Filter, Kind::Recommender, Kind::MetricAttribution];

async fn delete(call: Call) -> Result<Value, OpError> {
    let group = call.resource::<DatasetGroup>("datasetGroupArn").await?;
    let arn = &group.resource.dataset_group_arn;
    if !group.resource.status.is_settled() {
        return Err(OpError::InUse(format!("{arn} is {}; wait until that has ended", group.resource.status)));
    }
    for kind in MEMBERS {
        let left = in_group(&call, kind, arn).await?;
        if let Some(one) = left.first() {
            let message = format!(
                "{arn} has {} of the kind {} that must be deleted first, among them {}",
                left.len(),
                kind.noun(),
                arn_of(kind, one)
            );
            return Err(OpError::InUse(message));
        }
    }
    // A new group of the same name begins with none of these.
    let quotas = Quota::ALL.map(|quota| quotas::key(quota, arn));
    let mut with = Vec::new();
    for key in arrival_keys(arn).into_iter().chain(quotas) {
        if let Some(record) = call.records().get(&key).await? {
            with.push(Write::Delete { key, expected: record.version });
        }
    }
    call.records().remove(&group, with).await?;
    Ok(Value::Null)
}

/// The group that a new resource belongs to, and the write that keeps it from being deleted meanwhile.
pub(super) async fn group_of(call: &Call) -> Result<(DatasetGroup, Write), OpError> {
    let group = call.resource::<DatasetGroup>("datasetGroupArn").await?;
    let DatasetGroup { dataset_group_arn, status, .. } = &group.resource;
    if *status != Status::Active {
        return Err(OpError::InUse(format!("{dataset_group_arn} is {status}; it must be ACTIVE")));
    }
    let touch = group.touch()?;
    Ok((group.resource, touch))
}
