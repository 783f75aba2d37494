//! Why an item has its score: in answers to whoever asks for it by a header, and for `palate explain`.

mod told;

use std::sync::Arc;

use http::HeaderMap;
use palate_recipes::{Part, Query};
use serde_json::{Map, Value, json};

use super::{Loaded, Person, Wanted, known_item};
use crate::arn::Kind;
use crate::catalogue::{Catalogued, Held, Source};
use crate::error::OpError;
use crate::service::Service;
pub use told::{Contributor, Counted, ExplainedPart, ItemExplanation};

/// With any value but `false` or `0`, elements of `itemList` and `personalizedRanking` have a member `explanation`.
const HEADER: &str = "x-palate-explain";

/// Columns of Items that name an item, the first that there is.
const TITLES: [&str; 5] = ["TITLE", "NAME", "ITEM_NAME", "PRODUCT_NAME", "PRODUCT_TITLE"];

/// Whether a request asks for explanations.
pub(crate) fn asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(HEADER)
        .is_some_and(|value| !["false", "0"].iter().any(|off| value.as_bytes().eq_ignore_ascii_case(off.as_bytes())))
}

/// What `palate explain` asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explain {
    /// A campaign by name or ARN, or a recommender by ARN.
    pub deployed: String,
    pub user_id: Option<String>,
    pub item_id: String,
    /// The item that related items are asked for; the user's last one if absent.
    pub of_item_id: Option<String>,
}

/// Adds `explanation` to an element of an answer, if the recipe tells.
pub(super) fn add(element: &mut Value, loaded: &Loaded, query: &Query<'_>, item: u32) {
    if let (Some(element), Some((score, parts))) = (element.as_object_mut(), parts_of(loaded, query, item, |_| None)) {
        element.insert("explanation".into(), explanation(score, &parts));
    }
}

fn explanation(score: f64, parts: &[ExplainedPart]) -> Value {
    Value::Object(Map::from_iter([("score".to_owned(), json!(score)), ("parts".to_owned(), json!(parts))]))
}

/// The score of an item and what it is made of; `None` if the recipe does not tell.
fn parts_of(
    loaded: &Loaded,
    query: &Query<'_>,
    item: u32,
    title: impl Fn(&str) -> Option<String>,
) -> Option<(f64, Vec<ExplainedPart>)> {
    let model = loaded.model.as_ref();
    let explanation = model.explain(query, item)?;
    let score = explanation.score;
    let contributor = |part: &Part| {
        Some(match part {
            Part::Event { position, .. } => {
                let event = query.history.get(*position)?;
                let item_id = model.item_id(event.item).to_owned();
                Contributor::Event { title: title(&item_id), item_id, timestamp: event.timestamp_s }
            }
            Part::Together { counts, .. } => {
                Contributor::Together { counts: counts.as_deref().cloned().map(Counted::from) }
            }
            Part::Through { item, n_users, .. } => {
                let item_id = model.item_id(*item).to_owned();
                Contributor::Through { title: title(&item_id), item_id, users: *n_users }
            }
            Part::Column { name, .. } => Contributor::Column { name: name.to_string() },
            Part::Count { name, count, .. } => Contributor::Count { name: (*name).to_owned(), count: Some(*count) },
            Part::Term { name, .. } => Contributor::Rest { name: Some((*name).to_owned()) },
            Part::Rest { .. } => Contributor::Rest { name: None },
        })
    };
    let told = |part: &Part| {
        let contribution = part.share();
        let share = (score != 0.0).then(|| contribution / score).filter(|share| share.is_finite());
        Some(ExplainedPart { of: contributor(part)?, contribution, share })
    };
    let mut parts: Vec<ExplainedPart> = explanation.parts.iter().filter_map(told).collect();
    parts.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    Some((score, parts))
}

/// Answers `palate explain`.
///
/// # Errors
/// If there is no such campaign or item, or if its recipe does not tell.
pub(crate) async fn explain(service: &Arc<Service>, asked: &Explain) -> Result<ItemExplanation, OpError> {
    let arn = match asked.deployed.starts_with("arn:") {
        true => asked.deployed.clone(),
        false => service.place(None).arn(Kind::Campaign, &asked.deployed),
    };
    let deployed = match Kind::of(&arn) {
        Some(Kind::Recommender) => service.runtime.recommender(service, &arn).await?,
        _ => service.runtime.campaign(service, &arn).await?,
    };
    let loaded = service.runtime.models.get(service, &deployed.model_arn, deployed.folder.as_deref()).await?;
    let loaded = service.runtime.trending.now(service, &deployed, loaded).await?;
    let model = loaded.model.as_ref();
    let row = |id: &str| {
        known_item(model, Some(id)).ok_or_else(|| OpError::invalid(format!("The model of {arn} knows no item {id}")))
    };
    let item = row(&asked.item_id)?;
    let group = &deployed.dataset_group_arn;
    let person = match asked.user_id.as_deref().filter(|user| !user.is_empty()) {
        Some(user) => {
            Person::read(service, &loaded, group, user, Wanted { history: true, ..Wanted::by(loaded.info) }).await?
        }
        None => Person::default(),
    };
    let query = person.query(None);
    let of = match &asked.of_item_id {
        Some(id) => Some(row(id)?),
        None => query.history.last().map(|event| event.item),
    };
    let source = Source { dataset_group_arn: Arc::clone(group), kind: Catalogued::Items, model: None };
    let items = service.runtime.catalogue.columns(service, &source).await?;
    let title = |id: &str| title(&items, id);
    let Some((score, parts)) = parts_of(&loaded, &Query { item: of, ..query }, item, title) else {
        let recipe = loaded.info.name;
        return Err(OpError::invalid(format!("Recipe {recipe} does not tell what its scores are made of")));
    };
    Ok(ItemExplanation {
        recipe: loaded.info.name.to_owned(),
        user_id: asked.user_id.clone(),
        item_id: asked.item_id.clone(),
        title: title(&asked.item_id),
        score,
        parts,
        arn,
    })
}

fn title(items: &Held, id: &str) -> Option<String> {
    let field = TITLES.iter().find_map(|name| items.field(name))?;
    items.columns.text(&field.name, items.row(id)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_header_asks() {
        let mut headers = HeaderMap::new();
        assert!(!asked_for(&headers));
        for (value, asks) in [("true", true), ("1", true), ("", true), ("false", false), ("False", false), ("0", false)]
        {
            headers.insert(HEADER, value.parse().unwrap());
            assert_eq!(asked_for(&headers), asks, "{value}");
        }
    }
}
