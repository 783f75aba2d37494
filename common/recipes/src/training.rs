//! What every training does around what its recipe does: enough data, split, judge, fit on everything.

use std::time::Duration;

use bytes::Bytes;

use crate::dataset::Histories;
use crate::evaluate::{Asking, Split, average_rewards, evaluate, time_answers, weighted_ndcg};
use crate::model::Scorer;
use crate::{Progress, RecipeInfo, Report, TrainError, TrainingTask};

pub struct Evaluated<P, S> {
    /// What `prepare` gave.
    pub prepared: P,
    /// Fitted on everything; in a trial on its training users.
    pub scorer: S,
    /// Of a scorer fitted on the training users alone.
    pub report: Report,
}

/// Judges a recipe on held-out users and fits it on all, unless the task is a trial.
///
/// `prepare` sees the training users only, so what it chooses owes nothing to the users it is judged by.
pub fn evaluated<P, S: Scorer>(
    task: &TrainingTask<'_>,
    info: &RecipeInfo,
    prepare: impl FnOnce(&Histories) -> Result<P, TrainError>,
    fit: impl Fn(&P, &Histories) -> Result<S, TrainError>,
) -> Result<Evaluated<P, S>, TrainError> {
    task.dataset.check_minimums().map_err(TrainError::Data)?;
    let histories = task.dataset.histories();
    let split = split_of(task);
    let training = histories.of(&split.training);
    split.guard(&training)?;
    step(task.progress, "choosing hyperparameters", 0.0)?;
    let prepared = prepare(&training)?;
    step(task.progress, "fitting on training users", 0.5)?;
    let scorer = fit(&prepared, &training)?;
    step(task.progress, "evaluating", 0.7)?;
    let report = judged(task, info, &split, &training, &scorer)?;
    if task.trial {
        return Ok(Evaluated { prepared, scorer, report });
    }
    drop((scorer, training));
    step(task.progress, "fitting on all users", 0.75)?;
    let scorer = fit(&prepared, histories)?;
    step(task.progress, "writing the model", 0.95)?;
    Ok(Evaluated { prepared, scorer, report })
}

/// Whether there is metadata of items, for recipes that come to nothing without.
///
/// # Errors
/// [`TrainError::Data`] if there is none: the group has no Items dataset, or no column of it is learned from.
pub fn check_items(task: &TrainingTask<'_>, info: &RecipeInfo) -> Result<(), TrainError> {
    if task.dataset.item_columns().iter().len() > 0 {
        return Ok(());
    }
    Err(TrainError::Data(format!("Recipe {} needs an Items dataset with metadata to train on.", info.name)))
}

/// Who is learned from and who judges: of a trial, all of them are among those whom the model will learn from.
pub fn split_of(task: &TrainingTask<'_>) -> Split {
    let histories = task.dataset.histories();
    let split = Split::draw(histories, task.seed);
    if task.trial { split.within(histories, task.seed.wrapping_add(1)) } else { split }
}

/// What the held-out users say of a scorer that was fitted on `training`; with the metrics of the weights of events and of
/// the objective, where there are such.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn judged(
    task: &TrainingTask<'_>,
    info: &RecipeInfo,
    split: &Split,
    training: &Histories,
    scorer: &impl Scorer,
) -> Result<Report, TrainError> {
    let asking = Asking::affordable(task, info, split, scorer)?;
    let mut report = evaluate(&asking, training, scorer)?;
    report.warnings.extend(asking.warning(split));
    time_answers(&asking, scorer, &mut report);
    if !task.event_weights.is_empty() {
        report.metrics.extend(weighted_ndcg(&asking, scorer)?);
    }
    if let Some(objective) = task.objective {
        let share = average_rewards(&asking, scorer, objective)?;
        report.metrics.insert("average_rewards_at_k".to_owned(), share);
    }
    Ok(report)
}

/// Tells that a step begins.
///
/// # Errors
/// [`TrainError::Stopped`] if it should not.
pub fn step(progress: &dyn Progress, name: &str, done: f64) -> Result<(), TrainError> {
    progress.report(name, done);
    go_on(progress)
}

/// Hears nothing of a part's own steps, and passes on that it should stop and how long it may take.
pub struct Quiet<'a>(pub &'a dyn Progress);

impl Progress for Quiet<'_> {
    fn report(&self, _step: &str, _done: f64) {}

    fn stopped(&self) -> bool {
        self.0.stopped()
    }

    fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }
}

/// Leaves time for what comes last.
pub struct Reserved<'a> {
    pub progress: &'a dyn Progress,
    pub time: Duration,
}

impl Progress for Reserved<'_> {
    fn report(&self, step: &str, done: f64) {
        self.progress.report(step, done);
    }

    fn stopped(&self) -> bool {
        self.progress.stopped()
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.progress.time_left()?.saturating_sub(self.time))
    }

    fn tells_times(&self) -> bool {
        self.progress.tells_times()
    }

    fn kept(&self, name: &str) -> Option<Bytes> {
        self.progress.kept(name)
    }

    fn keep(&self, name: &str, state: Bytes) {
        self.progress.keep(name, state);
    }
}

