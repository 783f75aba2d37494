//! The work on a recommender: training, update, stop and start.

use std::sync::Arc;

use palate_recipes::{Selection, describe};
use palate_store::Write;

use super::Status;
use super::recommender::{Recommender, Weekly, columns};
use super::schedule::Due;
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
    Stop,
    Start,
}

impl Recommender {
    fn work_to_do(&self) -> Work {
        let weekly = self.trainings.weekly.as_ref().is_some_and(|weekly| !weekly.status.is_settled());
        match self.status {
            Status::StopPending | Status::StopInProgress => Work::Stop,
            Status::StartPending | Status::StartInProgress => Work::Start,
            _ if self.update().is_some() => Work::Update,
            _ if weekly => Work::Weekly,
            _ => Work::Create,
        }
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
        match (work, self.latest_recommender_update.as_mut(), self.trainings.weekly.as_mut()) {
            (Work::Update, Some(update), _) => State {
                status: &mut update.status,
                words,
                failure_reason: &mut update.failure_reason,
                updated: &mut update.last_updated_date_time,
            },
            (Work::Weekly, _, Some(weekly)) => State {
                status: &mut weekly.status,
                words,
                failure_reason: &mut weekly.failure_reason,
                updated: &mut weekly.last_updated_date_time,
            },
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
        recommender.model_metrics = Some(product.model.model.metrics());
        let mut writes = vec![adopt(&service.records, &recommender.recommender_arn, &product.model.model).await?];
        if let Some(history) = &product.history {
            writes.extend(history.writes(service).await?);
        }
        Ok(writes)
    }
}

/// What a training of a recommender leaves.
pub(crate) struct NewModel {
    model: StoredModel,
    /// What users did by type, if the use case leaves some of it out of its answers.
    history: Option<HistoryProduct>,
}

async fn new_model(service: &Arc<Service>, run: &Run<Recommender>) -> Result<NewModel, WorkError> {
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
    let training = Training {
        arn: arn.clone(),
        plan: Plan::Recipe(recipe_name(&recommender.recipe_arn).unwrap_or_default().to_owned()),
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
    };
    let model = train(service, training).await?;
    let leaves_out = describe(recipe_name(&recommender.recipe_arn).unwrap_or_default()).is_some_and(leaves_out);
    let history = match leaves_out {
        true => Some(first_history(service, &recommender.dataset_group_arn).await?),
        false => None,
    };
    Ok(NewModel { model, history })
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
    if !recommender.is_settled() || recommender.work_to_do() == Work::Weekly {
        return Ok(false);
    }
    if !recommender.answers() {
        due.skip(service).await?;
        return Ok(false);
    }
    let arn = recommender.recommender_arn.clone();
    recommender.trainings.begun += 1;
    recommender.trainings.weekly =
        Some(Weekly { status: Status::CreatePending, failure_reason: None, last_updated_date_time: service.now() });
    let with = vec![jobs::queue::<Recommender>(service, &arn)?, due.pass(service.clock.now_ms())?];
    service.records.save(&stored, with).await?;
    jobs::start::<Recommender>(service, &arn).await;
    Ok(true)
}
