#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;

use super::*;

/// Counts its epochs; the weights are how far it came.
#[derive(Clone, Debug, PartialEq)]
struct Counter(Weights);

/// The same, and large.
#[derive(Clone, Debug, PartialEq)]
struct Large(Weights, f32);

#[derive(Clone, Debug, PartialEq)]
struct Weights(Vec<f32>);

impl Kept for Weights {
    fn keep(&self, name: &str, checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.tensor(name, &self.0)
    }

    fn restored(&self, name: &str, checkpoint: &Checkpoint) -> Option<Self> {
        checkpoint.of_tensor(name, &self.0).map(Self)
    }
}

impl Learner for Counter {
    type Weights = Weights;

    fn begin(weights: Weights) -> Self {
        Self(weights)
    }

    fn weights(&self) -> &Weights {
        &self.0
    }

    fn set_weights(&mut self, weights: Weights) {
        self.0 = weights;
    }

    fn n_numbers(&self) -> usize {
        1
    }

    fn keep(&self, checkpoint: Checkpoint) -> Checkpoint {
        self.0.keep("weights", checkpoint)
    }

    fn restored(&self, checkpoint: &Checkpoint) -> Option<Self> {
        self.0.restored("weights", checkpoint).map(Self)
    }
}

impl Learner for Large {
    type Weights = Weights;

    fn begin(weights: Weights) -> Self {
        Self(weights, 0.0)
    }

    fn weights(&self) -> &Weights {
        &self.0
    }

    fn set_weights(&mut self, weights: Weights) {
        self.0 = weights;
    }

    fn n_numbers(&self) -> usize {
        MOST + 1
    }

    fn keep(&self, checkpoint: Checkpoint) -> Checkpoint {
        self.0.keep("weights", checkpoint)
    }

    fn restored(&self, _checkpoint: &Checkpoint) -> Option<Self> {
        None
    }
}

fn rules() -> Rules {
    Rules {
        n_epochs: 12,
        rate: 2.0,
        warm_up: 0,
        last_rate: 0.1,
        look_every: 1,
        patience: 3,
        settling: 0.0,
        share_of_time: 0.8,
        keep_every: Duration::ZERO,
    }
}

fn start() -> Counter {
    Counter(Weights(vec![0.0]))
}

/// What came of it, with the weights that were judged and the rates of the first step of each epoch.
struct Came {
    counter: Counter,
    stand: Stand<Weights>,
    looks: Vec<f32>,
    rates: Vec<f32>,
}

/// `diverges` says of the how-manieth try whether nothing finite comes of it.
fn run(
    rules: &Rules,
    scores: &[f64],
    diverges: impl Fn(usize) -> bool,
    progress: &dyn Progress,
) -> Result<Came, TrainError> {
    let (mut counter, looks, mut rates) = (start(), Mutex::new(Vec::new()), Vec::new());
    let score = |weights: &Weights| {
        let mut looks = looks.lock().unwrap();
        looks.push(weights.0[0]);
        Ok(scores.get(looks.len() - 1).copied().unwrap_or_default())
    };
    let score: Score<'_, Weights> = &score;
    let whole =
        Loop { rules, progress, name: "x", score: Some(score).filter(|_| !scores.is_empty()), tell: &mut |_, _| () };
    let stand = whole.run(&mut counter, |counter, stand, _| {
        rates.push(stand.rate(rules, 1, 0.0));
        counter.0.0[0] += 1.0;
        Ok((!diverges(rates.len())).then_some(0.5))
    })?;
    Ok(Came { counter, stand, looks: looks.into_inner().unwrap(), rates })
}

#[test]
fn the_best_weights_are_left_and_patience_ends() {
    let came = run(&rules(), &[0.0, 1.0], |_| false, &()).unwrap();
    assert_eq!((came.looks.len(), came.counter.0.0[0], came.stand.n_done()), (6, 2.0, 2));
    // One epoch more, from the best weights.
    let settling = Rules { settling: 0.5, ..rules() };
    let came = run(&settling, &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0], |_| false, &()).unwrap();
    assert_eq!(came.looks, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 3.0]);
    assert_eq!((came.counter.0.0[0], came.stand.n_done()), (3.0, 7));
    // Of equal scores the later; without scores the last.
    for scores in [&[1.0; 12][..], &[]] {
        let came = run(&rules(), scores, |_| false, &()).unwrap();
        assert_eq!((came.counter.0.0[0], came.stand.n_done()), (12.0, 12));
    }
}

