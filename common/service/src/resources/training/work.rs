use std::collections::BTreeMap;

use bytes::Bytes;
use palate_recipes::tune;
use palate_recipes::{
    Dataset, DatasetError, DatasetParts, EventWeight, Objective, Recipe, RecipeInfo, Search, Selection, TrainError,
    Trained, TrainingTask, Trial,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SEED;
use super::plan::Plan;
use super::watch::{Checkpoints, Watch};
use crate::jobs::WorkError;
use crate::paging::hex;

/// A recipe that may be trained, and what it reads.
pub(super) struct Candidate {
    pub recipe: &'static dyn Recipe,
    pub selection: Selection,
}

/// What a training computes, on threads of its own.
pub(super) struct Work {
    pub plan: Plan,
    pub candidates: Vec<Candidate>,
    /// The model that is updated, of [`Plan::Update`] and [`Plan::Refresh`].
    pub before: Option<Trained>,
    /// With so many items nothing is done.
    pub too_many_items: Option<usize>,
    pub hyperparameters: BTreeMap<String, String>,
    pub event_weights: Vec<EventWeight>,
    pub objective: Option<Objective>,
    pub checkpoints: Checkpoints,
    pub watch: Watch,
}

/// What is trained, once that is decided.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Decision {
    /// Place among the candidates.
    candidate: usize,
    /// Hyperparameters that were searched.
    hyperparameters: BTreeMap<String, String>,
    search: Option<Search>,
}

/// Where a decision is kept among the checkpoints.
const DECISION: &str = "decision";

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl Work {
    /// The name of the trained recipe, and the model.
    pub fn run(self, parts: DatasetParts) -> Result<(&'static str, Trained), WorkError> {
        let lost = self.watch.lost.clone();
        self.train(parts).map_err(|failure| match failure {
            Failure::Train(TrainError::Stopped) if lost.is_lost() => WorkError::Lost,
            Failure::Train(TrainError::Stopped) => WorkError::Stopped,
            Failure::Train(error @ TrainError::Model(_)) => WorkError::retry(error),
            Failure::Train(other) => WorkError::Failed(other.to_string()),
            Failure::Dataset(error) => WorkError::retry(error),
        })
    }

    fn train(&self, parts: DatasetParts) -> Result<(&'static str, Trained), Failure> {
        let kept = self.checkpoints.of(&self.fingerprint(&parts));
        let decides = matches!(self.plan, Plan::Search { .. } | Plan::Compete { .. });
        let before = if decides { kept.read(DECISION) } else { None };
        let decision = match before.and_then(|content| serde_json::from_slice(&content).ok()) {
            Some(decision) => decision,
            None => {
                let decision = self.decide(&parts)?;
                if let (Some(_), Ok(content)) = (&decision.search, serde_json::to_vec(&decision)) {
                    kept.write(DECISION, content.into());
                }
                decision
            }
        };
        let Candidate { recipe, selection } = &self.candidates[decision.candidate.min(self.candidates.len() - 1)];
        let dataset = Dataset::read(&parts, selection)?;
        drop(parts);
        let n_items = dataset.n_catalogue_items() + dataset.n_left_out_items();
        if let Some(too_many) = self.too_many_items.filter(|too_many| n_items >= *too_many) {
            let reason = format!("The datasets have {n_items} items; automatic updates are for fewer than {too_many}.");
            return Err(TrainError::Data(reason).into());
        }
        let mut hyperparameters = self.hyperparameters.clone();
        hyperparameters.extend(decision.hyperparameters.clone());
        let progress = self.watch.training(decision.search.is_some(), &kept);
        let task = self.task(&dataset, &hyperparameters);
        let task = TrainingTask { progress: &progress, ..task };
        let mut trained = match &self.before {
            Some(before) => recipe.update(before, &task)?,
            None => {
                let mut trained = recipe.train(&task)?;
                trained.report.warnings.extend(left_out(&dataset, recipe.info()));
                trained
            }
        };
        if let Plan::Refresh(_) = self.plan {
            // Nobody looks at the result before it answers requests.
            recipe.open(&trained.files).map_err(TrainError::from)?;
        }
        if decision.search.is_some() {
            trained.report.search = decision.search;
        }
        trained.chosen.extend(decision.hyperparameters);
        Ok((recipe.info().name, trained))
    }

    /// Which candidate, and with which hyperparameters.
    fn decide(&self, parts: &DatasetParts) -> Result<Decision, Failure> {
        let deciding = self.watch.deciding();
        let mut decision = Decision::default();
        let n_parts = self.candidates.len();
        let metric = self.plan.metric();
        if let Plan::Compete { .. } = self.plan {
            let mut trials = Vec::new();
            for (number, Candidate { recipe, selection }) in self.candidates.iter().enumerate() {
                let dataset = Dataset::read(parts, selection)?;
                let progress = deciding.part(number, n_parts + 1);
                let task = TrainingTask { progress: &progress, ..self.task(&dataset, &self.hyperparameters) };
                trials.push(tune::try_recipe(*recipe, &task, metric)?);
            }
            let first_note = trials.iter().find_map(|trial| trial.note.clone());
            let Some((winner, search)) = tune::choose(trials, metric) else {
                return Err(TrainError::Data(first_note.unwrap_or_default()).into());
            };
            let named = |candidate: &Candidate| candidate.recipe.info().name == winner;
            decision.candidate = self.candidates.iter().position(named).unwrap_or_default();
            decision.search = Some(search);
        }
        let Candidate { recipe, selection } = &self.candidates[decision.candidate];
        let Some((space, budget)) = self.plan.search(recipe.info()) else { return Ok(decision) };
        let dataset = Dataset::read(parts, selection)?;
        let progress = match decision.search {
            Some(_) => deciding.part(n_parts, n_parts + 1),
            None => deciding.part(0, 1),
        };
        let task = self.task(&dataset, &self.hyperparameters);
        let found = tune::search(*recipe, &task, &space, budget, metric, &progress)?;
        decision.hyperparameters = found.hyperparameters;
        decision.search = Some(match decision.search {
            Some(competition) => after(competition, found.search),
            None => found.search,
        });
        Ok(decision)
    }

    fn task<'a>(&'a self, dataset: &'a Dataset, hyperparameters: &'a BTreeMap<String, String>) -> TrainingTask<'a> {
        TrainingTask {
            event_weights: &self.event_weights,
            objective: self.objective.as_ref(),
            ..TrainingTask::new(dataset, hyperparameters, SEED, &())
        }
    }

    /// Of what the result depends on: what is kept of one is of no use to another.
    fn fingerprint(&self, parts: &DatasetParts) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        let timed = parts.items.iter().chain(&parts.users).map(|part| &part.content);
        parts.interactions.iter().chain(timed).for_each(|content: &Bytes| add(content));
        for Candidate { recipe, selection } in &self.candidates {
            add(recipe.info().name.as_bytes());
            add(format!("{selection:?}").as_bytes());
        }
        add(self.plan.metric().as_bytes());
        add(format!("{:?} {:?} {:?}", self.hyperparameters, self.event_weights, self.objective).as_bytes());
        hex(&hash.finalize()[..16])
    }
}

