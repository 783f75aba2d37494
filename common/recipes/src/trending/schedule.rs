use crate::params::Params;

const HOUR_S: i64 = 3600;
/// Evaluations are not further apart, however long an interval is.
const MAX_REFRESH_S: i64 = 2 * HOUR_S;

/// When trends are evaluated, and over what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval_s: i64,
}

/// Two intervals, one after the other: `begin_s..middle_s` and `middle_s..end_s`, in seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intervals {
    pub begin_s: i64,
    pub middle_s: i64,
    /// The moment of the evaluation: what happens later does not count.
    pub end_s: i64,
}

impl Schedule {
    /// Of `trend_discovery_frequency`; two hours for a recipe without it.
    pub(super) fn of(params: &Params) -> Self {
        let interval_s = match params.categorical("trend_discovery_frequency") {
            Some("30 minutes") => HOUR_S / 2,
            Some("1 hour") => HOUR_S,
            Some("3 hours") => 3 * HOUR_S,
            Some("1 day") => 24 * HOUR_S,
            _ => 2 * HOUR_S,
        };
        Self { interval_s }
    }

    /// Seconds between two evaluations.
    pub fn refresh_s(&self) -> i64 {
        self.interval_s.min(MAX_REFRESH_S)
    }

    /// The intervals of the newest evaluation at a moment. Evaluations stand at whole multiples of
    /// [`Schedule::refresh_s`], so that all who serve a model evaluate at the same moments.
    pub fn at(&self, now_s: i64) -> Intervals {
        let refresh_s = self.refresh_s();
        let end_s = now_s.saturating_sub(now_s.rem_euclid(refresh_s));
        let middle_s = end_s.saturating_sub(self.interval_s);
        Intervals { begin_s: middle_s.saturating_sub(self.interval_s), middle_s, end_s }
    }
}

impl Intervals {
    /// 0 for the earlier interval, 1 for the later, `None` outside of both.
    pub fn place_of(&self, timestamp_s: i64) -> Option<usize> {
        (self.begin_s..self.end_s).contains(&timestamp_s).then_some(usize::from(timestamp_s >= self.middle_s))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::describe;

    fn schedule(frequency: &str) -> Schedule {
        let given = BTreeMap::from([("trend_discovery_frequency".to_owned(), frequency.to_owned())]);
        Schedule::of(&Params::check(describe("aws-trending-now").unwrap(), &given).unwrap())
    }

    #[test]
    fn every_frequency_has_its_interval_and_is_refreshed_every_two_hours_at_least() {
        for (frequency, interval_s, refresh_s) in [
            ("30 minutes", 1800, 1800),
            ("1 hour", 3600, 3600),
            ("2 hours", 7200, 7200),
            ("3 hours", 10_800, 7200),
            ("1 day", 86_400, 7200),
        ] {
            let schedule = schedule(frequency);
            assert_eq!((schedule.interval_s, schedule.refresh_s()), (interval_s, refresh_s), "{frequency}");
        }
        let of_use_case = Params::check(describe("aws-vod-trending-now").unwrap(), &BTreeMap::new()).unwrap();
        assert_eq!(Schedule::of(&of_use_case), schedule("2 hours"));
    }

    #[test]
    fn an_evaluation_holds_until_the_next() {
        let schedule = schedule("1 day");
        let intervals = schedule.at(100 * 7200 + 7199);
        assert_eq!((intervals.end_s, intervals.middle_s, intervals.begin_s), (720_000, 633_600, 547_200));
        assert_eq!(schedule.at(720_000), intervals);
        assert_ne!(schedule.at(719_999), intervals);
        let places = [547_199, 547_200, 633_599, 633_600, 719_999, 720_000].map(|time| intervals.place_of(time));
        assert_eq!(places, [None, Some(0), Some(0), Some(1), Some(1), None]);
        assert_eq!(schedule.at(-1).end_s, -7200);
        assert!(schedule.at(i64::MIN).begin_s <= schedule.at(i64::MAX).begin_s);
    }
}
