use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use palate_recipes::{Segment, Target, UserPageRef, UserRows};
use serde_json::json;

use super::READ_BYTES;
use super::lines::Lines;
use super::places::{Places, input_error, output_error};
use super::question::{Asked, Question, by_attributes};
use crate::error::OpError;
use crate::filters::RowSet;
use crate::jobs::{Lost, WorkError};
use crate::runtime::{Loaded, ReadyFilter, UsersByEvent};
use crate::service::Service;

/// Lines that a job answers, by items and by attributes.
const MAX_LINES: [usize; 2] = [500, 10];
/// Users, over all lines that are answered together, who are held at a time, each in 8 bytes.
const HELD_USERS: usize = 32 << 20;
/// Pages of users that are read and scored ahead.
const PAGES_AHEAD: usize = 4;

/// One batch of segments: for each line the users who are most likely to interact with its items.
///
/// The model's users are read page by page, once for as many lines as [`HELD_USERS`] allow, so that memory is bounded
/// by that, by four pages, and by the ids of the users.
pub(crate) struct SegmentBatch<'a> {
    pub loaded: &'a Arc<Loaded>,
    pub filter: Option<&'a ReadyFilter>,
    /// If the filter asks for events.
    pub events: Option<&'a UsersByEvent>,
    /// Most users of a line.
    pub k: usize,
    pub places: Places,
    pub lost: &'a Lost,
}

/// A line that can be answered.
struct Wanted {
    target: Target,
    /// The users that the filter leaves.
    allowed: Option<RowSet>,
}

