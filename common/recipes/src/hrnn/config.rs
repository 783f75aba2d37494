//! What may be set, and what follows from the size of the data.

use super::learner::Pace;
use crate::dataset::Histories;
use crate::neural::checkpoint::INTERVAL;
use crate::neural::learning::Rules;
use crate::params::Params;
use crate::sims::percentile_bounds;

/// Hyperparameters that are in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HrnnValidParams {
    /// Numbers of a state, and of an item's vector.
    pub hidden_dimension: usize,
    /// Events that gradients go back.
    pub bptt: usize,
    /// Whether recent events count more than old ones.
    pub recency_mask: bool,
    /// Users with shorter and with longer histories than these percentiles are not learned from.
    pub min_user_history_length_percentile: f64,
    pub max_user_history_length_percentile: f64,
}

impl HrnnValidParams {
    /// `None` if one of them has no value; `defaults` are for recipes that take none.
    pub fn settled(params: &Params) -> Self {
        Self {
            hidden_dimension: params.integer("hidden_dimension").unwrap_or(149),
            bptt: params.integer("bptt").unwrap_or(32),
            recency_mask: params.categorical("recency_mask").is_none_or(|value| value == "true"),
            min_user_history_length_percentile: params.continuous("min_user_history_length_percentile").unwrap_or(0.0),
            max_user_history_length_percentile: params.continuous("max_user_history_length_percentile").unwrap_or(0.99),
        }
    }

    /// The histories of the users who are learned from.
    pub fn learned_from(&self, histories: &Histories) -> Histories {
        let length = |user: &usize| histories.items_of(*user).len();
        let lengths: Vec<usize> = histories.users().map(|user| length(&user)).collect();
        let percentiles = (self.min_user_history_length_percentile, self.max_user_history_length_percentile);
        let (shortest, longest) = percentile_bounds(lengths, percentiles);
        let users: Vec<usize> = histories.users().filter(|user| (shortest..=longest).contains(&length(user))).collect();
        histories.of(&users)
    }
}

/// Products of numbers that a training may take on one set of histories, so that a million interactions with some
/// thousand items are learned in minutes on two cores.
const MAX_PRODUCTS: f64 = 8e12;

const N_EPOCHS: (usize, usize) = (2, 20);

/// Up to so many numbers a state takes all the epochs; wider networks learn in fewer, by their width.
const NARROW: f64 = 43.0;

/// Steps that an epoch should have; small data are learned in smaller steps.
const N_STEPS: usize = 60;

/// Steps that even the smallest data are learned with.
const LEAST_STEPS: usize = 360;

const N_SHARDS: (usize, usize) = (2, 4);
const N_LANES: (usize, usize) = (2, 16);

/// Epochs without a better score after which learning goes back and settles, and the part of all epochs if that is more.
const PATIENCE: usize = 3;
const PATIENT_PART: usize = 5;

/// How to learn so many events of so many candidates.
pub fn pace(params: &HrnnValidParams, n_events: usize, n_candidates: usize, seed: u64) -> (Pace, Rules) {
    let d = params.hidden_dimension as f64;
    // Scores and their two gradients; three products of a unit, each of three gates with inputs and state.
    let products_an_event = 3.0 * (d * n_candidates as f64 + 8.0 * d * d);
    let n_epochs = (MAX_PRODUCTS / (products_an_event * n_events.max(1) as f64)) as usize;
    let lanes = n_events / (params.bptt * N_STEPS);
    let n_shards = (lanes / N_LANES.1).clamp(N_SHARDS.0, N_SHARDS.1);
    let pace = Pace {
        seed,
        n_shards,
        lanes: (lanes / n_shards).clamp(N_LANES.0, N_LANES.1),
        bptt: params.bptt,
        dropout: 0.2,
        own_dropout: 0.1,
        decay: 0.0,
    };
    let most = (N_EPOCHS.1 as f64 * (NARROW / d).min(1.0)).ceil() as usize;
    let steps_an_epoch = n_events.div_ceil(pace.n_shards * pace.lanes * pace.bptt).max(1);
    let n_epochs = n_epochs.clamp(N_EPOCHS.0, most.max(LEAST_STEPS / steps_an_epoch));
    let rules = Rules {
        n_epochs,
        rate: 4e-3,
        // Adam's means are of few gradients at first.
        warm_up: 50,
        last_rate: 0.1,
        look_every: 1,
        patience: PATIENCE.max(n_epochs / PATIENT_PART) - 1,
        settling: 0.0,
        share_of_time: 0.8,
        keep_every: INTERVAL,
    };
    (pace, rules)
}

/// What an event counts by its time, if recent ones count more: 1 for the newest, three quarters at the median
/// time, a half for the oldest.
pub fn recency(histories: &Histories) -> impl Fn(i64) -> f32 + Sync + use<> {
    let mut times: Vec<i64> = histories.timestamps().iter().collect();
    let middle = times.len() / 2;
    let median = if times.is_empty() { 0 } else { *times.select_nth_unstable(middle).1 };
    let newest = times.iter().copied().max().unwrap_or(0);
    let half_life = (newest.saturating_sub(median) as f64).max(1.0);
    move |time_s| {
        let age = newest.saturating_sub(time_s).max(0) as f64;
        (0.5 + 0.5 * (-age / half_life).exp2()) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_events_count_more_whatever_the_times() {
        let weight = recency(&Histories::new(vec![0, 3], vec![0; 3], vec![0, 100, 200]));
        assert_eq!((weight(200), weight(100)), (1.0, 0.75));
        assert!(weight(-1_000_000_000) >= 0.5);
        for times in [vec![i64::MIN, 0, i64::MAX], vec![7; 3]] {
            let weight = recency(&Histories::new(vec![0, 3], vec![0; 3], times.clone()));
            assert!(times.iter().all(|time| (0.5..=1.0).contains(&weight(*time))));
        }
        assert!(recency(&Histories::default())(5) > 0.0);
    }

    #[test]
    fn users_with_unusual_histories_are_left_out() {
        let ends: Vec<usize> = (0..=10).map(|user| user * (user + 1) / 2).collect();
        let histories = Histories::new(ends, vec![0; 55], vec![0_i64; 55]);
        let params = HrnnValidParams {
            hidden_dimension: 32,
            bptt: 2,
            recency_mask: false,
            min_user_history_length_percentile: 0.2,
            max_user_history_length_percentile: 0.8,
        };
        let kept = params.learned_from(&histories);
        // Lengths 1 to 10.
        let lengths: Vec<usize> = kept.users().map(|user| kept.items_of(user).len()).collect();
        assert_eq!(lengths, [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(kept.row_of(0), 1);
    }

    #[test]
    fn much_data_gets_fewer_epochs() {
        let params = HrnnValidParams::settled(&crate::params::Params::none());
        let epochs = |n_events| pace(&params, n_events, 5000, 0).1.n_epochs;
        // 149 numbers, more than three times 43.
        assert_eq!(epochs(100_000), 6);
        assert!(epochs(1_000_000) < 6);
        // Eight steps an epoch.
        assert_eq!(epochs(1000), 360 / 8);
        assert_eq!(epochs(usize::MAX / 2), N_EPOCHS.0);
    }
}
