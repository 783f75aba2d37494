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
    let (before, last) = (f64::from(before) + 0.5, f64::from(last) + 0.5);
    (last / before).ln() - STANDARD_ERRORS * (1.0 / last + 1.0 / before).sqrt()
}

/// The items that grew, fastest first, ties by item row; from items with their numbers in the two intervals.
pub fn growing(counts: impl IntoIterator<Item = (u32, [u32; 2])>) -> Vec<u32> {
    let grown = counts.into_iter().filter(|(_, [before, last])| last > before);
    let mut grown: Vec<(u32, f64)> = grown.map(|(item, [before, last])| (item, growth(before, last))).collect();
    grown.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    grown.into_iter().map(|(item, _)| item).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_many_vouch_for_beats_what_a_few_do() {
        assert_eq!(growing([(0, [1, 3]), (1, [100, 250]), (2, [0, 1]), (3, [50, 50]), (4, [9, 2])]), [1, 0, 2]);
        // From nothing to something that is no accident is fast.
        assert_eq!(growing([(0, [0, 30]), (1, [100, 250])]), [0, 1]);
        assert_eq!(growing([(7, [2, 4]), (3, [2, 4])]), [3, 7]);
        assert!(growing([]).is_empty());
    }

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
