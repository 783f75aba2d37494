//! Events over time.

use std::collections::BTreeMap;

use super::report::{Period, Times};

const DAY_S: i64 = 86_400;
/// More than this many days are told by month.
const MOST_DAYS: usize = 366;
/// Seconds as large as this are milliseconds: they would be of the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;
/// Seconds as small as this are days, hours, minutes or nothing: they would be of March 1973.
const TOO_SMALL: i64 = 100_000_000;

/// How many events there were on which day, by type.
pub(super) struct Days {
    now_s: i64,
    /// By type, then by days since 1970.
    by_type: Vec<Vec<u64>>,
    span: Option<(i64, i64)>,
    n_milliseconds: u64,
    n_too_small: u64,
    n_future: u64,
}

impl Days {
    pub fn new(now_s: i64) -> Self {
        Self { now_s, by_type: Vec::new(), span: None, n_milliseconds: 0, n_too_small: 0, n_future: 0 }
    }

    /// Adds an event of a type by its number.
    #[inline]
    pub fn add(&mut self, timestamp_s: i64, event_type: usize) {
        let (first, last) = self.span.unwrap_or((timestamp_s, timestamp_s));
        self.span = Some((first.min(timestamp_s), last.max(timestamp_s)));
        if timestamp_s >= MILLISECONDS {
            self.n_milliseconds += 1;
        } else if timestamp_s < TOO_SMALL {
            self.n_too_small += 1;
        } else if timestamp_s > self.now_s.saturating_add(DAY_S) {
            self.n_future += 1;
        } else {
            let day = (timestamp_s / DAY_S) as usize;
            if self.by_type.len() <= event_type {
                self.by_type.resize_with(event_type + 1, Vec::new);
            }
            let days = &mut self.by_type[event_type];
            if days.len() <= day {
                days.resize(day + 1, 0);
            }
            days[day] += 1;
        }
    }

    pub fn finish(self, types: &[String]) -> Option<Times> {
        let (first_s, last_s) = self.span?;
        let mut days: BTreeMap<i64, BTreeMap<&str, u64>> = BTreeMap::new();
        for (event_type, counts) in self.by_type.iter().enumerate() {
            for (day, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let name = types.get(event_type).map_or("", String::as_str);
                *days.entry(day as i64).or_default().entry(name).or_default() += count;
            }
        }
        let monthly = days.len() > MOST_DAYS;
        let mut periods: Vec<Period> = Vec::new();
        for (day, by_type) in days {
            let (year, month, day) = date(day);
            let from = if monthly { format!("{year:04}-{month:02}") } else { format!("{year:04}-{month:02}-{day:02}") };
            if periods.last().is_none_or(|last| last.from != from) {
                periods.push(Period { from, events: 0, by_type: BTreeMap::new() });
            }
            let Some(period) = periods.last_mut() else { continue };
            for (name, count) in by_type {
                period.events += count;
                if !name.is_empty() {
                    *period.by_type.entry(name.to_owned()).or_default() += count;
                }
            }
        }
        Some(Times {
            first_s,
            last_s,
            unit: if monthly { "month" } else { "day" }.to_owned(),
            periods,
            in_milliseconds: self.n_milliseconds,
            too_small: self.n_too_small,
            in_future: self.n_future,
        })
    }
}

/// The day of a moment in UTC: `2026-11-23`.
pub(crate) fn date_of(timestamp_s: i64) -> String {
    let (year, month, day) = date(timestamp_s.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a number of days since 1970.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    // The calendar repeats every 146,097 days; its year begins in March, so that the leap day is its last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (-1, (1969, 12, 31)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn times_that_are_no_seconds_are_told_apart() {
        let mut days = Days::new(1_700_000_000);
        for timestamp_s in [1_699_000_000, 1_699_000_000_000, 19_675, i64::MIN, i64::MAX, 1_800_000_000] {
            days.add(timestamp_s, 0);
        }
        let times = days.finish(&[]).unwrap();
        assert_eq!((times.in_milliseconds, times.too_small, times.in_future), (2, 2, 1));
        let periods: Vec<(&str, u64)> = times.periods.iter().map(|day| (day.from.as_str(), day.events)).collect();
        assert_eq!(periods, [("2023-11-03", 1)]);
    }

    #[test]
    fn more_than_a_year_is_told_by_month() {
        let mut days = Days::new(1_700_000_000);
        for day in 0..400 {
            days.add(1_600_000_000 + day * DAY_S, (day % 2) as usize);
        }
        let times = days.finish(&["watch".into(), "buy".into()]).unwrap();
        assert_eq!(times.unit, "month");
        assert_eq!(times.periods.iter().map(|month| month.events).sum::<u64>(), 400);
        let second = &times.periods[1];
        // The 1st of October is the 18th day after the first, and every other one from there on is of the first type.
        assert_eq!((second.from.as_str(), second.events, second.by_type["watch"]), ("2020-10", 31, 16));
    }
}
