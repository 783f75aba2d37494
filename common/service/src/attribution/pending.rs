//! Windows that nobody has been told of yet: each commit that counts adds a record of its own, so that those who
//! count never meet.

use bytes::Bytes;
use palate_store::{Key, PutCondition, Record, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::windows::{Cell, Windows};
use crate::arn::{Kind, Place};
use crate::error::{OpError, chain};
use crate::records::{FORMAT, decode, encode};
use crate::resources::MetricAttribution;
use crate::service::Service;

/// More than this does not go into a record but into a blob that the record names.
const RECORD_BYTES: usize = 200_000;

/// How events came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// One by one.
    Put,
    /// By an import that adds rows: its file is written with it, so this is for lines only.
    Incremental,
}

impl Method {
    pub(super) const ALL: [Self; 2] = [Self::Put, Self::Incremental];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Incremental => "INCREMENTAL",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pending {
    format: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cells: Vec<(Cell, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
}

/// The creation is part of the name: a new attribution of the same name begins with nothing.
fn partition(what: &str, attribution: &MetricAttribution, method: Method) -> String {
    let MetricAttribution { metric_attribution_arn, creation_date_time, .. } = attribution;
    format!("{what}/{metric_attribution_arn}/{}/{}", creation_date_time.0, method.word())
}

/// Where windows wait for their end.
pub(super) fn waiting(attribution: &MetricAttribution, method: Method) -> String {
    partition("attribution-window", attribution, method)
}

/// Where closed windows wait to be told of.
pub(super) fn reports(attribution: &MetricAttribution, method: Method) -> String {
    partition("attribution-report", attribution, method)
}

/// The sources that are told apart.
pub(super) fn sources_key(attribution: &MetricAttribution) -> Key {
    let MetricAttribution { metric_attribution_arn, creation_date_time, .. } = attribution;
    Key::new("attribution-sources", format!("{metric_attribution_arn}/{}", creation_date_time.0))
}

/// The write that adds windows to those that wait.
pub(crate) async fn window_write(
    service: &Service,
    attribution: &MetricAttribution,
    method: Method,
    windows: Windows,
) -> Result<Write, OpError> {
    let unique = uuid::Uuid::new_v4().as_u128() as u64;
    let key = Key::new(waiting(attribution, method), format!("{:013}-{unique:016x}", service.clock.now_ms()));
    creation(service, attribution, key, windows).await
}

/// The write that puts windows under a key.
pub(super) async fn creation(
    service: &Service,
    attribution: &MetricAttribution,
    key: Key,
    windows: Windows,
) -> Result<Write, OpError> {
    let cells = windows.into_cells().collect();
    let mut pending = Pending { format: FORMAT, cells, blob: None };
    let mut value = encode(&pending)?;
    if value.len() > RECORD_BYTES {
        let blob = format!("{}/{}.json", folder(attribution)?, uuid::Uuid::new_v4());
        service.stores.blobs.put(&blob, Bytes::from(value), PutCondition::Always).await?;
        pending = Pending { format: FORMAT, cells: Vec::new(), blob: Some(blob) };
        value = encode(&pending)?;
    }
    Ok(Write::Create { key, value })
}

/// Adds what a record has to `windows`; gives the blob that is not needed once the record is gone.
pub(super) async fn read_into(
    service: &Service,
    record: &Record,
    windows: &mut Windows,
) -> Result<Option<String>, OpError> {
    let mut pending: Pending = decode(record)?;
    if let Some(blob) = &pending.blob {
        let content = service.stores.blobs.get(blob).await?;
        let read: Pending = serde_json::from_slice(&content).map_err(OpError::internal)?;
        pending.cells = read.cells;
    }
    for (cell, value) in pending.cells {
        windows.add_to(cell, value);
    }
    Ok(pending.blob)
}

/// Removes blobs whose records are gone. What stays behind goes with the attribution.
pub(super) async fn remove_blobs(service: &Service, blobs: &[String]) {
    for blob in blobs {
        if let Err(error) = service.stores.blobs.delete(blob).await {
            tracing::warn!(blob, error = chain(&error), "windows of an attribution stay behind");
        }
    }
}

fn folder(attribution: &MetricAttribution) -> Result<String, OpError> {
    let arn = &attribution.metric_attribution_arn;
    let broken = || OpError::internal(format!("{arn} is no metric attribution's ARN"));
    let place = Place::of(arn).ok_or_else(broken)?;
    let name = Kind::MetricAttribution.parts(arn).ok_or_else(broken)?.join("/");
    Ok(format!("attributions/{}/{}/{name}/{}", place.account, place.region, attribution.creation_date_time.0))
}

/// Removes what an attribution that is deleted leaves. What cannot be removed is in nobody's way.
pub(crate) async fn forget(service: &Service, attribution: &MetricAttribution) {
    let removed = async {
        let mut records = Vec::new();
        for method in Method::ALL {
            for partition in [waiting(attribution, method), reports(attribution, method)] {
                records.extend(service.records.list_all(&partition, "").await?);
            }
        }
        records.extend(service.records.get(&sources_key(attribution)).await?);
        for record in records {
            match service.records.delete(record.key, record.version).await {
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        service.remove_blobs(&format!("{}/", folder(attribution)?)).await;
        Ok::<_, OpError>(())
    };
    if let Err(error) = removed.await {
        let arn = &attribution.metric_attribution_arn;
        tracing::warn!(arn, error = chain(&error), "windows of a deleted attribution stay behind");
    }
}
