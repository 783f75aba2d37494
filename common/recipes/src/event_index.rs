//! What users did, by event type: the newest events of every user and type, for filters that ask for them.
//!
//! Two files. One is the pages, one after the other: each is a part (see [`crate::parts`]) with the events of
//! a run of users, read by range when one of them asks. The other, small, says where they are. The user side
//! of a model is paged alike, but knows only items and times.

mod page;

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use rayon::prelude::*;

pub use page::{EventPage, TypedEvent};

use crate::Dataset;
use crate::parts::{Column, ColumnType, Part, PartBuilder, PartError};

/// A page takes users until it has as many events.
const EVENTS_A_PAGE: usize = 4096;

const FIRST_USER: &str = "FIRST_USER";
const BEGIN: &str = "BEGIN";
const END: &str = "END";

/// An index as it is stored.
pub struct IndexFiles {
    /// Where the pages are; loaded when the index is opened.
    pub pages: Bytes,
    /// The pages, read by range.
    pub events: Bytes,
}

/// Where every user's events stand.
pub struct EventIndex {
    /// By first user.
    pages: Vec<(String, Range<u64>)>,
}

impl EventIndex {
    /// Writes the `n_kept` newest events of each user and event type, whatever the type's case; events
    /// without a type are one more.
    pub fn write(dataset: &Dataset, n_kept: usize) -> Result<IndexFiles, PartError> {
        let types = page::Types::of(dataset);
        let histories = dataset.histories();
        let offsets: Vec<usize> = histories
            .users()
            .scan(0, |next, user| {
                let begin = *next;
                *next += histories.items_of(user).len();
                Some(begin)
            })
            .collect();
        let kept: Vec<Vec<usize>> = histories
            .users()
            .into_par_iter()
            .map(|user| {
                let begin = offsets[user];
                newest(begin..begin + histories.items_of(user).len(), n_kept, |event| types.row(event))
            })
            .collect();
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut n_events = usize::MAX;
        for (user, events) in kept.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if n_events < EVENTS_A_PAGE => run.end = user + 1,
                _ => {
                    runs.push(user..user + 1);
                    n_events = 0;
                }
            }
            n_events += events.len();
        }
        let pages: Vec<Bytes> =
            runs.par_iter().map(|run| page::write(dataset, &types, run.clone(), &kept)).collect::<Result<_, _>>()?;
        let mut index = PartBuilder::new(&[
            column(FIRST_USER, ColumnType::String),
            column(BEGIN, ColumnType::Long),
            column(END, ColumnType::Long),
        ]);
        let mut events = Vec::with_capacity(pages.iter().map(Bytes::len).sum());
        for (run, page) in runs.iter().zip(&pages) {
            index.push_str(0, dataset.users().id(run.start as u32));
            index.push_long(1, events.len() as i64);
            events.extend_from_slice(page);
            index.push_long(2, events.len() as i64);
        }
        Ok(IndexFiles { pages: index.finish()?, events: events.into() })
    }

    /// Opens an index from [`IndexFiles::pages`].
    pub fn open(pages: Bytes) -> Result<Self, PartError> {
        let part = Part::open(pages)?;
        let (first, begins, ends) = (part.strings(FIRST_USER)?, part.longs(BEGIN)?, part.longs(END)?);
        let page = |row: usize| {
            let byte = |value: Option<i64>| value.and_then(|byte| u64::try_from(byte).ok());
            Some((first.get(row)?.to_owned(), byte(begins.get(row))?..byte(ends.get(row))?))
        };
        let pages: Option<Vec<(String, Range<u64>)>> = (0..part.n_rows()).map(page).collect();
        let pages = pages.filter(|pages| pages.is_sorted_by(|a, b| a.0 < b.0 && a.1.end <= b.1.start));
        Ok(Self { pages: pages.ok_or(PartError::Corrupt { reason: "its pages are not in order".into() })? })
    }

    /// The range of [`IndexFiles::events`] with the only page that can hold the user.
    pub fn page(&self, user_id: &str) -> Option<Range<u64>> {
        let after = self.pages.partition_point(|(first, _)| first.as_str() <= user_id);
        Some(self.pages.get(after.checked_sub(1)?)?.1.clone())
    }

    /// Bytes held in memory.
    pub fn resident_bytes(&self) -> usize {
        self.pages.iter().map(|(first, _)| first.len() + size_of::<(String, Range<u64>)>()).sum()
    }
}

/// The last `n_kept` events of each type among `events`, in order.
fn newest(events: Range<usize>, n_kept: usize, type_of: impl Fn(usize) -> u32) -> Vec<usize> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    let mut kept: Vec<usize> = Vec::new();
    for event in events.rev() {
        let count = counts.entry(type_of(event)).or_default();
        if *count < n_kept {
            *count += 1;
            kept.push(event);
        }
    }
    kept.reverse();
    kept
}

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), kind, nullable: false }
}

#[cfg(test)]
mod tests;
