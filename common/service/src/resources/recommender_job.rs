//! The work on a recommender: training, update, stop and start.

use std::sync::Arc;

use palate_recipes::{Selection, describe};
use palate_store::Write;

use super::Status;
use super::recommender::{Recommender, columns};
use super::refresh::{self, Unasked};
use super::schedule::{Due, ms};
use super::training::{Plan, StoredModel, Training, adopt, train, trained_model};
use super::training_columns::TrainingColumns;
use crate::arn::{Place, recipe_name};
use crate::catalogue::{HistoryProduct, first_history};
use crate::error::OpError;
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::runtime::leaves_out;
use crate::service::{JobKind, Service};

/// What a recommender's job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Create,
    Update,
    Weekly,
    Refresh,
    Stop,
    Start,
}

impl Recommender {
    fn work_to_do(&self) -> Work {
        let is_under_way = |work: &Option<Unasked>| work.as_ref().is_some_and(Unasked::is_under_way);
        match self.status {
            Status::StopPending | Status::StopInProgress => Work::Stop,
            Status::StartPending | Status::StartInProgress => Work::Start,
            _ if self.update().is_some() => Work::Update,
            _ if is_under_way(&self.trainings.weekly) => Work::Weekly,
            _ if is_under_way(&self.trainings.refresh) => Work::Refresh,
            _ => Work::Create,
        }
    }

    /// Whether a job is at it, whoever asked for that.
    fn is_at_work(&self) -> bool {
        !self.is_settled() || matches!(self.work_to_do(), Work::Weekly | Work::Refresh)
    }
}

impl Job for Recommender {
    const JOB: JobKind = JobKind::Train;
    type Product = Option<NewModel>;

    fn state(&mut self) -> State<'_> {
        let work = self.work_to_do();
        let words = match work {
            Work::Stop => Words::STOP,
            Work::Start => Words::START,
            _ => Words::CREATE,
        };
        let unasked = match work {
            Work::Weekly => self.trainings.weekly.as_mut(),
            Work::Refresh => self.trainings.refresh.as_mut(),
            _ => None,
        };
        match (work, self.latest_recommender_update.as_mut(), unasked) {
            (Work::Update, Some(update), _) => State {
                status: &mut update.status,
                words,
                failure_reason: &mut update.failure_reason,
                updated: &mut update.last_updated_date_time,
            },
            (_, _, Some(unasked)) => unasked.state(),
            _ => State {
                status: &mut self.status,
                words,
                failure_reason: &mut self.failure_reason,
                updated: &mut self.last_updated_date_time,
            },
        }
    }

    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<Option<NewModel>, WorkError> {
        let recommender = &run.resource;
        match recommender.work_to_do() {
            Work::Create | Work::Weekly => new_model(service, run).await.map(Some),
            Work::Update => {
                let now = columns(&recommender.recommender_config);
                let same = recommender.update().is_none_or(|update| columns(&update.recommender_config) == now);
                if same { Ok(None) } else { new_model(service, run).await.map(Some) }
            }
            Work::Refresh => updated_model(service, run).await.map(Some),
            Work::Start => {
                service.runtime.smoke_test(service, &recommender.recommender_arn).await?;
                Ok(None)
            }
            Work::Stop => Ok(None),
        }
    }

    /// The switch: from the settling commit on, requests see the new model and configuration.
    async fn finish(
        service: &Arc<Service>,
        recommender: &mut Self,
        product: &Option<NewModel>,
    ) -> Result<Vec<Write>, WorkError> {
        if let Some(config) = recommender.update().map(|update| update.recommender_config.clone()) {
            recommender.recommender_config = config;
        }
        let Some(product) = product else { return Ok(Vec::new()) };
        let (arn, model) = (&recommender.recommender_arn, &product.model.model);
        if let Some(folder) = &product.updates {
            return refresh::replace(service, arn, folder, &product.model).await;
        }
        recommender.model_metrics = Some(model.metrics());
        let mut writes = vec![adopt(&service.records, arn, model).await?];
        if let Some(history) = &product.history {
            writes.extend(history.writes(service).await?);
        }
        let begun_ms = ms(product.model.begun.0);
        writes.extend(refresh::watch(service, arn, &model.recipe, &recommender.dataset_group_arn, begun_ms).await?);
        Ok(writes)
    }

    /// Requests look where the model is now.
    async fn then(service: &Arc<Service>, recommender: &Self) {
        service.runtime.forget(&recommender.recommender_arn);
    }
}

/// What a training of a recommender leaves.
pub(crate) struct NewModel {
    model: StoredModel,
    /// What users did by type, if the use case leaves some of it out of its answers.
    history: Option<HistoryProduct>,
    /// The folder of the model that it was made from, if it is no training but an update.
    updates: Option<String>,
}

/// The model with what is new.
async fn updated_model(service: &Arc<Service>, run: &Run<Recommender>) -> Result<NewModel, WorkError> {
    let arn = &run.resource.recommender_arn;
    let before = trained_model(&service.records, arn).await?;
    let before = before.ok_or_else(|| WorkError::Failed(format!("{arn} has no model to be updated.")))?;
    let folder = before.folder.clone();
    let model = train(service, training(service, run, Plan::Refresh(Box::new(before))).await?).await?;
    Ok(NewModel { model, history: None, updates: Some(folder) })
}

