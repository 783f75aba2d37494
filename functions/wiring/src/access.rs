//! Who may call: the master key of the access keys, read once.

use aws_config::SdkConfig;
use lambda_http::Error;
use palate_service::auth::{Access, MasterKey};

use crate::{Config, ConfigError, StoreChoice};

/// What the service is told of who may call.
///
/// # Errors
/// If signatures are to be checked and the master key cannot be had.
pub(crate) async fn access(config: &Config, sdk: &SdkConfig) -> Result<Access, Error> {
    if !config.signed {
        return Ok(Access::Anyone);
    }
    let text = match (&config.master_key_secret, &config.store) {
        (Some(secret), _) => secret_text(secret, sdk).await?,
        #[cfg(feature = "embedded")]
        (None, StoreChoice::Embedded { data }) => {
            palate_store::embedded::secret(data, "master.key", &MasterKey::new_text()?)?
        }
        (None, _) => return Err(ConfigError::NoMasterKey.into()),
    };
    // A function in AWS serves the one region that it is in, as Amazon Personalize does.
    let region = match config.store {
        StoreChoice::Aws { .. } => Some(config.settings.region.clone()),
        StoreChoice::Embedded { .. } => None,
    };
    Ok(Access::Keys { master_key: MasterKey::from_text(&text)?, region })
}

async fn secret_text(secret: &str, sdk: &SdkConfig) -> Result<String, Error> {
    let answer = aws_sdk_secretsmanager::Client::new(sdk).get_secret_value().secret_id(secret).send().await?;
    answer.secret_string.ok_or_else(|| format!("the secret {secret} has no text").into())
}
