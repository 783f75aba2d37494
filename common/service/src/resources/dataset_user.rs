//! Who would miss a dataset: what forbids deleting it.

use serde_json::Value;

use super::attributed_metrics::attribution_of;
use super::dataset::Dataset;
use super::others::{arn_of, at_work, in_group, is_active, text, those};
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::schema::DatasetType;

/// Whether a resource of a group stands in the way.
type InTheWay = fn(&Value) -> bool;

/// The ARN of one resource that forbids deleting a dataset, if there is any.
pub(super) async fn user_of(call: &Call, dataset: &Dataset) -> Result<Option<String>, OpError> {
    let group = &dataset.dataset_group_arn;
    let is_interactions = dataset.dataset_type == DatasetType::Interactions.name();
    let always = |_: &Value| true;
    let mut rules: Vec<(Kind, InTheWay)> = vec![
        (Kind::Filter, always),
        (Kind::DataDeletionJob, at_work),
        (Kind::SolutionVersion, at_work),
        (Kind::Recommender, at_work),
    ];
    if is_interactions {
        rules.push((Kind::EventTracker, always));
    }
    for (kind, in_the_way) in rules {
        if let Some(user) = in_group(call, kind, group).await?.iter().find(|resource| in_the_way(resource)) {
            return Ok(Some(arn_of(kind, user).to_owned()));
        }
    }
    if let Some(attribution) = attribution_of(call.records(), group).await?
        && (is_interactions || attribution.sums(&dataset.dataset_type))
    {
        return Ok(Some(attribution.metric_attribution_arn));
    }
    let place = Place::of(group).unwrap_or_else(|| call.place.clone());
    for kind in [Kind::DatasetImportJob, Kind::DatasetExportJob] {
        let jobs =
            those(call, &place, kind, |job| at_work(job) && text(job, "datasetArn") == dataset.dataset_arn).await?;
        if let Some(job) = jobs.first() {
            return Ok(Some(arn_of(kind, job).to_owned()));
        }
    }
    user_of_solutions(call, &place, group).await
}

/// A campaign that serves a model of the group, or a batch that is asking one.
async fn user_of_solutions(call: &Call, place: &Place, group: &str) -> Result<Option<String>, OpError> {
    let solutions = in_group(call, Kind::Solution, group).await?;
    let below: Vec<String> =
        solutions.iter().map(|solution| format!("{}/", arn_of(Kind::Solution, solution))).collect();
    let of_group = |resource: &Value| {
        let version = text(resource, "solutionVersionArn");
        below.iter().any(|solution| version.starts_with(solution))
    };
    for kind in [Kind::Campaign, Kind::BatchInferenceJob, Kind::BatchSegmentJob] {
        let serves = |user: &Value| kind == Kind::Campaign && is_active(user);
        let concerns = |user: &Value| of_group(user) || of_group(&user["latestCampaignUpdate"]) && at_work(user);
        let users = those(call, place, kind, |user| concerns(user) && (at_work(user) || serves(user))).await?;
        if let Some(user) = users.first() {
            return Ok(Some(arn_of(kind, user).to_owned()));
        }
    }
    Ok(None)
}
