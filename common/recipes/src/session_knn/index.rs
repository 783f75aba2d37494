use rayon::prelude::*;

use super::sessions::Sessions;
use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Sessions, and for each item the most recent of those that hold it.
///
/// | field      | shape            | meaning                                            |
/// |------------|------------------|----------------------------------------------------|
/// | `offsets`  | `(n_items + 1,)` | where each item's list begins; ascending           |
/// | `recent`   | `(nnz,)`         | rows of sessions, the most recent first            |
/// | `n_holding`| `(n_items,)`     | sessions that hold the item, listed or not         |
/// | `n_all`    |                  | all sessions, listed or not                        |
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub sessions: Sessions,
    pub offsets: Vec<usize>,
    pub recent: Vec<u32>,
    pub n_holding: Vec<u32>,
    pub n_all: u32,
}

impl Index {
    /// Cuts sessions and lists them. Sessions that no item lists are dropped.
    ///
    /// Cost `O(n_events)` and sorting the sessions.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]; [`TrainError::Data`] if there are too many sessions to count in 32 bits.
    pub fn build(
        histories: &Histories,
        n_items: usize,
        gap_s: Option<i64>,
        sessions_per_item: usize,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        go_on(progress)?;
        let all = Sessions::cut(histories, gap_s);
        let n_all = u32::try_from(all.len()).map_err(|_| TrainError::Data("there are too many sessions".into()))?;
        go_on(progress)?;
        let mut n_holding = vec![0_u32; n_items];
        for item in &all.items {
            n_holding[*item as usize] += 1;
        }
        // Which sessions are among the most recent of one of their items.
        let mut listed = n_holding.clone();
        for count in &mut listed {
            *count = (*count).min(sessions_per_item as u32);
        }
        let mut left = listed.clone();
        let mut kept = vec![false; all.len()];
        for session in (0..n_all).rev() {
            for item in all.row(session) {
                let left = &mut left[*item as usize];
                if *left > 0 {
                    *left -= 1;
                    kept[session as usize] = true;
                }
            }
        }
        go_on(progress)?;
        let mut sessions = Sessions::default();
        for session in (0..n_all).filter(|session| kept[*session as usize]) {
            sessions.push(all.row(session), all.end_s[session as usize]);
        }
        let mut offsets = vec![0];
        offsets.extend(listed.iter().scan(0, |end, count| {
            *end += *count as usize;
            Some(*end)
        }));
        let mut next = offsets.clone();
        let mut recent = vec![0; offsets[n_items]];
        for session in (0..sessions.len() as u32).rev() {
            for item in sessions.row(session) {
                let next = &mut next[*item as usize];
                if *next < offsets[*item as usize + 1] {
                    recent[*next] = session;
                    *next += 1;
                }
            }
        }
        Ok(Self { sessions, offsets, recent, n_holding, n_all })
    }

    pub fn n_items(&self) -> usize {
        self.n_holding.len()
    }

    /// The most recent sessions that hold the item, the most recent first.
    pub fn recent(&self, item: u32) -> &[u32] {
        &self.recent[self.offsets[item as usize]..self.offsets[item as usize + 1]]
    }

    pub fn resident_bytes(&self) -> usize {
        let sessions = &self.sessions;
        (sessions.offsets.len() + sessions.end_s.len() + self.offsets.len()) * size_of::<usize>()
            + (sessions.items.len() + self.recent.len() + self.n_holding.len()) * size_of::<u32>()
    }

    /// Whether every number of it stays within the others, so that no query can fail.
    pub fn is_sound(&self) -> bool {
        let (n_items, n_sessions) = (self.n_items(), self.sessions.len());
        let rows = |offsets: &[usize], n_rows: usize, n_entries: usize| {
            offsets.len() == n_rows + 1
                && offsets.first() == Some(&0)
                && offsets.last() == Some(&n_entries)
                && offsets.is_sorted()
        };
        rows(&self.sessions.offsets, n_sessions, self.sessions.items.len())
            && rows(&self.offsets, n_items, self.recent.len())
            && self.sessions.items.par_iter().all(|item| (*item as usize) < n_items)
            && self.recent.par_iter().all(|session| (*session as usize) < n_sessions)
            && (0..n_items as u32).all(|item| self.recent(item).is_sorted_by(|a, b| a > b))
    }
}
