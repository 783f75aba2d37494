use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

/// A moment, in milliseconds since the Unix epoch; on the wire a JSON number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads what clients send: seconds as a number or a numeric string, or ISO 8601 in UTC or with an offset.
    pub fn from_json(value: &Value) -> Option<Self> {
        let seconds = match value {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => match text.parse::<f64>() {
                Ok(seconds) => seconds,
                Err(_) => return parse_iso(text).map(Self),
            },
            _ => return None,
        };
        // Years 1 to 9999, as ISO 8601 and every SDK's date type have it.
        (-62_135_596_800.0..253_402_300_800.0).contains(&seconds).then(|| Self((seconds * 1000.0).round() as i64))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            return serializer.serialize_i64(self.0 / 1000);
        }
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_json(&value).ok_or_else(|| D::Error::custom("not a time"))
    }
}

/// `2026-11-23T19:53:39[.123][Z|+01:00]`, in milliseconds since the epoch.
fn parse_iso(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let separator = |at: usize, of: &[u8]| text.as_bytes().get(at).is_some_and(|byte| of.contains(byte));
    if !(separator(4, b"-") && separator(7, b"-")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1 {
        return None;
    }
    // Days from the civil calendar to the epoch, with the year beginning in March.
    let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * shifted_month + 2) / 5 + day - 1;
    let days = era * 146_097 + day_of_era - 719_468;
    let mut millis = days * 86_400_000;
    if text.len() == 10 {
        return Some(millis);
    }
    if !(separator(10, b"Tt ") && separator(13, b":") && separator(16, b":")) {
        return None;
    }
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    millis += (hour * 3600 + minute * 60 + second) * 1000;
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        millis += (format!("0.{}", &fraction[..end]).parse::<f64>().ok()? * 1000.0).round() as i64;
        rest = &fraction[end..];
    }
    if matches!(rest, "" | "Z" | "z") {
        return Some(millis);
    }
    let (sign, offset) = match rest.split_at_checked(1)? {
        ("+", offset) => (1, offset),
        ("-", offset) => (-1, offset),
        _ => return None,
    };
    let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2))?;
    Some(millis - sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn clients_may_write_a_time_in_several_ways() {
        for value in [
            json!(1_542_392_161.837),
            json!("1542392161.837"),
            json!("2018-11-16T18:16:01.837Z"),
            json!("2018-11-16T19:16:01.837+01:00"),
        ] {
            assert_eq!(Timestamp::from_json(&value), Some(Timestamp(1_542_392_161_837)), "{value}");
        }
        for value in [
            json!("soon"),
            json!("2018-13-01"),
            json!(null),
            json!(1e18),
            json!("2018-11-16T25:00:00Z"),
            json!("日本語日本語"),
        ] {
            assert_eq!(Timestamp::from_json(&value), None, "{value}");
        }
    }

    #[test]
    fn a_time_leaves_as_seconds_with_milliseconds() {
        assert_eq!(serde_json::to_string(&Timestamp(1_542_392_161_837)).unwrap(), "1542392161.837");
        assert_eq!(serde_json::to_string(&Timestamp(1_542_392_161_000)).unwrap(), "1542392161");
    }
}
