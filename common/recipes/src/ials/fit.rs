use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::IalsValidParams;
use super::fold::base;
use super::matrix::Matrix;
use super::metadata::{Expected, Metadata};
use super::observed::Observed;
use super::solve::{Against, half_step};
use crate::dataset::Histories;
use crate::event_weights::Weighing;
use crate::features::Features;
use crate::model::SparseRows;
use crate::ridge::Map;
use crate::training::go_on;
use crate::{Dataset, Progress, TrainError};

/// Steps of conjugate gradients for each row and iteration. They set out from the last iteration's factors, so a few
/// are enough.
const STEPS: usize = 3;

/// Iterations after which what metadata let expect is learned anew.
const BETWEEN_MAPS: usize = 2;

/// How strongly the factors of each row are drawn towards what is expected of them.
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
    /// Of the items that were observed, then of those of which there are metadata alone.
    pub item_factors: Matrix,
    /// See [`base`].
    pub base: Matrix,
    /// From the features of users to what is expected of their factors.
    pub user_map: Option<Map>,
}

/// One course of alternating least squares.
pub struct Course<'a> {
    pub config: &'a IalsValidParams,
    /// Of items and users; without features, nothing is expected of anybody.
    pub items: &'a Features,
    pub users: &'a Features,
    /// Factors of the observed items to set out from; `None`: drawn from the seed.
    pub start: Option<&'a Matrix>,
    pub seed: u64,
    pub progress: &'a dyn Progress,
    /// Which part of the training this is; `None` tells of nothing.
    pub span: Option<(f64, f64)>,
}

impl Course<'_> {
    /// Alternates between users and items.
    ///
    /// # Errors
    /// [`TrainError::Stopped`], [`TrainError::Numerical`]
    pub fn run(&self, observed: &Observed) -> Result<Fitted, TrainError> {
        let (config, progress) = (self.config, self.progress);
        let (by_user, by_item) = observed.sides();
        let (n_users, n_items) = (by_user.n_rows(), by_item.n_rows());
        let drawn = || Matrix::random(n_items, config.factors, &mut ChaCha8Rng::seed_from_u64(self.seed));
        let mut item_factors = self.start.cloned().unwrap_or_else(drawn);
        let mut user_factors = Matrix::zero(n_users, config.factors);
        let (user_pull, item_pull) = (Pull::of(by_user, n_items, config), Pull::of(by_item, n_users, config));
        let mut users = Expected::new(self.users, by_user, config.factors);
        let mut items = Expected::new(self.items, by_item, config.factors);
        let unobserved_weight = config.unobserved_weight as f32;
        for iteration in 1..=config.iterations {
            self.tell(iteration)?;
            let prior = users.as_ref().and_then(Expected::prior);
            let regularization = &user_pull.by_row;
            let against = Against { factors: &item_factors, unobserved_weight, regularization, prior };
            half_step(by_user, &against, STEPS, &mut user_factors, progress)?;
            let prior = items.as_ref().and_then(Expected::prior);
            let regularization = &item_pull.by_row;
            let against = Against { factors: &user_factors, unobserved_weight, regularization, prior };
            half_step(by_item, &against, STEPS, &mut item_factors, progress)?;
            let last = iteration == config.iterations;
            if last || iteration.is_multiple_of(BETWEEN_MAPS) {
                for (expected, factors) in [(&mut users, &user_factors), (&mut items, &item_factors)] {
                    if let Some(expected) = expected {
                        expected.learn(factors, last, progress)?;
                    }
                }
            }
        }
        let base = base(&item_factors, config.unobserved_weight, user_pull.mean)?;
        if let Some(items) = &items {
            add_unobserved(&mut item_factors, by_item, &items.factors);
        }
        let user_map = users.and_then(|users| users.map);
        let map = user_map.iter().flat_map(|map| map.base.iter().chain(&map.weights));
        if !item_factors.values.iter().chain(map).all(|value| value.is_finite()) {
            return Err(TrainError::Numerical("a factor is not finite: raise `regularization`".into()));
        }
        Ok(Fitted { item_factors, base, user_map })
    }

    fn tell(&self, iteration: usize) -> Result<(), TrainError> {
        if let Some((from, to)) = self.span {
            let share = (iteration - 1) as f64 / self.config.iterations as f64;
            let step = format!("iteration {iteration} of {}", self.config.iterations);
            self.progress.report(&step, from + (to - from) * share);
        }
        go_on(self.progress)
    }
}

/// That nobody had an item does not speak against it if it is new, so its factors are what is expected of them.
fn add_unobserved(factors: &mut Matrix, observed: &SparseRows, expected: &Matrix) {
    factors.values.resize(expected.values.len(), 0.0);
    factors.n_rows = expected.n_rows;
    for (row, (to, from)) in (0..).zip(factors.rows_mut().zip(expected.rows())) {
        if (row as usize) >= observed.n_rows() || observed.row(row).0.is_empty() {
            to.copy_from_slice(from);
        }
    }
}

/// All that factors are learned from: interactions with their weights, and metadata.
pub struct Source<'a> {
    pub dataset: &'a Dataset,
    pub metadata: &'a Metadata,
    pub weighing: Weighing<'a>,
}

impl Source<'_> {
    pub fn observed(&self, histories: &Histories) -> Observed {
        let weight = |user: usize, place: usize| self.weighing.event(histories, user, place);
        Observed::weighed(histories, self.dataset.items().len(), weight)
    }
}
