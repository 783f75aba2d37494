use std::collections::{HashMap, HashSet};

use palate_recipes::parts::{Part, PartError};

use super::person::EventRows;
use crate::catalogue::find_dataset;
use crate::data::Snapshot;
use crate::error::OpError;
use crate::jobs::WorkError;
use crate::schema::DatasetType;
use crate::service::Service;

/// Who had events of which type, for filters of users.
pub(crate) struct UsersByEvent {
    /// By type in lower case; `None` for events without a type.
    users: HashMap<Option<String>, HashSet<String>>,
}

impl UsersByEvent {
    /// Reads the Interactions dataset of a group for a job, part by part. Takes memory for the ids of its users, once
    /// for each type.
    pub async fn read(service: &Service, dataset_group_arn: &str, reader_arn: &str) -> Result<Self, WorkError> {
        let mut all = Self { users: HashMap::new() };
        let dataset = find_dataset(&service.records, dataset_group_arn, DatasetType::Interactions).await?;
        let Some(dataset) = dataset else { return Ok(all) };
        let Some(snapshot) = Snapshot::take(service, &dataset.dataset_arn, Some(reader_arn)).await? else {
            return Ok(all);
        };
        for part in snapshot.parts() {
            let content = snapshot.content(service, part).await?;
            let added = tokio::task::spawn_blocking(move || {
                let added = Part::open(content).and_then(|part| all.add(&part));
                (all, added)
            });
            let (rest, added) = added.await.map_err(OpError::internal)?;
            all = rest;
            added.map_err(WorkError::retry)?;
        }
        snapshot.release(service).await;
        Ok(all)
    }

    fn add(&mut self, part: &Part) -> Result<(), PartError> {
        let users = part.strings("USER_ID")?;
        let typed = part.columns().iter().any(|column| column.name == "EVENT_TYPE");
        let types = typed.then(|| part.strings("EVENT_TYPE")).transpose()?;
        for row in 0..part.n_rows() {
            let Some(user) = users.get(row) else { continue };
            let event_type = types.as_ref().and_then(|types| types.get(row)).map(str::to_lowercase);
            let known = self.users.entry(event_type).or_default();
            if !known.contains(user) {
                known.insert(user.to_owned());
            }
        }
        Ok(())
    }

    /// As rows that `row_of` knows; users without one are left out.
    pub(super) fn rows_of(&self, row_of: impl Fn(&str) -> Option<u32>) -> EventRows {
        let mut rows = EventRows::default();
        for (event_type, users) in &self.users {
            rows.add(event_type.clone(), users.iter().filter_map(|user| row_of(user)));
        }
        rows
    }
}
