//! Whose rows go: users by id, and the visitors that they were before they signed in.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use palate_recipes::IdMap;
use palate_recipes::parts::{Part, PartError, SESSION_ID};
use palate_store::{PutCondition, StoreError};

use super::Forgetting;
use crate::data::{Origin, Snapshot, SnapshotPart};
use crate::export::{PartColumn, Sessions};
use crate::jobs::WorkError;
use crate::schema::DatasetType;
use crate::service::Service;

/// Users and sessions whose rows go.
pub(super) struct Gone {
    ids: Arc<IdMap>,
    /// Sessions whose events without a user go: those that such a user signed in to first, and those that are
    /// named like a user, since a visitor is asked for by the session's id.
    sessions: HashSet<String>,
}

impl Gone {
    pub fn users(ids: Arc<IdMap>) -> Self {
        Self { ids, sessions: HashSet::new() }
    }

    /// Whether a row goes, by its user and its session.
    pub fn has(&self, user: Option<&str>, session: Option<&str>) -> bool {
        match (user, session) {
            (Some(user), _) => self.ids.get(user).is_some(),
            (None, Some(session)) => self.sessions.contains(session),
            (None, None) => false,
        }
    }

    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().map(String::as_str)
    }
}

/// Finds the sessions by what was streamed.
pub(super) async fn read(
    service: &Arc<Service>,
    task: &Forgetting<'_>,
    snapshot: &Snapshot,
) -> Result<Gone, WorkError> {
    let streamed: Vec<&SnapshotPart> = snapshot.parts().iter().filter(|part| part.origin == Origin::Put).collect();
    let mut sessions = Sessions::default();
    for step in [want, Sessions::note_owners_of] {
        for part in &streamed {
            task.check()?;
            let content = snapshot.content(service, part).await?;
            let ids = Arc::clone(&task.ids);
            let noted = tokio::task::spawn_blocking(move || {
                step(&mut sessions, &Part::open(content)?, &ids)?;
                Ok::<_, PartError>(sessions)
            });
            sessions = noted.await.map_err(WorkError::retry)?.map_err(WorkError::retry)?;
        }
    }
    let of_gone = |(session, owner): (&str, &str)| task.ids.get(owner).map(|_| session.to_owned());
    let sessions = sessions.all().filter_map(of_gone).collect();
    Ok(Gone { ids: Arc::clone(&task.ids), sessions })
}

/// Asks for the owners of sessions that may be a user's.
fn want(sessions: &mut Sessions, part: &Part, ids: &IdMap) -> Result<(), PartError> {
    let (users, of) = (PartColumn::read(part, "USER_ID")?, PartColumn::read(part, SESSION_ID)?);
    for row in 0..part.n_rows() {
        let Some(session) = of.text(row) else { continue };
        if ids.get(users.text(row).unwrap_or(session)).is_some() {
            sessions.want(session);
        }
    }
    Ok(())
}

fn sessions_key(task: &Forgetting<'_>, kind: DatasetType) -> String {
    // Names of jobs belong to an account and region; their ARN has both, and colons in a key do no harm.
    format!("deletions/{}/{}.json", task.job_arn.replace(['/', ':'], "-"), kind.arn_suffix())
}

/// Keeps the sessions that were found until the job is done with the dataset, and adds those of earlier attempts.
pub(super) async fn keep_sessions(
    service: &Service,
    task: &Forgetting<'_>,
    kind: DatasetType,
    mut gone: Gone,
) -> Result<Gone, WorkError> {
    let (key, blobs) = (sessions_key(task, kind), &service.stores.blobs);
    match blobs.get(&key).await {
        Ok(content) => {
            let earlier: HashSet<String> = serde_json::from_slice(&content).map_err(WorkError::retry)?;
            gone.sessions.extend(earlier);
        }
        Err(StoreError::NotFound { .. }) if gone.sessions.is_empty() => return Ok(gone),
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut sorted: Vec<&String> = gone.sessions.iter().collect();
    sorted.sort_unstable();
    let content = serde_json::to_vec(&sorted).map_err(WorkError::retry)?;
    blobs.put(&key, Bytes::from(content), PutCondition::Always).await?;
    Ok(gone)
}

/// Lets them go: no row is left that belongs to them.
pub(super) async fn drop_sessions(
    service: &Service,
    task: &Forgetting<'_>,
    kind: DatasetType,
) -> Result<(), WorkError> {
    Ok(service.stores.blobs.delete(&sessions_key(task, kind)).await?)
}
