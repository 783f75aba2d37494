//! The environment, read once. Nothing else in the functions looks at it, apart from the AWS SDK
//! (credentials, region, endpoints) and the Lambda runtime's own variables.

use std::path::PathBuf;
use std::time::Duration;

use palate_service::{JobKind, Quotas, Settings};

use crate::metric_lines;

/// A minute less than a function lives: for the evaluation and the model's files.
const LAMBDA_TRAINING_TIME: Duration = Duration::from_secs(840);

/// How a function is set up.
///
/// | variable | meaning | default |
/// |---|---|---|
/// | `PALATE_STORE` | `embedded` (a data folder) or `aws` (DynamoDB and S3) | `embedded` |
/// | `PALATE_DATA` | the data folder of `embedded` | `.palate` |
/// | `PALATE_TABLE`, `PALATE_BUCKET` | the table and the bucket of `aws` | none: required by `aws` |
/// | `PALATE_ACCOUNT_ID` | twelve digits, the account in every ARN | `000000000000` |
/// | `PALATE_QUOTAS` | quotas other than Amazon's: `dataset-groups=20,filters=100` | none |
/// | `AWS_REGION` | the region where a request names none | `us-east-1` |
/// | `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` | the function's memory in MB; half of it may hold models | set by Lambda; without it 1 GiB for models |
/// | `PALATE_TRAINING_SECONDS` | how long a training may learn before it ends with the best that it has | 840 on Lambda, which ends functions after 900; no limit elsewhere |
/// | `PALATE_AUTH` | `required`: API requests are signed with an access key; `off`: anyone may call | `required` |
/// | `PALATE_MASTER_KEY_SECRET` | name or ARN of the Secrets Manager secret that holds the master key of the access keys | the data folder's `master.key`; `aws` has no other |
/// | `PALATE_IMPORT_FUNCTION`, `PALATE_TRAIN_FUNCTION`, `PALATE_DEPLOY_FUNCTION`, `PALATE_BATCH_INFERENCE_FUNCTION` | whom to invoke for a job | the binary's name |
///
/// An empty variable counts as one that is not set.
#[derive(Clone, Debug)]
pub struct Config {
    pub store: StoreChoice,
    pub settings: Settings,
    pub workers: WorkerFunctions,
    /// Whether API requests must be signed with an access key.
    pub signed: bool,
    /// The secret that holds the master key of the access keys.
    pub master_key_secret: Option<String>,
}

/// Where records and blobs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    Embedded { data: PathBuf },
    Aws { table: String, bucket: String },
}

/// The names (or ARNs) of the functions that do the jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerFunctions {
    pub import: String,
    pub train: String,
    pub deploy: String,
    pub batch_inference: String,
}

/// What is wrong with the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("PALATE_STORE={0}: must be `embedded` or `aws`")]
    UnknownStore(String),
    #[error("{0} is not set, and PALATE_STORE=aws needs it")]
    Missing(&'static str),
    #[error("PALATE_ACCOUNT_ID={0}: an account has twelve digits")]
    AccountId(String),
    #[error("PALATE_TRAINING_SECONDS={0}: must be a number of seconds above 0")]
    TrainingSeconds(String),
    #[error("PALATE_AUTH={0}: must be `required` or `off`")]
    Auth(String),
    #[error("PALATE_MASTER_KEY_SECRET is not set: it names the secret with the master key, unless PALATE_AUTH=off")]
    NoMasterKey,
    #[error("PALATE_QUOTAS: {0}")]
    Quotas(String),
    #[error("{0} is not valid UTF-8")]
    NotUnicode(&'static str),
    #[error("this build has no `{0}` store: build it with the Cargo feature of that name")]
    NotBuilt(&'static str),
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the variable and the value.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_variables(|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(ConfigError::NotUnicode(name)),
        })
    }

    fn from_variables(read: impl Fn(&'static str) -> Result<Option<String>, ConfigError>) -> Result<Self, ConfigError> {
        let variable = |name| Ok::<_, ConfigError>(read(name)?.filter(|value| !value.is_empty()));
        let required = |name| variable(name)?.ok_or(ConfigError::Missing(name));

        let store = match variable("PALATE_STORE")?.as_deref() {
            None | Some("embedded") => {
                StoreChoice::Embedded { data: variable("PALATE_DATA")?.unwrap_or_else(|| ".palate".into()).into() }
            }
            Some("aws") => StoreChoice::Aws { table: required("PALATE_TABLE")?, bucket: required("PALATE_BUCKET")? },
            Some(other) => return Err(ConfigError::UnknownStore(other.into())),
        };

        let mut settings = Settings { metric_lines: Some(metric_lines::print), ..Settings::default() };
        if let Some(account_id) = variable("PALATE_ACCOUNT_ID")? {
            if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ConfigError::AccountId(account_id));
            }
            settings.account_id = account_id;
        }
        if let Some(quotas) = variable("PALATE_QUOTAS")? {
            settings.quotas = Quotas::parse(&quotas).map_err(ConfigError::Quotas)?;
        }
        if let Some(region) = variable("AWS_REGION")? {
            settings.partition = partition_of(&region).into();
            settings.region = region;
        }

        let memory_mb = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?.and_then(|value| value.parse::<usize>().ok());
        if let Some(memory_mb) = memory_mb {
            settings.model_cache_bytes = (memory_mb << 20) / 2;
            settings.training_time = Some(LAMBDA_TRAINING_TIME);
        }
        if let Some(seconds) = variable("PALATE_TRAINING_SECONDS")? {
            let parsed = seconds.parse().ok().filter(|seconds| *seconds > 0);
            let parsed = parsed.ok_or_else(|| ConfigError::TrainingSeconds(seconds.clone()))?;
            settings.training_time = Some(Duration::from_secs(parsed));
        }

        let function = |name, default: &str| Ok::<_, ConfigError>(variable(name)?.unwrap_or_else(|| default.into()));
        let workers = WorkerFunctions {
            import: function("PALATE_IMPORT_FUNCTION", "import")?,
            train: function("PALATE_TRAIN_FUNCTION", "train")?,
            deploy: function("PALATE_DEPLOY_FUNCTION", "deploy")?,
            batch_inference: function("PALATE_BATCH_INFERENCE_FUNCTION", "batch-inference")?,
        };
        let signed = match variable("PALATE_AUTH")?.as_deref() {
            None | Some("required") => true,
            Some("off") => false,
            Some(other) => return Err(ConfigError::Auth(other.into())),
        };
        let master_key_secret = variable("PALATE_MASTER_KEY_SECRET")?;
        Ok(Self { store, settings, workers, signed, master_key_secret })
    }
}

