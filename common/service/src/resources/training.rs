//! Training: from a group's data to a stored model, for solution versions and recommenders alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use palate_recipes::{self as recipes, Report, TimedPart, Trained, TrainingTask};
use palate_store::{Key, PutCondition, Write};
use serde::{Deserialize, Serialize};

use super::dataset_group::DatasetGroup;
use super::training_columns::TrainingColumns;
use crate::arn::{Kind, Place};
use crate::data::Snapshot;
use crate::error::OpError;
use crate::jobs::{Lost, WorkError};
use crate::records::{FORMAT, Records, decode, encode};
use crate::schema::DatasetType;
use crate::service::Service;

/// Every training of the same data and configuration gives the same model; the seed is stored beside it.
const SEED: u64 = 42;

/// A model: where its files are and how it was judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrainedModel {
    format: u64,
    /// Name of the recipe.
    pub recipe: String,
    /// Where the files are in Palate's own blobs, without a trailing `/`. Every training has a folder of its
    /// own, so the folder tells one model of a recommender from the next.
    pub folder: String,
    /// Names of the files that are loaded when the model is opened.
    pub resident: Vec<String>,
    /// Names of the files that are read a page at a time.
    pub paged: Vec<String>,
    /// Every hyperparameter in force.
    pub hyperparameters: BTreeMap<String, String>,
    pub seed: u64,
    pub report: Report,
}

impl TrainedModel {
    /// The metrics as the API gives them: rounded to four decimals.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
        self.report.metrics.iter().map(|(name, &value)| (name.clone(), rounded(value))).collect()
    }
}

fn model_key(arn: &str) -> Key {
    Key::new("model", arn)
}

/// The model of a solution version that is ACTIVE, or of a recommender that has been.
pub(crate) async fn trained_model(records: &Records, arn: &str) -> Result<Option<TrainedModel>, OpError> {
    records.get(&model_key(arn)).await?.map(|record| decode(&record)).transpose()
}

/// A model that is to get another folder.
pub(crate) struct MovedModel {
    pub recipe: String,
    pub folder: String,
    pub resident: Vec<String>,
    pub paged: Vec<String>,
    model: TrainedModel,
    version: u64,
}

impl MovedModel {
    /// The write that says that the files, whose names are the same, are in another folder. It fails if the model
    /// of `arn` is not any more what it was.
    pub fn moved_to(&self, arn: &str, folder: &str) -> Result<Write, OpError> {
        let model = TrainedModel { folder: folder.to_owned(), ..self.model.clone() };
        Ok(Write::Update { key: model_key(arn), expected: self.version, value: encode(&model)? })
    }
}

/// The model of `arn`, if it has one, to be moved.
pub(crate) async fn model_to_move(records: &Records, arn: &str) -> Result<Option<MovedModel>, OpError> {
    let Some(record) = records.get(&model_key(arn)).await? else { return Ok(None) };
    let model: TrainedModel = decode(&record)?;
    let TrainedModel { recipe, folder, resident, paged, .. } = model.clone();
    Ok(Some(MovedModel { recipe, folder, resident, paged, model, version: record.version }))
}

