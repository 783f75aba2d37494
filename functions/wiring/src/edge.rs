//! The HTTP edge: a request from API Gateway to [`Service::handle`], its response back.

use std::convert::Infallible;
use std::sync::Arc;

use lambda_http::http::{HeaderValue, Response};
use lambda_http::{IntoResponse, Request};
use palate_service::Service;

/// Answers one request. Every failure is a response, hence [`Infallible`].
pub(crate) async fn answer(service: Arc<Service>, request: Request) -> Result<impl IntoResponse + use<>, Infallible> {
    Ok(as_text(service.handle(request).await))
}

/// Marks the body as text. `lambda_http` would take `application/x-amz-json-1.1` for binary and send it
/// as base64, a third longer and unreadable in the logs.
fn as_text<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert("x-lambda-http-content-encoding", HeaderValue::from_static("text"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;
    use http_body_util::Full;
    use lambda_http::Body;

    use super::*;

    fn json_1_1() -> Response<Full<Bytes>> {
        Response::builder()
            .header("content-type", "application/x-amz-json-1.1")
            .body(Full::from(r#"{"name":"Käse"}"#))
            .unwrap()
    }

    #[tokio::test]
    async fn json_of_the_control_plane_goes_back_as_text() {
        let body = as_text(json_1_1()).into_response().await.into_body();
        assert_eq!(body, Body::Text(r#"{"name":"Käse"}"#.into()));
    }

    /// Why [`as_text`] is there; if this fails, `lambda_http` has learned the content type.
    #[tokio::test]
    async fn without_the_mark_it_would_be_base64() {
        let body = json_1_1().into_response().await.into_body();
        assert!(matches!(body, Body::Binary(_)));
    }
}
