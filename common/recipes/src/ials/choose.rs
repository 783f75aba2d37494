use std::sync::Arc;

use super::config::IalsValidParams;
use super::fit::{Observed, fit};
use super::fold::base;
use super::scorer::{Factors, Ials};
use crate::dataset::Histories;
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::{Step, Trial, climb, seen_weight};
use crate::{Progress, TrainError};

const STEPS: [Step<IalsValidParams>; 4] = [
    Step {
        name: "regularization",
        values: &[0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
        set: |config, value| config.regularization = value,
    },
    Step {
        name: "unobserved_weight",
        values: &[0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        set: |config, value| config.unobserved_weight = value,
    },
    Step {
        name: "half_life",
        values: &[0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 40.0],
        set: |config, value| config.half_life = value,
    },
    Step {
        name: "history_length",
        values: &[5.0, 10.0, 20.0, 40.0, 100.0],
        set: |config, value| config.history_length = value as usize,
    },
];

/// What is read decides how strongly factors should be drawn together, so it comes first and last.
const ORDER: [usize; 7] = [2, 0, 1, 0, 1, 2, 3];

/// Chooses the hyperparameters that were not given, by what users' held-back last events say.
///
/// # Errors
/// [`TrainError::Stopped`], [`TrainError::Numerical`]
pub fn choose(
    histories: &Histories,
    n_items: usize,
    given: &Params,
    seed: u64,
    progress: &dyn Progress,
) -> Result<IalsValidParams, TrainError> {
    let mut start = IalsValidParams::start(given);
    if IalsValidParams::settled(given).is_some() {
        return Ok(start);
    }
    if given.continuous("seen_weight").is_none() {
        start.seen_weight = seen_weight(histories);
    }
    let open = |step: &&Step<_>| given.integer(step.name).is_none() && given.continuous(step.name).is_none();
    let steps: Vec<&Step<_>> = ORDER.iter().map(|step| &STEPS[*step]).filter(open).collect();
    if steps.is_empty() {
        return Ok(start);
    }
    let trial = Trial::draw(histories, seed);
    let popular = Popular::count(&trial.histories, n_items);
    let observed = Observed::of(&trial.histories, n_items);
    // Candidates come back to the same few factors.
    let mut fitted: Vec<([f64; 2], Arc<Factors>)> = Vec::new();
    climb(start, &steps, progress, |config| {
        let key = [config.regularization, config.unobserved_weight];
        let found = fitted.iter().find(|(other, _)| *other == key);
        let factors = match found {
            Some((_, factors)) => factors.clone(),
            None => {
                let fitted_now = fit(&observed, config, seed, progress)?;
                let base = base(&fitted_now.item_factors, config.unobserved_weight, fitted_now.pull)?;
                let factors = Arc::new(Factors::new(fitted_now.item_factors, base));
                fitted.push((key, factors.clone()));
                factors
            }
        };
        trial.ndcg(&Ials::new(factors, popular.clone(), config), progress)
    })
}
