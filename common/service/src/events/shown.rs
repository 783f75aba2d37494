//! What recommendations showed, for events that name one: the impressions that they imply.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use palate_store::{Key, StoreError, Write};
use serde::{Deserialize, Serialize};

use crate::error::{OpError, chain};
use crate::records::{FORMAT, decode, encode};
use crate::service::Service;

/// For so long an event may name a recommendation: who chose nothing in a day has left.
const KEPT_S: u64 = 86_400;

/// An impression has at most so many items, and so many bytes with bars between them, as an import takes it.
const MAX_ITEMS: usize = 25;
const MAX_BYTES: usize = 1000;

/// Recommendations that a process remembers itself.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not 0");

/// The ARN of a dataset group, and the id of a recommendation.
type Recommendation = (Arc<str>, String);

/// The items of recommendations.
pub(super) struct Remembered(Mutex<LruCache<Recommendation, Arc<[String]>>>);

impl Default for Remembered {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

#[derive(Serialize, Deserialize)]
struct Shown {
    format: u64,
    items: Vec<String>,
}

fn key(dataset_group_arn: &str, recommendation_id: &str) -> Key {
    Key::new(format!("shown/{dataset_group_arn}"), recommendation_id)
}

/// Notes what a recommendation showed, the best first. Events find it in this process at once and in others as soon as
/// it is stored, for which nobody waits: if that fails, the impression is missing among many.
pub(crate) fn note_shown<'a>(
    service: &Arc<Service>,
    dataset_group_arn: &Arc<str>,
    recommendation_id: &str,
    items: impl Iterator<Item = &'a str>,
) {
    let mut n_bytes = 0;
    let fits = |item: &&str| {
        n_bytes += item.len() + 1;
        n_bytes <= MAX_BYTES + 1
    };
    let items: Arc<[String]> = items.take(MAX_ITEMS).take_while(fits).map(str::to_owned).collect();
    if items.is_empty() {
        return;
    }
    let name = (Arc::clone(dataset_group_arn), recommendation_id.to_owned());
    service.events.shown.0.lock().unwrap_or_else(PoisonError::into_inner).put(name, Arc::clone(&items));
    let (service, key) = (Arc::clone(service), key(dataset_group_arn, recommendation_id));
    tokio::spawn(async move {
        if let Err(error) = store(&service, key, items.to_vec()).await {
            tracing::warn!(error = chain(&error), "what a recommendation showed is not noted");
        }
    });
}

async fn store(service: &Service, key: Key, items: Vec<String>) -> Result<(), OpError> {
    let expires_s = service.clock.now_ms() / 1_000 + KEPT_S;
    let value = encode(&Shown { format: FORMAT, items })?;
    match service.records.commit(vec![Write::CreateUntil { key, value, expires_s }]).await {
        // The commit was tried twice.
        Err(StoreError::AlreadyExists { .. }) => Ok(()),
        other => Ok(other?),
    }
}

/// What these recommendations showed, as far as that is known.
pub(super) async fn shown(
    service: &Service,
    dataset_group_arn: &str,
    recommendation_ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, Vec<String>>, OpError> {
    let mut found = HashMap::new();
    for id in recommendation_ids {
        if found.contains_key(id) {
            continue;
        }
        let name = (Arc::<str>::from(dataset_group_arn), id.to_owned());
        let remembered = service.events.shown.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let items = match remembered {
            Some(items) => items.to_vec(),
            None => match service.records.get(&key(dataset_group_arn, id)).await? {
                Some(record) => decode::<Shown>(&record)?.items,
                None => continue,
            },
        };
        found.insert(id.to_owned(), items);
    }
    Ok(found)
}
