use super::intern::{Interner, NONE};
use super::part::too_many;
use super::{DatasetError, TimedPart};
use crate::parts::{self, Part, PartError, StringColumn};

/// The ids of the parts of Items or Users, with the row of each id that counts: the newest.
///
/// A streamed row says itself when it was put; the other rows of a part are as old as the part. Of rows of one
/// moment the later one counts.
pub struct Newest {
    /// By number of the id, when its newest row was written, its part and its row there.
    of_id: Vec<Option<(i64, u32, u32)>>,
    /// By part, the number of each row's id.
    ids: Vec<Vec<u32>>,
}

impl Newest {
    /// Reads who is in the parts. `what` is for messages.
    pub fn read(parts: &[TimedPart], column: &str, ids: &Interner, what: &str) -> Result<Self, DatasetError> {
        let mut newest = Self { of_id: Vec::new(), ids: Vec::with_capacity(parts.len()) };
        for (place, timed) in (0_u32..).zip(parts) {
            let part = Part::open(timed.content.clone())?;
            let numbers = numbers(&part, column, ids, what)?;
            let at_ms = match part.columns().iter().any(|column| column.name == parts::AT_MS) {
                true => Some(part.longs(parts::AT_MS)?),
                false => None,
            };
            let of_part = i64::try_from(timed.at_ms).unwrap_or(i64::MAX);
            for (row, number) in (0_u32..).zip(&numbers).filter(|(_, number)| **number != NONE) {
                let at_ms = at_ms.as_ref().and_then(|times| times.get(row as usize)).unwrap_or(of_part);
                newest.offer(*number, at_ms, place, row);
            }
            newest.ids.push(numbers);
        }
        Ok(newest)
    }

    fn offer(&mut self, number: u32, at_ms: i64, part: u32, row: u32) {
        let number = number as usize;
        if number >= self.of_id.len() {
            self.of_id.resize(number + 1, None);
        }
        let newest = &mut self.of_id[number];
        if newest.is_none_or(|(before, _, _)| at_ms >= before) {
            *newest = Some((at_ms, part, row));
        }
    }

    /// Whether there is a row for the id of this number.
    pub fn has(&self, number: u32) -> bool {
        self.of_id.get(number as usize).is_some_and(Option::is_some)
    }

    /// By part and row, where the row belongs: `place` says it for the number of an id. [`NONE`] for rows that
    /// a newer one replaced.
    pub fn places(self, place: impl Fn(u32) -> u32) -> Vec<Vec<u32>> {
        let Self { of_id, ids } = self;
        let mut parts = ids;
        for (part, rows) in (0_u32..).zip(&mut parts) {
            for (row, number) in (0_u32..).zip(rows.iter_mut()) {
                let newest = of_id.get(*number as usize).copied().flatten();
                let counts = newest.is_some_and(|(_, its_part, its_row)| (its_part, its_row) == (part, row));
                *number = if counts { place(*number) } else { NONE };
            }
        }
        parts
    }
}

/// The number of each row's id. An id that is null cannot come from an import, and its row is nobody's.
fn numbers(part: &Part, column: &str, ids: &Interner, what: &str) -> Result<Vec<u32>, DatasetError> {
    if u32::try_from(part.n_rows()).is_err() {
        return Err(PartError::Corrupt { reason: "an impossible number of rows".into() }.into());
    }
    let StringColumn { dictionary, mut codes } = part.strings(column)?;
    let numbers = ids.insert_all(&dictionary).ok_or_else(|| too_many(what))?;
    for code in &mut codes {
        *code = numbers.get(*code as usize).copied().unwrap_or(NONE);
    }
    Ok(codes)
}
