//! The control function's two events: a request from API Gateway, and the tick of the schedule.

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Service as _};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use palate_service::{JobError, Service};
use serde::de::Error as _;
use serde_json::value::RawValue;

use crate::edge::answer;

/// What the control function is invoked with.
pub(crate) enum ControlEvent {
    /// Anything from EventBridge: time to look after abandoned jobs.
    Tick,
    Request(Box<LambdaRequest>),
}

impl<'de> serde::Deserialize<'de> for ControlEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: `LambdaRequest` can only be read from JSON text.
        let json = Box::<RawValue>::deserialize(deserializer)?;
        if serde_json::from_str::<EventBridgeEvent>(json.get()).is_ok() {
            return Ok(Self::Tick);
        }
        serde_json::from_str(json.get()).map(|request| Self::Request(Box::new(request))).map_err(D::Error::custom)
    }
}

/// What goes back to Lambda.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(crate) enum ControlReply<R> {
    Swept {
        /// How many jobs were started again.
        started: usize,
    },
    Response(R),
}

/// Why the sweep failed; Lambda tries it again.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct SweepError(#[from] JobError);

impl From<SweepError> for Diagnostic {
    fn from(error: SweepError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the sweep failed");
        Self { error_type: "InternalFailure".into(), error_message: error.to_string() }
    }
}

pub(crate) async fn control(
    service: Arc<Service>,
    event: LambdaEvent<ControlEvent>,
) -> Result<ControlReply<impl serde::Serialize + use<>>, SweepError> {
    let LambdaEvent { payload, context } = event;
    match payload {
        ControlEvent::Tick => Ok(ControlReply::Swept { started: service.sweep().await? }),
        ControlEvent::Request(request) => {
            let mut http = Adapter::from(service_fn(move |request| answer(service.clone(), request)));
            match http.call(LambdaEvent::new(*request, context)).await {
                Ok(response) => Ok(ControlReply::Response(response)),
                Err(never) => match never {},
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use lambda_http::http::Method;
    use lambda_http::{Body, Request};

    use super::*;

    fn request(json: &str) -> Request {
        match serde_json::from_str(json).unwrap() {
            ControlEvent::Request(request) => (*request).into(),
            ControlEvent::Tick => panic!("a request was taken for a tick"),
        }
    }

    #[test]
    fn the_sample_request_arrives_with_its_target_and_a_decoded_body() {
        let request = request(include_str!("../../../events/control.json"));
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/"));
        assert_eq!(request.headers()["x-amz-target"], "AmazonPersonalize.ListRecipes");
        assert_eq!(request.body(), &Body::Binary(br#"{"maxResults": 10}"#.to_vec()));
    }

    #[test]
    fn the_sample_of_the_schedule_is_a_tick() {
        let event = serde_json::from_str(include_str!("../../../events/control-schedule.json")).unwrap();
        assert!(matches!(event, ControlEvent::Tick));
    }

    #[test]
    fn the_samples_of_the_other_api_functions_are_requests_too() {
        for (json, path) in [
            (include_str!("../../../events/recommend.json"), "/recommendations"),
            (include_str!("../../../events/recommend-ranking.json"), "/personalize-ranking"),
            (include_str!("../../../events/put-events.json"), "/events"),
        ] {
            let request = request(json);
            assert_eq!(request.uri().path(), path);
            assert!(matches!(request.body(), Body::Text(_)));
        }
    }

    #[test]
    fn an_event_of_another_kind_is_refused() {
        assert!(serde_json::from_str::<ControlEvent>(r#"{"kind":"train","job":"x"}"#).is_err());
    }
}
