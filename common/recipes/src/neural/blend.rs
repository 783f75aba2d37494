//! How much of the answer is the network's and how much that of transitions.

use serde::{Deserialize, Serialize};

use super::elementwise::{exp_one, ln_one};
use super::returns::{Came, Returns};
use super::shares::gain;
use super::widest::widest;
use crate::evaluate::Figures;
use crate::{Report, TrainError};

/// Names of the parts in a report.
pub const NETWORK: &str = "network";
pub const TRANSITIONS: &str = "palate-transitions";

/// Weights of transitions that are compared.
const WEIGHTS: [f32; 11] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Histories up to so long have a weight of their own; the last one is for longer ones.
const LENGTHS: [usize; 4] = [3, 10, 30, 100];

/// Users that a length needs for a weight of its own.
const LEAST_USERS: usize = 100;

/// Items that up to so many users had have a weight of their own; the last one is for what more had.
const FREQUENCIES: [u32; 3] = [10, 50, 250];

/// What is compared for such items to be added to the weight of the length.
const SHIFTS: [f32; 6] = [-0.4, -0.2, -0.1, 0.1, 0.2, 0.4];

/// What transitions are taken to give an item at least, as a part of the share that all have if all have the same, but no
/// more than the network gives it. Without it an item that transitions do not know would be out of the question.
const LEAST_SHARE: f32 = 0.25;

/// How two shares become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pooling {
    /// The linear opinion pool: `(1 - w) a + w b`.
    #[default]
    Linear,
    /// The logarithmic opinion pool: `a^(1 - w) b^w`, scaled so that the sum is what it was. Nothing is likely that one
    /// of both finds unlikely, so a part that is sure of much does not drown one that is sure of little.
    Logarithmic,
}

impl Pooling {
    const ALL: [Self; 2] = [Self::Linear, Self::Logarithmic];

    /// What becomes of the first share with weight `w` of the second, before it is scaled.
    #[inline(always)]
    fn pooled(self, share: f32, other: f32, w: f32, least: f32) -> f32 {
        match self {
            Self::Linear => share + w * (other - share),
            Self::Logarithmic if share > 0.0 => {
                exp_one((1.0 - w) * ln_one(share) + w * ln_one(other.max(least.min(share))))
            }
            Self::Logarithmic => 0.0,
        }
    }
}

/// Directed, decayed co-occurrence is strong evidence of what comes next that networks learn slowly, so both are pooled
/// (Genest and Zidek 1986, "Combining Probability Distributions", sections 3 and 4), in the way that finds more. A
/// weight for each range of history lengths, chosen on events that neither had seen; to it is added a number for each
/// range of how many had the item, if that finds more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Blend {
    #[serde(default)]
    pooling: Pooling,
    /// By range of [`LENGTHS`].
    weights: Vec<f32>,
    /// By range of [`FREQUENCIES`]; empty: the item does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shifts: Vec<f32>,
    /// What the shares of both parts together become of items that the user had; `None`: what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returns: Option<Returns>,
}

impl Default for Blend {
    fn default() -> Self {
        Self { pooling: Pooling::Linear, weights: vec![0.5; LENGTHS.len() + 1], shifts: Vec::new(), returns: None }
    }
}

/// What some blends gain with each of those who were asked.
type Gains<'a> = &'a dyn Fn(&[Blend]) -> Result<Vec<Vec<f64>>, TrainError>;

/// What an event that was held back tells of each way of pooling and each of the weights that are compared.
pub struct Told {
    n_events: usize,
    gains: [[f64; WEIGHTS.len()]; Pooling::ALL.len()],
}

impl Told {
    /// The shares of both parts after a history of so many events, and the item that came next. A gain is the NDCG of a
    /// list of `length`.
    pub fn new(n_events: usize, shares: &[f32], others: &[f32], next: u32, length: usize) -> Self {
        let mut mixed = vec![0.0; shares.len()];
        let gains = Pooling::ALL.map(|pooling| {
            WEIGHTS.map(|weight| {
                mixed.copy_from_slice(shares);
                pool(pooling, &mut mixed, others, weight);
                gain(&mixed, next, length)
            })
        });
        Self { n_events, gains }
    }
}

