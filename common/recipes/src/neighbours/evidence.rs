//! What the scores on lists of neighbours were counted from, kept for explanations.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::model::{Contents, numbers};
use crate::{ModelError, ModelFile};

/// Numbers that are kept of a pair; a recipe says how many and what they are.
pub type Counts = [u32; 3];

const NAME: &str = "evidence.safetensors";

/// [`part_of`] gives so much for all of a score: two bytes at most.
pub const WHOLE: u32 = (1 << 14) - 1;

/// | field      | shape                | meaning                                                           |
/// |------------|----------------------|-------------------------------------------------------------------|
/// | `held`     | `(n_kinds, n_items)` | of the lists of each kind (baskets, users), how many hold an item |
/// | `n_lists`  | `(n_kinds,)`         | how many lists of each kind there are                             |
/// | `factors`  |                      | what the recipe weighed with, as it wants them                    |
/// | `n_counts` |                      | numbers of a pair, 1 to 3                                         |
/// | `ends`     | `(n_items,)`         | where the bytes of an item's pairs end                            |
/// | `packed`   |                      | the numbers of the pairs, in the order of the lists; see [`pack`] |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub held: Vec<Vec<u32>>,
    pub n_lists: Vec<u32>,
    pub factors: Vec<f32>,
    pub n_counts: usize,
    ends: Vec<u64>,
    packed: Vec<u8>,
}

impl Evidence {
    /// Without any pairs yet.
    pub fn new(held: Vec<Vec<u32>>, n_lists: Vec<u32>, factors: Vec<f32>, n_counts: usize) -> Self {
        Self { held, n_lists, factors, n_counts, ..Self::default() }
    }

    /// Adds an item's list, as [`pack`] gives it.
    pub fn push(&mut self, packed: &[u8]) {
        self.packed.extend_from_slice(packed);
        self.ends.push(self.packed.len() as u64);
    }

    /// The numbers of the pair at a place on the list of an item.
    pub fn counts(&self, item: u32, place: usize) -> Option<Counts> {
        let end = *self.ends.get(item as usize)? as usize;
        let begin =
            (item as usize).checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let mut numbers = Numbers(self.packed.get(begin..end)?).skip(place * self.n_counts);
        let mut counts = Counts::default();
        for count in counts.iter_mut().take(self.n_counts) {
            *count = numbers.next()?;
        }
        Some(counts)
    }

    pub fn resident_bytes(&self) -> usize {
        let held: usize = self.held.iter().map(Vec::len).sum();
        held * size_of::<u32>() + self.ends.len() * size_of::<u64>() + self.packed.len()
    }

    pub fn write(&self) -> Result<ModelFile, ModelError> {
        let longs = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let tensors: [(&str, Dtype, Vec<u8>); 6] = [
            ("held", Dtype::U32, longs(&self.held.concat())),
            ("n_lists", Dtype::U32, longs(&self.n_lists)),
            ("n_counts", Dtype::U32, longs(&[self.n_counts as u32])),
            ("factors", Dtype::F32, self.factors.iter().flat_map(|factor| factor.to_le_bytes()).collect()),
            ("ends", Dtype::U64, self.ends.iter().flat_map(|end| end.to_le_bytes()).collect()),
            ("packed", Dtype::U8, self.packed.clone()),
        ];
        let views: Result<Vec<_>, ModelError> = tensors
            .iter()
            .map(|(name, dtype, bytes)| {
                let n_numbers = bytes.len() * 8 / dtype.bitsize();
                Ok((*name, TensorView::new(*dtype, vec![n_numbers], bytes).map_err(damaged)?))
            })
            .collect();
        let content = safetensors::serialize(views?, None).map_err(damaged)?;
        Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
    }

