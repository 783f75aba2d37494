//! Automatic updates: every two hours, what is new comes into models of recipes that explore, without a training.
//!
//! Whose model is looked after has a record in one partition: a solution version that a campaign serves, a recommender.
//! The record is written in the commit that deploys the model. An update is a job of the version or recommender, which
//! stays ACTIVE and goes on answering; it begins in the commit that moves the record on, so of several sweepers one
//! begins it, and its result takes the place of the very model that it was made from or is made again.

use std::collections::BTreeMap;
use std::sync::Arc;

use palate_store::{Key, Record, RecordStoreExt, Write};
use serde::{Deserialize, Serialize};

use super::schedule::{HOUR_MS, imported_since, ms};
use super::status::Status;
use super::training::{StoredModel, model_to_move, trained_model};
use super::{recommender_job, version_refresh};
use crate::arn::Kind;
use crate::catalogue::find_dataset;
use crate::data::{Journal, Manifest, Origin};
use crate::deletion::Removal;
use crate::error::{OpError, chain};
use crate::jobs::{State, Words, WorkError};
use crate::records::{FORMAT, Records, decode, encode};
use crate::schema::DatasetType;
use crate::service::Service;
use crate::wire::Timestamp;

const PARTITION: &str = "refresh";
const PERIOD_MS: u64 = 2 * HOUR_MS;

/// Recipes whose models are updated.
const RECIPES: [&str; 4] =
    ["aws-user-personalization", "aws-user-personalization-v2", "aws-vod-top-picks", "aws-ecomm-recommended-for-you"];

/// Datasets that a model is made of.
const DATASETS: [DatasetType; 3] = [DatasetType::Interactions, DatasetType::Items, DatasetType::Users];

/// Work that nobody asked for and that leaves its resource ACTIVE: how far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unasked {
    pub status: Status,
    pub failure_reason: Option<String>,
    pub last_updated_date_time: Timestamp,
}

impl Unasked {
    pub fn pending(now: Timestamp) -> Self {
        Self { status: Status::CreatePending, failure_reason: None, last_updated_date_time: now }
    }

    pub fn is_under_way(&self) -> bool {
        !self.status.is_settled()
    }

    pub fn has_failed(&self) -> bool {
        self.status == Status::CreateFailed
    }

    /// Where its job shows how far it is.
    pub fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Watch {
    format: u64,
    /// Nothing is done before this.
    next_ms: u64,
    /// What came before is in the model.
    since_ms: u64,
    /// When the latest update began, whatever came of it.
    begun_ms: u64,
    /// The datasets that the model is made of, and when each was created: one of the same name is another.
    datasets: BTreeMap<String, i64>,
}

/// The write that has the model of `arn` updated from now on, with what came since `since_ms`; `None` if its recipe does
/// not take updates.
pub(super) async fn watch(
    service: &Service,
    arn: &str,
    recipe: &str,
    group_arn: &str,
    since_ms: u64,
) -> Result<Option<Write>, OpError> {
    if !takes_updates(recipe) {
        return Ok(None);
    }
    let datasets = datasets_of(service, group_arn).await?;
    let next_ms = service.clock.now_ms() + PERIOD_MS;
    let watch = Watch { format: FORMAT, next_ms, since_ms, begun_ms: since_ms, datasets };
    let (key, value) = (Key::new(PARTITION, arn), encode(&watch)?);
    Ok(Some(match service.records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    }))
}

/// The datasets of a group that models are made of, and when each was created.
async fn datasets_of(service: &Service, group_arn: &str) -> Result<BTreeMap<String, i64>, OpError> {
    let mut datasets = BTreeMap::new();
    for kind in DATASETS {
        if let Some(dataset) = find_dataset(&service.records, group_arn, kind).await? {
            datasets.insert(dataset.dataset_arn, dataset.creation_date_time.0);
        }
    }
    Ok(datasets)
}

/// Whether the model of `arn` is looked after.
pub(super) async fn is_watched(records: &Records, arn: &str) -> Result<bool, OpError> {
    Ok(records.get(&Key::new(PARTITION, arn)).await?.is_some())
}

/// The write that ends the updates of the model of `arn`, if it is looked after.
pub(super) async fn clear(records: &Records, arn: &str) -> Result<Option<Write>, OpError> {
    let key = Key::new(PARTITION, arn);
    Ok(records.get(&key).await?.map(|record| Write::Delete { key, expected: record.version }))
}

/// The writes that put an updated model in the place of the one in `folder`, which it was made from. The files of that
/// one go once nobody reads them any more.
///
/// # Errors
/// [`WorkError::Retry`] if the model of `arn` is another one by now.
pub(super) async fn replace(
    service: &Service,
    arn: &str,
    folder: &str,
    updated: &StoredModel,
) -> Result<Vec<Write>, WorkError> {
    let before = model_to_move(&service.records, arn).await?.filter(|before| before.folder == folder);
    let Some(before) = before else {
        return Err(WorkError::retry(format!("the model of {arn} was replaced while it was updated")));
    };
    let mut writes =
        vec![before.replaced_by(arn, &updated.model)?, Removal::later(service, vec![format!("{folder}/")])?];
    if let Some(record) = service.records.get(&Key::new(PARTITION, arn)).await? {
        let mut due = Due::read(&record)?;
        due.watch.since_ms = ms(updated.begun.0);
        writes.push(due.update()?);
    }
    Ok(writes)
}