impl WorkerFunctions {
    /// The function that does jobs of a kind.
    pub fn for_kind(&self, kind: JobKind) -> &str {
        match kind {
            JobKind::Import => &self.import,
            JobKind::Train => &self.train,
            JobKind::Deploy => &self.deploy,
            JobKind::BatchInference => &self.batch_inference,
        }
    }
}

fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use palate_service::Quota;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|wanted| {
            Ok(variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).into()))
        })
    }

    #[test]
    fn an_empty_environment_is_the_embedded_mode() {
        let config = config(&[]).unwrap();
        assert_eq!(config.store, StoreChoice::Embedded { data: ".palate".into() });
        assert_eq!(config.settings.account_id, "000000000000");
        assert_eq!(config.settings.region, "us-east-1");
        assert_eq!(config.settings.partition, "aws");
        assert_eq!(config.workers.for_kind(JobKind::BatchInference), "batch-inference");
        assert!(config.signed && config.master_key_secret.is_none());
    }

    #[test]
    fn signatures_are_checked_unless_that_is_off() {
        assert!(config(&[("PALATE_AUTH", "required")]).unwrap().signed);
        assert!(config(&[("PALATE_AUTH", "")]).unwrap().signed);
        assert!(!config(&[("PALATE_AUTH", "off")]).unwrap().signed);
        assert_eq!(config(&[("PALATE_AUTH", "no")]).unwrap_err(), ConfigError::Auth("no".into()));
    }

    #[test]
    fn the_aws_store_wants_a_table_and_a_bucket() {
        let only_table = [("PALATE_STORE", "aws"), ("PALATE_TABLE", "palate"), ("PALATE_BUCKET", "")];
        assert_eq!(config(&only_table).unwrap_err(), ConfigError::Missing("PALATE_BUCKET"));
        let both = [("PALATE_STORE", "aws"), ("PALATE_TABLE", "t"), ("PALATE_BUCKET", "b")];
        assert_eq!(config(&both).unwrap().store, StoreChoice::Aws { table: "t".into(), bucket: "b".into() });
    }

    #[test]
    fn an_error_names_the_variable_and_the_value() {
        let error = config(&[("PALATE_STORE", "sqlite")]).unwrap_err();
        assert_eq!(error.to_string(), "PALATE_STORE=sqlite: must be `embedded` or `aws`");
        let error = config(&[("PALATE_QUOTAS", "filters")]).unwrap_err();
        assert_eq!(error.to_string(), "PALATE_QUOTAS: filters: expected NAME=NUMBER");
        let error = config(&[("PALATE_ACCOUNT_ID", "1234")]).unwrap_err();
        assert_eq!(error.to_string(), "PALATE_ACCOUNT_ID=1234: an account has twelve digits");
    }

    #[test]
    fn a_function_ends_a_training_before_it_is_ended_itself() {
        let time = |variables: &[(&str, &str)]| config(variables).unwrap().settings.training_time;
        let lambda = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008");
        assert_eq!((time(&[]), time(&[lambda])), (None, Some(LAMBDA_TRAINING_TIME)));
        let given = Some(Duration::from_secs(60));
        assert_eq!(
            (time(&[("PALATE_TRAINING_SECONDS", "60")]), time(&[lambda, ("PALATE_TRAINING_SECONDS", "60")])),
            (given, given)
        );
        for wrong in ["0", "-1", "long"] {
            let error = config(&[("PALATE_TRAINING_SECONDS", wrong)]).unwrap_err();
            assert_eq!(error, ConfigError::TrainingSeconds(wrong.into()));
        }
    }

    #[test]
    fn quotas_are_set_by_name() {
        let quotas = config(&[("PALATE_QUOTAS", "filters=100, schemas=7")]).unwrap().settings.quotas;
        assert_eq!((quotas.limit(Quota::Filters), quotas.limit(Quota::Schemas)), (100, 7));
        assert_eq!(quotas.limit(Quota::Campaigns), Quota::Campaigns.default_limit());
    }

    #[test]
    fn the_partition_follows_the_region() {
        for (region, partition) in [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")] {
            assert_eq!(config(&[("AWS_REGION", region)]).unwrap().settings.partition, partition);
        }
    }
}
