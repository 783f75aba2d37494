use super::config::TransitionsValidParams;
use super::source::Source;
use super::trial::Trial;
use crate::dataset::Histories;
use crate::params::Params;
use crate::training::{go_on, step};
use crate::{Progress, TrainError};

/// What a candidate has to be better by, lest chance decide, and one of many that are all tried.
const LEAST_GAIN: f64 = 1.001;
const LEAST_GAIN_OF_MANY: f64 = 1.003;

/// How much better nothing borrowed has to be, lest items go without for chance's sake.
const HARM: f64 = 1.01;

/// Share of the held-back events from which on items are taken to come back.
const SOME_REPEATS: f64 = 0.01;

/// Chooses the hyperparameters that were not given.
///
/// Each user's last event is held back and predicted from the others. One hyperparameter after the other
/// goes up or down its list of candidates as long as NDCG at 25 grows, twice round; of `query_fade_days` all are
/// tried, once. Held-back events count by their weights. `seen_weight` is 1 or 0 by [`SOME_REPEATS`]: the last event
/// alone would speak against items that come back, since few are bought twice in one basket. What is borrowed comes
/// last, and something is unless it does harm: few of the held-back events are with the items that it is for.
pub fn choose(
    histories: &Histories,
    source: &Source<'_>,
    given: &Params,
    seed: u64,
    progress: &dyn Progress,
) -> Result<TransitionsValidParams, TrainError> {
    let mut start = TransitionsValidParams::start(given);
    if TransitionsValidParams::settled(given).is_some() {
        return Ok(start);
    }
    if given.continuous("seen_weight").is_none() {
        start.seen_weight = if share_of_repeats(histories) < SOME_REPEATS { 0.0 } else { 1.0 };
    }
    let mut search =
        Search { trial: Trial::new(histories, source, seed, &start, progress)?, best: start, score: 0.0, progress };
    search.score = search.trial.score(&search.best, progress)?;
    let told = |name: &str, done: usize| {
        let n_steps = ROUNDS[0].len() + ROUNDS[1].len() + 1;
        step(progress, &format!("choosing {name}"), 0.5 * done as f64 / n_steps as f64)
    };
    let open = |step: &&Step| !given.settles(step.0);
    let mut n_done = 0;
    for (name, values, set) in ROUNDS.iter().flat_map(|round| round.iter()).filter(open) {
        told(name, n_done)?;
        if *name == QUERY_FADE_DAYS.0 {
            search.any_of(values, *set)?;
        } else {
            search.along(values, *set)?;
        }
        n_done += 1;
    }
    if given.continuous(BORROWED_EVENTS.0).is_none() && search.trial.loans.is_some() {
        told(BORROWED_EVENTS.0, n_done)?;
        let (without, score) = (search.best.clone(), search.score);
        search.best.borrowed_events = BORROWED_EVENTS.1[1];
        search.score = search.trial.score(&search.best, progress)?;
        search.along(BORROWED_EVENTS.1, BORROWED_EVENTS.2)?;
        if score > search.score * HARM {
            search.best = without;
        }
    }
    Ok(search.best)
}

/// How many of the users' last events are with an item that the user had before.
fn share_of_repeats(histories: &Histories) -> f64 {
    let lasts = || histories.users().filter_map(|user| histories.items_of(user).split_last());
    let asked = lasts().filter(|(_, before)| !before.is_empty()).count();
    lasts().filter(|(last, before)| before.contains(last)).count() as f64 / asked.max(1) as f64
}

/// A hyperparameter, its candidates in order, and how to set it.
type Step = (&'static str, &'static [f64], Set);
type Set = fn(&mut TransitionsValidParams, f64);

const BACKWARD_WEIGHT: Step =
    ("backward_weight", &[0.0, 0.3, 0.6, 1.0], |config, value| config.backward_weight = value);
const FADE_DAYS: Step = ("fade_days", &[0.0, 720.0, 180.0, 45.0], |config, value| config.fade_days = value);
/// From minutes to half a year, in no way that one value would lead to the next.
const QUERY_FADE_DAYS: Step =
    ("query_fade_days", &[0.001, 0.01, 1.0, 10.0, 45.0, 180.0], |config, value| config.query_fade_days = value);
const BORROWED_EVENTS: Step =
    ("borrowed_events", &[2.0, 5.0, 10.0, 20.0], |config, value| config.borrowed_events = value);
const COUNT_POWER: Step = ("count_power", &[0.4, 0.5, 0.6, 0.7, 0.85, 1.0], |config, value| config.count_power = value);
const FROM_POWER: Step =
    ("from_power", &[0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0], |config, value| config.from_power = value);
const TO_POWER: Step = ("to_power", &[0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5], |config, value| config.to_power = value);
const HALF_LIFE: Step = ("half_life", &[1.0, 1.5, 2.0, 3.0, 4.5, 7.0, 12.0], |config, value| config.half_life = value);
const HISTORY_LENGTH: Step =
    ("history_length", &[5.0, 10.0, 20.0, 40.0], |config, value| config.history_length = value as usize);
const WINDOW: Step = ("window", &[5.0, 10.0, 20.0, 40.0], |config, value| config.window = value as usize);

/// The second round is for what depends on other choices most.
const ROUNDS: [&[Step]; 2] = [
    &[
        BACKWARD_WEIGHT,
        FROM_POWER,
        COUNT_POWER,
        QUERY_FADE_DAYS,
        HALF_LIFE,
        TO_POWER,
        FADE_DAYS,
        WINDOW,
        HISTORY_LENGTH,
    ],
    &[FROM_POWER, COUNT_POWER, HALF_LIFE, TO_POWER, BACKWARD_WEIGHT],
];

/// The best candidate so far.
struct Search<'a> {
    trial: Trial,
    best: TransitionsValidParams,
    score: f64,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    /// Goes from the value in force up the list, and if that does not help down, as long as it helps.
    fn along(&mut self, values: &[f64], set: Set) -> Result<(), TrainError> {
        let here = values.iter().position(|value| self.with(*value, set) == self.best).unwrap_or(0);
        let mut climbed = false;
        for value in &values[here + 1..] {
            if !self.try_one(*value, set)? {
                break;
            }
            climbed = true;
        }
        if !climbed {
            for value in values[..here].iter().rev() {
                if !self.try_one(*value, set)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tries all of them beside the value in force.
    fn any_of(&mut self, values: &[f64], set: Set) -> Result<(), TrainError> {
        let (before, score) = (self.best.clone(), self.score);
        for value in values {
            self.try_one(*value, set)?;
        }
        if self.score <= score * LEAST_GAIN_OF_MANY {
            (self.best, self.score) = (before, score);
        }
        Ok(())
    }

    fn with(&self, value: f64, set: Set) -> TransitionsValidParams {
        let mut candidate = self.best.clone();
        set(&mut candidate, value);
        candidate
    }

    fn try_one(&mut self, value: f64, set: Set) -> Result<bool, TrainError> {
        go_on(self.progress)?;
        let candidate = self.with(value, set);
        let score = self.trial.score(&candidate, self.progress)?;
        let better = score > self.score * LEAST_GAIN;
        if better {
            (self.best, self.score) = (candidate, score);
        }
        Ok(better)
    }
}
