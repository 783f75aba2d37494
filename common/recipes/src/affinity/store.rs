use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::tower::Tower;
use crate::model::Contents;
use crate::{ModelError, ModelFile};

const NAME: &str = "affinity.safetensors";

/// The vectors of items, and what else a tower consists of: half-life and weight of what was seen.
pub fn write(tower: &Tower) -> Result<ModelFile, ModelError> {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let (rows, settings) = (bytes(&tower.rows), bytes(&[tower.half_life, tower.seen_weight]));
    let shape = vec![tower.n_items(), tower.dimension];
    let tensors = [
        ("items", TensorView::new(Dtype::F32, shape, &rows).map_err(damaged)?),
        ("settings", TensorView::new(Dtype::F32, vec![2], &settings).map_err(damaged)?),
    ];
    let content = safetensors::serialize(tensors, None).map_err(damaged)?;
    Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
}

pub fn read(contents: &Contents) -> Result<Tower, ModelError> {
    let tensors = SafeTensors::deserialize(contents.file(NAME)?).map_err(damaged)?;
    let find = |name: &str| {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        let values: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let fits = tensor.dtype() == Dtype::F32 && values.iter().all(|value| value.is_finite());
        if fits { Ok((tensor.shape().to_vec(), values)) } else { Err(damaged(format!("`{name}` holds no numbers"))) }
    };
    let (shape, rows) = find("items")?;
    let (_, settings) = find("settings")?;
    match (&shape[..], &settings[..]) {
        ([n_items, dimension], [half_life, seen_weight])
            if *n_items == contents.manifest.n_items && *dimension > 0 && *half_life > 0.0 =>
        {
            Ok(Tower::whole(*dimension, rows, *half_life, *seen_weight))
        }
        _ => Err(damaged("its shapes do not fit together")),
    }
}

fn damaged(error: impl ToString) -> ModelError {
    ModelError::Damaged { name: NAME.into(), reason: error.to_string() }
}
