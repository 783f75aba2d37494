//! Resources as typed records: every kind is read, written and listed in the same way.

use std::sync::Arc;

use palate_store::{Key, Record, RecordStore, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::arn::{Kind, Place};
use crate::error::OpError;
use crate::wire::Timestamp;

/// The version that every stored record begins with; a higher one is refused.
pub(crate) const FORMAT: u64 = 1;

/// A resource of the API, stored in its wire form.
pub(crate) trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: Kind;
    fn arn(&self) -> &str;
    fn created(&self) -> Timestamp;
}

/// A resource as it was read, with the version that an update expects.
#[derive(Clone, Debug)]
pub(crate) struct Stored<R> {
    pub resource: R,
    pub tags: Vec<Value>,
    key: Key,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct Envelope<R> {
    format: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Value>,
    resource: R,
}

impl<R: Serialize + DeserializeOwned> Stored<R> {
    fn read(record: Record) -> Result<Self, OpError> {
        let Envelope { resource, tags, .. } = decode::<Envelope<R>>(&record)?;
        Ok(Self { resource, tags, key: record.key, version: record.version })
    }

    /// The write that stores what `resource` has become.
    pub fn update(&self) -> Result<Write, OpError> {
        let value = encode(&Envelope { format: FORMAT, tags: self.tags.clone(), resource: &self.resource })?;
        Ok(Write::Update { key: self.key.clone(), expected: self.version, value })
    }

    /// The write that changes nothing and fails if the resource has changed: for what may be done only while the
    /// resource is there, and so often that moving its version would make others wait.
    pub fn unchanged(&self) -> Write {
        Write::Check { key: self.key.clone(), expected: self.version }
    }

    pub fn delete(&self) -> Write {
        Write::Delete { key: self.key.clone(), expected: self.version }
    }

    /// The write that moves the resource's version and nothing else: whoever read it before and wants to
    /// delete it must look again. Goes with the creation of whatever depends on the resource.
    pub fn touch(&self) -> Result<Write, OpError> {
        self.update()
    }
}

/// A record's value as JSON.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, OpError> {
    serde_json::to_vec(value).map_err(OpError::internal)
}

/// A record's value from JSON, if its format version is one that this program knows.
pub(crate) fn decode<T: DeserializeOwned>(record: &Record) -> Result<T, OpError> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let found = serde_json::from_slice::<Head>(&record.value).map_err(OpError::internal)?.format;
    if found > FORMAT {
        let at = format!("{}/{}", record.key.partition, record.key.sort);
        return Err(OpError::internal(format!("record {at} has format {found}; this program reads up to {FORMAT}")));
    }
    serde_json::from_slice(&record.value).map_err(OpError::internal)
}

/// The record store with the service's types.
#[derive(Clone)]
pub(crate) struct Records(Arc<dyn RecordStore>);

impl std::ops::Deref for Records {
    type Target = dyn RecordStore;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

impl Records {
    pub fn new(store: Arc<dyn RecordStore>) -> Self {
        Self(store)
    }

    /// Reads a resource; `member` is the request's name for its ARN.
    pub async fn fetch<R: Resource>(&self, arn: &str, member: &str) -> Result<Stored<R>, OpError> {
        R::KIND.check(arn, member)?;
        self.find(arn).await?.ok_or_else(|| R::KIND.missing(arn))
    }

    /// Reads a resource that may be absent.
    pub async fn find<R: Resource>(&self, arn: &str) -> Result<Option<Stored<R>>, OpError> {
        let Some(key) = key_of(R::KIND, arn) else { return Ok(None) };
        self.0.get(&key).await?.map(Stored::read).transpose()
    }

    /// The write that creates a resource.
    pub fn creation<R: Resource>(&self, resource: &R, tags: Vec<Value>) -> Result<Write, OpError> {
        let arn = resource.arn();
        let key = key_of(R::KIND, arn).ok_or_else(|| OpError::internal(format!("{arn} is no ARN")))?;
        Ok(Write::Create { key, value: encode(&Envelope { format: FORMAT, tags, resource })? })
    }