async fn new_model(service: &Arc<Service>, run: &Run<Recommender>) -> Result<NewModel, WorkError> {
    let recommender = &run.resource;
    let recipe = recipe_name(&recommender.recipe_arn).unwrap_or_default();
    let model = train(service, training(service, run, Plan::Recipe(recipe.to_owned())).await?).await?;
    let history = match describe(recipe).is_some_and(leaves_out) {
        true => Some(first_history(service, &recommender.dataset_group_arn).await?),
        false => None,
    };
    Ok(NewModel { model, history, updates: None })
}

/// What it learns, and from what.
async fn training(service: &Arc<Service>, run: &Run<Recommender>, plan: Plan) -> Result<Training, WorkError> {
    let recommender = &run.resource;
    let arn = &recommender.recommender_arn;
    let place = Place::of(arn).ok_or_else(|| WorkError::retry(format!("{arn} is no ARN")))?;
    let models = models_of(&place, &recommender.name);
    let name = format!("{:06}-{:02}", recommender.trainings.begun, run.attempt);
    remove_older(service, arn, &models, &name).await?;
    let columns = match recommender.update() {
        Some(update) => TrainingColumns::of(Some(&update.recommender_config), update.creation_date_time),
        None => {
            // Its owner has seen the columns that were there at the last update that took hold.
            let update = recommender.latest_recommender_update.as_ref();
            let update = update.filter(|update| update.status == Status::Active);
            let since = update.map_or(recommender.creation_date_time, |update| update.creation_date_time);
            TrainingColumns::of(Some(&recommender.recommender_config), since)
        }
    };
    Ok(Training {
        arn: arn.clone(),
        job: recommender.trainings.begun,
        plan,
        dataset_group_arn: recommender.dataset_group_arn.clone(),
        // The recipe says which events it learns from.
        selection: Selection::default(),
        columns,
        hyperparameters: std::collections::BTreeMap::new(),
        event_weights: Vec::new(),
        objective: None,
        models,
        attempt: name,
        lost: run.lost.clone(),
        told: run.told.clone(),
        stop: Arc::default(),
    })
}

/// Removes the folders before this one that the recommender does not use. The model that was replaced last goes
/// only now, since requests may have been reading its pages when it was.
async fn remove_older(service: &Service, arn: &str, models: &str, name: &str) -> Result<(), WorkError> {
    let used = trained_model(&service.records, arn).await?.map(|model| model.folder);
    let below = format!("{models}/");
    let mut after: Option<String> = None;
    loop {
        let page = service.stores.blobs.list(&below, after.as_deref(), 1000).await?;
        for blob in page.entries {
            let folder = blob.key.strip_prefix(&below).and_then(|rest| rest.split_once('/')).map(|(folder, _)| folder);
            let Some(folder) = folder.filter(|folder| *folder < name) else { continue };
            if used.as_deref() != Some(&format!("{below}{folder}")) {
                service.stores.blobs.delete(&blob.key).await?;
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Where the models of a recommender go.
pub(super) fn models_of(place: &Place, name: &str) -> String {
    format!("recommenders/{}/{}/{name}", place.account, place.region)
}

/// Begins the weekly training of a recommender that is ACTIVE; tells whether it did.
pub(super) async fn retrain(service: &Arc<Service>, mut due: Due) -> Result<bool, OpError> {
    let Some(mut stored) = service.records.find::<Recommender>(&due.arn).await? else {
        due.end(service).await?;
        return Ok(false);
    };
    let recommender = &mut stored.resource;
    if recommender.is_at_work() {
        return Ok(false);
    }
    if !recommender.answers() {
        due.skip(service).await?;
        return Ok(false);
    }
    recommender.trainings.begun += 1;
    recommender.trainings.weekly = Some(Unasked::pending(service.now()));
    jobs::save(service, &service.records, &stored, vec![due.pass(service.clock.now_ms())?]).await?;
    Ok(true)
}

/// Begins the update of a recommender's model if there is something new; tells whether it did.
pub(super) async fn refresh(service: &Arc<Service>, mut due: refresh::Due) -> Result<bool, OpError> {
    let Some(mut stored) = service.records.find::<Recommender>(&due.arn).await? else {
        due.end(service).await?;
        return Ok(false);
    };
    let recommender = &mut stored.resource;
    if recommender.is_at_work() {
        return Ok(false);
    }
    if !recommender.answers() {
        due.pass(service).await?;
        return Ok(false);
    }
    if !due.has_news(service, &recommender.dataset_group_arn, recommender.trainings.refresh.as_ref()).await? {
        return Ok(false);
    }
    recommender.trainings.begun += 1;
    recommender.trainings.refresh = Some(Unasked::pending(service.now()));
    jobs::save(service, &service.records, &stored, vec![due.begun(service.clock.now_ms())?]).await?;
    Ok(true)
}
