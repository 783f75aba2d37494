//! How much of the answer is the network's and how much that of transitions.

use serde::{Deserialize, Serialize};

use crate::Report;
use crate::evaluate::Figures;

/// Names of the parts in a report.
pub const NETWORK: &str = "network";
pub const TRANSITIONS: &str = "palate-transitions";

/// Weights of transitions that are compared.
pub const WEIGHTS: [f32; 11] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Histories up to so long have a weight of their own; the last one is for longer ones.
const LENGTHS: [usize; 4] = [3, 10, 30, 100];

/// Users that a length needs for a weight of its own.
const LEAST_USERS: usize = 100;

/// Directed, decayed co-occurrence is strong evidence of what comes next that networks learn slowly, so both are added
/// up: `(1 - w) network + w transitions`, each of which sums to 1. A weight for each range of history lengths, chosen
/// on events that neither had seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Blend {
    /// By range of [`LENGTHS`].
    weights: Vec<f32>,
}

impl Blend {
    /// From the length of each user's history and what each of [`WEIGHTS`] gains. Of equal weights the one in
    /// the middle: where both parts are right about what comes first, each still helps with what comes after.
    pub fn of(gains: &[(usize, [f64; WEIGHTS.len()])]) -> Self {
        let best = |gains: &mut dyn Iterator<Item = &[f64; WEIGHTS.len()]>| {
            let mut sums = [0.0; WEIGHTS.len()];
            for gains in gains {
                sums.iter_mut().zip(gains).for_each(|(sum, gain)| *sum += gain);
            }
            let most = sums.iter().copied().fold(f64::MIN, f64::max);
            let best: Vec<usize> = (0..WEIGHTS.len()).filter(|place| sums[*place] >= most).collect();
            WEIGHTS[best[best.len() / 2]]
        };
        let of_all = best(&mut gains.iter().map(|(_, gains)| gains));
        let weights = (0..=LENGTHS.len()).map(|range| {
            let within = || gains.iter().filter(|(length, _)| Self::range(*length) == range);
            if within().count() < LEAST_USERS { of_all } else { best(&mut within().map(|(_, gains)| gains)) }
        });
        Self { weights: weights.collect() }
    }

    /// The weight of transitions for a history of so many events.
    pub fn weight(&self, n_events: usize) -> f32 {
        self.weights.get(Self::range(n_events)).copied().unwrap_or_default()
    }

    /// Whether its weights are shares, as many as there are ranges.
    pub fn is_sound(&self) -> bool {
        self.weights.len() == LENGTHS.len() + 1 && self.weights.iter().all(|weight| (0.0..=1.0).contains(weight))
    }

    fn range(n_events: usize) -> usize {
        LENGTHS.partition_point(|length| *length < n_events)
    }
}

/// Differences of fewer standard errors may be chance.
const SURE: f64 = 2.0;

/// Warns in the report if what is learned slowly is not surely better than what is counted fast, by NDCG at 25 of the
/// same users.
pub fn compare(report: &mut Report) {
    let ndcg = |figures: &Figures| figures.get("ndcg_at_25").copied().unwrap_or_default();
    let of = |name: &str| report.parts.iter().find(|part| part.name == name);
    let (Some(network), Some(transitions)) = (of(NETWORK), of(TRANSITIONS)) else { return };
    let gain = ndcg(&transitions.gain_of_whole);
    let [whole, network, transitions] =
        [&report.figures, &network.figures, &transitions.figures].map(|of| ndcg(of).value);
    if network <= transitions {
        report.warnings.push(format!(
            "By itself the network is not better than palate-transitions (NDCG at 25 {network:.4} and {transitions:.4})."
        ));
    }
    let error = gain.standard_error.unwrap_or(0.0);
    if gain.value <= 0.0 || gain.value < SURE * error {
        let beside = if gain.value <= 0.0 { "not better" } else { "not surely better" };
        report.warnings.push(format!(
            "The blend is {beside} than palate-transitions (NDCG at 25 {whole:.4} and {transitions:.4}, difference \
             {:.4} ± {error:.4}).",
            gain.value
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Figure, NamedFigures};

    #[test]
    fn each_range_with_enough_users_has_its_best_weight() {
        let gains = |best: usize| {
            let mut gains = [0.0; WEIGHTS.len()];
            gains[best] = 1.0;
            gains
        };
        let mut users = vec![(2, gains(9)); 150];
        users.extend(vec![(50, gains(1)); 400]);
        users.extend(vec![(500, gains(5)); 99]);
        let blend = Blend::of(&users);
        assert!(blend.is_sound());
        assert_eq!([0, 3, 4, 31, 100, 101].map(|n| blend.weight(n)), [0.9, 0.9, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(Blend::of(&[]).weight(7), 0.5);
    }

    #[test]
    fn a_network_or_a_blend_that_is_not_better_is_told() {
        let figures = |ndcg: f64| Figures::from([("ndcg_at_25".to_owned(), Figure::plain(ndcg))]);
        let told = |network, transitions, whole: f64| {
            let part = |name: &str, ndcg: f64| {
                let gain = Figure { value: whole - ndcg, standard_error: Some(0.01) };
                let gain_of_whole = Figures::from([("ndcg_at_25".to_owned(), gain)]);
                NamedFigures { name: name.into(), figures: figures(ndcg), gain_of_whole }
            };
            let parts = vec![part(NETWORK, network), part(TRANSITIONS, transitions)];
            let mut report = Report { parts, figures: figures(whole), ..Report::default() };
            compare(&mut report);
            report.warnings.len()
        };
        assert_eq!([told(0.3, 0.2, 0.4), told(0.2, 0.2, 0.3), told(0.1, 0.2, 0.15)], [0, 1, 2]);
        // Better by less than two standard errors.
        assert_eq!([told(0.3, 0.2, 0.215), told(0.3, 0.2, 0.225)], [1, 0]);
    }
}
