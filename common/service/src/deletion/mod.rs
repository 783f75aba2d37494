//! What leaves: users who are to be forgotten, and what a deleted resource leaves behind.
//!
//! [`forget`] goes from where rows come in to where they are used: streamed events first, then the journal, then
//! parts, then the users' side of models. Each step may be done again, and the manifest is moved even if no part
//! changes: a compaction that has read what is gone since then loses its commit.

mod gone;
mod ids;
mod journal;
mod models;
mod parts;
mod removal;
mod tally;

use std::sync::Arc;

use futures::future::try_join_all;

pub(crate) use ids::{IdSource, read_ids};
pub(crate) use removal::{Removal, run_removal, sweep_removals};
pub(crate) use tally::Tally;

use crate::arn::{Kind, Place};
use crate::data::Snapshot;
use crate::events::remove_events;
use crate::jobs::{Lost, WorkError};
use crate::resources::Dataset;
use crate::schema::DatasetType;
use crate::service::Service;
use gone::Gone;

/// Streams that are looked through at a time.
const STREAMS_AT_ONCE: usize = 32;

/// One data deletion job at work.
pub(crate) struct Forgetting<'a> {
    pub job_arn: &'a str,
    pub job_name: &'a str,
    pub attempt: u32,
    pub dataset_group_arn: &'a str,
    pub ids: Arc<palate_recipes::IdMap>,
    pub lost: &'a Lost,
}

/// Removes users from the datasets of their group and from its models. What models have learned from them for all
/// stays until the next training.
pub(crate) async fn forget(service: &Arc<Service>, task: &Forgetting<'_>) -> Result<(), WorkError> {
    let tally = Tally::of(task.job_arn);
    for kind in [DatasetType::Interactions, DatasetType::ActionInteractions, DatasetType::Users] {
        let Some(dataset) = dataset_of(service, task.dataset_group_arn, kind).await? else { continue };
        let gone = Arc::new(gone_of(service, task, &dataset, kind).await?);
        task.check()?;
        if kind != DatasetType::Users {
            forget_events(service, task, &dataset, &gone).await?;
        }
        journal::forget(service, task, &dataset, &gone, &tally).await?;
        parts::forget(service, task, &dataset, &gone, &tally).await?;
        gone::drop_sessions(service, task, kind).await?;
    }
    models::forget(service, task).await
}

impl Forgetting<'_> {
    fn check(&self) -> Result<(), WorkError> {
        if self.lost.is_lost() { Err(WorkError::Lost) } else { Ok(()) }
    }
}

async fn dataset_of(service: &Service, group_arn: &str, kind: DatasetType) -> Result<Option<Dataset>, WorkError> {
    let broken = || WorkError::retry(format!("{group_arn} is no dataset group's ARN"));
    let place = Place::of(group_arn).ok_or_else(broken)?;
    let name = Kind::DatasetGroup.parts(group_arn).ok_or_else(broken)?.join("/");
    let arn = place.arn(Kind::Dataset, &format!("{name}/{}", kind.arn_suffix()));
    Ok(service.records.find::<Dataset>(&arn).await?.map(|stored| stored.resource))
}

/// Whose rows of a dataset go. A session's owner is known by rows that are going to be removed, so what was found
/// is kept for the next attempt.
async fn gone_of(
    service: &Arc<Service>,
    task: &Forgetting<'_>,
    dataset: &Dataset,
    kind: DatasetType,
) -> Result<Gone, WorkError> {
    if kind == DatasetType::Users {
        return Ok(Gone::users(Arc::clone(&task.ids)));
    }
    let taken = Snapshot::take(service, &dataset.dataset_arn, Some(task.job_arn)).await?;
    let Some(snapshot) = taken else { return Ok(Gone::users(Arc::clone(&task.ids))) };
    let found = gone::read(service, task, &snapshot).await;
    snapshot.release(service).await;
    gone::keep_sessions(service, task, kind, found?).await
}

async fn forget_events(
    service: &Arc<Service>,
    task: &Forgetting<'_>,
    dataset: &Dataset,
    gone: &Gone,
) -> Result<(), WorkError> {
    let owners: Vec<&str> = task.ids.iter().chain(gone.sessions()).collect();
    for some in owners.chunks(STREAMS_AT_ONCE) {
        task.check()?;
        let is_gone = |user: Option<&str>, session: &str| gone.has(user, Some(session));
        try_join_all(some.iter().map(|owner| remove_events(service, dataset, owner, is_gone))).await?;
    }
    Ok(())
}
