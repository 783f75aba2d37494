//! What happens when its time comes: automatic training of solutions, retraining of recommenders, campaigns that
//! follow the newest version.
//!
//! Who is to be looked after has a record in one partition, written in the commit that turns that on, so that
//! a sweep reads one listing whatever the region. What a sweep does, it commits with the record at the version
//! that it read: of several sweepers one does it.

use std::sync::Arc;

use palate_store::{Key, Record, RecordStoreExt, Write};
use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::dataset_group::DatasetGroup;
use super::solution::Solution;
use super::solution_version::{automatic, pending, versions_of};
use super::{campaign, recommender_job, refresh};
use crate::arn::{Kind, Place, recipe_name};
use crate::data::Manifest;
use crate::error::{OpError, chain};
use crate::events::{last_action_interaction_ms, last_event_ms};
use crate::jobs;
use crate::quotas::Quota;
use crate::records::{FORMAT, Records, decode, encode};
use crate::schema::DatasetType;
use crate::service::Service;

const PARTITION: &str = "schedule";
const MINUTE_MS: u64 = 60_000;
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// When something is done again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schedule {
    format: u64,
    /// What was started before this does not move the schedule.
    since_ms: u64,
    period_ms: u64,
    /// Nothing is done before this.
    next_ms: u64,
}

impl Schedule {
    /// For the first time in an hour, then every so many days.
    pub fn within_the_hour(period_days: u64, now_ms: u64) -> Self {
        Self { next_ms: now_ms + HOUR_MS, ..Self::every(period_days, now_ms) }
    }

    /// For the first time after a whole period.
    pub fn every(period_days: u64, now_ms: u64) -> Self {
        let period_ms = period_days * DAY_MS;
        Self { format: FORMAT, since_ms: now_ms, period_ms, next_ms: now_ms + period_ms }
    }

    /// At every sweep.
    pub fn always() -> Self {
        Self { format: FORMAT, since_ms: 0, period_ms: 0, next_ms: 0 }
    }

    /// The time after `now_ms` that comes next if nothing is done now.
    fn pass(&mut self, now_ms: u64) {
        let missed = now_ms.saturating_sub(self.next_ms) / self.period_ms.max(1);
        self.next_ms += (missed + 1) * self.period_ms;
    }
}

