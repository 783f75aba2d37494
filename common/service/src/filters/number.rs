use std::cmp::Ordering;
use std::fmt;

/// A number of an expression or a request: whole numbers keep all their digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// Finite.
    Float(f64),
}

impl Number {
    /// Reads `-12`, `0.5`, `.5` or `1e9`; what is too long for an `i64` becomes a float.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Self::Int(whole));
        }
        // Rust also reads `inf` and `nan`.
        let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
        let float: f64 = text.parse().ok().filter(|float: &f64| plain && float.is_finite())?;
        Some(Self::Float(float))
    }

    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    /// How a whole number stands to this one, exactly.
    pub fn order_of_int(self, value: i64) -> Ordering {
        const TOO_BIG: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Int(whole) => value.cmp(&whole),
            Self::Float(float) if float >= TOO_BIG => Ordering::Less,
            Self::Float(float) if float < -TOO_BIG => Ordering::Greater,
            Self::Float(float) => {
                let whole = float.floor();
                let order = value.cmp(&(whole as i64));
                if order == Ordering::Equal && float > whole { Ordering::Less } else { order }
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(whole) => write!(f, "{whole}"),
            // `{:?}` keeps the fraction or exponent that tells a float from a whole number.
            Self::Float(float) => write!(f, "{float:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_are_read_and_shown_alike() {
        for text in ["0", "-12", "9223372036854775807", "0.5", "1e300", "1e-7", "-2.0"] {
            assert_eq!(Number::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Number::parse("92233720368547758070"), Some(Number::Float(92233720368547758070.0)));
        for text in ["", "-", ".", "inf", "NaN", "1e999", "0x10", "1 2", "٣", "infinity"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_and_floats_compare_without_rounding() {
        let around = |float: f64, value: i64| Number::Float(float).order_of_int(value);
        assert_eq!(around(1.5, 1), Ordering::Less);
        assert_eq!(around(1.5, 2), Ordering::Greater);
        assert_eq!(around(-1.5, -1), Ordering::Greater);
        assert_eq!(around(-1.5, -2), Ordering::Less);
        assert_eq!(around(2.0, 2), Ordering::Equal);
        // As floats both would be 2^53.
        assert_eq!(around(9_007_199_254_740_992.0, 9_007_199_254_740_993), Ordering::Greater);
        assert_eq!(around(1e19, i64::MAX), Ordering::Less);
        assert_eq!(around(9_223_372_036_854_775_808.0, i64::MAX), Ordering::Less);
        assert_eq!(around(-9_223_372_036_854_775_808.0, i64::MIN), Ordering::Equal);
        assert_eq!(around(-1e19, i64::MIN), Ordering::Greater);
    }
}
