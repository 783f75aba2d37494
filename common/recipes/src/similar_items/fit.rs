use ndarray::Array2;

use super::choose::{Choice, joined};
use super::explain;
use super::near::Placing;
use super::scorer::Space;
use super::space::{COLD, Described, Placed};
use crate::dataset::Histories;
use crate::features::Features;
use crate::popularity::Popular;
use crate::ridge::{Design, Map, STEPS};
use crate::training::step;
use crate::{Progress, TrainError};

/// What tells the recipes apart that are made of this.
pub struct Taste {
    /// Whether popular items may be favoured, as far as that finds what users turn to.
    pub popular: bool,
    /// The most that interactions may count beside metadata.
    pub most_by_interactions: f32,
}

/// What stays the same while histories and choices change.
pub struct Engine<'a> {
    pub design: Design<'a>,
    pub described: Described,
    pub n_items: usize,
    pub id_dim: usize,
    pub metadata_dim: usize,
    pub seed: u64,
}

impl<'a> Engine<'a> {
    /// Without features, no numbers are spent on metadata.
    pub fn new(
        features: &'a Features,
        n_items: usize,
        id_dim: usize,
        metadata_dim: usize,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self, TrainError> {
        step(progress, "reading metadata", 0.0)?;
        let metadata_dim = if features.is_empty() { 0 } else { metadata_dim };
        let design = Design::new(features);
        let described = match metadata_dim {
            0 => Described { projection: Array2::zeros((0, 0)), vectors: Array2::zeros((n_items, 0)) },
            dim => Described::fit(&design, dim, seed, progress)?,
        };
        Ok(Self { design, described, n_items, id_dim, metadata_dim, seed })
    }

    pub fn place(&self, histories: &Histories, half_life: f64, progress: &dyn Progress) -> Result<Placed, TrainError> {
        Placed::fit(histories, self.n_items, half_life, self.id_dim, self.seed, progress)
    }

    /// Places all items by these histories; `discount` is the popularity discount, from 0 to 1.
    pub fn fit(
        &self,
        histories: &Histories,
        choice: &Choice,
        discount: f64,
        progress: &dyn Progress,
    ) -> Result<Space, TrainError> {
        let placed = self.place(histories, choice.half_life, progress)?;
        let map = match self.metadata_dim {
            0 => None,
            _ => Some(self.design.ridge(&placed.vectors, &placed.trust(), choice.lambda, STEPS, progress)?),
        };
        let popular = Popular::count(histories, self.n_items);
        Ok(space(self, &placed, map.as_ref(), popular, choice, discount, true))
    }
}

/// Puts the places by interactions and by metadata beside each other.
pub fn space(
    engine: &Engine<'_>,
    placed: &Placed,
    map: Option<&Map>,
    popular: Popular,
    choice: &Choice,
    discount: f64,
    explained: bool,
) -> Space {
    let joined = joined(engine, placed, map);
    let dim = engine.id_dim + if map.is_some() { engine.metadata_dim } else { 0 };
    let vectors =
        Array2::from_shape_fn((engine.n_items, dim), |(item, place)| match place.checked_sub(engine.id_dim) {
            None => joined.vectors[(item, place)],
            Some(place) => engine.described.vectors[(item, place)],
        });
    let most = placed.counts.iter().copied().max().unwrap_or(0);
    let power = choice.popularity_power * (1.0 - discount);
    let scale = |count: &u32| ((f64::from(*count) + 1.0) / (f64::from(most) + 1.0)).powf(power) as f32;
    let weight = |(item, count): (usize, &u32)| {
        let is_described = map.is_some() && !engine.design.features.rows.row(item as u32).0.is_empty();
        match (is_described, *count < COLD) {
            (false, _) => 1.0,
            (true, true) => choice.cold_weight,
            (true, false) => choice.warm_weight,
        }
    };
    let described = map.filter(|_| explained).map(|map| explain::Described {
        rows: engine.design.features.rows.clone(),
        columns: engine.design.features.columns.clone(),
        map: map.clone(),
        projection: engine.described.projection.clone(),
        mapped: joined.mapped,
    });
    let placing = explained.then(|| Placing::new(placed, joined.own));
    Space {
        vectors,
        id_dim: engine.id_dim,
        weights: placed.counts.iter().enumerate().map(weight).collect(),
        scales: placed.counts.iter().map(scale).collect(),
        popular,
        described,
        placing,
    }
}
