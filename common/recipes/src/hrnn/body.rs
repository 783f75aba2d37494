//! The weights of the network that are not vectors of items.

use std::ops::{Index, IndexMut};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::gru::Gru;

/// Kinds of time since the event before, among them that there is none; see [`super::window::gap_kind`].
pub const N_GAPS: usize = 16;

pub const GAP: usize = 0;
pub const START: usize = 1;
pub const SESSION_INPUT: usize = 2;
pub const SESSION_STATE: usize = 3;
pub const SESSION_BIAS: usize = 4;
pub const SESSION_NEW_BIAS: usize = 5;
pub const USER_INPUT: usize = 6;
pub const USER_STATE: usize = 7;
pub const USER_BIAS: usize = 8;
pub const USER_NEW_BIAS: usize = 9;
pub const BEGIN: usize = 10;
pub const BEGIN_BIAS: usize = 11;
pub const OUT_SESSION: usize = 12;
pub const OUT_USER: usize = 13;
pub const OUT_BIAS: usize = 14;
pub const USER_FEATURES: usize = 15;
pub const CONTEXT_FEATURES: usize = 16;
pub const N_TENSORS: usize = 17;

/// What the sizes of all weights follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Numbers in a state.
    pub d: usize,
    pub n_user_features: usize,
    pub n_context_features: usize,
}

impl Shape {
    /// Names, rows and columns, by the constants of this module.
    pub fn tensors(self) -> [(&'static str, usize, usize); N_TENSORS] {
        let d = self.d;
        [
            ("gap", N_GAPS, d),
            ("start", 1, d),
            ("session.input", d, 3 * d),
            ("session.state", d, 3 * d),
            ("session.bias", 1, 3 * d),
            ("session.new_bias", 1, d),
            ("user.input", d, 3 * d),
            ("user.state", d, 3 * d),
            ("user.bias", 1, 3 * d),
            ("user.new_bias", 1, d),
            ("begin.weight", d, d),
            ("begin.bias", 1, d),
            ("out.session", d, d),
            ("out.user", d, d),
            ("out.bias", 1, d),
            ("user_features", self.n_user_features, d),
            ("context_features", self.n_context_features, d),
        ]
    }
}

/// The weights, or their gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    tensors: Vec<Vec<f32>>,
}

impl Body {
    pub fn zeros(shape: Shape) -> Self {
        Self { tensors: shape.tensors().iter().map(|(_, rows, columns)| vec![0.0; rows * columns]).collect() }
    }

    /// `None` if the sizes are not those of the shape.
    pub fn of(shape: Shape, tensors: Vec<Vec<f32>>) -> Option<Self> {
        let fits = tensors.len() == N_TENSORS
            && tensors.iter().zip(shape.tensors()).all(|(tensor, (_, rows, columns))| tensor.len() == rows * columns);
        fits.then_some(Self { tensors })
    }

    /// Draws weights evenly around 0, as wide as Glorot and Bengio (2010), eq. 16, have it; biases and vectors of
    /// features begin at 0.
    pub fn draw(shape: Shape, rng: &mut ChaCha8Rng) -> Self {
        let mut body = Self::zeros(shape);
        for (tensor, (name, rows, columns)) in body.tensors.iter_mut().zip(shape.tensors()) {
            let gates = if columns == 3 * rows { 3 } else { 1 };
            let bound = (6.0 / (rows + columns / gates) as f32).sqrt();
            if rows == shape.d && !name.ends_with("features") {
                tensor.fill_with(|| rng.random_range(-bound..bound));
            }
        }
        body
    }

    pub fn session(&self) -> Gru<'_> {
        self.gru(SESSION_INPUT)
    }

    pub fn user(&self) -> Gru<'_> {
        self.gru(USER_INPUT)
    }

    fn gru(&self, first: usize) -> Gru<'_> {
        Gru { input: &self[first], state: &self[first + 1], bias: &self[first + 2], new_bias: &self[first + 3] }
    }

    pub fn tensors(&self) -> &[Vec<f32>] {
        &self.tensors
    }

    pub fn tensors_mut(&mut self) -> &mut [Vec<f32>] {
        &mut self.tensors
    }
}

impl Index<usize> for Body {
    type Output = Vec<f32>;

    fn index(&self, tensor: usize) -> &Vec<f32> {
        &self.tensors[tensor]
    }
}

impl IndexMut<usize> for Body {
    fn index_mut(&mut self, tensor: usize) -> &mut Vec<f32> {
        &mut self.tensors[tensor]
    }
}
