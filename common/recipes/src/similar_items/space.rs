use ndarray::{Array1, Array2, ArrayViewMut1};

use super::cooccurrence::Cooccurrence;
use crate::dataset::Histories;
use crate::ridge::{Design, Map};
use crate::spectral::leading;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Items with fewer interactions are cold: their place comes from metadata alone.
pub const COLD: u32 = 5;

/// Interactions after which an item's own place counts as much as the one that metadata expects.
const HALF_TRUST: f32 = 10.0;

/// Items' places by their interactions.
///
/// | field     | shape          | meaning                                                      |
/// |-----------|----------------|--------------------------------------------------------------|
/// | `vectors` | `(n_items, k)` | rows of unit length; of zeros where there is nothing to go by |
/// | `counts`  | `(n_items,)`   | interactions                                                 |
/// | `lengths` | `(n_items,)`   | of the rows before they got unit length                      |
/// | `values`  | `(k,)`         | eigenvalues, descending; zeros where there are no more       |
#[derive(Clone, Debug)]
pub struct Placed {
    pub vectors: Array2<f32>,
    pub counts: Vec<u32>,
    pub lengths: Vec<f32>,
    pub values: Vec<f32>,
}

impl Placed {
    /// The `dim` leading eigenvectors of what occurs near what, each scaled by the root of its eigenvalue.
    pub fn fit(
        histories: &Histories,
        n_items: usize,
        half_life: f64,
        dim: usize,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        let near = Cooccurrence::new(histories, n_items, half_life);
        let found = leading(n_items, dim, seed, |block| near.times(block, progress))?;
        let mut vectors = padded(found.vectors, dim);
        scale_columns(&mut vectors, &found.values);
        let mut counts = vec![0; n_items];
        for item in histories.items() {
            counts[*item as usize] += 1;
        }
        let mut lengths = Vec::with_capacity(n_items);
        for (mut row, count) in vectors.rows_mut().into_iter().zip(&counts) {
            // What is left there of rounding is no place.
            if *count == 0 {
                row.fill(0.0);
            }
            lengths.push(length(row.iter()));
            normalise(row);
        }
        let mut values = found.values;
        values.resize(dim, 0.0);
        Ok(Self { vectors, counts, lengths, values })
    }

    /// How much each item says about where its features lead.
    pub fn trust(&self) -> Vec<f32> {
        let trust = |count: &u32| if *count < COLD { 0.0 } else { *count as f32 / (*count as f32 + HALF_TRUST) };
        self.counts.iter().map(trust).collect()
    }
}

/// Items' places by their metadata: the `dim` leading eigenvectors of `F Fᵀ`, times the root of the eigenvalue,
/// which is what `F` times its leading right singular vectors is.
pub struct Described {
    /// `(n_features, dim)`: what a row of features is multiplied with.
    pub projection: Array2<f32>,
    /// `(n_items, dim)`: rows of unit length, or of zeros.
    pub vectors: Array2<f32>,
}

impl Described {
    pub fn fit(design: &Design<'_>, dim: usize, seed: u64, progress: &dyn Progress) -> Result<Self, TrainError> {
        let n_items = design.features.rows.n_rows();
        let found = leading(n_items, dim, seed, |block| {
            go_on(progress)?;
            Ok(design.forth(&design.back(block)))
        })?;
        let mut projection = design.back(&padded(found.vectors, dim));
        let inverse = |value: &f32| if *value > f32::MIN_POSITIVE { 1.0 / value.sqrt() } else { 0.0 };
        let inverse: Vec<f32> = found.values.iter().map(inverse).collect();
        for mut row in projection.rows_mut() {
            for (place, cell) in row.iter_mut().enumerate() {
                *cell *= inverse.get(place).copied().unwrap_or(0.0);
            }
        }
        let mut vectors = design.forth(&projection);
        vectors.rows_mut().into_iter().for_each(normalise);
        Ok(Self { projection, vectors })
    }
}

/// Items in one space, those without interactions too.
///
/// | field     | shape          | meaning                                                                     |
/// |-----------|----------------|-----------------------------------------------------------------------------|
/// | `vectors` | `(n_items, k)` | rows of unit length, or of zeros                                            |
/// | `own`     | `(n_items,)`   | how much of an item's place by its interactions is in its vector            |
/// | `mapped`  | `(n_items,)`   | how much of what the map gives for an item is in its vector; 0: nothing     |
#[derive(Clone, Debug)]
pub struct Joined {
    pub vectors: Array2<f32>,
    pub own: Vec<f32>,
    pub mapped: Vec<f32>,
}

impl Joined {
    /// The mean of an item's own place, by its interactions, and the one that its metadata lead to. Cold items
    /// have the second alone, unless nothing is recorded of them.
    pub fn of(placed: &Placed, design: &Design<'_>, map: &Map) -> Self {
        let given = design.mapped(map);
        let mut vectors = placed.vectors.clone();
        let (mut owns, mut mapped) = (vec![1.0; placed.counts.len()], vec![0.0; placed.counts.len()]);
        for (item, mut row) in vectors.rows_mut().into_iter().enumerate() {
            let count = placed.counts[item];
            if design.features.rows.row(item as u32).0.is_empty() {
                continue;
            }
            let own = if count < COLD { 0.0 } else { count as f32 / (count as f32 + HALF_TRUST) };
            let length = length(given.row(item).iter());
            if length > 0.0 {
                let share = (1.0 - own) / length;
                row *= own;
                row.scaled_add(share, &given.row(item));
                let whole = self::length(row.iter());
                if whole > 0.0 {
                    row /= whole;
                    (owns[item], mapped[item]) = (own / whole, share / whole);
                }
            }
        }
        Self { vectors, own: owns, mapped }
    }

    /// Without metadata.
    pub fn alone(placed: &Placed) -> Self {
        let n_items = placed.counts.len();
        Self { vectors: placed.vectors.clone(), own: vec![1.0; n_items], mapped: vec![0.0; n_items] }
    }
}

pub fn length<'a>(row: impl Iterator<Item = &'a f32>) -> f32 {
    row.map(|cell| f64::from(*cell).powi(2)).sum::<f64>().sqrt() as f32
}

/// Unless it is zero.
pub fn normalise(mut row: ArrayViewMut1<'_, f32>) {
    let length = length(row.iter());
    if length > 0.0 {
        row /= length;
    }
}

/// With columns of zeros up to `dim`.
fn padded(vectors: Array2<f32>, dim: usize) -> Array2<f32> {
    Array2::from_shape_fn((vectors.nrows(), dim), |at| vectors.get(at).copied().unwrap_or(0.0))
}

fn scale_columns(vectors: &mut Array2<f32>, values: &[f32]) {
    let mut roots = Array1::zeros(vectors.ncols());
    for (root, value) in roots.iter_mut().zip(values) {
        *root = value.sqrt();
    }
    *vectors *= &roots;
}
