//! Why an item has its score: in answers to whoever asks for it by a header, and for `palate explain`.

use std::sync::Arc;

use http::HeaderMap;
use palate_recipes::{Part, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Loaded, Person, Wanted, known_item};
use crate::arn::Kind;
use crate::catalogue::{Catalogued, Held, Source};
use crate::error::OpError;
use crate::insights::{date_of, percent, thousands};
use crate::service::Service;

/// With any value but `false` or `0`, elements of `itemList` and `personalizedRanking` have a member `explanation`.
const HEADER: &str = "x-palate-explain";

/// Columns of Items that name an item, the first that there is.
const TITLES: [&str; 5] = ["TITLE", "NAME", "ITEM_NAME", "PRODUCT_NAME", "PRODUCT_TITLE"];

/// Parts that are shown to people.
const SHOWN: usize = 20;

/// Whether a request asks for explanations.
pub(crate) fn asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(HEADER)
        .is_some_and(|value| !["false", "0"].iter().any(|off| value.as_bytes().eq_ignore_ascii_case(off.as_bytes())))
}

/// Something that a score is made of; those that add most come first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedPart {
    #[serde(flatten)]
    pub of: Contributor,
    /// What it adds to the score.
    pub contribution: f64,
    /// The same as a share of the score; absent if that is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// Whatever adds to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Contributor {
    /// An interaction of the user.
    Event {
        item_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Seconds since the Unix epoch.
        timestamp: i64,
    },
    /// Users who had this item and the asked one near each other.
    Together,
    /// A column of the item's metadata.
    Column { name: String },
    /// Something counted.
    Count { name: String },
    /// What no single interaction brings: popularity, say.
    Rest,
}

/// Why a user gets an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemExplanation {
    /// Of the campaign or recommender.
    pub arn: String,
    /// Name of the recipe.
    pub recipe: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    pub item_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As GetPersonalizedRanking has it, but not rounded. The contributions sum to it.
    pub score: f64,
    pub parts: Vec<ExplainedPart>,
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
            Part::Together { .. } => Contributor::Together,
            Part::Column { name, .. } => Contributor::Column { name: name.to_string() },
            Part::Count { name, .. } => Contributor::Count { name: (*name).to_owned() },
            Part::Rest { .. } => Contributor::Rest,
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

impl ItemExplanation {
    /// What is told, for people.
    pub fn text(&self) -> String {
        let named = |id: &str, title: &Option<String>| match title {
            Some(title) => format!("{title} ({id})"),
            None => id.to_owned(),
        };
        let user = self.user_id.as_deref().map_or(String::new(), |user| format!(" for {user}"));
        let item = named(&self.item_id, &self.title);
        let mut text = format!("{item}{user}, by {}: score {:.7}\n", self.recipe, self.score);
        let mut longest = 4;
        let told: Vec<(String, &ExplainedPart)> = self
            .parts
            .iter()
            .take(SHOWN)
            .map(|part| {
                let what = match &part.of {
                    Contributor::Event { item_id, title, timestamp } => {
                        format!("{}, {}", date_of(*timestamp), named(item_id, title))
                    }
                    Contributor::Together => "users who had both items".to_owned(),
                    Contributor::Column { name } => format!("what both have in {name}"),
                    Contributor::Count { name } => format!("{name}: {}", thousands(part.contribution.max(0.0) as u64)),
                    Contributor::Rest => "everything else: popularity, and what is known of the item".to_owned(),
                };
                longest = longest.max(what.chars().count());
                (what, part)
            })
            .collect();
        for (what, part) in told {
            let share = match part.share {
                Some(share) if share < 0.0 => format!("-{}", percent(-share)),
                Some(share) => percent(share),
                None => "-".to_owned(),
            };
            text.push_str(&format!("  {what:<longest$} {:>13.7} {share:>9}\n", part.contribution));
        }
        let rest = self.parts.get(SHOWN..).unwrap_or_default();
        if !rest.is_empty() {
            let sum: f64 = rest.iter().map(|part| part.contribution).sum();
            let what = format!("{} more", rest.len());
            text.push_str(&format!("  {what:<longest$} {sum:>13.7}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn event(item_id: &str, title: Option<&str>, contribution: f64) -> ExplainedPart {
        let of =
            Contributor::Event { item_id: item_id.into(), title: title.map(str::to_owned), timestamp: 1_795_000_000 };
        ExplainedPart { of, contribution, share: Some(contribution / 0.02) }
    }

    #[test]
    fn people_are_told_titles_and_shares() {
        let told = ItemExplanation {
            arn: "arn".into(),
            recipe: "palate-ease".into(),
            user_id: Some("u1".into()),
            item_id: "i9".into(),
            title: Some("Heat".into()),
            score: 0.02,
            parts: vec![
                event("i1", Some("Ronin"), 0.016),
                event("i2", None, -0.001),
                ExplainedPart { of: Contributor::Rest, contribution: 0.005, share: Some(0.25) },
            ],
        };
        let text = told.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Heat (i9) for u1, by palate-ease: score 0.0200000");
        assert!(lines[1].contains("2026-11-18, Ronin (i1)") && lines[1].ends_with("0.0160000      80 %"), "{text}");
        assert!(lines[2].contains("i2") && lines[2].ends_with("-0.0010000    -5.0 %"), "{text}");
        assert!(lines[3].contains("everything else") && lines[3].ends_with("25 %"), "{text}");
        let stored = serde_json::to_value(&told).unwrap();
        assert_eq!(stored["parts"][0]["kind"], "event");
        assert_eq!(stored["parts"][0]["itemId"], "i1");
        assert_eq!(serde_json::from_value::<ItemExplanation>(stored).unwrap(), told);
    }

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
