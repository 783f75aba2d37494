//! The forms that a signed request's time has.

use serde_json::Value;

use crate::wire::Timestamp;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `20150830T123600Z`, the form of X-Amz-Date, in milliseconds since the epoch.
pub(super) fn parse_basic(text: &str) -> Option<u64> {
    let part = |at: usize, length: usize| text.get(at..at + length);
    if text.len() != 16 || part(8, 1) != Some("T") || part(15, 1) != Some("Z") {
        return None;
    }
    milliseconds(part(0, 4)?, part(4, 2)?, part(6, 2)?, &[part(9, 2)?, part(11, 2)?, part(13, 2)?].join(":"))
}

/// `Sun, 30 Aug 2015 12:36:00 GMT`, the form of HTTP's Date.
pub(super) fn parse_http(text: &str) -> Option<u64> {
    let mut words = text.split(' ').skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if words.next() != Some("GMT") || words.next().is_some() || time.len() != 8 {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    milliseconds(year, &format!("{month:02}"), day, time)
}

fn milliseconds(year: &str, month: &str, day: &str, time: &str) -> Option<u64> {
    let text = Value::String(format!("{year}-{month}-{day}T{time}Z"));
    u64::try_from(Timestamp::from_json(&text)?.0).ok()
}

/// The inverse of [`parse_basic`]; milliseconds are left out.
pub(super) fn basic(at_ms: u64) -> String {
    let (year, month, day) = civil(at_ms);
    let [hour, minute, second] = clock(at_ms);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// `2015-08-30T12:36:00Z`, for people.
pub(super) fn extended(at_ms: u64) -> String {
    let (year, month, day) = civil(at_ms);
    let [hour, minute, second] = clock(at_ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn clock(at_ms: u64) -> [u64; 3] {
    let seconds = at_ms / 1000;
    [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
}

/// Year, month and day by the civil calendar, counted in years that begin in March.
fn civil(at_ms: u64) -> (u64, u64, u64) {
    let days = at_ms / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_headers_say_the_same_time() {
        // `date -u -d '2015-08-30 12:36:00' +%s`
        assert_eq!(parse_basic("20150830T123600Z"), Some(1_440_938_160_000));
        assert_eq!(parse_http("Sun, 30 Aug 2015 12:36:00 GMT"), Some(1_440_938_160_000));
        assert_eq!(extended(1_440_938_160_999), "2015-08-30T12:36:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20151330T123600Z",
            "2015-08-30T12:36Z",
            "日本語日本語日",
            "19000101T000000Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
        for text in ["", "Sun, 30 Aug 2015 12:36:00 CET", "Sun, 30 Agu 2015 12:36:00 GMT", "30 Aug 2015 12:36:00 GMT x"]
        {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_that_was_written_is_read_again(seconds in 0_u64..253_402_300_800) {
            prop_assert_eq!(parse_basic(&basic(seconds * 1000)), Some(seconds * 1000));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = (parse_basic(&text), parse_http(&text));
        }
    }
}
