//! Two protocols, one shape: AWS JSON 1.1 for the control plane, REST-JSON for runtime and events.

mod body;
mod model;
mod project;
mod timestamp;
mod validate;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

pub use body::BodyStalled;
pub(crate) use body::{parse_input, read_body};
pub(crate) use model::{Api, MODEL, Operation};
pub(crate) use project::project;
pub(crate) use timestamp::Timestamp;
pub(crate) use validate::{Violation, shorten, validate};

use crate::error::{OpError, chain};
use crate::request_id::RequestId;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "AmazonPersonalize.";

/// Finds the operation that a request asks for.
pub(crate) fn route(method: &Method, path: &str, headers: &HeaderMap) -> Result<&'static Operation, (Api, OpError)> {
    if let Some(target) = headers.get(TARGET) {
        let target = target.to_str().unwrap_or_default();
        let found = target.strip_prefix(TARGET_PREFIX).and_then(|name| MODEL.control(name));
        return found
            .ok_or_else(|| (Api::Control, OpError::UnknownOperation(format!("Unknown target '{}'", shorten(target)))));
    }
    match MODEL.at_path(path) {
        Some(operation) if method == Method::POST => Ok(operation),
        Some(operation) => {
            let message = format!("{} takes POST, not {method}", operation.name);
            Err((operation.api, OpError::UnknownOperation(message)))
        }
        None => {
            let message = format!("No operation at {method} {} and no X-Amz-Target header", shorten(path));
            Err((Api::Control, OpError::UnknownOperation(message)))
        }
    }
}

/// The response to what an operation gave; `null` is an empty body.
pub(crate) fn respond(api: Api, request_id: &RequestId, result: Result<Value, OpError>) -> Response<Full<Bytes>> {
    let (status, code, body) = match result {
        Ok(Value::Null) => (200, None, Bytes::new()),
        Ok(value) => (200, None, Bytes::from(value.to_string())),
        Err(error) => {
            if let OpError::Internal(source) = &error {
                tracing::error!(error = chain(source.as_ref()), "the service failed");
            }
            let (code, status) = error.code(api);
            (status, Some(code), Bytes::from(json!({"__type": code, "message": error.to_string()}).to_string()))
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let content_type = if api == Api::Control { "application/x-amz-json-1.1" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let (name, id) = request_id.header();
    headers.insert(name, id);
    if let Some(code) = code {
        headers.insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(code));
    }
    response
}

/// The region of the credential scope: `Credential=KEY/20261123/REGION/personalize/aws4_request`.
pub(crate) fn scope_region(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let scope = authorization.split_once("Credential=")?.1;
    let region = scope.split([',', ' ']).next()?.split('/').nth(2)?;
    let fits = !region.is_empty() && region.len() <= 32;
    (fits && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then(|| region.to_owned())
}
