//! PutEvents: up to ten events of one session.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::store::{StreamedEvent, store_events};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::records::FORMAT;
use crate::resources::tracked_group;
use crate::wire::{Timestamp, shorten};

/// Members that stand beside the properties, not in them.
const NOT_IN_PROPERTIES: [&str; 6] =
    ["userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"];

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
    let group = tracked_group(call.records(), &request.tracking_id).await?.ok_or_else(|| {
        OpError::invalid(format!("The given trackingId does not exist: {}", shorten(&request.tracking_id)))
    })?;
    let mut events = Vec::with_capacity(request.event_list.len());
    for (number, event) in request.event_list.into_iter().enumerate() {
        let at = format!("eventList[{number}]");
        events.push(checked(event, &at, &request.user_id, &request.session_id)?);
    }
    store_events(&call.service, &group, &events).await?;
    Ok(Value::Null)
}

fn checked(event: Event, at: &str, user_id: &Option<String>, session_id: &str) -> Result<StreamedEvent, OpError> {
    let mut properties = match event.properties {
        Some(Value::Object(map)) => map,
        // The model says that it holds an object, and that was checked.
        Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => Map::new(),
    };
    if let Some(name) = properties.keys().find(|name| NOT_IN_PROPERTIES.contains(&name.to_lowercase().as_str())) {
        return Err(OpError::invalid(format!("{at}.properties must not contain '{name}'; it has a member of its own")));
    }
    // The older form of the API has these two among the properties.
    let legacy_item = properties.remove("itemId").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    let legacy_value = properties.remove("eventValue");
    let item_id = event.item_id.or(legacy_item).filter(|id| !id.is_empty());
    let item_id = item_id.ok_or_else(|| OpError::invalid(format!("{at}.itemId must be given")))?;
    if item_id.chars().count() > 256 {
        return Err(OpError::invalid(format!("{at}.properties.itemId is longer than 256 characters")));
    }
    let event_value = match (event.event_value, legacy_value) {
        (None, Some(value)) => {
            let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            let wrong = || OpError::invalid(format!("{at}.properties.eventValue must be a number"));
            Some(number.filter(|number| number.is_finite()).ok_or_else(wrong)?)
        }
        (value, _) => value,
    };
    Ok(StreamedEvent {
        format: FORMAT,
        event_id: event.event_id,
        user_id: user_id.clone(),
        session_id: session_id.to_owned(),
        event_type: event.event_type,
        event_value,
        item_id,
        sent_at: event.sent_at,
        recommendation_id: event.recommendation_id,
        impression: event.impression,
        event_attribution_source: event.metric_attribution.map(|attribution| attribution.event_attribution_source),
        properties,
    })
}
