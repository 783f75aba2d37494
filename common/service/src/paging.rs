//! Lists in pages, newest first.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::records::{Resource, Stored};
use crate::wire::{Timestamp, project};

const DEFAULT_PAGE: usize = 100;

/// Where a page ended: creation time and ARN never change, so a resource that is there throughout is
/// listed exactly once, whatever comes and goes.
#[derive(Serialize, Deserialize)]
struct Position {
    created_ms: i64,
    arn: String,
}

/// What a list may be narrowed to: the input's member, the kind of its ARN, and what belongs to it.
pub(crate) struct Parent<R> {
    pub member: &'static str,
    pub kind: Kind,
    pub holds: fn(&R, &str) -> bool,
}

/// Answers a list: the resources of a kind in the request's place, or those of the parent that it names.
pub(crate) async fn list<R: Resource>(
    call: &Call,
    parent: Parent<R>,
    member: &str,
    summary: &str,
) -> Result<Value, OpError> {
    let mut resources = call.records().all::<R>(&call.place, "").await?;
    let of = call.optional_text(parent.member);
    if let Some(arn) = of {
        parent.kind.check(arn, parent.member)?;
        resources.retain(|stored| (parent.holds)(&stored.resource, arn));
    }
    page(call, resources, member, summary, of.unwrap_or_default())
}

/// One page of `resources` as `{member: [summary, …], nextToken}`; `scope` is what the list was narrowed to,
/// so that a token cannot be carried from one list to another.
pub(crate) fn page<R: Resource>(
    call: &Call,
    mut resources: Vec<Stored<R>>,
    member: &str,
    summary: &str,
    scope: &str,
) -> Result<Value, OpError> {
    resources.sort_by(|a, b| order(&a.resource).cmp(&order(&b.resource)));
    let scope = format!("{}|{}|{scope}", call.operation, call.place.region);
    let after =
        call.input.get("nextToken").and_then(Value::as_str).map(|token| read_token(token, &scope)).transpose()?;
    let size = call.input.get("maxResults").and_then(Value::as_f64).map_or(DEFAULT_PAGE, |size| size as usize);
    let rest = resources
        .iter()
        .map(|stored| &stored.resource)
        .filter(|resource| after.as_ref().is_none_or(|after| order(*resource) > order_at(after)));
    let mut shown: Vec<&R> = rest.take(size + 1).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let summaries: Result<Vec<Value>, OpError> = shown
        .iter()
        .map(|resource| Ok(project(&serde_json::to_value(resource).map_err(OpError::internal)?, summary)))
        .collect();
    let mut answer = json!({ member: summaries? });
    if let Some(last) = shown.last().filter(|_| more) {
        let position = Position { created_ms: last.created().0, arn: last.arn().to_owned() };
        answer["nextToken"] = Value::String(write_token(&position, &scope)?);
    }
    Ok(answer)
}

fn order<R: Resource>(resource: &R) -> (std::cmp::Reverse<Timestamp>, &str) {
    (std::cmp::Reverse(resource.created()), resource.arn())
}

fn order_at(position: &Position) -> (std::cmp::Reverse<Timestamp>, &str) {
    (std::cmp::Reverse(Timestamp(position.created_ms)), &position.arn)
}

/// Hexadecimal of the position behind a checksum over position and scope.
pub(crate) fn write_token(position: &impl Serialize, scope: &str) -> Result<String, OpError> {
    let text = serde_json::to_string(position).map_err(OpError::internal)?;
    Ok(format!("{}{}", hex(&check(&text, scope)), hex(text.as_bytes())))
}

pub(crate) fn read_token<T: serde::de::DeserializeOwned>(token: &str, scope: &str) -> Result<T, OpError> {
    let wrong = || OpError::InvalidNextToken("The nextToken was not issued by this list operation.".into());
    let bytes = unhex(token).filter(|bytes| bytes.len() > 8).ok_or_else(wrong)?;
    let text = std::str::from_utf8(&bytes[8..]).map_err(|_| wrong())?;
    if bytes[..8] != check(text, scope) {
        return Err(wrong());
    }
    serde_json::from_str(text).map_err(|_| wrong())
}

fn check(text: &str, scope: &str) -> [u8; 8] {
    let digest = Sha256::digest(format!("{scope}\n{text}"));
    std::array::from_fn(|i| digest[i])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_good_only_for_the_list_that_gave_it() {
        let position = Position { created_ms: 5, arn: "arn:x".into() };
        let token = write_token(&position, "ListCampaigns").unwrap();
        assert_eq!(read_token::<Position>(&token, "ListCampaigns").unwrap().arn, "arn:x");
        let mut changed = token.clone();
        changed.replace_range(20..21, if &token[20..21] == "0" { "1" } else { "0" });
        for (token, scope) in [
            (token.as_str(), "ListFilters"),
            (&changed, "ListCampaigns"),
            ("", "ListCampaigns"),
            ("zz", "ListCampaigns"),
            ("é", "x"),
        ] {
            assert!(matches!(read_token::<Position>(token, scope), Err(OpError::InvalidNextToken(_))));
        }
    }
}
