//! The files of a model: `transformer.json` and `network.safetensors`, beside those of transitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fit::Outcome;
use super::network::{Shape, Transformer};
use super::scorer::{Scores, Sequence};
use crate::model::{Contents, ItemSide, ModelError, ModelFile};
use crate::neural::blend::Blend;
use crate::neural::store;
use crate::neural::train::Network;
use crate::transitions::{Fitted, TransitionsValidParams};

const SETTINGS: &str = "transformer.json";

/// Rows and columns beyond which a network is none of ours, lest a damaged number take all memory.
const MOST: usize = 1 << 12;

/// What is no weight.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    columns: usize,
    n_heads: usize,
    n_blocks: usize,
    max_length: usize,
    seen_weight: f64,
    blend: Blend,
    transitions: BTreeMap<String, String>,
}

impl Settings {
    fn shape(&self) -> Option<Shape> {
        let Self { columns, n_heads, n_blocks, max_length, .. } = *self;
        let numbers = [columns, n_heads, n_blocks, max_length];
        let sound = numbers.iter().all(|number| (1..=MOST).contains(number)) && columns % n_heads == 0;
        let sound = sound && self.blend.is_sound() && (0.0..=1.0).contains(&self.seen_weight);
        sound.then_some(Shape { columns, n_heads, n_blocks, max_length, dropout: 0.0 })
    }
}

/// All that is resident beside the items' ids.
pub fn write(outcome: &Outcome) -> Result<Vec<ModelFile>, ModelError> {
    let Outcome { scorer, transitions, .. } = outcome;
    let Shape { columns, n_heads, n_blocks, max_length, .. } = scorer.sequence.network.shape;
    let settings = Settings {
        columns,
        n_heads,
        n_blocks,
        max_length,
        seen_weight: scorer.sequence.seen_weight,
        blend: scorer.blend.clone(),
        transitions: transitions.to_text(),
    };
    let text = serde_json::to_vec(&settings).map_err(damaged)?;
    Ok(vec![
        ModelFile { name: SETTINGS.into(), content: text.into(), paged: false },
        store::write(&scorer.sequence.weights, scorer.sequence.network.layout(), columns)?,
        scorer.transitions.write()?,
    ])
}

/// What [`write`] wrote.
pub fn read(contents: &Contents, side: &ItemSide) -> Result<Scores, ModelError> {
    let settings: Settings = serde_json::from_slice(contents.file(SETTINGS)?).map_err(damaged)?;
    let shape = settings.shape().ok_or_else(|| damaged("a setting is out of range"))?;
    let network = Transformer::new(shape);
    let weights = store::read(contents, network.layout(), shape.columns)?;
    let config = TransitionsValidParams::from_text(&settings.transitions);
    let config = config.ok_or_else(|| damaged("transitions lack a hyperparameter"))?;
    Ok(Scores {
        sequence: Sequence { network, weights, seen_weight: settings.seen_weight },
        transitions: Fitted::read(contents, side.popular.clone(), &config)?,
        blend: settings.blend,
    })
}

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: SETTINGS.into(), reason: reason.to_string() }
}
