//! Answers to requests that nobody behind the edge has seen, in the form that their senders read.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HeaderName},
};
use http_body_util::Full;
use palate_service::RequestId;
use serde_json::json;

use crate::route::Destination;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// The name of the exception.
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The client stopped sending the body.
    pub fn stalled(destination: &Destination) -> Self {
        let message = "The request body did not arrive in time: the client stopped sending. Send it again.";
        match destination {
            // S3's own status and name: its clients send the object again.
            Destination::S3 => Self::new(StatusCode::BAD_REQUEST, "RequestTimeout", message),
            _ => Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message),
        }
    }

    /// Something of ours failed; the log has the cause.
    pub fn failed(destination: &Destination) -> Self {
        let code = if *destination == Destination::S3 { "InternalError" } else { "InternalFailure" };
        let message = "The service failed. The request may be tried again.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
    }

    /// The answer. The connection ends with it: the rest of the request may still be on its way.
    pub fn answer(&self, destination: &Destination, id: &RequestId) -> Response<Full<Bytes>> {
        let Self { status, code, message } = self;
        let (kind, content) = match destination {
            Destination::S3 => {
                let code = code.trim_end_matches("Exception");
                let text = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>{id}</RequestId></Error>"
                );
                ("application/xml", text)
            }
            Destination::Personalize | Destination::Other(_) => {
                ("application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string())
            }
            Destination::Own => ("application/json", format!("{}\n", json!({ "message": message }))),
        };
        let mut response = Response::new(Full::from(content));
        *response.status_mut() = *status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(code));
        response
    }
}
