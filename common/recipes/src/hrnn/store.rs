//! The files of a model: `hrnn.json` and `network.safetensors`, beside those of transitions. Vectors of items are in half
//! precision, and in models from before in single precision.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::body::{Body, Shape};
use super::features::Features;
use super::fit::Outcome;
use super::fresh::Fresh;
use super::scorer::{Alone, Hrnn};
use super::worth::Worth;
use crate::model::{Contents, ItemSide, ModelError, ModelFile};
use crate::neural::blend::Blend;
use crate::neural::store::{from_halves, to_halves, to_singles};
use crate::transitions::{Fitted as Transitions, TransitionsValidParams};

const SETTINGS: &str = "hrnn.json";
const NETWORK: &str = "network.safetensors";
/// Vectors of items with their features added, and those of the features alone.
const ITEMS: &str = "items";
const ITEM_FEATURES: &str = "item_features";
/// See [`Fresh`].
const CREATED: &str = "created_s";
const SHOWN: &str = "shown";
const CHOSEN: &str = "chosen";
/// See [`Worth`]; absent if relevance is all that counts.
const WORTH: &str = "worth";

/// What is no weight.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    pub hidden_dimension: usize,
    pub session_gap_s: i64,
    pub seen_weight: f64,
    pub blend: Blend,
    pub transitions: BTreeMap<String, String>,
    pub item_features: Features,
    pub user_features: Features,
    pub context_features: Features,
    /// The newest interaction, if the recipe reads what is recorded of items.
    pub newest_s: Option<i64>,
}

impl Settings {
    pub fn of(outcome: &Outcome) -> Self {
        let Outcome { scorer, metadata, transitions, .. } = outcome;
        Self {
            hidden_dimension: scorer.network.d,
            session_gap_s: scorer.network.gap_s,
            seen_weight: scorer.network.seen_weight,
            blend: scorer.blend.clone(),
            transitions: transitions.to_text(),
            item_features: metadata.items.clone(),
            user_features: metadata.users.clone(),
            context_features: metadata.contexts.clone(),
            newest_s: scorer.fresh.as_ref().map(|fresh| fresh.newest_s),
        }
    }

    pub fn read(contents: &Contents) -> Result<Self, ModelError> {
        let settings: Self =
            serde_json::from_slice(contents.file(SETTINGS)?).map_err(|error| damaged(SETTINGS, error))?;
        let sound =
            settings.hidden_dimension > 0 && settings.blend.is_sound() && (0.0..=1.0).contains(&settings.seen_weight);
        if sound { Ok(settings) } else { Err(damaged(SETTINGS, "a setting is out of range")) }
    }

    pub fn shape(&self) -> Shape {
        Shape {
            d: self.hidden_dimension,
            n_user_features: self.user_features.len(),
            n_context_features: self.context_features.len(),
        }
    }
}

/// All that is resident beside the items' ids.
pub fn write(settings: &Settings, scorer: &Hrnn, item_features: &[f32]) -> Result<Vec<ModelFile>, ModelError> {
    let text = serde_json::to_vec(settings).map_err(|error| damaged(SETTINGS, error))?;
    let names = settings.shape().tensors();
    let mut all: Vec<(&str, &[f32])> = Vec::new();
    all.extend(names.iter().zip(scorer.network.body.tensors()).map(|((name, ..), tensor)| (*name, tensor.as_slice())));
    all.extend(scorer.worth.as_ref().map(|worth| (WORTH, worth.factors())));
    let bytes: Vec<(&str, Vec<u8>)> = all.into_iter().map(|(name, values)| (name, to_singles(values))).collect();
    let halves = [(ITEMS, scorer.network.vectors.as_slice()), (ITEM_FEATURES, item_features)];
    let halves = halves.map(|(name, values)| (name, to_halves(values)));
    let mut tensors = Vec::with_capacity(bytes.len() + halves.len());
    for (name, bytes) in &halves {
        let view = TensorView::new(Dtype::F16, vec![bytes.len() / 2], bytes);
        tensors.push((*name, view.map_err(|error| damaged(NETWORK, error))?));
    }
    for (name, bytes) in &bytes {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
        tensors.push((*name, view.map_err(|error| damaged(NETWORK, error))?));
    }
    let fresh = scorer.fresh.as_ref().map(bytes_of_fresh).unwrap_or_default();
    for (name, kind, bytes) in &fresh {
        let n = bytes.len() * 8 / kind.bitsize();
        tensors.push((*name, TensorView::new(*kind, vec![n], bytes).map_err(|error| damaged(NETWORK, error))?));
    }
    let content = safetensors::serialize(tensors, None).map_err(|error| damaged(NETWORK, error))?;
    Ok(vec![
        ModelFile { name: SETTINGS.into(), content: text.into(), paged: false },
        ModelFile { name: NETWORK.into(), content: content.into(), paged: false },
        scorer.transitions.write()?,
    ])
}

