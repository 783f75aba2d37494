//! What answers a request on the one port.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use bytes::Bytes;
use futures::FutureExt;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, HeaderName},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use palate_service::{RequestId, auth::Scope};
use serde_json::json;
use tokio::sync::{RwLock, Semaphore};
use tracing::Instrument;

use crate::{
    clock::TestClock,
    edge::{
        Limits,
        body::{Announced, Timed, drain},
        budget::Budget,
        heads,
        refusal::Refusal,
    },
    explain, insights, jobs,
    live::{Live, Setup},
    notification,
    own::{IMPORTS, read},
    report,
    route::{Destination, destination},
};

/// What the service takes; it says so itself.
const MAX_BODY: u64 = 6 << 20;

/// An answer: whole, or an object in pieces.
pub type Answer = Response<Either<Full<Bytes>, s3s::Body>>;

/// An answer of `/_palate/…`.
pub type Reply = Response<Full<Bytes>>;

/// The services behind the port.
pub struct App {
    pub setup: Setup,
    /// Requests hold it for reading, a reset for writing. Absent if the service could not be started again.
    pub live: RwLock<Option<Live>>,
    /// With `--allow-clock`.
    pub clock: Option<Arc<TestClock>>,
    pub allow_reset: bool,
    pub limits: Limits,
    /// Room for connections.
    pub connections: Arc<Semaphore>,
    /// Room for the bodies of requests.
    pub bodies: Budget,
}

impl App {
    pub fn open_connections(&self) -> usize {
        self.limits.connections() - self.connections.available_permits()
    }

