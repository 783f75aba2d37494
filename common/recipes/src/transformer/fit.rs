//! A training: learning with early stopping, judging, learning on everything.

use super::config::{plan, shape};
use super::items::Catalogue;
use super::moments::Moments;
use super::network::{Shape, Transformer};
use super::new::new_items;
use super::scorer::{Scores, Sequence};
use super::trial::{Ready, Trial};
use crate::dataset::Histories;
use crate::event_weights::Weighing;
use crate::hrnn::features::Features;
use crate::hrnn::metadata::{Metadata, described};
use crate::neural::batch::Moment;
use crate::neural::blend::compare;
use crate::neural::items::ItemFeatures;
use crate::neural::learning::{Epoch, Learner, Rules, Score};
use crate::neural::store;
use crate::neural::train::{Course, Plan, Stand, State, Weights};
use crate::ridge::Design;
use crate::training::{Quiet, judged, split_of, step};
use crate::transitions::{Fitted, Source, TransitionsValidParams};
use crate::{Dataset, IdMap, Progress, RecipeInfo, RecipeType, Report, TrainError, TrainingTask, search};

/// Part of the epochs that the network goes on for with what was held back.
const ON_EVERYTHING: f64 = 0.15;

/// What the rate of these epochs is, beside the highest before.
const RATE_ON_EVERYTHING: f32 = 0.25;

pub struct Outcome {
    /// Of the items that the model answers with.
    pub ids: IdMap,
    pub scorer: Scores,
    pub item_features: Features,
    pub transitions: TransitionsValidParams,
    pub report: Report,
}

/// Learns.
///
/// Training users learn without the last events of some of them, which tell when to stop and how to blend; the test
/// users judge what came of it. Then the network goes on for some epochs with everything, and transitions are counted
/// anew. What is learned of items with interactions holds for the others, if something is recorded of items.
pub fn fit(task: &TrainingTask<'_>, info: &RecipeInfo, recency_bias: bool) -> Result<Outcome, TrainError> {
    let (dataset, progress) = (task.dataset, task.progress);
    dataset.check_minimums().map_err(TrainError::Data)?;
    let (histories, n_learned) = (dataset.histories(), dataset.items().len());
    let mut metadata = Metadata::of(dataset, info);
    let moments = Moments::of(&metadata);
    let ids = if metadata.items.len() > 0 { dataset.all_items() } else { dataset.items().clone() };
    let n_items = ids.len();
    let split = split_of(task);
    let training = histories.of(&split.training);
    split.guard(&training)?;
    let seen_weight = search::seen_weight(&training);
    step(progress, "choosing transitions", 0.0)?;
    let of_items = std::mem::take(&mut metadata.of_items);
    let known = Known { dataset, metadata: &metadata, moments: &moments };
    let trial = known.with(&training, |moment| Trial::draw(&training, n_items, seen_weight, task.seed, moment));
    let quiet = Quiet(progress);
    let rows: Vec<Option<usize>> = (0..n_items).map(Some).collect();
    let described = described(dataset, info, &rows);
    let design = described.as_ref().map(Design::new);
    let source = Source::events(task, n_items).with_metadata(design.as_ref());
    let transitions = TransitionsValidParams::chosen(&trial.histories, &source, task.seed, &quiet)?;
    step(progress, &format!("learning from {} events", trial.histories.n_events()), 0.05)?;
    let longest = training.users().map(|user| training.items_of(user).len()).max().unwrap_or(1);
    let (n_item_features, n_moment_features) = (metadata.items.len(), moments.n_features());
    let network = Transformer::new(Shape {
        n_item_features,
        n_moment_features,
        ..shape(n_learned, training.n_events(), longest)
    });
    let n_events = trial.histories.events_by_item(n_learned);
    let features = network.item_features().map(|slot| ItemFeatures::new(of_items, slot, &n_events));
    let catalogue = Catalogue { n_items, columns: network.shape.columns, features };
    let first = plan(&network.shape, trial.histories.n_events(), n_learned, task.seed);
    let mut state = State::begin(Weights::start(&network, n_learned, task.seed));
    let judge = |weights: &Weights| {
        let vectors = &catalogue.vectors(weights);
        trial.ndcg(Ready { network: &network, body: &weights.body, vectors }, progress)
    };
    let learning = Learning {
        network: &network,
        items: catalogue.features.as_ref(),
        known,
        recency_bias,
        weighing: &source.weighing,
        progress,
    };
    let stand = learning.run(&mut state, "learning", &trial.histories, &first, Some(&judge), (0.05, 0.7))?;
    store::round(&mut state.weights.table);
    if let Some((exact, _, _)) = &stand.best {
        let rounded = judge(&state.weights)?;
        progress.report(&format!("vectors of 16 bits: NDCG at 25 {rounded:.5}, before {exact:.5}"), 0.7);
    }
    step(progress, "blending", 0.7)?;
    let counted = Fitted::learn(&trial.histories, &source, &transitions, &quiet)?;
    let weights = catalogue.answering(state.weights.clone());
    let ready = Ready { network: &network, body: &weights.body, vectors: &weights.table };
    let blend = trial.blend(ready, &counted, progress)?;
    drop(counted);
    step(progress, "evaluating", 0.75)?;
    let same = Transformer::new(network.shape);
    let scorer = Scores {
        sequence: Sequence::new(same, weights, moments.clone(), seen_weight),
        transitions: Fitted::learn(&training, &source, &transitions, &quiet)?,
        blend: blend.clone(),
        new_items: Vec::new(),
    };
    let mut report = judged(task, info, &split, &training, &scorer)?;
    compare(&mut report);
    report.warnings.extend(stand.warning());
    drop((scorer, training));
    step(progress, "learning from everything", 0.8)?;
    let rules = Rules {
        n_epochs: (ON_EVERYTHING * stand.n_done() as f64).ceil() as usize,
        rate: RATE_ON_EVERYTHING * first.rules.rate,
        share_of_time: 0.9,
        ..first.rules
    };
    let last = Plan { rules, ..first };
    let mut state = State::begin(state.weights);
    if !task.trial {
        learning.run(&mut state, "learning-from-everything", histories, &last, None, (0.8, 0.95))?;
    }
    store::round(&mut state.weights.table);
    if !state.weights.is_finite() {
        return Err(TrainError::Numerical("a weight is not finite".into()));
    }
    let weights = catalogue.answering(state.weights);
    let transitions_of_all = Fitted::learn(histories, &source, &transitions, &quiet)?;
    let scorer = Scores {
        sequence: Sequence::new(network, weights, moments, seen_weight),
        transitions: transitions_of_all,
        blend,
        new_items: if explores(info) { new_items(dataset, &ids, histories, &rows) } else { Vec::new() },
    };
    Ok(Outcome { ids, scorer, item_features: metadata.items, transitions, report })
}

