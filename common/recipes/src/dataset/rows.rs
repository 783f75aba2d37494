use super::codes::Codes;
use super::intern::NONE;
use super::part::PartRows;
use super::sessions::Sessions;
use super::{DatasetError, Timestamps};

/// The selected rows of all parts as they came, one value per row in each column.
///
/// Columns that no part has stay empty; those that some have are padded in the others.
#[derive(Default)]
pub struct Rows {
    /// [`NONE`] where nobody is known, after [`Rows::join`] too.
    pub user: Vec<u32>,
    pub item: Vec<u32>,
    pub time: Timestamps,
    /// One more than the type's number; 0 where there is none.
    pub event_type: Codes,
    /// NaN where there is none.
    pub value: Vec<f32>,
    pub others: Vec<u64>,
    /// Where the row stands among all rows of all parts, selected or not; kept only if it was asked for.
    pub input: Option<Vec<u32>>,
    /// The session's number, or [`NONE`]; kept only if it was asked for.
    pub session: Option<Vec<u32>>,
    /// Rows of all parts so far.
    pub n_input: usize,
    sessions: Sessions,
}

impl Rows {
    pub fn new(with_input: bool, with_sessions: bool) -> Self {
        Self { input: with_input.then(Vec::new), session: with_sessions.then(Vec::new), ..Self::default() }
    }

    /// Adds the rows of the next part.
    pub fn append(&mut self, part: PartRows) -> Result<(), DatasetError> {
        let begin = self.user.len();
        let first_input = self.n_input;
        self.n_input += part.user.len();
        // The greatest number says "none".
        if u32::try_from(self.n_input).is_ok_and(|n_rows| n_rows < NONE) {
            self.sessions(&part, begin);
        } else {
            return Err(DatasetError::TooBig(format!("{} interactions are more than fit", self.n_input)));
        }
        let selected = part.selected.as_deref();
        keep(selected, &part.user, &mut self.user);
        keep(selected, &part.item, &mut self.item);
        self.time.extend(kept(selected, &part.timestamp_s));
        if let Some(event_type) = &part.event_type {
            self.event_type.pad(begin);
            self.event_type.extend(kept(selected, event_type));
        } else if self.event_type.len() > 0 {
            self.event_type.pad(self.user.len());
        }
        if let Some(value) = &part.value {
            self.value.resize(begin, f32::NAN);
            keep(selected, value, &mut self.value);
        } else if !self.value.is_empty() {
            self.value.resize(self.user.len(), f32::NAN);
        }
        if let Some(others) = &part.others {
            self.others.resize(begin, 0);
            keep(selected, others, &mut self.others);
        } else if !self.others.is_empty() {
            self.others.resize(self.user.len(), 0);
        }
        if let Some(session) = &mut self.session {
            match &part.session {
                Some(of_part) => keep(selected, of_part, session),
                None => session.resize(self.user.len(), NONE),
            }
        }
        if let Some(input) = &mut self.input {
            let all: Vec<u32> = (first_input as u32..self.n_input as u32).collect();
            keep(selected, &all, input);
        }
        Ok(())
    }

    /// Gives the rows without user to whom they belong; returns how many nobody joined.
    pub fn join(&mut self) -> usize {
        std::mem::take(&mut self.sessions).join(&mut self.user)
    }

    /// Leaves out the rows of items that `keep` refuses: they are nobody's.
    pub fn keep_items(&mut self, keep: impl Fn(u32) -> bool) {
        for (user, item) in self.user.iter_mut().zip(&self.item) {
            if !keep(*item) {
                *user = NONE;
            }
        }
    }

    /// Signing in counts whether the event is selected or not.
    fn sessions(&mut self, part: &PartRows, begin: usize) {
        if part.session.is_none() && !part.user.contains(&NONE) {
            return;
        }
        let mut row = begin as u32;
        for place in 0..part.user.len() {
            let session = part.session.as_ref().map_or(NONE, |sessions| sessions[place]);
            let selected = part.selected.as_ref().is_none_or(|selected| selected[place]);
            match part.user[place] {
                NONE if selected => self.sessions.wait(row, session),
                NONE => {}
                user if session != NONE => self.sessions.sign_in(session, part.timestamp_s[place], user),
                _ => {}
            }
            row += u32::from(selected);
        }
    }
}

fn kept<'a, T: Copy>(selected: Option<&'a [bool]>, values: &'a [T]) -> impl Iterator<Item = T> + Clone + 'a {
    let kept = move |place: &usize| selected.is_none_or(|selected| selected[*place]);
    (0..values.len()).filter(kept).map(|place| values[place])
}

fn keep<T: Copy>(selected: Option<&[bool]>, values: &[T], into: &mut Vec<T>) {
    match selected {
        None => into.extend_from_slice(values),
        Some(_) => into.extend(kept(selected, values)),
    }
}
