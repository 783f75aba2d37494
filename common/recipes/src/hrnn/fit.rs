//! A training: learning with early stopping, judging, learning on everything.

use std::time::Duration;

use super::body::Shape;
use super::cold::cold_items;
use super::config::{HrnnValidParams, pace, recency};
use super::encode::{Encoded, encode};
use super::fresh::Fresh;
use super::gap::session_gap_s;
use super::learner::{Learner, Material, Pace, Weights};
use super::metadata::{Metadata, described};
use super::scorer::{Alone, Hrnn};
use super::stand::Stand;
use super::trial::Trial;
use super::window::{NONE, Reading};
use super::worth::Worth;
use crate::dataset::Histories;
use crate::evaluate::{evaluate, time_answers};
use crate::neural::allowance::Allowance;
use crate::neural::blend::{Blend, compare};
use crate::neural::checkpoint::{INTERVAL, Keeper};
use crate::neural::store;
use crate::params::Params;
use crate::ridge::Design;
use crate::training::{go_on, judge_aims, split_of, step};
use crate::transitions::{Fitted as Transitions, Source, TransitionsValidParams};
use crate::{Dataset, IdMap, Progress, RecipeInfo, Report, TrainError, TrainingTask, search};

/// Times that learning that diverged goes back and on with smaller steps.
const MAX_RETRIES: usize = 5;

/// What the rate is multiplied by after a divergence.
const SMALLER: f32 = 0.3;

/// The rate falls in a straight line to this share of what it begins with.
const LAST_RATE: f32 = 0.1;

/// Part of the time that learning may use before the network is judged and goes on.
const SHARE_OF_TIME: f64 = 0.8;

/// Part of the epochs that the network goes on for with what was held back.
const ON_EVERYTHING: f64 = 0.15;

/// What a training leaves.
pub struct Outcome {
    pub scorer: Hrnn,
    pub weights: Weights,
    pub metadata: Metadata,
    /// The states of all users, by row.
    pub encoded: Vec<Encoded>,
    pub transitions: TransitionsValidParams,
    pub report: Report,
}

