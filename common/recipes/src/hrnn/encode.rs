//! What the network makes of users: their states, and what they ask for next.

use rayon::prelude::*;

use super::network::{Carry, Network};
use super::weights::Weights;
use super::window::{Cell, Input, Lanes, NONE, Reading};
use crate::model::SparseRows;

/// Users that are gone through together.
const TOGETHER: usize = 64;

/// Lanes that they are put into.
const LANES: usize = 16;

/// Steps that are gone through at a time.
const STEPS: usize = 64;

/// A user after the last event.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    pub user: usize,
    /// `(d + 1,)`
    pub query: Vec<f32>,
    /// `(d,)` each
    pub session: Vec<f32>,
    pub state: Vec<f32>,
}

/// Goes through the histories of some users, in their order. `vectors` are those of all items. Users without events
/// are left out.
pub fn encode(
    weights: &Weights,
    vectors: &[f32],
    reading: &Reading<'_>,
    of: &SparseRows,
    users: &[usize],
) -> Vec<Encoded> {
    let nothing = SparseRows::from_rows([]);
    let network = weights.network(vectors, of, &nothing);
    let mut all: Vec<Encoded> =
        users.par_chunks(TOGETHER).flat_map_iter(|users| encode_together(&network, reading, users)).collect();
    all.sort_by_key(|encoded| encoded.user);
    all
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
