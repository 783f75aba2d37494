//! A training: learning with early stopping, judging, learning on everything.

use super::config::{plan, shape};
use super::network::Transformer;
use super::scorer::{Scores, Sequence};
use super::trial::Trial;
use crate::dataset::Histories;
use crate::evaluate::evaluate;
use crate::event_weights::Weighing;
use crate::neural::blend::compare;
use crate::neural::store;
use crate::neural::train::{Course, Epoch, Plan, Score, State, Weights};
use crate::training::{judge_aims, split_of, step};
use crate::transitions::{Fitted, Source, TransitionsValidParams};
use crate::{Progress, RecipeInfo, Report, TrainError, TrainingTask, search};

/// Part of the epochs that the network goes on for with what was held back.
const ON_EVERYTHING: f64 = 0.15;

/// What the rate of these epochs is, beside the highest before.
const RATE_ON_EVERYTHING: f32 = 0.25;

pub struct Outcome {
    pub scorer: Scores,
    pub transitions: TransitionsValidParams,
    pub report: Report,
}

/// Learns.
///
/// Training users learn without the last events of some of them, which tell when to stop and how to blend; the test
/// users judge what came of it. Then the network goes on for some epochs with everything, and transitions are counted
/// anew.
pub fn fit(task: &TrainingTask<'_>, info: &RecipeInfo, recency_bias: bool) -> Result<Outcome, TrainError> {
    let (dataset, progress) = (task.dataset, task.progress);
    dataset.check_minimums().map_err(TrainError::Data)?;
    let (histories, n_items) = (dataset.histories(), dataset.items().len());
    let split = split_of(task);
    let training = histories.of(&split.training);
    split.guard(&training)?;
    let seen_weight = search::seen_weight(&training);
    step(progress, "choosing transitions", 0.0)?;
    let trial = Trial::draw(&training, n_items, seen_weight, task.seed);
    let quiet = Quiet(progress);
    let source = Source::events(task, n_items);
    let transitions = TransitionsValidParams::chosen(&trial.histories, &source, task.seed, &quiet)?;
    step(progress, &format!("learning from {} events", trial.histories.n_events()), 0.05)?;
    let longest = training.users().map(|user| training.items_of(user).len()).max().unwrap_or(1);
    let network = Transformer::new(shape(n_items, longest));
    let first = plan(&network.shape, trial.histories.n_events(), n_items, task.seed);
    let mut state = State::new(Weights::start(&network, n_items, task.seed));
    let judge = |weights: &Weights| trial.ndcg(&network, weights);
    let learning = Learning { network: &network, recency_bias, weighing: &source.weighing, progress };
    learning.run(&mut state, "learning", &trial.histories, &first, Some(&judge), (0.05, 0.7))?;
    store::round(&mut state.weights);
    step(progress, "blending", 0.7)?;
    let counted = Fitted::learn(&trial.histories, &source, &transitions, &quiet)?;
    let blend = trial.blend(&network, &state.weights, &counted);
    drop(counted);
    step(progress, "evaluating", 0.75)?;
    let (same, weights) = (Transformer::new(network.shape), state.weights.clone());
    let scorer = Scores {
        sequence: Sequence { network: same, weights, seen_weight },
        transitions: Fitted::learn(&training, &source, &transitions, &quiet)?,
        blend: blend.clone(),
    };
    let mut report = evaluate(dataset, info, &split, &training, &scorer);
    compare(&mut report);
    judge_aims(task, &split, &scorer, &mut report);
    drop((scorer, training));
    step(progress, "learning from everything", 0.8)?;
    let n_done = state.best.as_ref().map_or(state.epoch, |best| best.1);
    let last = Plan {
        n_epochs: (ON_EVERYTHING * n_done as f64).ceil() as usize,
        rate: RATE_ON_EVERYTHING * first.rate,
        share_of_time: 0.9,
        ..first
    };
    let mut state = State::new(state.weights);
    if !task.trial {
        learning.run(&mut state, "learning-from-everything", histories, &last, None, (0.8, 0.95))?;
    }
    store::round(&mut state.weights);
    if !state.weights.is_finite() {
        return Err(TrainError::Numerical("a weight is not finite".into()));
    }
    let counted = Fitted::learn(histories, &source, &transitions, &quiet)?;
    let sequence = Sequence { network, weights: state.weights, seen_weight };
    let scorer = Scores { sequence, transitions: counted, blend };
    Ok(Outcome { scorer, transitions, report })
}

/// What stays the same over a training.
struct Learning<'a> {
    network: &'a Transformer,
    recency_bias: bool,
    weighing: &'a Weighing<'a>,
    progress: &'a dyn Progress,
}

impl Learning<'_> {
    fn run(
        &self,
        state: &mut State,
        name: &str,
        histories: &Histories,
        plan: &Plan,
        judge: Option<Score<'_>>,
        (from, to): (f64, f64),
    ) -> Result<(), TrainError> {
        let recent = Recency::of(histories);
        let weight = |user: usize, place: usize| {
            let of_time = if self.recency_bias { recent.weight(histories.timestamps_of(user).get(place)) } else { 1.0 };
            of_time * self.weighing.event(histories, user, place)
        };
        let mut tell = |state: &State, epoch: Epoch| {
            let score = epoch.score.map_or(String::new(), |score| format!(", NDCG at 25 {score:.4}"));
            let share = from + (to - from) * epoch.done as f64 / state.n_epochs.max(1) as f64;
            self.progress.report(&format!("epoch {}: loss {:.4}{score}", epoch.done, epoch.loss), share);
        };
        Course { network: self.network, histories, plan, weight, progress: self.progress }
            .train(state, name, judge, &mut tell)
    }
}

/// Recent events count more: 1 for the newest, ½ for the oldest, in a straight line by time.
struct Recency {
    oldest_s: f64,
    span_s: f64,
}

impl Recency {
    fn of(histories: &Histories) -> Self {
        let times = || histories.timestamps().iter();
        let (oldest, newest) = (times().min().unwrap_or(0) as f64, times().max().unwrap_or(0) as f64);
        Self { oldest_s: oldest, span_s: (newest - oldest).max(1.0) }
    }

    fn weight(&self, timestamp_s: i64) -> f32 {
        (0.5 + 0.5 * ((timestamp_s as f64 - self.oldest_s) / self.span_s).clamp(0.0, 1.0)) as f32
    }
}

/// Hears nothing of a part's own steps, and passes on that it should stop.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn report(&self, _step: &str, _done: f64) {}

    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}
