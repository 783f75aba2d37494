//! Automatic updates of solution versions: which are updated, and the work.

use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};

use super::refresh::{Due, Unasked, is_watched, watch};
use super::schedule::ms;
use super::solution_version::{Product, SolutionVersion, full_version, versions_of};
use super::training::{Plan, train};
use super::{Status, campaign};
use crate::arn::recipe_name;
use crate::error::OpError;
use crate::jobs::{self, Run, WorkError};
use crate::service::Service;

/// The updates of a version's model with what is new.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refresh {
    /// How many were begun; part of the name of a model's folder.
    pub begun: u32,
    pub latest: Unasked,
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
    let is_newest = full_version(&service.records, &version.solution_arn)
        .await?
        .is_some_and(|newest| newest.solution_version_arn == version.solution_version_arn);
    if !is_newest || !campaign::serves(service, &version.solution_version_arn).await? {
        // Whoever deploys it again has it looked after again.
        due.end(service).await?;
        return Ok(false);
    }
    let later = versions_of(&service.records, &version.solution_arn).await?.into_iter().map(|stored| stored.resource);
    let came_to_nothing = [Status::CreateFailed, Status::CreateStopped];
    let mut updates = later.filter(|other| {
        let is_later = other.creation_date_time >= version.creation_date_time;
        is_later && other.training_mode == "UPDATE" && !came_to_nothing.contains(&other.status)
    });
    if updates.next().is_some() {
        due.pass(service).await?;
        return Ok(false);
    }
    let latest = version.refresh.as_ref().map(|refresh| &refresh.latest);
    if !due.has_news(service, &version.dataset_group_arn, latest).await? {
        return Ok(false);
    }
    let arn = version.solution_version_arn.clone();
    let begun = version.refresh.as_ref().map_or(0, |refresh| refresh.begun) + 1;
    version.refresh = Some(Refresh { begun, latest: Unasked::pending(service.now()) });
    let with = vec![jobs::queue::<SolutionVersion>(service, &arn)?, due.begun(service.clock.now_ms())?];
    service.records.save(&stored, with).await?;
    jobs::start::<SolutionVersion>(service, &arn).await;
    Ok(true)
}
