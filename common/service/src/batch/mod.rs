//! Batch inference: JSON Lines in, JSON Lines out, in the same order.

mod answer;
mod lines;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use palate_recipes::RecipeType;
use palate_store::{BlobStore, BlobWriter, PutCondition, StoreError};
use rayon::prelude::*;

use crate::error::OpError;
use crate::jobs::{Lost, WorkError};
use crate::runtime::{Loaded, Person, ReadyFilter, Wanted, personal};
use crate::service::Service;

use answer::{Answering, Question};
use lines::Lines;

/// How many bytes are read at a time.
const READ_BYTES: u64 = 4 << 20;
/// How many histories are read at a time.
const HISTORIES_AT_ONCE: usize = 32;
const MAX_FILES: usize = 1000;

/// One batch: what is asked of which model, where the questions are and where the answers go.
pub(crate) struct Batch<'a> {
    pub loaded: &'a Arc<Loaded>,
    pub filter: Option<&'a ReadyFilter>,
    pub dataset_group_arn: &'a str,
    pub k: usize,
    pub input: Arc<dyn BlobStore>,
    /// One object, or the prefix of many.
    pub input_key: &'a str,
    pub output: Arc<dyn BlobStore>,
    /// Ends with `/`, or is empty.
    pub output_folder: &'a str,
    pub lost: &'a Lost,
}

impl Batch<'_> {
    /// Answers every file; each output appears whole when its last line is answered.
    pub async fn run(&self, service: &Arc<Service>) -> Result<(), WorkError> {
        let files = self.files().await?;
        // Shows that the place can be written to before hours of work go there.
        let probe = format!("{}_CHECK", self.output_folder);
        self.output.put(&probe, Bytes::new(), PutCondition::Always).await.map_err(output_error)?;
        for (key, name) in files {
            self.answer_file(service, &key, &name).await?;
        }
        Ok(())
    }

    /// The input objects, each with its name for the output.
    async fn files(&self) -> Result<Vec<(String, String)>, WorkError> {
        let folder = self.input_key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let (mut files, mut after) = (Vec::new(), None);
        loop {
            let page = self.input.list(self.input_key, after.as_deref(), 1000).await.map_err(input_error)?;
            for blob in page.entries {
                if blob.key.ends_with('/') {
                    continue;
                }
                // A key that is named exactly stands for itself alone.
                if blob.key == self.input_key {
                    let name = blob.key.rsplit('/').next().unwrap_or_default().to_owned();
                    return Ok(vec![(blob.key, name)]);
                }
                let name = blob.key[folder.len()..].trim_start_matches('/').to_owned();
                files.push((blob.key, name));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        match files.len() {
            0 => Err(WorkError::Failed("Invalid S3 input path".into())),
            n if n > MAX_FILES => {
                Err(WorkError::Failed(format!("Invalid S3 input path: {n} files; at most {MAX_FILES} are allowed")))
            }
            _ => Ok(files),
        }
    }

    async fn answer_file(&self, service: &Arc<Service>, key: &str, name: &str) -> Result<(), WorkError> {
        let output_key = format!("{}{name}.out", self.output_folder);
        let mut writer = self.output.writer(&output_key).await.map_err(output_error)?;
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
        let size = self.input.head(key).await.map_err(input_error)?.size;
        let mut lines = Lines::default();
        let mut at = 0;
        while at < size {
            if self.lost.is_lost() {
                return Err(WorkError::Lost);
            }
            let end = (at + READ_BYTES).min(size);
            let content = self.input.get_range(key, at..end).await.map_err(input_error)?;
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
        let answering = Answering { loaded: Arc::clone(self.loaded), filter: self.filter.cloned(), people, k: self.k };
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

/// A failure of the user's own bucket is for the user to mend; one of ours is tried again.
fn input_error(error: StoreError) -> WorkError {
    side_error(error, "Invalid S3 input path")
}

fn output_error(error: StoreError) -> WorkError {
    side_error(error, "Invalid S3 output path")
}

fn side_error(error: StoreError, reason: &str) -> WorkError {
    match error {
        StoreError::NotFound { .. } | StoreError::Invalid { .. } => WorkError::Failed(format!("{reason}: {error}")),
        StoreError::Denied { .. } => {
            WorkError::Failed("Insufficient privileges for accessing data in Amazon S3.".into())
        }
        other => other.into(),
    }
}
