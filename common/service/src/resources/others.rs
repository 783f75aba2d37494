//! Questions about the other resources of a place, whatever their kinds: who is still at work, and who would
//! miss a resource.

use palate_store::Write;
use serde_json::Value;

use super::Status;
use crate::arn::{Kind, Place};
use crate::call::Call;
use crate::error::OpError;
use crate::quotas::{self, Quota};

/// The string member of a resource as JSON.
pub(super) fn text<'a>(resource: &'a Value, member: &str) -> &'a str {
    resource[member].as_str().unwrap_or_default()
}

fn status(resource: &Value) -> Option<Status> {
    serde_json::from_value(resource["status"].clone()).ok()
}

/// A resource that is going to be something else, by itself or through its latest update.
pub(super) fn at_work(resource: &Value) -> bool {
    let updates = ["latestCampaignUpdate", "latestRecommenderUpdate", "latestSolutionUpdate", "latestDatasetUpdate"];
    let own = std::iter::once(resource);
    own.chain(updates.iter().filter_map(|update| resource.get(update)))
        .any(|part| status(part).is_some_and(|status| !status.is_settled()))
}

/// Whether it answers requests.
pub(super) fn is_active(resource: &Value) -> bool {
    status(resource) == Some(Status::Active)
}

/// The resources of a kind that a test picks.
pub(super) async fn those(
    call: &Call,
    place: &Place,
    kind: Kind,
    pick: impl Fn(&Value) -> bool,
) -> Result<Vec<Value>, OpError> {
    let all = call.records().all_of(kind, place).await?;
    Ok(all.into_iter().map(|stored| stored.resource).filter(pick).collect())
}

/// The resources of a kind that belong to a dataset group.
pub(super) async fn in_group(call: &Call, kind: Kind, group_arn: &str) -> Result<Vec<Value>, OpError> {
    let place = Place::of(group_arn).unwrap_or_else(|| call.place.clone());
    those(call, &place, kind, |resource| text(resource, "datasetGroupArn") == group_arn).await
}

/// The ARN of a resource: its only member of that name, which depends on the kind.
pub(super) fn arn_of(kind: Kind, resource: &Value) -> &str {
    text(
        resource,
        match kind {
            Kind::DatasetGroup => "datasetGroupArn",
            Kind::Schema => "schemaArn",
            Kind::Dataset => "datasetArn",
            Kind::DatasetImportJob => "datasetImportJobArn",
            Kind::DatasetExportJob => "datasetExportJobArn",
            Kind::DataDeletionJob => "dataDeletionJobArn",
            Kind::EventTracker => "eventTrackerArn",
            Kind::Filter => "filterArn",
            Kind::Solution => "solutionArn",
            Kind::SolutionVersion => "solutionVersionArn",
            Kind::Campaign => "campaignArn",
            Kind::Recommender => "recommenderArn",
            Kind::BatchInferenceJob => "batchInferenceJobArn",
            Kind::BatchSegmentJob => "batchSegmentJobArn",
            Kind::MetricAttribution => "metricAttributionArn",
            Kind::Recipe => "recipeArn",
            Kind::Algorithm => "algorithmArn",
            Kind::FeatureTransformation => "featureTransformationArn",
        },
    )
}

/// Room for one more job of a kind among those that have not ended: of the region, or of a dataset group.
pub(super) async fn room_for_job(
    call: &Call,
    kind: Kind,
    quota: Quota,
    group_arn: Option<&str>,
) -> Result<Write, OpError> {
    let of_group = |job: &Value| group_arn.is_none_or(|group| text(job, "datasetGroupArn") == group);
    let used = those(call, &call.place, kind, |job| at_work(job) && of_group(job)).await?.len();
    quotas::room(call, quota, group_arn.unwrap_or(&call.place.region), used).await
}
