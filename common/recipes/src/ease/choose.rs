use super::config::EaseValidParams;
use super::fit::{approximate, exact};
use super::gram::{Symmetric, baskets, gram};
use super::{blocks, scorer::Linear};
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::{Memo, Step, Trial, climb, open, seen_weight};
use crate::{Progress, TrainError};

/// Up to so many items the search solves exactly, which takes about a second on two cores.
const EXACT_ITEMS: usize = 5000;

/// Size of the blocks that it solves otherwise.
const BLOCK: usize = 100;

const STEPS: [Step<EaseValidParams>; 3] = [
    Step {
        name: "regularization",
        values: &[10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0],
        set: |config, value| config.regularization = value,
    },
    Step {
        name: "half_life",
        values: &[0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.5, 7.0, 12.0, 25.0, 50.0],
        set: |config, value| config.half_life = value,
    },
    Step {
        name: "history_length",
        values: &[5.0, 10.0, 20.0, 40.0, 100.0],
        set: |config, value| config.history_length = value as usize,
    },
];

/// Regularization once more at the end, since a shorter memory asks for smaller weights.
const ORDER: [usize; 5] = [1, 0, 2, 1, 0];

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
) -> Result<EaseValidParams, TrainError> {
    let mut start = EaseValidParams::start(given);
    if EaseValidParams::settled(given).is_some() {
        return Ok(start);
    }
    if given.continuous("seen_weight").is_none() {
        start.seen_weight = seen_weight(histories);
    }
    let steps = open(&STEPS, &ORDER, given);
    if steps.is_empty() {
        return Ok(start);
    }
    let trial = Trial::draw(histories, seed);
    let popular = Popular::count(&trial.histories, n_items);
    let baskets = baskets(&trial.histories);
    let counted = if n_items <= start.exact_items.min(EXACT_ITEMS) {
        Counted::Dense(gram(&baskets, n_items, progress)?)
    } else {
        Counted::Sparse(blocks::sparse_gram(&baskets, n_items, progress)?)
    };
    let mut solved = Memo::default();
    climb(start, &steps, progress, |config| {
        let rows = solved.of(config.regularization, |_| match &counted {
            Counted::Dense(gram) => exact(gram.clone(), config, progress),
            Counted::Sparse(gram) => approximate(gram, config, BLOCK, progress),
        })?;
        trial.ndcg(&Linear::new(rows, popular.clone(), config), progress)
    })
}

enum Counted {
    Dense(Symmetric),
    Sparse(SparseRows),
}
