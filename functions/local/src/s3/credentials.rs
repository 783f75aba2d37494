use std::sync::Arc;

use async_trait::async_trait;
use palate_service::{Service, auth::Scope};
use s3s::{
    S3Result,
    auth::{S3Auth, SecretKey},
    s3_error,
};

use crate::workers::chain;

/// The service's access keys, for `s3s` to check signatures with. Buckets hold everybody's data, so only keys
/// that are for everything open them.
pub struct AccessKeys(pub Arc<Service>);

#[async_trait]
impl S3Auth for AccessKeys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.0.access_key(access_key).await {
            Ok(Some(key)) if key.scopes.allow(Scope::Admin) => Ok(SecretKey::from(key.secret())),
            Ok(Some(_)) => Err(s3_error!(AccessDenied, "The access key is not for S3: that needs the scope admin.")),
            Ok(None) => {
                Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "an access key was not looked up");
                Err(s3_error!(InternalError))
            }
        }
    }
}
