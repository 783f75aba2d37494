use std::sync::Arc;

use super::config::IalsValidParams;
use super::fit::{Course, Fitted, Source};
use super::record::ByRecord;
use super::scorer::{Factors, Ials};
use crate::dataset::Histories;
use crate::features::Features;
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::{Memo, Step, Trial, climb, open, seen_weight};
use crate::{Progress, TrainError};

const STEPS: [Step<IalsValidParams>; 4] = [
    Step {
        name: "regularization",
        values: &[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
        set: |config, value| config.regularization = value,
    },
    Step {
        name: "unobserved_weight",
        values: &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        set: |config, value| config.unobserved_weight = value,
    },
    Step {
        name: "half_life",
        values: &[0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 40.0],
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

/// Iterations from the factors of the candidate before, which are not far.
const WARM_ITERATIONS: usize = 3;

/// What the expectation by a user's metadata may count beside events. Any of them orders items for users without events
/// in the same way.
const RECORD_WEIGHTS: [f32; 4] = [0.03, 0.1, 0.3, 1.0];

/// What a model is made with.
pub struct Choice {
    pub config: IalsValidParams,
    /// See [`RECORD_WEIGHTS`].
    pub record_weight: f32,
}

/// Chooses what was not given, by what users' held-back last events say.
///
/// # Errors
/// [`TrainError::Stopped`], [`TrainError::Numerical`]
pub fn choose(
    source: &Source<'_>,
    histories: &Histories,
    given: &Params,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Choice, TrainError> {
    let mut start = IalsValidParams::start(given);
    if given.continuous("seen_weight").is_none() {
        start.seen_weight = seen_weight(histories);
    }
    let steps = open(&STEPS, &ORDER, given);
    let has_records = source.metadata.encoder.len() > 0;
    if steps.is_empty() && !has_records {
        return Ok(Choice { config: start, record_weight: 1.0 });
    }
    let trial = Trial::draw(histories, seed);
    let popular = Popular::count(&trial.histories, source.dataset.items().len());
    let observed = source.observed(&trial.histories);
    let none = Features::default();
    let mut fitted = Memo::<_, Factors>::default();
    let config = climb(start, &steps, progress, |config| {
        let factors = fitted.of([config.regularization, config.unobserved_weight], |last| {
            let last = last.map(|factors| &factors.items);
            let few = config.iterations.min(WARM_ITERATIONS);
            let iterations = if last.is_some() { few } else { config.iterations };
            let config = IalsValidParams { iterations, ..config.clone() };
            let course =
                Course { config: &config, items: &none, users: &none, start: last, seed, progress, span: None };
            let Fitted { item_factors, base, .. } = course.run(&observed)?;
            Ok(Factors::new(item_factors, base, None))
        })?;
        trial.ndcg(&Ials::new(factors, popular.clone(), config, 1.0), progress)
    })?;
    let mut choice = Choice { config, record_weight: RECORD_WEIGHTS[0] };
    if !has_records {
        return Ok(choice);
    }
    progress.report("choosing what metadata count", 0.45);
    let users = source.metadata.users_of(&trial.histories);
    let course =
        Course { config: &choice.config, items: &none, users: &users, start: None, seed, progress, span: None };
    let Fitted { item_factors, base, user_map } = course.run(&observed)?;
    let by_record = user_map.map(|map| ByRecord::new(&source.metadata.encoder, &map));
    let factors = Arc::new(Factors::new(item_factors, base, by_record));
    let mut reached = f64::NEG_INFINITY;
    for record_weight in RECORD_WEIGHTS {
        let scorer = Ials::new(factors.clone(), popular.clone(), &choice.config, record_weight);
        let record = |row| Some(source.dataset.user_columns().record(row));
        let score = trial.ndcg_with(&scorer, record, progress)?;
        if score > reached {
            (reached, choice.record_weight) = (score, record_weight);
        }
    }
    Ok(choice)
}