/// Learns.
///
/// Training users learn without the last events of some of them, which tell when to stop and how to blend; the test
/// users judge what came of it. Then the network goes on for some epochs with everything, and transitions are counted
/// anew. `ids` are those of the dataset's items with interactions, and perhaps of the others after them.
pub fn fit(task: &TrainingTask<'_>, info: &RecipeInfo, given: &Params, ids: &IdMap) -> Result<Outcome, TrainError> {
    let (dataset, progress, n_items) = (task.dataset, task.progress, ids.len());
    let params = &HrnnValidParams::settled(given);
    let histories = dataset.histories();
    let metadata = Metadata::of(dataset, info);
    let rows: Vec<Option<usize>> = (0..n_items).map(Some).collect();
    let fresh = info.reads.items.then(|| Fresh::of(dataset, ids, histories, &rows));
    let cold = match (&fresh, info.name) {
        (Some(fresh), "aws-hrnn-coldstart") => cold_items(given, fresh, &histories.events_by_item(n_items))?,
        _ => Vec::new(),
    };
    let split = split_of(task);
    let training = histories.of(&split.training);
    split.guard(&training)?;
    let gap_s = session_gap_s(&training);
    let seen_weight = search::seen_weight(&training);
    step(progress, "choosing transitions", 0.0)?;
    let trial = Trial::draw(&training, n_items, task.seed);
    let quiet = Quiet(progress);
    let described = described(dataset, info, &rows);
    let design = described.as_ref().map(Design::new);
    let source = Source::events(task, n_items).with_metadata(design.as_ref());
    let transitions = TransitionsValidParams::chosen(&trial.histories, &source, task.seed, &quiet)?;
    let learned_from = params.learned_from(&trial.histories);
    step(progress, &format!("learning from {} events", learned_from.n_events()), 0.05)?;
    let worth = Worth::of(dataset, &rows, task.objective);
    let course = Course { dataset, metadata: &metadata, params, n_items, gap_s, cold: &cold, worth: worth.as_ref() };
    let n_events = trial.histories.events_by_item(n_items);
    let candidates = n_events.iter().filter(|n| **n > 0).count();
    let (pace, n_epochs) = pace(params, learned_from.n_events(), candidates, task.seed);
    let shape = Shape {
        d: params.hidden_dimension,
        n_user_features: metadata.users.len(),
        n_context_features: metadata.contexts.len(),
    };
    let features = (&metadata.of_items, metadata.items.len());
    let weights = Weights::draw(shape, &n_events, features, task.seed);
    let mut learner = Learner::new(weights);
    let judge = |weights: &Weights| {
        course.with(&trial.histories, &n_events, |material| trial.ndcg(weights, material, seen_weight, |_| {}))
    };
    let plan =
        Plan { name: "learning", pace, n_epochs, rate: pace.rate, share_of_time: SHARE_OF_TIME, from: 0.05, to: 0.7 };
    let done = course.learn(&mut learner, &learned_from, &n_events, plan, Some(&judge), progress)?;
    let judged = |finish: fn(&mut [f32])| {
        course.with(&trial.histories, &n_events, |material| trial.ndcg(&learner.weights, material, seen_weight, finish))
    };
    let (exact, rounded) = (judged(|_| {}), judged(store::round));
    progress.report(&format!("vectors of 16 bits: NDCG at 25 {rounded:.5}, before {exact:.5}"), 0.7);
    step(progress, "blending", 0.7)?;
    let counted = Transitions::learn(&trial.histories, &source, &transitions, &quiet)?;
    let blend = course.with(&trial.histories, &n_events, |material| {
        trial.blend(&learner.weights, material, seen_weight, &counted, progress)
    })?;
    drop(counted);
    step(progress, "evaluating", 0.75)?;
    let counted = Transitions::learn(&training, &source, &transitions, &quiet)?;
    let scorer = course.scorer(&learner.weights, counted, &blend, seen_weight);
    let mut report = evaluate(dataset, info, &split, &training, &scorer);
    compare(&mut report);
    time_answers(task, &split, &scorer, &mut report);
    judge_aims(task, info, &split, &scorer, &mut report);
    drop((scorer, training));
    step(progress, "learning from everything", 0.8)?;
    let all = params.learned_from(histories);
    let n_events = histories.events_by_item(n_items);
    let n_more = (ON_EVERYTHING * done as f64).ceil().max(1.0) as usize;
    let plan = Plan {
        name: "learning-from-everything",
        n_epochs: n_more,
        rate: pace.rate * LAST_RATE.sqrt(),
        share_of_time: 0.9,
        from: 0.8,
        to: 0.95,
        ..plan
    };
    if !task.trial {
        course.learn(&mut learner, &all, &n_events, plan, None, progress)?;
    }
    let counted = Transitions::learn(histories, &source, &transitions, &quiet)?;
    let scorer = Hrnn { fresh, ..course.scorer(&learner.weights, counted, &blend, seen_weight) };
    check(&scorer)?;
    let users: Vec<usize> = histories.users().collect();
    let encoded = course.with(histories, &n_events, |material| {
        encode(&learner.weights, &scorer.network.vectors, &material.reading, &metadata.of_users, &users)
    });
    Ok(Outcome { scorer, weights: learner.weights, metadata, encoded, transitions, report })
}

/// # Errors
/// [`TrainError::Numerical`] if a weight is not finite.
fn check(scorer: &Hrnn) -> Result<(), TrainError> {
    let finite = scorer
        .network
        .vectors
        .iter()
        .chain(scorer.network.body.tensors().iter().flatten())
        .all(|value| value.is_finite());
    if finite { Ok(()) } else { Err(TrainError::Numerical("a weight is not finite".into())) }
}

/// How long to learn.
#[derive(Clone, Copy)]
struct Plan {
    /// What checkpoints are kept under.
    name: &'static str,
    pace: Pace,
    n_epochs: usize,
    rate: f32,
    /// Of the time that is left when it begins, what it may use: if the epochs do not fit, there are fewer.
    share_of_time: f64,
    /// Shares of the whole training that are done before and after.
    from: f64,
    to: f64,
}

/// What stays the same over a training.
struct Course<'a> {
    dataset: &'a Dataset,
    metadata: &'a Metadata,
    params: &'a HrnnValidParams,
    n_items: usize,
    gap_s: i64,
    cold: &'a [bool],
    worth: Option<&'a Worth>,
}

