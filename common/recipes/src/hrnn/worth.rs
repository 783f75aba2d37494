//! What items are worth beside being relevant: `optimizationObjective`.
//!
//! An item's value is that of the objective's column, scaled between the 5th and the 95th percentile of all items, so
//! that a few outliers do not decide how the others compare:
//!
//! ```text
//! r_i = 0.1 + 0.9 · clamp((value_i - q5) / (q95 - q5), 0, 1)
//! p'(i) = p(i) · r_i^γ / Σ_j p(j) · r_j^γ
//! ```
//!
//! with `γ` ½ for LOW, 1 for MEDIUM and 2 for HIGH. MEDIUM counts relevance and reward alike: `p · r` is the reward
//! that is to be expected of showing the item. Nothing has the reward 0, so what is relevant stays in reach, and an item
//! without a value has the mean reward of those with one.

use crate::{Dataset, Objective, Sensitivity};

/// The reward of what is worth least, where the most is 1.
const LEAST: f64 = 0.1;

/// Percentiles that stand for the least and the most.
const LOW_HIGH: (f64, f64) = (0.05, 0.95);

/// `r^γ` by item row: above 0, at most 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth(Vec<f32>);

impl Worth {
    /// `rows` gives each item's row in the dataset's item columns. `None` if relevance is all that counts: there is no
    /// objective, it is off, or no two items differ in it.
    pub fn of(dataset: &Dataset, rows: &[Option<usize>], objective: Option<&Objective>) -> Option<Self> {
        let objective = objective?;
        let exponent = exponent(objective.sensitivity)?;
        let column = dataset.item_columns().get(&objective.item_attribute)?;
        let values: Vec<Option<f64>> = rows.iter().map(|row| column.number((*row)?)).collect();
        let rewards = rewards(&values)?;
        Some(Self(rewards.into_iter().map(|reward| reward.powf(exponent) as f32).collect()))
    }

    /// Of a model's file; `None` if one of the numbers cannot be.
    pub fn from_stored(factors: Vec<f32>) -> Option<Self> {
        factors.iter().all(|factor| *factor > 0.0 && *factor <= 1.0).then_some(Self(factors))
    }

    pub fn factors(&self) -> &[f32] {
        &self.0
    }

    /// Multiplies each item's share, and scales all so that their sum stays what it was.
    pub fn weigh(&self, shares: &mut [f32]) {
        let sum = |shares: &[f32]| shares.iter().map(|share| f64::from(*share)).sum::<f64>();
        let before = sum(shares);
        shares.iter_mut().zip(&self.0).for_each(|(share, factor)| *share *= factor);
        let after = sum(shares);
        if after > 0.0 {
            let scale = (before / after) as f32;
            shares.iter_mut().for_each(|share| *share *= scale);
        }
    }
}

fn exponent(sensitivity: Sensitivity) -> Option<f64> {
    match sensitivity {
        Sensitivity::Off => None,
        Sensitivity::Low => Some(0.5),
        Sensitivity::Medium => Some(1.0),
        Sensitivity::High => Some(2.0),
    }
}

/// From [`LEAST`] to 1; `None` if all are equal.
fn rewards(values: &[Option<f64>]) -> Option<Vec<f64>> {
    let mut known: Vec<f64> = values.iter().flatten().copied().collect();
    known.sort_unstable_by(f64::total_cmp);
    let (first, last) = (*known.first()?, *known.last()?);
    let at = |share: f64| known[((known.len() - 1) as f64 * share).round() as usize];
    let (mut low, mut high) = (at(LOW_HIGH.0), at(LOW_HIGH.1));
    if low >= high {
        // Nearly all are equal; what differs is beyond the percentiles.
        (low, high) = (first, last);
    }
    if low >= high {
        return None;
    }
    // Halves, since the difference of two numbers may be too large for one.
    let scaled = |value: f64| ((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)).clamp(0.0, 1.0);
    let reward = |value: f64| LEAST + (1.0 - LEAST) * scaled(value);
    let mean = known.iter().map(|value| reward(*value)).sum::<f64>() / known.len() as f64;
    Some(values.iter().map(|value| value.map_or(mean, reward)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn rewards_lie_between_the_percentiles_whatever_the_outliers() {
        let mut values: Vec<Option<f64>> = (0..=100).map(|value| Some(f64::from(value))).collect();
        values.extend([Some(1e300), Some(-1e300), None]);
        let rewards = rewards(&values).unwrap();
        // 103 known values; the 5th and the 95th percentile are the 6th and the 98th of them in order: 4 and 96.
        let wanted = |value: f64| 0.1 + 0.9 * (value - 4.0) / 92.0;
        for (value, reward) in [(4, 0.1), (0, 0.1), (96, 1.0), (100, 1.0), (50, wanted(50.0)), (27, wanted(27.0))] {
            // Roundings of numbers near 1.
            assert!((rewards[value] - reward).abs() < 1e-12, "{value} {}", rewards[value]);
        }
        assert_eq!((rewards[101], rewards[102]), (1.0, 0.1));
        let mean = rewards[..103].iter().sum::<f64>() / 103.0;
        assert!((rewards[103] - mean).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_differ_has_no_rewards() {
        for values in [vec![], vec![None, None], vec![Some(3.0); 40], vec![Some(3.0), None]] {
            assert_eq!(rewards(&values), None, "{values:?}");
        }
        // One among many equals is told from them all the same.
        let mut values = vec![Some(3.0); 100];
        values[7] = Some(9.0);
        let rewards = rewards(&values).unwrap();
        assert_eq!((rewards[7], rewards[8]), (1.0, LEAST));
        let extreme = super::rewards(&[Some(f64::MIN), Some(0.0), Some(f64::MAX)]).unwrap();
        assert!((extreme[1] - 0.55).abs() < 1e-12, "{extreme:?}");
    }

    #[test]
    fn shares_are_multiplied_and_keep_their_sum() {
        let worth = Worth(vec![1.0, 0.25, 0.5]);
        let mut shares = [0.2, 0.4, 0.4];
        worth.weigh(&mut shares);
        // 0.2, 0.1 and 0.2 of 0.5.
        let wanted = [0.4, 0.2, 0.4];
        assert!(shares.iter().zip(wanted).all(|(share, wanted): (&f32, f32)| (share - wanted).abs() < 1e-6));
        let mut none = [0.0; 3];
        worth.weigh(&mut none);
        assert_eq!(none, [0.0; 3]);
    }

    #[test]
    fn the_exponents_grow_with_the_sensitivity() {
        let all = [Sensitivity::Off, Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].map(exponent);
        assert_eq!(all, [None, Some(0.5), Some(1.0), Some(2.0)]);
        assert_eq!(Worth::from_stored(vec![0.5, 1.0]), Some(Worth(vec![0.5, 1.0])));
        for bad in [0.0, 1.5, f32::NAN] {
            assert_eq!(Worth::from_stored(vec![0.5, bad]), None);
        }
    }
}
