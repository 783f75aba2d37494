//! GetRecommendations.

use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::{Exploration, ItemSet, Query, Record, Scored};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::explain;
use super::filter::item_set;
use super::metadata::Metadata;
use super::promote::{Promotion, mixed};
use super::request::{
    MAX_RESULTS, check_with_metadata, metadata_columns, non_empty, num_results, predicted, read_context, read_values,
    recommendation_id,
};
use super::rules::{gives_reasons, left_out, needs, promotes, reason};
use super::{Loaded, Person, ReadyFilter, Wanted, known_item};
use crate::call::Call;
use crate::error::OpError;
use crate::events::note_shown;
use crate::filters::Target;
use crate::resources::ItemExploration;

const DEFAULT_RESULTS: usize = 25;

pub(super) async fn recommendations(call: Call) -> Result<Value, OpError> {
    let k = num_results(&call, DEFAULT_RESULTS, MAX_RESULTS)?;
    let columns = metadata_columns(&call)?;
    if !columns.is_empty() {
        check_with_metadata(k, "numResults")?;
    }
    let promotion = Promotion::read(&call)?;
    let service = &call.service;
    let deployed = match (call.optional_text("campaignArn"), call.optional_text("recommenderArn")) {
        (Some(arn), None) => service.runtime.campaign(service, arn).await?,
        (None, Some(arn)) => service.runtime.recommender(service, arn).await?,
        _ => return Err(OpError::invalid("Exactly one of campaignArn and recommenderArn must be given")),
    };
    let loaded = service.runtime.models.get(service, &deployed.model_arn, deployed.folder.as_deref()).await?;
    let loaded = service.runtime.trending.now(service, &deployed, loaded).await?;
    let info = loaded.info;
    let (user, item) = (non_empty(&call, "userId"), non_empty(&call, "itemId"));
    let Some(needs) = needs(info) else {
        return Err(OpError::invalid(format!("Recipe {} does not answer GetRecommendations", info.name)));
    };
    for (member, missing) in [("userId", needs.user && user.is_none()), ("itemId", needs.item && item.is_none())] {
        if missing {
            return Err(OpError::invalid(format!("{member} must be given for recipe {}", info.name)));
        }
    }
    // Other recipes take no notice of an item.
    let item = item.filter(|_| needs.item);
    if promotion.is_some() && !promotes(info) {
        return Err(OpError::invalid(format!("promotions do not apply to recipe {}", info.name)));
    }
    let group = &deployed.dataset_group_arn;
    let filter = match call.optional_text("filterArn") {
        Some(arn) => Some(service.runtime.filter(service, arn, "filterArn", group, &loaded, Target::Item).await?),
        None => None,
    };
    let promotion = match promotion {
        Some(promotion) => {
            let (arn, member) = (&promotion.filter_arn, "promotions[0].filterArn");
            let filter = service.runtime.filter(service, arn, member, group, &loaded, Target::Item).await?;
            Some((promotion, filter))
        }
        None => None,
    };
    let metadata = Metadata::of(service, &deployed, &loaded, &columns).await?;
    let left_out = left_out(info);
    let filters = || filter.iter().chain(promotion.iter().map(|(_, filter)| filter));
    let events = left_out.is_some() || filters().any(ReadyFilter::wants_events);
    let wanted = Wanted { events, ..Wanted::by(info) };
    let person = match user {
        Some(user) => Some(Person::read(service, &loaded, group, user, wanted).await?),
        None => None,
    };
    let context = read_context(call.input.get("context"));
    let request = uuid::Uuid::new_v4();
    let explores = ItemExploration::of(info, deployed.exploration.as_ref());
    let answer = Answer {
        explores,
        passed_over: match (&person, explores) {
            (Some(person), Some(_)) => person.passed_over(&loaded),
            _ => Vec::new(),
        },
        seed: request.as_u64_pair().0 ^ request.as_u64_pair().1,
        loaded: &loaded,
        person: person.as_ref(),
        context: context.as_ref(),
        item,
        left_out: match (&person, left_out) {
            (Some(person), Some(event_type)) => person.items(&loaded, event_type),
            _ => Vec::new(),
        },
    };
    let values = read_values(call.input.get("filterValues"));
    let promoted = match &promotion {
        Some((promotion, filter)) => answer.best(promotion.n_promoted(k), Some((filter, &promotion.values)), &[])?,
        None => Vec::new(),
    };
    let others = answer.best(k - promoted.len(), filter.as_ref().map(|filter| (filter, &values)), &promoted)?;
    let promotion_name = promotion.as_ref().map(|(promotion, _)| promotion.name.as_str());
    let elements = |list: Vec<Scored>, promotion: Option<&str>| -> Vec<Value> {
        let told = list.into_iter().map(|scored| {
            let mut element = element(&loaded, scored, promotion, metadata.as_ref());
            if call.explain {
                explain::add(&mut element, &loaded, &answer.query(), scored.item);
            }
            element
        });
        told.collect()
    };
    let (promoted, others) = (elements(promoted, promotion_name), elements(others, None));
    let items = mixed(promoted, others, &mut ChaCha8Rng::from_seed(seed(request)));
    let id = recommendation_id(request, &deployed.arn);
    if info.reads.impressions && explores.is_some_and(|explores| explores.weight > 0.0) {
        note_shown(service, group, &id, items.iter().filter_map(|item| item["itemId"].as_str()));
    }
    Ok(json!({"itemList": items, "recommendationId": id}))
}

