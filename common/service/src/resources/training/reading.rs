//! What a training reads: a group's datasets at one moment, the same for all attempts of a job.

use std::sync::Arc;

use palate_recipes::{DatasetParts, TimedPart};
use palate_store::StoreError;

use crate::arn::{Kind, Place};
use crate::data::Snapshot;
use crate::jobs::WorkError;
use crate::resources::dataset_group::DatasetGroup;
use crate::schema::DatasetType;
use crate::service::Service;
use crate::wire::Timestamp;

/// What is read; it stays until [`Reading::end`], or until the job is found to have ended.
pub(super) struct Reading {
    /// Of Interactions, Items and Users, as far as there are such datasets.
    snapshots: [Option<Snapshot>; 3],
    /// What came before is in it.
    pub begun: Timestamp,
}

impl Reading {
    /// Reads all rows, imported and streamed. With `job`, which tells the jobs of `reader_arn` apart, they are those that
    /// its first attempt read, unless these are gone; without, those that are there now, and nothing has to stay.
    pub async fn begin(
        service: &Arc<Service>,
        group_arn: &str,
        reader_arn: &str,
        job: Option<u32>,
    ) -> Result<(Self, DatasetParts), WorkError> {
        let reading = Self::take(service, group_arn, reader_arn, job).await?;
        let parts = reading.parts(service).await;
        match (job, parts) {
            (Some(_), Err(StoreError::NotFound { .. })) => {
                reading.end(service).await;
                let reading = Self::take(service, group_arn, reader_arn, job).await?;
                let parts = reading.parts(service).await?;
                Ok((reading, parts))
            }
            (Some(_), parts) => Ok((reading, parts?)),
            (None, parts) => {
                let begun = reading.begun;
                reading.end(service).await;
                Ok((Self { snapshots: [None, None, None], begun }, parts?))
            }
        }
    }

    /// Lets what was read go.
    pub async fn end(self, service: &Service) {
        for snapshot in self.snapshots.into_iter().flatten() {
            snapshot.release(service).await;
        }
    }

    async fn take(
        service: &Arc<Service>,
        group_arn: &str,
        reader_arn: &str,
        job: Option<u32>,
    ) -> Result<Self, WorkError> {
        let group = service.records.fetch::<DatasetGroup>(group_arn, "datasetGroupArn").await?.resource;
        let place = Place::of(group_arn).ok_or_else(|| WorkError::retry(format!("{group_arn} is no ARN")))?;
        let mut reading = Self { snapshots: [None, None, None], begun: service.now() };
        let kinds = [DatasetType::Interactions, DatasetType::Items, DatasetType::Users];
        for (kind, into) in kinds.into_iter().zip(&mut reading.snapshots) {
            let arn = place.arn(Kind::Dataset, &format!("{}/{}", group.name, kind.arn_suffix()));
            *into = match job {
                Some(job) => Snapshot::take_once(service, &arn, reader_arn, job).await?,
                None => Snapshot::take(service, &arn, Some(reader_arn)).await?,
            };
        }
        let taken = reading.snapshots.iter().flatten().map(|snapshot| snapshot.taken);
        reading.begun = taken.fold(reading.begun, Timestamp::min);
        Ok(reading)
    }

