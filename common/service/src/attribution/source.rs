//! Where an event comes from.

use std::collections::HashMap;

use super::windows::UNDEFINED;
use crate::arn::Place;
use crate::error::OpError;
use crate::resources::{Campaign, Recommender, SolutionVersion};
use crate::runtime::{mark_in, mark_of};
use crate::service::Service;

/// The campaigns and recommenders of a group, by what recommendation ids say of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(HashMap<String, String>);

impl Sources {
    pub async fn of_group(service: &Service, dataset_group_arn: &str) -> Result<Self, OpError> {
        let Some(place) = Place::of(dataset_group_arn) else { return Ok(Self::default()) };
        let mut arns = Vec::new();
        for campaign in service.records.all::<Campaign>(&place, "").await? {
            let version = service.records.find::<SolutionVersion>(&campaign.resource.solution_version_arn).await?;
            if version.is_some_and(|version| version.resource.dataset_group_arn == dataset_group_arn) {
                arns.push(campaign.resource.campaign_arn);
            }
        }
        let recommenders = service.records.all::<Recommender>(&place, "").await?;
        let own = recommenders.into_iter().filter(|stored| stored.resource.dataset_group_arn == dataset_group_arn);
        arns.extend(own.map(|stored| stored.resource.recommender_arn));
        Ok(Self::from_arns(arns))
    }

    pub fn from_arns(arns: Vec<String>) -> Self {
        Self(arns.into_iter().map(|arn| (mark_of(&arn), arn)).collect())
    }

    /// The source that an event names itself; else whose recommendation it follows; else nobody.
    pub fn of<'a>(&'a self, named: Option<&'a str>, recommendation_id: Option<&str>) -> &'a str {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            return named;
        }
        let arn = recommendation_id.and_then(mark_in).and_then(|mark| self.0.get(mark));
        arn.map_or(UNDEFINED, String::as_str)
    }
}
