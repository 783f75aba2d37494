use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::explain::Described;
use super::near::Placing;
use super::scorer::Space;
use crate::model::{Contents, ModelError, ModelFile, SparseRows};
use crate::popularity::Popular;
use crate::ridge::Map;

const SPACE: &str = "space.safetensors";
const COLUMNS: &str = "columns.json";

/// `columns.json`: which features the columns of metadata have become.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Columns {
    /// Name, first feature, and the one after the last.
    columns: Vec<(String, u32, u32)>,
}

/// The files: `space.safetensors` with the numbers of the space, `columns.json`, and what [`Placing`] keeps.
pub fn write(space: &Space) -> Result<Vec<ModelFile>, ModelError> {
    let mut tensors = Tensors::default();
    tensors.matrix("vectors", &space.vectors);
    tensors.floats("weights", &space.weights);
    tensors.floats("scales", &space.scales);
    tensors.longs("id_dim", [space.id_dim as u64].into_iter());
    let mut columns = Columns { columns: Vec::new() };
    if let Some(described) = &space.described {
        let n_rows = described.rows.n_rows() as u32;
        let row = |row| described.rows.row(row);
        let ends = (0..n_rows).scan(0, |end, at| {
            *end += row(at).0.len() as u64;
            Some(*end)
        });
        tensors.longs("feature_ends", ends);
        let features: Vec<u32> = (0..n_rows).flat_map(|at| row(at).0).copied().collect();
        tensors.add("features", Dtype::U32, vec![features.len()], features.iter().flat_map(|cell| cell.to_le_bytes()));
        let values: Vec<f32> = (0..n_rows).flat_map(|at| row(at).1).copied().collect();
        tensors.floats("feature_values", &values);
        tensors.floats("base", &described.map.base.to_vec());
        tensors.matrix("map", &described.map.weights);
        tensors.matrix("projection", &described.projection);
        tensors.floats("mapped", &described.mapped);
        columns.columns = described.columns.iter().map(|(name, of)| (name.clone(), of.start, of.end)).collect();
    }
    let columns = serde_json::to_vec(&columns).map_err(|error| ModelError::damaged(COLUMNS, error))?;
    let columns = ModelFile { name: COLUMNS.into(), content: columns.into(), paged: false };
    let mut files = vec![tensors.seal()?, columns];
    if let Some(placing) = &space.placing {
        files.extend(placing.write()?);
    }
    Ok(files)
}

pub fn read(contents: &Contents, popular: Popular) -> Result<Space, ModelError> {
    let n_items = contents.manifest.n_items;
    let tensors = SafeTensors::deserialize(contents.file(SPACE)?).map_err(damaged)?;
    let columns: Columns =
        serde_json::from_slice(contents.file(COLUMNS)?).map_err(|error| ModelError::damaged(COLUMNS, error))?;
    let vectors = matrix(&tensors, "vectors")?;
    let (weights, scales) = (floats(&tensors, "weights")?, floats(&tensors, "scales")?);
    let id_dim = longs(&tensors, "id_dim")?.first().copied().unwrap_or(0) as usize;
    let fits = vectors.nrows() == n_items && weights.len() == n_items && scales.len() == n_items;
    if !fits || id_dim > vectors.ncols() {
        return Err(damaged("its shapes do not fit the items"));
    }
    let described = if columns.columns.is_empty() { None } else { Some(described(&tensors, columns, n_items)?) };
    let placing = Placing::read(contents, id_dim)?;
    let space = Space { vectors, id_dim, weights, scales, popular, described, placing };
    let of_dim = |described: &Described| {
        described.map.base.len() == id_dim && described.projection.ncols() + id_dim == space.vectors.ncols()
    };
    if !space.described.as_ref().is_none_or(of_dim) {
        return Err(damaged("the map does not fit the space"));
    }
    space.check().map_err(damaged)?;
    Ok(space)
}

