use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::matrix::Matrix;
use crate::lanes::LANES;
use crate::model::Contents;
use crate::{ModelError, ModelFile};

const NAME: &str = "factors.safetensors";

pub fn damaged(reason: impl ToString) -> ModelError {
    ModelError::Damaged { name: NAME.into(), reason: reason.to_string() }
}

/// Matrices by name as `factors.safetensors`.
///
/// # Errors
/// [`ModelError::Damaged`] if the format cannot hold them.
pub fn write(matrices: &[(&str, &Matrix)]) -> Result<ModelFile, ModelError> {
    let bytes = |matrix: &Matrix| matrix.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let bytes: Vec<Vec<u8>> = matrices.iter().map(|(_, matrix)| bytes(matrix)).collect();
    let view = |((name, matrix), bytes)| -> Result<_, safetensors::SafeTensorError> {
        let (name, matrix): (&str, &Matrix) = (name, matrix);
        Ok((name.to_owned(), TensorView::new(Dtype::F32, vec![matrix.n_rows, matrix.width], bytes)?))
    };
    let views: Result<Vec<_>, _> = matrices
        .iter()
        .map(|(name, matrix)| (*name, *matrix))
        .zip(&bytes)
        .map(|((a, b), c)| view(((a, b), c)))
        .collect();
    let content = safetensors::serialize(views.map_err(damaged)?, None).map_err(damaged)?;
    Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
}

/// The matrices of these names, each of as many rows as it says; all of one width.
///
/// # Errors
/// [`ModelError`] if the file is missing or damaged.
pub fn read<const N: usize>(contents: &Contents, wanted: [(&str, usize); N]) -> Result<[Matrix; N], ModelError> {
    let tensors = SafeTensors::deserialize(contents.file(NAME)?).map_err(damaged)?;
    let mut matrices = wanted.map(|_| Matrix::default());
    for ((name, n_rows), to) in wanted.into_iter().zip(&mut matrices) {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        let &[rows, width] = tensor.shape() else { return Err(damaged(format!("`{name}` is not a matrix"))) };
        if tensor.dtype() != Dtype::F32 || rows != n_rows || width == 0 || width % LANES != 0 {
            return Err(damaged(format!("`{name}` does not have the shape that it should have")));
        }
        let values: Vec<f32> = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !values.iter().all(|value| value.is_finite()) {
            return Err(damaged(format!("a number of `{name}` is not finite")));
        }
        *to = Matrix { n_rows, width, values };
    }
    if matrices.iter().any(|matrix| matrix.width != matrices[0].width) {
        return Err(damaged("its matrices do not fit together"));
    }
    Ok(matrices)
}
