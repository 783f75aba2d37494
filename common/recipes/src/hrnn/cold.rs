//! Which items are cold, for aws-hrnn-coldstart.

use super::fresh::Fresh;
use crate::TrainError;
use crate::params::Params;

/// How many cold items there may be.
const N_COLD: std::ops::RangeInclusive<usize> = 100..=80_000;

/// Items with fewer interactions than `cold_start_max_interactions` that are younger than `cold_start_max_duration`
/// days.
///
/// Ages are counted back from the creation of the newest item (`cold_start_relative_from` = `latestItem`), or from the
/// newest interaction (`currentTime`).
///
/// *Deviation:* a training knows no clock, so `currentTime` is taken to be the time of the newest interaction.
///
/// # Errors
/// [`TrainError::Data`] if there are fewer than 100 or more than 80,000.
pub fn cold_items(params: &Params, fresh: &Fresh, n_events: &[u32]) -> Result<Vec<bool>, TrainError> {
    let most = params.integer("cold_start_max_interactions").unwrap_or(15);
    let days = params.continuous("cold_start_max_duration").unwrap_or(5.0);
    let origin_s = match params.categorical("cold_start_relative_from") {
        Some("currentTime") => fresh.newest_s,
        _ => fresh.created_s.iter().copied().max().unwrap_or(fresh.newest_s),
    };
    let young = |created_s: i64| (origin_s.saturating_sub(created_s) as f64) < days * 86_400.0;
    let cold: Vec<bool> =
        n_events.iter().zip(&fresh.created_s).map(|(n, created_s)| (*n as usize) < most && young(*created_s)).collect();
    let n_cold = cold.iter().filter(|cold| **cold).count();
    if N_COLD.contains(&n_cold) {
        return Ok(cold);
    }
    Err(TrainError::Data(format!(
        "Dataset has {n_cold} cold start items; there must be between {} and {} items with fewer than {most} \
         interactions that are younger than {days} days.",
        N_COLD.start(),
        N_COLD.end(),
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;
    use crate::catalogue::HRNN_COLDSTART;

    fn cold(given: &[(&str, &str)], n_new: usize) -> Result<usize, String> {
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let params = Params::check(&HRNN_COLDSTART, &given).unwrap();
        // Old items, then new ones, every second of which has 20 interactions.
        let created_s = (0..50 + n_new as i64).map(|item| if item < 50 { 0 } else { 86_400 * 100 });
        let n_events: Vec<u32> = (0..50 + n_new as u32).map(|item| if item % 2 == 1 { 20 } else { 3 }).collect();
        let fresh = Fresh { created_s: created_s.collect(), newest_s: 86_400 * 103, ..Fresh::default() };
        let cold = cold_items(&params, &fresh, &n_events).map_err(|error| error.to_string())?;
        Ok(cold.iter().filter(|cold| **cold).count())
    }

    #[test]
    fn young_items_with_few_interactions_are_cold() {
        assert_eq!(cold(&[], 200), Ok(100));
        assert_eq!(cold(&[("cold_start_max_interactions", "30")], 200), Ok(200));
        assert_eq!(cold(&[("cold_start_max_duration", "1000")], 200), Ok(125));
        assert_eq!(cold(&[("cold_start_relative_from", "currentTime")], 200), Ok(100));
    }

    #[test]
    fn too_few_and_too_many_are_refused() {
        let error = cold(&[], 198).unwrap_err();
        assert_eq!(
            error,
            "Dataset has 99 cold start items; there must be between 100 and 80000 items with fewer than 15 interactions \
             that are younger than 5 days."
        );
        // Three days before the newest interaction is too old.
        let given = [("cold_start_relative_from", "currentTime"), ("cold_start_max_duration", "2")];
        assert!(cold(&given, 200).unwrap_err().starts_with("Dataset has 0 cold"));
        assert_eq!(cold(&[], 160_000), Ok(80_000));
        assert!(cold(&[], 160_002).unwrap_err().starts_with("Dataset has 80001 cold"));
    }
}
