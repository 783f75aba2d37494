//! Models whose answers follow what happens: evaluated by what came into the dataset, without training.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use palate_recipes::{IntervalCounter, Intervals, ItemCounts};
use palate_store::StoreError;

use super::cache::ByteCache;
use super::{Deployed, Loaded};
use crate::catalogue::find_dataset;
use crate::data::Snapshot;
use crate::error::OpError;
use crate::schema::DatasetType;
use crate::service::Service;

/// A snapshot's parts may be replaced while they are read; a new snapshot has those that took their place.
const TRIES: usize = 3;
/// Parts whose newest event is remembered.
const PARTS: NonZero<usize> = NonZero::new(100_000).expect("not zero");

/// Models as they were last evaluated.
///
/// Evaluations are at fixed moments, so every process gives the same answers between two of them. The first request
/// after such a moment counts, and those of the same model wait for it. A part that is older than the intervals is
/// read once: no event of it will ever be in later ones.
pub(crate) struct Trending {
    /// By the model's own key.
    evaluated: ByteCache<Arc<str>, (Intervals, Arc<Loaded>)>,
    /// The time of the newest event in a part, by the part's key.
    newest_s: Mutex<LruCache<String, i64>>,
    /// One model is evaluated at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Trending {
    pub fn new(cache_bytes: usize) -> Self {
        Self {
            evaluated: ByteCache::new(cache_bytes),
            newest_s: Mutex::new(LruCache::new(PARTS)),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The model as it is to be asked now: another one than `loaded` if its answers follow what happens.
    pub async fn now(
        &self,
        service: &Service,
        deployed: &Deployed,
        loaded: Arc<Loaded>,
    ) -> Result<Arc<Loaded>, OpError> {
        let now_s = service.now().0.div_euclid(1000);
        let intervals = loaded.model.trends().map(|trends| trends.schedule().at(now_s));
        let Some(intervals) = intervals else { return Ok(loaded) };
        let known = || self.evaluated.get(loaded.key()).filter(|(of, _)| *of == intervals).map(|(_, loaded)| loaded);
        if let Some(evaluated) = known() {
            return Ok(evaluated);
        }
        let _turn = self.turn.lock().await;
        if let Some(evaluated) = known() {
            return Ok(evaluated);
        }
        let counts = self.count(service, deployed, intervals).await?;
        let (before, end_s) = (Arc::clone(&loaded), intervals.end_s);
        let evaluated = tokio::task::spawn_blocking(move || {
            let model = before.model.trends().map(|trends| trends.evaluated(&counts));
            Arc::new(before.evaluated(end_s, model))
        });
        let evaluated = evaluated.await.map_err(OpError::internal)?;
        let bytes = evaluated.model.resident_bytes();
        self.evaluated.insert(Arc::clone(loaded.key()), (intervals, Arc::clone(&evaluated)), bytes);
        Ok(evaluated)
    }

    /// What happened to each item in the intervals, imported and streamed.
    async fn count(&self, service: &Service, deployed: &Deployed, intervals: Intervals) -> Result<ItemCounts, OpError> {
        let group = &deployed.dataset_group_arn;
        let dataset = find_dataset(&service.records, group, DatasetType::Interactions).await?;
        let Some(dataset) = dataset else { return Ok(ItemCounts::new()) };
        let mut tried = 0;
        loop {
            let counter = IntervalCounter::new(intervals, deployed.events.clone());
            tried += 1;
            match self.count_parts(service, &dataset.dataset_arn, counter).await {
                Err(Stopped::Gone(_)) if tried < TRIES => {}
                Err(Stopped::Gone(error)) => return Err(error.into()),
                Err(Stopped::Failed(error)) => return Err(error),
                Ok(counts) => return Ok(counts),
            }
        }
    }

    async fn count_parts(
        &self,
        service: &Service,
        dataset_arn: &str,
        mut counter: IntervalCounter,
    ) -> Result<ItemCounts, Stopped> {
        let snapshot = Snapshot::take(service, dataset_arn, None).await.map_err(Stopped::Failed)?;
        let Some(snapshot) = snapshot else { return Ok(counter.finish()) };
        let begin_s = counter.intervals().begin_s;
        for part in snapshot.parts() {
            let newest_s = part.key().and_then(|key| self.parts().get(key).copied());
            if newest_s.is_some_and(|newest_s| newest_s < begin_s) {
                continue;
            }
            let content = match snapshot.content(service, part).await {
                Err(error @ StoreError::NotFound { .. }) => return Err(Stopped::Gone(error)),
                other => other.map_err(|error| Stopped::Failed(error.into()))?,
            };
            let counted = tokio::task::spawn_blocking(move || {
                let newest_s = counter.add(&content);
                (counter, newest_s)
            });
            let internal = |error: tokio::task::JoinError| Stopped::Failed(OpError::internal(error));
            let (rest, newest_s) = counted.await.map_err(internal)?;
            counter = rest;
            let newest_s = newest_s.map_err(|error| Stopped::Failed(OpError::internal(error)))?;
            if let Some(key) = part.key() {
                self.parts().put(key.to_owned(), newest_s.unwrap_or(i64::MIN));
            }
        }
        Ok(counter.finish())
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, LruCache<String, i64>> {
        self.newest_s.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a count came to nothing.
enum Stopped {
    /// A part was replaced meanwhile.
    Gone(StoreError),
    Failed(OpError),
}
