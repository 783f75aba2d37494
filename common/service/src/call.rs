//! One request on its way to an operation.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::arn::Place;
use crate::error::OpError;
use crate::records::{Records, Resource, Stored};
use crate::service::Service;
use crate::wire::Timestamp;

/// A validated request.
#[derive(Clone)]
pub(crate) struct Call {
    pub service: Arc<Service>,
    pub operation: &'static str,
    /// Partition, region and account that new resources get.
    pub place: Place,
    pub input: Map<String, Value>,
    /// Answers are to say what their scores are made of.
    pub explain: bool,
}

impl Call {
    /// The input as a type of the operation's own.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, OpError> {
        let input = drop_nulls(Value::Object(self.input.clone()));
        serde_json::from_value(input).map_err(|error| OpError::invalid(error.to_string()))
    }

    /// A string member; required ones are there, since the input is validated.
    pub fn text(&self, member: &str) -> &str {
        self.input.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// A string member that may be absent.
    pub fn optional_text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }

    /// The tags that a new resource gets.
    pub fn tags(&self) -> Result<Vec<Value>, OpError> {
        crate::resources::checked_tags(self.input.get("tags"))
    }

    pub fn records(&self) -> &Records {
        &self.service.records
    }

    pub fn now(&self) -> Timestamp {
        self.service.now()
    }

    /// Reads the resource whose ARN is the input's `member`.
    pub async fn resource<R: Resource>(&self, member: &str) -> Result<Stored<R>, OpError> {
        self.records().fetch(self.text(member), member).await
    }

    /// Describes the resource whose ARN is the input's `member`: `{name: resource}`.
    pub async fn describe<R: Resource>(&self, member: &str, name: &str) -> Result<Value, OpError> {
        let stored = self.resource::<R>(member).await?;
        Ok(serde_json::json!({ name: stored.resource }))
    }
}

/// Members that are `null` are as good as absent, at any depth.
fn drop_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, drop_nulls(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(drop_nulls).collect()),
        other => other,
    }
}