/// A watch as a sweep read it.
pub(super) struct Due {
    pub arn: String,
    watch: Watch,
    version: u64,
}

impl Due {
    fn read(record: &Record) -> Result<Self, OpError> {
        Ok(Self { arn: record.key.sort.clone(), watch: decode(record)?, version: record.version })
    }

    /// The write for an update that begins now.
    pub fn begun(&mut self, now_ms: u64) -> Result<Write, OpError> {
        (self.watch.begun_ms, self.watch.next_ms) = (now_ms, now_ms + PERIOD_MS);
        self.update()
    }

    fn update(&self) -> Result<Write, OpError> {
        let key = Key::new(PARTITION, self.arn.as_str());
        Ok(Write::Update { key, expected: self.version, value: encode(&self.watch)? })
    }

    /// Looks again when the next time has come.
    pub async fn pass(&mut self, service: &Service) -> Result<(), OpError> {
        let missed = service.clock.now_ms().saturating_sub(self.watch.next_ms) / PERIOD_MS;
        self.watch.next_ms += (missed + 1) * PERIOD_MS;
        service.records.change(vec![self.update()?], &self.arn).await
    }

    /// Looks after the model no more.
    pub async fn end(&self, service: &Service) -> Result<(), OpError> {
        let key = Key::new(PARTITION, self.arn.as_str());
        service.records.change(vec![Write::Delete { key, expected: self.version }], &self.arn).await
    }

    /// Whether the model can take in something new. If not, the watch has moved on or ended. Of what the `latest` update
    /// failed with, nothing is new.
    pub async fn has_news(
        &mut self,
        service: &Service,
        group_arn: &str,
        latest: Option<&Unasked>,
    ) -> Result<bool, OpError> {
        let Some(model) = trained_model(&service.records, &self.arn).await? else {
            self.pass(service).await?;
            return Ok(false);
        };
        if !takes_updates(&model.recipe) || !self.has_its_datasets(service, group_arn).await? {
            self.end(service).await?;
            return Ok(false);
        }
        let has_failed = latest.is_some_and(Unasked::has_failed);
        let since_ms = if has_failed { self.watch.begun_ms } else { self.watch.since_ms };
        let news = came_since(service, group_arn, since_ms).await?;
        if !news {
            self.pass(service).await?;
        }
        Ok(news)
    }

    /// Whether none of the datasets has been deleted.
    async fn has_its_datasets(&self, service: &Service, group_arn: &str) -> Result<bool, OpError> {
        let found = datasets_of(service, group_arn).await?;
        let interactions = |arn: &String| arn.ends_with(DatasetType::Interactions.arn_suffix());
        let same = self.watch.datasets.iter().all(|(arn, created_ms)| found.get(arn) == Some(created_ms));
        Ok(same && self.watch.datasets.keys().any(interactions))
    }
}

/// Whether the models of a recipe are updated.
pub(super) fn takes_updates(recipe: &str) -> bool {
    RECIPES.contains(&recipe)
}

/// Whether interactions or items came since a time into the datasets that a model was `learned` from: those that were
/// there at that time. A dataset of the same name that was created later is another, and nothing is made of it.
pub(super) async fn has_news(
    service: &Service,
    group_arn: &str,
    learned: Timestamp,
    since_ms: u64,
) -> Result<bool, OpError> {
    let datasets = datasets_of(service, group_arn).await?;
    let interactions = |arn: &String| arn.ends_with(DatasetType::Interactions.arn_suffix());
    let same = datasets.values().all(|created_ms| *created_ms <= learned.0) && datasets.keys().any(interactions);
    Ok(same && came_since(service, group_arn, since_ms).await?)
}

/// Whether interactions or items came into a group since a time.
async fn came_since(service: &Service, group_arn: &str, since_ms: u64) -> Result<bool, OpError> {
    for kind in [DatasetType::Interactions, DatasetType::Items] {
        let Some(dataset) = find_dataset(&service.records, group_arn, kind).await? else { continue };
        // The journal first: what leaves it is in a part by then.
        let journaled_ms = Journal::of(&dataset).newest_ms(&service.records).await?;
        let (manifest, _) = Manifest::read(&service.records, &dataset.dataset_arn).await?;
        let parts = manifest.parts.iter().filter(|part| part.origin == Origin::Put);
        let put_ms = parts.map(|part| part.imported_ms).chain(journaled_ms).max();
        if put_ms.is_some_and(|at_ms| at_ms >= since_ms) || imported_since(&manifest, &dataset, since_ms) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Begins the updates whose time has come; returns how many. What fails is told to the log and tried again by the next
/// sweep.
pub(super) async fn sweep(service: &Arc<Service>) -> Result<usize, OpError> {
    if !service.settings.auto_training {
        return Ok(0);
    }
    let now_ms = service.clock.now_ms();
    let mut started = 0;
    for record in service.records.list_all(PARTITION, "").await? {
        let due = Due::read(&record)?;
        if now_ms < due.watch.next_ms {
            continue;
        }
        let arn = due.arn.clone();
        let begun = match Kind::of(&arn) {
            Some(Kind::Recommender) => recommender_job::refresh(service, due).await,
            _ => version_refresh::refresh(service, due).await,
        };
        match begun {
            Ok(begun) => started += usize::from(begun),
            // Another sweeper, or the owner, was here first.
            Err(OpError::Changed(_)) => {}
            Err(error) => tracing::warn!(arn, error = chain(&error), "automatic update not begun"),
        }
    }
    Ok(started)
}
