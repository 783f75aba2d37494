use rayon::prelude::*;

use super::matrix::Matrix;
use crate::lanes::{LANES, ROWS, Work, add, add_rows, dot, dots, products, scale_and_add, vectorised};
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// What a side is solved against.
pub struct Against<'a> {
    /// `Y`, the factors of the other side.
    pub factors: &'a Matrix,
    /// What a pair weighs that was not observed.
    pub unobserved_weight: f32,
    /// By row of the side that is solved.
    pub regularization: &'a [f32],
    /// What factors are drawn towards, by row of the side that is solved; `None`: towards 0.
    pub prior: Option<&'a Matrix>,
}

/// Rows that one thread takes at a time.
const PIECE: usize = 64;

/// Numbers of the other side that are copied together before they are read several times: as many as the second cache
/// of a core holds beside other things.
const GATHERED: usize = 1 << 17;

/// Moves the factors `X` of one side towards the minimum of the loss, those of the other side being given.
///
/// For each row `u` with the observed pairs `(i, c)` this is conjugate gradients, `steps` of them from the factors that
/// the row has, on `A x = b` with
///
/// ```text
/// A = Σ c y(i) y(i)ᵀ + α YᵀY + λ(u) I        b = Σ c y(i) + λ(u) prior(u)
/// ```
///
/// Hu, Koren and Volinsky (2008), "Collaborative Filtering for Implicit Feedback Datasets", eq. 4, with the weight of
/// unobserved pairs by a name of its own (`c` - 1 there); Takács, Pilászy and Tikk (2011), "Applications of the
/// Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", for the solver.
///
/// Cost `O(steps · (nnz + n_rows · n_factors) · n_factors)`.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn half_step(
    observed: &SparseRows,
    against: &Against<'_>,
    steps: usize,
    solved: &mut Matrix,
    progress: &dyn Progress,
) -> Result<(), TrainError> {
    let mut gram = against.factors.gram();
    for cell in &mut gram.values {
        *cell *= against.unobserved_weight;
    }
    let gram = Gram::new(gram);
    let width = solved.width;
    solved.values.par_chunks_mut(PIECE * width.max(1)).enumerate().try_for_each_init(
        || Scratch::new(width),
        |scratch, (piece, mut rows)| {
            go_on(progress)?;
            let mut row = piece * PIECE;
            while !rows.is_empty() {
                let n = scratch.gather(observed, against.factors, row, rows.len() / width);
                let (batch, rest) = rows.split_at_mut(n * width);
                scratch.solve(observed, against, &gram, steps, row, batch);
                (row, rows) = (row + n, rest);
            }
            Ok(())
        },
    )
}

/// `α YᵀY`, as it is and in panels of [`LANES`] columns.
struct Gram {
    rows: Matrix,
    panels: Vec<f32>,
}

impl Gram {
    fn new(rows: Matrix) -> Self {
        let groups = 0..rows.width / LANES;
        let cells = groups.flat_map(|group| rows.rows().map(move |row| &row[group * LANES..(group + 1) * LANES]));
        Self { panels: cells.flatten().copied().collect(), rows }
    }

    /// Adds the products with some vectors, at most [`ROWS`] of them one after the other.
    ///
    /// All at once read the matrix once.
    #[inline(always)]
    fn add(&self, vectors: &[f32], turned: &mut [[f32; ROWS]], to: &mut [f32]) {
        let width = self.rows.width;
        if vectors.len() < FEW * width {
            for (vector, to) in vectors.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
                // The width is a multiple of the rows at once.
                for (block, values) in vector.as_chunks::<ROWS>().0.iter().enumerate() {
                    add_rows(to, *values, std::array::from_fn(|row| self.rows.row(block * ROWS + row)));
                }
            }
            return;
        }
        for (place, vector) in vectors.chunks_exact(width).enumerate() {
            for (turned, value) in turned.iter_mut().zip(vector) {
                turned[place] = *value;
            }
        }
        for (group, panel) in self.panels.chunks_exact(width * LANES).enumerate() {
            for (sums, to) in products(panel, turned).iter().zip(to.chunks_exact_mut(width)) {
                for (to, sum) in to[group * LANES..(group + 1) * LANES].iter_mut().zip(sums) {
                    *to += sum;
                }
            }
        }
    }
}

/// Vectors of which fewer are multiplied one by one.
const FEW: usize = 3;

/// Memory that one thread solves in.
struct Scratch {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
    turned: Vec<[f32; ROWS]>,
    /// Rows of the other side, in the order in which they are read, and what they weigh.
    gathered: Matrix,
    weights: Vec<f32>,
    /// Where those of each solved row begin; one alone that has too many is read where it is.
    begins: Vec<usize>,
    order: Vec<u32>,
}

impl Scratch {
    fn new(width: usize) -> Self {
        let vectors = || vec![0.0; ROWS * width];
        Self {
            residual: vectors(),
            direction: vectors(),
            product: vectors(),
            turned: vec![[0.0; ROWS]; width],
            gathered: Matrix { n_rows: 0, width, values: Vec::new() },
            weights: Vec::new(),
            begins: Vec::new(),
            order: (0..(GATHERED / width.max(1) + ROWS) as u32).collect(),
        }
    }

