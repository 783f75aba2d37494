//! Quotas: how many resources of a kind there may be, as Amazon Personalize counts them.
//!
//! Those that only protect Amazon's hardware (items, rows, requests a second) do not exist here.

use std::collections::BTreeMap;

use palate_store::{Key, Write};
use serde_json::json;

use crate::call::Call;
use crate::error::OpError;
use crate::records::{FORMAT, encode};

/// A quota that an installation may raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quota {
    DatasetGroups,
    Schemas,
    /// Pending or in progress, like the next four.
    DatasetImportJobs,
    DatasetExportJobs,
    BatchInferenceJobs,
    BatchSegmentJobs,
    SolutionVersions,
    /// Per dataset group, like those below.
    DataDeletionJobs,
    Solutions,
    Campaigns,
    Recommenders,
    Filters,
    /// Different fields in one filter.
    FieldsPerFilter,
    /// Different fields in all filters of a dataset group.
    FieldsInFilters,
}

impl Quota {
    pub const ALL: [Self; 14] = [
        Self::DatasetGroups,
        Self::Schemas,
        Self::DatasetImportJobs,
        Self::DatasetExportJobs,
        Self::BatchInferenceJobs,
        Self::BatchSegmentJobs,
        Self::SolutionVersions,
        Self::DataDeletionJobs,
        Self::Solutions,
        Self::Campaigns,
        Self::Recommenders,
        Self::Filters,
        Self::FieldsPerFilter,
        Self::FieldsInFilters,
    ];

    /// As in `--quota dataset-groups=20`.
    pub fn name(self) -> &'static str {
        match self {
            Self::DatasetGroups => "dataset-groups",
            Self::Schemas => "schemas",
            Self::DatasetImportJobs => "dataset-import-jobs",
            Self::DatasetExportJobs => "dataset-export-jobs",
            Self::BatchInferenceJobs => "batch-inference-jobs",
            Self::BatchSegmentJobs => "batch-segment-jobs",
            Self::SolutionVersions => "solution-versions",
            Self::DataDeletionJobs => "data-deletion-jobs",
            Self::Solutions => "solutions",
            Self::Campaigns => "campaigns",
            Self::Recommenders => "recommenders",
            Self::Filters => "filters",
            Self::FieldsPerFilter => "fields-per-filter",
            Self::FieldsInFilters => "fields-in-filters",
        }
    }

    /// Amazon's number.
    pub fn default_limit(self) -> usize {
        match self {
            Self::Schemas => 500,
            Self::SolutionVersions | Self::FieldsInFilters => 20,
            Self::Solutions | Self::FieldsPerFilter => 10,
            Self::Filters => 30,
            _ => 5,
        }
    }

    /// What there is too much of, as messages tell it.
    fn what(self) -> &'static str {
        match self {
            Self::DatasetGroups | Self::Schemas => "in this region",
            Self::DatasetImportJobs
            | Self::DatasetExportJobs
            | Self::BatchInferenceJobs
            | Self::BatchSegmentJobs
            | Self::SolutionVersions
            | Self::DataDeletionJobs => "with PENDING or IN_PROGRESS status",
            _ => "in ACTIVE state",
        }
    }
}

/// The quotas of an installation: Amazon's numbers where nothing else is set.
#[derive(Clone, Debug, Default)]
pub struct Quotas(BTreeMap<Quota, usize>);

impl Quotas {
    /// Reads `dataset-groups=20,filters=100`.
    ///
    /// # Errors
    /// The message names what is no quota or no number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut quotas = Self::default();
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let (name, limit) = setting.split_once('=').ok_or_else(|| format!("{setting}: expected NAME=NUMBER"))?;
            let quota = Quota::ALL.into_iter().find(|quota| quota.name() == name.trim()).ok_or_else(|| {
                let known: Vec<&str> = Quota::ALL.into_iter().map(Quota::name).collect();
                format!("{name} is no quota; there are {}", known.join(", "))
            })?;
            let limit = limit.trim().parse().map_err(|_| format!("{setting}: expected a number after ="))?;
            quotas.set(quota, limit);
        }
        Ok(quotas)
    }

    pub fn set(&mut self, quota: Quota, limit: usize) {
        self.0.insert(quota, limit);
    }

    pub fn limit(&self, quota: Quota) -> usize {
        self.0.get(&quota).copied().unwrap_or_else(|| quota.default_limit())
    }
}

/// The record that creations move.
pub(crate) fn key(quota: Quota, scope: &str) -> Key {
    Key::new(format!("quota/{}", quota.name()), scope)
}

/// Refuses a creation if `used` resources are there already and that is all that the quota allows.
///
/// The write goes into the creation's commit: of two racing creations that counted the same, one is done
/// again. `scope` is what the quota counts in: a region, or a dataset group's ARN.
pub(crate) async fn room(call: &Call, quota: Quota, scope: &str, used: usize) -> Result<Write, OpError> {
    let limit = call.service.settings.quotas.limit(quota);
    if used >= limit {
        let message = format!(
            "{} is not possible. More than {limit} resources {}. Please delete some and try again, or raise the quota {}.",
            call.operation,
            quota.what(),
            quota.name()
        );
        return Err(OpError::LimitExceeded(message));
    }
    let key = key(quota, scope);
    let value = encode(&json!({ "format": FORMAT }))?;
    Ok(match call.records().get(&key).await? {
        Some(record) => Write::Update { key, expected: record.version, value },
        None => Write::Create { key, value },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_set_is_amazons() {
        let quotas = Quotas::parse("dataset-groups=20, filters=0").unwrap();
        assert_eq!(quotas.limit(Quota::DatasetGroups), 20);
        assert_eq!(quotas.limit(Quota::Filters), 0);
        assert_eq!(quotas.limit(Quota::Schemas), 500);
    }

    #[test]
    fn a_wrong_setting_says_what_is_wrong() {
        assert!(Quotas::parse("rows=5").unwrap_err().contains("dataset-groups"));
        assert!(Quotas::parse("filters").unwrap_err().contains("NAME=NUMBER"));
        assert!(Quotas::parse("filters=many").unwrap_err().contains("number"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = Quota::ALL.into_iter().map(Quota::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Quota::ALL.len());
    }
}
