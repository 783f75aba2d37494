//! Amazon Resource Names of the kinds that Personalize has.

use crate::error::OpError;

/// The kinds of resource, by the first part of their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    DatasetGroup,
    Schema,
    Dataset,
    DatasetImportJob,
    EventTracker,
    Recipe,
    Solution,
    SolutionVersion,
    Campaign,
    BatchInferenceJob,
    BatchSegmentJob,
    DatasetExportJob,
    DataDeletionJob,
    Filter,
    Recommender,
    MetricAttribution,
    Algorithm,
    FeatureTransformation,
}

impl Kind {
    /// What jobs bring about.
    const BROUGHT_ABOUT: [Self; 10] = [
        Self::DatasetImportJob,
        Self::DatasetExportJob,
        Self::DataDeletionJob,
        Self::SolutionVersion,
        Self::Campaign,
        Self::Recommender,
        Self::Filter,
        Self::BatchInferenceJob,
        Self::BatchSegmentJob,
        Self::Dataset,
    ];

    /// As in the ARN.
    pub fn segment(self) -> &'static str {
        match self {
            Self::DatasetGroup => "dataset-group",
            Self::Schema => "schema",
            Self::Dataset => "dataset",
            Self::DatasetImportJob => "dataset-import-job",
            Self::EventTracker => "event-tracker",
            Self::Recipe => "recipe",
            Self::Solution | Self::SolutionVersion => "solution",
            Self::Campaign => "campaign",
            Self::BatchInferenceJob => "batch-inference-job",
            Self::BatchSegmentJob => "batch-segment-job",
            Self::DatasetExportJob => "dataset-export-job",
            Self::DataDeletionJob => "data-deletion-job",
            Self::Filter => "filter",
            Self::Recommender => "recommender",
            Self::MetricAttribution => "metric-attribution",
            Self::Algorithm => "algorithm",
            Self::FeatureTransformation => "feature-transformation",
        }
    }

    /// What users create, and name by an ARN.
    const CREATED: [Self; 15] = [
        Self::DatasetGroup,
        Self::Schema,
        Self::Dataset,
        Self::DatasetImportJob,
        Self::DatasetExportJob,
        Self::DataDeletionJob,
        Self::EventTracker,
        Self::Filter,
        Self::Solution,
        Self::SolutionVersion,
        Self::Campaign,
        Self::Recommender,
        Self::BatchInferenceJob,
        Self::BatchSegmentJob,
        Self::MetricAttribution,
    ];

    /// The kind of any resource that users create, by its ARN.
    pub fn created(arn: &str) -> Option<Self> {
        Self::CREATED.into_iter().find(|kind| kind.parts(arn).is_some())
    }

    /// The kind of a resource that jobs bring about, by its ARN.
    pub fn of(arn: &str) -> Option<Self> {
        Self::BROUGHT_ABOUT.into_iter().find(|kind| kind.parts(arn).is_some())
    }

    /// As in messages.
    pub fn noun(self) -> String {
        match self {
            Self::SolutionVersion => "solution version".into(),
            kind => kind.segment().replace('-', " "),
        }
    }

    /// How many parts follow the kind in the ARN.
    fn depth(self) -> usize {
        if matches!(self, Self::Dataset | Self::SolutionVersion) { 2 } else { 1 }
    }

    /// The parts after the kind, if `arn` is of this kind.
    pub fn parts(self, arn: &str) -> Option<Vec<&str>> {
        let resource = arn.splitn(6, ':').nth(5)?;
        let parts: Vec<&str> = resource.strip_prefix(self.segment())?.strip_prefix('/')?.split('/').collect();
        (parts.len() == self.depth() && parts.iter().all(|part| !part.is_empty())).then_some(parts)
    }

    /// Refuses an ARN of another kind; `member` is the request's name for it.
    pub fn check(self, arn: &str, member: &str) -> Result<(), OpError> {
        if self.parts(arn).is_some() {
            return Ok(());
        }
        let form = match self {
            Self::Dataset => "dataset/<dataset group>/<type>",
            Self::SolutionVersion => "solution/<name>/<version>",
            _ => "",
        };
        let form = if form.is_empty() { format!("{}/<name>", self.segment()) } else { form.to_owned() };
        Err(OpError::invalid(format!("{member} must be the ARN of a {} (…:{form}), not {arn}", self.noun())))
    }

    /// The answer for an ARN that names nothing.
    pub fn missing(self, arn: &str) -> OpError {
        OpError::NotFound(format!("The given {} does not exist: {arn}", self.noun()))
    }
}

/// Where new resources get their names: partition, region and account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub partition: String,
    pub region: String,
    pub account: String,
}

impl Place {
    pub fn arn(&self, kind: Kind, path: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:personalize:{region}:{account}:{}/{path}", kind.segment())
    }

    /// The place that an ARN names.
    pub fn of(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':').skip(1);
        let partition = parts.next()?.to_owned();
        let mut parts = parts.skip(1);
        Some(Self { partition, region: parts.next()?.to_owned(), account: parts.next()?.to_owned() })
    }
}

/// The name of a built-in resource (`arn:aws:personalize:::recipe/…`), which belongs to no region and no account.
pub(crate) fn built_in_name(kind: Kind, arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let head = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (prefix, _, service, "", "") = head else { return None };
    if (prefix, service) != ("arn", "personalize") {
        return None;
    }
    let name = parts.next()?.strip_prefix(kind.segment())?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// The ARN of a built-in resource.
pub(crate) fn built_in_arn(kind: Kind, name: &str) -> String {
    format!("arn:aws:personalize:::{}/{name}", kind.segment())
}

/// The name of the recipe that an ARN names.
pub(crate) fn recipe_name(arn: &str) -> Option<&str> {
    built_in_name(Kind::Recipe, arn)
}

/// The ARN of a recipe.
pub(crate) fn recipe_arn(name: &str) -> String {
    built_in_arn(Kind::Recipe, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_another_kind_is_refused_by_name() {
        let place = Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() };
        let version = place.arn(Kind::SolutionVersion, "films/0a1b2c3d");
        assert!(Kind::SolutionVersion.check(&version, "solutionVersionArn").is_ok());
        assert!(Kind::Solution.check(&version, "solutionArn").is_err());
        assert!(
            Kind::Campaign.check(&version, "campaignArn").is_err_and(|error| error.to_string().contains("campaignArn"))
        );
        assert_eq!(Place::of(&version), Some(place));
    }

    #[test]
    fn recipes_have_neither_region_nor_account() {
        assert_eq!(recipe_name("arn:aws:personalize:::recipe/aws-sims"), Some("aws-sims"));
        for arn in ["arn:aws:personalize:us-east-1::recipe/aws-sims", "arn:aws:personalize:::recipe/", "recipe/x", ""] {
            assert_eq!(recipe_name(arn), None, "{arn}");
        }
    }
}
