use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::intern::NONE;
use super::part::{self, Interners};
use super::{DatasetError, Selection};
use crate::{Intervals, ItemCounts};

/// What makes a row the row that it is: user, or the session if nobody is named; item, time, type, value and a hash
/// of all other columns.
type Fingerprint = (u32, u32, u32, i64, u32, u32, u64);

/// Counts interactions by item in two intervals, part by part.
///
/// Rows that agree in every column count once, as in [`crate::Dataset`], whatever parts they are in. Unlike there,
/// what nobody signed in for counts too. Takes memory for one part, for the rows in the intervals, and for the ids
/// of all parts that were added.
pub struct IntervalCounter {
    intervals: Intervals,
    selection: Selection,
    interners: Interners,
    seen: HashSet<Fingerprint>,
}

impl IntervalCounter {
    /// Of `selection` the event type and the threshold are looked at.
    pub fn new(intervals: Intervals, selection: Selection) -> Self {
        Self { intervals, selection, interners: Interners::default(), seen: HashSet::new() }
    }

    pub fn intervals(&self) -> Intervals {
        self.intervals
    }

    /// Adds a part of the Interactions dataset. Gives the newest time in it, of whatever event: a part that has none
    /// within the intervals need not be added again for later ones.
    pub fn add(&mut self, content: &Bytes) -> Result<Option<i64>, DatasetError> {
        let rows = part::read(content, &self.interners, &self.selection)?;
        for (row, time) in rows.timestamp_s.iter().enumerate() {
            let selected = rows.selected.as_ref().is_none_or(|selected| selected[row]);
            if !selected || self.intervals.place_of(*time).is_none() {
                continue;
            }
            let user = rows.user[row];
            let session = rows.session.as_ref().filter(|_| user == NONE).map_or(NONE, |session| session[row]);
            let event_type = rows.event_type.as_ref().map_or(0, |types| types[row]);
            let value = rows.value.as_ref().map_or(f32::NAN, |values| values[row]).to_bits();
            let others = rows.others.as_ref().map_or(0, |others| others[row]);
            self.seen.insert((user, session, rows.item[row], *time, event_type, value, others));
        }
        Ok(rows.timestamp_s.iter().copied().max())
    }

    pub fn finish(self) -> ItemCounts {
        let mut by_number: HashMap<u32, [u32; 2]> = HashMap::new();
        for (_, _, item, time, ..) in &self.seen {
            if let Some(place) = self.intervals.place_of(*time) {
                by_number.entry(*item).or_default()[place] += 1;
            }
        }
        let items = self.interners.items.finish();
        let (ids, rows) = items.sorted(|number| by_number.contains_key(&number));
        by_number.into_iter().map(|(number, counts)| (ids.id(rows[number as usize]).to_owned(), counts)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::parts::{Column, ColumnType, PartBuilder, SESSION_ID};

    const INTERVALS: Intervals = Intervals { begin_s: 100, middle_s: 200, end_s: 300 };

    /// Rows of user, session, item, time and type.
    fn part(rows: &[(Option<&str>, &str, &str, i64, &str)]) -> Bytes {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: true };
        let mut part = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
            column("EVENT_TYPE", ColumnType::String),
            column(crate::parts::AT_MS, ColumnType::Long),
            column(SESSION_ID, ColumnType::String),
        ]);
        for (user, session, item, time, event_type) in rows {
            match user {
                Some(user) => part.push_str(0, user),
                None => part.push_null(0),
            }
            part.push_str(1, item);
            part.push_long(2, *time);
            part.push_str(3, event_type);
            part.push_long(4, 0);
            part.push_str(5, session);
        }
        part.finish().unwrap()
    }

    fn count(parts: &[Bytes], event_type: Option<&str>) -> ItemCounts {
        let selection = Selection { event_type: event_type.map(str::to_owned), ..Selection::default() };
        let mut counter = IntervalCounter::new(INTERVALS, selection);
        for part in parts {
            counter.add(part).unwrap();
        }
        counter.finish()
    }

    #[test]
    fn interactions_count_in_their_interval_and_repetitions_once() {
        let first = part(&[
            (Some("u"), "s", "a", 99, "view"),
            (Some("u"), "s", "a", 100, "view"),
            (Some("u"), "s", "a", 250, "view"),
            (Some("u"), "s", "a", 251, "Buy"),
            (Some("u"), "s", "b", 300, "view"),
        ]);
        let second = part(&[
            (Some("u"), "other", "a", 250, "view"),
            (Some("v"), "s", "a", 250, "view"),
            (None, "s", "a", 250, "view"),
            (None, "t", "a", 250, "view"),
        ]);
        let counts = count(&[first.clone(), second.clone(), second], None);
        assert_eq!(counts, ItemCounts::from([("a".into(), [1, 5])]));
        assert_eq!(count(&[first], Some("BUY")), ItemCounts::from([("a".into(), [0, 1])]));
        assert_eq!(count(&[], None), ItemCounts::new());
    }

    #[test]
    fn a_part_tells_its_newest_time() {
        let mut counter = IntervalCounter::new(INTERVALS, Selection::default());
        assert_eq!(
            counter.add(&part(&[(Some("u"), "s", "a", 40, "x"), (Some("u"), "s", "a", 7, "x")])).unwrap(),
            Some(40)
        );
        assert_eq!(counter.add(&part(&[])).unwrap(), None);
        assert!(counter.add(&Bytes::from_static(b"no part")).is_err());
    }
}
