//! Whose the events of visitors are: events that were streamed without a user belong to the user who signed in to
//! their session first; until then, the session's id stands for the visitor.

use std::collections::HashMap;

use palate_recipes::IdMap;
use palate_recipes::parts::{Part, PartError, SESSION_ID};

use super::PartColumn;

/// Owners of sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    /// By session: when the owner signed in, and who it is; nobody yet.
    owners: HashMap<String, Option<(i64, String)>>,
}

impl Sessions {
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Asks for the owner of a session.
    pub fn want(&mut self, session: &str) {
        if !self.owners.contains_key(session) {
            self.owners.insert(session.to_owned(), None);
        }
    }

    /// Asks for the owners of the sessions that have events without a user.
    pub fn note_visitors(&mut self, part: &Part) -> Result<(), PartError> {
        let Some((users, sessions, _)) = columns(part)? else { return Ok(()) };
        for row in 0..part.n_rows() {
            if let (None, Some(session)) = (users.text(row), sessions.text(row)) {
                self.want(session);
            }
        }
        Ok(())
    }

    /// Takes note of who signed in to the sessions that were asked for. Parts come in their order: of two who
    /// signed in at the same time, the one noted first is the owner.
    pub fn note_owners(&mut self, part: &Part) -> Result<(), PartError> {
        let Some((users, sessions, times)) = columns(part)? else { return Ok(()) };
        for row in 0..part.n_rows() {
            if let (Some(user), Some(session)) = (users.text(row), sessions.text(row)) {
                self.note(session, times.long(row).unwrap_or(i64::MAX), user);
            }
        }
        Ok(())
    }

    /// The same, for whoever has ids at hand.
    pub fn note_owners_of(&mut self, part: &Part, _ids: &IdMap) -> Result<(), PartError> {
        self.note_owners(part)
    }

    /// Takes note that a user was signed in to a session.
    pub fn note(&mut self, session: &str, timestamp_s: i64, user: &str) {
        if let Some(owner) = self.owners.get_mut(session)
            && owner.as_ref().is_none_or(|(first, _)| timestamp_s < *first)
        {
            *owner = Some((timestamp_s, user.to_owned()));
        }
    }

    /// The user whom a session belongs to, or the session itself.
    pub fn owner<'a>(&'a self, session: &'a str) -> &'a str {
        match self.owners.get(session) {
            Some(Some((_, user))) => user,
            _ => session,
        }
    }

    /// The sessions that were asked for, each with its owner.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.owners.keys().map(|session| (session.as_str(), self.owner(session)))
    }
}

/// Users, sessions and times of a part that has sessions.
fn columns(part: &Part) -> Result<Option<(PartColumn, PartColumn, PartColumn)>, PartError> {
    let sessions = PartColumn::read(part, SESSION_ID)?;
    if matches!(sessions, PartColumn::Absent) {
        return Ok(None);
    }
    Ok(Some((PartColumn::read(part, "USER_ID")?, sessions, PartColumn::read(part, "TIMESTAMP")?)))
}
