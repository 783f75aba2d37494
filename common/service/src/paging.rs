//! Lists in pages, newest first.

use std::cmp::Reverse;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::arn::Kind;
use crate::call::Call;
use crate::error::OpError;
use crate::records::{Resource, Stored};
use crate::wire::{Timestamp, project};

/// What a page holds if the request does not ask for less.
pub(crate) const LONGEST_PAGE: usize = 100;

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

/// Newest first. Neither creation time nor ARN ever changes, so a resource that is there throughout is listed
/// exactly once, whatever comes and goes.
type Newest = (Reverse<Timestamp>, String);

/// One page of `resources` as `{member: [summary, …], nextToken}`; `scope` is what the list was narrowed to,
/// so that a token cannot be carried from one list to another.
pub(crate) fn page<R: Resource>(
    call: &Call,
    resources: Vec<Stored<R>>,
    member: &str,
    summary: &str,
    scope: &str,
) -> Result<Value, OpError> {
    let rows = resources.into_iter().map(|stored| {
        let key: Newest = (Reverse(stored.resource.created()), stored.resource.arn().to_owned());
        (key, stored.resource)
    });
    page_by(call, rows.collect(), LONGEST_PAGE, member, scope, |resource| {
        Ok(project(&serde_json::to_value(resource).map_err(OpError::internal)?, summary))
    })
}

/// One page of rows in the order of their keys, at most `longest`. A row that is there throughout must keep its
/// key.
pub(crate) fn page_by<K: Ord + Serialize + DeserializeOwned, T>(
    call: &Call,
    rows: Vec<(K, T)>,
    longest: usize,
    member: &str,
    scope: &str,
    shown: impl Fn(&T) -> Result<Value, OpError>,
) -> Result<Value, OpError> {
    let scope = format!("{}|{}|{scope}", call.operation, call.place.region);
    let after: Option<K> = call.optional_text("nextToken").map(|token| read_token(token, &scope)).transpose()?;
    let size = call.input.get("maxResults").and_then(Value::as_f64).map_or(longest, |size| size as usize);
    let (rows, more) = cut(rows, after.as_ref(), size.min(longest));
    let elements: Result<Vec<Value>, OpError> = rows.iter().map(|(_, row)| shown(row)).collect();
    let mut answer = json!({ member: elements? });
    if let Some((last, _)) = rows.last().filter(|_| more) {
        answer["nextToken"] = Value::String(write_token(last, &scope)?);
    }
    Ok(answer)
}

/// The first rows after a key, and whether others follow.
fn cut<K: Ord, T>(mut rows: Vec<(K, T)>, after: Option<&K>, size: usize) -> (Vec<(K, T)>, bool) {
    rows.retain(|(key, _)| after.is_none_or(|after| key > after));
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = rows.len() > size;
    rows.truncate(size);
    (rows, more)
}

/// Hexadecimal of the position behind a checksum over position and scope.
fn write_token(position: &impl Serialize, scope: &str) -> Result<String, OpError> {
    let text = serde_json::to_string(position).map_err(OpError::internal)?;
    Ok(format!("{}{}", hex(&check(&text, scope)), hex(text.as_bytes())))
}

fn read_token<T: DeserializeOwned>(token: &str, scope: &str) -> Result<T, OpError> {
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_good_only_for_the_list_that_gave_it() {
        let position: Newest = (Reverse(Timestamp(5000)), "arn:x".into());
        let token = write_token(&position, "ListCampaigns").unwrap();
        assert_eq!(read_token::<Newest>(&token, "ListCampaigns").unwrap(), position);
        let mut changed = token.clone();
        changed.replace_range(20..21, if &token[20..21] == "0" { "1" } else { "0" });
        for (token, scope) in [
            (token.as_str(), "ListFilters"),
            (&changed, "ListCampaigns"),
            ("", "ListCampaigns"),
            ("zz", "ListCampaigns"),
            ("é", "x"),
        ] {
            assert!(matches!(read_token::<Newest>(token, scope), Err(OpError::InvalidNextToken(_))));
        }
    }

    proptest! {
        #[test]
        fn pages_give_what_is_there_throughout_exactly_once_while_others_come_and_go(
            staying in prop::collection::btree_set(0_u32..2_000, 0..250),
            moving in prop::collection::vec(prop::collection::btree_set(0_u32..2_000, 0..50), 1..8),
            size in 1_usize..=100,
        ) {
            let (mut seen, mut after) = (Vec::new(), None);
            for moment in 0.. {
                let here: BTreeSet<u32> = staying.union(&moving[moment % moving.len()]).copied().collect();
                // Whatever the order in which the store gives them.
                let rows: Vec<(u32, ())> = here.into_iter().rev().map(|key| (key, ())).collect();
                let (rows, more) = cut(rows, after.as_ref(), size);
                prop_assert!(rows.len() <= size);
                seen.extend(rows.iter().map(|(key, ())| *key));
                if !more {
                    break;
                }
                after = rows.last().map(|(key, ())| *key);
            }
            prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(staying.iter().all(|key| seen.binary_search(key).is_ok()));
        }
    }
}
