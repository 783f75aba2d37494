//! Searching hyperparameters, and choosing among recipes.
//!
//! A trial is a training with [`TrainingTask::trial`]: it sees the training users alone, so the users that the
//! final model is judged by have no say in what is chosen. All trials of a search have the same validation users.
//!
//! [`search`] spends its budget in two parts: a start (what is in force if nothing is searched, then points of a
//! Latin hypercube), and then points that a model of the results proposes: a tree-structured Parzen estimator
//! (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization") over all dimensions together (Falkner et
//! al. 2018, "BOHB", section 4). Trials of one round run at the same time where there are cores; a round is as long
//! as the budget says, never as the machine has cores, so the machine does not show in what is found.

mod parzen;
mod rounds;
mod space;

use std::collections::BTreeMap;

use rounds::{Outcome, Rounds};
pub use space::{Dimension, Values};

use crate::{Progress, Recipe, Report, Search, TrainError, TrainingTask, Trial};

/// What trials are compared by if nothing else is said, a key of [`Report::figures`].
pub const METRIC: &str = "ndcg_at_25";

/// What trials may also be compared by, keys of [`Report::metrics`]: higher is better in all of them.
pub const METRICS: [&str; 8] = [
    "coverage",
    "mean_reciprocal_rank_at_25",
    "normalized_discounted_cumulative_gain_at_5",
    "normalized_discounted_cumulative_gain_at_10",
    "normalized_discounted_cumulative_gain_at_25",
    "precision_at_5",
    "precision_at_10",
    "precision_at_25",
];

/// How long a search may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Trials in all; at least 1 is made.
    pub trials: usize,
    /// Trials at the same time at most. More of them know less of each other.
    pub parallel: usize,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Value of each dimension of the best trial.
    pub hyperparameters: BTreeMap<String, String>,
    pub search: Search,
}

/// Searches the hyperparameters of a recipe.
///
/// Those of the task are in force where no dimension is of the same name. `progress` hears of the search as a whole;
/// that of the task is not asked. `metric` is [`METRIC`] or one of [`METRICS`].
///
/// # Errors
/// [`TrainError::Stopped`], or, if every trial failed, what the first failed of. A trial that fails because of its
/// data or numbers counts as the worst.
pub fn search(
    recipe: &dyn Recipe,
    task: &TrainingTask<'_>,
    space: &[Dimension],
    budget: Budget,
    metric: &str,
    progress: &dyn Progress,
) -> Result<Found, TrainError> {
    let rounds = Rounds { space, budget, seed: task.seed, progress };
    let trials = rounds.run(&space::start(recipe.info(), space, task.hyperparameters), |values, progress| {
        let mut hyperparameters = task.hyperparameters.clone();
        hyperparameters.extend(values.clone());
        let task = TrainingTask { hyperparameters: &hyperparameters, progress, trial: true, ..*task };
        let trained = recipe.train(&task)?;
        Ok(Outcome { objective: objective(&trained.report, metric), in_force: trained.hyperparameters })
    })?;
    let best = best(trials.iter().map(|trial| trial.result.as_ref().ok().map(|outcome| outcome.objective)));
    let Some(best) = best else {
        return Err(trials.into_iter().find_map(|trial| trial.result.err()).unwrap_or(TrainError::Stopped));
    };
    let hyperparameters = trials[best].values.clone();
    let table: Vec<Trial> = trials
        .into_iter()
        .enumerate()
        .map(|(number, trial)| Trial {
            name: format!("trial {}", number + 1),
            recipe: recipe.info().name.to_owned(),
            hyperparameters: trial.values,
            objective: trial.result.as_ref().ok().map(|outcome| outcome.objective),
            chosen: number == best,
            note: trial.result.err().map(|error| error.to_string()),
        })
        .collect();
    let reason = reason(&table, metric, |trial| trial.name.clone());
    Ok(Found { hyperparameters, search: Search { metric: metric.to_owned(), reason, trials: table } })
}

/// Tries a recipe as it is configured.
///
/// # Errors
/// [`TrainError::Stopped`] and errors of the model; other failures are the trial's note.
pub fn try_recipe(recipe: &dyn Recipe, task: &TrainingTask<'_>, metric: &str) -> Result<Trial, TrainError> {
    let name = recipe.info().name.to_owned();
    let trial = Trial {
        name: name.clone(),
        recipe: name,
        hyperparameters: task.hyperparameters.clone(),
        objective: None,
        chosen: false,
        note: None,
    };
    match recipe.train(&TrainingTask { trial: true, ..*task }) {
        Ok(trained) => Ok(Trial { objective: Some(objective(&trained.report, metric)), ..trial }),
        Err(error @ (TrainError::Stopped | TrainError::Model(_))) => Err(error),
        Err(error) => Ok(Trial { note: Some(error.to_string()), ..trial }),
    }
}

/// Chooses the best of trials that were compared by a metric, the earlier of equals; `None` if all of them failed.
pub fn choose(mut trials: Vec<Trial>, metric: &str) -> Option<(String, Search)> {
    let best = best(trials.iter().map(|trial| trial.objective))?;
    trials[best].chosen = true;
    let recipe = trials[best].recipe.clone();
    let reason = reason(&trials, metric, |trial| trial.recipe.clone());
    Some((recipe, Search { metric: metric.to_owned(), reason, trials }))
}

fn objective(report: &Report, metric: &str) -> f64 {
    let figure = || report.figures.get(metric).map(|figure| figure.value);
    report.metrics.get(metric).copied().or_else(figure).unwrap_or(0.0)
}

/// The first of the greatest; what is not finite is out of question.
fn best(objectives: impl Iterator<Item = Option<f64>>) -> Option<usize> {
    let known = objectives.enumerate().filter_map(|(number, objective)| Some((number, objective?)));
    let known = known.filter(|(_, objective)| objective.is_finite());
    known.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(number, _)| number)
}

/// Why the chosen one was chosen, beside the best of the others.
fn reason(trials: &[Trial], metric: &str, name: impl Fn(&Trial) -> String) -> String {
    let Some(chosen) = trials.iter().find(|trial| trial.chosen) else { return String::new() };
    let value = |trial: &Trial| trial.objective.unwrap_or(0.0);
    let others = trials.iter().filter(|trial| !trial.chosen && trial.objective.is_some());
    let next = others.reduce(|best, other| if value(other) > value(best) { other } else { best });
    let metric = if metric == METRIC { "NDCG at 25" } else { metric };
    let won = format!("{} has the highest {metric} on the validation users, {:.4}", name(chosen), value(chosen));
    match next {
        Some(next) => format!("{won}; next is {} with {:.4}.", name(next), value(next)),
        None => format!("{won}."),
    }
}

#[cfg(test)]
mod tests;
