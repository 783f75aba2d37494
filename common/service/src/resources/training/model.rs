//! What is recorded of a trained model.

use std::collections::BTreeMap;

use palate_recipes::Report;
use palate_store::{Key, Write};
use serde::{Deserialize, Serialize};

use crate::error::OpError;
use crate::records::{Records, decode, encode};

/// A model: where its files are and how it was judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrainedModel {
    pub(super) format: u64,
    /// Name of the recipe.
    pub recipe: String,
    /// Where the files are in Palate's own blobs, without a trailing `/`. Every training has a folder of its
    /// own, so the folder tells one model of a recommender from the next.
    pub folder: String,
    /// Names of the files that are loaded when the model is opened.
    pub resident: Vec<String>,
    /// Names of the files that are read a page at a time.
    pub paged: Vec<String>,
    /// Every hyperparameter in force.
    pub hyperparameters: BTreeMap<String, String>,
    pub seed: u64,
    pub report: Report,
}

impl TrainedModel {
    /// The metrics as the API gives them: rounded to four decimals.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let rounded = |value: f64| (value * 10_000.0).round() / 10_000.0;
        self.report.metrics.iter().map(|(name, &value)| (name.clone(), rounded(value))).collect()
    }
}

fn model_key(arn: &str) -> Key {
    Key::new("model", arn)
}

/// The model of a solution version that is ACTIVE, or of a recommender that has been.
pub(crate) async fn trained_model(records: &Records, arn: &str) -> Result<Option<TrainedModel>, OpError> {
    records.get(&model_key(arn)).await?.map(|record| decode(&record)).transpose()
}

/// A model that is to get another folder.
pub(crate) struct MovedModel {
    pub recipe: String,
    pub folder: String,
    pub resident: Vec<String>,
    pub paged: Vec<String>,
    model: TrainedModel,
    version: u64,
}

impl MovedModel {
    /// The write that says that the files, whose names are the same, are in another folder. It fails if the model
    /// of `arn` is not any more what it was.
    pub fn moved_to(&self, arn: &str, folder: &str) -> Result<Write, OpError> {
        let model = TrainedModel { folder: folder.to_owned(), ..self.model.clone() };
        Ok(Write::Update { key: model_key(arn), expected: self.version, value: encode(&model)? })
    }
}

impl MovedModel {
    /// The write that puts another model in its place. It fails if the model of `arn` is not any more what it was.
    pub(in crate::resources) fn replaced_by(&self, arn: &str, model: &TrainedModel) -> Result<Write, OpError> {
        Ok(Write::Update { key: model_key(arn), expected: self.version, value: encode(model)? })
    }
}

/// The model of `arn`, if it has one, to be moved.
pub(crate) async fn model_to_move(records: &Records, arn: &str) -> Result<Option<MovedModel>, OpError> {
    let Some(record) = records.get(&model_key(arn)).await? else { return Ok(None) };
    let model: TrainedModel = decode(&record)?;
    let TrainedModel { recipe, folder, resident, paged, .. } = model.clone();
    Ok(Some(MovedModel { recipe, folder, resident, paged, model, version: record.version }))
}

/// The write that gives `arn` this model, in place of the one that it may have.
pub(in crate::resources) async fn adopt(records: &Records, arn: &str, model: &TrainedModel) -> Result<Write, OpError> {
    let (key, value) = (model_key(arn), encode(model)?);
    Ok(match records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

/// The write that takes the model of `arn` away, if it has one. The files stay for [`Service::remove_blobs`].
pub(in crate::resources) async fn disown(records: &Records, arn: &str) -> Result<Option<Write>, OpError> {
    let record = records.get(&model_key(arn)).await?;
    Ok(record.map(|record| Write::Delete { key: model_key(arn), expected: record.version }))
}
