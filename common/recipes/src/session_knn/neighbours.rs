use super::config::SessionKnnValidParams;
use super::index::Index;
use crate::Event;

/// An item of the asking session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    pub item: u32,
    /// Events that are newer.
    pub place: usize,
    /// `w(p)`
    pub weight: f32,
}

/// The newest session of a history: each of its items at its newest place, the newest first.
pub fn asked(history: &[Event], config: &SessionKnnValidParams) -> Vec<Asked> {
    let mut n_events = 0;
    let mut newer_s = history.last().map_or(0, |event| event.timestamp_s);
    let mut asked: Vec<Asked> = Vec::new();
    for (place, event) in history.iter().rev().take(config.query_length).enumerate() {
        let pause_s = newer_s.saturating_sub(event.timestamp_s);
        if config.gap_s().is_some_and(|gap_s| pause_s > gap_s) {
            break;
        }
        newer_s = event.timestamp_s;
        n_events += 1;
        if !asked.iter().any(|one| one.item == event.item) {
            asked.push(Asked { item: event.item, place, weight: 0.0 });
        }
    }
    let n_items = asked.len();
    for one in &mut asked {
        one.weight = config.place_weight(one.place, n_events, n_items);
    }
    asked
}

/// A session like the asking one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    pub session: u32,
    /// `r(n)`
    pub similarity: f32,
    /// What age and length left of it.
    pub factor: f32,
    /// Index into the asked items of the newest one that is shared.
    pub newest: usize,
}

/// Memory that one thread counts in; by session, empty between calls.
#[derive(Default)]
pub struct Scratch {
    sums: Vec<f32>,
    newest: Vec<u8>,
    touched: Vec<u32>,
}

/// The sessions most like the asked items, the most similar first, ties the more recent first.
///
/// `newest_s` is the time of the newest event; `length_weights` are by the length of a session. Cost `O(n_asked · sessions_per_item)`.
pub fn neighbours(
    index: &Index,
    asked: &[Asked],
    newest_s: i64,
    config: &SessionKnnValidParams,
    length_weights: &[f32],
    scratch: &mut Scratch,
) -> Vec<Neighbour> {
    let Scratch { sums, newest, touched } = scratch;
    if sums.len() < index.sessions.len() {
        sums.resize(index.sessions.len(), 0.0);
        newest.resize(index.sessions.len(), u8::MAX);
    }
    // At most a hundred events are asked, so that a byte holds their number.
    for (number, one) in asked.iter().enumerate().take(usize::from(u8::MAX)) {
        for session in index.recent(one.item) {
            let place = *session as usize;
            if newest[place] == u8::MAX {
                newest[place] = number as u8;
                touched.push(*session);
            }
            sums[place] += one.weight;
        }
    }
    let take = |session: u32| {
        let place = session as usize;
        let number = std::mem::replace(&mut newest[place], u8::MAX);
        (std::mem::take(&mut sums[place]), usize::from(number))
    };
    let mut found: Vec<(u32, (f32, usize))> = Vec::with_capacity(touched.len());
    // The greater row is the more recent session.
    if touched.len() > config.sessions_per_item {
        touched.select_nth_unstable_by(config.sessions_per_item, |a, b| b.cmp(a));
    }
    let mut take = take;
    for (rank, session) in touched.drain(..).enumerate() {
        let taken = take(session);
        if rank < config.sessions_per_item {
            found.push((session, taken));
        }
    }
    let weigh = |(session, (sum, newest)): (u32, (f32, usize))| {
        let age_s = newest_s.saturating_sub(index.sessions.end_s[session as usize]);
        let factor = length_weights[index.sessions.row(session).len()] * config.age_weight(age_s);
        Neighbour { session, similarity: sum * factor, factor, newest }
    };
    let mut all: Vec<Neighbour> = found.into_iter().map(weigh).collect();
    let order = |a: &Neighbour, b: &Neighbour| b.similarity.total_cmp(&a.similarity).then(b.session.cmp(&a.session));
    if all.len() > config.neighbours {
        all.select_nth_unstable_by(config.neighbours, order);
        all.truncate(config.neighbours);
    }
    all.sort_unstable_by(order);
    all
}
