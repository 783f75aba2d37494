//! Filters: expressions that say which items, actions or users an answer may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use palate_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataset_group::DatasetGroup;
use super::{BatchInferenceJob, Status};
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::catalogue::{self, HistoryProduct};
use crate::error::OpError;
use crate::filters::{DatasetName, Expression, Field, FilterError, Target};
use crate::jobs::{self, Job, Run, State, Words, WorkError};
use crate::operations::Operations;
use crate::paging::{self, Parent};
use crate::quotas::{self, Quota};
use crate::records::Resource;
use crate::service::{JobKind, Service};
use crate::wire::Timestamp;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter {
    pub name: String,
    pub filter_arn: String,
    pub creation_date_time: Timestamp,
    pub last_updated_date_time: Timestamp,
    pub dataset_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub filter_expression: String,
    pub status: Status,
}

impl Filter {
    /// The expression. It was checked when it was created.
    pub fn parse(&self) -> Result<Expression, OpError> {
        Expression::parse(&self.filter_expression).map_err(refused)
    }

    /// Refuses a filter that cannot be used for a request about `dataset_group_arn`; `member` is the
    /// request's name for its ARN.
    pub fn check_usable(&self, dataset_group_arn: &str, member: &str) -> Result<(), OpError> {
        let Self { filter_arn, status, .. } = self;
        if *status != Status::Active {
            return Err(OpError::invalid(format!("{member}: {filter_arn} is {status}; it must be ACTIVE")));
        }
        if self.dataset_group_arn != dataset_group_arn {
            let message = format!("{member}: {filter_arn} belongs to another dataset group than what is asked");
            return Err(OpError::invalid(message));
        }
        Ok(())
    }
}

impl Resource for Filter {
    const KIND: Kind = Kind::Filter;

    fn arn(&self) -> &str {
        &self.filter_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

pub(super) fn operations(all: &mut Operations) {
    all.add("CreateFilter", create)
        .add("DescribeFilter", |call: Call| async move { call.describe::<Filter>("filterArn", "filter").await })
        .add("ListFilters", list)
        .add("DeleteFilter", delete);
}

fn refused(error: FilterError) -> OpError {
    OpError::invalid(error.message)
}

async fn create(call: Call) -> Result<Value, OpError> {
    let text = call.text("filterExpression").to_owned();
    let expression = Expression::parse(&text).map_err(refused)?;
    let group = call.resource::<DatasetGroup>("datasetGroupArn").await?;
    let group_arn = group.resource.dataset_group_arn.clone();
    if group.resource.status != Status::Active {
        let status = group.resource.status;
        return Err(OpError::invalid(format!("{group_arn} is {status}; it must be ACTIVE to have filters")));
    }
    let now = call.now();
    let filter = Filter {
        name: call.text("name").to_owned(),
        filter_arn: call.place.arn(Kind::Filter, call.text("name")),
        creation_date_time: now,
        last_updated_date_time: now,
        dataset_group_arn: group_arn.clone(),
        failure_reason: None,
        filter_expression: text,
        status: Status::CreatePending,
    };
    let arn = filter.filter_arn.clone();
    // The name first: whoever repeats a creation should hear that it is done, not that there are too many.
    if call.records().find::<Filter>(&arn).await?.is_some() {
        return Err(OpError::AlreadyExists(format!("Another resource with Arn {arn} already exists.")));
    }
    let room = check_quotas(&call, &group_arn, &expression).await?;
    let with = vec![group.touch()?, room];
    jobs::create(&call.service, call.records(), &filter, call.tags()?, with).await?;
    Ok(json!({"filterArn": arn}))
}

/// Filters of a group, fields of a filter, and fields of all filters of a group.
async fn check_quotas(call: &Call, group_arn: &str, expression: &Expression) -> Result<Write, OpError> {
    let place = Place::of(group_arn).unwrap_or_else(|| call.place.clone());
    let mut others = call.records().all::<Filter>(&place, "").await?;
    others.retain(|other| other.resource.dataset_group_arn == group_arn);
    let room = quotas::room(call, Quota::Filters, group_arn, others.len()).await?;
    let mut fields: BTreeSet<(DatasetName, String)> = expression.fields();
    check_fields(call, Quota::FieldsPerFilter, fields.len(), "The filter expression names")?;
    for other in &others {
        fields.extend(other.resource.parse()?.fields());
    }
    check_fields(call, Quota::FieldsInFilters, fields.len(), "With this one the filters of the dataset group name")?;
    Ok(room)
}

fn check_fields(call: &Call, quota: Quota, n_fields: usize, what: &str) -> Result<(), OpError> {
    let limit = call.service.settings.quotas.limit(quota);
    if n_fields <= limit {
        return Ok(());
    }
    let name = quota.name();
    let message = format!("{what} {n_fields} different fields; at most {limit} are allowed by the quota {name}.");
    Err(OpError::LimitExceeded(message))
}

async fn list(call: Call) -> Result<Value, OpError> {
    let parent = Parent::<Filter> {
        member: "datasetGroupArn",
        kind: Kind::DatasetGroup,
        holds: |filter, group| filter.dataset_group_arn == group,
    };
    // The one list whose member begins with a capital.
    paging::list(&call, parent, "Filters", "FilterSummary").await
}

async fn delete(call: Call) -> Result<Value, OpError> {
    let filter = call.resource::<Filter>("filterArn").await?;
    let Filter { filter_arn, status, .. } = &filter.resource;
    if !status.is_settled() {
        return Err(OpError::InUse(format!("{filter_arn} is {status}; it can be deleted afterwards")));
    }
    if let Some(job) = job_with(&call, filter_arn).await? {
        return Err(OpError::InUse(format!("{filter_arn} is used by {job}, which is not finished")));
    }
    call.records().remove(&filter, Vec::new()).await?;
    call.service.runtime.forget_filter(filter_arn);
    Ok(Value::Null)
}

/// A batch job that is not finished and uses the filter.
async fn job_with(call: &Call, filter_arn: &str) -> Result<Option<String>, OpError> {
    let place = Place::of(filter_arn).unwrap_or_else(|| call.place.clone());
    let uses = |arn: &Option<String>, status: Status| arn.as_deref() == Some(filter_arn) && !status.is_settled();
    let jobs = call.records().all::<BatchInferenceJob>(&place, "").await?;
    if let Some(job) = jobs.into_iter().map(|job| job.resource).find(|job| uses(&job.filter_arn, job.status)) {
        return Ok(Some(job.batch_inference_job_arn));
    }
    let jobs = call.records().all::<SegmentJob>(&place, "").await?;
    let job = jobs.into_iter().map(|job| job.resource).find(|job| uses(&job.filter_arn, job.status));
    Ok(job.map(|job| job.batch_segment_job_arn))
}

/// What a filter has to know of batch segment jobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentJob {
    batch_segment_job_arn: String,
    #[serde(default)]
    filter_arn: Option<String>,
    status: Status,
    creation_date_time: Timestamp,
}

impl Resource for SegmentJob {
    const KIND: Kind = Kind::BatchSegmentJob;

