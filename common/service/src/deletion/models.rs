//! Users out of models: each model that knows some of them gets a new folder without them.

use std::sync::Arc;

use palate_recipes::{ModelFile, without_users};
use palate_store::{PutCondition, StoreError};

use super::{Forgetting, Removal};
use crate::arn::{Kind, Place};
use crate::jobs::WorkError;
use crate::resources::{Campaign, MovedModel, Recommender, SolutionVersion, model_to_move};
use crate::service::Service;

/// How a folder is called that was made by a deletion, behind the name of the folder that training made.
const WITHOUT: &str = "-without-";

pub(super) async fn forget(service: &Arc<Service>, task: &Forgetting<'_>) -> Result<(), WorkError> {
    let place = Place::of(task.dataset_group_arn)
        .ok_or_else(|| WorkError::retry(format!("{} is no dataset group's ARN", task.dataset_group_arn)))?;
    let group = task.dataset_group_arn;
    let versions = service.records.all::<SolutionVersion>(&place, "").await?;
    let versions = versions.into_iter().map(|stored| stored.resource).filter(|it| it.dataset_group_arn == group);
    let recommenders = service.records.all::<Recommender>(&place, "").await?;
    let recommenders =
        recommenders.into_iter().map(|stored| stored.resource).filter(|it| it.dataset_group_arn == group);
    let arns: Vec<String> = versions
        .map(|version| version.solution_version_arn)
        .chain(recommenders.map(|recommender| recommender.recommender_arn))
        .collect();
    for arn in &arns {
        task.check()?;
        while !forget_in(service, task, arn).await? {}
    }
    // Who is asked next looks up where the model is now.
    for campaign in service.records.all::<Campaign>(&place, "").await? {
        service.runtime.forget(&campaign.resource.campaign_arn);
    }
    arns.iter().filter(|arn| Kind::of(arn) == Some(Kind::Recommender)).for_each(|arn| service.runtime.forget(arn));
    Ok(())
}

/// Whether it is done; if somebody else changed the model, it is to be done again.
async fn forget_in(service: &Arc<Service>, task: &Forgetting<'_>, arn: &str) -> Result<bool, WorkError> {
    let Some(model) = model_to_move(&service.records, arn).await? else { return Ok(true) };
    if model.paged.is_empty() {
        return Ok(true);
    }
    let Some(files) = read(service, &model).await? else { return Ok(false) };
    // How it was judged stays as it is; the model does not vouch for that file.
    let report = service.stores.blobs.get(&format!("{}/report.json", model.folder)).await;
    let (recipe, ids) = (model.recipe.clone(), Arc::clone(&task.ids));
    let without = tokio::task::spawn_blocking(move || without_users(&recipe, &files, |id| ids.get(id).is_some()));
    let Some(files) = without.await.map_err(WorkError::retry)?.map_err(WorkError::retry)? else { return Ok(true) };
    let (parent, name) = model.folder.rsplit_once('/').unwrap_or(("", &model.folder));
    let trained = name.split_once(WITHOUT).map_or(name, |(trained, _)| trained);
    let folder = format!("{parent}/{trained}{WITHOUT}{}-{}", task.job_name, task.attempt);
    if let Ok(report) = report {
        service.stores.blobs.put(&format!("{folder}/report.json"), report, PutCondition::Always).await?;
    }
    for file in files {
        service.stores.blobs.put(&format!("{folder}/{}", file.name), file.content, PutCondition::Always).await?;
    }
    // Requests under way may still read the old pages.
    let removal = Removal::later(service, vec![format!("{}/", model.folder)])?;
    match service.records.commit(vec![model.moved_to(arn, &folder)?, removal]).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => {
            task.check()?;
            service.remove_blobs(&format!("{folder}/")).await;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// All files of a model; `None` if one is gone, since the model was replaced.
async fn read(service: &Service, model: &MovedModel) -> Result<Option<Vec<ModelFile>>, WorkError> {
    let mut files = Vec::new();
    for (names, paged) in [(&model.resident, false), (&model.paged, true)] {
        for name in names {
            match service.stores.blobs.get(&format!("{}/{name}", model.folder)).await {
                Ok(content) => files.push(ModelFile { name: name.clone(), content, paged }),
                Err(StoreError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Some(files))
}
