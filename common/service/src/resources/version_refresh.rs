//! Automatic updates of solution versions: which are updated, and the work. A batch inference job that names a version
//! which they are for has it updated first.

use std::sync::Arc;
use std::time::Duration;

use palate_store::Write;
use serde::{Deserialize, Serialize};

use super::refresh::{Due, Unasked, has_news, is_watched, takes_updates, watch};
use super::schedule::ms;
use super::solution_version::{Product, SolutionVersion, full_version, versions_of};
use super::training::{Plan, train};
use super::{Status, campaign};
use crate::arn::recipe_name;
use crate::error::OpError;
use crate::jobs::{self, Lost, Run, WorkError};
use crate::service::{JobOutcome, Service};
use crate::wire::Timestamp;

/// How often a batch job looks whether an update that another worker makes has ended, and for how long it looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const N_LOOKS: usize = 1200;

/// The updates of a version's model with what is new.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refresh {
    /// How many were begun; part of the name of a model's folder.
    pub begun: u32,
    /// When the latest one was; absent of those from before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    pub latest: Unasked,
}

impl Refresh {
    /// The next one.
    fn after(before: Option<&Self>, now: Timestamp) -> Self {
        Self { begun: before.map_or(0, |before| before.begun) + 1, at: Some(now), latest: Unasked::pending(now) }
    }
}

/// The version's model with what is new.
pub(super) async fn refreshed(service: &Arc<Service>, run: &Run<SolutionVersion>) -> Result<Product, WorkError> {
    let arn = &run.resource.solution_version_arn;
    let training = run.resource.training(service, run, Arc::default()).await?;
    let Plan::Refresh(before) = &training.plan else {
        return Err(WorkError::Failed(format!("{arn} has no model to be updated.")));
    };
    let folder = before.folder.clone();
    let model = train(service, training).await?;
    if service.records.find::<SolutionVersion>(arn).await?.is_none() {
        // Deleted meanwhile, with the models that it had then.
        service.remove_blobs(&format!("{}/", model.model.folder)).await;
        return Err(WorkError::Lost);
    }
    Ok(Product { model, updates: Some(folder) })
}

/// The write that has the model of a version updated from its deployment on, if that is to be.
pub(super) async fn watch_deployed(service: &Service, version_arn: &str) -> Result<Option<Write>, OpError> {
    let Some(version) = service.records.find::<SolutionVersion>(version_arn).await? else { return Ok(None) };
    let version = version.resource;
    if version.training_mode == "UPDATE" || is_watched(&service.records, version_arn).await? {
        return Ok(None);
    }
    let recipe = recipe_name(&version.recipe_arn).unwrap_or_default();
    let since_ms = ms(version.creation_date_time.0);
    watch(service, version_arn, recipe, &version.dataset_group_arn, since_ms).await
}

/// Begins the automatic update of a version's model if there is something new; tells whether it did.
///
/// Only the newest version of a solution that was trained in full is updated, while a campaign serves it, and no more
/// once a version was trained with UPDATE after it.
pub(super) async fn refresh(service: &Arc<Service>, mut due: Due) -> Result<bool, OpError> {
    let Some(mut stored) = service.records.find::<SolutionVersion>(&due.arn).await? else {
        due.end(service).await?;
        return Ok(false);
    };
    let version = &mut stored.resource;
    if version.refreshing().is_some() {
        return Ok(false);
    }
    if !is_newest(service, version).await? || !campaign::serves(service, &version.solution_version_arn).await? {
        // Whoever deploys it again has it looked after again.
        due.end(service).await?;
        return Ok(false);
    }
    if is_updated_by_hand(service, version).await? {
        due.pass(service).await?;
        return Ok(false);
    }
    let latest = version.refresh.as_ref().map(|refresh| &refresh.latest);
    if !due.has_news(service, &version.dataset_group_arn, latest).await? {
        return Ok(false);
    }
    version.refresh = Some(Refresh::after(version.refresh.as_ref(), service.now()));
    jobs::save(service, &service.records, &stored, vec![due.begun(service.clock.now_ms())?]).await?;
    Ok(true)
}

/// Whether it is the newest version of its solution that was trained in full.
async fn is_newest(service: &Service, version: &SolutionVersion) -> Result<bool, OpError> {
    let newest = full_version(&service.records, &version.solution_arn).await?;
    Ok(newest.is_some_and(|newest| newest.solution_version_arn == version.solution_version_arn))
}

/// Whether a version was trained with UPDATE after it.
async fn is_updated_by_hand(service: &Service, version: &SolutionVersion) -> Result<bool, OpError> {
    let later = versions_of(&service.records, &version.solution_arn).await?.into_iter().map(|stored| stored.resource);
    let came_to_nothing = [Status::CreateFailed, Status::CreateStopped];
    let mut updates = later.filter(|other| {
        let is_later = other.creation_date_time >= version.creation_date_time;
        is_later && other.training_mode == "UPDATE" && !came_to_nothing.contains(&other.status)
    });
    Ok(updates.next().is_some())
}

/// Brings what is new into the model of a version that a batch job is to answer with, if automatic updates are for it;
/// returns when that has come to its end, well or not.
///
/// # Errors
/// [`WorkError::Lost`], and those of the store.
pub(super) async fn refresh_first(service: &Arc<Service>, arn: &str, lost: &Lost) -> Result<(), WorkError> {
    match begin_for_batch(service, arn).await {
        Ok(false) => return Ok(()),
        // Somebody else begins one.
        Ok(true) | Err(OpError::Changed(_)) => {}
        Err(error) => return Err(error.into()),
    }
    for _ in 0..N_LOOKS {
        let stored = service.records.find::<SolutionVersion>(arn).await?;
        if stored.is_none_or(|stored| stored.resource.refreshing().is_none()) {
            return Ok(());
        }
        match Box::pin(jobs::run::<SolutionVersion>(service, arn)).await {
            // Another worker makes it.
            Ok(JobOutcome::Busy) => {}
            Ok(_) => return Ok(()),
            Err(error) => tracing::warn!(arn, error = error.to_string(), "update before a batch job interrupted"),
        }
        if lost.is_lost() {
            return Err(WorkError::Lost);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tracing::warn!(arn, "update before a batch job did not end; answering with the model that is there");
    Ok(())
}

/// Begins the update, if it is for the version and something came; tells whether one is under way.
async fn begin_for_batch(service: &Arc<Service>, arn: &str) -> Result<bool, OpError> {
    if !service.settings.auto_training {
        return Ok(false);
    }
    let Some(mut stored) = service.records.find::<SolutionVersion>(arn).await? else { return Ok(false) };
    let version = &mut stored.resource;
    if version.refreshing().is_some() {
        return Ok(true);
    }
    let recipe = recipe_name(&version.recipe_arn).unwrap_or_default();
    let is_for_it = takes_updates(recipe)
        && version.training_mode != "UPDATE"
        && is_newest(service, version).await?
        && !is_updated_by_hand(service, version).await?;
    let since = version.refresh.as_ref().and_then(|refresh| refresh.at).unwrap_or(version.creation_date_time);
    let learned = version.creation_date_time;
    if !is_for_it || !has_news(service, &version.dataset_group_arn, learned, ms(since.0)).await? {
        return Ok(false);
    }
    version.refresh = Some(Refresh::after(version.refresh.as_ref(), service.now()));
    let with = vec![jobs::queue::<SolutionVersion>(service, arn)?];
    service.records.save(&stored, with).await?;
    Ok(true)
}