    fn arn(&self) -> &str {
        &self.batch_segment_job_arn
    }

    fn created(&self) -> Timestamp {
        self.creation_date_time
    }
}

impl Job for Filter {
    const JOB: JobKind = JobKind::Deploy;
    /// The history that the filter asks for, if it asks for one.
    type Product = Option<HistoryProduct>;

    fn state(&mut self) -> State<'_> {
        State {
            status: &mut self.status,
            words: Words::CREATE,
            failure_reason: &mut self.failure_reason,
            updated: &mut self.last_updated_date_time,
        }
    }

    /// Checks the fields against the group's schemas, and prepares what users did if that is asked for.
    async fn work(service: &Arc<Service>, run: &Run<Self>) -> Result<Option<HistoryProduct>, WorkError> {
        let filter = &run.resource;
        let expression = filter.parse()?;
        let mut known: BTreeMap<DatasetName, Vec<Field>> = BTreeMap::new();
        let names: BTreeSet<DatasetName> = expression.fields().into_iter().map(|(dataset, _)| dataset).collect();
        for name in names {
            let kind = catalogue::type_of(name);
            let group = &filter.dataset_group_arn;
            if let Some(dataset) = catalogue::find_dataset(&service.records, group, kind).await? {
                known.insert(name, catalogue::fields_of(&service.records, &dataset).await?);
            }
        }
        let checked = expression.check_fields(&|name| known.get(&name).cloned());
        checked.map_err(|error| WorkError::Failed(error.message))?;
        if !expression.uses_history() || expression.target() == Target::Action {
            return Ok(None);
        }
        Ok(Some(catalogue::first_history(service, &filter.dataset_group_arn).await?))
    }

    async fn finish(
        service: &Arc<Service>,
        _filter: &mut Self,
        history: &Option<HistoryProduct>,
    ) -> Result<Vec<Write>, WorkError> {
        match history {
            Some(history) => history.writes(service).await,
            None => Ok(Vec::new()),
        }
    }
}
