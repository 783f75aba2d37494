//! What every training does around what its recipe does: enough data, split, judge, fit on everything.

use crate::dataset::Histories;
use crate::evaluate::{Split, evaluate};
use crate::model::Scorer;
use crate::{Progress, RecipeInfo, Report, TrainError, TrainingTask};

pub struct Evaluated<P, S> {
    /// What `prepare` gave.
    pub prepared: P,
    /// Fitted on everything.
    pub scorer: S,
    /// Of a scorer fitted on the training users alone.
    pub report: Report,
}

/// Judges a recipe on held-out users and fits it on all.
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
    let split = Split::draw(histories, task.seed);
    let training = histories.of(&split.training);
    split.guard(&training)?;
    step(task.progress, "choosing hyperparameters", 0.0)?;
    let prepared = prepare(&training)?;
    step(task.progress, "fitting on training users", 0.5)?;
    let scorer = fit(&prepared, &training)?;
    step(task.progress, "evaluating", 0.7)?;
    let report = evaluate(task.dataset, info, &split, &training, &scorer);
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
