//! Histories as the network reads them: lanes of events, a window of steps at a time.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::body::N_GAPS;
use crate::dataset::Histories;

/// No such row.
pub const NONE: u32 = u32::MAX;

/// What a lane reads at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing: the lane's users are done.
    Idle,
    /// That a user begins.
    Start,
    Item(u32),
}

/// What begins with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    Nothing,
    Session,
    User,
}

/// A lane at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub input: Input,
    pub begin: Begin,
    /// See [`gap_kind`].
    pub gap: u8,
    /// Row of the user's features; [`NONE`] if there are none.
    pub user: u32,
    /// Row of the features of the moment for which is asked; [`NONE`] if there are none.
    pub context: u32,
    /// The item that comes next; [`NONE`] if none does.
    pub target: u32,
    /// What the target counts.
    pub weight: f32,
}

impl Cell {
    pub const IDLE: Self = Self {
        input: Input::Idle,
        begin: Begin::Nothing,
        gap: 0,
        user: NONE,
        context: NONE,
        target: NONE,
        weight: 0.0,
    };
}

/// Steps by lanes of cells, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub lanes: usize,
    pub cells: Vec<Cell>,
}

impl Window {
    pub fn steps(&self) -> usize {
        self.cells.len() / self.lanes
    }
}

/// Of which kind a pause is: 0 if there was no event before, then by factors of four from one second on.
pub fn gap_kind(pause_s: Option<i64>) -> u8 {
    let Some(pause_s) = pause_s else { return 0 };
    let log4 = pause_s.max(0).checked_ilog2().map_or(0, |log2| 1 + log2 / 2);
    (1 + log4).min(N_GAPS as u32 - 1) as u8
}

/// How cells follow from histories.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub histories: &'a Histories,
    /// Pause after which a session begins.
    pub gap_s: i64,
    /// Row of the metadata of a user.
    pub user_row: &'a (dyn Fn(usize) -> u32 + Sync),
    /// Row of the context of a user's event.
    pub context_row: &'a (dyn Fn(usize, usize) -> u32 + Sync),
    /// Whether an event of a user was of the same visit as the one before; `None`: the pause tells.
    pub same_visit: &'a (dyn Fn(usize, usize) -> Option<bool> + Sync),
    /// What an event counts as a target, by its time.
    pub weight: &'a (dyn Fn(i64) -> f32 + Sync),
}

impl Reading<'_> {
    /// The cells of a user: one for the start, then one for each event from `first` on. The last has no target.
    pub fn user(&self, user: usize, first: usize) -> impl Iterator<Item = Cell> + '_ {
        let items = self.histories.items_of(user);
        let times = self.histories.timestamps_of(user);
        (first..=items.len()).map(move |place| {
            let before = place.checked_sub(1).filter(|_| place > first);
            let pause_s = before
                .and_then(|before| (before > first).then(|| times.get(before).saturating_sub(times.get(before - 1))));
            let begin = match before {
                None => Begin::User,
                Some(before) => {
                    let is_same = pause_s.and_then(|_| (self.same_visit)(user, before));
                    let goes_on = is_same.unwrap_or_else(|| pause_s.is_none_or(|pause_s| pause_s <= self.gap_s));
                    if goes_on { Begin::Nothing } else { Begin::Session }
                }
            };
            let target = items.get(place).copied().unwrap_or(NONE);
            Cell {
                input: before.map_or(Input::Start, |before| Input::Item(items[before])),
                begin,
                gap: gap_kind(pause_s),
                user: (self.user_row)(user),
                context: if target == NONE { NONE } else { (self.context_row)(user, place) },
                target,
                weight: if target == NONE { 0.0 } else { (self.weight)(times.get(place)) },
            }
        })
    }
}

/// Users put one after the other into lanes of much the same length.
pub struct Lanes {
    /// Users by lane, each with the place in the history from which on it is read.
    users: Vec<Vec<(usize, usize)>>,
    n_steps: usize,
}

impl Lanes {
    /// Puts users into lanes, in an order drawn from `rng`, each into the lane that is the shortest. Of histories
    /// longer than `longest` the newest part is read.
    pub fn draw(histories: &Histories, n_lanes: usize, longest: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut users: Vec<usize> = histories.users().filter(|user| !histories.items_of(*user).is_empty()).collect();
        users.shuffle(rng);
        Self::fill(histories, &users, n_lanes, longest)
    }

    /// As [`Lanes::draw`], in the given order.
    pub fn fill(histories: &Histories, users: &[usize], n_lanes: usize, longest: usize) -> Self {
        let mut lanes = vec![Vec::new(); n_lanes];
        let mut lengths: std::collections::BinaryHeap<_> =
            (0..n_lanes).map(|lane| std::cmp::Reverse((0, lane))).collect();
        for user in users {
            let n_events = histories.items_of(*user).len();
            let first = n_events.saturating_sub(longest);
            if let Some(mut shortest) = lengths.peek_mut() {
                lanes[shortest.0.1].push((*user, first));
                shortest.0.0 += n_events - first + 1;
            }
        }
        let n_steps = lengths.into_iter().map(|length| length.0.0).max().unwrap_or(0);
        Self { users: lanes, n_steps }
    }