    /// Refuses a name that is taken, for creations that are refused for lesser reasons too.
    pub async fn check_free<R: Resource>(&self, arn: &str) -> Result<(), OpError> {
        match self.find::<R>(arn).await? {
            Some(_) => Err(taken(arn)),
            None => Ok(()),
        }
    }

    /// Creates a resource and does `with` in the same commit.
    ///
    /// # Errors
    /// `AlreadyExists` if the resource's ARN is taken, `Changed` if one of the others is not as it was read.
    pub async fn create<R: Resource>(&self, resource: &R, tags: Vec<Value>, with: Vec<Write>) -> Result<(), OpError> {
        let mut writes = vec![self.creation(resource, tags)?];
        writes.extend(with);
        let own = writes.first().map(|write| write.key().to_string());
        match self.0.commit(writes).await {
            // Another key that is taken is one that was free when the operation read it.
            Err(StoreError::AlreadyExists { key }) if own.as_ref() == Some(&key) => Err(taken(resource.arn())),
            other => changed(other, resource.arn()),
        }
    }

    /// Deletes a resource and does `with` in the same commit.
    pub async fn remove<R: Resource>(&self, stored: &Stored<R>, with: Vec<Write>) -> Result<(), OpError> {
        let mut writes = vec![stored.delete()];
        writes.extend(with);
        changed(self.0.commit(writes).await, stored.resource.arn())
    }

    /// Reads a resource as JSON, whatever its kind.
    pub async fn find_any(&self, kind: Kind, arn: &str) -> Result<Option<Stored<Value>>, OpError> {
        let Some(key) = key_of(kind, arn) else { return Ok(None) };
        self.0.get(&key).await?.map(Stored::read).transpose()
    }

    /// All resources of a kind in a place as JSON, for questions that every kind answers alike.
    pub async fn all_of(&self, kind: Kind, place: &Place) -> Result<Vec<Stored<Value>>, OpError> {
        let records = self.0.list_all(&partition(kind, place), "").await?;
        records.into_iter().map(Stored::read).collect()
    }

    /// Stores a resource of any kind with what has become of it and its tags.
    pub async fn save_any(&self, stored: &Stored<Value>, arn: &str) -> Result<(), OpError> {
        changed(self.0.commit(vec![stored.update()?]).await, arn)
    }

    /// Stores what a resource has become and does `with` in the same commit.
    pub async fn save<R: Resource>(&self, stored: &Stored<R>, with: Vec<Write>) -> Result<(), OpError> {
        let mut writes = vec![stored.update()?];
        writes.extend(with);
        changed(self.0.commit(writes).await, stored.resource.arn())
    }

    /// Does the writes in one commit.
    ///
    /// # Errors
    /// `Changed`, naming `arn`, if one of the records is not as it was read.
    pub async fn change(&self, writes: Vec<Write>, arn: &str) -> Result<(), OpError> {
        changed(self.0.commit(writes).await, arn)
    }

    /// All resources of a kind in a place, or those below `prefix` (`solution name/` for its versions).
    pub async fn all<R: Resource>(&self, place: &Place, prefix: &str) -> Result<Vec<Stored<R>>, OpError> {
        let records = self.0.list_all(&partition(R::KIND, place), prefix).await?;
        records.into_iter().map(Stored::read).collect()
    }
}

fn taken(arn: &str) -> OpError {
    OpError::AlreadyExists(format!("Another resource with Arn {arn} already exists."))
}

fn changed(result: Result<(), StoreError>, arn: &str) -> Result<(), OpError> {
    match result {
        Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => Err(OpError::Changed(arn.to_owned())),
        other => Ok(other?),
    }
}

fn partition(kind: Kind, place: &Place) -> String {
    let table = if kind == Kind::SolutionVersion { "solution-version" } else { kind.segment() };
    format!("{table}/{}/{}/{}", place.partition, place.account, place.region)
}

fn key_of(kind: Kind, arn: &str) -> Option<Key> {
    Some(Key::new(partition(kind, &Place::of(arn)?), kind.parts(arn)?.join("/")))
}
