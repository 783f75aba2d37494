//! The network: a session's state within a user's, and what they say of the next item.
//!
//! Quadrana et al. (2017), "Personalizing Session-based Recommendations with Hierarchical Recurrent Neural
//! Networks": at the end of a session its state `h` is an input of the user's unit, whose state `c` begins the next
//! one (eq. 4 and 5). From Ma et al. (2020), "Temporal-Contextual Recommendations in Real-Time", come the time
//! since the last event among the inputs, and metadata of users and of the moment beside the state:
//!
//! ```text
//! session begins:  c ← GRU_user(h, c)     h ← tanh(c A + a)
//! event:           h ← GRU_session(v(item) + gap(time since), h)
//! query:           q = h O + c P + o + user features + context features
//! score of item j: q · v(j) + bias(j)
//! ```
//!
//! A user begins with `c` = the user's features, `h = tanh(c A + a)`, and an event of its own, so that there is a query
//! before the first item.

mod back;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::body::{self, Body};
use super::gates::tanh;
use super::gru::KEPT;
use super::window::{Begin, Cell, Input, Window};
use crate::model::SparseRows;
use crate::neural::elementwise::add;
use crate::neural::matmul::{add_product, matrix};

/// What the network reads beside the [`Window`].
#[derive(Clone, Copy)]
pub struct Network<'a> {
    pub d: usize,
    pub body: &'a Body,
    /// `(n_items, d + 1)`: vectors of items, the last number their bias.
    pub items: &'a [f32],
    /// Rows of `user_features` by user; no rows at all without such metadata.
    pub users: &'a SparseRows,
    /// Rows of `context_features` by interaction; no rows at all without such metadata.
    pub contexts: &'a SparseRows,
}

/// States of the lanes between windows, `(lanes, d)` each.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    pub session: Vec<f32>,
    pub user: Vec<f32>,
}

impl Carry {
    pub fn new(lanes: usize, d: usize) -> Self {
        Self { session: vec![0.0; lanes * d], user: vec![0.0; lanes * d] }
    }
}

/// What stays of a pass for going back. `n` is steps by lanes, step by step.
pub struct Pass {
    /// `(n, d + 1)`, the last number 1.
    pub queries: Vec<f32>,
    /// `(n, d)`; inputs of the session's unit.
    inputs: Vec<f32>,
    /// What dropout multiplied them by; empty without.
    input_mask: Vec<f32>,
    query_mask: Vec<f32>,
    /// `(n, d)`; states before the steps, after what began there.
    before: Vec<f32>,
    /// `(n, KEPT d)`
    kept: Vec<f32>,
    /// `(n, d)`; states after the steps.
    session: Vec<f32>,
    user: Vec<f32>,
    begun: Vec<Begun>,
}

impl Pass {
    /// The session's and the user's state after a cell.
    pub fn states(&self, cell: usize, d: usize) -> (&[f32], &[f32]) {
        (&self.session[cell * d..(cell + 1) * d], &self.user[cell * d..(cell + 1) * d])
    }
}

/// Lanes of one step in which a session or a user began.
struct Begun {
    step: usize,
    lanes: Vec<usize>,
    /// By lane of `lanes`: whether it was a session of the same user.
    goes_on: Vec<bool>,
    /// `(rows, d)` of those that go on: the session's and the user's state before.
    ended: Vec<f32>,
    before: Vec<f32>,
    kept: Vec<f32>,
    /// `(lanes, d)`: the user's state, and the session's that it gave.
    user: Vec<f32>,
    session: Vec<f32>,
}

