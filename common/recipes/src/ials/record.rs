use super::matrix::Matrix;
use crate::hrnn::features::Features as Encoder;
use crate::model::Contents;
use crate::ridge::Map;
use crate::{ModelError, ModelFile, Record};

const NAME: &str = "user_features.json";

/// From a user's record to what is expected of the user's factors.
pub struct ByRecord {
    pub encoder: Encoder,
    /// What each feature brings; in the last row what every record does.
    pub map: Matrix,
}

impl ByRecord {
    pub fn new(encoder: &Encoder, map: &Map) -> Self {
        let values: Vec<f32> = map.weights.iter().chain(&map.base).copied().collect();
        let map = Matrix { n_rows: map.weights.nrows() + 1, width: map.base.len(), values };
        Self { encoder: encoder.clone(), map }
    }

    /// Rows of the map.
    pub fn n_rows(encoder: &Encoder) -> usize {
        encoder.len() + 1
    }

    /// `None` if no feature is known of the record.
    pub fn expected(&self, record: &Record, weight: f32) -> Option<Vec<f32>> {
        let (features, values) = self.encoder.of_record(record);
        if features.is_empty() {
            return None;
        }
        let mut sum = self.map.row(self.map.n_rows - 1).to_vec();
        for (feature, value) in features.iter().zip(values) {
            for (sum, cell) in sum.iter_mut().zip(self.map.row(*feature as usize)) {
                *sum += value * cell;
            }
        }
        sum.iter_mut().for_each(|cell| *cell *= weight);
        Some(sum)
    }

    pub fn scaled(&self, weight: f32) -> Self {
        let values = self.map.values.iter().map(|value| weight * value).collect();
        Self { encoder: self.encoder.clone(), map: Matrix { values, ..self.map } }
    }

    /// `user_features.json`: which features a record has.
    pub fn write(&self) -> Result<ModelFile, ModelError> {
        let content = serde_json::to_vec(&self.encoder).map_err(|error| ModelError::damaged(NAME, error))?;
        Ok(ModelFile { name: NAME.into(), content: content.into(), paged: false })
    }

    /// `None` if the model does not look at records.
    pub fn read(contents: &Contents) -> Result<Option<Encoder>, ModelError> {
        if !contents.manifest.has(NAME) {
            return Ok(None);
        }
        let encoder = serde_json::from_slice(contents.file(NAME)?);
        encoder.map(Some).map_err(|error| ModelError::damaged(NAME, error))
    }
}
