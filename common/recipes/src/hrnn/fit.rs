//! A training: learning with early stopping, judging, learning on everything.

use std::time::{Duration, Instant};

use super::body::Shape;
use super::cold::cold_items;
use super::config::{HrnnValidParams, pace, recency};
use super::encode::Encoding;
use super::fresh::Fresh;
use super::gap::session_gap_s;
use super::learner::{Learner, Material, Pace};
use super::metadata::{Metadata, described};
use super::scorer::{Alone, Hrnn};
use super::trial::Trial;
use super::weights::Weights;
use super::window::{NONE, Reading};
use super::worth::Worth;
use crate::dataset::Histories;
use crate::neural::blend::{Blend, compare};
use crate::neural::learning::{Epoch, Learner as _, Loop, Rules, Score, Stand};
use crate::neural::store;
use crate::params::Params;
use crate::ridge::Design;
use crate::training::{Quiet, Reserved, judged, split_of, step};
use crate::transitions::{Fitted as Transitions, Source, TransitionsValidParams};
use crate::{Dataset, IdMap, Progress, RecipeInfo, Report, TrainError, TrainingTask, search};

/// Part of the epochs that the network goes on for with what was held back.
const ON_EVERYTHING: f64 = 0.15;

/// What the rate of these epochs is, beside the highest before.
const RATE_ON_EVERYTHING: f32 = 0.316;

/// Of the time that is left, what going through all histories at the end may take.
const MOST_FOR_STATES: f64 = 0.25;

/// Users by whom it is told how long that takes.
const TIMED: usize = 1024;

const WITHOUT_STATES: &str = "There was no time to keep the states of all users, so requests go through the newest part \
                              of their histories.";

/// What a training leaves.
pub struct Outcome {
    pub scorer: Hrnn,
    pub weights: Weights,
    pub metadata: Metadata,
    /// By row of the user, what pages keep; nothing if there was no time for it.
    pub states: Vec<Vec<u8>>,
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
    let (pace, rules) = pace(params, learned_from.n_events(), candidates, task.seed);
    let shape = Shape {
        d: params.hidden_dimension,
        n_user_features: metadata.users.len(),
        n_context_features: metadata.contexts.len(),
    };
    let features = (&metadata.of_items, metadata.items.len());
    let weights = Weights::draw(shape, &n_events, features, task.seed);
    let mut learner = Learner::begin(weights);
    let keeping = course.keeping(&learner.weights, task)?;
    let reserved = Reserved { progress, time: keeping.unwrap_or_default() };
    let (task, progress) = (&TrainingTask { progress: &reserved, ..*task }, &reserved as &dyn Progress);
    let ndcg = |weights: &Weights, finish: fn(&mut [f32])| {
        let judge = |material: &Material<'_>| trial.ndcg(weights, material, seen_weight, finish, progress);
        course.with(&trial.histories, &n_events, judge)
    };
    let judge = |weights: &Weights| ndcg(weights, |_| {});
    let plan = Plan { name: "learning", pace, rules, shares: (0.05, 0.7) };
    let stand = course.learn(&mut learner, &learned_from, &n_events, &plan, Some(&judge), progress)?;
    let (exact, rounded) = (ndcg(&learner.weights, |_| {})?, ndcg(&learner.weights, store::round)?);
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
    let mut report = judged(task, info, &split, &training, &scorer)?;
    compare(&mut report);
    report.warnings.extend(stand.warning());
    if keeping.is_none() && !task.trial {
        report.warnings.push(WITHOUT_STATES.into());
    }
    drop((scorer, training));
    step(progress, "learning from everything", 0.8)?;
    let all = params.learned_from(histories);
    let n_events = histories.events_by_item(n_items);
    let rules = Rules {
        n_epochs: (ON_EVERYTHING * stand.n_done() as f64).ceil().max(1.0) as usize,
        rate: rules.rate * RATE_ON_EVERYTHING,
        share_of_time: 0.9,
        ..rules
    };
    let plan = Plan { name: "learning-from-everything", pace, rules, shares: (0.8, 0.95) };
    if !task.trial {
        course.learn(&mut learner, &all, &n_events, &plan, None, progress)?;
    }
    let counted = Transitions::learn(histories, &source, &transitions, &quiet)?;
    let scorer = Hrnn { fresh, ..course.scorer(&learner.weights, counted, &blend, seen_weight) };
    check(&scorer)?;
    let users: Vec<usize> = if keeping.is_some() { histories.users().collect() } else { Vec::new() };
    let states = course.states(&learner.weights, &scorer.network.vectors, &users, progress)?;
    Ok(Outcome { scorer, weights: learner.weights, metadata, states, transitions, report })
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

/// How to learn.
struct Plan {
    /// What checkpoints are kept under.
    name: &'static str,
    pace: Pace,
    rules: Rules,
    /// Of the whole training, what is done before and after.
    shares: (f64, f64),
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

