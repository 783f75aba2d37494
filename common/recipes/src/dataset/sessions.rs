use std::collections::HashMap;

use super::intern::NONE;

/// Gives the events of visitors to whom they turned out to be.
///
/// An event without user belongs to its session. All such events of a session belong to the user who signed in
/// first in it, by time and then by the order of the input, before and after signing in.
#[derive(Default)]
pub struct Sessions {
    /// By session, when its first user signed in, and who that is.
    signed_in: HashMap<u32, (i64, u32)>,
    /// Rows without user, and their session; [`NONE`] where there is none.
    anonymous: Vec<(u32, u32)>,
}

impl Sessions {
    /// Tells an event of a session that names its user. In the order of the input.
    pub fn sign_in(&mut self, session: u32, time_s: i64, user: u32) {
        let first = self.signed_in.entry(session).or_insert((time_s, user));
        if time_s < first.0 {
            *first = (time_s, user);
        }
    }

    /// Tells a row that has no user.
    pub fn wait(&mut self, row: u32, session: u32) {
        self.anonymous.push((row, session));
    }

    /// Fills in the users of the rows that waited; returns how many rows nobody joined.
    pub fn join(self, users: &mut [u32]) -> usize {
        let mut n_unjoined = 0;
        for (row, session) in self.anonymous {
            let user = self.signed_in.get(&session).map_or(NONE, |(_, user)| *user);
            n_unjoined += usize::from(user == NONE);
            users[row as usize] = user;
        }
        n_unjoined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_user_of_a_session_gets_its_anonymous_rows() {
        let mut sessions = Sessions::default();
        sessions.sign_in(1, 20, 7);
        sessions.sign_in(1, 10, 8);
        sessions.sign_in(1, 10, 9);
        let mut users = [5, NONE, NONE, NONE];
        for (row, session) in [(1, 1), (2, 2), (3, NONE)] {
            sessions.wait(row, session);
        }
        assert_eq!(sessions.join(&mut users), 2);
        assert_eq!(users, [5, 8, NONE, NONE]);
    }
}
