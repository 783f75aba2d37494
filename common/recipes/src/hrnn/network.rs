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

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::body::{self, Body};
use super::gates::tanh;
use super::gru::KEPT;
use super::window::{Begin, Cell, Input, Window};
use crate::model::SparseRows;
use crate::neural::elementwise::add;
use crate::neural::matmul::{add_product, matrix, product};

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
        let mut scratch = vec![0.0; lanes * 3 * d];
        for step in 0..window.steps() {
            if let Some(begun) = self.begin(window, step, carry) {
                pass.begun.push(begun);
            }
            let rows = step * lanes * d..(step + 1) * lanes * d;
            pass.before[rows.clone()].copy_from_slice(&carry.session);
            let kept = &mut pass.kept[KEPT * rows.start..KEPT * rows.end];
            let next = &mut pass.session[rows.clone()];
            unit.step(&projected[3 * rows.start..3 * rows.end], &carry.session, next, kept, &mut scratch);
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
            unit.step(&projected, &before, &mut after, &mut kept, &mut scratch);
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

    /// Goes back from the gradients of the queries, `(n, d + 1)`. Adds to `gradients`, and gives the gradients of the
    /// item vectors that were inputs: `(n, d)`, for [`Input::Item`] cells.
    pub fn back(&self, window: &Window, pass: &Pass, d_queries: &[f32], gradients: &mut Body) -> Vec<f32> {
        let (d, lanes, n) = (self.d, window.lanes, window.cells.len());
        let mut d_q: Vec<f32> = d_queries.chunks_exact(d + 1).flat_map(|row| &row[..d]).copied().collect();
        multiply(&mut d_q, &pass.query_mask);
        for (cell, row) in window.cells.iter().zip(d_q.chunks_exact(d)) {
            add(row, &mut gradients[body::OUT_BIAS]);
            self.scatter(self.users, cell.user, row, &mut gradients[body::USER_FEATURES]);
            self.scatter(self.contexts, cell.context, row, &mut gradients[body::CONTEXT_FEATURES]);
        }
        add_product(matrix(&pass.session, d).t(), matrix(&d_q, d), (&mut gradients[body::OUT_SESSION], d));
        add_product(matrix(&pass.user, d).t(), matrix(&d_q, d), (&mut gradients[body::OUT_USER], d));
        let (mut d_session, mut d_user) = (vec![0.0; n * d], vec![0.0; n * d]);
        product(matrix(&d_q, d), matrix(&self.body[body::OUT_SESSION], d).t(), (&mut d_session, d));
        product(matrix(&d_q, d), matrix(&self.body[body::OUT_USER], d).t(), (&mut d_user, d));

        let unit = self.body.session();
        let (mut d_x, mut d_s) = (vec![0.0; n * 3 * d], vec![0.0; n * 3 * d]);
        let mut later = Carry::new(lanes, d);
        let mut d_before = vec![0.0; lanes * d];
        let mut begun = pass.begun.iter().rev().peekable();
        for step in (0..window.steps()).rev() {
            let rows = step * lanes * d..(step + 1) * lanes * d;
            add(&d_session[rows.clone()], &mut later.session);
            add(&d_user[rows.clone()], &mut later.user);
            let (before, kept) = (&pass.before[rows.clone()], &pass.kept[KEPT * rows.start..KEPT * rows.end]);
            let gates = 3 * rows.start..3 * rows.end;
            unit.back(before, kept, &later.session, &mut d_before, &mut d_x[gates.clone()], &mut d_s[gates]);
            later.session.copy_from_slice(&d_before);
            if let Some(begun) = begun.next_if(|begun| begun.step == step) {
                self.back_begin(window, begun, &mut later, gradients);
            }
        }
        add_product(matrix(&pass.before, d).t(), matrix(&d_s, 3 * d), (&mut gradients[body::SESSION_STATE], 3 * d));
        add_product(matrix(&pass.inputs, d).t(), matrix(&d_x, 3 * d), (&mut gradients[body::SESSION_INPUT], 3 * d));
        add_rows(&mut gradients[body::SESSION_BIAS], &d_x, 3 * d, 0);
        add_rows(&mut gradients[body::SESSION_NEW_BIAS], &d_s, 3 * d, 2 * d);
        let mut d_inputs = d_session;
        product(matrix(&d_x, 3 * d), matrix(unit.input, 3 * d).t(), (&mut d_inputs, d));
        multiply(&mut d_inputs, &pass.input_mask);
        for (cell, row) in window.cells.iter().zip(d_inputs.chunks_exact(d)) {
            if cell.input == Input::Idle {
                continue;
            }
            if cell.input == Input::Start {
                add(row, &mut gradients[body::START]);
            }
            add(row, &mut gradients[body::GAP][cell.gap as usize * d..][..d]);
        }
        d_inputs
    }

    /// From the gradients of the states that began to those that ended.
    fn back_begin(&self, window: &Window, begun: &Begun, later: &mut Carry, gradients: &mut Body) {
        let d = self.d;
        let mut d_session: Vec<f32> =
            begun.lanes.iter().flat_map(|lane| &later.session[lane * d..(lane + 1) * d]).copied().collect();
        for (gradient, value) in d_session.iter_mut().zip(&begun.session) {
            *gradient *= 1.0 - value * value;
        }
        add_product(matrix(&begun.user, d).t(), matrix(&d_session, d), (&mut gradients[body::BEGIN], d));
        add_rows(&mut gradients[body::BEGIN_BIAS], &d_session, d, 0);
        let mut d_user: Vec<f32> =
            begun.lanes.iter().flat_map(|lane| &later.user[lane * d..(lane + 1) * d]).copied().collect();
        add_product(matrix(&d_session, d), matrix(&self.body[body::BEGIN], d).t(), (&mut d_user, d));
        let on = || begun.lanes.iter().zip(d_user.chunks_exact(d)).zip(&begun.goes_on);
        let d_after: Vec<f32> = on().filter(|(_, on)| **on).flat_map(|((_, row), _)| row).copied().collect();
        let n_ended = d_after.len() / d;
        let (mut d_before, mut d_ended) = (vec![0.0; n_ended * d], vec![0.0; n_ended * d]);
        if n_ended > 0 {
            let unit = self.body.user();
            let (mut d_x, mut d_s) = (vec![0.0; n_ended * 3 * d], vec![0.0; n_ended * 3 * d]);
            unit.back(&begun.before, &begun.kept, &d_after, &mut d_before, &mut d_x, &mut d_s);
            add_product(matrix(&begun.before, d).t(), matrix(&d_s, 3 * d), (&mut gradients[body::USER_STATE], 3 * d));
            add_product(matrix(&begun.ended, d).t(), matrix(&d_x, 3 * d), (&mut gradients[body::USER_INPUT], 3 * d));
            add_rows(&mut gradients[body::USER_BIAS], &d_x, 3 * d, 0);
            add_rows(&mut gradients[body::USER_NEW_BIAS], &d_s, 3 * d, 2 * d);
            product(matrix(&d_x, 3 * d), matrix(unit.input, 3 * d).t(), (&mut d_ended, d));
        }
        let mut ended = d_ended.chunks_exact(d).zip(d_before.chunks_exact(d));
        for ((lane, row), on) in on() {
            let rows = lane * d..(lane + 1) * d;
            match on.then(|| ended.next()).flatten() {
                Some((session, user)) => {
                    later.session[rows.clone()].copy_from_slice(session);
                    later.user[rows].copy_from_slice(user);
                }
                None => {
                    let user = window.cells[begun.step * window.lanes + lane].user;
                    self.scatter(self.users, user, row, &mut gradients[body::USER_FEATURES]);
                    later.session[rows.clone()].fill(0.0);
                    later.user[rows].fill(0.0);
                }
            }
        }
    }

    /// Adds a gradient to those of a row's features.
    fn scatter(&self, rows: &SparseRows, row: u32, gradient: &[f32], table: &mut [f32]) {
        if row as usize >= rows.n_rows() {
            return;
        }
        let (features, weights) = rows.row(row);
        for (feature, weight) in features.iter().zip(weights) {
            let to = &mut table[*feature as usize * self.d..][..self.d];
            for (to, value) in to.iter_mut().zip(gradient) {
                *to += weight * value;
            }
        }
    }
}