impl Course<'_> {
    /// Reads histories of the dataset, or parts of them.
    fn with<T>(&self, histories: &Histories, n_events: &[u32], read: impl FnOnce(&Material<'_>) -> T) -> T {
        let recent = recency(histories);
        let reading = Reading {
            histories,
            gap_s: self.gap_s,
            user_row: &|user| histories.row_of(user) as u32,
            context_row: &|user, place| {
                let interactions = self.dataset.interactions_of(histories.row_of(user));
                u32::try_from(interactions.start + place).unwrap_or(NONE)
            },
            same_visit: &|user, place| {
                self.dataset.is_same_visit(self.dataset.interactions_of(histories.row_of(user)).start + place)
            },
            weight: &|time_s| if self.params.recency_mask { recent(time_s) } else { 1.0 },
        };
        let Metadata { of_items, of_users, of_contexts, .. } = self.metadata;
        read(&Material { reading, items: of_items, users: of_users, contexts: of_contexts, n_events, cold: self.cold })
    }

    /// Learns until the epochs are done or the score grows no more, and leaves the best weights; gives how many epochs
    /// made them.
    fn learn(
        &self,
        learner: &mut Learner,
        histories: &Histories,
        n_events: &[u32],
        plan: Plan,
        judge: Option<&dyn Fn(&Weights) -> f64>,
        progress: &dyn Progress,
    ) -> Result<usize, TrainError> {
        let allowance = Allowance::new(progress, plan.share_of_time);
        let mut keeper = Keeper::new(progress, plan.name, INTERVAL);
        let kept = keeper.kept().and_then(|kept| Stand::restored(&kept, learner));
        let mut stand = kept.map_or_else(
            || Stand { n_epochs: plan.n_epochs, factor: 1.0, ..Stand::default() },
            |(stand, restored)| {
                *learner = restored;
                stand
            },
        );
        let begun = stand.done;
        while stand.done < stand.n_epochs && !stand.is_patience_over() && !allowance.is_used_up() {
            let gone = stand.done as f32 / stand.n_epochs as f32;
            let rate = plan.rate * stand.factor * (1.0 - (1.0 - LAST_RATE) * gone);
            let before = learner.clone();
            let pace = Pace { rate, ..plan.pace };
            let loss =
                match self.with(histories, n_events, |material| learner.epoch(material, &pace, &allowance, progress)) {
                    Err(TrainError::Numerical(reason)) if stand.n_retries < MAX_RETRIES => {
                        progress.report(&format!("{reason}: going back, and on with smaller steps"), plan.from);
                        *learner = before;
                        stand.n_retries += 1;
                        stand.factor *= SMALLER;
                        continue;
                    }
                    loss => loss?,
                };
            stand.done += 1;
            stand.n_epochs = stand.n_epochs.min(stand.done.saturating_add(allowance.n_epochs(stand.done - begun)));
            let share = plan.from + (plan.to - plan.from) * stand.done as f64 / stand.n_epochs as f64;
            let mut told = format!("epoch {}: loss {loss:.4}", stand.done);
            if let Some(judge) = judge {
                let score = judge(&learner.weights);
                told += &format!(", NDCG at 25 {score:.4}");
                if stand.best.as_ref().is_none_or(|(so_far, ..)| score > *so_far) {
                    stand.best = Some((score, stand.done, learner.weights.clone()));
                }
            }
            progress.report(&told, share);
            let over = stand.done == stand.n_epochs || stand.is_patience_over() || allowance.is_used_up();
            keeper.keep(4 * learner.n_numbers(), over, || stand.checkpoint(learner));
            go_on(progress)?;
        }
        if let Some((_, at, weights)) = stand.best {
            (stand.done, learner.weights) = (at, weights);
        }
        Ok(stand.done)
    }

    fn scorer(&self, weights: &Weights, transitions: Transitions, blend: &Blend, seen_weight: f64) -> Hrnn {
        let items: Vec<u32> = (0..self.n_items as u32).collect();
        let mut vectors = weights.items.vectors(&self.metadata.of_items, &items, self.cold);
        store::round(&mut vectors);
        let network = Alone {
            d: weights.shape.d,
            body: weights.body.clone(),
            vectors,
            users: self.metadata.users.clone(),
            contexts: self.metadata.contexts.clone(),
            gap_s: self.gap_s,
            seen_weight,
        };
        let worth = self.worth.cloned();
        Hrnn { network, blend: blend.clone(), transitions, gives_scores: true, fresh: None, worth }
    }
}

/// Hears nothing of a part's own steps, and passes on that it should stop.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn report(&self, _step: &str, _done: f64) {}

    fn stopped(&self) -> bool {
        self.0.stopped()
    }

    fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }
}
