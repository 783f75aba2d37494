//! Solution versions: one training of a solution, its model and its metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use palate_recipes::{self as recipes, Report, Trained, TrainingTask};
use palate_store::{Key, PutCondition, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Status;
use super::dataset::{Dataset, Manifest};
use super::dataset_group::DatasetGroup;
use super::solution::{Solution, event_value_threshold, hyperparameters};
use crate::arn::{Kind, Place, recipe_name};
use crate::call::Call;
use crate::error::OpError;
use crate::jobs::{self, Job, Lost, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::page;
use crate::records::{FORMAT, Records, Resource, Stored, decode, encode};
use crate::schema::DatasetType;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SolutionVersion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub solution_version_arn: String,
    pub solution_arn: String,
    #[serde(rename = "performHPO")]
    pub perform_hpo: bool,
    #[serde(rename = "performAutoML")]
    pub perform_auto_ml: bool,
    pub recipe_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    pub dataset_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solution_config: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_hours: Option<f64>,
    pub training_mode: String,
    /// The hyperparameters that were not given and that a validation part of the data chose.
    #[serde(rename = "tunedHPOParams", skip_serializing_if = "Option::is_none")]
    pub tuned_hpo_params: Option<Value>,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    pub training_type: String,
}

impl Resource for SolutionVersion {
    const KIND: Kind = Kind::SolutionVersion;

    fn arn(&self) -> &str {
        &self.solution_version_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

/// The model of a version: where its files are and how it was judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrainedModel {
    format: u64,
    /// Name of the recipe.
    pub recipe: String,
    /// Where the files are in Palate's own blobs, without a trailing `/`.
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

fn model_key(version_arn: &str) -> Key {
    Key::new("model", version_arn)
}

/// The model of an ACTIVE version.
pub(crate) async fn trained_model(records: &Records, version_arn: &str) -> Result<Option<TrainedModel>, OpError> {
    records.get(&model_key(version_arn)).await?.map(|record| decode(&record)).transpose()
}

/// All versions of a solution.
pub(super) async fn versions_of(
    records: &Records,
    solution_arn: &str,
) -> Result<Vec<Stored<SolutionVersion>>, OpError> {
    let broken = || OpError::internal(format!("{solution_arn} is no solution's ARN"));
    let place = Place::of(solution_arn).ok_or_else(broken)?;
    let path = Kind::Solution.parts(solution_arn).ok_or_else(broken)?;
    records.all::<SolutionVersion>(&place, &format!("{}/", path.join("/"))).await
}

/// The newest version of a solution that can serve.
pub(crate) async fn latest_active(records: &Records, solution_arn: &str) -> Result<Option<SolutionVersion>, OpError> {
    let versions = versions_of(records, solution_arn).await?.into_iter().map(|stored| stored.resource);
    let active = versions.filter(|version| version.status == Status::Active);
    Ok(active.max_by_key(|version| (version.creation_date_time, version.solution_version_arn.clone())))
}

/// Removes a version: its record and its model in one step, then the files.
pub(super) async fn delete_version(service: &Service, version: &Stored<SolutionVersion>) -> Result<(), OpError> {
    let arn = &version.resource.solution_version_arn;
    let model = service.records.get(&model_key(arn)).await?;
    let with = model.iter().map(|record| Write::Delete { key: model_key(arn), expected: record.version }).collect();
    service.records.remove(version, with).await?;
    service.remove_blobs(&format!("{}/", models_of(arn)?)).await;
    Ok(())
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateSolutionVersion", create)
        .add("DescribeSolutionVersion", |call: Call| async move {
            call.describe::<SolutionVersion>("solutionVersionArn", "solutionVersion").await
        })
        .add("ListSolutionVersions", list)
        .add("GetSolutionMetrics", metrics);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let solution = call.resource::<Solution>("solutionArn").await?;
    let mode = call.optional_text("trainingMode").unwrap_or("FULL");
    if mode != "FULL" {
        let message = format!("trainingMode {mode} does not apply to {}", solution.resource.recipe_arn);
        return Err(OpError::invalid(message));
    }
    let suffix = match call.optional_text("name") {
        Some(name) => name.to_owned(),
        None => uuid::Uuid::new_v4().simple().to_string()[..8].to_owned(),
    };
    let Solution {
        name: solution_name, solution_arn, recipe_arn, dataset_group_arn, event_type, solution_config, ..
    } = solution.resource.clone();
    let now = call.now();
    let version = SolutionVersion {
        name: call.optional_text("name").map(str::to_owned),
        solution_version_arn: call.place.arn(Kind::SolutionVersion, &format!("{solution_name}/{suffix}")),
        solution_arn,
        perform_hpo: false,
        perform_auto_ml: false,
        recipe_arn,
        event_type,
        dataset_group_arn,
        solution_config,
        training_hours: None,
        training_mode: mode.to_owned(),
        tuned_hpo_params: None,
        status: Status::CreatePending,
        failure_reason: None,
        creation_date_time: now,
        last_updated_date_time: now,
        training_type: "MANUAL".to_owned(),
    };
    let arn = version.solution_version_arn.clone();
    let with = vec![solution.touch()?, jobs::queue::<SolutionVersion>(&call.service, &arn)?];
    call.records().create(&version, call.tags(), with).await?;
    jobs::start::<SolutionVersion>(&call.service, &arn).await;
    Ok(json!({"solutionVersionArn": arn}))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let solution = call.optional_text("solutionArn");
    let versions = match solution {
        Some(arn) => {
            call.records().fetch::<Solution>(arn, "solutionArn").await?;
            versions_of(call.records(), arn).await?
        }
        None => call.records().all::<SolutionVersion>(&call.place, "").await?,
    };
    page(&call, versions, "solutionVersions", "SolutionVersionSummary", solution.unwrap_or_default())
}

async fn metrics(call: Call) -> Result<Value, OpError> {
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?.resource;
    let arn = &version.solution_version_arn;
    let model = trained_model(call.records(), arn).await?;
    let (Status::Active, Some(model)) = (version.status, model) else {
        return Err(OpError::InUse(format!("{arn} has no metrics: it is {}", version.status)));
    };
    let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
    let metrics: BTreeMap<&String, f64> =
        model.report.metrics.iter().map(|(name, &value)| (name, rounded(value))).collect();
    Ok(json!({"solutionVersionArn": arn, "metrics": metrics}))
}

/// A trained model whose files are stored.
pub(crate) struct StoredModel {
    model: TrainedModel,
    chosen: BTreeMap<String, String>,
    hours: f64,
}

impl Job for SolutionVersion {
    const JOB: JobKind = JobKind::Train;
    type Product = StoredModel;

    fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<StoredModel, WorkError> {
        let started = service.now();
        let version = &run.resource;
        let name = recipe_name(&version.recipe_arn).unwrap_or_default().to_owned();
        let recipe = recipes::recipe(&name)
            .ok_or_else(|| WorkError::Failed(format!("Recipe {name} is not available in this version of Palate")))?;
        let selection = recipes::Selection {
            event_type: version.event_type.clone(),
            event_value_threshold: event_value_threshold(version.solution_config.as_ref())?,
        };
        let parts = parts_of_group(service, &version.dataset_group_arn).await?;
        let given = hyperparameters(version.solution_config.as_ref());
        let watch = Watch { arn: version.solution_version_arn.clone(), lost: run.lost.clone() };
        let trained = tokio::task::spawn_blocking(move || {
            let dataset = recipes::Dataset::read(&parts, &selection).map_err(WorkError::retry)?;
            drop(parts);
            let task = TrainingTask { dataset: &dataset, hyperparameters: &given, seed: SEED, progress: &watch };
            recipe.train(&task).map_err(|error| match error {
                recipes::TrainError::Stopped => WorkError::Lost,
                error @ recipes::TrainError::Model(_) => WorkError::retry(error),
                other => WorkError::Failed(other.to_string()),
            })
        })
        .await
        .map_err(WorkError::retry)??;
        let folder = format!("{}/{}", models_of(&version.solution_version_arn)?, run.attempt);
        let model = store_model(service, &name, folder, &trained).await?;
        let hours = (service.now().0 - started.0) as f64 / 3_600_000.0;
        Ok(StoredModel { model, chosen: trained.chosen, hours: (hours * 1e6).round() / 1e6 })
    }

    async fn finish(
        _service: &Arc<Service>,
        version: &mut Self,
        product: &StoredModel,
    ) -> Result<Vec<Write>, WorkError> {
        version.training_hours = Some(product.hours);
        if !product.chosen.is_empty() {
            version.tuned_hpo_params = Some(json!({"algorithmHyperParameters": product.chosen}));
        }
        Ok(vec![Write::Create { key: model_key(&version.solution_version_arn), value: encode(&product.model)? }])
    }
}

/// Every training of the same data and configuration gives the same model; the seed is stored beside it.
const SEED: u64 = 42;

/// Reports a training to the log, and stops it when another worker has taken it over.
struct Watch {
    arn: String,
    lost: Lost,
}

impl recipes::Progress for Watch {
    fn report(&self, step: &str, done: f64) {
        tracing::info!(job = self.arn, step, percent = (done * 100.0).round(), "training");
    }

    fn stopped(&self) -> bool {
        self.lost.is_lost()
    }
}

/// The parts of a group's datasets as they are now: the snapshot that the training keeps.
async fn parts_of_group(service: &Arc<Service>, group_arn: &str) -> Result<recipes::DatasetParts, WorkError> {
    let group = service.records.fetch::<DatasetGroup>(group_arn, "datasetGroupArn").await?.resource;
    let place = Place::of(group_arn).ok_or_else(|| WorkError::retry(format!("{group_arn} is no ARN")))?;
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (kind, into) in [DatasetType::Interactions, DatasetType::Items, DatasetType::Users].into_iter().zip(&mut all) {
        let arn = place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix()));
        if service.records.find::<Dataset>(&arn).await?.is_none() {
            continue;
        }
        let (manifest, _) = Manifest::read(&service.records, &arn).await?;
        for part in &manifest.parts {
            into.push(service.stores.blobs.get(&part.key).await?);
        }
    }
    let [interactions, items, users] = all;
    Ok(recipes::DatasetParts { interactions, items, users })
}

/// Where the models of a version's attempts go.
fn models_of(version_arn: &str) -> Result<String, OpError> {
    let broken = || OpError::internal(format!("{version_arn} is no solution version's ARN"));
    let place = Place::of(version_arn).ok_or_else(broken)?;
    let path = Kind::SolutionVersion.parts(version_arn).ok_or_else(broken)?.join("/");
    Ok(format!("models/{}/{}/{path}", place.account, place.region))
}

async fn store_model(
    service: &Arc<Service>,
    recipe: &str,
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
        recipe: recipe.to_owned(),
        folder,
        resident: names(false),
        paged: names(true),
        hyperparameters: trained.hyperparameters.clone(),
        seed: SEED,
        report: trained.report.clone(),
    })
}
