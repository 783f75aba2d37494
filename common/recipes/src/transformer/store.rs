//! The files of a model: `transformer.json` and `network.safetensors`, beside those of transitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::moments::Moments;
use super::network::{Shape, Transformer};
use super::scorer::{Scores, Sequence};
use crate::hrnn::features::Features;
use crate::model::{Contents, ItemSide, ModelError, ModelFile};
use crate::neural::blend::Blend;
use crate::neural::store;
use crate::neural::train::Network;
use crate::transitions::{Fitted, TransitionsValidParams};

const SETTINGS: &str = "transformer.json";

/// Rows and columns beyond which a network is none of ours, lest a damaged number take all memory.
const MOST: usize = 1 << 12;

/// What is no weight. Models from before there were features and new items are read as having none.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    columns: usize,
    n_heads: usize,
    n_blocks: usize,
    max_length: usize,
    seen_weight: f64,
    blend: Blend,
    pub transitions: BTreeMap<String, String>,
    #[serde(default)]
    pub item_features: Features,
    #[serde(default)]
    user_features: Features,
    #[serde(default)]
    context_features: Features,
    #[serde(default)]
    new_items: Vec<u32>,
}

impl Settings {
    pub fn of(scorer: &Scores, transitions: &TransitionsValidParams, item_features: &Features) -> Self {
        let Sequence { network, moments, seen_weight, .. } = &scorer.sequence;
        let Shape { columns, n_heads, n_blocks, max_length, .. } = network.shape;
        Self {
            columns,
            n_heads,
            n_blocks,
            max_length,
            seen_weight: *seen_weight,
            blend: scorer.blend.clone(),
            transitions: transitions.to_text(),
            item_features: item_features.clone(),
            user_features: moments.users.clone(),
            context_features: moments.contexts.clone(),
            new_items: scorer.new_items.clone(),
        }
    }

    pub fn read(contents: &Contents) -> Result<Self, ModelError> {
        serde_json::from_slice(contents.file(SETTINGS)?).map_err(damaged)
    }

    pub fn config(&self) -> Result<TransitionsValidParams, ModelError> {
        TransitionsValidParams::from_text(&self.transitions).ok_or_else(|| damaged("transitions lack a hyperparameter"))
    }

    fn shape(&self) -> Option<Shape> {
        let Self { columns, n_heads, n_blocks, max_length, .. } = *self;
        let numbers = [columns, n_heads, n_blocks, max_length];
        let sound = numbers.iter().all(|number| (1..=MOST).contains(number)) && columns % n_heads == 0;
        let sound = sound && self.blend.is_sound() && (0.0..=1.0).contains(&self.seen_weight);
        let n_item_features = self.item_features.len();
        let n_moment_features = self.user_features.len() + self.context_features.len();
        let shape = Shape { columns, n_heads, n_blocks, max_length, n_item_features, n_moment_features, dropout: 0.0 };
        sound.then_some(shape)
    }
}

/// All that is resident beside the items' ids.
pub fn write(settings: &Settings, scorer: &Scores) -> Result<Vec<ModelFile>, ModelError> {
    let Sequence { network, weights, .. } = &scorer.sequence;
    let text = serde_json::to_vec(settings).map_err(damaged)?;
    Ok(vec![
        ModelFile { name: SETTINGS.into(), content: text.into(), paged: false },
        store::write(weights, network.layout(), network.shape.columns)?,
        scorer.transitions.write()?,
    ])
}

/// What [`write`] wrote.
pub fn read(contents: &Contents, settings: &Settings, side: &ItemSide) -> Result<Scores, ModelError> {
    let shape = settings.shape().ok_or_else(|| damaged("a setting is out of range"))?;
    if settings.new_items.iter().any(|item| *item as usize >= contents.manifest.n_items) {
        return Err(damaged("a new item is none of the model's"));
    }
    let network = Transformer::new(shape);
    let weights = store::read(contents, network.layout(), shape.columns)?;
    let moments = Moments { users: settings.user_features.clone(), contexts: settings.context_features.clone() };
    Ok(Scores {
        sequence: Sequence::new(network, weights, moments, settings.seen_weight),
        transitions: Fitted::read(contents, side.popular.clone(), &settings.config()?)?,
        blend: settings.blend.clone(),
        new_items: settings.new_items.clone(),
    })
}

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: SETTINGS.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn settings_from_before_there_were_features_have_none() {
        let old = r#"{"columns":64,"nHeads":2,"nBlocks":2,"maxLength":200,"seenWeight":0.0,
            "blend":{"weights":[0.5,0.5,0.4,0.3,0.2]},"transitions":{}}"#;
        let settings: Settings = serde_json::from_str(old).unwrap();
        let shape = settings.shape().unwrap();
        assert_eq!((shape.n_item_features, shape.n_moment_features, settings.new_items.len()), (0, 0, 0));
        let unknown = old.replace("nHeads", "nHearts");
        assert!(serde_json::from_str::<Settings>(&unknown).is_err());
    }
}
