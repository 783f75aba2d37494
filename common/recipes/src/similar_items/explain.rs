//! What the score of a pair of items is made of: what users had near the item that is asked with, and each column of its
//! metadata.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::scorer::{Space, dot};
use super::space::length;
use crate::model::{Scorer, SparseRows};
use crate::ridge::{Map, combined};
use crate::{Explanation, Part, Query};

/// How places follow from metadata: see [`Map`] and [`super::space::Described`].
pub struct Described {
    pub rows: SparseRows,
    pub columns: Vec<(String, Range<u32>)>,
    pub map: Map,
    pub projection: Array2<f32>,
    /// By item: see [`super::space::Joined::mapped`].
    pub mapped: Vec<f32>,
}

impl Described {
    pub fn is_finite(&self) -> bool {
        let mut numbers = self.map.base.iter().chain(&self.map.weights).chain(&self.projection).chain(&self.mapped);
        numbers.all(|number| number.is_finite())
    }

    pub fn resident_bytes(&self) -> usize {
        let numbers = self.map.base.len() + self.map.weights.len() + self.projection.len() + self.mapped.len();
        self.rows.resident_bytes() + numbers * size_of::<f32>()
    }

    /// What the map gives for an item.
    pub fn mapped_to(&self, item: u32) -> Array1<f32> {
        let mut place = self.map.base.clone();
        combined(self.rows.row(item), &self.map.weights, &mut place);
        place
    }

    /// What each column of the item's metadata brings to its two places, before these are scaled.
    fn by_column(&self, item: u32) -> impl Iterator<Item = (&str, Array1<f32>, Array1<f32>)> {
        let (features, values) = self.rows.row(item);
        self.columns.iter().filter_map(move |(name, range)| {
            let begin = features.partition_point(|feature| *feature < range.start);
            let end = features.partition_point(|feature| *feature < range.end);
            let cells = (&features[begin..end], &values[begin..end]);
            let (mut place, mut description) =
                (Array1::zeros(self.map.weights.ncols()), Array1::zeros(self.projection.ncols()));
            combined(cells, &self.map.weights, &mut place);
            combined(cells, &self.projection, &mut description);
            (begin < end).then_some((name.as_str(), place, description))
        })
    }
}

/// Name of the part that has what users had near the asked item beside the items that are named.
const OTHERS: &str = "with other items, and the asked item itself";

pub fn explain(space: &Space, query: &Query<'_>, item: u32) -> Option<Explanation> {
    let Some(asked) = query.item.filter(|asked| space.is_placed(*asked)) else {
        return space.popular.explain(query, item);
    };
    if !space.is_placed(item) {
        // It can only continue a list, by its users.
        let count = f64::from(*space.popular.n_users().get(item as usize)?);
        return Some(Explanation { score: 0.0, parts: vec![Part::Count { name: "users", count, share: 0.0 }] });
    }
    let (from, to) = (space.vector(asked), space.vector(item));
    let scale = f64::from(space.scales[item as usize]);
    let weight = f64::from(space.weights[asked as usize]);
    let (by_interactions, by_metadata) = (&from[..space.id_dim], &from[space.id_dim..]);
    let (placed, described_as) = (&to[..space.id_dim], &to[space.id_dim..]);
    let together = scale * weight * f64::from(dot(by_interactions, placed));
    let alike = scale * (1.0 - weight) * f64::from(dot(by_metadata, described_as));
    let mut parts = Vec::new();
    let (mut explained, mut rest) = (0.0, 0.0);
    if let Some(described) = &space.described {
        let mapped = scale * weight * f64::from(described.mapped[asked as usize]);
        let columns: Vec<_> = described.by_column(asked).collect();
        let mut whole = Array1::<f32>::zeros(described.projection.ncols());
        for (_, _, description) in &columns {
            whole += description;
        }
        let length = f64::from(length(whole.iter()));
        let per_length = if length > 0.0 { scale * (1.0 - weight) / length } else { 0.0 };
        for (name, place, description) in &columns {
            let by_map = mapped * f64::from(dot(place.as_slice()?, placed));
            let by_description = per_length * f64::from(dot(description.as_slice()?, described_as));
            explained += by_map;
            parts.push(Part::Column { name: Arc::from(*name), share: by_map + by_description });
        }
        let base = mapped * f64::from(dot(described.map.base.as_slice()?, placed));
        explained += base;
        rest += base;
    } else {
        rest += alike;
    }
    let by_users = together - explained;
    match space.placing.as_ref() {
        Some(placing) => {
            let near = placing.parts(space, scale * weight, asked, item);
            let share = by_users - near.iter().map(Part::share).sum::<f64>();
            parts.extend(near);
            if share != 0.0 {
                parts.push(Part::Term { name: OTHERS, share });
            }
        }
        // What they had is not known of models that were written without.
        None => parts.push(Part::Together { share: by_users, counts: None }),
    }
    if rest != 0.0 {
        parts.push(Part::Rest { share: rest });
    }
    Some(Explanation { score: f64::from(*space.rank(query, &[item]).first()?), parts })
}
