//! Solution versions: one training of a solution, its model and its metrics.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palate_recipes::{self as recipes, EventWeight, Selection};
use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::known_columns::check_objective;
use super::solution::{AutoMlResult, Solution};
use super::solution_config::{
    auto_ml_metric, auto_ml_recipes, event_value_threshold, event_weights, hyperparameters, objective,
};
use super::training::{Plan, StoredModel, TrainedModel, Training, adopt, disown, train, trained_model};
use super::training_columns::TrainingColumns;
use super::version_refresh::{Refresh, refreshed};
use super::{Status, campaign, hpo, refresh};
use crate::arn::{Kind, Place, recipe_arn, recipe_name};
use crate::call::Call;
use crate::deletion::Removal;
use crate::error::OpError;
use crate::jobs::{self, Job, Run, State, StopWatch, Words, WorkError};
use crate::operations::Operations;
use crate::paging::page;
use crate::quotas::{Quota, room};
use crate::records::{Records, Resource, Stored};
use crate::service::{JobKind, Service};
use crate::wire::{Timestamp, project};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perform_incremental_update: Option<bool>,
    /// Empty until performAutoML has chosen one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
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
    /// Not on the wire: automatic updates are no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh: Option<Refresh>,
}

impl SolutionVersion {
    /// The next version of a solution, whose name in the ARN is `suffix`.
    fn of(solution: &Solution, place: &Place, suffix: &str, mode: &str, training_type: &str, now: Timestamp) -> Self {
        Self {
            name: None,
            solution_version_arn: place.arn(Kind::SolutionVersion, &format!("{}/{suffix}", solution.name)),
            solution_arn: solution.solution_arn.clone(),
            perform_hpo: solution.perform_hpo,
            perform_auto_ml: solution.perform_auto_ml,
            perform_incremental_update: solution.perform_incremental_update,
            recipe_arn: solution.recipe_arn.clone(),
            event_type: solution.event_type.clone(),
            dataset_group_arn: solution.dataset_group_arn.clone(),
            solution_config: solution.solution_config.clone(),
            training_hours: None,
            training_mode: mode.to_owned(),
            tuned_hpo_params: None,
            status: Status::CreatePending,
            failure_reason: None,
            creation_date_time: now,
            last_updated_date_time: now,
            training_type: training_type.to_owned(),
            refresh: None,
        }
    }

    /// The update of its model that is under way.
    pub(super) fn refreshing(&self) -> Option<&Refresh> {
        self.refresh.as_ref().filter(|refresh| refresh.latest.is_under_way())
    }

    /// What is trained for this version. `from` is the model that it updates, if it does.
    fn plan(&self, from: Option<TrainedModel>) -> Plan {
        let config = self.solution_config.as_ref();
        let recipe = recipe_name(&self.recipe_arn).unwrap_or_default();
        let hpo_config = config.and_then(|config| config.get("hpoConfig")?.as_object());
        match (from, recipes::describe(recipe)) {
            (Some(model), _) if self.refreshing().is_some() => Plan::Refresh(Box::new(model)),
            (Some(model), _) => Plan::Update(Box::new(model)),
            (None, _) if self.perform_auto_ml => {
                Plan::Compete { recipes: auto_ml_recipes(config), metric: auto_ml_metric(config).to_owned() }
            }
            (None, Some(info)) if self.perform_hpo => Plan::Search {
                recipe: recipe.to_owned(),
                space: hpo::space(info, hpo_config, &hyperparameters(config)),
                budget: hpo::budget(hpo_config),
            },
            _ => Plan::Recipe(recipe.to_owned()),
        }
    }