fn bytes_of_fresh(fresh: &Fresh) -> Vec<(&'static str, Dtype, Vec<u8>)> {
    let counts = |counts: &[u32]| counts.iter().flat_map(|n| n.to_le_bytes()).collect();
    let created_s = fresh.created_s.iter().flat_map(|time_s| time_s.to_le_bytes()).collect();
    vec![
        (CREATED, Dtype::I64, created_s),
        (SHOWN, Dtype::U32, counts(&fresh.shown)),
        (CHOSEN, Dtype::U32, counts(&fresh.chosen)),
    ]
}

fn read_fresh(tensors: &SafeTensors<'_>, newest_s: i64, n_items: usize) -> Result<Fresh, ModelError> {
    let bytes = |name: &str, kind: Dtype| {
        let tensor = tensors.tensor(name).map_err(|error| damaged(NETWORK, error))?;
        let sound = tensor.dtype() == kind && tensor.data().len() == n_items * kind.bitsize() / 8;
        if sound { Ok(tensor.data().to_vec()) } else { Err(damaged(NETWORK, format!("`{name}` has another shape"))) }
    };
    let counts = |name: &str| -> Result<Vec<u32>, ModelError> {
        Ok(bytes(name, Dtype::U32)?.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    };
    let created_s = bytes(CREATED, Dtype::I64)?;
    let created_s = created_s.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    Ok(Fresh { created_s, shown: counts(SHOWN)?, chosen: counts(CHOSEN)?, newest_s })
}

/// What [`write`] wrote: the scorer, and the vectors of item features.
pub fn read(contents: &Contents, settings: &Settings, side: &ItemSide) -> Result<(Hrnn, Vec<f32>), ModelError> {
    let tensors = SafeTensors::deserialize(contents.file(NETWORK)?).map_err(|error| damaged(NETWORK, error))?;
    let (shape, width) = (settings.shape(), settings.hidden_dimension + 1);
    let floats = |name: &str, n: usize| {
        let tensor = tensors.tensor(name).map_err(|error| damaged(NETWORK, error))?;
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F16 => from_halves(tensor.data()),
            Dtype::F32 => tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            _ => Vec::new(),
        };
        let sound = values.len() == n && values.iter().all(|value| value.is_finite());
        if sound { Ok(values) } else { Err(damaged(NETWORK, format!("`{name}` is not of {n} finite numbers"))) }
    };
    let vectors = floats(ITEMS, contents.manifest.n_items * width)?;
    let item_features = floats(ITEM_FEATURES, settings.item_features.len() * width)?;
    let body = shape.tensors().into_iter().map(|(name, rows, columns)| floats(name, rows * columns));
    let body =
        Body::of(shape, body.collect::<Result<_, _>>()?).ok_or_else(|| damaged(NETWORK, "a tensor is missing"))?;
    let config = TransitionsValidParams::from_text(&settings.transitions);
    let config = config.ok_or_else(|| damaged(SETTINGS, "transitions lack a hyperparameter"))?;
    let network = Alone {
        d: shape.d,
        body,
        vectors,
        users: settings.user_features.clone(),
        contexts: settings.context_features.clone(),
        gap_s: settings.session_gap_s,
        seen_weight: settings.seen_weight,
    };
    let worth = match tensors.tensor(WORTH) {
        Ok(_) => {
            let worth = Worth::from_stored(floats(WORTH, contents.manifest.n_items)?);
            Some(worth.ok_or_else(|| damaged(NETWORK, format!("`{WORTH}` is out of range")))?)
        }
        Err(_) => None,
    };
    let scorer = Hrnn {
        network,
        worth,
        blend: settings.blend.clone(),
        gives_scores: true,
        transitions: Transitions::read(contents, side.popular.clone(), &config)?,
        fresh: match settings.newest_s {
            Some(newest_s) => Some(read_fresh(&tensors, newest_s, contents.manifest.n_items)?),
            None => None,
        },
    };
    Ok((scorer, item_features))
}

fn damaged(name: &str, reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: name.into(), reason: reason.to_string() }
}