/// What places of promoted items are drawn from: the request's own number.
fn seed(request: uuid::Uuid) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(request.as_bytes());
    seed
}

/// What is asked of the model.
struct Answer<'a> {
    loaded: &'a Arc<Loaded>,
    person: Option<&'a Person>,
    context: Option<&'a Record>,
    item: Option<&'a str>,
    /// What the use case itself leaves out.
    left_out: Vec<u32>,
    explores: Option<ItemExploration>,
    /// See [`Exploration::passed_over`].
    passed_over: Vec<u32>,
    /// What exploration draws from: the request's own number.
    seed: u64,
}

impl Answer<'_> {
    /// The best `k` items that pass the filter, other than those of `taken`.
    fn best(
        &self,
        k: usize,
        filter: Option<(&ReadyFilter, &HashMap<String, String>)>,
        taken: &[Scored],
    ) -> Result<Vec<Scored>, OpError> {
        let model = self.loaded.model.as_ref();
        let mut allowed = match filter {
            Some((filter, values)) => {
                Some(item_set(&filter.apply(values, self.person, self.item).map_err(OpError::invalid)?, self.loaded))
            }
            None => None,
        };
        for item in self.left_out.iter().copied().chain(taken.iter().map(|scored| scored.item)) {
            allowed.get_or_insert_with(|| ItemSet::all(model.n_items())).remove(item);
        }
        Ok(model.recommend(&Query { allowed: allowed.as_ref(), ..self.query() }, k))
    }

    /// What is asked, among all items.
    fn query(&self) -> Query<'_> {
        let asked = self.person.map(|person| person.query(self.context)).unwrap_or_default();
        let exploration = self.explores.map(|explores| Exploration {
            weight: explores.weight,
            age_cut_off_days: explores.age_cut_off_days,
            seed: self.seed,
            passed_over: &self.passed_over,
        });
        Query { item: known_item(self.loaded.model.as_ref(), self.item), exploration, ..asked }
    }
}

/// One element of `itemList`.
fn element(loaded: &Loaded, scored: Scored, promotion: Option<&str>, metadata: Option<&Metadata>) -> Value {
    let id = loaded.model.item_id(scored.item);
    let mut element = predicted("itemId", id, scored.score.filter(|_| loaded.info.scores));
    if let Some(name) = promotion {
        element.insert("promotionName".into(), json!(name));
    }
    if let Some(metadata) = metadata {
        metadata.add(id, &mut element);
    }
    if gives_reasons(loaded.info)
        && let Some(reason) = reason(&scored, promotion.is_some())
    {
        element.insert("reason".into(), json!([reason]));
    }
    Value::Object(element)
}