/// Whether new items get places of their own. Rankings put in order what they are given.
pub fn explores(info: &RecipeInfo) -> bool {
    info.recipe_type == RecipeType::UserPersonalization
}

/// What is recorded of users and moments.
#[derive(Clone, Copy)]
struct Known<'a> {
    dataset: &'a Dataset,
    metadata: &'a Metadata,
    moments: &'a Moments,
}

impl Known<'_> {
    /// Hands on the features of the events of some histories; nothing if there are none at all.
    fn with<T>(self, histories: &Histories, then: impl FnOnce(Option<Moment<'_>>) -> T) -> T {
        let of: Moment<'_> =
            &|user, place| self.moments.of_event((self.dataset, self.metadata), histories, user, place);
        then((self.moments.n_features() > 0).then_some(of))
    }
}

/// What stays the same over a training.
struct Learning<'a> {
    network: &'a Transformer,
    items: Option<&'a ItemFeatures>,
    known: Known<'a>,
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
        judge: Option<Score<'_, Weights>>,
        (from, to): (f64, f64),
    ) -> Result<Stand, TrainError> {
        let recent = Recency::of(histories);
        let weight = |user: usize, place: usize| {
            let of_time = if self.recency_bias { recent.weight(histories.timestamps_of(user).get(place)) } else { 1.0 };
            of_time * self.weighing.event(histories, user, place)
        };
        let Self { network, items, progress, .. } = *self;
        let mut tell = |stand: &Stand, epoch: Epoch| progress.report(&epoch.told(), epoch.share(stand, from, to));
        self.known.with(histories, |moment| {
            Course { network, histories, plan, weight, items, moment, progress }.train(state, name, judge, &mut tell)
        })
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
