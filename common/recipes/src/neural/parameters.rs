//! Named weights in one flat array.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Where a matrix of weights stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    offset: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Slot {
    pub fn of(self, values: &[f32]) -> &[f32] {
        &values[self.offset..self.offset + self.rows * self.columns]
    }

    pub fn of_mut(self, values: &mut [f32]) -> &mut [f32] {
        &mut values[self.offset..self.offset + self.rows * self.columns]
    }
}

/// How weights begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// All of them this number.
    Constant(f32),
    /// Uniform with mean 0 and this standard deviation.
    Spread(f32),
}

/// The matrices of a network, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    named: Vec<(String, Slot, Start)>,
    len: usize,
}

impl Layout {
    pub fn add(&mut self, name: impl Into<String>, (rows, columns): (usize, usize), start: Start) -> Slot {
        let slot = Slot { offset: self.len, rows, columns };
        self.named.push((name.into(), slot, start));
        self.len += rows * columns;
        slot
    }

    /// Weights that a linear layer of so many inputs begins with.
    pub fn add_linear(&mut self, name: impl Into<String>, shape: (usize, usize)) -> Slot {
        self.add(name, shape, Start::Spread((shape.0 as f32).sqrt().recip()))
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.named.iter().map(|(name, slot, _)| (name.as_str(), *slot))
    }

    pub fn start(&self, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut values = vec![0.0; self.len];
        for (_, slot, start) in &self.named {
            begin(slot.of_mut(&mut values), *start, rng);
        }
        values
    }
}

/// Fills weights with what they begin with.
pub fn begin(values: &mut [f32], start: Start, rng: &mut ChaCha8Rng) {
    match start {
        Start::Constant(value) => values.fill(value),
        Start::Spread(deviation) => {
            let end = deviation * 3_f32.sqrt();
            values.iter_mut().for_each(|value| *value = end * rng.random_range(-1.0..1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn slots_follow_each_other_and_begin_as_they_were_told() {
        let mut layout = Layout::default();
        let gain = layout.add("gain", (1, 3), Start::Constant(1.0));
        let wide = layout.add_linear("wide", (100, 40));
        assert_eq!(layout.len(), 4003);
        let mut values = layout.start(&mut ChaCha8Rng::seed_from_u64(0));
        assert_eq!(gain.of(&values), [1.0; 3]);
        let square: f32 = wide.of(&values).iter().map(|value| value * value).sum::<f32>() / 4000.0;
        // The mean of 4000 squares of standard deviation below 0.01.
        assert!((square - 0.01).abs() < 1e-3, "{square}");
        gain.of_mut(&mut values)[2] = 5.0;
        assert_eq!(values[2], 5.0);
        assert_eq!(layout.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["gain", "wide"]);
    }
}
