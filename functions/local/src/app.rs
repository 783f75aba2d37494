//! What answers a request on the one port.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use palate_service::Service;
use serde_json::json;

use crate::{
    cli::Store,
    notification,
    route::{Destination, destination},
    s3::{Endpoint, Note},
};

/// A notification names a handful of objects.
const MAX_NOTIFICATION: usize = 1 << 20;

/// An answer: whole, or an object in pieces.
pub type Answer = Response<Either<Full<Bytes>, s3s::Body>>;

/// The services behind the port.
pub struct App {
    pub service: Arc<Service>,
    /// Absent with `--store aws`, where S3 is elsewhere.
    pub s3: Option<Endpoint>,
    pub store: Store,
    /// Takes note of objects that another S3 tells of.
    pub note: Note,
}

impl App {
    /// Every failure is an answer.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let destination = destination(&parts);
        let request = Request::from_parts(parts, body);
        match destination {
            Destination::Personalize => self.service.handle(request).await.map(Either::Left),
            Destination::S3 => match &self.s3 {
                Some(s3) => s3.answer(request).await.map(Either::Right),
                None => s3_is_elsewhere().map(Either::Left),
            },
            Destination::Own => self.own(request).await.map(Either::Left),
            Destination::Other(service) => other_service(&service).map(Either::Left),
        }
    }

    async fn own(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (path, method) = (request.uri().path().to_owned(), request.method().clone());
        match (path.as_str(), &method) {
            ("/_palate/health", &Method::GET | &Method::HEAD) => self.health(),
            ("/_palate/health", _) => method_not_allowed("GET, HEAD"),
            ("/_palate/object-created", &Method::POST) => self.object_created(request.into_body()).await,
            ("/_palate/object-created", _) => method_not_allowed("POST"),
            _ => json_response(StatusCode::NOT_FOUND, &json!({ "message": format!("There is no {path} here.") })),
        }
    }

    fn health(&self) -> Response<Full<Bytes>> {
        let store = match self.store {
            Store::Embedded => "embedded",
            Store::Aws => "aws",
        };
        let health = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "store": store });
        json_response(StatusCode::OK, &health)
    }

    /// For an S3 that is elsewhere: takes S3's own notifications, as MinIO's webhooks send them.
    async fn object_created(&self, body: Incoming) -> Response<Full<Bytes>> {
        let refuse = |message: String| json_response(StatusCode::BAD_REQUEST, &json!({ "message": message }));
        let body = match Limited::new(body, MAX_NOTIFICATION).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return refuse(format!("The notification cannot be read: {error}")),
        };
        let objects = match notification::created_objects(&body) {
            Ok(objects) => objects,
            Err(error) => return refuse(format!("The body is no S3 event notification: {error}")),
        };
        for object in objects {
            if let Err(error) = (self.note)(object).await {
                tracing::error!(error, "a notification was not taken note of");
                let message = json!({ "message": "Not every object could be taken note of; send it again." });
                return json_response(StatusCode::SERVICE_UNAVAILABLE, &message);
            }
        }
        json_response(StatusCode::OK, &json!({}))
    }
}

fn json_response(status: StatusCode, content: &serde_json::Value) -> Response<Full<Bytes>> {
    respond(status, "application/json", format!("{content}\n"))
}

fn respond(status: StatusCode, kind: &'static str, content: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(content));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn method_not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let content = json!({ "message": format!("Allowed here: {allowed}.") });
    let mut response = json_response(StatusCode::METHOD_NOT_ALLOWED, &content);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn s3_is_elsewhere() -> Response<Full<Bytes>> {
    let message = "Palate runs with --store aws and serves no S3 of its own: point clients at the S3 that it uses \
                   (AWS_ENDPOINT_URL_S3), not at this address.";
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>{message}</Message></Error>"
    );
    respond(StatusCode::NOT_IMPLEMENTED, "application/xml", content)
}

fn other_service(service: &str) -> Response<Full<Bytes>> {
    let service: String = service.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    let message = format!(
        "Palate serves personalize, personalize-runtime, personalize-events and s3, not {service}. To reach {service} \
         elsewhere, set AWS_ENDPOINT_URL_PERSONALIZE, AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME, \
         AWS_ENDPOINT_URL_PERSONALIZE_EVENTS and AWS_ENDPOINT_URL_S3 in place of AWS_ENDPOINT_URL."
    );
    let content = json!({ "__type": "UnknownOperationException", "message": message });
    json_response(StatusCode::NOT_FOUND, &content)
}
