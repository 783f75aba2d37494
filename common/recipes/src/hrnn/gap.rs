//! After which pause a new session begins.

use crate::dataset::Histories;

/// Pauses that are read; of more, evenly many are left out.
const MAX_PAUSES: usize = 200_000;

/// Where there are too few pauses to tell two kinds apart: half an hour, as web analytics has it.
const UNKNOWN_S: i64 = 1800;

/// Fewer pauses than this tell nothing.
const LEAST_PAUSES: usize = 50;

const ROUNDS: usize = 100;

/// The pause, in seconds, that is as likely one between two sessions as one within.
///
/// Halfaker et al. (2015), "User Session Identification Based on Strong Regularities in Inter-activity Time": the
/// logarithms of pauses are of two normal distributions, those within sessions and those between them, found by
/// expectation and maximisation; a session ends where the second becomes the likelier one. Events of one moment
/// are of one session. Half an hour if the pauses are of one kind, or too few to tell.
pub fn session_gap_s(histories: &Histories) -> i64 {
    let n_pauses = histories.n_events().saturating_sub(histories.n_users());
    let every = n_pauses.div_ceil(MAX_PAUSES).max(1);
    let pauses = histories.users().flat_map(|user| {
        let times = histories.timestamps_of(user);
        let pairs = times.iter().zip(times.iter().skip(1)).collect::<Vec<_>>();
        pairs.into_iter().map(|(before, after)| after.saturating_sub(before))
    });
    let logs: Vec<f64> =
        pauses.step_by(every).filter(|pause_s| *pause_s > 0).map(|pause_s| (pause_s as f64).ln()).collect();
    let gap_s = crossing(logs).map_or(UNKNOWN_S, |log| log.exp().round() as i64);
    gap_s.max(1)
}

/// A weighted normal distribution.
#[derive(Clone, Copy, Debug)]
struct Kind {
    share: f64,
    mean: f64,
    deviation: f64,
}

impl Kind {
    fn density(&self, x: f64) -> f64 {
        self.share / self.deviation * (-0.5 * ((x - self.mean) / self.deviation).powi(2)).exp()
    }
}

/// Where the greater of two kinds becomes the likelier one; `None` if there are no two.
fn crossing(mut logs: Vec<f64>) -> Option<f64> {
    if logs.len() < LEAST_PAUSES {
        return None;
    }
    logs.sort_unstable_by(f64::total_cmp);
    let [mut short, mut long] = start(&logs);
    for _ in 0..ROUNDS {
        let of_long: Vec<f64> = logs
            .iter()
            .map(|x| {
                let (short, long) = (short.density(*x), long.density(*x));
                // Far from both, the nearer mean decides.
                if short + long > 0.0 { long / (short + long) } else { f64::from(u8::from(*x > logs[logs.len() / 2])) }
            })
            .collect();
        short = fitted(&logs, |place| 1.0 - of_long[place])?;
        long = fitted(&logs, |place| of_long[place])?;
    }
    // The two halves of one kind lie closer: 1.3 times the sum of deviations if it is normal, 1.7 if it is even.
    if long.mean - short.mean < 2.0 * (short.deviation + long.deviation) {
        return None;
    }
    let (mut low, mut high) = (short.mean, long.mean);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if long.density(middle) > short.density(middle) { high = middle } else { low = middle }
    }
    Some(0.5 * (low + high))
}

/// Most pauses are short, and some of the longest are of the other kind.
fn start(logs: &[f64]) -> [Kind; 2] {
    let kind = |mean| Kind { share: 0.5, mean, deviation: 1.0 };
    let at = |share: f64| logs[((logs.len() - 1) as f64 * share) as usize];
    [kind(at(0.25)), kind(at(0.98))]
}

fn fitted(logs: &[f64], weight: impl Fn(usize) -> f64) -> Option<Kind> {
    let (mut total, mut sum) = (0.0, 0.0);
    for (place, x) in logs.iter().enumerate() {
        total += weight(place);
        sum += weight(place) * x;
    }
    let share = total / logs.len() as f64;
    // A kind of which hardly anything is seen is none.
    if share < 1e-3 {
        return None;
    }
    let mean = sum / total;
    let squares: f64 = logs.iter().enumerate().map(|(place, x)| weight(place) * (x - mean).powi(2)).sum();
    // Times in whole units can all be alike.
    Some(Kind { share, mean, deviation: (squares / total).sqrt().max(0.1) })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// One user with these pauses.
    fn histories(pauses_s: &[i64]) -> Histories {
        let mut times = vec![0];
        for pause_s in pauses_s {
            times.push(times[times.len() - 1] + pause_s);
        }
        Histories::new(vec![0, times.len()], vec![0; times.len()], times)
    }

    #[test]
    fn the_gap_lies_between_pauses_within_and_between_sessions() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let pauses: Vec<i64> = (0..2000)
            .map(|event| if event % 10 == 9 { rng.random_range(40_000..400_000) } else { rng.random_range(5..120) })
            .collect();
        let gap_s = session_gap_s(&histories(&pauses));
        assert!((120..40_000).contains(&gap_s), "{gap_s}");
    }

    #[test]
    fn pauses_of_one_kind_or_too_few_tell_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let alike: Vec<i64> = (0..2000).map(|_| rng.random_range(50..150)).collect();
        assert_eq!(session_gap_s(&histories(&alike)), UNKNOWN_S);
        assert_eq!(session_gap_s(&histories(&[60; 2000])), UNKNOWN_S);
        assert_eq!(session_gap_s(&histories(&[0; 2000])), UNKNOWN_S);
        assert_eq!(session_gap_s(&histories(&[5, 100_000, 7])), UNKNOWN_S);
        assert_eq!(session_gap_s(&Histories::default()), UNKNOWN_S);
    }

    #[test]
    fn times_that_are_no_times_of_people_do_not_break_it() {
        let wild = Histories::new(vec![0, 4], vec![0; 4], vec![i64::MIN, -5, 7, i64::MAX]);
        assert!(session_gap_s(&wild) > 0);
    }
}