impl SegmentBatch<'_> {
    /// Answers every file; each output appears whole when its last line is answered.
    pub async fn run(&self, service: &Arc<Service>) -> Result<(), WorkError> {
        let mut asked = Vec::new();
        let mut n_lines = 0;
        for (key, name) in self.places.files().await? {
            let questions = self.questions(&key, &mut n_lines).await?;
            asked.push((name, questions));
        }
        self.places.probe().await?;
        for (name, questions) in asked {
            let mut writer = self.places.writer(&name).await?;
            match self.answer(service, &questions, writer.as_mut()).await {
                Ok(()) => writer.finish().await.map(|_| ()).map_err(output_error)?,
                Err(error) => {
                    // What is left of it is invisible either way.
                    let _ = writer.abort().await;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The lines of a file; `n_lines` counts those of all.
    async fn questions(&self, key: &str, n_lines: &mut usize) -> Result<Vec<Question>, WorkError> {
        let info = self.loaded.info;
        let most = MAX_LINES[usize::from(by_attributes(info))];
        let input = &self.places.input;
        let size = input.head(key).await.map_err(input_error)?.size;
        let (mut lines, mut questions, mut at) = (Lines::default(), Vec::new(), 0);
        while at < size {
            let end = (at + READ_BYTES).min(size);
            let content = input.get_range(key, at..end).await.map_err(input_error)?;
            at = end;
            let whole = lines
                .take_whole(&content, at == size)
                .map_err(|reason| WorkError::Failed(format!("Invalid S3 input path: {key}: {reason}")))?;
            *n_lines += whole.len();
            if *n_lines > most {
                let reason = format!("The input has more than {most} lines, the most for recipe {}.", info.name);
                return Err(WorkError::Failed(reason));
            }
            questions.extend(whole.into_iter().map(|line| Question::parse(line, info)));
        }
        Ok(questions)
    }

    async fn answer(
        &self,
        service: &Arc<Service>,
        questions: &[Question],
        writer: &mut dyn palate_store::BlobWriter,
    ) -> Result<(), WorkError> {
        let together = (HELD_USERS / self.k.saturating_mul(2).saturating_add(1024)).max(1);
        for some in questions.chunks(together) {
            let mut errors = Vec::with_capacity(some.len());
            let (mut targets, mut allowed) = (Vec::new(), Vec::new());
            for question in some {
                let wanted = question.asked.as_ref().map_err(String::clone).and_then(|asked| self.wanted(asked));
                errors.push(wanted.map(|wanted| {
                    targets.push(wanted.target);
                    allowed.push(wanted.allowed);
                }));
            }
            let (users, lists) = self.segments(service, targets, allowed).await?;
            let mut lists = lists.into_iter();
            for (question, found) in some.iter().zip(errors) {
                let list = found.map(|()| lists.next().unwrap_or_default());
                let output = list.map(|list| {
                    let ids: Vec<&str> = list.into_iter().map(|(user, _)| users.id(user)).collect();
                    json!({ "usersList": ids })
                });
                writer.write(Bytes::from(question.line(output))).await.map_err(output_error)?;
            }
        }
        Ok(())
    }

    fn wanted(&self, asked: &Asked) -> Result<Wanted, String> {
        let segments = self.loaded.model.segments().ok_or("The model finds no users.")?;
        let target = match (&asked.attributes, &asked.item_id) {
            (Some(expression), _) if by_attributes(self.loaded.info) => segments.attributes(expression)?,
            (_, Some(item)) => segments.item(item)?,
            (_, None) => return Err("itemId is missing.".into()),
        };
        let allowed = self.filter.map(|filter| filter.users(&asked.values, self.events)).transpose()?;
        Ok(Wanted { target, allowed })
    }

    /// The best users for each of the targets, best first, as numbers of the ids that come with them.
    async fn segments(
        &self,
        service: &Arc<Service>,
        targets: Vec<Target>,
        allowed: Vec<Option<RowSet>>,
    ) -> Result<(Users, Vec<Vec<(u32, f32)>>), WorkError> {
        let mut finding = Finding {
            users: Users::default(),
            segments: targets.iter().map(|_| Segment::new(self.k)).collect(),
            allowed,
            filter: self.filter.cloned(),
        };
        let pages = match self.loaded.model.segments() {
            Some(segments) if !targets.is_empty() => segments.pages(),
            _ => Vec::new(),
        };
        let targets = Arc::new(targets);
        let scored = pages.into_iter().map(|page| score(service, Arc::clone(self.loaded), page, Arc::clone(&targets)));
        let mut scored = futures::stream::iter(scored).buffered(PAGES_AHEAD);
        while let Some(rows) = scored.try_next().await? {
            if self.lost.is_lost() {
                return Err(WorkError::Lost);
            }
            let added = tokio::task::spawn_blocking(move || {
                finding.add(&rows);
                finding
            });
            finding = added.await.map_err(WorkError::retry)?;
        }
        let lists = tokio::task::spawn_blocking(move || {
            let lists = finding.segments.into_iter().map(Segment::best).collect();
            (finding.users, lists)
        });
        lists.await.map_err(WorkError::retry)
    }
}

/// Reads a page of users and scores them.
async fn score(
    service: &Arc<Service>,
    loaded: Arc<Loaded>,
    page: UserPageRef,
    targets: Arc<Vec<Target>>,
) -> Result<UserRows, WorkError> {
    let content =
        service.stores.blobs.get_range(&format!("{}/{}", loaded.folder, page.file), page.range.clone()).await?;
    let rows = tokio::task::spawn_blocking(move || match loaded.model.segments() {
        Some(segments) => segments.score(&page, content, &targets).map_err(OpError::internal),
        None => Ok(UserRows::default()),
    });
    Ok(rows.await.map_err(OpError::internal)??)
}

/// Ids of users, by the number in which they came.
#[derive(Default)]
struct Users {
    text: String,
    ends: Vec<usize>,
}

impl Users {
    /// Adds an id and gives its number.
    fn push(&mut self, id: &str) -> u32 {
        self.text.push_str(id);
        self.ends.push(self.text.len());
        u32::try_from(self.ends.len() - 1).unwrap_or(u32::MAX)
    }

    fn id(&self, number: u32) -> &str {
        let number = number as usize;
        let begin = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(number).and_then(|end| self.text.get(begin..*end)).unwrap_or_default()
    }
}

/// Segments in the making.
struct Finding {
    users: Users,
    /// By target.
    segments: Vec<Segment>,
    /// By target, the users that the filter leaves.
    allowed: Vec<Option<RowSet>>,
    filter: Option<ReadyFilter>,
}

impl Finding {
    fn add(&mut self, rows: &UserRows) {
        for (id, scores) in rows.ids.iter().zip(rows.scores.chunks_exact(self.segments.len().max(1))) {
            let user = self.users.push(id);
            let passes = |allowed: &Option<RowSet>| match (allowed, &self.filter) {
                (Some(allowed), Some(filter)) => filter.passes(allowed, id),
                _ => true,
            };
            for ((segment, score), allowed) in self.segments.iter_mut().zip(scores).zip(&self.allowed) {
                if passes(allowed) {
                    segment.add(user, *score);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_the_number_in_which_they_came() {
        let mut users = Users::default();
        assert_eq!([users.push("anna"), users.push(""), users.push("bo")], [0, 1, 2]);
        assert_eq!([users.id(0), users.id(1), users.id(2), users.id(3)], ["anna", "", "bo", ""]);
    }
}
