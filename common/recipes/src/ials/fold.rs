//! Factors of a user who asks, from the newest events.

use super::matrix::Matrix;
use crate::TrainError;
use crate::cholesky;
use crate::lanes::{Dot, ROWS, Work, add, add_rows, dot, vectorised};

/// `M = (α YᵀY + λ I)⁻¹`: what a user without events would be solved by, for a pull `λ` that is the same for everybody.
///
/// # Errors
/// [`TrainError::Numerical`] if the matrix is singular.
pub fn base(item_factors: &Matrix, unobserved_weight: f64, pull: f32) -> Result<Matrix, TrainError> {
    let mut gram = item_factors.gram();
    let n = gram.width;
    let mut matrix: Vec<f64> = gram.values.iter().map(|cell| f64::from(*cell) * unobserved_weight).collect();
    for row in 0..n {
        matrix[row * n + row] += f64::from(pull);
    }
    if !cholesky::factor(&mut matrix, n) {
        return Err(TrainError::Numerical("users' equations are singular: raise `regularization`".into()));
    }
    let mut column = vec![0.0; n];
    for (row, cells) in gram.rows_mut().enumerate() {
        column.fill(0.0);
        column[row] = 1.0;
        cholesky::substitute(&matrix, &mut column);
        for (cell, value) in cells.iter_mut().zip(&column) {
            *cell = *value as f32;
        }
    }
    Ok(gram)
}

/// The equations of one user.
///
/// With `Y` the factors of the items of the events, `C` their weights and `x0` the factors of a user without events,
///
/// ```text
/// x = (M⁻¹ + Yᵀ C Y)⁻¹ (Yᵀ C 1 + M⁻¹ x0) = x0 + M Yᵀ K⁻¹ (1 - Y x0)        K = C⁻¹ + Y M Yᵀ
/// ```
///
/// (the matrix inversion lemma): as many equations as events instead of factors.
pub struct Folded<'a> {
    factors: Vec<&'a [f32]>,
    /// `M Yᵀ`, a row for each event.
    spread: Matrix,
    /// Cholesky's factor of `K`.
    equations: Vec<f64>,
}

impl<'a> Folded<'a> {
    /// `None` if the equations are singular, which rounding alone can make them.
    ///
    /// Cost `O(n · n_factors² + n³)` for `n` events.
    pub fn new(item_factors: &'a Matrix, base: &Matrix, events: &[(u32, f32)]) -> Option<Self> {
        let factors: Vec<&[f32]> = events.iter().map(|(item, _)| item_factors.row(*item as usize)).collect();
        let n = events.len();
        let mut spread = Matrix::zero(n, base.width);
        let mut equations = vec![0.0; n * n];
        vectorised(Spread { factors: &factors, base, spread: &mut spread, equations: &mut equations });
        for (row, (_, weight)) in events.iter().enumerate() {
            equations[row * n + row] += 1.0 / f64::from(*weight);
        }
        cholesky::factor(&mut equations, n).then_some(Self { factors, spread, equations })
    }

    /// `x`, from `x0`.
    pub fn user_factors(&self, start: &[f32]) -> Vec<f32> {
        let mut weights: Vec<f64> = products(&self.factors, start).map(|product| 1.0 - product).collect();
        cholesky::substitute(&self.equations, &mut weights);
        let mut user = start.to_vec();
        vectorised(Gather { weights: &weights, rows: &self.spread, to: &mut user });
        user
    }

    /// What each event brings to the score of an item.
    ///
    /// Hu, Koren and Volinsky (2008), section 5: the score is `Σ c s(i,j)`, with the similarity
    /// `s(i,j) = y(i)ᵀ (M⁻¹ + Yᵀ C Y)⁻¹ y(j)` of the item and an event's item as this user sees it. Here
    /// `c s(i,·) = K⁻¹ Y M y(i)`, of which an event brings the part `1 - y(j)·x0` that was not expected.
    pub fn shares(&self, item: &[f32], start: &[f32]) -> Vec<f64> {
        let rows: Vec<&[f32]> = self.spread.rows().collect();
        let mut shares: Vec<f64> = products(&rows, item).collect();
        cholesky::substitute(&self.equations, &mut shares);
        shares.iter().zip(products(&self.factors, start)).map(|(share, expected)| share * (1.0 - expected)).collect()
    }
}

fn products<'a>(rows: &'a [&'a [f32]], vector: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
    rows.iter().map(|row| f64::from(vectorised(Dot(row, vector))))
}

/// `M Yᵀ` and the lower half of `Y M Yᵀ`.
struct Spread<'a> {
    factors: &'a [&'a [f32]],
    base: &'a Matrix,
    spread: &'a mut Matrix,
    equations: &'a mut [f64],
}

impl Work for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.factors.len();
        for (row, spread) in self.spread.rows_mut().enumerate() {
            for (block, values) in self.factors[row].as_chunks::<ROWS>().0.iter().enumerate() {
                add_rows(spread, *values, std::array::from_fn(|place| self.base.row(block * ROWS + place)));
            }
            for column in 0..=row {
                self.equations[row * n + column] = f64::from(dot(spread, self.factors[column]));
            }
        }
    }
}

/// Adds rows, each times its weight.
struct Gather<'a> {
    weights: &'a [f64],
    rows: &'a Matrix,
    to: &'a mut [f32],
}

impl Work for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (weight, row) in self.weights.iter().zip(self.rows.rows()) {
            add(self.to, *weight as f32, row);
        }
    }
}
