//! Dropout: Srivastava et al. (2014).

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What was kept of a layer's output.
#[derive(Default)]
pub struct Dropout {
    /// Of 256, how many are dropped.
    dropped: u16,
    random: Vec<u8>,
}

impl Dropout {
    /// Sets each number to 0 with a probability of `rate`, which is rounded to 1/256, and scales the others so
    /// that the mean stays. Draws nothing at a rate of 0.
    pub fn apply(&mut self, values: &mut [f32], rate: f32, rng: &mut ChaCha8Rng) {
        self.dropped = (rate * 256.0).round().clamp(0.0, 255.0) as u16;
        if self.dropped > 0 {
            self.random.resize(values.len(), 0);
            rng.fill_bytes(&mut self.random);
        }
        self.again(values);
    }

    /// Drops from the gradient what was dropped from the values.
    pub fn again(&self, values: &mut [f32]) {
        if self.dropped == 0 {
            return;
        }
        let scale = 256.0 / f32::from(256 - self.dropped);
        for (value, random) in values.iter_mut().zip(&self.random) {
            *value *= if u16::from(*random) < self.dropped { 0.0 } else { scale };
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_mean_stays_and_gradients_take_the_same_way() {
        let mut values = vec![1.0; 100_000];
        let mut dropout = Dropout::default();
        dropout.apply(&mut values, 0.25, &mut ChaCha8Rng::seed_from_u64(1));
        let mean = values.iter().sum::<f32>() / 1e5;
        // The mean of 100,000 numbers of standard deviation 0.6.
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        let mut gradient = vec![1.0; 100_000];
        dropout.again(&mut gradient);
        assert_eq!(gradient, values);
    }

    #[test]
    fn a_rate_of_zero_changes_nothing() {
        let mut values = vec![1.0, 2.0];
        Dropout::default().apply(&mut values, 0.0, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(values, [1.0, 2.0]);
    }
}