/// The write that gives the resource `arn` this schedule, in place of the one that it may have.
pub(super) async fn set(records: &Records, arn: &str, schedule: &Schedule) -> Result<Write, OpError> {
    let (key, value) = (Key::new(PARTITION, arn), encode(schedule)?);
    Ok(match records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

/// The write that ends the schedule of the resource `arn`, if it has one.
pub(super) async fn clear(records: &Records, arn: &str) -> Result<Option<Write>, OpError> {
    let key = Key::new(PARTITION, arn);
    Ok(records.get(&key).await?.map(|record| Write::Delete { key, expected: record.version }))
}

/// A schedule as a sweep read it.
pub(super) struct Due {
    pub arn: String,
    pub schedule: Schedule,
    version: u64,
}

impl Due {
    fn read(record: &Record) -> Result<Self, OpError> {
        Ok(Self { arn: record.key.sort.clone(), schedule: decode(record)?, version: record.version })
    }

    /// The write that stores what the schedule has become.
    fn update(&self) -> Result<Write, OpError> {
        let key = Key::new(PARTITION, self.arn.as_str());
        Ok(Write::Update { key, expected: self.version, value: encode(&self.schedule)? })
    }

    /// The write for what is done now: the next time is a period from now.
    pub fn done(&mut self, now_ms: u64) -> Result<Write, OpError> {
        self.schedule.next_ms = now_ms + self.schedule.period_ms;
        self.update()
    }

    /// The write that moves the schedule on to the time after the one that has come.
    pub fn pass(&mut self, now_ms: u64) -> Result<Write, OpError> {
        self.schedule.pass(now_ms);
        self.update()
    }

    /// Does nothing until the time after the one that has come.
    pub async fn skip(&mut self, service: &Service) -> Result<(), OpError> {
        let write = self.pass(service.clock.now_ms())?;
        self.commit(service, write).await
    }

    /// Ends the schedule of a resource that is gone or needs none any more.
    pub async fn end(&self, service: &Service) -> Result<(), OpError> {
        let key = Key::new(PARTITION, self.arn.as_str());
        self.commit(service, Write::Delete { key, expected: self.version }).await
    }

    async fn commit(&self, service: &Service, write: Write) -> Result<(), OpError> {
        service.records.change(vec![write], &self.arn).await
    }
}

/// Does what is due; returns how many jobs that started. What fails is told to the log and tried again by the
/// next sweep.
pub(crate) async fn sweep(service: &Arc<Service>) -> Result<usize, OpError> {
    let now_ms = service.clock.now_ms();
    let mut started = 0;
    for record in service.records.list_all(PARTITION, "").await? {
        let due = Due::read(&record)?;
        if now_ms < due.schedule.next_ms {
            continue;
        }
        let arn = due.arn.clone();
        match look_after(service, due).await {
            Ok(did) => started += usize::from(did),
            // Another sweeper, or the owner, was here first.
            Err(OpError::Changed(_)) => {}
            Err(error) => tracing::warn!(arn, error = chain(&error), "scheduled work not begun"),
        }
    }
    Ok(started + refresh::sweep(service).await?)
}

async fn look_after(service: &Arc<Service>, due: Due) -> Result<bool, OpError> {
    let is = |kind: Kind| kind.parts(&due.arn).is_some();
    if is(Kind::Campaign) {
        return campaign::follow(service, due).await;
    }
    if !service.settings.auto_training {
        return Ok(false);
    }
    if is(Kind::Recommender) {
        return recommender_job::retrain(service, due).await;
    }
    train(service, due).await
}

/// Creates the next version of a solution if its time has come and there is something new to learn.
async fn train(service: &Arc<Service>, mut due: Due) -> Result<bool, OpError> {
    let Some(solution) = service.records.find::<Solution>(&due.arn).await? else {
        due.end(service).await?;
        return Ok(false);
    };
    let now_ms = service.clock.now_ms();
    let versions = versions_of(&service.records, &due.arn).await?;
    let starts = || versions.iter().map(|version| ms(version.resource.creation_date_time.0));
    // Every training counts, whoever asked for it.
    if let Some(last) = starts().filter(|start| *start >= due.schedule.since_ms).max() {
        let next_ms = last + due.schedule.period_ms;
        if next_ms > due.schedule.next_ms {
            due.schedule.next_ms = next_ms;
            due.commit(service, due.update()?).await?;
            return Ok(false);
        }
    }
    let training = versions.iter().any(|version| !version.resource.status.is_settled());
    if training || !room(service, &due.arn).await? {
        return Ok(false);
    }
    let Some(place) = Place::of(&due.arn) else { return Ok(false) };
    if !new_data(service, &place, &solution.resource, starts().max()).await? {
        if versions.is_empty() {
            // As soon as there is something at all.
            due.schedule.next_ms = now_ms + HOUR_MS;
            due.commit(service, due.update()?).await?;
        } else {
            due.skip(service).await?;
        }
        return Ok(false);
    }
    let version = automatic(service, &solution.resource)?;
    let with = vec![solution.touch()?, due.done(now_ms)?];
    jobs::create(service, &service.records, &version, Vec::new(), with).await?;
    tracing::info!(version = version.solution_version_arn, "automatic training begun");
    Ok(true)
}

/// Whether the region may have another version in work; if not, a later sweep finds that it may.
async fn room(service: &Service, arn: &str) -> Result<bool, OpError> {
    let Some(place) = Place::of(arn) else { return Ok(false) };
    Ok(pending(&service.records, &place).await? < service.settings.quotas.limit(Quota::SolutionVersions))
}

/// Whether interactions came since the last training began: imported, or streamed.
async fn new_data(
    service: &Service,
    place: &Place,
    solution: &Solution,
    last_start_ms: Option<u64>,
) -> Result<bool, OpError> {
    let group_arn = &solution.dataset_group_arn;
    let Some(group) = service.records.find::<DatasetGroup>(group_arn).await? else { return Ok(false) };
    let actions = recipe_name(&solution.recipe_arn) == Some("aws-next-best-action");
    let kind = if actions { DatasetType::ActionInteractions } else { DatasetType::Interactions };
    let arn = place.arn(Kind::Dataset, &format!("{}/{}", group.resource.name, kind.arn_suffix()));
    let Some(dataset) = service.records.find::<Dataset>(&arn).await? else { return Ok(false) };
    let since_ms = last_start_ms.unwrap_or_default();
    let (manifest, _) = Manifest::read(&service.records, &arn).await?;
    if imported_since(&manifest, &dataset.resource, since_ms) {
        return Ok(true);
    }
    let streamed = match actions {
        true => last_action_interaction_ms(service, group_arn).await?,
        false => last_event_ms(service, group_arn).await?,
    };
    // What is kept of the time may be a minute behind; rather one training too many than data left out.
    Ok(streamed.is_some_and(|at_ms| at_ms + MINUTE_MS > since_ms))
}

/// Whether something was imported into a dataset since a training began. An import moves the time of its dataset in the
/// commit that settles it. In one moment with the training it counts as new, for the training may have been first.
pub(super) fn imported_since(manifest: &Manifest, dataset: &Dataset, since_ms: u64) -> bool {
    manifest.has_bulk() && ms(dataset.last_updated_date_time.0) >= since_ms
}

pub(super) fn ms(timestamp_ms: i64) -> u64 {
    u64::try_from(timestamp_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_time_is_not_made_up_for() {
        for (now_days, next_days) in [(7, 14), (8, 14), (13, 14), (14, 21), (40, 42)] {
            let mut schedule = Schedule::every(7, 0);
            schedule.pass(now_days * DAY_MS);
            assert_eq!(schedule.next_ms, next_days * DAY_MS, "{now_days}");
        }
    }
}