    /// Copies what the next rows are solved by; returns how many rows, at least one of the `most` there are.
    fn gather(&mut self, observed: &SparseRows, factors: &Matrix, first: usize, most: usize) -> usize {
        let Self { gathered, weights, begins, .. } = self;
        gathered.values.clear();
        weights.clear();
        begins.clear();
        let room = GATHERED / gathered.width.max(1);
        for row in first..first + most.min(ROWS) {
            let (items, own) = observed.row(row as u32);
            if weights.len() + items.len() > room {
                break;
            }
            begins.push(weights.len());
            for item in items {
                gathered.values.extend_from_slice(factors.row(*item as usize));
            }
            weights.extend_from_slice(own);
            // Filled up to whole blocks with what weighs nothing.
            weights.resize(weights.len().next_multiple_of(ROWS), 0.0);
            gathered.values.resize(weights.len() * gathered.width, 0.0);
        }
        gathered.n_rows = weights.len();
        begins.len().max(1)
    }

    fn solve(
        &mut self,
        observed: &SparseRows,
        against: &Against<'_>,
        gram: &Gram,
        steps: usize,
        first: usize,
        x: &mut [f32],
    ) {
        let Self { residual, direction, product, turned, gathered, weights, begins, order } = self;
        let n = x.len() / gathered.width.max(1);
        let problem = |place: usize| {
            let row = first + place;
            let (items, weights) = match begins.get(place) {
                None => observed.row(row as u32),
                Some(begin) => {
                    let range = *begin..begins.get(place + 1).copied().unwrap_or(weights.len());
                    (&order[range.clone()], &weights[range])
                }
            };
            let prior = against.prior.map(|prior| prior.row(row));
            Problem { items, weights, regularization: against.regularization[row], prior }
        };
        let problems: Vec<Problem<'_>> = (0..n).map(problem).collect();
        let factors = if begins.is_empty() { against.factors } else { &*gathered };
        let len = x.len();
        let (residual, direction, product) = (&mut residual[..len], &mut direction[..len], &mut product[..len]);
        vectorised(Solve { problems: &problems, factors, gram, steps, x, residual, direction, product, turned });
    }
}

struct Problem<'a> {
    items: &'a [u32],
    weights: &'a [f32],
    regularization: f32,
    prior: Option<&'a [f32]>,
}

/// Conjugate gradients for at most [`ROWS`] rows side by side.
struct Solve<'a> {
    problems: &'a [Problem<'a>],
    factors: &'a Matrix,
    gram: &'a Gram,
    steps: usize,
    x: &'a mut [f32],
    residual: &'a mut [f32],
    direction: &'a mut [f32],
    product: &'a mut [f32],
    turned: &'a mut [[f32; ROWS]],
}

impl Work for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { problems, factors, gram, steps, x, residual, direction, product, turned } = self;
        let width = factors.width;
        // r = b - A x
        product.fill(0.0);
        gram.add(x, turned, product);
        // Squared length of what is left; 0 where nothing is to be gained any more.
        let mut left = [0.0; ROWS];
        for (place, problem) in problems.iter().enumerate() {
            let range = place * width..(place + 1) * width;
            let (x, residual) = (&x[range.clone()], &mut residual[range.clone()]);
            residual.fill(0.0);
            add(residual, -1.0, &product[range.clone()]);
            if let Some(prior) = problem.prior {
                add(residual, problem.regularization, prior);
            }
            add(residual, -problem.regularization, x);
            add_observed(factors, problem, x, residual, |weight, predicted| weight * (1.0 - predicted));
            direction[range].copy_from_slice(residual);
            left[place] = dot(residual, residual);
        }
        for step in 1..=steps {
            product.fill(0.0);
            gram.add(direction, turned, product);
            for (place, problem) in problems.iter().enumerate() {
                // What is so little is rounding, and dividing by it would make it large.
                if left[place] < f32::MIN_POSITIVE {
                    continue;
                }
                let range = place * width..(place + 1) * width;
                let (x, residual) = (&mut x[range.clone()], &mut residual[range.clone()]);
                let (direction, product) = (&mut direction[range.clone()], &mut product[range]);
                add(product, problem.regularization, direction);
                add_observed(factors, problem, direction, product, |weight, predicted| weight * predicted);
                let length = left[place] / dot(direction, product);
                if !length.is_finite() {
                    left[place] = 0.0;
                    continue;
                }
                add(x, length, direction);
                if step < steps {
                    add(residual, -length, product);
                    let next = dot(residual, residual);
                    scale_and_add(direction, next / left[place], residual);
                    left[place] = next;
                }
            }
        }
    }
}

/// Adds `Σ weight(c, y·vector) y` over the rows `y` of some items.
#[inline(always)]
fn add_observed(
    factors: &Matrix,
    problem: &Problem<'_>,
    vector: &[f32],
    to: &mut [f32],
    weight: impl Fn(f32, f32) -> f32,
) {
    let (blocks, rest) = problem.items.as_chunks::<ROWS>();
    let (weight_blocks, weights_rest) = problem.weights.as_chunks::<ROWS>();
    for (items, weights) in blocks.iter().zip(weight_blocks) {
        let rows = items.map(|item| factors.row(item as usize));
        let predicted = dots(rows, vector);
        add_rows(to, std::array::from_fn(|row| weight(weights[row], predicted[row])), rows);
    }
    for (item, own) in rest.iter().zip(weights_rest) {
        let row = factors.row(*item as usize);
        add(to, weight(*own, dot(row, vector)), row);
    }
}
