use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

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
pub struct InProcess {
    pub service: Arc<Service>,
    /// Names of the operations that have been called.
    pub called: Arc<Mutex<BTreeSet<String>>>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Arc::clone(&self.service);
        self.called.lock().unwrap().insert(operation_of(&request));
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = service.handle(request).await.map(SdkBody::from_body_1_x);
            Response::try_from(response).map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

/// The operation's name: after the target's dot, or that of the path.
fn operation_of(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let path = request.uri().rsplit('/').next().unwrap_or_default();
    match path {
        "recommendations" => "GetRecommendations",
        "personalize-ranking" => "GetPersonalizedRanking",
        "action-recommendations" => "GetActionRecommendations",
        "events" => "PutEvents",
        "items" => "PutItems",
        "users" => "PutUsers",
        "actions" => "PutActions",
        "action-interactions" => "PutActionInteractions",
        other => other,
    }
    .to_owned()
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        pub fn $name(http: InProcess, credentials: Credentials) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .credentials_provider(credentials)
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
