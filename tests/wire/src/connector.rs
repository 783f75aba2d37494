use std::fmt;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::body::SdkBody;
use palate_service::Service;

/// Hands the SDK's requests to the service, without a connection.
#[derive(Clone)]
pub struct InProcess(pub Arc<Service>);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = service.handle(request).await.map(SdkBody::from_body_1_x);
            Response::try_from(response).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        pub fn $name(http: InProcess) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .credentials_provider(Credentials::from_keys("any", "any", None))
                .region($sdk::config::Region::new("eu-west-1"))
                .endpoint_url("http://palate.invalid")
                .sleep_impl(TokioSleep::new())
                .http_client(http)
                .build();
            $sdk::Client::from_conf(config)
        }
    };
}

client!(control, aws_sdk_personalize);
client!(runtime, aws_sdk_personalizeruntime);
client!(events, aws_sdk_personalizeevents);
