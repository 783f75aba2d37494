//! Insights of the datasets of an installation: computed from their parts, kept beside them.

use std::sync::Arc;

use bytes::Bytes;
use palate_store::{BlobStore, Key, PutCondition, StoreError, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::report::Insights;
use super::{IdSet, Survey, add_ids};
use crate::arn::Kind;
use crate::catalogue::find_dataset;
use crate::data::{Manifest, PartInfo, parts_of};
use crate::error::{OpError, chain};
use crate::paging::hex;
use crate::records::{FORMAT, decode, encode};
use crate::resources::{Dataset, DatasetSchema};
use crate::schema::{DatasetType, Schema};
use crate::service::Service;

/// Where the insights of a dataset are, and of which parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    format: u64,
    /// Folder of `insights.json` and `insights.txt`.
    folder: String,
    /// Tells one state of the data from another.
    data: String,
}

/// What insights are computed from: the parts of the dataset, and those of the others of its group that have ids
/// in common with it.
struct Data<'a> {
    dataset: &'a Dataset,
    parts: &'a [PartInfo],
    others: Vec<Other>,
}

struct Other {
    dataset_type: DatasetType,
    /// The column of the ids.
    column: &'static str,
    parts: Vec<PartInfo>,
}

impl<'a> Data<'a> {
    async fn read(service: &Service, dataset: &'a Dataset, parts: &'a [PartInfo]) -> Result<Self, OpError> {
        let mut others = Vec::new();
        for (dataset_type, column) in related(DatasetType::parse(&dataset.dataset_type)) {
            let found = find_dataset(&service.records, &dataset.dataset_group_arn, *dataset_type).await?;
            let Some(found) = found else { continue };
            let (manifest, _) = Manifest::read(&service.records, &found.dataset_arn).await?;
            if !manifest.parts.is_empty() {
                others.push(Other { dataset_type: *dataset_type, column, parts: manifest.parts });
            }
        }
        Ok(Self { dataset, parts, others })
    }

    /// Names this state of the data: no two parts have the same key.
    fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for parts in std::iter::once(self.parts).chain(self.others.iter().map(|other| other.parts.as_slice())) {
            for part in parts {
                hasher.update(&part.key);
                hasher.update([0]);
            }
            hasher.update([1]);
        }
        hex(&hasher.finalize()[..8])
    }

    async fn compute(&self, service: &Service, schema: &Schema) -> Result<Insights, OpError> {
        let (now_s, blobs) = (service.now().seconds(), &service.stores.blobs);
        let survey = over(blobs, self.parts, Survey::new(schema, now_s), |survey, content| survey.add(content)).await?;
        let mut coverage = Vec::new();
        for Other { dataset_type, column, parts } in &self.others {
            let add = |ids: &mut IdSet, content| add_ids(content, column, ids);
            let ids = over(blobs, parts, IdSet::new(), add).await?;
            coverage.extend(survey.coverage(*dataset_type, &ids));
        }
        Ok(survey.finish(&self.dataset.dataset_arn, now_s, coverage))
    }

    /// Writes both files.
    async fn write(&self, service: &Service, insights: &Insights, folder: &str) -> Result<Written, OpError> {
        let json = serde_json::to_vec_pretty(insights).map_err(OpError::internal)?;
        for (name, content) in [("insights.json", Bytes::from(json)), ("insights.txt", insights.page().into())] {
            service.stores.blobs.put(&format!("{folder}/{name}"), content, PutCondition::Always).await?;
        }
        Ok(Written { format: FORMAT, folder: folder.to_owned(), data: self.digest() })
    }
}

/// The record that says where they are.
pub(crate) fn key(dataset_arn: &str) -> Key {
    Key::new("insights", dataset_arn)
}