/// # Errors
/// [`TrainError::Stopped`] if the training should end.
pub fn go_on(progress: &dyn Progress) -> Result<(), TrainError> {
    if progress.stopped() { Err(TrainError::Stopped) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::contract::dataset;
    use crate::popularity::Popular;
    use crate::{EventWeight, Objective, Sensitivity};

    #[test]
    fn a_trial_sees_nobody_whom_the_model_will_be_judged_by() {
        let (dataset, none) = (dataset(200, 20, 6), BTreeMap::new());
        let n_items = dataset.items().len();
        let judges: Vec<usize> = Split::draw(dataset.histories(), 1).test.iter().map(|test| test.user).collect();
        for (trial, n_seen, n_fits) in [(true, 162, 1), (false, 180, 2)] {
            let fits = RefCell::new(Vec::new());
            let task = TrainingTask { trial, ..TrainingTask::new(&dataset, &none, 1, &()) };
            let rows = |histories: &Histories| histories.users().map(|user| histories.row_of(user)).collect::<Vec<_>>();
            let prepare = |histories: &Histories| Ok(rows(histories));
            let fit = |_: &Vec<usize>, histories: &Histories| {
                fits.borrow_mut().push(rows(histories));
                Ok(Popular::count(histories, n_items))
            };
            let evaluated = evaluated(&task, &crate::catalogue::POPULARITY_COUNT, prepare, fit).unwrap();
            let fits = fits.into_inner();
            assert_eq!((fits.len(), fits[0].len(), evaluated.prepared.len()), (n_fits, n_seen, n_seen));
            assert!(judges.iter().all(|judge| !fits[0].contains(judge) && !evaluated.prepared.contains(judge)));
            assert_eq!(evaluated.report.n_test_users, if trial { 18 } else { 20 });
        }
    }

    #[test]
    fn weights_and_an_objective_have_metrics_of_their_own() {
        let (dataset, none) = (dataset(200, 20, 6), BTreeMap::new());
        let weights = [EventWeight { event_type: "watch".into(), event_value_threshold: None, weight: 0.5 }];
        let objective = Objective { item_attribute: "PRICE".into(), sensitivity: Sensitivity::High };
        let task = TrainingTask::new(&dataset, &none, 1, &());
        let metrics = |task: &TrainingTask<'_>| {
            let n_items = dataset.items().len();
            let fit = |(): &(), histories: &Histories| Ok(Popular::count(histories, n_items));
            evaluated(task, &crate::catalogue::POPULARITY_COUNT, |_| Ok(()), fit).unwrap().report.metrics
        };
        let plain = metrics(&task);
        let more = metrics(&TrainingTask { event_weights: &weights, objective: Some(&objective), ..task });
        for k in [5, 10, 25] {
            let plain = plain[&format!("normalized_discounted_cumulative_gain_at_{k}")];
            let name = format!("normalized_discounted_cumulative_gain_with_event_weights_at_{k}");
            // One weight is no weight; sums are of other intermediate results.
            assert!(plain > 0.0 && (more[&name] - plain).abs() < 1e-9, "{name}");
        }
        // Nothing is known of the prices.
        assert_eq!(more["average_rewards_at_k"], 0.0);
        assert_eq!(more.len(), plain.len() + 4);
    }

    #[test]
    fn what_is_reserved_is_no_time_and_all_else_is_passed_on() {
        #[derive(Default)]
        struct Whole(Mutex<Vec<String>>);
        impl Progress for Whole {
            fn report(&self, step: &str, done: f64) {
                self.0.lock().unwrap().push(format!("{step} {done}"));
            }
            fn stopped(&self) -> bool {
                true
            }
            fn time_left(&self) -> Option<Duration> {
                Some(Duration::from_secs(10))
            }
            fn tells_times(&self) -> bool {
                true
            }
            fn kept(&self, name: &str) -> Option<Bytes> {
                Some(name.to_owned().into())
            }
            fn keep(&self, name: &str, state: Bytes) {
                self.0.lock().unwrap().push(format!("{name} {state:?}"));
            }
        }
        let whole = Whole::default();
        let reserved = |seconds| Reserved { progress: &whole, time: Duration::from_secs(seconds) };
        let left = [0, 3, 12].map(|seconds| reserved(seconds).time_left().map(|left| left.as_secs()));
        assert_eq!(left, [Some(10), Some(7), Some(0)]);
        assert_eq!(Reserved { progress: &(), time: Duration::MAX }.time_left(), None);
        let some = reserved(3);
        assert!(some.stopped() && some.tells_times() && some.kept("learning") == Some("learning".into()));
        some.report("evaluating", 0.75);
        some.keep("learning", "far".into());
        assert_eq!(*whole.0.lock().unwrap(), ["evaluating 0.75", "learning b\"far\""]);
    }
}
