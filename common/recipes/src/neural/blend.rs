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

/// Items that up to so many users had have a weight of their own; the last one is for what more had.
const FREQUENCIES: [u32; 3] = [10, 50, 250];

/// What is compared for such items to be added to the weight of the length.
const SHIFTS: [f32; 6] = [-0.4, -0.2, -0.1, 0.1, 0.2, 0.4];

/// Directed, decayed co-occurrence is strong evidence of what comes next that networks learn slowly, so both are added
/// up: `(1 - w) network + w transitions`, each of which sums to 1. A weight for each range of history lengths, chosen
/// on events that neither had seen; to it is added a number for each range of how many had the item, if that finds more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Blend {
    /// By range of [`LENGTHS`].
    weights: Vec<f32>,
    /// By range of [`FREQUENCIES`]; empty: the item does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shifts: Vec<f32>,
}

/// What some blends gain with each of those who were asked.
type Gains<'a> = &'a dyn Fn(&[Blend]) -> Vec<Vec<f64>>;

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
        Self { weights: weights.collect(), shifts: Vec::new() }
    }

    /// With weights that also go by how many had an item, one range after the other, if that finds more of every
    /// second one of those who are asked and then of the others as well.
    pub fn by_frequency(self, gains: Gains<'_>) -> Self {
        let mut best = Self { shifts: vec![0.0; FREQUENCIES.len() + 1], ..self.clone() };
        for range in 0..=FREQUENCIES.len() {
            let with = |shift: f32| {
                let mut shifts = best.shifts.clone();
                shifts[range] = shift;
                Self { shifts, ..best.clone() }
            };
            let mut candidates = vec![best.clone()];
            candidates.extend(SHIFTS.map(with));
            let sums = sums(&gains(&candidates), candidates.len(), 0);
            // Of equal ones the first, which is to change nothing.
            let most = (0..sums.len()).fold(0, |most, place| if sums[place] > sums[most] { place } else { most });
            best = candidates.swap_remove(most);
        }
        let compared = sums(&gains(&[self.clone(), best.clone()]), 2, 1);
        if compared[1] > compared[0] { best } else { self }
    }

    /// The weight of transitions for a history of so many events.
    fn weight(&self, n_events: usize) -> f32 {
        self.weights.get(Self::range(n_events)).copied().unwrap_or_default()
    }

    /// Whether nothing but the network counts for a history of so many events.
    pub fn is_network_alone(&self, n_events: usize) -> bool {
        self.weight(n_events) == 0.0 && self.shifts.iter().all(|shift| *shift <= 0.0)
    }

    /// Turns the shares of the network into those of the blend, for a history of so many events. `others` are those of
    /// transitions, `n_users` how many had each item. The sum stays what it was if both have the same.
    pub fn mix(&self, n_events: usize, n_users: &[u32], shares: &mut [f32], others: &[f32]) {
        let weight = self.weight(n_events);
        if self.shifts.is_empty() {
            for (share, other) in shares.iter_mut().zip(others) {
                *share += weight * (other - *share);
            }
            return;
        }
        let before: f64 = shares.iter().map(|share| f64::from(*share)).sum();
        let mut after = 0.0;
        for ((share, other), n_users) in shares.iter_mut().zip(others).zip(n_users) {
            let range = FREQUENCIES.iter().filter(|most| *most < n_users).count();
            let weight = (weight + self.shifts.get(range).copied().unwrap_or_default()).clamp(0.0, 1.0);
            *share += weight * (other - *share);
            after += f64::from(*share);
        }
        if after > 0.0 {
            let scale = (before / after) as f32;
            shares.iter_mut().for_each(|share| *share *= scale);
        }
    }

    /// Whether its weights are shares, as many as there are ranges.
    pub fn is_sound(&self) -> bool {
        let weights = self.weights.len() == LENGTHS.len() + 1;
        let shifts = self.shifts.is_empty() || self.shifts.len() == FREQUENCIES.len() + 1;
        weights
            && shifts
            && self.weights.iter().all(|weight| (0.0..=1.0).contains(weight))
            && self.shifts.iter().all(|shift| (-1.0..=1.0).contains(shift))
    }

    fn range(n_events: usize) -> usize {
        LENGTHS.partition_point(|length| *length < n_events)
    }
}

/// Of each of `n` candidates the sum of the gains with every second of those who were asked, from `first` on.
fn sums(gains: &[Vec<f64>], n: usize, first: usize) -> Vec<f64> {
    let of = |candidate: usize| gains.iter().skip(first).step_by(2).map(|gains| gains[candidate]).sum();
    (0..n).map(of).collect()
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
    fn how_many_had_an_item_counts_if_it_finds_more_of_those_who_did_not_choose() {
        let plain = Blend { weights: vec![0.5; 5], shifts: Vec::new() };
        // Items that few had gain by transitions, those that many had lose; the others do not matter.
        let gain = |blend: &Blend| -> f64 {
            let shift = |range: usize| blend.shifts.get(range).copied().unwrap_or_default();
            f64::from(shift(0) - shift(3))
        };
        let chosen = plain.clone().by_frequency(&|blends| vec![blends.iter().map(gain).collect(); 6]);
        assert_eq!(chosen.shifts, [0.4, 0.0, 0.0, -0.4]);
        // What holds for every second one alone is chance.
        let turned = |asked: usize| if asked.is_multiple_of(2) { 1.0 } else { -1.0 };
        let of_some = |blends: &[Blend]| -> Vec<Vec<f64>> {
            (0..6).map(|asked| blends.iter().map(|blend| turned(asked) * gain(blend)).collect()).collect()
        };
        assert_eq!(plain.clone().by_frequency(&of_some), plain);
        let mut shares = [0.5, 0.3, 0.1, 0.1];
        chosen.mix(1, &[0, 10, 11, 251], &mut shares, &[0.1, 0.1, 0.1, 0.7]);
        // 0.9 of transitions for the first two, 0.5, and 0.1.
        let mixed = [0.14, 0.12, 0.1, 0.16];
        for (share, mixed) in shares.iter().zip(mixed) {
            assert!((share - mixed / 0.52).abs() < 1e-6, "{shares:?}");
        }
        assert!(chosen.is_sound() && !chosen.is_network_alone(1));
        assert!(!Blend { shifts: vec![0.1], ..chosen }.is_sound());
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
