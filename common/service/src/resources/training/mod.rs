//! Training: from a group's data to a stored model, for solution versions and recommenders alike.

mod model;
mod plan;
mod reading;
mod watch;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use palate_recipes::{self as recipes, EventWeight, ModelFile, Objective, Trained};
use palate_store::PutCondition;

use super::training_columns::TrainingColumns;
use crate::jobs::{Lost, Told, WorkError};
use crate::records::FORMAT;
use crate::service::Service;
use crate::wire::Timestamp;

pub(crate) use model::{MovedModel, TrainedModel, model_to_move, trained_model};
pub(super) use model::{adopt, disown};
pub(super) use plan::{Plan, competitors, may_compete};
use reading::Reading;
use watch::{Checkpoints, Watch};
use work::{Candidate, Work};

/// Every training of the same data and configuration gives the same model; the seed is stored beside it.
const SEED: u64 = 42;

/// What to learn, from what and where to.
pub(super) struct Training {
    /// Whose model it is.
    pub arn: String,
    /// Tells this job of `arn` from others.
    pub job: u32,
    pub plan: Plan,
    pub dataset_group_arn: String,
    pub selection: recipes::Selection,
    pub columns: TrainingColumns,
    pub hyperparameters: BTreeMap<String, String>,
    /// What events of the selected types weigh; empty: all the same.
    pub event_weights: Vec<EventWeight>,
    pub objective: Option<Objective>,
    /// Where the models of this owner go, without a trailing `/`.
    pub models: String,
    /// The folder of this attempt alone, below `models`.
    pub attempt: String,
    pub lost: Lost,
    /// Hears how far the training is.
    pub told: Told,
    /// Turns true when the owner wants the training to end.
    pub stop: Arc<AtomicBool>,
}

/// A trained model whose files are stored and that no record names yet.
pub(crate) struct StoredModel {
    pub model: TrainedModel,
    /// The hyperparameters that were chosen on a validation part of the data.
    pub chosen: BTreeMap<String, String>,
    pub hours: f64,
    /// What came before is in it.
    pub begun: Timestamp,
}

/// Trains and stores the files.
pub(super) async fn train(service: &Arc<Service>, training: Training) -> Result<StoredModel, WorkError> {
    let started = service.now();
    let group_arn = &training.dataset_group_arn;
    let mut objective = training.objective;
    let mut candidates = Vec::new();
    for recipe in training.plan.recipes()? {
        let mut selection = training.selection.clone();
        training.columns.choose(&service.records, group_arn, recipe.info().reads, &mut selection).await?;
        plan::read_as(recipe.info(), &mut selection);
        if let Some(objective) = &mut objective {
            plan::read_objective(objective, &mut selection);
        }
        candidates.push(Candidate { recipe, selection });
    }
    let before = match &training.plan {
        Plan::Update(model) | Plan::Refresh(model) => Some(stored_model(service, model).await?),
        _ => None,
    };
    // What a training keeps is of use to the next attempt only if that reads the same. An update keeps nothing.
    let job = before.is_none().then_some(training.job);
    let (reading, parts) = Reading::begin(service, group_arn, &training.arn, job).await?;
    let begun = reading.begun.min(started);
    let lost = training.lost.clone();
    let checkpoints = format!("{}/checkpoints", training.models);
    let watch = Watch::new(training.arn, training.lost, training.stop, training.told, service.settings.training_time);
    let work = Work {
        too_many_items: training.plan.too_many_items(),
        plan: training.plan,
        candidates,
        before,
        hyperparameters: training.hyperparameters,
        event_weights: training.event_weights,
        objective,
        checkpoints: Checkpoints::new(Arc::clone(&service.stores.blobs), checkpoints.clone()),
        watch,
    };
    let folder = format!("{}/{}", training.models, training.attempt);
    let trained = async {
        let run = tokio::task::spawn_blocking(move || work.run(parts)).await;
        let (recipe, trained) = run.map_err(WorkError::retry)??;
        Ok((store_model(service, recipe.to_owned(), folder, &trained).await?, trained.chosen))
    };
    let trained = trained.await;
    if !lost.is_lost() && !matches!(trained, Err(WorkError::Retry(_) | WorkError::Lost)) {
        // There will be no other attempt.
        service.remove_blobs(&format!("{checkpoints}/")).await;
        reading.end(service).await;
    }
    let (model, chosen) = trained?;
    let hours = (service.now().0 - started.0) as f64 / 3_600_000.0;
    Ok(StoredModel { model, chosen, hours: (hours * 1e6).round() / 1e6, begun })
}

/// A model as its training left it.
async fn stored_model(service: &Service, model: &TrainedModel) -> Result<Trained, WorkError> {
    let mut files = Vec::new();
    for (names, paged) in [(&model.resident, false), (&model.paged, true)] {
        for name in names {
            let content = service.stores.blobs.get(&format!("{}/{name}", model.folder)).await?;
            files.push(ModelFile { name: name.clone(), content, paged });
        }
    }
    let (report, hyperparameters) = (model.report.clone(), model.hyperparameters.clone());
    Ok(Trained { files, report, hyperparameters, chosen: BTreeMap::new() })
}

async fn store_model(
    service: &Arc<Service>,
    recipe: String,
    folder: String,
    trained: &Trained,
) -> Result<TrainedModel, WorkError> {
    let report = serde_json::to_vec_pretty(&trained.report).map_err(WorkError::retry)?;
    service.stores.blobs.put(&format!("{folder}/report.json"), Bytes::from(report), PutCondition::Always).await?;
    for file in &trained.files {
        let key = format!("{folder}/{}", file.name);
        service.stores.blobs.put(&key, file.content.clone(), PutCondition::Always).await?;
    }
    let names = |paged: bool| {
        trained.files.iter().filter(|file| file.paged == paged).map(|file| file.name.clone()).collect::<Vec<_>>()
    };
    Ok(TrainedModel {
        format: FORMAT,
        recipe,
        folder,
        resident: names(false),
        paged: names(true),
        hyperparameters: trained.hyperparameters.clone(),
        seed: SEED,
        report: trained.report.clone(),
    })
}