    /// What pages keep of some users, whose whole histories are gone through.
    fn states(
        &self,
        weights: &Weights,
        vectors: &[f32],
        users: &[usize],
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<u8>>, TrainError> {
        self.with(self.dataset.histories(), &[], |material| {
            let (reading, of_users) = (&material.reading, &self.metadata.of_users);
            Encoding { weights, vectors, reading, of_users, users, progress }.states()
        })
    }

    /// How long it takes to go through all histories for the states of all users, by how long it takes for some of them;
    /// `None` if that is too long, or nobody will ask for them.
    fn keeping(&self, weights: &Weights, task: &TrainingTask<'_>) -> Result<Option<Duration>, TrainError> {
        if task.trial {
            return Ok(None);
        }
        let Some(left) = task.progress.time_left() else { return Ok(Some(Duration::ZERO)) };
        let histories = self.dataset.histories();
        let users: Vec<usize> = histories.users().step_by(histories.n_users().div_ceil(TIMED).max(1)).collect();
        let n_read: usize = users.iter().map(|user| histories.items_of(*user).len()).sum();
        let vectors = self.vectors(weights);
        let time = self.with(histories, &[], |material| {
            let (reading, of_users, progress) = (&material.reading, &self.metadata.of_users, task.progress);
            let encoding = Encoding { weights, vectors: &vectors, reading, of_users, users: &users, progress };
            let begun = Instant::now();
            encoding.queries()?;
            Ok::<_, TrainError>(begun.elapsed())
        })?;
        let time = time.mul_f64(histories.n_events() as f64 / n_read.max(1) as f64);
        Ok((time <= left.mul_f64(MOST_FOR_STATES)).then_some(time))
    }

    /// Of all items, as they are in the model.
    fn vectors(&self, weights: &Weights) -> Vec<f32> {
        let items: Vec<u32> = (0..self.n_items as u32).collect();
        let mut vectors = weights.items.vectors(&self.metadata.of_items, &items, self.cold);
        store::round(&mut vectors);
        vectors
    }

    /// Learns as [`Loop::run`] says, and leaves the best weights.
    fn learn(
        &self,
        learner: &mut Learner,
        histories: &Histories,
        n_events: &[u32],
        plan: &Plan,
        score: Option<Score<'_, Weights>>,
        progress: &dyn Progress,
    ) -> Result<Stand<Weights>, TrainError> {
        let Plan { name, pace, rules, shares: (from, to) } = plan;
        let mut tell =
            |stand: &Stand<Weights>, epoch: Epoch| progress.report(&epoch.told(), epoch.share(stand, *from, *to));
        self.with(histories, n_events, |material| {
            let whole = Loop { rules, progress, name, score, tell: &mut tell };
            whole.run(learner, |learner, stand, allowance| {
                learner.epoch(material, (pace, rules), stand, allowance, progress)
            })
        })
    }

    fn scorer(&self, weights: &Weights, transitions: Transitions, blend: &Blend, seen_weight: f64) -> Hrnn {
        let network = Alone {
            d: weights.shape.d,
            body: weights.body.clone(),
            vectors: self.vectors(weights),
            users: self.metadata.users.clone(),
            contexts: self.metadata.contexts.clone(),
            gap_s: self.gap_s,
            seen_weight,
        };
        let worth = self.worth.cloned();
        Hrnn { network, blend: blend.clone(), transitions, gives_scores: true, fresh: None, worth }
    }
}
