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
}

impl Kind {
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
        }
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

/// Whether built-in resources (`arn:aws:personalize:::recipe/…`) have this name, and which.
pub(crate) fn recipe_name(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let head = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (prefix, _, service, "", "") = head else { return None };
    if (prefix, service) != ("arn", "personalize") {
        return None;
    }
    parts.next()?.strip_prefix("recipe/").filter(|name| !name.is_empty() && !name.contains('/'))
}

/// The ARN of a recipe; built-in resources belong to no region and no account.
pub(crate) fn recipe_arn(name: &str) -> String {
    format!("arn:aws:personalize:::recipe/{name}")
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
