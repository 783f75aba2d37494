//! Access keys in the record store: an id that everybody may see, a secret that only its owner was shown.

use std::fmt;

use chacha20poly1305::aead::Generate;
use palate_store::{Key, Record, RecordStore, RecordStoreExt, StoreError};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::date;
use super::master_key::{MasterKey, Sealed};
use super::scope::{Scope, Scopes};
use crate::records::{FORMAT, decode, encode};

const PARTITION: &str = "access-key";
/// What every id begins with; then [`ID_LETTERS`] of the alphabet.
const PREFIX: &str = "PALATE";
const ID_LETTERS: usize = 14;
const SECRET_LETTERS: usize = 40;
/// RFC 4648's base 32: five random bits a letter, so an id has 70 and a secret 200.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters of the longest description.
const MAX_DESCRIPTION: usize = 256;

/// Why a key is not made, found or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}")]
    Invalid(String),
    #[error("there is no access key {0}")]
    Unknown(String),
    #[error("the access key was made under another master key, or its record was changed")]
    Unreadable,
    #[error("the system has no randomness")]
    Random,
    #[error("the access keys cannot be read or written")]
    Store(#[from] StoreError),
    #[error("an access key's record cannot be read or written")]
    Record(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A new key, shown once.
pub struct NewKey {
    pub id: String,
    pub secret: String,
}

/// What may be seen of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySummary {
    pub id: String,
    pub scopes: Scopes,
    pub description: String,
    /// `2026-11-23T19:53:39Z`
    pub created: String,
}

/// A key that requests can be checked against.
pub struct AccessKey {
    pub id: String,
    pub scopes: Scopes,
    secret: String,
}

impl AccessKey {
    /// For a verification that is not this crate's: `s3s` does its own.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Compares without telling by its time how much was right.
    pub(super) fn has_secret(&self, secret: &str) -> bool {
        self.secret.as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

impl fmt::Debug for AccessKey {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u64,
    scopes: Scopes,
    description: String,
    created_ms: u64,
    sealed: Sealed,
}

impl Stored {
    fn read(record: &Record) -> Result<Self, KeyError> {
        decode(record).map_err(|error| KeyError::Record(error.into()))
    }
}

/// Makes a key. `now_ms` is the time in milliseconds since the epoch.
///
/// # Errors
/// [`KeyError::Invalid`] without a scope or with a description that is too long or not printable; others as
/// the store and the system fail.
pub async fn create(
    records: &dyn RecordStore,
    master_key: &MasterKey,
    scopes: Scopes,
    description: &str,
    now_ms: u64,
) -> Result<NewKey, KeyError> {
    if scopes.is_empty() {
        return Err(KeyError::Invalid("an access key needs a scope: read, events or admin".into()));
    }
    if description.chars().count() > MAX_DESCRIPTION || description.chars().any(char::is_control) {
        let message = format!("a description has at most {MAX_DESCRIPTION} characters and no control characters");
        return Err(KeyError::Invalid(message));
    }
    let id = format!("{PREFIX}{}", letters::<ID_LETTERS>()?);
    let secret = letters::<SECRET_LETTERS>()?;
    let sealed = master_key.seal(&secret, &about(&id, &scopes))?;
    let stored = Stored { format: FORMAT, scopes, description: description.to_owned(), created_ms: now_ms, sealed };
    let value = encode(&stored).map_err(|error| KeyError::Record(error.into()))?;
    records.create(Key::new(PARTITION, &id), value).await?;
    Ok(NewKey { id, secret })
}

/// All keys, oldest first.
///
/// # Errors
/// As the store fails.
pub async fn list(records: &dyn RecordStore) -> Result<Vec<KeySummary>, KeyError> {
    let mut keys = Vec::new();
    for record in records.list_all(PARTITION, "").await? {
        let stored = Stored::read(&record)?;
        keys.push((stored.created_ms, record.key.sort, stored));
    }
    keys.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let summary = |(created_ms, id, stored): (u64, String, Stored)| KeySummary {
        id,
        scopes: stored.scopes,
        description: stored.description,
        created: date::extended(created_ms),
    };
    Ok(keys.into_iter().map(summary).collect())
}

/// Removes a key. Processes that know it forget it within seconds.
///
/// # Errors
/// [`KeyError::Unknown`] if it is not there; others as the store fails.
pub async fn revoke(records: &dyn RecordStore, id: &str) -> Result<(), KeyError> {
    let unknown = || KeyError::Unknown(id.to_owned());
    if !is_id(id) {
        return Err(unknown());
    }
    let record = records.get(&Key::new(PARTITION, id)).await?.ok_or_else(unknown)?;
    match records.delete(record.key, record.version).await {
        // Somebody else was faster.
        Err(StoreError::Conflict { .. }) => Err(unknown()),
        other => Ok(other?),
    }
}

/// Finds a key and decrypts its secret; `None` if there is no such key.
///
/// # Errors
/// [`KeyError::Unreadable`] under another master key; others as the store fails.
pub(super) async fn find(
    records: &dyn RecordStore,
    master_key: &MasterKey,
    id: &str,
) -> Result<Option<AccessKey>, KeyError> {
    if !is_id(id) {
        return Ok(None);
    }
    let Some(record) = records.get(&Key::new(PARTITION, id)).await? else { return Ok(None) };
    let Stored { scopes, sealed, .. } = Stored::read(&record)?;
    let secret = master_key.open(&sealed, &about(id, &scopes)).ok_or(KeyError::Unreadable)?;
    Ok(Some(AccessKey { id: id.to_owned(), scopes, secret }))
}

/// What a secret is sealed with: a record that was given another id or more scopes does not open.
fn about(id: &str, scopes: &Scopes) -> String {
    format!("{id} {scopes}")
}

/// Whether Palate could have made this id; the store is not asked for others.
fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix(PREFIX);
    rest.is_some_and(|rest| rest.len() == ID_LETTERS && rest.bytes().all(|letter| ALPHABET.contains(&letter)))
}

fn letters<const N: usize>() -> Result<String, KeyError> {
    let bytes = <[u8; N]>::try_generate().map_err(|_| KeyError::Random)?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

/// A scope list as the command line has it: `read,events`.
///
/// # Errors
/// A message that names the word that is no scope.
pub fn parse_scopes(text: &str) -> Result<Scopes, String> {
    text.split(',').map(|name| name.trim().parse::<Scope>()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;

    fn store() -> (tempfile::TempDir, Arc<dyn RecordStore>) {
        let folder = tempfile::tempdir().unwrap();
        let records = palate_store::embedded::open(folder.path()).unwrap().records;
        (folder, records)
    }

    fn master_key(text: &str) -> MasterKey {
        MasterKey::from_text(&text.repeat(32)).unwrap()
    }

    #[tokio::test]
    async fn a_key_is_found_until_it_is_revoked() {
        let (_folder, records) = store();
        let master_key = master_key("a");
        let scopes = parse_scopes("events,read").unwrap();
        let new = create(&*records, &master_key, scopes.clone(), "the shop", 1_440_938_160_000).await.unwrap();
        assert!(is_id(&new.id) && new.id.len() == 20 && new.secret.len() == 40, "{}", new.id);

        let found = find(&*records, &master_key, &new.id).await.unwrap().unwrap();
        assert!(found.has_secret(&new.secret) && !found.has_secret("") && found.scopes == scopes);
        assert!(!format!("{found:?}").contains(&new.secret));

        let listed = list(&*records).await.unwrap();
        let created = "2015-08-30T12:36:00Z".to_owned();
        assert_eq!(listed, [KeySummary { id: new.id.clone(), scopes, description: "the shop".into(), created }]);

        revoke(&*records, &new.id).await.unwrap();
        assert!(find(&*records, &master_key, &new.id).await.unwrap().is_none());
        assert!(matches!(revoke(&*records, &new.id).await, Err(KeyError::Unknown(id)) if id == new.id));
        assert_eq!(list(&*records).await.unwrap(), []);
    }

    #[tokio::test]
    async fn the_store_holds_no_secret() {
        let (_folder, records) = store();
        let new = create(&*records, &master_key("a"), parse_scopes("admin").unwrap(), "", 0).await.unwrap();
        let record = records.get(&Key::new(PARTITION, &new.id)).await.unwrap().unwrap();
        let text = String::from_utf8(record.value).unwrap();
        assert!(!text.contains(&new.secret) && !text.contains(&super::super::hex(new.secret.as_bytes())), "{text}");
    }

    #[tokio::test]
    async fn a_record_with_more_scopes_or_under_another_master_key_does_not_open() {
        let (_folder, records) = store();
        let new = create(&*records, &master_key("a"), parse_scopes("read").unwrap(), "", 0).await.unwrap();
        assert!(matches!(find(&*records, &master_key("b"), &new.id).await, Err(KeyError::Unreadable)));
        let record = records.get(&Key::new(PARTITION, &new.id)).await.unwrap().unwrap();
        let widened = String::from_utf8(record.value).unwrap().replace("\"read\"", "\"admin\"");
        records.update(record.key, record.version, widened.into_bytes()).await.unwrap();
        assert!(matches!(find(&*records, &master_key("a"), &new.id).await, Err(KeyError::Unreadable)));
    }

    #[tokio::test]
    async fn a_key_needs_a_scope_and_a_description_of_one_line() {
        let (_folder, records) = store();
        let none: Scopes = std::iter::empty().collect();
        let refused = create(&*records, &master_key("a"), none, "", 0).await;
        assert!(matches!(refused, Err(KeyError::Invalid(message)) if message.contains("scope")));
        for description in ["two\nlines", &"x".repeat(257)] {
            let refused = create(&*records, &master_key("a"), parse_scopes("read").unwrap(), description, 0).await;
            assert!(matches!(refused, Err(KeyError::Invalid(message)) if message.contains("256")));
        }
        assert!(parse_scopes("read,write").unwrap_err().contains("write"));
    }

    #[tokio::test]
    async fn ids_that_palate_does_not_make_are_unknown() {
        let (_folder, records) = store();
        for id in ["", "AKIAIOSFODNN7EXAMPLE", "PALATE", "PALATEaaaaaaaaaaaaaa", "PALATE../../../../../"] {
            assert!(find(&*records, &master_key("a"), id).await.unwrap().is_none(), "{id}");
            assert!(matches!(revoke(&*records, id).await, Err(KeyError::Unknown(_))), "{id}");
        }
    }
}
