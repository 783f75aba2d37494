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