    /// `None` of models that were written without it.
    pub fn read(contents: &Contents) -> Result<Option<Self>, ModelError> {
        if !contents.manifest.has(NAME) {
            return Ok(None);
        }
        let tensors = SafeTensors::deserialize(contents.file(NAME)?).map_err(damaged)?;
        let n_items = contents.manifest.n_items;
        let held = numbers(&tensors, NAME, "held", Dtype::U32, u32::from_le_bytes)?;
        let evidence = Self {
            held: held.chunks(n_items.max(1)).map(<[u32]>::to_vec).collect(),
            n_lists: numbers(&tensors, NAME, "n_lists", Dtype::U32, u32::from_le_bytes)?,
            factors: numbers(&tensors, NAME, "factors", Dtype::F32, f32::from_le_bytes)?,
            n_counts: numbers(&tensors, NAME, "n_counts", Dtype::U32, u32::from_le_bytes)?
                .first()
                .map_or(0, |n| *n as usize),
            ends: numbers(&tensors, NAME, "ends", Dtype::U64, u64::from_le_bytes)?,
            packed: numbers(&tensors, NAME, "packed", Dtype::U8, u8::from_le_bytes)?,
        };
        let fits = evidence.ends.len() == n_items
            && evidence.ends.is_sorted()
            && evidence.ends.last().is_none_or(|end| *end == evidence.packed.len() as u64)
            && held.len() == evidence.n_lists.len() * n_items
            && (1..=Counts::default().len()).contains(&evidence.n_counts)
            && evidence.factors.iter().all(|factor| factor.is_finite());
        if !fits {
            return Err(damaged("its shapes do not fit together"));
        }
        Ok(Some(evidence))
    }
}

/// The numbers of the pairs of a list, one after the other: seven bits to a byte, the lowest first, and an eighth that is
/// set if there are more. Most pairs are rare, so a number mostly takes one byte.
pub fn pack<'a>(pairs: impl Iterator<Item = &'a [u32]>) -> Vec<u8> {
    let mut packed = Vec::new();
    for count in pairs.flatten() {
        let mut rest = *count;
        while rest >= 0x80 {
            packed.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        packed.push(rest as u8);
    }
    packed
}

struct Numbers<'a>(&'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// How much of a score one of its two terms is, to be kept as a number of the pair.
pub fn part_of(term: f32, score: f32) -> u32 {
    (term / score * WHOLE as f32).round().clamp(0.0, WHOLE as f32) as u32
}

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::damaged(NAME, reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::SIMS;
    use crate::model::Manifest;

    proptest! {
        #[test]
        fn numbers_come_back_as_they_were_kept(
            lists in prop::collection::vec(prop::collection::vec(any::<[u32; 3]>(), 0..5), 1..5),
            shift in 0_u32..32,
            n_counts in 1_usize..=3,
        ) {
            let kept = |counts: &[u32; 3]| counts.map(|count| count >> shift);
            let n_items = lists.len();
            let held = vec![vec![7; n_items], (0..n_items as u32).collect()];
            let mut evidence = Evidence::new(held, vec![8, 9], vec![0.5], n_counts);
            for list in &lists {
                let counts: Vec<[u32; 3]> = list.iter().map(kept).collect();
                evidence.push(&pack(counts.iter().map(|counts| &counts[..n_counts])));
            }
            let manifest = Manifest::empty(SIMS.name, 0, &BTreeMap::new()).with_items(n_items);
            let files = manifest.seal(vec![evidence.write().unwrap()]).unwrap();
            let read = Evidence::read(&Contents::verify(&files, SIMS.name).unwrap()).unwrap().unwrap();
            prop_assert_eq!(&read, &evidence);
            for (item, list) in lists.iter().enumerate() {
                for (place, counts) in list.iter().enumerate() {
                    let mut wanted = [0; 3];
                    wanted[..n_counts].copy_from_slice(&kept(counts)[..n_counts]);
                    prop_assert_eq!(read.counts(item as u32, place), Some(wanted));
                }
                prop_assert_eq!(read.counts(item as u32, list.len()), None);
            }
            prop_assert_eq!(read.counts(n_items as u32, 0), None);
        }
    }

    #[test]
    fn a_model_without_evidence_opens_and_one_that_is_cut_short_does_not() {
        let manifest = || Manifest::empty(SIMS.name, 0, &BTreeMap::new()).with_items(2);
        let files = manifest().seal(Vec::new()).unwrap();
        assert_eq!(Evidence::read(&Contents::verify(&files, SIMS.name).unwrap()).unwrap(), None);
        // One item of two has a list.
        let mut evidence = Evidence::new(vec![vec![1, 1]], vec![1], Vec::new(), 1);
        evidence.push(&[3]);
        let files = manifest().seal(vec![evidence.write().unwrap()]).unwrap();
        assert!(Evidence::read(&Contents::verify(&files, SIMS.name).unwrap()).is_err());
    }
}
