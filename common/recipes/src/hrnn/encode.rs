//! What the network makes of users: their states, and what they ask for next.

use rayon::prelude::*;

use super::network::{Carry, Network};
use super::scorer::state_bytes;
use super::weights::Weights;
use super::window::{Cell, Input, Lanes, NONE, Reading};
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Users that are gone through together.
const TOGETHER: usize = 64;

/// Lanes that they are put into.
const LANES: usize = 16;

/// Steps that are gone through at a time.
const STEPS: usize = 64;

/// A user after the last event.
struct Encoded {
    user: usize,
    /// `(d + 1,)`
    query: Vec<f32>,
    /// `(d,)` each
    session: Vec<f32>,
    state: Vec<f32>,
}

/// Who is gone through, and how.
#[derive(Clone, Copy)]
pub struct Encoding<'a> {
    pub weights: &'a Weights,
    /// Of all items.
    pub vectors: &'a [f32],
    pub reading: &'a Reading<'a>,
    /// Features of users, by row.
    pub of_users: &'a SparseRows,
    /// Ascending. Those without events are left out.
    pub users: &'a [usize],
    pub progress: &'a dyn Progress,
}

impl Encoding<'_> {
    /// What each of the users asks for next: `(d + 1,)`.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn queries(&self) -> Result<Vec<Vec<f32>>, TrainError> {
        self.each(|encoded| encoded.query)
    }

    /// What pages keep of each of the histories; nothing of the other users.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn states(&self) -> Result<Vec<Vec<u8>>, TrainError> {
        let histories = self.reading.histories;
        let mut states = vec![Vec::new(); histories.n_users()];
        let of_each = self.each(|encoded| {
            let last_s = histories.timestamps_of(encoded.user).last().unwrap_or(0);
            (encoded.user, state_bytes(last_s, &encoded.session, &encoded.state))
        })?;
        for (user, state) in of_each {
            states[user] = state;
        }
        Ok(states)
    }

    /// In the order of the users.
    fn each<T: Send>(&self, value: impl Fn(Encoded) -> T + Sync) -> Result<Vec<T>, TrainError> {
        let nothing = SparseRows::from_rows([]);
        let network = self.weights.network(self.vectors, self.of_users, &nothing);
        let of_some = |users: &[usize]| {
            go_on(self.progress)?;
            let mut encoded = encode_together(&network, self.reading, users);
            encoded.sort_by_key(|encoded| encoded.user);
            Ok(encoded.into_iter().map(&value).collect())
        };
        let all: Vec<Vec<T>> = self.users.par_chunks(TOGETHER).map(of_some).collect::<Result<_, TrainError>>()?;
        Ok(all.into_iter().flatten().collect())
    }
}

fn encode_together(network: &Network<'_>, reading: &Reading<'_>, users: &[usize]) -> Vec<Encoded> {
    let d = network.d;
    let mut users: Vec<usize> =
        users.iter().copied().filter(|user| !reading.histories.items_of(*user).is_empty()).collect();
    // The longest first, so that lanes end together.
    users.sort_by_key(|user| std::cmp::Reverse(reading.histories.items_of(*user).len()));
    let n_lanes = LANES.min(users.len().max(1));
    let lanes = Lanes::fill(reading.histories, &users, n_lanes, usize::MAX);
    let mut next = vec![0; n_lanes];
    let mut carry = Carry::new(n_lanes, d);
    let mut all = Vec::with_capacity(users.len());
    for window in lanes.windows(reading, 0..n_lanes, STEPS) {
        let pass = network.pass(&window, &mut carry, None);
        for (place, cell) in window.cells.iter().enumerate() {
            if !ends(cell) {
                continue;
            }
            let lane = place % n_lanes;
            let (session, state) = pass.states(place, d);
            all.push(Encoded {
                user: lanes.user(lane, next[lane]),
                query: pass.queries[place * (d + 1)..(place + 1) * (d + 1)].to_vec(),
                session: session.to_vec(),
                state: state.to_vec(),
            });
            next[lane] += 1;
        }
    }
    all
}

/// Whether it is a user's last cell.
fn ends(cell: &Cell) -> bool {
    cell.target == NONE && matches!(cell.input, Input::Item(_))
}
