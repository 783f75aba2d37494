use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// A map whose keys are hashes already.
pub(super) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

/// Takes a hash for a hash.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The hash of a text: the same within a process.
pub(super) fn of_text(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The hash of a number's bits: SplitMix64's last step.
#[inline]
pub(super) fn of_bits(bits: u64) -> u64 {
    let mixed = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How many different values there are among very many, in bounded memory: exact up to a limit, beyond it an
/// estimate.
///
/// Adaptive sampling (Flajolet 1990, "On adaptive sampling"): kept are the values whose hash has `depth` zero
/// bits at a place, and `depth` grows when they become too many. With a limit of 65,536 the estimate is off by
/// half a percent or so.
pub(super) struct Sample {
    limit: usize,
    depth: u32,
    counts: ByHash<u64>,
}

/// Where the zero bits are looked for: not where the map finds its slots by.
const PLACE: u32 = 32;

impl Sample {
    pub fn new(limit: usize) -> Self {
        Self { limit, depth: 0, counts: ByHash::default() }
    }

    /// Adds a value by its hash, `n` times.
    #[inline]
    pub fn add(&mut self, hash: u64, n: u64) {
        if !Self::kept(hash, self.depth) {
            return;
        }
        *self.counts.entry(hash).or_default() += n;
        while self.counts.len() > self.limit && self.depth < PLACE {
            self.depth += 1;
            let depth = self.depth;
            self.counts.retain(|hash, _| Self::kept(*hash, depth));
        }
    }

    #[inline]
    fn kept(hash: u64, depth: u32) -> bool {
        (hash >> PLACE) & ((1 << depth) - 1) == 0
    }

    /// Whether nothing had to be left out.
    pub fn is_exact(&self) -> bool {
        self.depth == 0
    }

    pub fn n_different(&self) -> u64 {
        (self.counts.len() as u64) << self.depth
    }

    /// How many more values there are than different ones.
    pub fn n_repeats(&self) -> u64 {
        self.counts.values().map(|count| count - 1).sum::<u64>() << self.depth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_counted_exactly() {
        let mut sample = Sample::new(1_000);
        for value in 0..1_500_u64 {
            sample.add(of_bits(value % 1_000), 1);
        }
        assert!(sample.is_exact());
        assert_eq!((sample.n_different(), sample.n_repeats()), (1_000, 500));
    }

    #[test]
    fn many_values_are_estimated_within_a_few_percent() {
        let mut sample = Sample::new(4_096);
        for value in 0..400_000_u64 {
            sample.add(of_bits(value % 300_000), 1);
        }
        assert!(!sample.is_exact());
        // Five standard errors of 1.2 / √(4096 / 2), as at least half of the limit is kept.
        let near = |estimate: u64, truth: f64| (estimate as f64 / truth - 1.0).abs() < 5.0 * 1.2 / 2_048_f64.sqrt();
        assert!(near(sample.n_different(), 300_000.0), "{}", sample.n_different());
        assert!(near(sample.n_repeats(), 100_000.0), "{}", sample.n_repeats());
    }
}