    /// Every failure is an answer.
    pub async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        let begun = Instant::now();
        let (mut parts, body) = request.into_parts();
        let destination = destination(&parts);
        let id = RequestId::random();
        parts.extensions.insert(id.clone());
        let operation = match destination {
            // The service tells of its requests itself.
            Destination::Personalize => None,
            Destination::S3 => Some("s3"),
            Destination::Own => Some("palate"),
            Destination::Other(_) => Some("other"),
        };
        let span = match operation {
            Some(operation) => tracing::info_span!("request", request_id = %id, operation, method = %parts.method),
            None => tracing::Span::none(),
        };
        let answering = async {
            let answer = AssertUnwindSafe(self.answer_as(&destination, &id, parts, body)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| refuse(&Refusal::failed(&destination), &destination, &id));
            if operation.is_some() {
                let (status, took_ms) = (answer.status().as_u16(), begun.elapsed().as_secs_f64() * 1e3);
                match status {
                    400.. => tracing::info!(status, took_ms, "refused"),
                    _ => tracing::debug!(status, took_ms, "answered"),
                }
            }
            answer
        };
        let mut answer = answering.instrument(span).await;
        let (name, value) = id.header();
        if destination == Destination::S3 {
            answer.headers_mut().insert(HeaderName::from_static("x-amz-request-id"), value.clone());
        }
        answer.headers_mut().insert(name, value);
        answer
    }

    async fn answer_as(
        self: &Arc<Self>,
        destination: &Destination,
        id: &RequestId,
        parts: Parts,
        body: Incoming,
    ) -> Answer {
        if let Err(refusal) = heads::check(&parts) {
            return self.refused(&refusal, destination, id);
        }
        // An upload goes to the disk as it comes; every other body is held in memory.
        let upload = *destination == Destination::S3 && parts.method != Method::POST;
        let room = if upload { None } else { self.bodies.room(body.size_hint().upper()).await };
        let whole = (!upload).then(|| self.limits.whole_body_timeout());
        let body = Timed::new(body, self.limits.body_timeout(), whole);
        let stalled = body.stalled();
        let mut answer = match destination {
            Destination::Own => self.own(parts, body).await.map(Either::Left),
            Destination::Other(service) => other_service(service).map(Either::Left),
            Destination::Personalize | Destination::S3 => match self.live.read().await.as_ref() {
                None => return self.refused(&not_there(), destination, id),
                Some(live) if *destination == Destination::Personalize => {
                    personalize(live, parts, body).await.map(Either::Left)
                }
                Some(live) => match &live.s3 {
                    Some(s3) => s3.answer(Request::from_parts(parts, body)).await.map(Either::Right),
                    None => s3_is_elsewhere().map(Either::Left),
                },
            },
        };
        drop(room);
        if stalled.get() {
            if *destination == Destination::S3 {
                answer = self.refused(&Refusal::stalled(destination), destination, id);
            }
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    fn refused(&self, refusal: &Refusal, destination: &Destination, id: &RequestId) -> Answer {
        tracing::info!(request_id = %id, status = refusal.status.as_u16(), code = refusal.code, "refused at the edge");
        refuse(refusal, destination, id)
    }

    async fn own(self: &Arc<Self>, parts: Parts, body: Timed<Incoming>) -> Response<Full<Bytes>> {
        let path = parts.uri.path();
        if path == "/_palate/health" {
            return match parts.method {
                Method::GET | Method::HEAD => self.health().await,
                _ => method_not_allowed("GET, HEAD"),
            };
        }
        let body = match read(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        // Everything but the health is for who may do everything.
        let service = self.live.read().await.as_ref().map(|live| Arc::clone(&live.service));
        if let Some(service) = service
            && let Err(refusal) = service.authorize(&parts, &body, Scope::Admin).await
        {
            return refusal;
        }
        match (path, &parts.method) {
            ("/_palate/metrics", &Method::GET | &Method::HEAD) => self.metrics().await,
            ("/_palate/metrics", _) => method_not_allowed("GET, HEAD"),
            (jobs::PATH, &Method::GET) => self.jobs().await,
            (jobs::PATH, _) => method_not_allowed("GET"),
            ("/_palate/clock", &Method::GET) => self.read_clock(),
            ("/_palate/clock", &Method::POST) => self.move_clock(&body).await,
            ("/_palate/clock", _) if self.clock.is_some() => method_not_allowed("GET, POST"),
            ("/_palate/reset", &Method::POST) => self.reset().await,
            ("/_palate/reset", _) if self.allow_reset => method_not_allowed("POST"),
            (_, &Method::GET | &Method::HEAD) if path.starts_with(IMPORTS) => self.import_errors(path).await,
            (path, method) if path.starts_with(insights::PATH) => match *method {
                Method::GET => self.insights(&path[insights::PATH.len()..]).await,
                _ => method_not_allowed("GET"),
            },
            (path, method) if path.starts_with(report::PATH) => match *method {
                Method::GET => self.report(&path[report::PATH.len()..]).await,
                _ => method_not_allowed("GET"),
            },
            (path, method) if path.starts_with(explain::PATH) => match *method {
                Method::GET => {
                    self.explanation(&path[explain::PATH.len()..], parts.uri.query().unwrap_or_default()).await
                }
                _ => method_not_allowed("GET"),
            },
            ("/_palate/object-created", &Method::POST) => self.object_created(&body).await,
            ("/_palate/object-created", _) => method_not_allowed("POST"),
            _ => json_response(StatusCode::NOT_FOUND, &json!({ "message": format!("There is no {path} here.") })),
        }
    }

    /// For an S3 that is elsewhere: takes S3's own notifications, as MinIO's webhooks send them.
    async fn object_created(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let refuse = |message: String| json_response(StatusCode::BAD_REQUEST, &json!({ "message": message }));
        let objects = match notification::created_objects(body) {
            Ok(objects) => objects,
            Err(error) => return refuse(format!("The body is no S3 event notification: {error}")),
        };
        let Some(note) = self.live.read().await.as_ref().map(|live| Arc::clone(&live.note)) else {
            let message = json!({ "message": not_there().message });
            return json_response(StatusCode::SERVICE_UNAVAILABLE, &message);
        };
        for object in objects {
            if let Err(error) = note(object).await {
                tracing::error!(error, "a notification was not taken note of");
                let message = json!({ "message": "Not every object could be taken note of; send it again." });
                return json_response(StatusCode::SERVICE_UNAVAILABLE, &message);
            }
        }
        json_response(StatusCode::OK, &json!({}))
    }
}

async fn personalize(live: &Live, parts: Parts, body: Timed<Incoming>) -> Response<Full<Bytes>> {
    let length = body.size_hint().lower();
    if length <= MAX_BODY {
        return live.service.handle(Request::from_parts(parts, body)).await;
    }
    // A client that waits for leave to send has sent nothing.
    if !parts.headers.contains_key(EXPECT) {
        drain(body).await;
    }
    live.service.handle(Request::from_parts(parts, Announced(length))).await
}

fn not_there() -> Refusal {
    let message = "The service has not started again after a reset; its log says why.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
}

fn refuse(refusal: &Refusal, destination: &Destination, id: &RequestId) -> Answer {
    refusal.answer(destination, id).map(Either::Left)
}

pub fn json_response(status: StatusCode, content: &serde_json::Value) -> Response<Full<Bytes>> {
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
