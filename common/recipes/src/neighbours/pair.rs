use super::evidence::{Counts, Evidence, WHOLE};
use crate::{PairCounts, Part};

/// How a recipe tells what the score of a pair is the sum of; `None` if the evidence is not of its kind.
pub type Tell = fn(&Pair<'_>) -> Option<Vec<Part>>;

/// Name of the part of a score that is there without anybody taking the one item for the other.
pub const CHANCE: &str = "both by chance";

/// A pair on a list.
pub struct Pair<'a> {
    pub evidence: &'a Evidence,
    /// The item whose list it is.
    pub asked: u32,
    pub item: u32,
    pub score: f64,
    pub counts: Counts,
}

impl Pair<'_> {
    /// How many lists of a kind hold the asked item, how many the other one, and how many there are.
    pub fn held(&self, kind: usize) -> Option<[u32; 3]> {
        let held = self.evidence.held.get(kind)?;
        Some([*held.get(self.asked as usize)?, *held.get(self.item as usize)?, *self.evidence.n_lists.get(kind)?])
    }

    pub fn factor(&self, place: usize) -> Option<f64> {
        self.evidence.factors.get(place).copied().map(f64::from)
    }

    /// The score in two, by what [`super::part_of`] gave.
    pub fn split(&self, part: u32) -> [f64; 2] {
        let first = self.score * f64::from(part) / f64::from(WHOLE);
        [first, self.score - first]
    }

    /// A term that is a sum over the lists of a kind that hold both items, divided by `discount`: what they add beyond
    /// as many as would hold both by chance, and what those add. Nothing where no list holds both.
    pub fn beyond_chance(&self, of: &'static str, kind: usize, term: f64, discount: f64) -> Option<Vec<Part>> {
        let both = *self.counts.get(kind)?;
        let [asked, item, all] = self.held(kind)?;
        if both == 0 {
            return Some(Vec::new());
        }
        let by_chance = f64::from(asked) * f64::from(item) / f64::from(all.max(1));
        let each = term / f64::from(both);
        let share = (f64::from(both) - by_chance) * each;
        let told = self.told(of, kind, both, Some(by_chance), (each * discount, discount))?;
        Some(vec![
            Part::Together { share, counts: Some(Box::new(told)) },
            Part::Term { name: CHANCE, share: by_chance * each },
        ])
    }

    /// The counts of lists of a kind, the mean weight of each that holds both items, and what weights are divided by.
    pub fn told(
        &self,
        of: &'static str,
        kind: usize,
        both: u32,
        by_chance: Option<f64>,
        (weight, discount): (f64, f64),
    ) -> Option<PairCounts> {
        let [asked, item, all] = self.held(kind)?;
        let (weight, discount) = (Some(weight), Some(discount));
        Some(PairCounts { of, asked, item, both: Some(both), all: Some(all), by_chance, weight, discount })
    }
}
