use std::ops::Range;

use rayon::prelude::*;

use crate::dataset::Histories;

/// Newest distinct items of a session that count; some histories are not sessions at all.
const MAX_ITEMS: usize = 500;

/// Sessions by their end, the oldest first, so that a greater row is a more recent session; sessions that end
/// at one moment in the order of users.
///
/// | field     | shape               | meaning                                             |
/// |-----------|---------------------|-----------------------------------------------------|
/// | `offsets` | `(n_sessions + 1,)` | where each session begins; ascending                |
/// | `items`   | `(nnz,)`            | distinct within a session, by their last occurrence |
/// | `end_s`   | `(n_sessions,)`     | seconds since the Unix epoch; ascending             |
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    pub offsets: Vec<usize>,
    pub items: Vec<u32>,
    pub end_s: Vec<i64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { offsets: vec![0], items: Vec::new(), end_s: Vec::new() }
    }
}

impl Sessions {
    /// Cuts histories where a pause is longer than `gap_s`.
    pub fn cut(histories: &Histories, gap_s: Option<i64>) -> Self {
        let cut = |user| {
            let times = histories.timestamps_of(user);
            let mut runs: Vec<(i64, usize, Range<usize>)> = Vec::new();
            for (place, time_s) in times.iter().enumerate() {
                match runs.last_mut() {
                    Some((end_s, _, run)) if gap_s.is_none_or(|gap_s| time_s.saturating_sub(*end_s) <= gap_s) => {
                        (*end_s, run.end) = (time_s, place + 1);
                    }
                    _ => runs.push((time_s, user, place..place + 1)),
                }
            }
            runs
        };
        let mut runs: Vec<_> = histories.users().into_par_iter().flat_map_iter(cut).collect();
        runs.par_sort_by_key(|(end_s, user, run)| (*end_s, *user, run.start));
        let mut sessions = Self::default();
        for (end_s, user, run) in runs {
            sessions.push(&distinct(&histories.items_of(user)[run]), end_s);
        }
        sessions
    }

    pub fn push(&mut self, items: &[u32], end_s: i64) {
        self.items.extend_from_slice(items);
        self.offsets.push(self.items.len());
        self.end_s.push(end_s);
    }

    pub fn len(&self) -> usize {
        self.end_s.len()
    }

    pub fn row(&self, session: u32) -> &[u32] {
        &self.items[self.offsets[session as usize]..self.offsets[session as usize + 1]]
    }
}

/// The newest distinct items, by their last occurrence.
fn distinct(items: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::HashSet::new();
    let mut newest: Vec<u32> = items.iter().rev().filter(|item| seen.insert(**item)).take(MAX_ITEMS).copied().collect();
    newest.reverse();
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_at_pauses_and_are_in_the_order_of_their_ends() {
        let histories = Histories::new(vec![0, 5, 6], vec![7, 8, 7, 9, 9, 3], vec![0, 10, 20, 100, 105, 50]);
        let sessions = Sessions::cut(&histories, Some(10));
        assert_eq!(sessions.end_s, [20, 50, 105]);
        assert_eq!([0, 1, 2].map(|session| sessions.row(session).to_vec()), [vec![8, 7], vec![3], vec![9]]);
        let whole = Sessions::cut(&histories, None);
        assert_eq!(whole.end_s, [50, 105]);
        assert_eq!(whole.row(1), [8, 7, 9]);
        assert_eq!(Sessions::cut(&Histories::default(), None).len(), 0);
    }
}