impl Network<'_> {
    /// Goes through a window, and on from `carry`.
    ///
    /// With `dropout` (a share, and what to draw from), so much of inputs and queries is left out.
    pub fn pass(&self, window: &Window, carry: &mut Carry, dropout: Option<(f32, &mut ChaCha8Rng)>) -> Pass {
        let (d, lanes, n) = (self.d, window.lanes, window.cells.len());
        let mut pass = Pass {
            queries: vec![1.0; n * (d + 1)],
            inputs: self.inputs(window),
            input_mask: Vec::new(),
            query_mask: Vec::new(),
            before: vec![0.0; n * d],
            kept: vec![0.0; n * KEPT * d],
            session: vec![0.0; n * d],
            user: vec![0.0; n * d],
            begun: Vec::new(),
        };
        if let Some((share, rng)) = dropout {
            pass.input_mask = mask(n * d, share, rng);
            pass.query_mask = mask(n * d, share, rng);
            multiply(&mut pass.inputs, &pass.input_mask);
        }
        let unit = self.body.session();
        let mut projected = vec![0.0; n * 3 * d];
        unit.project(&pass.inputs, &mut projected);
        let (state, mut scratch) = (unit.laid(lanes), vec![0.0; lanes * 3 * d]);
        for step in 0..window.steps() {
            if let Some(begun) = self.begin(window, step, carry) {
                pass.begun.push(begun);
            }
            let rows = step * lanes * d..(step + 1) * lanes * d;
            pass.before[rows.clone()].copy_from_slice(&carry.session);
            let kept = &mut pass.kept[KEPT * rows.start..KEPT * rows.end];
            let next = &mut pass.session[rows.clone()];
            let projected = &projected[3 * rows.start..3 * rows.end];
            unit.step(&state, projected, &carry.session, next, kept, &mut scratch);
            carry.session.copy_from_slice(next);
            pass.user[rows].copy_from_slice(&carry.user);
        }
        self.queries(window, &mut pass);
        pass
    }

    fn inputs(&self, window: &Window) -> Vec<f32> {
        let d = self.d;
        let mut inputs = vec![0.0; window.cells.len() * d];
        for (cell, input) in window.cells.iter().zip(inputs.chunks_exact_mut(d)) {
            match cell.input {
                Input::Idle => continue,
                Input::Start => input.copy_from_slice(&self.body[body::START]),
                Input::Item(item) => input.copy_from_slice(&self.items[item as usize * (d + 1)..][..d]),
            }
            add(&self.body[body::GAP][cell.gap as usize * d..][..d], input);
        }
        inputs
    }

    /// Begins sessions and users at a step.
    fn begin(&self, window: &Window, step: usize, carry: &mut Carry) -> Option<Begun> {
        let d = self.d;
        let cells = &window.cells[step * window.lanes..(step + 1) * window.lanes];
        let lanes: Vec<usize> = (0..window.lanes).filter(|lane| cells[*lane].begin != Begin::Nothing).collect();
        if lanes.is_empty() {
            return None;
        }
        let goes_on: Vec<bool> = lanes.iter().map(|lane| cells[*lane].begin == Begin::Session).collect();
        let ended: Vec<usize> = lanes.iter().zip(&goes_on).filter(|(_, on)| **on).map(|(lane, _)| *lane).collect();
        let gather =
            |states: &[f32]| ended.iter().flat_map(|lane| &states[lane * d..(lane + 1) * d]).copied().collect();
        let (ended_session, before): (Vec<f32>, Vec<f32>) = (gather(&carry.session), gather(&carry.user));
        let n_ended = ended.len();
        let mut kept = vec![0.0; n_ended * KEPT * d];
        let mut after = vec![0.0; n_ended * d];
        if n_ended > 0 {
            let unit = self.body.user();
            let (mut projected, mut scratch) = (vec![0.0; n_ended * 3 * d], vec![0.0; n_ended * 3 * d]);
            unit.project(&ended_session, &mut projected);
            unit.step(&unit.laid(n_ended), &projected, &before, &mut after, &mut kept, &mut scratch);
        }
        let mut user = vec![0.0; lanes.len() * d];
        let mut next_ended = after.chunks_exact(d);
        for ((lane, on), user) in lanes.iter().zip(&goes_on).zip(user.chunks_exact_mut(d)) {
            match on.then(|| next_ended.next()).flatten() {
                Some(after) => user.copy_from_slice(after),
                None => self.add_features(self.users, cells[*lane].user, &self.body[body::USER_FEATURES], user),
            }
        }
        let mut session = vec![0.0; lanes.len() * d];
        for row in session.chunks_exact_mut(d) {
            row.copy_from_slice(&self.body[body::BEGIN_BIAS]);
        }
        add_product(matrix(&user, d), matrix(&self.body[body::BEGIN], d), (&mut session, d));
        tanh(&mut session);
        for (place, lane) in lanes.iter().enumerate() {
            carry.user[lane * d..(lane + 1) * d].copy_from_slice(&user[place * d..(place + 1) * d]);
            carry.session[lane * d..(lane + 1) * d].copy_from_slice(&session[place * d..(place + 1) * d]);
        }
        Some(Begun { step, lanes, goes_on, ended: ended_session, before, kept, user, session })
    }

    /// Adds the features of a row, if it has any.
    fn add_features(&self, rows: &SparseRows, row: u32, table: &[f32], to: &mut [f32]) {
        if row as usize >= rows.n_rows() {
            return;
        }
        let (features, weights) = rows.row(row);
        for (feature, weight) in features.iter().zip(weights) {
            let vector = &table[*feature as usize * self.d..][..self.d];
            for (to, value) in to.iter_mut().zip(vector) {
                *to += weight * value;
            }
        }
    }

    /// The query of a lane's states: `(d + 1,)`.
    pub fn query(&self, carry: &Carry, cell: &Cell) -> Vec<f32> {
        let d = self.d;
        let mut query = self.body[body::OUT_BIAS].clone();
        self.add_features(self.users, cell.user, &self.body[body::USER_FEATURES], &mut query);
        self.add_features(self.contexts, cell.context, &self.body[body::CONTEXT_FEATURES], &mut query);
        add_product(matrix(&carry.session, d), matrix(&self.body[body::OUT_SESSION], d), (&mut query, d));
        add_product(matrix(&carry.user, d), matrix(&self.body[body::OUT_USER], d), (&mut query, d));
        query.push(1.0);
        query
    }

    fn queries(&self, window: &Window, pass: &mut Pass) {
        let d = self.d;
        let mut queries = vec![0.0; window.cells.len() * d];
        for (cell, row) in window.cells.iter().zip(queries.chunks_exact_mut(d)) {
            row.copy_from_slice(&self.body[body::OUT_BIAS]);
            self.add_features(self.users, cell.user, &self.body[body::USER_FEATURES], row);
            self.add_features(self.contexts, cell.context, &self.body[body::CONTEXT_FEATURES], row);
        }
        add_product(matrix(&pass.session, d), matrix(&self.body[body::OUT_SESSION], d), (&mut queries, d));
        add_product(matrix(&pass.user, d), matrix(&self.body[body::OUT_USER], d), (&mut queries, d));
        multiply(&mut queries, &pass.query_mask);
        for (query, row) in pass.queries.chunks_exact_mut(d + 1).zip(queries.chunks_exact(d)) {
            query[..d].copy_from_slice(row);
        }
    }
}

/// Leaves all as it is with an empty mask.
fn multiply(values: &mut [f32], mask: &[f32]) {
    for (value, mask) in values.iter_mut().zip(mask) {
        *value *= mask;
    }
}

/// 0 for a share of the numbers, and what makes up for it for the others.
fn mask(n: usize, share: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut bytes = vec![0_u8; n];
    rng.fill(bytes.as_mut_slice());
    let left_out = (share * 256.0) as u8;
    let kept = 256.0 / (256.0 - f32::from(left_out));
    bytes.into_iter().map(|byte| if byte < left_out { 0.0 } else { kept }).collect()
}

#[cfg(test)]
mod tests;
