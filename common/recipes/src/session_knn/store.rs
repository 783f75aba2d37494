use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::index::Index;
use super::sessions::Sessions;
use crate::model::Contents;
use crate::{ModelError, ModelFile};

const NAME: &str = "sessions.safetensors";

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: NAME.into(), reason: reason.to_string() }
}

/// The index as `sessions.safetensors`.
///
/// # Errors
/// [`ModelError::Damaged`] if the format cannot hold it.
pub fn write(index: &Index) -> Result<ModelFile, ModelError> {
    let sessions = &index.sessions;
    let wide = |values: &[usize]| values.iter().flat_map(|value| (*value as u64).to_le_bytes()).collect::<Vec<u8>>();
    let narrow = |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let ends: Vec<u8> = sessions.end_s.iter().flat_map(|end_s| end_s.to_le_bytes()).collect();
    let tensors = [
        ("session_offsets", Dtype::U64, wide(&sessions.offsets)),
        ("session_items", Dtype::U32, narrow(&sessions.items)),
        ("session_ends", Dtype::I64, ends),
        ("item_offsets", Dtype::U64, wide(&index.offsets)),
        ("item_sessions", Dtype::U32, narrow(&index.recent)),
        ("n_holding", Dtype::U32, narrow(&index.n_holding)),
        ("n_all", Dtype::U32, narrow(&[index.n_all])),
    ];
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, dtype, bytes)| {
            let length = bytes.len() / (dtype.bitsize() / 8);
            Ok((*name, TensorView::new(*dtype, vec![length], bytes)?))
        })
        .collect();
    let views = views.map_err(|error: safetensors::SafeTensorError| damaged(error))?;
    let content = safetensors::serialize(views, None).map_err(damaged)?;
    Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
}

/// # Errors
/// [`ModelError`] if the file is missing or damaged.
pub fn read(contents: &Contents) -> Result<Index, ModelError> {
    let tensors = SafeTensors::deserialize(contents.file(NAME)?).map_err(damaged)?;
    let wide = |name| numbers(&tensors, name, Dtype::U64, |bytes| u64::from_le_bytes(bytes) as usize);
    let narrow = |name| numbers(&tensors, name, Dtype::U32, u32::from_le_bytes);
    let sessions = Sessions {
        offsets: wide("session_offsets")?,
        items: narrow("session_items")?,
        end_s: numbers(&tensors, "session_ends", Dtype::I64, i64::from_le_bytes)?,
    };
    let index = Index {
        sessions,
        offsets: wide("item_offsets")?,
        recent: narrow("item_sessions")?,
        n_holding: narrow("n_holding")?,
        n_all: narrow("n_all")?.first().copied().unwrap_or_default(),
    };
    if index.n_items() != contents.manifest.n_items || !index.is_sound() {
        return Err(damaged("its shapes do not fit together"));
    }
    Ok(index)
}

fn numbers<T, const N: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, ModelError> {
    let tensor = tensors.tensor(name).map_err(damaged)?;
    if tensor.dtype() != dtype || tensor.shape().len() != 1 {
        return Err(damaged(format!("`{name}` is not a vector of {dtype:?}")));
    }
    Ok(tensor.data().as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect())
}
