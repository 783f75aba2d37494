//! PutActionInteractions: what users made of the actions that they were shown.

use palate_recipes::parts::SESSION_ID;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::properties::{check_beside, check_size, object, same, since_1970};
use super::streams::{StreamKind, Streamed};
use super::target::{Target, stream, target};
use crate::call::Call;
use crate::data::Row;
use crate::error::OpError;
use crate::operations::Operations;
use crate::records::FORMAT;
use crate::resources::tracked_dataset;
use crate::service::Service;
use crate::wire::{Timestamp, shorten};

/// What a user did with an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ActionEvent {
    Taken,
    /// Refused deliberately.
    NotTaken,
    /// Shown.
    Viewed,
}

impl ActionEvent {
    pub const ALL: [Self; 3] = [Self::Taken, Self::NotTaken, Self::Viewed];

    /// As it is stored and as filters name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Taken => "TAKEN",
            Self::NotTaken => "NOT_TAKEN",
            Self::Viewed => "VIEWED",
        }
    }

    /// Reads `Not Taken`, `NOT_TAKEN`, `not-taken`.
    fn parse(text: &str) -> Option<Self> {
        let name = text.trim().replace([' ', '-'], "_");
        Self::ALL.into_iter().find(|kind| same(kind.name(), &name))
    }
}

/// An action interaction as it is kept until it becomes part of the dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionInteraction {
    pub format: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    pub action_id: String,
    /// Absent for a visitor who has not signed in: the interaction stands under the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub session_id: String,
    pub timestamp: Timestamp,
    pub event_type: ActionEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
    /// Other fields of the schema by their names, as values of their types.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

impl Streamed for ActionInteraction {
    fn event_id(&self) -> Option<&str> {
        self.event_id.as_deref()
    }

    fn owner(&self) -> &str {
        self.user_id.as_deref().unwrap_or(&self.session_id)
    }

    fn at(&self) -> Timestamp {
        self.timestamp
    }

    fn row(&self) -> Row {
        let mut row = self.properties.clone();
        if let Some(user_id) = &self.user_id {
            row.insert("USER_ID".into(), user_id.clone().into());
        }
        row.insert("ACTION_ID".into(), self.action_id.clone().into());
        row.insert("TIMESTAMP".into(), self.timestamp.seconds().into());
        row.insert("EVENT_TYPE".into(), self.event_type.name().into());
        if let Some(recommendation_id) = &self.recommendation_id {
            row.insert("RECOMMENDATION_ID".into(), recommendation_id.clone().into());
        }
        row.insert(SESSION_ID.into(), self.session_id.clone().into());
        row
    }
}

/// The newest action interactions of a user, oldest first.
pub(crate) async fn recent_action_interactions(
    service: &Service,
    dataset_group_arn: &str,
    user_id: &str,
    limit: usize,
) -> Result<Vec<ActionInteraction>, OpError> {
    match stream(service, dataset_group_arn, StreamKind::ActionInteractions).await? {
        Some(stream) => stream.newest(service, user_id, limit).await,
        None => Ok(Vec::new()),
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("PutActionInteractions", put);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    tracking_id: String,
    action_interactions: Vec<Given>,
}

/// The model has impressions too, which are not used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    event_id: Option<String>,
    action_id: String,
    user_id: Option<String>,
    session_id: String,
    timestamp: Timestamp,
    event_type: String,
    recommendation_id: Option<String>,
    properties: Option<Value>,
}

async fn put(call: Call) -> Result<Value, OpError> {
    let request: Request = call.parse()?;
    let dataset = tracked_dataset(call.records(), &request.tracking_id).await?.ok_or_else(|| {
        OpError::NotFound(format!(
            "The given trackingId does not exist: {}. Action interactions take the trackingId of the \
             Action_Interactions dataset (DescribeDataset)",
            shorten(&request.tracking_id)
        ))
    })?;
    let kind = StreamKind::ActionInteractions;
    let target = target(&call.service, &request.tracking_id, &dataset, kind).await?;
    let mut interactions = Vec::with_capacity(request.action_interactions.len());
    for (number, given) in request.action_interactions.into_iter().enumerate() {
        let at = format!("actionInteractions[{number}]");
        check_size(call.input.get("actionInteractions"), number, &at)?;
        interactions.push(checked(given, &at, &target)?);
    }
    target.stream.append(&call.service, &interactions).await?;
    Ok(Value::Null)
}

fn checked(given: Given, at: &str, target: &Target) -> Result<ActionInteraction, OpError> {
    let event_type = ActionEvent::parse(&given.event_type).ok_or_else(|| {
        let event_type = shorten(&given.event_type);
        OpError::invalid(format!("{at}.eventType is '{event_type}'; expected Taken, Not Taken or Viewed"))
    })?;
    let place = format!("{at}.properties");
    let properties = object(given.properties);
    check_beside(&properties, &place)?;
    if let Some(name) = properties.keys().find(|name| same(name, "actionId")) {
        return Err(OpError::invalid(format!("{place} must not contain '{name}'; it has a member of its own")));
    }
    Ok(ActionInteraction {
        format: FORMAT,
        event_id: given.event_id,
        action_id: given.action_id,
        user_id: given.user_id,
        session_id: given.session_id,
        timestamp: since_1970(given.timestamp, || format!("{at}.timestamp"))?,
        event_type,
        recommendation_id: given.recommendation_id,
        properties: target.columns.read(&properties, &place)?,
    })
}