/// Adds the columns from `begin` on of every row.
fn add_rows(to: &mut [f32], rows: &[f32], width: usize, begin: usize) {
    for row in rows.chunks_exact(width) {
        add(&row[begin..], to);
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use rand::SeedableRng;

    use super::*;
    use crate::hrnn::body::Shape;
    use crate::hrnn::window::NONE;

    const SHAPE: Shape = Shape { d: 3, n_user_features: 2, n_context_features: 2 };
    const N_ITEMS: usize = 4;

    struct Setting {
        body: Body,
        items: Vec<f32>,
        users: SparseRows,
        contexts: SparseRows,
        window: Window,
        /// What each number of the queries counts in the loss.
        counts: Vec<f32>,
    }

    fn cell(input: Input, begin: Begin, user: u32, context: u32) -> Cell {
        Cell { input, begin, gap: 3, user, context, ..Cell::IDLE }
    }

    /// Two lanes: one whose user has two sessions, and one with a second user after the first.
    fn setting() -> Setting {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-0.8..0.8)).collect() };
        let tensors = SHAPE.tensors().iter().map(|(_, rows, columns)| draw(rows * columns)).collect();
        let rows = || SparseRows::from_rows([(vec![0, 1], vec![0.5, 1.5]), (vec![1], vec![-0.7])]);
        let [start, nothing] = [Begin::User, Begin::Nothing];
        let cells = vec![
            cell(Input::Start, start, 0, 1),
            cell(Input::Start, start, NONE, NONE),
            cell(Input::Item(1), nothing, 0, NONE),
            cell(Input::Item(3), nothing, NONE, 0),
            cell(Input::Item(2), Begin::Session, 0, 0),
            cell(Input::Start, start, 1, 1),
            cell(Input::Item(1), nothing, 0, NONE),
            cell(Input::Item(0), Begin::Session, 1, NONE),
            cell(Input::Item(0), Begin::Session, 0, 1),
            Cell::IDLE,
        ];
        let n = cells.len();
        Setting {
            body: Body::of(SHAPE, tensors).unwrap(),
            items: draw(N_ITEMS * 4),
            users: rows(),
            contexts: rows(),
            window: Window { lanes: 2, cells },
            counts: draw(n * 4),
        }
    }

    impl Setting {
        fn network(&self) -> Network<'_> {
            Network { d: 3, body: &self.body, items: &self.items, users: &self.users, contexts: &self.contexts }
        }

        fn pass(&self, share: Option<f32>) -> Pass {
            let mut carry = Carry { session: vec![0.2; 6], user: vec![-0.1; 6] };
            let mut rng = ChaCha8Rng::seed_from_u64(9);
            self.network().pass(&self.window, &mut carry, share.map(|share| (share, &mut rng)))
        }

        fn loss(&self, share: Option<f32>) -> f64 {
            let queries = self.pass(share).queries;
            queries.iter().zip(&self.counts).map(|(query, count)| f64::from(*query) * f64::from(*count)).sum()
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        // Beyond the square of the step what differs is rounding: 1e-7 of a sum of some tens, over the step.
        let (step, close) = (1e-2, 2e-3);
        for share in [None, Some(0.4)] {
            let mut setting = setting();
            let mut gradients = Body::zeros(SHAPE);
            let pass = setting.pass(share);
            let d_inputs = setting.network().back(&setting.window, &pass, &setting.counts, &mut gradients);
            let (mut n_seen, names) = (0, SHAPE.tensors());
            for tensor in 0..body::N_TENSORS {
                for place in 0..setting.body[tensor].len() {
                    let mut moved = |by: f32| {
                        setting.body[tensor][place] += by;
                        let loss = setting.loss(share);
                        setting.body[tensor][place] -= by;
                        loss
                    };
                    let wanted = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                    let found = f64::from(gradients[tensor][place]);
                    assert!((found - wanted).abs() < close, "{} {place}: {found} {wanted}", names[tensor].0);
                    n_seen += usize::from(wanted.abs() > close);
                }
            }
            // The comparison is of something.
            assert!(n_seen > 100, "{n_seen}");
            let mut d_items = [0.0; N_ITEMS * 4];
            for (cell, row) in setting.window.cells.iter().zip(d_inputs.chunks_exact(3)) {
                if let Input::Item(item) = cell.input {
                    add(row, &mut d_items[item as usize * 4..]);
                }
            }
            for (place, found) in d_items.into_iter().enumerate() {
                let mut moved = |by: f32| {
                    setting.items[place] += by;
                    let loss = setting.loss(share);
                    setting.items[place] -= by;
                    loss
                };
                let wanted = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                assert!((f64::from(found) - wanted).abs() < close, "item {place}");
            }
        }
    }

    #[test]
    fn windows_one_after_the_other_are_the_whole() {
        let setting = setting();
        let whole = setting.pass(None).queries;
        let mut carry = Carry { session: vec![0.2; 6], user: vec![-0.1; 6] };
        let mut parts = Vec::new();
        for cells in setting.window.cells.chunks(4) {
            let window = Window { lanes: 2, cells: cells.to_vec() };
            parts.extend(setting.network().pass(&window, &mut carry, None).queries);
        }
        for (part, whole) in parts.iter().zip(&whole) {
            // The order of sums in a product may depend on its size.
            assert!((part - whole).abs() < 1e-6, "{part} {whole}");
        }
        assert_eq!(parts.len(), whole.len());
    }

    #[test]
    fn lanes_do_not_see_each_other() {
        let mut setting = setting();
        let before = setting.pass(None).queries;
        setting.window.cells[3].input = Input::Item(2);
        let after = setting.pass(None).queries;
        let lane = |queries: &[f32], lane: usize| -> Vec<f32> {
            queries.chunks(4).skip(lane).step_by(2).flatten().copied().collect()
        };
        assert_eq!(lane(&before, 0), lane(&after, 0));
        assert_ne!(lane(&before, 1), lane(&after, 1));
    }
}
