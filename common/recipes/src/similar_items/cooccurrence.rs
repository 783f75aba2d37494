use ndarray::Array2;
use rayon::prelude::*;

use crate::dataset::Histories;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Columns of a block that are worked on at a time; so many numbers are a line of cache.
const WIDTH: usize = 16;

/// What occurs near what in the histories of users, as a matrix to multiply with that is never written down.
///
/// `C(i,j) = Σ 2^(-d / half_life)` over the pairs of an event with item `i` and one with item `j` in the same
/// history, `d` events apart; each event also pairs with itself. Scaled to `d(i)^-½ C(i,j) d(j)^-½` with the
/// sums `d` of the rows, no eigenvalue lies outside of 0 to 1.
pub struct Cooccurrence<'a> {
    histories: &'a Histories,
    /// See [`Self::fade`].
    fade: f32,
    /// `d^-½` by item; 0 for items without events.
    scale: Vec<f32>,
}

impl<'a> Cooccurrence<'a> {
    pub fn new(histories: &'a Histories, n_items: usize, half_life: f64) -> Self {
        let mut whole = Self { histories, fade: (-1.0 / half_life).exp2() as f32, scale: vec![1.0; n_items] };
        let sums = whole.slab(&vec![[1.0; WIDTH]; n_items]);
        let scale = |sum: &[f32; WIDTH]| if sum[0] > 0.0 { 1.0 / sum[0].sqrt() } else { 0.0 };
        whole.scale = sums.iter().map(scale).collect();
        whole
    }

    /// What an event fades by with each event after it.
    pub fn fade(&self) -> f32 {
        self.fade
    }

    /// What `C(one, other)` is multiplied by.
    pub fn scale(&self, one: u32, other: u32) -> f32 {
        self.scale[one as usize] * self.scale[other as usize]
    }

    /// The product with an `(n_items, m)` block. Cost `O(n_events m)`, in one pass over the histories for every
    /// sixteen columns.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn times(&self, block: &Array2<f32>, progress: &dyn Progress) -> Result<Array2<f32>, TrainError> {
        let (n_items, n_columns) = block.dim();
        let slabs: Result<Vec<Vec<[f32; WIDTH]>>, TrainError> = (0..n_columns.div_ceil(WIDTH))
            .into_par_iter()
            .map(|slab| {
                go_on(progress)?;
                let begin = slab * WIDTH;
                let mut from = vec![[0.0; WIDTH]; n_items];
                for (item, cells) in from.iter_mut().enumerate() {
                    for (place, cell) in cells.iter_mut().enumerate().take(n_columns - begin) {
                        *cell = block[(item, begin + place)] * self.scale[item];
                    }
                }
                Ok(self.slab(&from))
            })
            .collect();
        let slabs = slabs?;
        Ok(Array2::from_shape_fn((n_items, n_columns), |(item, column)| {
            slabs[column / WIDTH][item][column % WIDTH] * self.scale[item]
        }))
    }

    /// Sums over each history from both ends: what has been met so far fades from event to event.
    fn slab(&self, from: &[[f32; WIDTH]]) -> Vec<[f32; WIDTH]> {
        let mut to = vec![[0.0; WIDTH]; from.len()];
        let fade = self.fade;
        for user in self.histories.users() {
            let items = self.histories.items_of(user);
            let mut met = [0.0; WIDTH];
            for item in items {
                let (own, sum) = (&from[*item as usize], &mut to[*item as usize]);
                for place in 0..WIDTH {
                    met[place] = met[place] * fade + own[place];
                    sum[place] += met[place];
                }
            }
            let mut met = [0.0; WIDTH];
            for item in items.iter().rev() {
                let (own, sum) = (&from[*item as usize], &mut to[*item as usize]);
                for place in 0..WIDTH {
                    sum[place] += met[place];
                    met[place] = (met[place] + own[place]) * fade;
                }
            }
        }
        to
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_agree_with_the_formula_on_a_dense_matrix(
            users in prop::collection::vec(prop::collection::vec(0_u32..6, 0..9), 1..6),
            half_life in 0.3_f64..20.0,
        ) {
            let mut offsets = vec![0];
            offsets.extend(users.iter().scan(0, |end, user| { *end += user.len(); Some(*end) }));
            let items = users.concat();
            let n_events = items.len();
            let histories = Histories::new(offsets, items, vec![0; n_events]);
            let mut dense = Array2::<f64>::zeros((6, 6));
            for items in &users {
                for (one, from) in items.iter().enumerate() {
                    for (two, to) in items.iter().enumerate() {
                        dense[(*from as usize, *to as usize)] += (-(one.abs_diff(two) as f64) / half_life).exp2();
                    }
                }
            }
            let sums: Vec<f64> = (0..6).map(|row| dense.row(row).sum().max(1e-100)).collect();
            let scaled = Array2::from_shape_fn((6, 6), |(row, column)| {
                dense[(row, column)] / (sums[row] * sums[column]).sqrt()
            });
            let block = Array2::from_shape_fn((6, 19), |(row, column)| ((row * 5 + column) % 7) as f32 - 3.0);
            let product = Cooccurrence::new(&histories, 6, half_life).times(&block, &()).unwrap();
            let wanted = scaled.dot(&block.mapv(f64::from));
            for (cell, wanted) in product.iter().zip(wanted.iter()) {
                // Single precision on sums below 20.
                prop_assert!((f64::from(*cell) - wanted).abs() < 1e-4, "{product} {wanted}");
            }
        }
    }
}
