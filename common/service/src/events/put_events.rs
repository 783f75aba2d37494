//! PutEvents: up to ten events of one session.

use palate_recipes::parts::SESSION_ID;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::properties::{check_beside, check_size, object, same, since_1970};
use super::shown::shown;
use super::streams::{StreamKind, Streamed};
use super::target::{Target, dataset_arn, stream, target};
use crate::call::Call;
use crate::data::Row;
use crate::error::OpError;
use crate::operations::Operations;
use crate::records::FORMAT;
use crate::resources::tracked_group;
use crate::schema::DatasetType;
use crate::service::Service;
use crate::wire::{Timestamp, shorten};

/// An event as it is kept until it becomes part of the dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamedEvent {
    pub format: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// Absent for a visitor who has not signed in: the event stands under the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub session_id: String,
    pub event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_value: Option<f64>,
    pub item_id: String,
    pub sent_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation_id: Option<String>,
    /// What was shown, as the caller tells it or else as the recommendation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impression: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_attribution_source: Option<String>,
    /// Other fields of the schema by their names, as values of their types.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

impl Streamed for StreamedEvent {
    fn event_id(&self) -> Option<&str> {
        self.event_id.as_deref()
    }

    fn owner(&self) -> &str {
        self.user_id.as_deref().unwrap_or(&self.session_id)
    }

    fn at(&self) -> Timestamp {
        self.sent_at
    }

    fn row(&self) -> Row {
        let mut row = self.properties.clone();
        let mut set = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                row.insert(field.to_owned(), value);
            }
        };
        set("USER_ID", self.user_id.clone().map(Value::from));
        set("ITEM_ID", Some(self.item_id.clone().into()));
        set("TIMESTAMP", Some(self.sent_at.seconds().into()));
        set("EVENT_TYPE", Some(self.event_type.clone().into()));
        set("EVENT_VALUE", self.event_value.map(Value::from));
        set("IMPRESSION", self.impression.as_ref().map(|items| items.join("|").into()));
        set("RECOMMENDATION_ID", self.recommendation_id.clone().map(Value::from));
        set("EVENT_ATTRIBUTION_SOURCE", self.event_attribution_source.clone().map(Value::from));
        set(SESSION_ID, Some(self.session_id.clone().into()));
        row
    }
}

