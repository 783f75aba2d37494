//! Streams: what users did, in order of time under each user, every event id once.

use std::sync::atomic::Ordering;

use palate_store::{Key, Order, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::arrivals;
use super::target::dataset_arn;
use crate::data::{Journal, Row};
use crate::error::OpError;
use crate::paging::hex;
use crate::records::{FORMAT, decode, encode};
use crate::schema::DatasetType;
use crate::service::Service;
use crate::wire::Timestamp;

/// For so long an event stands under its user, and its id is known: three months, after which filters forget it.
/// Trainings have it from the journal and from parts.
const KEPT_S: u64 = 90 * 86_400;

/// What is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum StreamKind {
    Events,
    ActionInteractions,
}

impl StreamKind {
    pub fn dataset_type(self) -> DatasetType {
        match self {
            Self::Events => DatasetType::Interactions,
            Self::ActionInteractions => DatasetType::ActionInteractions,
        }
    }

    /// The first part of the partitions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Events => "event",
            Self::ActionInteractions => "action-interaction",
        }
    }
}

/// What is streamed into one dataset. Its creation is part of the name: with a dataset its stream is gone, and
/// a new one of the same name begins with none.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub kind: StreamKind,
    pub dataset_group_arn: String,
    pub created_ms: i64,
}

/// One event on its way into a stream.
pub(super) trait Streamed: Serialize {
    fn event_id(&self) -> Option<&str>;
    /// The user's id, or the session's for a visitor.
    fn owner(&self) -> &str;
    fn at(&self) -> Timestamp;
    /// As a row of the dataset: values by the fields that schemas can have for it.
    fn row(&self) -> Row;
}

/// The writes that store one event.
struct Storing {
    row: Row,
    event: Write,
    /// Creates the event id if the event has one.
    id: Option<Write>,
}

impl Stream {
    /// Of one user. A long id may have 1,024 bytes, which is all that a key may have.
    pub fn partition(&self, owner: &str) -> String {
        let Self { kind, dataset_group_arn, created_ms } = self;
        let word = kind.word();
        if owner.len() > 512 {
            return format!("{word}/{dataset_group_arn}/{created_ms}/sha256/{}", hex(&Sha256::digest(owner)));
        }
        format!("{word}/{dataset_group_arn}/{created_ms}/id/{owner}")
    }

    fn journal(&self) -> Result<Journal, OpError> {
        let broken = || OpError::internal(format!("{} is no dataset group's ARN", self.dataset_group_arn));
        let dataset_arn = dataset_arn(&self.dataset_group_arn, self.kind.dataset_type()).ok_or_else(broken)?;
        Ok(Journal::new(&dataset_arn, self.created_ms))
    }

    /// A partition of its own for each event id: one for all would take all of a group's writes.
    fn id_key(&self, event_id: &str) -> Key {
        let Self { kind, dataset_group_arn, created_ms } = self;
        let hash = hex(&Sha256::digest(event_id));
        Key::new(format!("{}-id/{dataset_group_arn}/{created_ms}/{hash}", kind.word()), "id")
    }

    /// Stores events in one commit, each once: one whose event id the stream has seen is left out.
    pub async fn append<T: Streamed>(&self, service: &Service, events: &[T]) -> Result<(), OpError> {
        let mut ids = std::collections::HashSet::new();
        let now_ms = service.clock.now_ms();
        let fresh = events.iter().filter(|event| event.event_id().is_none_or(|id| ids.insert(id)));
        let mut storing = fresh.map(|event| self.storing(event, now_ms)).collect::<Result<Vec<_>, _>>()?;
        let mut arrival = arrivals::due(service, self).await?;
        let journal = self.journal()?;
        while !storing.is_empty() {
            let events = storing.iter().flat_map(|each| [Some(&each.event), each.id.as_ref()]);
            let mut writes: Vec<Write> = events.chain([arrival.as_ref()]).flatten().cloned().collect();
            let rows = storing.iter().map(|each| each.row.clone()).collect();
            writes.extend(journal.note(now_ms, rows)?);
            let taken = match service.records.commit(writes).await {
                Ok(()) => {
                    service.metrics.events_stored.fetch_add(storing.len() as u64, Ordering::Relaxed);
                    return Ok(());
                }
                Err(StoreError::AlreadyExists { key } | StoreError::Conflict { key }) => key,
                Err(error) => return Err(error.into()),
            };
            if arrival.as_ref().is_some_and(|arrival| arrival.key().to_string() == taken) {
                // Another caller has moved it just now.
                arrival = None;
                continue;
            }
            // An event id was there already, maybe since a moment ago; the other events must still be stored.
            let n_before = storing.len();
            let mut unseen = Vec::with_capacity(n_before);
            for each in storing {
                let seen = match &each.id {
                    Some(id) => service.records.get(id.key()).await?.is_some(),
                    None => false,
                };
                if !seen {
                    unseen.push(each);
                }
            }
            storing = unseen;
            if storing.len() == n_before {
                return Err(OpError::Changed(self.dataset_group_arn.clone()));
            }
        }
        Ok(())
    }

    /// The event under its user, in order of time, and its id if it has one.
    fn storing<T: Streamed>(&self, event: &T, now_ms: u64) -> Result<Storing, OpError> {
        let expires_s = now_ms / 1_000 + KEPT_S;
        // Times from year 1 on, so that no number is negative and text order is time order.
        let since_year_1 = event.at().0 + 62_135_596_800_000;
        let sort = format!("{since_year_1:016}/{}", uuid::Uuid::new_v4());
        let key = Key::new(self.partition(event.owner()), sort);
        let id = event.event_id().map(|id| -> Result<Write, OpError> {
            Ok(Write::CreateUntil { key: self.id_key(id), value: encode(&json!({ "format": FORMAT }))?, expires_s })
        });
        Ok(Storing {
            row: event.row(),
            event: Write::CreateUntil { key, value: encode(event)?, expires_s },
            id: id.transpose()?,
        })
    }

    /// The newest events of a user, oldest first.
    pub async fn newest<T: DeserializeOwned>(
        &self,
        service: &Service,
        owner: &str,
        limit: usize,
    ) -> Result<Vec<T>, OpError> {
        let partition = self.partition(owner);
        let (mut newest, mut after) = (Vec::new(), None::<String>);
        // A page may be shorter than its limit.
        while newest.len() < limit {
            let wanted = (limit - newest.len()).min(1000);
            let page = service.records.list(&partition, "", after.as_deref(), wanted, Order::Descending).await?;
            for record in &page.entries {
                newest.push(decode(record)?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        newest.reverse();
        Ok(newest)
    }
}
