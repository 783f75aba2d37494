//! GetPersonalizedRanking.

use std::collections::HashMap;

use palate_recipes::Query;
use serde_json::{Value, json};

use super::explain;
use super::metadata::Metadata;
use super::request::{
    MAX_RESULTS, check_with_metadata, metadata_columns, non_empty, predicted, read_context, read_values,
    recommendation_id,
};
use super::{Loaded, Person, ReadyFilter, Wanted};
use crate::call::Call;
use crate::error::OpError;
use crate::filters::Target;

pub(super) async fn ranking(call: Call) -> Result<Value, OpError> {
    let arn = call.text("campaignArn");
    let input = call.input.get("inputList").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let n = input.len();
    if n > MAX_RESULTS {
        return Err(OpError::invalid(format!("inputList has {n} items; at most {MAX_RESULTS} can be ranked")));
    }
    let columns = metadata_columns(&call)?;
    if !columns.is_empty() {
        check_with_metadata(n, "The length of inputList")?;
    }
    let service = &call.service;
    let deployed = service.runtime.campaign(service, arn).await?;
    let loaded = service.runtime.models.get(service, &deployed.model_arn, None).await?;
    if !loaded.info.ranks {
        return Err(OpError::invalid(format!("Recipe {} does not answer GetPersonalizedRanking", loaded.info.name)));
    }
    let user = non_empty(&call, "userId").ok_or_else(|| OpError::invalid("userId must not be empty"))?;
    let group = &deployed.dataset_group_arn;
    let filter = match call.optional_text("filterArn") {
        Some(arn) => Some(service.runtime.filter(service, arn, "filterArn", group, &loaded, Target::Item).await?),
        None => None,
    };
    let metadata = Metadata::of(service, &deployed, &loaded, &columns).await?;
    let events = filter.as_ref().is_some_and(ReadyFilter::wants_events);
    let wanted = Wanted { history: true, events, ..Wanted::by(loaded.info) };
    let person = Person::read(service, &loaded, group, user, wanted).await?;
    let mut ids: Vec<&str> = input.iter().filter_map(Value::as_str).collect();
    if let Some(filter) = &filter {
        let values = read_values(call.input.get("filterValues"));
        let rows = filter.apply(&values, Some(&person), None).map_err(OpError::invalid)?;
        ids.retain(|id| filter.passes(&rows, id));
    }
    let context = read_context(call.input.get("context"));
    let query = person.query(context.as_ref());
    let elements = rank(&loaded, &query, &ids).into_iter().map(|(id, score)| {
        let mut element = predicted("itemId", id, score);
        if let Some(metadata) = &metadata {
            metadata.add(id, &mut element);
        }
        let mut element = Value::Object(element);
        if call.explain
            && let Some(item) = loaded.model.item_index(id)
        {
            explain::add(&mut element, &loaded, &query, item);
        }
        element
    });
    let answer: Vec<Value> = elements.collect();
    let id = recommendation_id(uuid::Uuid::new_v4(), arn);
    Ok(json!({"personalizedRanking": answer, "recommendationId": id}))
}

/// Puts `ids` in the order that suits the user, best first; equal scores keep the order of the list. What the model does
/// not know comes last, in the order of the list and without a score. What is in the list twice comes back twice, and
/// counts once among those that share out the scores.
pub(crate) fn rank<'a>(loaded: &Loaded, query: &Query<'_>, ids: &[&'a str]) -> Vec<(&'a str, Option<f32>)> {
    let model = loaded.model.as_ref();
    let mut places: HashMap<u32, usize> = HashMap::new();
    let (mut items, mut known, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let Some(item) = model.item_index(id) else {
            unknown.push((*id, None));
            continue;
        };
        let place = *places.entry(item).or_insert_with(|| {
            items.push(item);
            items.len() - 1
        });
        known.push((*id, place));
    }
    let scores = model.rank(query, &items);
    let mut known: Vec<(&str, f32)> = known.into_iter().map(|(id, place)| (id, scores[place])).collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    known.into_iter().map(|(id, score)| (id, Some(score))).chain(unknown).collect()
}

#[cfg(test)]
mod tests {
    use palate_recipes::Scored;

    use super::*;
    use crate::runtime::fixed::loaded;

    #[test]
    fn all_items_come_back_as_often_as_they_are_given_and_unknown_ones_last() {
        let (a, b) = (Some(0.25), Some(0.75));
        let loaded = loaded("aws-personalized-ranking", &[("a", Scored::new(0, a)), ("b", Scored::new(1, b))]);
        let ranked = rank(&loaded, &Query::default(), &["new", "a", "b", "a", "other", "new"]);
        assert_eq!(ranked, [("b", b), ("a", a), ("a", a), ("new", None), ("other", None), ("new", None)]);
    }
}