/// The newest events of a user, oldest first.
pub(crate) async fn recent_events(
    service: &Service,
    dataset_group_arn: &str,
    user_id: &str,
    limit: usize,
) -> Result<Vec<StreamedEvent>, OpError> {
    match stream(service, dataset_group_arn, StreamKind::Events).await? {
        Some(stream) => stream.newest(service, user_id, limit).await,
        None => Ok(Vec::new()),
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("PutEvents", put);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    tracking_id: String,
    user_id: Option<String>,
    session_id: String,
    event_list: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_id: Option<String>,
    event_type: String,
    event_value: Option<f64>,
    item_id: Option<String>,
    properties: Option<Value>,
    sent_at: Timestamp,
    recommendation_id: Option<String>,
    impression: Option<Vec<String>>,
    metric_attribution: Option<Attribution>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attribution {
    event_attribution_source: String,
}

async fn put(call: Call) -> Result<Value, OpError> {
    let request: Request = call.parse()?;
    let unknown =
        || OpError::invalid(format!("The given trackingId does not exist: {}", shorten(&request.tracking_id)));
    let group = tracked_group(call.records(), &request.tracking_id).await?.ok_or_else(unknown)?;
    let dataset = dataset_arn(&group, DatasetType::Interactions).ok_or_else(unknown)?;
    let target = match target(&call.service, &request.tracking_id, &dataset, StreamKind::Events).await {
        // The operation has no other exception.
        Err(OpError::NotFound(message) | OpError::InUse(message)) => return Err(OpError::InvalidInput(message)),
        other => other?,
    };
    let mut events = Vec::with_capacity(request.event_list.len());
    for (number, event) in request.event_list.into_iter().enumerate() {
        let at = format!("eventList[{number}]");
        check_size(call.input.get("eventList"), number, &at)?;
        events.push(checked(event, &at, &target, &request.user_id, &request.session_id)?);
    }
    let implied = events.iter().filter(|event| event.impression.is_none());
    let implied = implied.filter_map(|event| event.recommendation_id.as_deref());
    let shown = shown(&call.service, &group, implied).await?;
    for event in events.iter_mut().filter(|event| event.impression.is_none()) {
        event.impression = event.recommendation_id.as_ref().and_then(|id| shown.get(id).cloned());
    }
    target.stream.append(&call.service, &events).await?;
    Ok(Value::Null)
}

fn checked(
    event: Event,
    at: &str,
    target: &Target,
    user_id: &Option<String>,
    session_id: &str,
) -> Result<StreamedEvent, OpError> {
    let place = format!("{at}.properties");
    let mut properties = object(event.properties);
    check_beside(&properties, &place)?;
    // The older form of the API has these among the properties, whether the schema has their fields or not.
    let older_item = take(&mut properties, "itemId");
    let older_value = take(&mut properties, "eventValue");
    let older_source = take(&mut properties, "eventAttributionSource");
    let item_id = match event.item_id {
        Some(id) => id,
        None => text_of(older_item, &place, 256)?
            .ok_or_else(|| OpError::invalid(format!("{at}.itemId must be given: the id of the item")))?,
    };
    let event_value = match event.event_value {
        Some(value) => Some(float(value, || format!("{at}.eventValue"))?),
        None => number_of(older_value, &place)?,
    };
    let event_attribution_source = match event.metric_attribution {
        Some(attribution) => Some(attribution.event_attribution_source),
        None => text_of(older_source, &place, 1_024)?,
    };
    Ok(StreamedEvent {
        format: FORMAT,
        event_id: event.event_id,
        user_id: user_id.clone(),
        session_id: session_id.to_owned(),
        event_type: event.event_type,
        event_value,
        item_id,
        sent_at: since_1970(event.sent_at, || format!("{at}.sentAt"))?,
        recommendation_id: event.recommendation_id,
        impression: event.impression,
        event_attribution_source,
        properties: target.columns.read(&properties, &place)?,
    })
}

/// Takes a property out, whatever its spelling; gives the first that says something, with its name.
fn take(properties: &mut Map<String, Value>, member: &str) -> Option<(String, Value)> {
    let mut taken = None;
    while let Some(name) = properties.keys().find(|name| same(name, member)).cloned() {
        let says = properties.shift_remove(&name).filter(|value| !value.is_null() && *value != "");
        taken = taken.or(says.map(|value| (name, value)));
    }
    taken
}

fn text_of(property: Option<(String, Value)>, place: &str, max_chars: usize) -> Result<Option<String>, OpError> {
    let Some((name, value)) = property else { return Ok(None) };
    let text = match value {
        Value::String(text) => text,
        // Ids that are numbers in a program.
        Value::Number(number) => number.to_string(),
        _ => return Err(OpError::invalid(format!("{place}.{name} must be a string"))),
    };
    if text.chars().count() > max_chars {
        return Err(OpError::invalid(format!("{place}.{name} must have at most {max_chars} characters")));
    }
    Ok(Some(text))
}

fn number_of(property: Option<(String, Value)>, place: &str) -> Result<Option<f64>, OpError> {
    let Some((name, value)) = property else { return Ok(None) };
    let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    float(number.unwrap_or(f64::NAN), || format!("{place}.{name}")).map(Some)
}

/// EVENT_VALUE is a float.
fn float(value: f64, place: impl Fn() -> String) -> Result<f64, OpError> {
    if (value as f32).is_finite() {
        return Ok(value);
    }
    Err(OpError::invalid(format!("{} must be a finite number (float)", place())))
}
