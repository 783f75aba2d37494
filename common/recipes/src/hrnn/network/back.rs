//! Going back from the gradients of queries to those of weights and item vectors.

use super::{Begun, Carry, Network, Pass, multiply};
use crate::hrnn::body::{self, Body};
use crate::hrnn::gru::KEPT;
use crate::hrnn::window::{Input, Window};
use crate::model::SparseRows;
use crate::neural::elementwise::add;
use crate::neural::matmul::{add_product, matrix, product};

impl Network<'_> {
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
        let (state, mut d_before) = (unit.laid_back(lanes), vec![0.0; lanes * d]);
        let mut begun = pass.begun.iter().rev().peekable();
        for step in (0..window.steps()).rev() {
            let rows = step * lanes * d..(step + 1) * lanes * d;
            add(&d_session[rows.clone()], &mut later.session);
            add(&d_user[rows.clone()], &mut later.user);
            let before = (&pass.before[rows.clone()], &pass.kept[KEPT * rows.start..KEPT * rows.end]);
            let gates = 3 * rows.start..3 * rows.end;
            unit.back(&state, before, &later.session, &mut d_before, &mut d_x[gates.clone()], &mut d_s[gates]);
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
            let state = unit.laid_back(n_ended);
            unit.back(&state, (&begun.before, &begun.kept), &d_after, &mut d_before, &mut d_x, &mut d_s);
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
