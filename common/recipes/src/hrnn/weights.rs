use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::body::{Body, Shape};
use super::items::Items;
use super::network::Network;
use crate::model::SparseRows;
use crate::neural::checkpoint::Checkpoint;
use crate::neural::learning::Kept;

/// All that is learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    pub shape: Shape,
    pub items: Items,
    pub body: Body,
}

impl Weights {
    /// `n_events` by item: those without begin, and stay, with nothing of their own.
    /// `features` are those of all items, and how many there are.
    pub fn draw(shape: Shape, n_events: &[u32], features: (&SparseRows, usize), seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let items = Items::draw(n_events, features, shape.d, &mut rng);
        Self { shape, items, body: Body::draw(shape, &mut rng) }
    }

    pub fn network<'a>(&'a self, vectors: &'a [f32], users: &'a SparseRows, contexts: &'a SparseRows) -> Network<'a> {
        Network { d: self.shape.d, body: &self.body, items: vectors, users, contexts }
    }
}

impl Kept for Weights {
    fn keep(&self, name: &str, checkpoint: Checkpoint) -> Checkpoint {
        let items = [("own", &self.items.own), ("features", &self.items.features)];
        let body = self.body.tensors().iter().enumerate();
        let checkpoint = items
            .into_iter()
            .fold(checkpoint, |checkpoint, (part, tensor)| checkpoint.tensor(format!("{name}.{part}"), tensor));
        body.fold(checkpoint, |checkpoint, (part, tensor)| checkpoint.tensor(format!("{name}.{part}"), tensor))
    }

    fn restored(&self, name: &str, checkpoint: &Checkpoint) -> Option<Self> {
        let of = |part: &str, like: &[f32]| checkpoint.of_tensor(&format!("{name}.{part}"), like);
        let mut weights = self.clone();
        weights.items.own = of("own", &self.items.own)?;
        weights.items.features = of("features", &self.items.features)?;
        let tensors = self.body.tensors().iter().enumerate().map(|(number, tensor)| of(&number.to_string(), tensor));
        weights.body = Body::of(self.shape, tensors.collect::<Option<_>>()?)?;
        Some(weights)
    }
}
