//! The attribution of a group, with what is needed to count.

use std::sync::Arc;

use palate_store::Write;

use super::source::Sources;
use super::windows::Counted;
use crate::catalogue::{Catalogued, Held, Source};
use crate::error::OpError;
use crate::records::decode;
use crate::resources::{Attributed, MetricAttribution, attribution_key};
use crate::schema::DatasetType;
use crate::service::Service;

/// Events older than this do not count: CloudWatch takes none.
const OLDEST_S: i64 = 14 * 86_400;

pub(crate) struct Attribution {
    pub resource: MetricAttribution,
    pub(super) counted: Vec<Counted>,
    /// Goes into commits that count: fails if the metrics are others by then, or none.
    pub(super) unchanged: Write,
    dataset_group_arn: String,
}

impl Attribution {
    /// The attribution of a group, if there is one.
    pub async fn of_group(service: &Service, dataset_group_arn: &str) -> Result<Option<Self>, OpError> {
        let key = attribution_key(dataset_group_arn);
        let Some(record) = service.records.get(&key).await? else { return Ok(None) };
        let attributed: Attributed = decode(&record)?;
        let found = service.records.find::<MetricAttribution>(&attributed.metric_attribution_arn).await?;
        let Some(stored) = found else { return Ok(None) };
        Ok(Some(Self {
            resource: stored.resource,
            counted: Counted::of(&attributed.metrics),
            unchanged: Write::Check { key, expected: record.version },
            dataset_group_arn: dataset_group_arn.to_owned(),
        }))
    }

    /// Events of this time and later count.
    pub fn counts_since_s(&self, now_s: i64) -> i64 {
        self.resource.creation_date_time.seconds().max(now_s.saturating_sub(OLDEST_S))
    }

    /// What recommendation ids say of campaigns and recommenders, if any is to be asked.
    pub(super) async fn sources(&self, service: &Service, wanted: bool) -> Result<Sources, OpError> {
        match wanted {
            true => Sources::of_group(service, &self.dataset_group_arn).await,
            false => Ok(Sources::default()),
        }
    }

    /// The items' columns, if a metric sums one.
    pub(super) async fn items(&self, service: &Arc<Service>) -> Result<Option<ItemValues>, OpError> {
        if !self.counted.iter().any(|metric| metric.column(DatasetType::Items).is_some()) {
            return Ok(None);
        }
        let source =
            Source { dataset_group_arn: self.dataset_group_arn.as_str().into(), kind: Catalogued::Items, model: None };
        Ok(Some(ItemValues(service.runtime.catalogue.columns(service, &source).await?)))
    }
}

/// The numbers of items, as they are, or were a few moments ago.
pub(super) struct ItemValues(Arc<Held>);

impl ItemValues {
    /// `None` for an item that is not there, or whose value is null.
    pub fn number(&self, item_id: &str, column: &str) -> Option<f64> {
        let row = self.0.columns.row(item_id)?;
        self.0.columns.text(column, row)?.parse().ok()
    }
}
