//! Tags: words that users put on their resources. They stand beside a resource in its record.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::records::Stored;
use crate::wire::project;

const MAX_TAGS: usize = 50;

/// Keys that begin so, in any case, belong to Amazon.
const RESERVED: &str = "aws:";

pub(super) fn operations(all: &mut Operations) {
    all.add("TagResource", tag).add("UntagResource", untag).add("ListTagsForResource", list);
}

fn key(tag: &Value) -> &str {
    tag["tagKey"].as_str().unwrap_or_default()
}

/// The tags of a request as they are stored, if a resource may have them.
pub(crate) fn checked_tags(given: Option<&Value>) -> Result<Vec<Value>, OpError> {
    let given = given.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tags: Vec<Value> = given.iter().map(|tag| project(tag, "Tag")).collect();
    let mut seen = HashSet::new();
    for (index, tag) in tags.iter().enumerate() {
        let key = key(tag);
        if key.get(..RESERVED.len()).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED)) {
            let message = format!("tags[{index}].tagKey is {key}; keys that begin with {RESERVED} are reserved");
            return Err(OpError::invalid(message));
        }
        if !seen.insert(key.to_owned()) {
            return Err(OpError::invalid(format!("tags[{index}].tagKey is {key}, which is given twice; give it once")));
        }
    }
    limited(tags)
}

fn limited(tags: Vec<Value>) -> Result<Vec<Value>, OpError> {
    if tags.len() > MAX_TAGS {
        let message = format!("{} tags; a resource can have at most {MAX_TAGS}", tags.len());
        return Err(OpError::TooManyTags(message));
    }
    Ok(tags)
}

/// The resource that `resourceArn` names.
async fn tagged(call: &Call) -> Result<Stored<Value>, OpError> {
    let arn = call.text("resourceArn");
    let kind = Kind::created(arn).filter(|kind| !matches!(kind, Kind::Schema | Kind::MetricAttribution));
    let Some(kind) = kind else {
        let message = format!("resourceArn is {arn}, which names no kind of resource that can have tags");
        return Err(OpError::invalid(message));
    };
    call.records().find_any(kind, arn).await?.ok_or_else(|| kind.missing(arn))
}

async fn tag(call: Call) -> Result<Value, OpError> {
    let given = checked_tags(call.input.get("tags"))?;
    let mut resource = tagged(&call).await?;
    for tag in given {
        match resource.tags.iter_mut().find(|old| key(old) == key(&tag)) {
            Some(old) => *old = tag,
            None => resource.tags.push(tag),
        }
    }
    resource.tags = limited(std::mem::take(&mut resource.tags))?;
    call.records().save_any(&resource, call.text("resourceArn")).await?;
    Ok(json!({}))
}

async fn untag(call: Call) -> Result<Value, OpError> {
    let keys = call.input.get("tagKeys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if keys.len() > MAX_TAGS {
        let message = format!("{} tagKeys; at most {MAX_TAGS} can be removed at once", keys.len());
        return Err(OpError::TooManyTagKeys(message));
    }
    let mut resource = tagged(&call).await?;
    resource.tags.retain(|tag| !keys.iter().any(|removed| removed.as_str() == Some(key(tag))));
    call.records().save_any(&resource, call.text("resourceArn")).await?;
    Ok(json!({}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    Ok(json!({ "tags": tagged(&call).await?.tags }))
}
