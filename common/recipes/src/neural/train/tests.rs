#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::contract::Hurry;
use crate::neural::batch::NOTHING;
use crate::neural::elementwise::add_scaled;
use crate::neural::learning::Learner as _;
use crate::neural::softmax::cross_entropy;

/// The state of a token is its input's row, turned by a matrix.
struct Turned {
    layout: Layout,
    turn: crate::neural::parameters::Slot,
}

const COLUMNS: usize = 16;

fn network() -> Turned {
    let mut layout = Layout::default();
    let turn = layout.add_linear("turn", (COLUMNS, COLUMNS));
    Turned { layout, turn }
}

impl Network for Turned {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    fn columns(&self) -> usize {
        COLUMNS
    }

    fn learn(&self, step: Step<'_>, shard: &Shard, _rng: &mut rand_chacha::ChaCha8Rng, gradient: &mut Weights) -> f64 {
        use crate::neural::matmul::{linear, linear_backward};
        let row = |item: u32| item as usize * COLUMNS..(item as usize + 1) * COLUMNS;
        let mut x = vec![0.0; shard.n_tokens() * COLUMNS];
        for (x, item) in x.chunks_mut(COLUMNS).zip(&shard.items).filter(|(_, item)| **item != NOTHING) {
            x.copy_from_slice(&step.table[row(*item)]);
        }
        let shape = (COLUMNS, COLUMNS);
        let (mut y, mut d_y, mut d_x) = (x.clone(), x.clone(), x.clone());
        linear(&x, self.turn.of(step.body), shape, &mut y);
        let d_table = &mut gradient.table[..step.candidates.len()];
        let loss = cross_entropy(&y, &shard.targets, &shard.weights, step.candidates, &mut d_y, d_table);
        let d_turn = self.turn.of_mut(&mut gradient.body);
        linear_backward(&x, self.turn.of(step.body), shape, &d_y, d_turn, &mut d_x);
        for (d_x, item) in d_x.chunks(COLUMNS).zip(&shard.items).filter(|(_, item)| **item != NOTHING) {
            add_scaled(1.0, d_x, &mut gradient.table[row(*item)]);
        }
        loss
    }
}

/// Users who go through twelve items in a ring.
fn ring() -> Histories {
    let items: Vec<u32> = (0..40).flat_map(|user| (user..user + 15).map(|item| item % 12)).collect();
    Histories::new((0..=40).map(|user| 15 * user).collect(), items, (0..600).collect::<Vec<i64>>())
}

fn plan() -> Plan {
    Plan {
        seed: 3,
        cutting: Cutting { max_length: 10, tokens_a_step: 100, n_shards: 4 },
        adam: AdamConfig::default(),
        clip: 1.0,
        negatives: None,
        rules: Rules {
            n_epochs: 30,
            rate: 0.02,
            warm_up: 10,
            last_rate: 0.1,
            look_every: 1,
            patience: 100,
            settling: 0.0,
            share_of_time: 0.8,
            keep_every: Duration::ZERO,
        },
    }
}

/// With other rules.
fn ruled(change: impl FnOnce(&mut Rules)) -> Plan {
    let mut plan = plan();
    change(&mut plan.rules);
    plan
}

fn course<'a>(
    network: &'a Turned,
    histories: &'a Histories,
    plan: &'a Plan,
    progress: &'a dyn Progress,
) -> Course<'a, Turned, fn(usize, usize) -> f32> {
    Course { network, histories, plan, weight: |_, _| 1.0, items: None, moment: None, progress }
}

fn run(plan: &Plan, progress: &dyn Progress) -> Result<(State, Vec<Epoch>), TrainError> {
    let network = network();
    let mut state = State::begin(Weights::start(&network, 12, plan.seed));
    let mut told = Vec::new();
    let histories = ring();
    course(&network, &histories, plan, progress).train(&mut state, "x", None, &mut |_, epoch| told.push(epoch))?;
    Ok((state, told))
}

