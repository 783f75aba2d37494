mod read;
mod without;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use serde::{Deserialize, Serialize};

use super::manifest::sha256;
use super::{Contents, ModelError, UserPageRef};
use crate::Event;

/// The interactions at training, by user id and time, and perhaps a state with each user's last; a row group is a
/// page.
const USERS: &str = "users.parquet";
/// A copy of what ends [`USERS`]: the Parquet metadata, resident so that a page can be read alone.
const FOOTER: &str = "users.footer";
/// [`Page`]s.
const PAGES: &str = "user-pages.json";

/// What is known of a page without reading it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Page {
    first_user: String,
    begin: u64,
    end: u64,
    sha256: String,
}

/// Newest events of a user that a model keeps to know what was seen.
const SEEN_EVENTS: usize = 1000;

/// The user side of a model: where every user's history stands.
pub struct UserSide {
    file: Arc<str>,
    metadata: ParquetMetaData,
    pages: Vec<Page>,
    n_items: usize,
}

impl UserSide {
    /// The paged file.
    pub const FILE: &str = USERS;

    /// How many of a user's newest events to keep: as many as answers are made of, or more where what the user had
    /// counts less than other items.
    pub fn n_kept(seen_weight: f64, n_read: usize) -> usize {
        if seen_weight < 1.0 { SEEN_EVENTS } else { n_read }
    }

    pub fn read(contents: &Contents) -> Result<Self, ModelError> {
        let pages = contents.file(PAGES)?;
        let pages: Vec<Page> = serde_json::from_slice(pages).map_err(|error| ModelError::damaged(PAGES, error))?;
        let footer = contents.file(FOOTER)?;
        let metadata =
            ParquetMetaDataReader::decode_metadata(footer).map_err(|error| ModelError::damaged(FOOTER, error))?;
        if metadata.num_row_groups() != pages.len() {
            return Err(ModelError::damaged(PAGES, "it does not have a page for each row group"));
        }
        if !pages.is_sorted_by(|a, b| a.first_user < b.first_user && a.end <= b.begin) {
            return Err(ModelError::damaged(PAGES, "its pages are not in order"));
        }
        Ok(Self { file: USERS.into(), metadata, pages, n_items: contents.manifest.n_items })
    }

    /// All pages, in the order of the users' ids.
    pub fn pages(&self) -> Vec<UserPageRef> {
        let page = |page: &Page| UserPageRef { file: self.file.clone(), range: page.begin..page.end };
        self.pages.iter().map(page).collect()
    }

    /// The only page that can hold the user.
    pub fn page(&self, user_id: &str) -> Option<UserPageRef> {
        let after = self.pages.partition_point(|page| page.first_user.as_str() <= user_id);
        let page = self.pages.get(after.checked_sub(1)?)?;
        Some(UserPageRef { file: self.file.clone(), range: page.begin..page.end })
    }

    pub fn open(&self, page: &UserPageRef, content: Bytes) -> Result<UserPage, ModelError> {
        let found = self.pages.binary_search_by_key(&page.range.start, |page| page.begin);
        let number = found.map_err(|_| ModelError::damaged(USERS, "no page begins there"))?;
        if sha256(&content) != self.pages[number].sha256 {
            return Err(ModelError::damaged(USERS, "a page's checksum does not match"));
        }
        let group: &RowGroupMetaData = self.metadata.row_group(number);
        let page =
            read::page(group, self.pages[number].begin, content).map_err(|error| ModelError::damaged(USERS, error))?;
        if page.events.iter().any(|event| event.item as usize >= self.n_items) {
            return Err(ModelError::damaged(USERS, "an item that the model does not have"));
        }
        Ok(page)
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        let strings: usize = self.pages.iter().map(|page| page.first_user.len() + page.sha256.len()).sum();
        self.metadata.memory_size() + self.pages.len() * size_of::<Page>() + strings
    }
}

/// The histories of a run of users, by user id.
pub struct UserPage {
    /// User ids in byte order, one after the other.
    ids: Vec<u8>,
    /// Per user where the id ends, and where the events end.
    ends: Vec<(usize, usize)>,
    events: Vec<Event>,
    /// States of all users one after the other, and per user where the state ends; empty if the model has none.
    states: Vec<u8>,
    state_ends: Vec<usize>,
}

impl UserPage {
    /// The user's events at training, oldest first; `None` for a user who was not there.
    pub fn history(&self, user_id: &str) -> Option<&[Event]> {
        self.find(user_id).map(|user| &self.events[self.begin(user).1..self.ends[user].1])
    }

    /// What the recipe made of the user at training, if it keeps that; see [`crate::Query::state`].
    pub fn state(&self, user_id: &str) -> Option<&[u8]> {
        let user = self.find(user_id)?;
        let begin = user.checked_sub(1).map_or(Some(0), |before| self.state_ends.get(before).copied())?;
        self.states.get(begin..*self.state_ends.get(user)?).filter(|state| !state.is_empty())
    }

    /// Where the user's id and events begin.
    fn begin(&self, user: usize) -> (usize, usize) {
        user.checked_sub(1).map_or((0, 0), |before| self.ends[before])
    }

    fn find(&self, user_id: &str) -> Option<usize> {
        let id = |user: usize| &self.ids[self.begin(user).0..self.ends[user].0];
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match id(middle).cmp(user_id.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }

    /// The users of the page in byte order, each with the events at training, oldest first.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&[u8], &[Event])> {
        let begins = std::iter::once((0, 0)).chain(self.ends.iter().copied());
        let of = |((id, event), (id_end, event_end))| {
            let (id, event): (usize, usize) = (id, event);
            (&self.ids[id..id_end], &self.events[event..event_end])
        };
        begins.zip(self.ends.iter().copied()).map(of)
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        let users = self.ids.len() + self.ends.len() * size_of::<(usize, usize)>();
        let states = self.states.len() + self.state_ends.len() * size_of::<usize>();
        users + self.events.len() * size_of::<Event>() + states
    }
}

#[cfg(test)]
mod tests;
