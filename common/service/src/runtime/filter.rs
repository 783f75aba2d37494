use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use palate_recipes::{ItemSet, RecipeInfo, RecipeType};

use super::{Loaded, Person, Runtime, UsersByEvent};
use crate::catalogue::{Catalogued, Held, Source};
use crate::error::OpError;
use crate::filters::{Asked, Expression, History, Plan, RowSet, Target};
use crate::resources::Filter;
use crate::service::Service;

/// A filter and what it says.
pub(crate) struct OpenFilter {
    filter: Filter,
    expression: Expression,
}

/// A filter with everything that it asks, as it was when the request came.
#[derive(Clone)]
pub(crate) struct ReadyFilter {
    open: Arc<OpenFilter>,
    plan: Arc<Plan>,
    held: Arc<Held>,
    /// If it asks for the current user.
    users: Option<Arc<Held>>,
}

impl Runtime {
    /// Gets a filter ready to be applied to what a model gives; `member` is the request's name for its ARN.
    pub async fn filter(
        &self,
        service: &Arc<Service>,
        arn: &str,
        member: &str,
        dataset_group_arn: &str,
        loaded: &Arc<Loaded>,
        target: Target,
    ) -> Result<ReadyFilter, OpError> {
        let open = self.open_filter(service, arn, member).await?;
        open.filter.check_usable(dataset_group_arn, member)?;
        check_filter(&open.expression, Some(loaded.info), target, member)?;
        let dataset_group_arn: Arc<str> = dataset_group_arn.into();
        let (kind, model) = match target {
            Target::Item => (Catalogued::Items, Some(Arc::clone(loaded))),
            Target::Action => (Catalogued::Actions, Some(Arc::clone(loaded))),
            Target::User => (Catalogued::Users, None),
        };
        let source = Source { dataset_group_arn: Arc::clone(&dataset_group_arn), kind, model };
        let held = self.catalogue.columns(service, &source).await?;
        let users = match open.expression.uses_current_user() {
            true => {
                let source = Source { dataset_group_arn, kind: Catalogued::Users, model: None };
                Some(self.catalogue.columns(service, &source).await?)
            }
            false => None,
        };
        let plan = self.catalogue.plans.get(&open.filter.filter_expression, &open.expression, &held)?;
        Ok(ReadyFilter { open, plan, held, users })
    }

    /// The filter as it is, or was a second ago.
    async fn open_filter(&self, service: &Service, arn: &str, member: &str) -> Result<Arc<OpenFilter>, OpError> {
        if let Some(open) = self.filters.get(arn) {
            return Ok(open);
        }
        let read_at = Instant::now();
        let filter = service.records.fetch::<Filter>(arn, member).await?.resource;
        let expression = filter.parse()?;
        let open = Arc::new(OpenFilter { filter, expression });
        self.filters.put(arn, read_at, Arc::clone(&open));
        Ok(open)
    }
}

/// Refuses a filter for something else than `target`, or one that a recipe cannot answer.
pub(crate) fn check_filter(
    expression: &Expression,
    recipe: Option<&RecipeInfo>,
    target: Target,
    member: &str,
) -> Result<(), OpError> {
    let noun = |target| match target {
        Target::Item => "ItemID",
        Target::Action => "ActionID",
        Target::User => "UserID",
    };
    let (has, wanted) = (noun(expression.target()), noun(target));
    if has != wanted {
        return Err(OpError::invalid(format!(
            "{member} names a filter for {has}; this request needs one for {wanted}"
        )));
    }
    let related = |recipe: &RecipeInfo| recipe.recipe_type == RecipeType::RelatedItems;
    if expression.uses_current_item() && !recipe.is_some_and(related) {
        let message = format!("{member} names a filter with CurrentItem, which only related-items recipes can answer");
        return Err(OpError::invalid(message));
    }
    Ok(())
}

impl ReadyFilter {
    /// Whether it asks what the user did.
    pub fn wants_events(&self) -> bool {
        self.open.expression.uses_history()
    }

    /// Whether it asks anything of the user.
    pub fn wants_user(&self) -> bool {
        self.wants_events() || self.users.is_some()
    }

    /// The rows that pass; [`ReadyFilter::passes`] reads them by id.
    ///
    /// # Errors
    /// What is wrong with the values, or which id the filter needs, for the caller to read.
    pub fn apply(
        &self,
        values: &HashMap<String, String>,
        person: Option<&Person>,
        item: Option<&str>,
    ) -> Result<RowSet, String> {
        let events = person.filter(|_| self.wants_events()).map(|person| match self.open.expression.target() {
            Target::Action => person.action_rows(&self.held),
            Target::Item | Target::User => person.rows(&self.held),
        });
        let users = self.users.as_ref().map(|users| users.columns.as_ref());
        let asked = Asked {
            values,
            user: person.and_then(|person| users.map(|users| (users, users.row(&person.id)))),
            current_item: item.and_then(|id| self.held.columns.row(id)),
            history: events.as_ref().map(|events| events as &dyn History),
        };
        self.plan.apply(&self.held.columns, &asked).map_err(|error| error.message)
    }

    /// The users that pass; [`ReadyFilter::passes`] reads them by id. `events` says who had events of a type, if the
    /// filter asks for that.
    ///
    /// # Errors
    /// As [`ReadyFilter::apply`].
    pub fn users(&self, values: &HashMap<String, String>, events: Option<&UsersByEvent>) -> Result<RowSet, String> {
        let history = events.map(|events| events.rows_of(|id| self.held.columns.row(id)));
        let history = history.as_ref().map(|events| events as &dyn History);
        let asked = Asked { values, user: None, current_item: None, history };
        self.plan.apply(&self.held.columns, &asked).map_err(|error| error.message)
    }

    /// Whether an item is among the rows that [`ReadyFilter::apply`] gave, be it known to the model or not.
    pub fn passes(&self, rows: &RowSet, id: &str) -> bool {
        self.held.row(id).is_some_and(|row| rows.contains(row))
    }
}

/// The model's items among some rows.
pub(crate) fn item_set(rows: &RowSet, loaded: &Loaded) -> ItemSet {
    ItemSet::from_words(rows.words().to_vec(), loaded.model.n_items())
}
