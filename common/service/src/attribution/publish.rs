//! Telling of windows that have closed.
//!
//! A first commit takes the closed windows from those that wait and makes a report of them; the report's file is
//! written after it, under the name that the report has, and then the report is removed. Whoever dies in between
//! has his work done again with the same result.

use std::collections::BTreeSet;
use std::sync::Arc;

use palate_store::{Key, Order, Record, RecordStoreExt, StoreError, Write};
use serde::{Deserialize, Serialize};

use super::group::Attribution;
use super::lines::lines;
use super::pending::{Method, creation, read_into, remove_blobs, reports, sources_key, waiting};
use super::report::{self, ReportError};
use super::windows::Windows;
use crate::error::{OpError, chain};
use crate::records::{FORMAT, decode, encode};
use crate::resources::{ATTRIBUTIONS, MetricAttribution};
use crate::service::Service;

/// How long after its end a window is told of.
const REST_S: i64 = 5 * 60;
/// Records of waiting windows that are joined at a time.
const AT_A_TIME: usize = 60;
/// A report that cannot be written for so long is given up.
const GIVEN_UP_MS: i64 = 14 * 86_400_000;

#[derive(Serialize, Deserialize)]
struct Known {
    format: u64,
    sources: BTreeSet<String>,
}

/// Tells of the windows of all attributions that have closed. Harmless at any time, also several at once.
/// Returns how many reports were told of.
pub(crate) async fn publish_due(service: &Arc<Service>) -> Result<usize, OpError> {
    let mut told = 0;
    for record in service.records.list_all(ATTRIBUTIONS, "").await? {
        let Some(attribution) = Attribution::of_group(service, &record.key.sort).await? else { continue };
        let attribution = attribution.resource;
        for method in Method::ALL {
            let done = async {
                while close(service, &attribution, method).await? {}
                tell(service, &attribution, method).await
            };
            match done.await {
                Ok(n) => told += n,
                Err(error) => {
                    let arn = attribution.metric_attribution_arn.as_str();
                    tracing::warn!(arn, error = chain(&error), "windows of an attribution not told of; tried again");
                }
            }
        }
    }
    Ok(told)
}

/// Makes a report of closed windows; whether there may be more.
async fn close(service: &Service, attribution: &MetricAttribution, method: Method) -> Result<bool, OpError> {
    let partition = waiting(attribution, method);
    let page = service.records.list(&partition, "", None, AT_A_TIME, Order::Ascending).await?;
    let records = page.entries;
    let (mut windows, mut blobs) = (Windows::default(), Vec::new());
    for record in &records {
        blobs.extend(read_into(service, record, &mut windows).await?);
    }
    let now = service.now();
    let (closed, open) = windows.split(now.seconds() - REST_S);
    // Many small records are joined even if nothing has closed: each is read again at every look.
    let full = records.len() >= AT_A_TIME / 2;
    if records.is_empty() || (closed.is_empty() && !full) || (closed.is_empty() && records.len() < 2) {
        return Ok(false);
    }
    let mut writes: Vec<Write> =
        records.iter().map(|record| Write::Delete { key: record.key.clone(), expected: record.version }).collect();
    let unique = uuid::Uuid::new_v4().as_u128() as u64;
    let mut made = Vec::new();
    if !open.is_empty() {
        // As old as the oldest of those that it stands for.
        let oldest = records.first().and_then(|record| record.key.sort.split('-').next()).unwrap_or_default();
        let key = Key::new(partition, format!("{oldest}-{unique:016x}"));
        made.push(creation(service, attribution, key, open).await?);
    }
    let something_closed = !closed.is_empty();
    if something_closed {
        let (known, write) = known_sources(service, attribution, closed).await?;
        let key = Key::new(reports(attribution, method), format!("{:013}-{unique:016x}", now.0));
        made.push(creation(service, attribution, key, known).await?);
        writes.extend(write);
    }
    writes.extend(made);
    match service.records.commit(writes).await {
        Ok(()) => {
            remove_blobs(service, &blobs).await;
            Ok(something_closed && page.next.is_some())
        }
        // Another sweep was first; it tells of them. What was written for this commit goes with the attribution.
        Err(StoreError::Conflict { .. } | StoreError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Joins sources beyond the hundredth; gives the write that remembers new ones.
async fn known_sources(
    service: &Service,
    attribution: &MetricAttribution,
    windows: Windows,
) -> Result<(Windows, Option<Write>), OpError> {
    let key = sources_key(attribution);
    let record = service.records.get(&key).await?;
    let mut known = match &record {
        Some(record) => decode::<Known>(record)?.sources,
        None => BTreeSet::new(),
    };
    let before = known.len();
    let windows = windows.capped(&mut known);
    if known.len() == before {
        return Ok((windows, None));
    }
    let value = encode(&Known { format: FORMAT, sources: known })?;
    let write = match record {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    };
    Ok((windows, Some(write)))
}

/// Writes the files of all reports and gives out their lines.
async fn tell(service: &Service, attribution: &MetricAttribution, method: Method) -> Result<usize, OpError> {
    let mut told = 0;
    for record in service.records.list_all(&reports(attribution, method), "").await? {
        let mut windows = Windows::default();
        let blob = read_into(service, &record, &mut windows).await?;
        let at_ms = record.key.sort.split('-').next().and_then(|at| at.parse::<i64>().ok()).unwrap_or_default();
        if method == Method::Put {
            match report::write(service, attribution, method.word(), at_ms, &windows).await {
                Ok(()) => {}
                Err(ReportError::Failed(error)) => return Err(error),
                Err(ReportError::Destination(reason)) => {
                    let arn = attribution.metric_attribution_arn.as_str();
                    if service.now().0.saturating_sub(at_ms) < GIVEN_UP_MS {
                        tracing::warn!(arn, reason, "report not written; tried again");
                        continue;
                    }
                    tracing::error!(arn, reason, "report given up after 14 days");
                }
            }
        }
        if removed(service, record).await? {
            remove_blobs(service, blob.as_slice()).await;
            told += 1;
            if let Some(out) = service.settings.metric_lines {
                lines(&attribution.name, &windows).iter().for_each(|line| out(line));
            }
        }
    }
    Ok(told)
}

/// Whether it was there, and nobody else has removed it.
async fn removed(service: &Service, record: Record) -> Result<bool, OpError> {
    match service.records.delete(record.key, record.version).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
