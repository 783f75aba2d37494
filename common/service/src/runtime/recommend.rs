//! GetRecommendations and GetPersonalizedRanking.

use palate_recipes::{Event, Query, RecipeType};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{history, known_item, personal};
use crate::call::Call;
use crate::error::OpError;
use crate::operations::Operations;
use crate::paging::hex;

const DEFAULT_RESULTS: usize = 25;
/// The most that a request may ask for, and the longest list that may be ranked.
pub(crate) const MAX_RESULTS: usize = 500;

pub(super) fn operations(all: &mut Operations) {
    all.add("GetRecommendations", recommendations).add("GetPersonalizedRanking", ranking);
}

async fn recommendations(call: Call) -> Result<Value, OpError> {
    refuse_what_is_not_there(&call)?;
    let campaign = match (call.optional_text("campaignArn"), call.optional_text("recommenderArn")) {
        (Some(campaign), None) => campaign,
        (None, Some(_)) => return Err(OpError::invalid("recommenderArn is not available in this version of Palate")),
        _ => return Err(OpError::invalid("Exactly one of campaignArn and recommenderArn must be given")),
    };
    let k = call.input.get("numResults").and_then(Value::as_f64).map_or(DEFAULT_RESULTS, |k| k as usize);
    if k > MAX_RESULTS {
        return Err(OpError::invalid(format!("numResults is {k}; at most {MAX_RESULTS} can be asked for")));
    }
    let service = &call.service;
    let deployed = service.runtime.deployed(service, campaign).await?;
    let loaded = service.runtime.models.get(service, &deployed.version_arn).await?;
    let (user, item) = (non_empty(&call, "userId"), non_empty(&call, "itemId"));
    let needs = |member: &str| Err(OpError::invalid(format!("{member} must be given for recipe {}", loaded.info.name)));
    match loaded.info.recipe_type {
        RecipeType::UserPersonalization if personal(loaded.info) && user.is_none() => return needs("userId"),
        RecipeType::RelatedItems if item.is_none() => return needs("itemId"),
        RecipeType::UserPersonalization | RecipeType::PopularItems | RecipeType::RelatedItems => {}
        _ => return Err(OpError::invalid(format!("Recipe {} does not answer GetRecommendations", loaded.info.name))),
    }
    let history = match user.filter(|_| personal(loaded.info)) {
        Some(user) => history(service, &loaded, &deployed.dataset_group_arn, user).await?,
        None => Vec::new(),
    };
    let model = loaded.model.as_ref();
    let query = Query { history: &history, item: known_item(model, item) };
    let items: Vec<Value> = model
        .recommend(&query, k)
        .into_iter()
        .map(|scored| predicted(model.item_id(scored.item), scored.score.filter(|_| loaded.info.scores)))
        .collect();
    Ok(json!({"itemList": items, "recommendationId": recommendation_id(campaign)}))
}

async fn ranking(call: Call) -> Result<Value, OpError> {
    refuse_what_is_not_there(&call)?;
    let campaign = call.text("campaignArn");
    let input = call.input.get("inputList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if input.len() > MAX_RESULTS {
        return Err(OpError::invalid(format!(
            "inputList has {} items; at most {MAX_RESULTS} can be ranked",
            input.len()
        )));
    }
    let service = &call.service;
    let deployed = service.runtime.deployed(service, campaign).await?;
    let loaded = service.runtime.models.get(service, &deployed.version_arn).await?;
    if !loaded.info.ranks {
        return Err(OpError::invalid(format!("Recipe {} does not answer GetPersonalizedRanking", loaded.info.name)));
    }
    let user = non_empty(&call, "userId").ok_or_else(|| OpError::invalid("userId must not be empty"))?;
    let history: Vec<Event> = history(service, &loaded, &deployed.dataset_group_arn, user).await?;
    let model = loaded.model.as_ref();
    let mut seen = std::collections::HashSet::new();
    let ids = input.iter().filter_map(Value::as_str).filter(|id| seen.insert(*id));
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match model.item_index(id) {
            Some(item) => known.push(item),
            None => unknown.push(id),
        }
    }
    let scores = model.rank(&Query { history: &history, item: None }, &known);
    let mut ranked: Vec<(u32, f32)> = known.into_iter().zip(scores).collect();
    // Stable, so equal scores keep the order of the input.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut answer: Vec<Value> =
        ranked.into_iter().map(|(item, score)| predicted(model.item_id(item), Some(score))).collect();
    answer.extend(unknown.into_iter().map(|id| predicted(id, None)));
    Ok(json!({"personalizedRanking": answer, "recommendationId": recommendation_id(campaign)}))
}

fn refuse_what_is_not_there(call: &Call) -> Result<(), OpError> {
    for member in ["filterArn", "promotions", "metadataColumns"] {
        let given = match call.input.get(member) {
            None | Some(Value::Null) => false,
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(map)) => !map.is_empty(),
            Some(_) => true,
        };
        if given {
            return Err(OpError::invalid(format!("{member} is not available in this version of Palate")));
        }
    }
    Ok(())
}

fn non_empty<'a>(call: &'a Call, member: &str) -> Option<&'a str> {
    call.optional_text(member).filter(|text| !text.is_empty())
}

fn predicted(item_id: &str, score: Option<f32>) -> Value {
    let mut item = Map::from_iter([("itemId".to_owned(), json!(item_id))]);
    if let Some(score) = score {
        item.insert("score".into(), json!(round_score(score)));
    }
    Value::Object(item)
}

/// Seven decimals, as the service gives them.
pub(crate) fn round_score(score: f32) -> f64 {
    (f64::from(score) * 1e7).round() / 1e7
}

/// `RID-`, 25 characters of a UUID, `-CID-`, six digits that stand for the campaign: 40 characters.
fn recommendation_id(campaign_arn: &str) -> String {
    let uuid = uuid::Uuid::new_v4().to_string();
    format!("RID-{}-CID-{}", &uuid[uuid.len() - 25..], hex(&Sha256::digest(campaign_arn)[..3]))
}