    async fn parts(&self, service: &Service) -> Result<DatasetParts, StoreError> {
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for (snapshot, into) in self.snapshots.iter().zip(&mut all) {
            let Some(snapshot) = snapshot else { continue };
            for part in snapshot.parts() {
                into.push(TimedPart { content: snapshot.content(service, part).await?, at_ms: part.at_ms });
            }
        }
        let [interactions, items, users] = all;
        let interactions = interactions.into_iter().map(|part| part.content).collect();
        Ok(DatasetParts { interactions, items, users })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::Ordering;

    use palate_store::{Key, Write};

    use super::*;
    use crate::data::compact;
    use crate::testing::World;

    const READER: &str = "arn:aws:personalize:us-east-1:000000000000:solution/s/1";

    /// A dataset with events, a tracking id for more of them, and a job that reads.
    async fn world() -> (World, String, String) {
        let world = World::new().await;
        let (dataset, tracking_id, _) = world.interactions().await;
        world.put_event(&tracking_id, 0).await;
        compact(&world.service, &dataset).await.unwrap();
        world.put_event(&tracking_id, 1).await;
        let job = Write::Create { key: Key::new("job", READER), value: b"{}".to_vec() };
        world.service.records.commit(vec![job]).await.unwrap();
        (world, dataset, tracking_id)
    }

    async fn read(world: &World, job: Option<u32>) -> (Reading, DatasetParts) {
        Reading::begin(&world.service, &world.group, READER, job).await.unwrap()
    }

    /// Files of the dataset's parts, of those that were replaced too.
    async fn n_files(world: &World, dataset: &str) -> usize {
        let below = format!("{}/", crate::data::parts_of(dataset).unwrap());
        world.service.stores.blobs.list(&below, None, 100).await.unwrap().entries.len()
    }

    /// Has replaced parts removed that nobody reads.
    async fn sweep(world: &World) {
        world.clock.0.fetch_add(120_000, Ordering::SeqCst);
        crate::data::sweep(&world.service).await.unwrap();
    }

    #[tokio::test]
    async fn every_attempt_of_a_job_reads_what_the_first_one_did() {
        let (world, dataset, tracking_id) = world().await;
        let (first, parts) = read(&world, Some(0)).await;
        assert_eq!(parts.interactions.len(), 2);
        // Cut off: what was streamed becomes a part, more comes, and all parts are joined.
        drop(first);
        let begun = world.service.now();
        for number in 2..10 {
            world.clock.0.fetch_add(1_000, Ordering::SeqCst);
            world.put_event(&tracking_id, number).await;
            compact(&world.service, &dataset).await.unwrap();
        }
        sweep(&world).await;
        let (second, again) = read(&world, Some(0)).await;
        assert_eq!((&again.interactions, second.begun), (&parts.interactions, begun));
        // Another job of the same resource reads what is there now, and so does who does not go on with anything.
        for job in [Some(1), None] {
            let (_, now) = read(&world, job).await;
            assert!(!now.interactions.is_empty() && now.interactions != parts.interactions, "{job:?}");
        }
    }

    #[tokio::test]
    async fn what_is_gone_is_read_anew() {
        let (world, _, tracking_id) = world().await;
        let (first, parts) = read(&world, Some(0)).await;
        let held = first.snapshots[0].as_ref().unwrap().parts()[1].key().unwrap().to_owned();
        world.put_event(&tracking_id, 2).await;
        world.service.stores.blobs.delete(&held).await.unwrap();
        let (_, anew) = read(&world, Some(0)).await;
        assert_eq!((anew.interactions.len(), anew.interactions[1] == parts.interactions[1]), (2, false));
        // And that is what the attempts after it read.
        world.put_event(&tracking_id, 3).await;
        assert_eq!(read(&world, Some(0)).await.1.interactions, anew.interactions);
    }

    #[tokio::test]
    async fn what_was_read_goes_when_the_training_or_its_job_has_ended() {
        let (world, dataset, _) = world().await;
        let (reading, _) = read(&world, Some(0)).await;
        assert_eq!(n_files(&world, &dataset).await, 2);
        sweep(&world).await;
        assert_eq!(n_files(&world, &dataset).await, 2);
        reading.end(&world.service).await;
        sweep(&world).await;
        assert_eq!(n_files(&world, &dataset).await, 1);
        let (cut_off, _) = read(&world, Some(0)).await;
        drop(cut_off);
        let job = Write::Delete { key: Key::new("job", READER), expected: 1 };
        world.service.records.commit(vec![job]).await.unwrap();
        sweep(&world).await;
        assert_eq!(n_files(&world, &dataset).await, 1);
    }
}