/// Tells of items that there were too many of.
fn left_out(dataset: &Dataset, info: &RecipeInfo) -> Option<String> {
    let n_left_out = dataset.n_left_out_items();
    (n_left_out > 0).then(|| {
        format!(
            "The datasets have {n_left_out} items more than the {} that {} considers. Those that are not new and had no \
             recent interactions were left out, with their interactions.",
            dataset.n_catalogue_items(),
            info.name,
        )
    })
}

/// One table of both: the recipes, then the winner's hyperparameters.
fn after(competition: Search, search: Search) -> Search {
    let reason = format!("{} Of its hyperparameters, {}", competition.reason, search.reason);
    // What was chosen in the end is a trial of the search.
    let beaten = competition.trials.into_iter().map(|trial| Trial { chosen: false, ..trial });
    Search { metric: competition.metric, reason, trials: beaten.chain(search.trials).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use palate_recipes::parts::{Column, ColumnType, PartBuilder};
    use palate_recipes::tune::{Budget, Dimension};
    use palate_recipes::{Figure, Model, ModelError, ModelFile, ParamError, Report, describe};

    use super::*;
    use crate::jobs::{Lost, Told};

    /// Learns in ten steps and keeps each; of trials it only takes note.
    struct Learner {
        info: &'static RecipeInfo,
        steps: Mutex<Vec<String>>,
        /// Ends an attempt in the middle.
        killed: Arc<AtomicBool>,
    }

    impl Learner {
        fn new() -> &'static Self {
            let (steps, killed) = (Mutex::default(), Arc::default());
            Box::leak(Box::new(Self { info: describe("aws-sims").unwrap(), steps, killed }))
        }

        fn take_steps(&self) -> String {
            std::mem::take(&mut *self.steps.lock().unwrap()).join(" ")
        }
    }

    impl Recipe for Learner {
        fn info(&self) -> &'static RecipeInfo {
            self.info
        }

        fn check(&self, _hyperparameters: &BTreeMap<String, String>) -> Result<(), ParamError> {
            Ok(())
        }

        fn train(&self, task: &TrainingTask<'_>) -> Result<Trained, TrainError> {
            let note = |step: &str| self.steps.lock().unwrap().push(step.to_owned());
            let mut report = Report::default();
            if let Some(objective) = task.objective {
                note(&format!("{} {:?}", objective.item_attribute, objective.sensitivity));
            }
            for weight in task.event_weights {
                note(&format!("{} {}", weight.event_type, weight.weight));
            }
            if task.trial {
                let value: f64 = task.hyperparameters["popularity_discount_factor"].parse().unwrap();
                report.figures.insert(tune::METRIC.to_owned(), Figure::plain(value));
                note("trial");
            } else {
                let begin = task.progress.kept("state").map_or(0, |state| state[0]);
                for step in begin..10 {
                    if task.progress.out_of_time() {
                        note("late");
                        break;
                    }
                    if step == 4 && self.killed.swap(false, Ordering::Relaxed) {
                        return Err(TrainError::Stopped);
                    }
                    note(&step.to_string());
                    task.progress.keep("state", Bytes::from(vec![step + 1]));
                }
            }
            let hyperparameters = task.hyperparameters.clone();
            Ok(Trained { files: Vec::new(), report, hyperparameters, chosen: BTreeMap::new() })
        }

        fn open(&self, _files: &[ModelFile]) -> Result<Arc<dyn Model>, ModelError> {
            Err(ModelError::Missing("model.json".into()))
        }
    }

    fn parts() -> DatasetParts {
        let column = |name: &str, kind| Column { name: name.into(), kind, nullable: false };
        let mut part = PartBuilder::new(&[
            column("USER_ID", ColumnType::String),
            column("ITEM_ID", ColumnType::String),
            column("TIMESTAMP", ColumnType::Long),
        ]);
        part.push_str(0, "u");
        part.push_str(1, "i");
        part.push_long(2, 1);
        DatasetParts { interactions: vec![part.finish().unwrap()], ..DatasetParts::default() }
    }

    fn work(
        blobs: &Arc<dyn palate_store::BlobStore>,
        recipe: &'static Learner,
        plan: Plan,
        given: &str,
        time: Option<std::time::Duration>,
    ) -> Work {
        let watch = Watch::new("arn".into(), Lost::default(), Arc::default(), Told::default(), time);
        Work {
            plan,
            candidates: vec![Candidate { recipe, selection: Selection::default() }],
            before: None,
            too_many_items: None,
            hyperparameters: BTreeMap::from([("popularity_discount_factor".to_owned(), given.to_owned())]),
            event_weights: Vec::new(),
            objective: None,
            checkpoints: Checkpoints::new(Arc::clone(blobs), "models/checkpoints".into()),
            watch,
        }
    }

    /// Runs an attempt on a thread that computes; tells the hyperparameters in force.
    async fn attempt(
        blobs: &Arc<dyn palate_store::BlobStore>,
        recipe: &'static Learner,
        plan: Plan,
        given: &str,
        time: Option<std::time::Duration>,
    ) -> Result<BTreeMap<String, String>, WorkError> {
        let work = work(blobs, recipe, plan, given, time);
        let run = tokio::task::spawn_blocking(move || work.run(parts())).await.unwrap();
        run.map(|(_, trained)| trained.hyperparameters)
    }

    fn store() -> (tempfile::TempDir, Arc<dyn palate_store::BlobStore>) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = palate_store::embedded::open(folder.path()).unwrap().blobs;
        (folder, blobs)
    }

    #[tokio::test]
    async fn a_training_that_was_cut_off_goes_on_where_it_was() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        let plan = || Plan::Recipe("aws-sims".into());
        learner.killed.store(true, Ordering::Relaxed);
        attempt(&blobs, learner, plan(), "0.5", None).await.unwrap_err();
        assert_eq!(learner.take_steps(), "0 1 2 3");
        // Another configuration begins anew.
        attempt(&blobs, learner, plan(), "0.4", None).await.unwrap();
        assert_eq!(learner.take_steps(), "0 1 2 3 4 5 6 7 8 9");
        attempt(&blobs, learner, plan(), "0.5", None).await.unwrap();
        assert_eq!(learner.take_steps(), "4 5 6 7 8 9");
    }

    #[tokio::test]
    async fn what_has_too_many_items_is_left_as_it_is() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        for (too_many, steps) in [(Some(1), ""), (Some(2), "0 1 2 3 4 5 6 7 8 9"), (None, "0 1 2 3 4 5 6 7 8 9")] {
            let mut work = work(&blobs, learner, Plan::Recipe("aws-sims".into()), "0.5", None);
            work.too_many_items = too_many;
            // The one interaction has one item. What is kept belongs to one configuration.
            work.hyperparameters.insert("number".into(), format!("{too_many:?}"));
            let result = tokio::task::spawn_blocking(move || work.run(parts())).await.unwrap();
            assert_eq!(learner.take_steps(), steps);
            if steps.is_empty() {
                let Err(WorkError::Failed(reason)) = result.map(|_| ()) else { panic!("not refused") };
                assert_eq!(reason, "The datasets have 1 items; automatic updates are for fewer than 1.");
            }
        }
    }

    #[tokio::test]
    async fn items_that_are_too_many_to_be_considered_are_told_of() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        for (max_items, n_warnings) in [(None, 0), (Some(1), 0), (Some(0), 1)] {
            let mut work = work(&blobs, learner, Plan::Recipe("aws-sims".into()), "0.5", None);
            work.candidates[0].selection.max_items = max_items;
            let (_, trained) = tokio::task::spawn_blocking(move || work.run(parts())).await.unwrap().unwrap();
            let warnings = trained.report.warnings;
            assert_eq!(warnings.len(), n_warnings, "{warnings:?}");
            let told = "The datasets have 1 items more than the 0 that aws-sims considers.";
            assert!(warnings.iter().all(|warning| warning.starts_with(told)), "{warnings:?}");
        }
        // What has too many items to be updated is known by all of them.
        let mut work = work(&blobs, learner, Plan::Recipe("aws-sims".into()), "0.5", None);
        work.candidates[0].selection.max_items = Some(0);
        work.too_many_items = Some(1);
        let failed = tokio::task::spawn_blocking(move || work.run(parts())).await.unwrap();
        assert!(matches!(failed, Err(WorkError::Failed(_))));
    }

    #[tokio::test]
    async fn what_was_decided_is_not_decided_again_by_the_next_attempt() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        let space = vec![Dimension::of(&learner.info.hyperparameters[0])];
        let plan = || Plan::Search {
            recipe: "aws-sims".into(),
            space: space.clone(),
            budget: Budget { trials: 5, parallel: 1 },
        };
        learner.killed.store(true, Ordering::Relaxed);
        attempt(&blobs, learner, plan(), "0.5", None).await.unwrap_err();
        assert_eq!(learner.take_steps(), "trial trial trial trial trial 0 1 2 3");
        let in_force = attempt(&blobs, learner, plan(), "0.5", None).await.unwrap();
        assert_eq!(learner.take_steps(), "4 5 6 7 8 9");
        // The learner's objective is the value itself.
        assert!(in_force["popularity_discount_factor"].parse::<f64>().unwrap() > 0.5);
    }

    #[tokio::test]
    async fn the_objective_and_the_weights_of_events_reach_the_recipe_and_its_trials() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        let plan = Plan::Search {
            recipe: "aws-sims".into(),
            space: vec![Dimension::of(&learner.info.hyperparameters[0])],
            budget: Budget { trials: 1, parallel: 1 },
        };
        let mut work = work(&blobs, learner, plan, "0.5", Some(std::time::Duration::ZERO));
        let sensitivity = palate_recipes::Sensitivity::High;
        work.objective = Some(Objective { item_attribute: "PRICE".into(), sensitivity });
        work.event_weights =
            vec![EventWeight { event_type: "watch".into(), event_value_threshold: None, weight: 0.25 }];
        tokio::task::spawn_blocking(move || work.run(parts())).await.unwrap().unwrap();
        assert_eq!(learner.take_steps(), "PRICE High watch 0.25 trial PRICE High watch 0.25 late");
    }

    #[tokio::test]
    async fn a_training_without_time_ends_with_what_it_has() {
        let ((_folder, blobs), learner) = (store(), Learner::new());
        let none = Some(std::time::Duration::ZERO);
        attempt(&blobs, learner, Plan::Recipe("aws-sims".into()), "0.5", none).await.unwrap();
        assert_eq!(learner.take_steps(), "late");
    }
}