    /// What it learns of its configuration and that of its solution.
    pub(super) async fn training(
        &self,
        service: &Arc<Service>,
        run: &Run<Self>,
        stop: Arc<AtomicBool>,
    ) -> Result<Training, WorkError> {
        let arn = self.solution_version_arn.clone();
        let solution = service.records.fetch::<Solution>(&self.solution_arn, "solutionArn").await?.resource;
        // An update keeps to what the model was trained with.
        let base = if self.refreshing().is_some() {
            Some(self.clone())
        } else if self.training_mode == "UPDATE" {
            full_version(&service.records, &self.solution_arn).await?
        } else {
            None
        };
        let of = base.as_ref().unwrap_or(self);
        // performAutoML looks at nothing but its own configuration.
        let config = of.solution_config.as_ref().filter(|_| !self.perform_auto_ml);
        let from = match &base {
            Some(base) => trained_model(&service.records, &base.solution_version_arn).await?,
            None => None,
        };
        if self.training_mode == "UPDATE" && from.is_none() {
            let message = "The solution has no ACTIVE version any more that was trained with FULL; train with FULL.";
            return Err(WorkError::Failed(message.into()));
        }
        let event_weights = event_weights(config);
        let objective = objective(config);
        if let Some(objective) = &objective {
            check_objective(&service.records, &self.dataset_group_arn, &objective.item_attribute).await?;
        }
        Ok(Training {
            dataset_group_arn: self.dataset_group_arn.clone(),
            selection: Selection {
                event_type: of.event_type.clone(),
                event_value_threshold: event_value_threshold(config)?,
                events: event_weights.iter().map(EventWeight::choice).collect(),
                ..Selection::default()
            },
            columns: TrainingColumns::of(config, solution.creation_date_time),
            hyperparameters: match &from {
                Some(model) => model.hyperparameters.clone(),
                None => hyperparameters(config),
            },
            event_weights,
            objective,
            plan: self.plan(from),
            models: models_of(&arn)?,
            attempt: match self.refreshing() {
                Some(refresh) => format!("refreshed-{:06}-{:02}", refresh.begun, run.attempt),
                None => run.attempt.to_string(),
            },
            lost: run.lost.clone(),
            told: run.told.clone(),
            stop,
            arn,
            // What else is done for a version reads anew.
            job: 0,
        })
    }
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

/// All versions of a solution.
pub(crate) async fn versions_of(
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

/// The newest version of a solution that was trained in full and can serve.
pub(super) async fn full_version(records: &Records, solution_arn: &str) -> Result<Option<SolutionVersion>, OpError> {
    let versions = versions_of(records, solution_arn).await?.into_iter().map(|stored| stored.resource);
    let full = versions.filter(|version| version.status == Status::Active && version.training_mode != "UPDATE");
    Ok(full.max_by_key(|version| (version.creation_date_time, version.solution_version_arn.clone())))
}

/// How many versions of a place are pending or in progress.
pub(super) async fn pending(records: &Records, place: &Place) -> Result<usize, OpError> {
    let versions = records.all::<SolutionVersion>(place, "").await?;
    Ok(versions.iter().filter(|version| !version.resource.status.is_settled()).count())
}

/// Removes a version: its record and its model in one step; a removal frees the space.
pub(super) async fn delete_version(service: &Service, version: &Stored<SolutionVersion>) -> Result<(), OpError> {
    let arn = &version.resource.solution_version_arn;
    // No other version gets the same ARN.
    let (removal, freeing) = Removal::now(vec![format!("{}/", models_of(arn)?)])?;
    let mut with: Vec<Write> = disown(&service.records, arn).await?.into_iter().chain([freeing]).collect();
    with.extend(refresh::clear(&service.records, arn).await?);
    // An update of its model may be under way.
    with.extend(jobs::cancel(service, arn).await?);
    service.records.remove(version, with).await?;
    Removal::start(service, &removal).await;
    Ok(())
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateSolutionVersion", create)
        .add("DescribeSolutionVersion", describe)
        .add("ListSolutionVersions", list)
        .add("StopSolutionVersionCreation", stop)
        .add("GetSolutionMetrics", metrics);
}

async fn create(call: Call) -> Result<Value, OpError> {
    let solution = call.resource::<Solution>("solutionArn").await?;
    let arn = &solution.resource.solution_arn;
    let place = Place::of(arn).unwrap_or_else(|| call.place.clone());
    let mode = call.optional_text("trainingMode").unwrap_or("FULL");
    check_mode(&call, &solution.resource, mode).await?;
    let name = call.optional_text("name");
    let suffix = name.map_or_else(new_suffix, str::to_owned);
    let mut version = SolutionVersion::of(&solution.resource, &place, &suffix, mode, "MANUAL", call.now());
    version.name = name.map(str::to_owned);
    let arn = version.solution_version_arn.clone();
    call.records().check_free::<SolutionVersion>(&arn).await?;
    let used = pending(call.records(), &place).await?;
    let room = room(&call, Quota::SolutionVersions, &place.region, used).await?;
    let with = vec![solution.touch()?, room];
    jobs::create(&call.service, call.records(), &version, call.tags()?, with).await?;
    Ok(json!({"solutionVersionArn": arn}))
}

/// Eight hexadecimal digits.
fn new_suffix() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
}

/// A version that its solution's schedule asks for.
pub(super) fn automatic(service: &Service, solution: &Solution) -> Result<SolutionVersion, OpError> {
    let arn = &solution.solution_arn;
    let place = Place::of(arn).ok_or_else(|| OpError::internal(format!("{arn} is no ARN")))?;
    Ok(SolutionVersion::of(solution, &place, &new_suffix(), "AUTOTRAIN", "AUTOMATIC", service.now()))
}

/// UPDATE adds items to a model that was trained in full, and only some recipes can.
async fn check_mode(call: &Call, solution: &Solution, mode: &str) -> Result<(), OpError> {
    match mode {
        "FULL" => return Ok(()),
        "UPDATE" => {}
        _ => return Err(OpError::invalid(format!("trainingMode {mode} is for the service alone; use FULL or UPDATE"))),
    }
    let recipe = recipe_name(&solution.recipe_arn).unwrap_or_default();
    if !["aws-user-personalization", "aws-hrnn-coldstart"].contains(&recipe) {
        return Err(OpError::invalid(format!("trainingMode UPDATE does not apply to recipe {recipe}; use FULL")));
    }
    if full_version(call.records(), &solution.solution_arn).await?.is_none() {
        let message = "trainingMode UPDATE needs an ACTIVE solution version that was trained with FULL";
        return Err(OpError::invalid(format!("{message}; {} has none", solution.solution_arn)));
    }
    Ok(())
}

async fn describe(call: Call) -> Result<Value, OpError> {
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?.resource;
    let value = serde_json::to_value(&version).map_err(OpError::internal)?;
    Ok(json!({"solutionVersion": project(&value, "SolutionVersion")}))
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

/// A version that nobody works on is stopped at once; a worker that trains one sees that it should stop.
async fn stop(call: Call) -> Result<Value, OpError> {
    let mut stored = call.resource::<SolutionVersion>("solutionVersionArn").await?;
    let version = &mut stored.resource;
    let arn = version.solution_version_arn.clone();
    let mut with = Vec::new();
    match version.status {
        Status::CreatePending => {
            version.status = Status::CreateStopped;
            with.extend(jobs::cancel(&call.service, &arn).await?);
        }
        Status::CreateInProgress => version.status = Status::CreateStopping,
        Status::CreateStopping => return Err(OpError::InUse(format!("{arn} is being stopped already"))),
        status => {
            let message = "only a version that is CREATE PENDING or CREATE IN_PROGRESS can be stopped";
            return Err(OpError::invalid(format!("{arn} is {status}; {message}")));
        }
    }
    version.last_updated_date_time = call.now();
    call.records().save(&stored, with).await?;
    Ok(Value::Null)
}

async fn metrics(call: Call) -> Result<Value, OpError> {
    let version = call.resource::<SolutionVersion>("solutionVersionArn").await?.resource;
    let arn = &version.solution_version_arn;
    let model = trained_model(call.records(), arn).await?;
    let (Status::Active, Some(model)) = (version.status, model) else {
        return Err(OpError::InUse(format!("{arn} has no metrics: it is {}", version.status)));
    };
    Ok(json!({"solutionVersionArn": arn, "metrics": model.metrics()}))
}

impl Job for SolutionVersion {
    const JOB: JobKind = JobKind::Train;
    type Product = Product;

    fn state(&mut self) -> State<'_> {
        if let Some(refresh) = self.refresh.as_mut().filter(|refresh| refresh.latest.is_under_way()) {
            return refresh.latest.state();
        }
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    fn stopping(&self) -> bool {
        self.status == Status::CreateStopping
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<Product, WorkError> {
        let version = &run.resource;
        if version.refreshing().is_some() {
            return refreshed(service, run).await;
        }
        if version.perform_incremental_update == Some(true) {
            let reason = "performIncrementalUpdate is not built yet; create a solution without it.";
            return Err(WorkError::Failed(reason.into()));
        }
        let watch = StopWatch::start::<Self>(service, &version.solution_version_arn);
        let trained = async {
            let training = version.training(service, run, watch.wanted()).await?;
            Ok(Product { model: train(service, training).await?, updates: None })
        };
        tokio::select! {
            trained = trained => trained,
            () = watch.is_overdue() => Err(WorkError::Stopped),
        }
    }

    async fn finish(service: &Arc<Service>, version: &mut Self, product: &Product) -> Result<Vec<Write>, WorkError> {
        let Product { model: product, updates } = product;
        if let Some(folder) = updates {
            return refresh::replace(service, &version.solution_version_arn, folder, product).await;
        }
        version.training_hours = Some(product.hours);
        if !product.chosen.is_empty() {
            version.tuned_hpo_params = Some(json!({"algorithmHyperParameters": product.chosen}));
        }
        let mut writes = vec![adopt(&service.records, &version.solution_version_arn, &product.model).await?];
        if version.perform_auto_ml {
            version.recipe_arn = recipe_arn(&product.model.recipe);
            let mut solution = service.records.fetch::<Solution>(&version.solution_arn, "solutionArn").await?;
            solution.resource.auto_ml_result = Some(AutoMlResult { best_recipe_arn: version.recipe_arn.clone() });
            writes.push(solution.update()?);
        }
        Ok(writes)
    }

    /// Campaigns that follow the solution deploy the version.
    async fn then(service: &Arc<Service>, version: &Self) {
        campaign::follow_all(service, &version.solution_arn).await;
    }
}

/// What work on a version leaves.
pub(crate) struct Product {
    pub(super) model: StoredModel,
    /// The folder of the model that it was made from, if it is no training but an automatic update.
    pub(super) updates: Option<String>,
}

/// Where the models of a version's attempts go.
fn models_of(version_arn: &str) -> Result<String, OpError> {
    let broken = || OpError::internal(format!("{version_arn} is no solution version's ARN"));
    let place = Place::of(version_arn).ok_or_else(broken)?;
    let path = Kind::SolutionVersion.parts(version_arn).ok_or_else(broken)?.join("/");
    Ok(format!("models/{}/{}/{path}", place.account, place.region))
}
