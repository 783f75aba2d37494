use std::cmp::Reverse;

use super::{EarlierVersion, ModelReport};
use crate::arn::{Kind, recipe_name};
use crate::error::OpError;
use crate::resources::{Recommender, SolutionVersion, Status, latest_active, trained_model, versions_of};
use crate::service::Service;

/// How many earlier versions are told of, the newest.
const MOST_EARLIER: usize = 20;

/// The report of a model; `None` if there is no such model.
///
/// `name` is the ARN of a solution version or recommender, `<solution>/<end of its ARN>`, or a solution by name or
/// ARN, which stands for its newest version that is ACTIVE. Names are looked for in the installation's own region.
pub(crate) async fn current(service: &Service, name: &str) -> Result<Option<ModelReport>, OpError> {
    let place = service.place(None);
    let arn = match (name.starts_with("arn:"), name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => place.arn(Kind::SolutionVersion, name),
        (false, false) => place.arn(Kind::Solution, name),
    };
    match Kind::created(&arn) {
        Some(Kind::Solution) => match latest_active(&service.records, &arn).await? {
            Some(version) => of_version(service, version).await,
            None => Ok(None),
        },
        Some(Kind::SolutionVersion) => match service.records.find::<SolutionVersion>(&arn).await? {
            Some(version) => of_version(service, version.resource).await,
            None => Ok(None),
        },
        Some(Kind::Recommender) => match service.records.find::<Recommender>(&arn).await? {
            Some(recommender) => of_recommender(service, recommender.resource).await,
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

async fn of_version(service: &Service, version: SolutionVersion) -> Result<Option<ModelReport>, OpError> {
    let Some(model) = trained_model(&service.records, &version.solution_version_arn).await? else { return Ok(None) };
    Ok(Some(ModelReport {
        earlier: earlier(service, &version).await?,
        arn: version.solution_version_arn,
        recipe: model.recipe,
        created_s: version.creation_date_time.seconds(),
        training_hours: version.training_hours,
        hyperparameters: model.hyperparameters,
        report: model.report,
    }))
}

async fn of_recommender(service: &Service, recommender: Recommender) -> Result<Option<ModelReport>, OpError> {
    let Some(model) = trained_model(&service.records, &recommender.recommender_arn).await? else { return Ok(None) };
    Ok(Some(ModelReport {
        arn: recommender.recommender_arn,
        recipe: model.recipe,
        created_s: recommender.creation_date_time.seconds(),
        training_hours: None,
        hyperparameters: model.hyperparameters,
        report: model.report,
        earlier: Vec::new(),
    }))
}

async fn earlier(service: &Service, version: &SolutionVersion) -> Result<Vec<EarlierVersion>, OpError> {
    let versions =
        versions_of(&service.records, &version.solution_arn).await?.into_iter().map(|stored| stored.resource);
    let age = |version: &SolutionVersion| (version.creation_date_time, version.solution_version_arn.clone());
    let before = |other: &SolutionVersion| other.status == Status::Active && age(other) < age(version);
    let mut versions: Vec<SolutionVersion> = versions.filter(before).collect();
    versions.sort_by_key(|version| Reverse(age(version)));
    versions.truncate(MOST_EARLIER);
    let mut earlier = Vec::with_capacity(versions.len());
    for version in versions.into_iter().rev() {
        let arn = version.solution_version_arn;
        // It may be gone by now.
        let Some(model) = trained_model(&service.records, &arn).await? else { continue };
        earlier.push(EarlierVersion {
            recipe: recipe_name(&version.recipe_arn).unwrap_or(&model.recipe).to_owned(),
            created_s: version.creation_date_time.seconds(),
            metrics: model.report.metrics,
            n_test_users: model.report.n_test_users,
            arn,
        });
    }
    Ok(earlier)
}