    /// The windows of some of the lanes, `steps` at most, one after the other.
    pub fn windows<'a>(
        &'a self,
        reading: &'a Reading<'a>,
        lanes: std::ops::Range<usize>,
        steps: usize,
    ) -> impl Iterator<Item = Window> + 'a {
        let mut cells: Vec<_> = self.users[lanes.clone()]
            .iter()
            .map(|users| users.iter().flat_map(|(user, first)| reading.user(*user, *first)))
            .collect();
        (0..self.n_steps).step_by(steps).map(move |begin| {
            let n = steps.min(self.n_steps - begin);
            let mut window = Window { lanes: lanes.len(), cells: Vec::with_capacity(n * lanes.len()) };
            for _ in 0..n {
                window.cells.extend(cells.iter_mut().map(|lane| lane.next().unwrap_or(Cell::IDLE)));
            }
            window
        })
    }

    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// A user by place in the lane.
    pub fn user(&self, lane: usize, place: usize) -> usize {
        self.users[lane][place].0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn reading(histories: &Histories) -> Reading<'_> {
        Reading {
            histories,
            gap_s: 100,
            user_row: &|user| user as u32,
            context_row: &|_, _| NONE,
            same_visit: &|_, _| None,
            weight: &|_| 1.0,
        }
    }

    #[test]
    fn a_user_is_a_start_and_the_events_and_sessions_begin_after_pauses() {
        let histories = Histories::new(vec![0, 3], vec![7, 8, 9], vec![0, 50, 500]);
        let cells: Vec<Cell> = reading(&histories).user(0, 0).collect();
        let short: Vec<_> = cells.iter().map(|cell| (cell.input, cell.begin, cell.target)).collect();
        assert_eq!(
            short,
            [
                (Input::Start, Begin::User, 7),
                (Input::Item(7), Begin::Nothing, 8),
                (Input::Item(8), Begin::Nothing, 9),
                (Input::Item(9), Begin::Session, NONE),
            ]
        );
        assert_eq!(
            cells.iter().map(|cell| cell.gap).collect::<Vec<_>>(),
            [0, 0, gap_kind(Some(50)), gap_kind(Some(450))]
        );
        let newest: Vec<Cell> = reading(&histories).user(0, 2).collect();
        assert_eq!((newest[0].input, newest[0].target, newest.len()), (Input::Start, 9, 2));
    }

    #[test]
    fn a_visit_that_is_known_is_a_session_whatever_the_pause() {
        let histories = Histories::new(vec![0, 5], vec![1, 2, 3, 4, 5], vec![0, 500, 510, 520, 900]);
        let known = |_: usize, place: usize| [Some(false), Some(true), Some(false), None, None][place];
        let reading = Reading { same_visit: &known, ..reading(&histories) };
        let begins: Vec<Begin> = reading.user(0, 0).map(|cell| cell.begin).collect();
        let [user, session, nothing] = [Begin::User, Begin::Session, Begin::Nothing];
        assert_eq!(begins, [user, nothing, nothing, session, nothing, session]);
        // What was before the first event that is read is not known.
        let begins: Vec<Begin> = reading.user(0, 2).map(|cell| cell.begin).collect();
        assert_eq!(begins, [user, nothing, nothing, session]);
    }

    #[test]
    fn pauses_have_a_kind_however_long_they_are() {
        assert_eq!([0, 1, 3, 4, 15, 16].map(|pause_s| gap_kind(Some(pause_s))), [1, 2, 2, 3, 3, 4]);
        assert_eq!(gap_kind(Some(-5)), 1);
        assert_eq!(usize::from(gap_kind(Some(i64::MAX))), N_GAPS - 1);
        assert_eq!(gap_kind(None), 0);
    }

    #[test]
    fn windows_hold_every_event_once() {
        let histories = Histories::new(vec![0, 3, 3, 4, 9], (0..9).collect(), (0..9).collect::<Vec<_>>());
        let lanes = Lanes::fill(&histories, &[0, 2, 3], 2, 4);
        let reading = reading(&histories);
        let windows: Vec<Window> = lanes.windows(&reading, 0..2, 3).collect();
        let mut seen: Vec<u32> = windows
            .iter()
            .flat_map(|window| &window.cells)
            .filter_map(|cell| if let Input::Item(item) = cell.input { Some(item) } else { None })
            .collect();
        seen.sort_unstable();
        // Of the longest history the newest four.
        assert_eq!(seen, [0, 1, 2, 3, 5, 6, 7, 8]);
        assert!(windows.iter().all(|window| window.cells.len() == window.lanes * window.steps()));
        assert_eq!(windows.len(), lanes.n_steps().div_ceil(3));
    }
}