#[test]
fn what_follows_is_learned_with_all_items_and_with_some() {
    for negatives in [None, Some(6)] {
        let (_, told) = run(&Plan { negatives, ..plan() }, &()).unwrap();
        assert_eq!(told.len(), 30);
        // The first event of a user is one of twelve and cannot be told; all others can.
        let least = 12_f64.ln() / 15.0;
        assert!(told[29].loss < least + 0.1, "{negatives:?} {told:?}");
        assert!(told[0].loss > 1.0);
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    for negatives in [None, Some(6)] {
        let plan = Plan { negatives, ..ruled(|rules| rules.n_epochs = 3) };
        let weights = [1, 3].map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| run(&plan, &()).unwrap().0.weights)
        });
        assert_eq!(weights[0], weights[1]);
    }
}

/// Keeps checkpoints, and stops after it was asked so often.
struct Kept {
    checkpoints: Mutex<HashMap<String, Bytes>>,
    asks_left: AtomicUsize,
}

impl Progress for Kept {
    fn report(&self, _step: &str, _done: f64) {}

    fn stopped(&self) -> bool {
        self.asks_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
    }

    fn kept(&self, name: &str) -> Option<Bytes> {
        self.checkpoints.lock().unwrap().get(name).cloned()
    }

    fn keep(&self, name: &str, state: Bytes) {
        self.checkpoints.lock().unwrap().insert(name.to_owned(), state);
    }
}

#[test]
fn a_training_that_was_cut_off_goes_on_to_where_it_would_have_come() {
    let network = network();
    let plan = ruled(|rules| (rules.n_epochs, rules.patience, rules.settling) = (12, 2, 0.7));
    let histories = ring();
    let start = || State::begin(Weights::start(&network, 12, 3));
    // The best look is in the middle.
    let score = |weights: &Weights| Ok(-f64::from((weights.table[0] - 0.5).abs()));
    let mut whole = start();
    let mut told = Vec::new();
    let mut tell = |_: &Stand, epoch: Epoch| told.push(epoch.done);
    let stand = course(&network, &histories, &plan, &()).train(&mut whole, "x", Some(&score), &mut tell).unwrap();
    // Learning settled, and came to an end early.
    assert!(told.len() < 12 && stand.best.is_some(), "{told:?}");
    let kept = Kept { checkpoints: Mutex::default(), asks_left: AtomicUsize::new(0) };
    let (mut n_attempts, mut epochs) = (0, Vec::new());
    loop {
        n_attempts += 1;
        kept.asks_left.store(8, Ordering::Relaxed);
        let mut state = start();
        let mut tell = |_: &Stand, epoch: Epoch| epochs.push(epoch.done);
        match course(&network, &histories, &plan, &kept).train(&mut state, "x", Some(&score), &mut tell) {
            Err(TrainError::Stopped) => assert!(n_attempts < 12),
            result => {
                assert_eq!((result.unwrap(), state), (stand, whole));
                break;
            }
        }
    }
    assert!(n_attempts > 2);
    assert_eq!(epochs, told);
}

#[test]
fn a_loss_that_diverges_is_told_and_tried_again_with_smaller_steps() {
    #[derive(Default)]
    struct Heard(std::sync::Mutex<usize>);
    impl Progress for Heard {
        fn report(&self, step: &str, _done: f64) {
            *self.0.lock().unwrap() += usize::from(step.contains("diverged"));
        }
    }
    let heard = Heard::default();
    let (state, told) = run(&Plan { clip: f32::MAX, ..ruled(|rules| (rules.rate, rules.warm_up) = (1e19, 0)) }, &heard)
        .map_or_else(
            |error| {
                assert!(matches!(error, TrainError::Numerical(_)));
                (None, vec![])
            },
            |(state, told)| (Some(state), told),
        );
    assert!(*heard.0.lock().unwrap() > 0);
    assert!(told.iter().all(|epoch| epoch.loss.is_finite()));
    assert!(state.is_none_or(|state| state.weights.table.iter().all(|weight| weight.is_finite())));
}

#[test]
fn when_time_is_up_what_was_learned_so_far_is_the_result() {
    let (state, told) = run(&plan(), &Hurry::over()).unwrap();
    assert!(told.is_empty());
    assert_eq!(state.weights, Weights::start(&network(), 12, 3));
}