/// The write that makes insights the dataset's.
pub(crate) async fn record(service: &Service, dataset_arn: &str, written: &Written) -> Result<Write, OpError> {
    let (key, value) = (key(dataset_arn), encode(written)?);
    Ok(match service.records.get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

/// Computes the insights of a dataset that is going to have these parts, and writes both files into `folder`.
/// An import does not fail for the want of them: what goes wrong is told to the log, and whoever asks for the
/// insights has them computed again.
pub(crate) async fn after_import(
    service: &Service,
    dataset: &Dataset,
    schema: &Schema,
    parts: &[PartInfo],
    folder: &str,
) -> Option<Written> {
    let written = async {
        let data = Data::read(service, dataset, parts).await?;
        data.write(service, &data.compute(service, schema).await?, folder).await
    };
    match written.await {
        Ok(written) => Some(written),
        Err(error) => {
            tracing::warn!(dataset = dataset.dataset_arn, error = chain(&error), "insights not computed");
            None
        }
    }
}

/// The insights of a dataset as it is: those that are kept, if the data are the same still. `None` if there is no
/// such dataset.
pub(crate) async fn current(service: &Service, dataset_arn: &str) -> Result<Option<Insights>, OpError> {
    let Some(dataset) = service.records.find::<Dataset>(dataset_arn).await? else { return Ok(None) };
    let dataset = dataset.resource;
    let (manifest, _) = Manifest::read(&service.records, dataset_arn).await?;
    let data = Data::read(service, &dataset, &manifest.parts).await?;
    if let Some(insights) = kept(service, &data).await? {
        return Ok(Some(insights));
    }
    let schema = service.records.fetch::<DatasetSchema>(&dataset.schema_arn, "schemaArn").await?.resource.parse()?;
    let insights = data.compute(service, &schema).await?;
    let folder = format!("{}/insights/{}", parts_of(dataset_arn)?, data.digest());
    let written = data.write(service, &insights, &folder).await?;
    let kept = service.records.commit(vec![record(service, dataset_arn, &written).await?]).await;
    match kept {
        // Somebody else keeps theirs.
        Ok(()) | Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => Ok(Some(insights)),
        Err(error) => Err(error.into()),
    }
}

async fn kept(service: &Service, data: &Data<'_>) -> Result<Option<Insights>, OpError> {
    let Some(record) = service.records.get(&key(&data.dataset.dataset_arn)).await? else { return Ok(None) };
    let written: Written = decode(&record)?;
    if written.data != data.digest() {
        return Ok(None);
    }
    let content = match service.stores.blobs.get(&format!("{}/insights.json", written.folder)).await {
        Ok(content) => content,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // What another version wrote is computed again.
    Ok(serde_json::from_slice::<Insights>(&content).ok().filter(|insights| insights.format == 1))
}

/// The datasets that have ids in common, and the column with them.
fn related(dataset_type: Option<DatasetType>) -> &'static [(DatasetType, &'static str)] {
    match dataset_type {
        None => &[],
        Some(DatasetType::Interactions) => &[(DatasetType::Items, "ITEM_ID"), (DatasetType::Users, "USER_ID")],
        Some(DatasetType::Items) => &[(DatasetType::Interactions, "ITEM_ID")],
        Some(DatasetType::Users) => &[(DatasetType::Interactions, "USER_ID")],
        Some(DatasetType::Actions) => &[(DatasetType::ActionInteractions, "ACTION_ID")],
        Some(DatasetType::ActionInteractions) => {
            &[(DatasetType::Actions, "ACTION_ID"), (DatasetType::Users, "USER_ID")]
        }
    }
}

/// Takes `state` over the parts, one at a time, on a thread for such work; the next part is read meanwhile.
async fn over<S: Send + 'static>(
    blobs: &Arc<dyn BlobStore>,
    parts: &[PartInfo],
    mut state: S,
    add: impl Fn(&mut S, Bytes) -> Result<(), palate_recipes::parts::PartError> + Copy + Send + 'static,
) -> Result<S, OpError> {
    let mut next = match parts.first() {
        Some(part) => Some(blobs.get(&part.key).await?),
        None => None,
    };
    for number in 0..parts.len() {
        let Some(content) = next.take() else { break };
        let work = tokio::task::spawn_blocking(move || add(&mut state, content).map(|()| state));
        if let Some(part) = parts.get(number + 1) {
            next = Some(blobs.get(&part.key).await?);
        }
        state = work.await.map_err(OpError::internal)?.map_err(OpError::internal)?;
    }
    Ok(state)
}

/// The dataset that is meant by its ARN, or by `<dataset group>/<type>` in the installation's own region.
pub(crate) fn dataset_named(service: &Service, name: &str) -> Option<String> {
    let arn = match name.starts_with("arn:") {
        true => name.to_owned(),
        false => {
            let (group, dataset_type) = name.split_once('/')?;
            service.place(None).arn(Kind::Dataset, &format!("{group}/{}", dataset_type.to_ascii_uppercase()))
        }
    };
    Kind::Dataset.parts(&arn).is_some().then_some(arn)
}
