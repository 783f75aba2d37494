use rayon::prelude::*;

use super::histories::Histories;
use super::intern::NONE;

/// What is known of the sessions of an interaction and of the user's one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    Unknown,
    Same,
    Another,
}

/// By interaction, from the numbers of the sessions in the same order.
pub fn visits(histories: &Histories, sessions: &[u32]) -> Vec<Visit> {
    let of_user = |user: usize| {
        let own = &sessions[histories.events_of(user)];
        let pairs = own.windows(2).map(|pair| match pair {
            [NONE, _] | [_, NONE] => Visit::Unknown,
            [before, now] if before == now => Visit::Same,
            _ => Visit::Another,
        });
        own.first().map(|_| Visit::Unknown).into_iter().chain(pairs).collect::<Vec<_>>()
    };
    histories.users().into_par_iter().flat_map_iter(of_user).collect()
}
