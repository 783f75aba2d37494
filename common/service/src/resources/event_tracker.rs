//! Event trackers: where streamed events of a group come in.

use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Status;
use super::dataset::Dataset;
use super::dataset_group::group_of;
use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::records::{FORMAT, Records, Resource, decode, encode};
use crate::schema::DatasetType;
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventTracker {
    pub name: String,
    pub event_tracker_arn: String,
    pub account_id: String,
    pub tracking_id: String,
    pub dataset_group_arn: String,
    pub status: Status,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
}

impl Resource for EventTracker {
    const KIND: Kind = Kind::EventTracker;

    fn arn(&self) -> &str {
        &self.event_tracker_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

/// What a tracking id stands for: found by the id alone, since events name nothing else.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tracking {
    format: u64,
    dataset_group_arn: String,
}

fn tracking_key(tracking_id: &str) -> Key {
    Key::new("tracking-id", tracking_id)
}

/// Holds the one place that a group has for a tracker.
fn only_key(dataset_group_arn: &str) -> Key {
    Key::new("event-tracker-of", dataset_group_arn)
}

/// The dataset group that a tracking id belongs to.
pub(crate) async fn tracked_group(records: &Records, tracking_id: &str) -> Result<Option<String>, OpError> {
    let Some(record) = records.get(&tracking_key(tracking_id)).await? else { return Ok(None) };
    Ok(Some(decode::<Tracking>(&record)?.dataset_group_arn))
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateEventTracker", create)
        .add("DescribeEventTracker", |call: Call| async move {
            call.describe::<EventTracker>("eventTrackerArn", "eventTracker").await
        })
        .add("ListEventTrackers", list)
        .add("DeleteEventTracker", delete);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let (group, group_touch) = group_of(&call).await?;
    let interactions =
        call.place.arn(Kind::Dataset, &format!("{}/{}", group.name, DatasetType::Interactions.arn_suffix()));
    let Some(interactions) = call.records().find::<Dataset>(&interactions).await? else {
        return Err(OpError::invalid(format!(
            "{} has no Interactions dataset; create it before the event tracker",
            group.dataset_group_arn
        )));
    };
    if call.records().get(&only_key(&group.dataset_group_arn)).await?.is_some() {
        return Err(OpError::AlreadyExists(format!(
            "{} has an event tracker already; a dataset group can have only one",
            group.dataset_group_arn
        )));
    }
    let tracking_id = uuid::Uuid::new_v4().to_string();
    let suffix = &uuid::Uuid::new_v4().simple().to_string()[..8];
    let now = call.now();
    let tracker = EventTracker {
        name: call.text("name").to_owned(),
        event_tracker_arn: call.place.arn(Kind::EventTracker, suffix),
        account_id: call.place.account.clone(),
        tracking_id,
        dataset_group_arn: group.dataset_group_arn,
        status: Status::Active,
        creation_date_time: now,
        last_updated_date_time: now,
    };
    let tracking = Tracking { format: FORMAT, dataset_group_arn: tracker.dataset_group_arn.clone() };
    let with = vec![
        group_touch,
        interactions.touch()?,
        Write::Create { key: only_key(&tracker.dataset_group_arn), value: encode(&tracking)? },
        Write::Create { key: tracking_key(&tracker.tracking_id), value: encode(&tracking)? },
    ];
    call.records().create(&tracker, call.tags()?, with).await?;
    Ok(json!({"eventTrackerArn": tracker.event_tracker_arn, "trackingId": tracker.tracking_id}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<EventTracker> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |tracker, group| tracker.dataset_group_arn == group,
    };
    paging::list(&call, parent, "eventTrackers", "EventTrackerSummary").await
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let tracker = call.resource::<EventTracker>("eventTrackerArn").await?;
    let EventTracker { event_tracker_arn, status, .. } = &tracker.resource;
    if !status.is_settled() {
        return Err(OpError::InUse(format!("{event_tracker_arn} is {status}; wait until that has ended")));
    }
    let mut with = Vec::new();
    for key in [tracking_key(&tracker.resource.tracking_id), only_key(&tracker.resource.dataset_group_arn)] {
        if let Some(record) = call.records().get(&key).await? {
            with.push(Write::Delete { key, expected: record.version });
        }
    }
    call.records().remove(&tracker, with).await?;
    Ok(Value::Null)
}
