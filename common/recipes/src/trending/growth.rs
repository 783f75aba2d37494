/// Standard errors that are taken off an estimate: the true rate is above what is left with 95 % certainty.
const STANDARD_ERRORS: f64 = 1.645;

/// The logarithm of the factor by which the rate of interactions has at least grown, from their numbers in two
/// intervals of the same length.
///
/// The numbers are taken as Poisson counts: the logarithm of the ratio of their rates is estimated as
/// `ln((last + ½) / (before + ½))`, with variance `1 / (last + ½) + 1 / (before + ½)` (Haldane 1956, Anscombe 1956),
/// and the lower end of its one-sided 95 % interval is given. Finite for all counts; rises with `last`, falls with
/// `before`.
pub fn growth(before: u32, last: u32) -> f64 {
    terms([before, last]).iter().sum()
}

/// What [`growth`] is the sum of: what the last interval, the one before, and doubt bring.
pub fn terms([before, last]: [u32; 2]) -> [f64; 3] {
    let (before, last) = (f64::from(before) + 0.5, f64::from(last) + 0.5);
    [last.ln(), -before.ln(), -STANDARD_ERRORS * (1.0 / last + 1.0 / before).sqrt()]
}

pub fn grew([before, last]: [u32; 2]) -> bool {
    last > before
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn growth_is_the_lower_end_of_the_interval() {
        let expected = (250.5_f64 / 100.5).ln() - 1.645 * (1.0 / 250.5 + 1.0 / 100.5_f64).sqrt();
        // A rounding or two.
        assert!((growth(100, 250) - expected).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn growth_rises_with_the_last_interval_and_falls_with_the_one_before(before in 0_u32..1000, last in 0_u32..1000) {
            prop_assert!(growth(before, last + 1) > growth(before, last));
            prop_assert!(growth(before, last).is_finite());
            if last > before {
                prop_assert!(growth(before + 1, last) < growth(before, last));
            }
        }
    }
}
