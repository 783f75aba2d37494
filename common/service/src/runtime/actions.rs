//! GetActionRecommendations.

use palate_recipes::{Query, RecipeType};
use serde_json::{Value, json};

use super::filter::{ReadyFilter, item_set};
use super::request::{non_empty, num_results, predicted, read_values, recommendation_id};
use super::{Person, Wanted};
use crate::call::Call;
use crate::error::OpError;
use crate::filters::Target;

const DEFAULT_RESULTS: usize = 5;
const MAX_RESULTS: usize = 100;

pub(super) async fn actions(call: Call) -> Result<Value, OpError> {
    let k = num_results(&call, DEFAULT_RESULTS, MAX_RESULTS)?;
    let given = |member: &str| OpError::invalid(format!("{member} must be given"));
    let arn = non_empty(&call, "campaignArn").ok_or_else(|| given("campaignArn"))?;
    let service = &call.service;
    let deployed = service.runtime.campaign(service, arn).await?;
    let loaded = service.runtime.models.get(service, &deployed.model_arn, None).await?;
    if loaded.info.recipe_type != RecipeType::PersonalizedActions {
        return Err(OpError::invalid(format!("Recipe {} does not answer GetActionRecommendations", loaded.info.name)));
    }
    let user = non_empty(&call, "userId").ok_or_else(|| given("userId"))?;
    let group = &deployed.dataset_group_arn;
    let filter = match call.optional_text("filterArn") {
        Some(arn) => Some(service.runtime.filter(service, arn, "filterArn", group, &loaded, Target::Action).await?),
        None => None,
    };
    let actions = filter.as_ref().is_some_and(ReadyFilter::wants_events);
    let wanted = Wanted { actions, ..Wanted::by(loaded.info) };
    let person = Person::read(service, &loaded, group, user, wanted).await?;
    let allowed = match &filter {
        Some(filter) => {
            let values = read_values(call.input.get("filterValues"));
            Some(item_set(&filter.apply(&values, Some(&person), None).map_err(OpError::invalid)?, &loaded))
        }
        None => None,
    };
    let model = loaded.model.as_ref();
    let query = Query { allowed: allowed.as_ref(), ..person.query(None) };
    let list = model.recommend(&query, k).into_iter();
    let actions: Vec<Value> =
        list.map(|scored| Value::Object(predicted("actionId", model.item_id(scored.item), scored.score))).collect();
    let id = recommendation_id(uuid::Uuid::new_v4(), arn);
    Ok(json!({"actionList": actions, "recommendationId": id}))
}