#[test]
fn the_rate_grows_and_falls_and_settles_from_where_it_was() {
    let rules = Rules { n_epochs: 20, warm_up: 10, settling: 0.5, ..rules() };
    let mut stand = Stand::<Weights>::new(20);
    assert_eq!([1, 5, 10, 11].map(|n_steps| stand.rate(&rules, n_steps, 0.0)), [0.2, 1.0, 2.0, 2.0]);
    assert_eq!(stand.rate(&rules, 5, 0.9), 1.0);
    stand.epoch = 10;
    assert!((stand.rate(&rules, 60, 0.0) - 1.1).abs() < 1e-6);
    assert!(stand.rate(&rules, 60, 0.5) < 1.09);
    stand.best = Some((1.0, 4, Weights(vec![0.0])));
    assert!(stand.settle(&rules).is_some());
    // Two epochs, from 0.55 to 0.1 of the highest.
    assert_eq!(stand.n_epochs, 12);
    stand.epoch = 11;
    assert!((stand.rate(&rules, 66, 0.0) - 0.65).abs() < 1e-6);
    assert!((stand.rate(&rules, 72, 1.0) - 0.2).abs() < 1e-6);
}

#[derive(Default)]
struct Heard {
    diverged: Mutex<usize>,
    kept: Mutex<HashMap<String, Bytes>>,
}

impl Progress for Heard {
    fn report(&self, step: &str, _done: f64) {
        *self.diverged.lock().unwrap() += usize::from(step.contains("diverged"));
    }

    fn kept(&self, name: &str) -> Option<Bytes> {
        self.kept.lock().unwrap().get(name).cloned()
    }

    fn keep(&self, name: &str, state: Bytes) {
        self.kept.lock().unwrap().insert(name.to_owned(), state);
    }
}

#[test]
fn what_diverges_goes_back_and_on_with_smaller_steps_or_is_told() {
    let heard = Heard::default();
    let rules = Rules { last_rate: 1.0, ..rules() };
    let came = run(&rules, &[], |n_tries| [3, 4].contains(&n_tries), &heard).unwrap();
    assert_eq!((*heard.diverged.lock().unwrap(), came.rates.len(), came.counter.0.0[0]), (2, 14, 12.0));
    assert_eq!(came.rates[..3], [2.0; 3]);
    assert!(came.stand.warning().is_some_and(|warning| warning.starts_with("The loss diverged 2 times;")));
    assert_eq!(Stand::<Weights>::new(1).warning(), None);
    assert!((came.rates[3] - 0.8).abs() < 1e-6 && (came.rates[13] - 0.32).abs() < 1e-6, "{:?}", came.rates);
    let error = run(&rules, &[], |_| true, &()).err().unwrap();
    assert!(matches!(error, TrainError::Numerical(_)), "{error}");
}

#[test]
fn where_it_stands_is_kept_and_found_again() {
    let heard = Heard::default();
    let settling = Rules { settling: 0.5, patience: 1, ..rules() };
    let came = run(&settling, &[0.25, 1.0, 0.0, 0.0, 0.5], |n_tries| n_tries == 1, &heard).unwrap();
    let kept = Checkpoint::read(&heard.kept("x").unwrap()).unwrap();
    let (stand, counter) = Stand::restored(&kept, &start()).unwrap();
    assert_eq!(stand, came.stand);
    assert!(stand.settling.is_some() && stand.n_retries == 1 && stand.best.is_some());
    assert_eq!(counter.0.0, [3.0]);
    // Nothing is left to be done.
    let again = run(&settling, &[0.0], |_| false, &heard).unwrap();
    assert_eq!((again.rates.len(), &again.stand, again.counter), (0, &came.stand, came.counter));
    assert!(Stand::restored(&kept, &Counter(Weights(vec![0.0; 2]))).is_none());
}

#[test]
fn of_many_numbers_the_weights_alone_are_kept() {
    let mut stand = Stand::new(9);
    (stand.epoch, stand.best) = (5, Some((1.0, 4, Weights(vec![2.0]))));
    let learner = Large(Weights(vec![3.0]), 7.0);
    let (again, restored) = Stand::restored(&stand.checkpoint(&learner), &Large(Weights(vec![0.0]), 0.0)).unwrap();
    assert_eq!(restored, Large(Weights(vec![3.0]), 0.0));
    assert_eq!((again.epoch, again.n_epochs, again.best), (5, 9, None));
    // When all is done, the best.
    stand.epoch = 9;
    let (_, restored) = Stand::restored(&stand.checkpoint(&learner), &learner).unwrap();
    assert_eq!(restored, Large(Weights(vec![2.0]), 0.0));
}