/// The write that gives `arn` this model, in place of the one that it may have.
pub(super) async fn adopt(records: &Records, arn: &str, model: &TrainedModel) -> Result<Write, OpError> {
    let (key, value) = (model_key(arn), encode(model)?);
    Ok(match records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

/// The write that takes the model of `arn` away, if it has one. The files stay for [`Service::remove_blobs`].
pub(super) async fn disown(records: &Records, arn: &str) -> Result<Option<Write>, OpError> {
    let record = records.get(&model_key(arn)).await?;
    Ok(record.map(|record| Write::Delete { key: model_key(arn), expected: record.version }))
}

/// What to learn, from what and where to.
pub(super) struct Training {
    /// Whose model it is; for the log.
    pub arn: String,
    /// Name of the recipe.
    pub recipe: String,
    pub dataset_group_arn: String,
    pub selection: recipes::Selection,
    pub columns: TrainingColumns,
    pub hyperparameters: BTreeMap<String, String>,
    /// Where the files go: of this attempt alone, without a trailing `/`.
    pub folder: String,
    pub lost: Lost,
    /// Turns true when the owner wants the training to end.
    pub stop: Arc<AtomicBool>,
}

/// A trained model whose files are stored and that no record names yet.
pub(crate) struct StoredModel {
    pub model: TrainedModel,
    /// The hyperparameters that were chosen on a validation part of the data.
    pub chosen: BTreeMap<String, String>,
    pub hours: f64,
}

/// Trains and stores the files.
pub(super) async fn train(service: &Arc<Service>, training: Training) -> Result<StoredModel, WorkError> {
    let started = service.now();
    let recipe = recipes::recipe(&training.recipe).ok_or_else(|| WorkError::Failed(not_trainable(&training.recipe)))?;
    let group_arn = &training.dataset_group_arn;
    let mut selection = training.selection;
    training.columns.choose(&service.records, group_arn, recipe.info().reads, &mut selection).await?;
    let parts = parts_of_group(service, group_arn, &training.arn).await?;
    let Training { arn, recipe: name, hyperparameters, folder, lost, stop, .. } = training;
    if let Some(event_type) = recipe.info().event_type {
        selection.event_type = Some(event_type.to_owned());
    }
    let watch = Watch { arn, lost, stop };
    let trained = tokio::task::spawn_blocking(move || {
        let dataset = recipes::Dataset::read(&parts, &selection).map_err(WorkError::retry)?;
        drop(parts);
        let task = TrainingTask::new(&dataset, &hyperparameters, SEED, &watch);
        recipe.train(&task).map_err(|error| match error {
            recipes::TrainError::Stopped if watch.lost.is_lost() => WorkError::Lost,
            recipes::TrainError::Stopped => WorkError::Stopped,
            error @ recipes::TrainError::Model(_) => WorkError::retry(error),
            other => WorkError::Failed(other.to_string()),
        })
    })
    .await
    .map_err(WorkError::retry)??;
    let model = store_model(service, name, folder, &trained).await?;
    let hours = (service.now().0 - started.0) as f64 / 3_600_000.0;
    Ok(StoredModel { model, chosen: trained.chosen, hours: (hours * 1e6).round() / 1e6 })
}

/// Why a recipe of the catalogue comes to nothing, and which of its kind would not.
fn not_trainable(name: &str) -> String {
    let domain = recipes::describe(name).and_then(|info| info.domain);
    let others = recipes::catalogue().iter().filter(|info| info.domain == domain);
    let names: Vec<&str> = others.map(|info| info.name).filter(|name| recipes::recipe(name).is_some()).collect();
    format!(
        "Recipe {name} cannot be trained by this version of Palate yet; recipes that can be trained instead: {}.",
        names.join(", ")
    )
}

/// Reports a training to the log, and stops it when another worker has taken it over or its owner wants it.
struct Watch {
    arn: String,
    lost: Lost,
    stop: Arc<AtomicBool>,
}

impl recipes::Progress for Watch {
    fn report(&self, step: &str, done: f64) {
        tracing::info!(job = self.arn, step, percent = (done * 100.0).round(), "training");
    }

    fn stopped(&self) -> bool {
        self.lost.is_lost() || self.stop.load(Ordering::Relaxed)
    }
}

/// The rows of a group's datasets as they are now, imported and streamed: the snapshot that the training keeps.
async fn parts_of_group(
    service: &Arc<Service>,
    group_arn: &str,
    reader_arn: &str,
) -> Result<recipes::DatasetParts, WorkError> {
    let group = service.records.fetch::<DatasetGroup>(group_arn, "datasetGroupArn").await?.resource;
    let place = Place::of(group_arn).ok_or_else(|| WorkError::retry(format!("{group_arn} is no ARN")))?;
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (kind, into) in [DatasetType::Interactions, DatasetType::Items, DatasetType::Users].into_iter().zip(&mut all) {
        let arn = place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix()));
        let Some(snapshot) = Snapshot::take(service, &arn, Some(reader_arn)).await? else { continue };
        for part in snapshot.parts() {
            into.push(TimedPart { content: snapshot.content(service, part).await?, at_ms: part.at_ms });
        }
        snapshot.release(service).await;
    }
    let [interactions, items, users] = all;
    let interactions = interactions.into_iter().map(|part| part.content).collect();
    Ok(recipes::DatasetParts { interactions, items, users })
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
