use super::config::SessionKnnValidParams;
use super::index::Index;
use super::scorer::Neighbourhood;
use crate::dataset::Histories;
use crate::params::Params;
use crate::popularity::Popular;
use crate::search::{Memo, Step, Trial, climb, open, seen_weight};
use crate::{Progress, TrainError};

const STEPS: [Step<SessionKnnValidParams>; 6] = [
    Step {
        name: "session_gap_minutes",
        // Half an hour, a day, a month, never.
        values: &[30.0, 1440.0, 43_200.0, 0.0],
        set: |config, value| config.session_gap_minutes = value as usize,
    },
    Step {
        name: "half_life",
        // The linear decay, 0, stands where it is most alike.
        values: &[10.0, 5.0, 0.0, 3.0, 2.0, 1.0, 0.5],
        set: |config, value| config.half_life = value,
    },
    Step { name: "length_power", values: &[0.0, 0.25, 0.5, 0.75], set: |config, value| config.length_power = value },
    Step {
        name: "spread",
        values: &[0.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0],
        set: |config, value| config.spread = value,
    },
    Step {
        name: "idf_power",
        values: &[0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0],
        set: |config, value| config.idf_power = value,
    },
    Step {
        name: "fade_days",
        values: &[0.0, 1000.0, 365.0, 180.0, 90.0, 45.0, 20.0, 10.0],
        set: |config, value| config.fade_days = value,
    },
];

/// What depends on other choices most comes twice.
const ORDER: [usize; 10] = [0, 1, 2, 3, 4, 5, 1, 2, 3, 4];

/// Chooses the hyperparameters that were not given, by what users' held-back last events say.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn choose(
    histories: &Histories,
    n_items: usize,
    given: &Params,
    seed: u64,
    progress: &dyn Progress,
) -> Result<SessionKnnValidParams, TrainError> {
    let mut start = SessionKnnValidParams::start(given);
    if SessionKnnValidParams::settled(given).is_some() {
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
    // Indexes by the pause that they were cut by.
    let mut built = Memo::default();
    climb(start, &steps, progress, |config| {
        let index = built.of(config.gap_s(), |_| {
            Index::build(&trial.histories, n_items, config.gap_s(), config.sessions_per_item, progress)
        })?;
        trial.ndcg(&Neighbourhood::new(index, popular.clone(), config), progress)
    })
}