fn described(tensors: &SafeTensors<'_>, columns: Columns, n_items: usize) -> Result<Described, ModelError> {
    let (weights, projection) = (matrix(tensors, "map")?, matrix(tensors, "projection")?);
    let (features, values) =
        (numbers(tensors, "features", Dtype::U32, u32::from_le_bytes)?, floats(tensors, "feature_values")?);
    let mut begin = 0;
    let mut rows = Vec::with_capacity(n_items);
    for end in longs(tensors, "feature_ends")? {
        let range = begin..end as usize;
        let (Some(features), Some(values)) = (features.get(range.clone()), values.get(range)) else {
            return Err(damaged("rows of features end where there are none"));
        };
        rows.push((features.to_vec(), values.to_vec()));
        begin = end as usize;
    }
    let (base, mapped) = (Array1::from(floats(tensors, "base")?), floats(tensors, "mapped")?);
    let n_features = weights.nrows();
    let known = |feature: &u32| (*feature as usize) < n_features;
    let fits = rows.len() == n_items
        && mapped.len() == n_items
        && projection.nrows() == n_features
        && base.len() == weights.ncols()
        && features.iter().all(known)
        && rows.iter().all(|(features, _)| features.is_sorted());
    if !fits {
        return Err(damaged("its features do not fit the map"));
    }
    let columns = columns.columns.into_iter().map(|(name, begin, end)| (name, begin..end)).collect();
    Ok(Described { rows: SparseRows::from_rows(rows), columns, map: Map { base, weights }, projection, mapped })
}

/// Tensors that are going to be written.
#[derive(Default)]
struct Tensors(Vec<(&'static str, Dtype, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn add(&mut self, name: &'static str, dtype: Dtype, shape: Vec<usize>, bytes: impl Iterator<Item = u8>) {
        self.0.push((name, dtype, shape, bytes.collect()));
    }

    fn floats(&mut self, name: &'static str, values: &[f32]) {
        self.add(name, Dtype::F32, vec![values.len()], values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn longs(&mut self, name: &'static str, values: impl Iterator<Item = u64>) {
        let bytes: Vec<u8> = values.flat_map(u64::to_le_bytes).collect();
        self.add(name, Dtype::U64, vec![bytes.len() / 8], bytes.into_iter());
    }

    fn matrix(&mut self, name: &'static str, values: &Array2<f32>) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.add(name, Dtype::F32, vec![values.nrows(), values.ncols()], bytes);
    }

    fn seal(&self) -> Result<ModelFile, ModelError> {
        let views: Result<Vec<_>, _> = self
            .0
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<_, safetensors::SafeTensorError>>();
        let content = safetensors::serialize(views.map_err(damaged)?, None).map_err(damaged)?;
        Ok(ModelFile { name: SPACE.into(), content: content.into(), paged: false })
    }
}

fn damaged(reason: impl ToString) -> ModelError {
    ModelError::damaged(SPACE, reason)
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<f32>, ModelError> {
    numbers(tensors, name, Dtype::F32, f32::from_le_bytes)
}

fn longs(tensors: &SafeTensors<'_>, name: &str) -> Result<Vec<u64>, ModelError> {
    numbers(tensors, name, Dtype::U64, u64::from_le_bytes)
}

fn matrix(tensors: &SafeTensors<'_>, name: &str) -> Result<Array2<f32>, ModelError> {
    let [n_rows, n_columns] = *tensors.tensor(name).map_err(damaged)?.shape() else {
        return Err(damaged(format!("`{name}` is no matrix")));
    };
    Array2::from_shape_vec((n_rows, n_columns), floats(tensors, name)?).map_err(damaged)
}

fn numbers<T, const N: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, ModelError> {
    let tensor = tensors.tensor(name).map_err(damaged)?;
    if tensor.dtype() != dtype {
        return Err(damaged(format!("`{name}` does not hold numbers of {dtype:?}")));
    }
    Ok(tensor.data().as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect())
}
