use rayon::prelude::*;

use super::matrix::Matrix;
use crate::lanes::{ROWS, Work, add, add_rows, dot, dots, scale_and_add, vectorised};
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

/// Up to so many rows of the other side are copied together before they are read several times.
/// A multiple of [`ROWS`].
const GATHERED: usize = 1024;

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
    let width = solved.width;
    solved.values.par_chunks_mut(PIECE * width.max(1)).enumerate().try_for_each_init(
        || Scratch::new(width),
        |scratch, (piece, rows)| {
            go_on(progress)?;
            for (place, x) in rows.chunks_exact_mut(width).enumerate() {
                let row = piece * PIECE + place;
                let (items, weights) = observed.row(row as u32);
                let prior = against.prior.map(|prior| prior.row(row));
                let problem =
                    Problem { items, weights, gram: &gram, regularization: against.regularization[row], prior };
                scratch.solve(&problem, against.factors, steps, x);
            }
            Ok(())
        },
    )
}

struct Problem<'a> {
    items: &'a [u32],
    weights: &'a [f32],
    /// `α YᵀY`
    gram: &'a Matrix,
    regularization: f32,
    prior: Option<&'a [f32]>,
}

/// Memory that one thread solves in.
struct Scratch {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
    /// Rows of the other side, in the order in which they are read.
    gathered: Matrix,
    gathered_weights: Vec<f32>,
    order: Vec<u32>,
}

impl Scratch {
    fn new(width: usize) -> Self {
        let vector = || vec![0.0; width];
        let gathered = Matrix { n_rows: 0, width, values: Vec::new() };
        let order = (0..GATHERED as u32).collect();
        Self {
            residual: vector(),
            direction: vector(),
            product: vector(),
            gathered,
            gathered_weights: Vec::new(),
            order,
        }
    }

    fn solve(&mut self, problem: &Problem<'_>, factors: &Matrix, steps: usize, x: &mut [f32]) {
        let Self { residual, direction, product, gathered, gathered_weights, order } = self;
        let n = problem.items.len();
        let (factors, items, weights) = if n <= GATHERED {
            // Filled up to whole blocks with what weighs nothing.
            gathered.n_rows = n.next_multiple_of(ROWS);
            gathered.values.clear();
            for item in problem.items {
                gathered.values.extend_from_slice(factors.row(*item as usize));
            }
            gathered.values.resize(gathered.n_rows * gathered.width, 0.0);
            gathered_weights.clear();
            gathered_weights.extend_from_slice(problem.weights);
            gathered_weights.resize(gathered.n_rows, 0.0);
            (&*gathered, &order[..gathered.n_rows], gathered_weights.as_slice())
        } else {
            (factors, problem.items, problem.weights)
        };
        vectorised(Solve { problem, factors, items, weights, steps, x, residual, direction, product });
    }
}

/// Conjugate gradients for one row.
struct Solve<'a> {
    problem: &'a Problem<'a>,
    factors: &'a Matrix,
    items: &'a [u32],
    weights: &'a [f32],
    steps: usize,
    x: &'a mut [f32],
    residual: &'a mut [f32],
    direction: &'a mut [f32],
    product: &'a mut [f32],
}

impl Work for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { problem, factors, items, weights, steps, x, residual, direction, product } = self;
        // r = b - A x
        residual.fill(0.0);
        let pull = problem.regularization;
        if let Some(prior) = problem.prior {
            add(residual, pull, prior);
        }
        add(residual, -pull, x);
        add_gram(problem.gram, -1.0, x, residual);
        add_observed(factors, items, weights, x, residual, |weight, predicted| weight * (1.0 - predicted));
        direction.copy_from_slice(residual);
        let mut left = dot(residual, residual);
        for _ in 0..steps {
            // What is so little is rounding, and dividing by it would make it large.
            if left < f32::MIN_POSITIVE {
                break;
            }
            product.fill(0.0);
            add(product, pull, direction);
            add_gram(problem.gram, 1.0, direction, product);
            add_observed(factors, items, weights, direction, product, |weight, predicted| weight * predicted);
            let length = left / dot(direction, product);
            if !length.is_finite() {
                break;
            }
            add(x, length, direction);
            add(residual, -length, product);
            let next = dot(residual, residual);
            scale_and_add(direction, next / left, residual);
            left = next;
        }
    }
}

/// Adds `sign · gram · vector`.
#[inline(always)]
fn add_gram(gram: &Matrix, sign: f32, vector: &[f32], to: &mut [f32]) {
    // The width is a multiple of the rows at once.
    for (block, values) in vector.as_chunks::<ROWS>().0.iter().enumerate() {
        let rows = std::array::from_fn(|row| gram.row(block * ROWS + row));
        add_rows(to, values.map(|value| sign * value), rows);
    }
}

/// Adds `Σ weight(c, y·vector) y` over the rows `y` of some items.
#[inline(always)]
fn add_observed(
    factors: &Matrix,
    items: &[u32],
    weights: &[f32],
    vector: &[f32],
    to: &mut [f32],
    weight: impl Fn(f32, f32) -> f32,
) {
    let (blocks, rest) = items.as_chunks::<ROWS>();
    let (weight_blocks, weights_rest) = weights.as_chunks::<ROWS>();
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
