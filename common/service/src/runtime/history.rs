use palate_recipes::Event;

use super::Loaded;
use crate::error::OpError;
use crate::events::recent_events;
use crate::service::Service;

/// How many streamed events of a user are looked at, the newest.
const STREAMED_EVENTS: usize = 200;

/// What a user has done, oldest first: at training (the model's pages) and since (streamed events).
pub(crate) async fn history(
    service: &Service,
    loaded: &Loaded,
    dataset_group_arn: &str,
    user_id: &str,
) -> Result<Vec<Event>, OpError> {
    let page = service.runtime.models.page(service, loaded, user_id).await?;
    let mut events = page.as_ref().and_then(|page| page.history(user_id)).map(<[Event]>::to_vec).unwrap_or_default();
    let streamed = recent_events(service, dataset_group_arn, user_id, STREAMED_EVENTS).await?;
    let at_training = events.len();
    for event in &streamed {
        let Some(item) = loaded.model.item_index(&event.item_id) else { continue };
        let event = Event { item, timestamp_s: event.sent_at.seconds() };
        // An event may have been streamed and imported.
        if !events[..at_training].contains(&event) {
            events.push(event);
        }
    }
    events.sort_by_key(|event| event.timestamp_s);
    Ok(events)
}
