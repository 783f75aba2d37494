//! Members that several requests have.

use std::collections::HashMap;

use palate_recipes::Record;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::error::OpError;
use crate::paging::hex;

/// The most that a request may ask for, and the longest list that may be ranked.
pub(crate) const MAX_RESULTS: usize = 500;
/// The same with metadata.
const MAX_WITH_METADATA: usize = 50;
const MAX_COLUMNS: usize = 10;

/// A string member that is there and not empty.
pub(super) fn non_empty<'a>(call: &'a Call, member: &str) -> Option<&'a str> {
    call.optional_text(member).filter(|text| !text.is_empty())
}

/// `numResults`.
pub(super) fn num_results(call: &Call, default: usize, most: usize) -> Result<usize, OpError> {
    let k = call.input.get("numResults").and_then(Value::as_f64).map_or(default, |k| k as usize);
    check_count(k, most, "numResults")?;
    Ok(k)
}

fn check_count(n: usize, most: usize, member: &str) -> Result<(), OpError> {
    if n <= most {
        return Ok(());
    }
    Err(OpError::invalid(format!("{member} is {n}; at most {most} can be asked for")))
}

/// The columns that `metadataColumns` asks for, of which there may be none.
pub(super) fn metadata_columns(call: &Call) -> Result<Vec<String>, OpError> {
    let Some(Value::Object(asked)) = call.input.get("metadataColumns") else { return Ok(Vec::new()) };
    let mut columns: Vec<String> = Vec::new();
    for (dataset, names) in asked {
        if !dataset.eq_ignore_ascii_case("ITEMS") {
            let dataset = crate::wire::shorten(dataset);
            return Err(OpError::invalid(format!("metadataColumns names {dataset}; only ITEMS has metadata")));
        }
        columns.extend(names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    let n = columns.len();
    if n > MAX_COLUMNS {
        return Err(OpError::invalid(format!("metadataColumns names {n} columns; at most {MAX_COLUMNS} are allowed")));
    }
    Ok(columns)
}

/// Refuses a list that is too long to come with metadata.
pub(super) fn check_with_metadata(n: usize, member: &str) -> Result<(), OpError> {
    if n <= MAX_WITH_METADATA {
        return Ok(());
    }
    Err(OpError::invalid(format!("{member} is {n}; with metadataColumns at most {MAX_WITH_METADATA} are allowed")))
}

/// `context`, from a request or a line of a batch: names of columns in any case.
pub(crate) fn read_context(value: Option<&Value>) -> Option<Record> {
    let values = value?.as_object()?.iter();
    Some(values.filter_map(|(name, value)| Some((name.to_uppercase(), value.as_str()?.to_owned()))).collect())
}

/// `filterValues`, from a request, a promotion or a line of a batch.
pub(crate) fn read_values(value: Option<&Value>) -> HashMap<String, String> {
    let Some(Value::Object(values)) = value else { return HashMap::new() };
    values.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// An element of `itemList` or `actionList`: `id_member` is its id.
pub(super) fn predicted(id_member: &str, id: &str, score: Option<f32>) -> Map<String, Value> {
    let mut item = Map::from_iter([(id_member.to_owned(), json!(id))]);
    if let Some(score) = score {
        item.insert("score".into(), json!(round_score(score)));
    }
    item
}

/// Seven decimals, as the service gives them.
pub(crate) fn round_score(score: f32) -> f64 {
    (f64::from(score) * 1e7).round() / 1e7
}

/// `RID-`, 25 characters of a UUID, `-CID-`, six digits that stand for the campaign: 40 characters.
pub(super) fn recommendation_id(request: uuid::Uuid, campaign_arn: &str) -> String {
    let uuid = request.to_string();
    format!("RID-{}-CID-{}", &uuid[uuid.len() - 25..], mark_of(campaign_arn))
}

/// The six digits that stand for a campaign or recommender: of a hundred, two have the same with a chance of one in
/// 3,000.
pub(crate) fn mark_of(campaign_arn: &str) -> String {
    hex(&Sha256::digest(campaign_arn)[..3])
}

/// What a recommendation id says of its campaign or recommender.
pub(crate) fn mark_in(recommendation_id: &str) -> Option<&str> {
    recommendation_id.rsplit_once("-CID-").map(|(_, mark)| mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recommendation_id_tells_its_campaign() {
        let arn = "arn:aws:personalize:us-east-1:000000000000:campaign/films";
        let id = recommendation_id(uuid::Uuid::from_u128(7), arn);
        assert_eq!(id.len(), 40);
        assert_eq!(mark_in(&id), Some(mark_of(arn).as_str()));
        assert_ne!(mark_in(&id), Some(mark_of("arn:aws:personalize:us-east-1:000000000000:campaign/books").as_str()));
        assert_eq!(mark_in("of another service"), None);
    }
}
