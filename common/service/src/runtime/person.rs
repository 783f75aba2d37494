use std::collections::HashMap;
use std::sync::Arc;

use palate_recipes::{Event, EventPage, Query, RecipeInfo, Record, UserState};

use super::{Loaded, personal};
use crate::catalogue::{Catalogued, EVENTS_A_TYPE, Held, Source};
use crate::error::OpError;
use crate::events::{ActionEvent, ActionInteraction, StreamedEvent, recent_action_interactions, recent_events};
use crate::filters::History;
use crate::service::Service;

/// How many streamed events of a user the recipes look at, the newest.
const FOR_RECIPES: usize = 200;
/// How many of them filters look at, of all types together.
const FOR_FILTERS: usize = 1000;

/// How many action interactions filters look at, the newest.
const ACTIONS_FOR_FILTERS: usize = 300;

/// What a request has to know of its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What the recipe learns from.
    pub history: bool,
    /// Events by type.
    pub events: bool,
    /// What the user made of actions, by type.
    pub actions: bool,
    /// What the Users dataset says.
    pub record: bool,
}

impl Wanted {
    /// What a recipe itself looks at.
    pub fn by(info: &RecipeInfo) -> Self {
        Self { history: personal(info), record: info.reads.users, ..Self::default() }
    }
}

/// The user who asks, and what the user has done.
#[derive(Default)]
pub(crate) struct Person {
    pub id: String,
    /// Oldest first: at training (the model's pages) and since (streamed events).
    pub history: Vec<Event>,
    /// What the model made of the user at training, if it keeps that, and what the user did since.
    state: Option<Vec<u8>>,
    newer: Vec<Event>,
    /// The visit of each of `newer`, by the session's id.
    visits: Vec<u32>,
    /// What the Users dataset says of the user, if the recipe reads it.
    record: Option<Record>,
    /// According to imports.
    page: Option<Arc<EventPage>>,
    /// Oldest first.
    streamed: Vec<StreamedEvent>,
    /// Oldest first; as far as they were streamed.
    acted: Vec<ActionInteraction>,
}

impl Person {
    pub async fn read(
        service: &Arc<Service>,
        loaded: &Loaded,
        dataset_group_arn: &str,
        user_id: &str,
        wanted: Wanted,
    ) -> Result<Self, OpError> {
        let mut person = Self { id: user_id.to_owned(), ..Self::default() };
        if wanted.history || wanted.events {
            let limit = if wanted.events { FOR_FILTERS } else { FOR_RECIPES };
            person.streamed = recent_events(service, dataset_group_arn, user_id, limit).await?;
        }
        if wanted.history {
            let page = service.runtime.models.page(service, loaded, user_id).await?;
            let trained = page.as_ref().and_then(|page| page.history(user_id)).unwrap_or_default();
            person.state = page.as_ref().and_then(|page| page.state(user_id)).map(<[u8]>::to_vec);
            (person.newer, person.visits) = person.newer_than(loaded, trained);
            person.history = [trained, &person.newer].concat();
            person.history.sort_by_key(|event| event.timestamp_s);
        }
        if wanted.actions {
            person.acted = recent_action_interactions(service, dataset_group_arn, user_id, ACTIONS_FOR_FILTERS).await?;
        }
        if wanted.record {
            person.record = record_of(service, dataset_group_arn, user_id).await?;
        }
        if wanted.events {
            person.page = service.runtime.catalogue.page_of(service, dataset_group_arn, user_id).await?;
        }
        Ok(person)
    }

    /// The user's part of a question to a model.
    pub fn query<'a>(&'a self, context: Option<&'a Record>) -> Query<'a> {
        let state = self.state.as_ref().map(|bytes| UserState { bytes, newer: &self.newer });
        // Among the whole history, which is in the order of time, they are the last if nothing was trained with later
        // times.
        let is_last = self.history.ends_with(&self.newer);
        let visits = if state.is_some() || is_last { self.visits.as_slice() } else { &[] };
        Query { history: &self.history, state, visits, user: self.record.as_ref(), context, ..Query::default() }
    }

    /// The model's items that streamed impressions showed and that the user did not choose then, once for each time;
    /// none for recipes that take no notice of impressions.
    pub fn passed_over(&self, loaded: &Loaded) -> Vec<u32> {
        if !loaded.info.reads.impressions {
            return Vec::new();
        }
        let shown = self.streamed.iter().flat_map(|event| {
            let others = event.impression.iter().flatten().filter(|item| **item != event.item_id);
            others.filter_map(|item| loaded.model.item_index(item))
        });
        shown.collect()
    }

    /// Streamed events with items that the model knows, oldest first, as far as they are not in its page, and the
    /// visits that they were of.
    fn newer_than(&self, loaded: &Loaded, trained: &[Event]) -> (Vec<Event>, Vec<u32>) {
        let begin = self.streamed.len().saturating_sub(FOR_RECIPES);
        let mut sessions: HashMap<&str, u32> = HashMap::new();
        let mut newer = Vec::new();
        for event in &self.streamed[begin..] {
            let Some(item) = loaded.model.item_index(&event.item_id) else { continue };
            let event_of_item = Event { item, timestamp_s: event.sent_at.seconds() };
            // An event may have been streamed and imported.
            if !trained.contains(&event_of_item) {
                let n_sessions = sessions.len() as u32;
                newer.push((event_of_item, *sessions.entry(&event.session_id).or_insert(n_sessions)));
            }
        }
        newer.sort_by_key(|(event, _)| event.timestamp_s);
        newer.into_iter().unzip()
    }

