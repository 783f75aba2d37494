//! Lets requests in, or not: the installation's keys, and what they are for.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::request::Parts;
use lru::LruCache;
use palate_store::RecordStore;

use super::Access;
use super::claim::Claim;
use super::keys::{self, AccessKey, KeyError};
use super::master_key::MasterKey;
use super::scope::Scope;
use crate::error::{OpError, chain};

/// How long a key is known without asking the store; a revoked one works no longer than that.
const KNOWN_FOR: Duration = Duration::from_secs(3);
const MAX_KNOWN: NonZeroUsize = NonZeroUsize::new(1000).expect("1000 is not 0");

/// Checks requests against the access keys of an installation.
pub(crate) struct Gate {
    records: Arc<dyn RecordStore>,
    master_key: MasterKey,
    region: Option<String>,
    known: Known,
}

/// A request whose head is right and whose key is known.
pub(crate) struct Caller {
    claim: Claim,
    key: Arc<AccessKey>,
}

impl Gate {
    /// `None` where anyone may call.
    pub fn of(access: &Access, records: &Arc<dyn RecordStore>) -> Option<Self> {
        let Access::Keys { master_key, region } = access else { return None };
        let (records, master_key, region) = (Arc::clone(records), master_key.clone(), region.clone());
        Some(Self { records, master_key, region, known: Known::new() })
    }

    /// Looks at a request's head, before anything of the body is read.
    pub async fn approach(&self, head: &Parts, now_ms: u64) -> Result<Caller, OpError> {
        let claim = Claim::read(head, now_ms, self.region.as_deref())?;
        let key = self.key(&claim.authorization.access_key).await?.ok_or(OpError::UnrecognizedClient)?;
        Ok(Caller { claim, key })
    }

    /// The key that a request names with its secret, `Authorization: Bearer <id>:<secret>`: for `/_palate/`,
    /// whose callers (a browser, Prometheus, a webhook) cannot sign. `None` if the request has no such header.
    pub async fn bearer(&self, head: &Parts) -> Option<Result<Arc<AccessKey>, OpError>> {
        let value = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (id, secret) = value.strip_prefix("Bearer ")?.trim().split_once(':').unwrap_or_default();
        let key = match self.key(id).await {
            Ok(key) => key.filter(|key| key.has_secret(secret)),
            Err(error) => return Some(Err(error)),
        };
        Some(key.ok_or(OpError::UnrecognizedClient))
    }

    /// A key by its id.
    pub async fn key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, OpError> {
        if let Some(key) = self.known.get(id, Instant::now()) {
            return Ok(Some(key));
        }
        match keys::find(self.records.as_ref(), &self.master_key, id).await {
            Ok(None) => Ok(None),
            Ok(Some(key)) => {
                let key = Arc::new(key);
                self.known.insert(Arc::clone(&key), Instant::now());
                Ok(Some(key))
            }
            Err(error @ KeyError::Unreadable) => {
                tracing::error!(key = id, error = chain(&error), "an access key is refused");
                Ok(None)
            }
            Err(error) => Err(OpError::internal(error)),
        }
    }
}

impl Caller {
    /// Proves that the key's owner signed this very request.
    pub fn prove(&self, head: &Parts, content: &[u8]) -> Result<(), OpError> {
        self.claim.prove(head, content, &self.key)
    }

    pub fn key(&self) -> &AccessKey {
        &self.key
    }
}

/// Refuses what a key is not for; `user` is the beginning of its name, `arn:…:user/`.
pub(super) fn allow(key: &AccessKey, needed: Scope, user: &str, action: &str) -> Result<(), OpError> {
    if key.scopes.allow(needed) {
        return Ok(());
    }
    let AccessKey { id, scopes, .. } = key;
    Err(OpError::AccessDenied(format!(
        "User: {user}{id} is not authorized to perform: {action} because its access key is for {scopes} and not for \
         {needed}"
    )))
}

/// Keys that the store was asked for a moment ago. Time is monotonic: a service clock that is held must not
/// keep a revoked key alive.
struct Known(Mutex<LruCache<String, (Instant, Arc<AccessKey>)>>);

impl Known {
    fn new() -> Self {
        Self(Mutex::new(LruCache::new(MAX_KNOWN)))
    }

    fn get(&self, id: &str, now: Instant) -> Option<Arc<AccessKey>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = known.get(id)?;
        if now.saturating_duration_since(*since) < KNOWN_FOR {
            return Some(Arc::clone(key));
        }
        known.pop(id);
        None
    }

    fn insert(&self, key: Arc<AccessKey>, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key.id.clone(), (now, key));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_key_is_known_for_seconds_and_then_looked_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let records = palate_store::embedded::open(folder.path()).unwrap().records;
        let master_key = MasterKey::from_text(&"m".repeat(32)).unwrap();
        let scopes = keys::parse_scopes("read").unwrap();
        let id = keys::create(&*records, &master_key, scopes, "", 0).await.unwrap().id;
        let gate = Gate::of(&Access::Keys { master_key, region: None }, &records).unwrap();
        assert!(gate.key(&id).await.unwrap().is_some());
        keys::revoke(&*records, &id).await.unwrap();

        let now = Instant::now();
        assert!(gate.known.get(&id, now).is_some(), "known since a moment ago");
        assert!(gate.known.get(&id, now + KNOWN_FOR).is_none());
        assert!(gate.key(&id).await.unwrap().is_none(), "and the store knows it no longer");
    }
}
