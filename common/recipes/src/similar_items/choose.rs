use ndarray::Array2;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::fit::{Engine, Taste, space};
use super::scorer::dot;
use super::space::{Joined, Placed, length};
use crate::dataset::Histories;
use crate::popularity::Popular;
use crate::rank::{self, Ranked};
use crate::ridge::Map;
use crate::search::Trial;
use crate::training::go_on;
use crate::{Progress, TrainError};

/// Multiplications that the questions of one candidate may take, about a second on two cores.
const MAX_PRODUCTS: usize = 3_000_000_000;

/// Items that are taken for new ones at most.
const MAX_HELD_OUT: usize = 300;

/// Steps of a map that is only made to be compared.
const FEW_STEPS: usize = 6;

/// Length of the lists that candidates are judged by.
const LIST_LENGTH: usize = 10;

const HALF_LIVES: [f64; 3] = [2.0, 5.0, 20.0];
const POPULARITY_POWERS: [f64; 5] = [0.3, 0.15, 0.0, 0.45, 0.6];
const LAMBDAS: [f32; 3] = [1.0, 0.2, 5.0];
const COLD_WEIGHTS: [f32; 3] = [1.0, 0.75, 0.5];
const WARM_WEIGHTS: [f32; 3] = [1.0, 0.85, 0.7];

/// What the space is made with, chosen on the training users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Events after which two count half as near.
    pub half_life: f64,
    /// Of the map from metadata.
    pub lambda: f32,
    /// What the number of an item's interactions is raised to, before the discount.
    pub popularity_power: f64,
    /// See [`super::scorer::Space::weights`]: of items with a place of their own, and of cold ones.
    pub warm_weight: f32,
    pub cold_weight: f32,
}

/// Chooses by the last events of some users, asked for with the events before them (NDCG at 25), and, for what
/// concerns cold items, by items whose own place is kept from the map: how near to it, by interactions, the ten
/// items are that their metadata lead to.
///
/// # Errors
/// [`TrainError::Stopped`]
pub fn choose(
    engine: &Engine<'_>,
    histories: &Histories,
    taste: &Taste,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Choice, TrainError> {
    let products = (engine.n_items * (engine.id_dim + engine.metadata_dim)).max(1);
    let trial = Trial::draw_at_most(histories, seed, (MAX_PRODUCTS / products).clamp(100, 1000));
    let popular = Popular::count(&trial.histories, engine.n_items);
    let mut choice = Choice {
        half_life: HALF_LIVES[0],
        lambda: LAMBDAS[0],
        popularity_power: if taste.popular { POPULARITY_POWERS[0] } else { 0.0 },
        warm_weight: 1.0,
        cold_weight: 1.0,
    };
    let judge = |placed: &Placed, map: Option<&Map>, choice: &Choice| {
        // The discount is for users to set; what it takes from is learned without it.
        let candidate = space(engine, placed, map, popular.clone(), choice, 0.0, false);
        trial.ndcg(&candidate, progress)
    };
    let mut best: Option<(f64, Placed)> = None;
    for (done, half_life) in HALF_LIVES.into_iter().enumerate() {
        progress.report("choosing what counts as near", 0.1 * done as f64);
        let placed = engine.place(&trial.histories, half_life, progress)?;
        let candidate = Choice { half_life, ..choice };
        let score = judge(&placed, None, &candidate)?;
        if best.as_ref().is_some_and(|(reached, _)| score <= *reached) {
            break;
        }
        (choice, best) = (candidate, Some((score, placed)));
    }
    let Some((mut reached, placed)) = best else { return Ok(choice) };
    if taste.popular {
        for popularity_power in POPULARITY_POWERS.into_iter().skip(1) {
            let candidate = Choice { popularity_power, ..choice };
            let score = judge(&placed, None, &candidate)?;
            if score > reached {
                (choice, reached) = (candidate, score);
            }
        }
    }
    if engine.design.features.is_empty() {
        return Ok(choice);
    }
    progress.report("choosing the map from metadata", 0.35);
    let held_out = HeldOut::draw(&placed, engine.seed);
    let mut nearest = f64::NEG_INFINITY;
    for lambda in LAMBDAS {
        let map = engine.design.ridge(&placed.vectors, &held_out.trust, lambda, FEW_STEPS, progress)?;
        let given = engine.design.mapped(&map);
        for cold_weight in COLD_WEIGHTS.into_iter().filter(|weight| *weight <= taste.most_by_interactions) {
            let score = held_out.nearness(&placed, &given, &engine.described.vectors, cold_weight, progress)?;
            if score > nearest {
                (nearest, choice.lambda, choice.cold_weight) = (score, lambda, cold_weight);
            }
        }
    }
    let map = engine.design.ridge(&placed.vectors, &placed.trust(), choice.lambda, FEW_STEPS, progress)?;
    let mut reached = f64::NEG_INFINITY;
    for warm_weight in WARM_WEIGHTS.into_iter().map(|weight| weight.min(taste.most_by_interactions)) {
        let candidate = Choice { warm_weight, ..choice };
        let score = judge(&placed, Some(&map), &candidate)?;
        if score > reached {
            (choice, reached) = (candidate, score);
        }
    }
    Ok(choice)
}

/// Items that the map does not learn from.
struct HeldOut {
    items: Vec<usize>,
    /// Of the others, as [`Placed::trust`]; 0 for these.
    trust: Vec<f32>,
}

impl HeldOut {
    /// A tenth of the items that are not cold.
    fn draw(placed: &Placed, seed: u64) -> Self {
        let mut trust = placed.trust();
        let mut items: Vec<usize> = (0..trust.len()).filter(|item| trust[*item] > 0.0).collect();
        items.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        items.truncate(items.len().div_ceil(10).min(MAX_HELD_OUT));
        for item in &items {
            trust[*item] = 0.0;
        }
        Self { items, trust }
    }

    fn nearness(
        &self,
        placed: &Placed,
        given: &Array2<f32>,
        described: &Array2<f32>,
        weight: f32,
        progress: &dyn Progress,
    ) -> Result<f64, TrainError> {
        let row = |matrix: &Array2<f32>, item: usize| matrix.row(item).to_vec();
        let near: Result<Vec<f64>, TrainError> = self
            .items
            .par_iter()
            .map(|item| {
                go_on(progress)?;
                let (place, own, description) = (row(given, *item), row(&placed.vectors, *item), row(described, *item));
                let length = length(place.iter()).max(f32::MIN_POSITIVE);
                let others = (0..self.trust.len()).filter(|other| self.trust[*other] > 0.0);
                let mut ranked: Vec<Ranked> = others
                    .map(|other| {
                        let by_map = dot(&place, placed.vectors.row(other).as_slice().unwrap_or(&[])) / length;
                        let alike = dot(&description, described.row(other).as_slice().unwrap_or(&[]));
                        (other as u32, weight * by_map + (1.0 - weight) * alike)
                    })
                    .collect();
                rank::keep_best(&mut ranked, LIST_LENGTH);
                let near = ranked.iter().map(|(other, _)| placed.vectors.row(*other as usize).to_vec());
                Ok(near.map(|other| f64::from(dot(&own, &other))).sum::<f64>() / LIST_LENGTH as f64)
            })
            .collect();
        Ok(near?.iter().sum())
    }
}

/// The items in one space, for [`space`].
pub fn joined(engine: &Engine<'_>, placed: &Placed, map: Option<&Map>) -> Joined {
    map.map_or_else(|| Joined::alone(placed), |map| Joined::of(placed, &engine.design, map))
}
