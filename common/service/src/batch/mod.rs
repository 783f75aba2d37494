//! Batch inference and batch segments: JSON Lines in, JSON Lines out, in the same order.

mod answer;
mod lines;
mod places;
mod question;
mod segment;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use palate_recipes::RecipeType;
use palate_store::BlobWriter;
use rayon::prelude::*;

use crate::error::OpError;
use crate::jobs::{Lost, WorkError};
use crate::resources::ItemExploration;
use crate::runtime::{Loaded, Person, ReadyFilter, Wanted, personal};
use crate::service::Service;

use answer::Answering;
use lines::Lines;
pub(crate) use places::Places;
use places::{input_error, output_error};
use question::Question;
pub(crate) use segment::SegmentBatch;

/// How many bytes are read at a time.
const READ_BYTES: u64 = 4 << 20;
/// How many histories are read at a time.
const HISTORIES_AT_ONCE: usize = 32;

/// One batch: what is asked of which model, where the questions are and where the answers go.
pub(crate) struct Batch<'a> {
    pub loaded: &'a Arc<Loaded>,
    pub filter: Option<&'a ReadyFilter>,
    pub dataset_group_arn: &'a str,
    pub k: usize,
    /// How much the answers explore, if the recipe does.
    pub explores: Option<ItemExploration>,
    pub places: Places,
    pub lost: &'a Lost,
}

impl Batch<'_> {
    /// Answers every file; each output appears whole when its last line is answered.
    pub async fn run(&self, service: &Arc<Service>) -> Result<(), WorkError> {
        let files = self.places.files().await?;
        self.places.probe().await?;
        for (key, name) in files {
            self.answer_file(service, &key, &name).await?;
        }
        Ok(())
    }

    async fn answer_file(&self, service: &Arc<Service>, key: &str, name: &str) -> Result<(), WorkError> {
        let mut writer = self.places.writer(name).await?;
        match self.answer_lines(service, key, &mut writer).await {
            Ok(()) => writer.finish().await.map(|_| ()).map_err(output_error),
            Err(error) => {
                // What is left of it is invisible either way.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    async fn answer_lines(
        &self,
        service: &Arc<Service>,
        key: &str,
        writer: &mut Box<dyn BlobWriter>,
    ) -> Result<(), WorkError> {
        let size = self.places.input.head(key).await.map_err(input_error)?.size;
        let mut lines = Lines::default();
        let mut at = 0;
        while at < size {
            if self.lost.is_lost() {
                return Err(WorkError::Lost);
            }
            let end = (at + READ_BYTES).min(size);
            let content = self.places.input.get_range(key, at..end).await.map_err(input_error)?;
            at = end;
            let whole = lines
                .take_whole(&content, at == size)
                .map_err(|reason| WorkError::Failed(format!("Invalid S3 input path: {key}: {reason}")))?;
            writer.write(self.answer_chunk(service, whole).await?).await.map_err(output_error)?;
        }
        Ok(())
    }

    /// Answers some lines, users in parallel.
    async fn answer_chunk(&self, service: &Arc<Service>, lines: Vec<Vec<u8>>) -> Result<Bytes, WorkError> {
        let info = self.loaded.info;
        let questions: Vec<Question> = lines.into_iter().map(|line| Question::parse(line, info)).collect();
        let wanted = Wanted {
            history: personal(info) || info.recipe_type == RecipeType::PersonalizedRanking,
            events: self.filter.is_some_and(ReadyFilter::wants_events),
            ..Wanted::by(info)
        };
        let asks = wanted.history || wanted.record || self.filter.is_some_and(ReadyFilter::wants_user);
        let mut users: Vec<String> =
            questions.iter().filter(|_| asks).filter_map(Question::user_id).map(str::to_owned).collect();
        users.sort_unstable();
        users.dedup();
        let reads = users.into_iter().map(|user| self.person(service, user, wanted));
        let people: HashMap<String, Person> =
            futures::stream::iter(reads).buffer_unordered(HISTORIES_AT_ONCE).try_collect().await?;
        let filter = self.filter.cloned();
        let (loaded, k, explores) = (Arc::clone(self.loaded), self.k, self.explores);
        let answering = Answering { loaded, filter, people, k, explores };
        tokio::task::spawn_blocking(move || {
            let answers: Vec<String> = questions.par_iter().map(|question| answering.answer(question)).collect();
            Bytes::from(answers.concat())
        })
        .await
        .map_err(WorkError::retry)
    }

    async fn person(&self, service: &Arc<Service>, user: String, wanted: Wanted) -> Result<(String, Person), OpError> {
        let person = Person::read(service, self.loaded, self.dataset_group_arn, &user, wanted).await?;
        Ok((user, person))
    }
}
