use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::IalsValidParams;
use super::matrix::Matrix;
use super::solve::{Against, half_step};
use crate::dataset::Histories;
use crate::model::SparseRows;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Steps of conjugate gradients for each row and iteration. They set out from the last iteration's factors, so a few
/// are enough.
const STEPS: usize = 3;

/// What was observed, by user and by item.
pub struct Observed {
    by_user: SparseRows,
    by_item: SparseRows,
}

impl Observed {
    /// An item counts once for a user, however often it occurs.
    pub fn of(histories: &Histories, n_items: usize) -> Self {
        let row = |user: usize| {
            let mut items = histories.items_of(user).to_vec();
            items.sort_unstable();
            items.dedup();
            let weights = vec![1.0; items.len()];
            (items, weights)
        };
        let by_user = SparseRows::from_rows(histories.users().map(row));
        Self { by_item: by_user.transposed(n_items), by_user }
    }

    /// By user, and by item.
    pub fn sides(&self) -> (&SparseRows, &SparseRows) {
        (&self.by_user, &self.by_item)
    }
}

/// How strongly the factors of each row are drawn towards their prior.
///
/// Rendle, Krichene, Zhang and Koren (2022), "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
/// eq. 5: with `n(u)` the weight of the row's pairs and `N` the rows of the other side, `λ (n(u) + α N)^ν`. Here it is
/// divided by what it is for a row of mean weight at `ν` = 0, so that one `λ` does for every `ν`.
pub struct Pull {
    pub by_row: Vec<f32>,
    /// Of a row of mean weight.
    pub mean: f32,
}

impl Pull {
    pub fn of(observed: &SparseRows, n_others: usize, config: &IalsValidParams) -> Self {
        let unobserved = config.unobserved_weight * n_others as f64;
        let weight = |row: u32| observed.row(row).1.iter().map(|weight| f64::from(*weight)).sum::<f64>() + unobserved;
        let weights: Vec<f64> = (0..observed.n_rows() as u32).map(weight).collect();
        let mean = (weights.iter().sum::<f64>() / weights.len().max(1) as f64).max(f64::MIN_POSITIVE);
        let pull =
            |weight: f64| (config.regularization * mean * (weight / mean).powf(config.frequency_exponent)) as f32;
        Self { by_row: weights.into_iter().map(pull).collect(), mean: pull(mean) }
    }
}

/// What alternating least squares leave.
pub struct Fitted {
    pub item_factors: Matrix,
    /// Pull on a user of mean activity.
    pub pull: f32,
}

/// Alternates between users and items.
///
/// # Errors
/// [`TrainError::Stopped`], [`TrainError::Numerical`]
pub fn fit(
    observed: &Observed,
    config: &IalsValidParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Fitted, TrainError> {
    let (by_user, by_item) = observed.sides();
    let (n_users, n_items) = (by_user.n_rows(), by_item.n_rows());
    let mut item_factors = Matrix::random(n_items, config.factors, &mut ChaCha8Rng::seed_from_u64(seed));
    let mut user_factors = Matrix::zero(n_users, config.factors);
    let user_pull = Pull::of(by_user, n_items, config);
    let item_pull = Pull::of(by_item, n_users, config);
    let unobserved_weight = config.unobserved_weight as f32;
    for _ in 0..config.iterations {
        go_on(progress)?;
        let items =
            Against { factors: &item_factors, unobserved_weight, regularization: &user_pull.by_row, prior: None };
        half_step(by_user, &items, STEPS, &mut user_factors, progress)?;
        let users =
            Against { factors: &user_factors, unobserved_weight, regularization: &item_pull.by_row, prior: None };
        half_step(by_item, &users, STEPS, &mut item_factors, progress)?;
    }
    if !item_factors.values.iter().all(|value| value.is_finite()) {
        return Err(TrainError::Numerical("a factor is not finite: raise `regularization`".into()));
    }
    Ok(Fitted { item_factors, pull: user_pull.mean })
}