/// Pools with one weight, without scaling.
fn pool(pooling: Pooling, shares: &mut [f32], others: &[f32], weight: f32) {
    let least = LEAST_SHARE / shares.len().max(1) as f32;
    widest!({
        for (share, other) in shares.iter_mut().zip(others) {
            *share = pooling.pooled(*share, *other, weight, least);
        }
    });
}

/// With a weight for each item.
fn pool_by_item(pooling: Pooling, shares: &mut [f32], others: &[f32], weights: &[f32]) {
    let least = LEAST_SHARE / shares.len().max(1) as f32;
    widest!({
        for ((share, other), weight) in shares.iter_mut().zip(others).zip(weights) {
            *share = pooling.pooled(*share, *other, *weight, least);
        }
    });
}

impl Blend {
    /// From what each held-back event tells, the shares of items that the user had staying what they are. Of equal weights
    /// the one in the middle: where both parts are right about what comes first, each still helps with what comes after. Of
    /// equal ways of pooling the linear one.
    pub fn of(told: &[Told]) -> Self {
        let (mut best, mut most) = (None, f64::NEG_INFINITY);
        for (place, pooling) in Pooling::ALL.into_iter().enumerate() {
            let (weights, gained) = Self::weights_of(told, place);
            if gained > most {
                (best, most) = (Some(Self { pooling, weights, ..Self::default() }), gained);
            }
        }
        best.unwrap_or_default()
    }

    /// The best weights of a way of pooling, and what they gain.
    fn weights_of(told: &[Told], pooling: usize) -> (Vec<f32>, f64) {
        let best = |told: &mut dyn Iterator<Item = &Told>| {
            let mut sums = [0.0; WEIGHTS.len()];
            for told in told {
                sums.iter_mut().zip(&told.gains[pooling]).for_each(|(sum, gain)| *sum += gain);
            }
            let most = sums.iter().copied().fold(f64::MIN, f64::max);
            let best: Vec<usize> = (0..WEIGHTS.len()).filter(|place| sums[*place] >= most).collect();
            best[best.len() / 2]
        };
        let of_all = best(&mut told.iter());
        let places: Vec<usize> = (0..=LENGTHS.len())
            .map(|range| {
                let within = || told.iter().filter(|told| Self::range(told.n_events) == range);
                if within().count() < LEAST_USERS { of_all } else { best(&mut within()) }
            })
            .collect();
        let gained = told.iter().map(|told| told.gains[pooling][places[Self::range(told.n_events)]]).sum();
        (places.into_iter().map(|place| WEIGHTS[place]).collect(), gained)
    }

    /// With weights that also go by how many had an item, one range after the other, if that finds more of every
    /// second one of those who are asked and then of the others as well.
    ///
    /// # Errors
    /// Those of `gains`.
    pub fn by_frequency(self, gains: Gains<'_>) -> Result<Self, TrainError> {
        let mut best = Self { shifts: vec![0.0; FREQUENCIES.len() + 1], ..self.clone() };
        for range in 0..=FREQUENCIES.len() {
            let with = |shift: f32| {
                let mut shifts = best.shifts.clone();
                shifts[range] = shift;
                Self { shifts, ..best.clone() }
            };
            let mut candidates = vec![best.clone()];
            candidates.extend(SHIFTS.map(with));
            let sums = sums(&gains(&candidates)?, candidates.len(), 0);
            // Of equal ones the first, which is to change nothing.
            let most = (0..sums.len()).fold(0, |most, place| if sums[place] > sums[most] { place } else { most });
            best = candidates.swap_remove(most);
        }
        let compared = sums(&gains(&[self.clone(), best.clone()])?, 2, 1);
        Ok(if compared[1] > compared[0] { best } else { self })
    }

