//! `network.safetensors`: the weights of a network, the table of items in half precision.
//!
//! A row of the table has numbers of one size, so ten binary digits of each leave the order of answers as it is but
//! for near ties; the other weights are few and stay as they are.

use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::parameters::Layout;
use super::train::Weights;
use crate::model::{Contents, ModelError, ModelFile};

const NAME: &str = "network.safetensors";
const TABLE: &str = "items";

/// Rounds vectors of items to what a file can hold, so that a model that was read answers as the one that was written.
pub fn round(table: &mut [f32]) {
    table.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
}

/// In half precision.
pub fn to_halves(table: &[f32]) -> Vec<u8> {
    table.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
}

/// What [`to_halves`] made.
pub fn from_halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
}

/// In single precision.
pub fn to_singles(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// What [`to_singles`] made; `None` if it is not that of so many finite numbers.
pub fn from_singles(bytes: &[u8], n: usize) -> Option<Vec<f32>> {
    let (singles, rest) = bytes.as_chunks::<4>();
    let values: Vec<f32> = singles.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (values.len() == n && rest.is_empty() && values.iter().all(|value| value.is_finite())).then_some(values)
}

pub fn write(weights: &Weights, layout: &Layout, columns: usize) -> Result<ModelFile, ModelError> {
    let table = to_halves(&weights.table);
    let bytes: Vec<(&str, [usize; 2], Vec<u8>)> = layout
        .iter()
        .map(|(name, slot)| (name, [slot.rows, slot.columns], to_singles(slot.of(&weights.body))))
        .collect();
    let mut tensors = vec![(TABLE, view(Dtype::F16, &[weights.table.len() / columns, columns], &table)?)];
    for (name, shape, bytes) in &bytes {
        tensors.push((name, view(Dtype::F32, shape, bytes)?));
    }
    let content = safetensors::serialize(tensors, None).map_err(damaged)?;
    Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
}

fn view<'a>(dtype: Dtype, shape: &[usize], bytes: &'a [u8]) -> Result<TensorView<'a>, ModelError> {
    TensorView::new(dtype, shape.to_vec(), bytes).map_err(damaged)
}

/// Reads what [`write`] wrote of a network of this layout.
pub fn read(contents: &Contents, layout: &Layout, columns: usize) -> Result<Weights, ModelError> {
    let tensors = SafeTensors::deserialize(contents.file(NAME)?).map_err(damaged)?;
    let data = |name: &str, dtype: Dtype, shape: [usize; 2]| {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        let fits = tensor.dtype() == dtype && tensor.shape() == shape;
        if fits { Ok(tensor.data()) } else { Err(damaged(format!("`{name}` is not of shape {shape:?}"))) }
    };
    let table = from_halves(data(TABLE, Dtype::F16, [contents.manifest.n_items, columns])?);
    let mut body = vec![0.0; layout.len()];
    for (name, slot) in layout.iter() {
        let values = from_singles(data(name, Dtype::F32, [slot.rows, slot.columns])?, slot.rows * slot.columns);
        slot.of_mut(&mut body).copy_from_slice(&values.ok_or_else(|| damaged("a weight is not finite"))?);
    }
    let weights = Weights { body, table };
    if weights.is_finite() { Ok(weights) } else { Err(damaged("a weight is not finite")) }
}

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: NAME.into(), reason: reason.to_string() }
}
