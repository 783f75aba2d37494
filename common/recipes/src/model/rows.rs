use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Contents, ModelError, ModelFile};

/// A sparse matrix of items by items, in the compressed row form.
///
/// | field     | shape            | meaning                                             |
/// |-----------|------------------|-----------------------------------------------------|
/// | `offsets` | `(n_items + 1,)` | where each row begins; ascending                    |
/// | `items`   | `(nnz,)`         | column; the recipe says in which order              |
/// | `weights` | `(nnz,)`         | finite                                              |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRows {
    offsets: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f32>,
}

const NAME: &str = "neighbours.safetensors";

impl SparseRows {
    /// Joins rows, each of which has as many columns as weights.
    pub fn from_rows(rows: impl IntoIterator<Item = (Vec<u32>, Vec<f32>)>) -> Self {
        let mut joined = Self { offsets: vec![0], ..Self::default() };
        for (items, weights) in rows {
            debug_assert_eq!(items.len(), weights.len());
            joined.items.extend(items);
            joined.weights.extend(weights);
            joined.offsets.push(joined.items.len());
        }
        joined
    }

    /// Adds a row, with as many columns as weights.
    pub fn push(&mut self, items: &[u32], weights: &[f32]) {
        debug_assert_eq!(items.len(), weights.len());
        self.items.extend_from_slice(items);
        self.weights.extend_from_slice(weights);
        self.offsets.push(self.items.len());
    }

    pub fn n_rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    pub fn row(&self, item: u32) -> (&[u32], &[f32]) {
        let range = self.offsets[item as usize]..self.offsets[item as usize + 1];
        (&self.items[range.clone()], &self.weights[range])
    }

    /// For each of `n_columns` columns the rows that have it, ascending, with their weights.
    pub fn transposed(&self, n_columns: usize) -> Self {
        let mut offsets = vec![0; n_columns + 1];
        for column in &self.items {
            offsets[*column as usize + 1] += 1;
        }
        for column in 0..n_columns {
            offsets[column + 1] += offsets[column];
        }
        let mut next = offsets.clone();
        let (mut items, mut weights) = (vec![0; self.items.len()], vec![0.0; self.items.len()]);
        for row in 0..self.n_rows() as u32 {
            let (columns, values) = self.row(row);
            for (column, value) in columns.iter().zip(values) {
                let place = &mut next[*column as usize];
                (items[*place], weights[*place]) = (row, *value);
                *place += 1;
            }
        }
        Self { offsets, items, weights }
    }

    /// The same places with other weights, from row, column and weight.
    pub fn map(&self, weight: impl Fn(u32, u32, f32) -> f32 + Sync) -> Self {
        use rayon::prelude::*;
        let weights = (0..self.n_rows() as u32)
            .into_par_iter()
            .flat_map_iter(|row| {
                let (items, weights) = self.row(row);
                let weight = &weight;
                items.iter().zip(weights).map(move |(item, old)| weight(row, *item, *old))
            })
            .collect();
        Self { offsets: self.offsets.clone(), items: self.items.clone(), weights }
    }

    pub fn resident_bytes(&self) -> usize {
        self.offsets.len() * size_of::<usize>() + self.items.len() * 4 + self.weights.len() * 4
    }

    /// `columns` are vectors by item to store beside the rows.
    pub fn write(&self, columns: &[(&str, &[f32])]) -> Result<ModelFile, ModelError> {
        let damaged = |error| ModelError::damaged(NAME, error);
        let offsets: Vec<u8> = self.offsets.iter().flat_map(|offset| (*offset as u64).to_le_bytes()).collect();
        let items: Vec<u8> = self.items.iter().flat_map(|item| item.to_le_bytes()).collect();
        let mut floats = vec![("weights", bytes_of(&self.weights))];
        floats.extend(columns.iter().map(|(name, values)| (*name, bytes_of(values))));
        let mut tensors = vec![
            ("offsets", TensorView::new(Dtype::U64, vec![self.offsets.len()], &offsets).map_err(damaged)?),
            ("items", TensorView::new(Dtype::U32, vec![self.items.len()], &items).map_err(damaged)?),
        ];
        for (name, bytes) in &floats {
            tensors.push((name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(damaged)?));
        }
        let content = safetensors::serialize(tensors, None).map_err(damaged)?;
        Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
    }

    /// The rows and the columns of these names.
    pub fn read(contents: &Contents, columns: &[&str]) -> Result<(Self, Vec<Vec<f32>>), ModelError> {
        let n_items = contents.manifest.n_items;
        let tensors =
            SafeTensors::deserialize(contents.file(NAME)?).map_err(|error| ModelError::damaged(NAME, error))?;
        let offsets = numbers(&tensors, NAME, "offsets", Dtype::U64, |bytes| u64::from_le_bytes(bytes) as usize)?;
        let items = numbers(&tensors, NAME, "items", Dtype::U32, u32::from_le_bytes)?;
        let weights = numbers(&tensors, NAME, "weights", Dtype::F32, f32::from_le_bytes)?;
        let shaped = offsets.len() == n_items + 1
            && offsets.first() == Some(&0)
            && offsets.last() == Some(&items.len())
            && offsets.is_sorted()
            && items.len() == weights.len();
        if !shaped || items.iter().any(|item| *item as usize >= n_items) {
            return Err(ModelError::damaged(NAME, "its shapes do not fit together"));
        }
        let read = |name: &&str| numbers(&tensors, NAME, name, Dtype::F32, f32::from_le_bytes);
        let columns: Vec<Vec<f32>> = columns.iter().map(read).collect::<Result<_, _>>()?;
        if columns.iter().any(|column| column.len() != n_items) {
            return Err(ModelError::damaged(NAME, "a column does not have a value for each item"));
        }
        if !columns.iter().chain([&weights]).flatten().all(|weight| weight.is_finite()) {
            return Err(ModelError::damaged(NAME, "a weight is not finite"));
        }
        Ok((Self { offsets, items, weights }, columns))
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A vector of a file of tensors.
pub fn numbers<T, const N: usize>(
    tensors: &SafeTensors<'_>,
    file: &str,
    name: &str,
    dtype: Dtype,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, ModelError> {
    let tensor = tensors.tensor(name).map_err(|error| ModelError::damaged(file, error))?;
    if tensor.dtype() != dtype || tensor.shape().len() != 1 {
        return Err(ModelError::damaged(file, format!("`{name}` is not a vector of {dtype:?}")));
    }
    Ok(tensor.data().as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect())
}