    /// With what becomes of the items that users had, from the mixed shares of events that were held back.
    pub fn with_returns(self, came: &[Came]) -> Self {
        Self { returns: Returns::of(came), ..self }
    }

    /// What is still to be done with mixed shares.
    pub fn returns(&self) -> Option<&Returns> {
        self.returns.as_ref()
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
    /// transitions, `n_users` how many had each item. The sum stays what it was; if nothing is left of the network, since the
    /// user had everything, all is as transitions have it.
    pub fn mix(&self, n_events: usize, n_users: &[u32], shares: &mut [f32], others: &[f32]) {
        let weight = self.weight(n_events);
        let before = total(shares);
        if before <= 0.0 {
            shares.copy_from_slice(others);
            return;
        }
        if self.shifts.is_empty() {
            pool(self.pooling, shares, others, weight);
        } else {
            let by_range: Vec<f32> = self.shifts.iter().map(|shift| (weight + shift).clamp(0.0, 1.0)).collect();
            let range = |n_users: &u32| FREQUENCIES.iter().filter(|most| *most < n_users).count();
            let weights: Vec<f32> =
                n_users.iter().map(|n_users| by_range.get(range(n_users)).copied().unwrap_or(weight)).collect();
            pool_by_item(self.pooling, shares, others, &weights);
        }
        let after = total(shares);
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
            && self.returns.as_ref().is_none_or(Returns::is_sound)
            && self.weights.iter().all(|weight| (0.0..=1.0).contains(weight))
            && self.shifts.iter().all(|shift| (-1.0..=1.0).contains(shift))
    }

    fn range(n_events: usize) -> usize {
        LENGTHS.partition_point(|length| *length < n_events)
    }
}

fn total(shares: &[f32]) -> f64 {
    shares.iter().map(|share| f64::from(*share)).sum()
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
#[allow(clippy::unwrap_used)]
pub mod tests {
    use super::*;
    use crate::evaluate::{Figure, NamedFigures};

    /// The blend with half of what it gives to items of the newest events.
    pub fn halving_the_newest(blend: &Blend) -> Blend {
        let returns = serde_json::from_str("[0.5,1.0,1.0,1.0,1.0,1.0,1.0]").unwrap();
        Blend { returns: Some(returns), ..blend.clone() }
    }

    /// Of three scores the second has become half of what it was beside the third, and the first is what it was.
    pub fn assert_second_is_halved(before: &[f32], after: &[f32]) {
        let ratio = |scores: &[f32], place: usize| scores[place] / scores[2];
        assert!(before[1] > 0.0 && (ratio(after, 1) - 0.5 * ratio(before, 1)).abs() < 1e-3 * ratio(before, 1));
        assert!((ratio(after, 0) - ratio(before, 0)).abs() < 1e-3 * ratio(before, 0));
    }

    #[test]
    fn each_range_with_enough_users_has_its_best_weight() {
        let told = |n_events: usize, best: usize, gained: [f64; 2]| {
            let mut gains = [[0.0; WEIGHTS.len()]; 2];
            gains.iter_mut().zip(gained).for_each(|(gains, gained)| gains[best] = gained);
            Told { n_events, gains }
        };
        let some = |gained: [f64; 2]| {
            let users = [(2, 9, 150), (50, 1, 400), (500, 5, 99)];
            users.into_iter().flat_map(move |(n_events, best, n)| (0..n).map(move |_| told(n_events, best, gained)))
        };
        let blend = Blend::of(&some([1.0, 1.0]).collect::<Vec<_>>());
        assert!(blend.is_sound());
        assert_eq!([0, 3, 4, 31, 100, 101].map(|n| blend.weight(n)), [0.9, 0.9, 0.1, 0.1, 0.1, 0.1]);
        assert_eq!(blend.pooling, Pooling::Linear);
        assert_eq!(Blend::of(&[]).weight(7), 0.5);
        let logarithmic = Blend::of(&some([1.0, 1.1]).collect::<Vec<_>>());
        assert_eq!(logarithmic, Blend { pooling: Pooling::Logarithmic, ..blend });
    }

    #[test]
    fn shares_are_pooled_by_the_formula_and_keep_their_sum() {
        let blend = Blend { pooling: Pooling::Logarithmic, weights: vec![0.75; 5], ..Blend::default() };
        let (shares, others) = ([0.6_f32, 0.3, 0.1, 0.0], [0.1_f32, 0.5, 0.0, 0.4]);
        let exact = [0, 1, 2].map(|item| {
            let other = f64::from(others[item]).max(0.25 / 4.0);
            f64::from(shares[item]).powf(0.25) * other.powf(0.75)
        });
        let sum: f64 = exact.iter().sum();
        for shifts in [Vec::new(), vec![0.0; 4]] {
            let mut mixed = shares;
            Blend { shifts, ..blend.clone() }.mix(9, &[1, 20, 300, 0], &mut mixed, &others);
            for (share, exact) in mixed.iter().zip(exact) {
                assert!((f64::from(*share) - exact / sum).abs() < 1e-6, "{mixed:?}");
            }
            // What the network rules out stays out, as what the user had before does.
            assert_eq!(mixed[3], 0.0);
        }
        // Of two items that transitions do not know the network's word is the last one.
        let mut unknown = [0.94, 0.05, 0.01, 0.0];
        blend.mix(9, &[5, 0, 0, 0], &mut unknown, &[1.0, 0.0, 0.0, 0.0]);
        assert!((unknown[1] / unknown[2] - 5.0).abs() < 1e-4, "{unknown:?}");
        let mut nothing = [0.0; 4];
        blend.mix(9, &[0; 4], &mut nothing, &others);
        assert_eq!(nothing, others);
    }

    #[test]
    fn blends_from_before_pooling_could_be_chosen_are_linear() {
        let blend: Blend = serde_json::from_str(r#"{"weights":[0.1,0.2,0.3,0.4,0.5]}"#).unwrap();
        assert_eq!((blend.pooling, blend.returns(), blend.is_sound()), (Pooling::Linear, None, true));
    }

    #[test]
    fn what_becomes_of_items_that_come_back_is_kept_and_checked() {
        let with =
            |returns: &str| format!(r#"{{"pooling":"linear","weights":[0.1,0.2,0.3,0.4,0.5],"returns":{returns}}}"#);
        let text = with("[0.0,1.0,2.0,1.0,1.0,1.0,0.5]");
        let blend: Blend = serde_json::from_str(&text).unwrap();
        assert!(blend.is_sound() && blend.returns().is_some());
        assert_eq!(serde_json::to_string(&blend).unwrap(), text);
        for broken in ["[1.0]", "[-1.0,1.0,1.0,1.0,1.0,1.0,1.0]"] {
            assert!(!serde_json::from_str::<Blend>(&with(broken)).unwrap().is_sound(), "{broken}");
        }
    }

    #[test]
    fn how_many_had_an_item_counts_if_it_finds_more_of_those_who_did_not_choose() {
        let plain = Blend::default();
        // Items that few had gain by transitions, those that many had lose; the others do not matter.
        let gain = |blend: &Blend| -> f64 {
            let shift = |range: usize| blend.shifts.get(range).copied().unwrap_or_default();
            f64::from(shift(0) - shift(3))
        };
        let chosen = plain.clone().by_frequency(&|blends| Ok(vec![blends.iter().map(gain).collect(); 6])).unwrap();
        assert_eq!(chosen.shifts, [0.4, 0.0, 0.0, -0.4]);
        // What holds for every second one alone is chance.
        let turned = |asked: usize| if asked.is_multiple_of(2) { 1.0 } else { -1.0 };
        let of_some = |blends: &[Blend]| {
            Ok((0..6).map(|asked| blends.iter().map(|blend| turned(asked) * gain(blend)).collect()).collect())
        };
        assert_eq!(plain.clone().by_frequency(&of_some).unwrap(), plain);
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
                NamedFigures { name: name.into(), figures: figures(ndcg), gain_of_whole, answer_us: None }
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
