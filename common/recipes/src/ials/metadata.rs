//! What is recorded of items and users, as what their factors are expected to be.

use std::borrow::Cow;

use ndarray::Array2;

use super::matrix::Matrix;
use crate::dataset::Histories;
use crate::features::Features;
use crate::hrnn::features::Features as Encoder;
use crate::model::SparseRows;
use crate::ridge::{Design, Map};
use crate::{Columns, Dataset, Progress, TrainError};

/// How strongly a map is drawn towards 0.
const LAMBDA: f32 = 1.0;

/// Weight of observed pairs after which the factors of a row are its own by half.
const OWN: f32 = 10.0;

/// Steps of a map that is learned anew two iterations later.
const FEW_STEPS: usize = 6;

/// Steps of a map that stays.
const STEPS: usize = crate::ridge::STEPS;

/// The features of a dataset's items and users.
#[derive(Default)]
pub struct Metadata {
    /// A row for each of [`Dataset::all_items`]; empty if nothing is recorded of items.
    pub items: Features,
    /// What makes features of a user's record.
    pub encoder: Encoder,
    /// A row for each of [`Dataset::users`].
    users: SparseRows,
}

impl Metadata {
    pub fn of(dataset: &Dataset) -> Self {
        Self::of_columns(dataset.item_columns(), dataset.user_columns())
    }

    fn of_columns(items: &Columns, users: &Columns) -> Self {
        let encoder = Encoder::of(users);
        Self { items: Features::of(items), users: encoder.rows(users), encoder }
    }

    /// The features of some of the users.
    pub fn users_of(&self, histories: &Histories) -> Features {
        let n_features = self.encoder.len();
        if n_features == 0 {
            return Features::default();
        }
        let row = |user: usize| {
            let (features, values) = self.users.row(histories.row_of(user) as u32);
            (features.to_vec(), values.to_vec())
        };
        Features { rows: SparseRows::from_rows(histories.users().map(row)), n_features, columns: Vec::new() }
    }
}

/// What the factors of one side are expected to be, by a linear map of the features that is learned from the factors.
///
/// A row without features is expected to be 0. So is every row until something was learned.
pub struct Expected<'a> {
    design: Design<'a>,
    /// See [`Design::ridge`].
    trust: Vec<f32>,
    /// `None` until something was learned.
    pub map: Option<Map>,
    pub factors: Matrix,
}

impl<'a> Expected<'a> {
    /// `None` without features. Rows beyond those of `observed` have nothing that was observed.
    pub fn new(features: &'a Features, observed: &SparseRows, n_factors: usize) -> Option<Self> {
        if features.is_empty() {
            return None;
        }
        let trust = |row: u32| {
            let described = !features.rows.row(row).0.is_empty();
            let weight: f32 = if (row as usize) < observed.n_rows() { observed.row(row).1.iter().sum() } else { 0.0 };
            if described { weight / (weight + OWN) } else { 0.0 }
        };
        let n_rows = features.rows.n_rows();
        Some(Self {
            trust: (0..n_rows as u32).map(trust).collect(),
            design: Design::new(features),
            map: None,
            factors: Matrix::zero(n_rows, n_factors),
        })
    }

    pub fn prior(&self) -> Option<&Matrix> {
        self.map.as_ref().map(|_| &self.factors)
    }

    /// Learns the map from the factors of the first rows, those of the others being unknown.
    ///
    /// # Errors
    /// [`TrainError::Stopped`]
    pub fn learn(&mut self, factors: &Matrix, last: bool, progress: &dyn Progress) -> Result<(), TrainError> {
        let (n_rows, width) = (self.factors.n_rows, self.factors.width);
        let mut targets = factors.values.clone();
        targets.resize(n_rows * width, 0.0);
        let Ok(targets) = Array2::from_shape_vec((n_rows, width), targets) else { return Ok(()) };
        let n_steps = if last { STEPS } else { FEW_STEPS };
        let map = self.design.ridge(&targets, &self.trust, LAMBDA, n_steps, progress)?;
        let mapped = self.design.mapped(&map);
        let mapped: Cow<'_, [f32]> = mapped.as_slice().map_or_else(|| mapped.iter().copied().collect(), Cow::Borrowed);
        let rows = self.factors.rows_mut().zip(mapped.chunks_exact(width.max(1)));
        for (row, (to, from)) in (0..).zip(rows) {
            if !self.design.features.rows.row(row).0.is_empty() {
                to.copy_from_slice(from);
            }
        }
        self.map = Some(map);
        Ok(())
    }
}
