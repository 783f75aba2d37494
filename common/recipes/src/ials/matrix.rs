use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::lanes::LANES;

/// Vectors of equal length, one after the other: factors of users or of items.
///
/// The length is rounded up to whole [`LANES`]; what is added is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub n_rows: usize,
    /// Length of a row, with what was added.
    pub width: usize,
    pub values: Vec<f32>,
}

/// Most pieces in which a Gram matrix is summed.
const MAX_PIECES: usize = 64;

/// Least rows of such a piece.
const MIN_PIECE: usize = 512;

impl Matrix {
    pub fn zero(n_rows: usize, n_factors: usize) -> Self {
        let width = n_factors.next_multiple_of(LANES);
        Self { n_rows, width, values: vec![0.0; n_rows * width] }
    }

    /// Normally distributed with a standard deviation of `0.1 / √n_factors`.
    pub fn random(n_rows: usize, n_factors: usize, rng: &mut impl Rng) -> Self {
        let mut matrix = Self::zero(n_rows, n_factors);
        let scale = 0.1 / (n_factors as f32).sqrt();
        for row in matrix.rows_mut() {
            for value in &mut row[..n_factors] {
                // Box and Muller; 1 - u is never 0.
                let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
                *value = scale * ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32;
            }
        }
        matrix
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.width.max(1))
    }

    /// `YᵀY`, `(width, width)`. Pieces of rows are summed in their order, whatever thread did which.
    pub fn gram(&self) -> Self {
        let width = self.width;
        let piece = self.n_rows.div_ceil(MAX_PIECES).max(MIN_PIECE);
        let pieces = self.values.par_chunks(piece * width.max(1)).map(|rows| {
            let mut gram = vec![0.0_f32; width * width];
            let shaped = ArrayView2::from_shape((rows.len() / width, width), rows);
            if let (Ok(rows), Ok(mut to)) = (shaped, ArrayViewMut2::from_shape((width, width), &mut gram)) {
                general_mat_mul(1.0, &rows.t(), &rows, 0.0, &mut to);
            }
            gram
        });
        let mut sum = vec![0.0_f64; width * width];
        for gram in pieces.collect::<Vec<_>>() {
            for (sum, cell) in sum.iter_mut().zip(gram) {
                *sum += f64::from(cell);
            }
        }
        Self { n_rows: width, width, values: sum.into_iter().map(|cell| cell as f32).collect() }
    }

    pub fn resident_bytes(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}