    /// The newest events of each type as rows of `held`.
    pub fn rows(&self, held: &Held) -> EventRows {
        self.newest(|id| held.columns.row(id))
    }

    /// What the user made of actions, as rows of `held`.
    pub fn action_rows(&self, held: &Held) -> EventRows {
        let types = ActionEvent::ALL.map(|event_type| Some(event_type.name().to_lowercase())).to_vec();
        let row = |acted: &ActionInteraction| {
            let at = ActionEvent::ALL.iter().position(|known| *known == acted.event_type)?;
            Some((at, held.columns.row(&acted.action_id)?))
        };
        EventRows { types, rows: self.acted.iter().filter_map(row).collect() }
    }

    /// The model's items that the user had an event of this type with (in lower case).
    pub fn items(&self, loaded: &Loaded, event_type: &str) -> Vec<u32> {
        self.newest(|id| loaded.model.item_index(id)).rows(Some(&[event_type.to_owned()]))
    }

    fn newest(&self, row_of: impl Fn(&str) -> Option<u32>) -> EventRows {
        let mut events: Vec<(i64, Option<String>, &str)> = Vec::new();
        for event in self.page.iter().flat_map(|page| page.events(&self.id)) {
            events.push((event.timestamp_s, event.event_type.map(str::to_owned), event.item_id));
        }
        for event in &self.streamed {
            events.push((event.sent_at.seconds(), Some(event.event_type.to_lowercase()), &event.item_id));
        }
        events.sort_by_key(|(timestamp_s, ..)| *timestamp_s);
        let mut types: Vec<(Option<String>, usize)> = Vec::new();
        let mut rows = Vec::new();
        for (_, event_type, item_id) in events.into_iter().rev() {
            let at = types.iter().position(|(known, _)| *known == event_type).unwrap_or_else(|| {
                types.push((event_type, 0));
                types.len() - 1
            });
            types[at].1 += 1;
            if types[at].1 <= EVENTS_A_TYPE
                && let Some(row) = row_of(item_id)
            {
                rows.push((at, row));
            }
        }
        EventRows { types: types.into_iter().map(|(event_type, _)| event_type).collect(), rows }
    }
}

/// What the Users dataset says of a user; `None` if there is no such dataset.
async fn record_of(service: &Arc<Service>, group_arn: &str, user_id: &str) -> Result<Option<Record>, OpError> {
    let source = Source { dataset_group_arn: group_arn.into(), kind: Catalogued::Users, model: None };
    let held = service.runtime.catalogue.columns(service, &source).await?;
    let Some(row) = held.row(user_id) else { return Ok(None) };
    let text = |name: &str| Some((name.to_uppercase(), held.columns.text(name, row)?));
    Ok(Some(held.fields.iter().filter_map(|field| text(&field.name)).collect()))
}

/// The rows of a user's interactions, each with the place of its type.
#[derive(Default)]
pub(crate) struct EventRows {
    /// In lower case; `None` for events without a type.
    types: Vec<Option<String>>,
    rows: Vec<(usize, u32)>,
}

impl EventRows {
    /// Adds rows of one type, in lower case.
    pub fn add(&mut self, event_type: Option<String>, rows: impl Iterator<Item = u32>) {
        let at = self.types.len();
        self.types.push(event_type);
        self.rows.extend(rows.map(|row| (at, row)));
    }
}

impl History for EventRows {
    fn rows(&self, event_types: Option<&[String]>) -> Vec<u32> {
        let Some(event_types) = event_types else { return self.rows.iter().map(|(_, row)| *row).collect() };
        let wanted: Vec<String> = event_types.iter().map(|event_type| event_type.to_lowercase()).collect();
        let fits: Vec<bool> =
            self.types.iter().map(|known| known.as_ref().is_some_and(|known| wanted.contains(known))).collect();
        self.rows.iter().filter(|(at, _)| fits[*at]).map(|(_, row)| *row).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use palate_recipes::Scored;
    use serde_json::json;

    use super::*;
    use crate::runtime::fixed::loaded;

    #[test]
    fn only_recipes_that_read_impressions_heed_what_was_passed_over() {
        let event = json!({
            "format": 1, "sessionId": "s", "eventType": "click", "itemId": "b", "sentAt": 0,
            "impression": ["a", "b", "of another model", "a"],
        });
        let streamed = vec![serde_json::from_value(event).unwrap()];
        let person = Person { streamed, ..Person::default() };
        for (recipe, passed_over) in [
            ("aws-user-personalization", &[0, 0][..]),
            ("aws-vod-top-picks", &[0, 0]),
            ("aws-ecomm-recommended-for-you", &[0, 0]),
            ("aws-user-personalization-v2", &[]),
        ] {
            let loaded = loaded(recipe, &[("a", Scored::new(0, None)), ("b", Scored::new(1, None))]);
            assert_eq!(person.passed_over(&loaded), passed_over, "{recipe}");
        }
    }
}
