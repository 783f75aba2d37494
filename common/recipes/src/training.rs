//! What every training does around what its recipe does: enough data, split, judge, fit on everything.

use crate::dataset::Histories;
use crate::evaluate::{Split, evaluate};
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
    let mut split = Split::draw(histories, task.seed);
    if task.trial {
        split = split.within(histories, task.seed.wrapping_add(1));
    }
    let training = histories.of(&split.training);
    split.guard(&training)?;
    step(task.progress, "choosing hyperparameters", 0.0)?;
    let prepared = prepare(&training)?;
    step(task.progress, "fitting on training users", 0.5)?;
    let scorer = fit(&prepared, &training)?;
    step(task.progress, "evaluating", 0.7)?;
    let report = evaluate(task.dataset, info, &split, &training, &scorer);
    if task.trial {
        return Ok(Evaluated { prepared, scorer, report });
    }
    drop((scorer, training));
    step(task.progress, "fitting on all users", 0.75)?;
    let scorer = fit(&prepared, histories)?;
    step(task.progress, "writing the model", 0.95)?;
    Ok(Evaluated { prepared, scorer, report })
}

/// Tells that a step begins.
///
/// # Errors
/// [`TrainError::Stopped`] if it should not.
pub fn step(progress: &dyn Progress, name: &str, done: f64) -> Result<(), TrainError> {
    progress.report(name, done);
    go_on(progress)
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

    use super::*;
    use crate::contract::dataset;
    use crate::popularity::Popular;

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
}
