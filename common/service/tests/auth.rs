//! Who may call, as a client of each API meets it: requests signed by `aws-sigv4`, answers by class.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use palate_service::auth::{Access, MasterKey, Scope, Scopes, keys};
use palate_service::{Clock, JobRef, JobStarter, Service, Settings};
use palate_store::RecordStore;

/// 2015-08-30T12:36:00Z
const NOW_MS: u64 = 1_440_938_160_000;
const MINUTE_MS: u64 = 60_000;

struct Held(AtomicU64);

impl Clock for Held {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("no jobs here".into())
    }
}

struct Installation {
    service: Arc<Service>,
    records: Arc<dyn RecordStore>,
    master_key: MasterKey,
    _data: tempfile::TempDir,
}

impl Installation {
    fn new(region: Option<&str>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let stores = palate_store::embedded::open(data.path()).unwrap();
        let master_key = MasterKey::from_text(&MasterKey::new_text().unwrap()).unwrap();
        let access = Access::Keys { master_key: master_key.clone(), region: region.map(str::to_owned) };
        let settings = Settings { access, ..Settings::default() };
        let clock = Arc::new(Held(AtomicU64::new(NOW_MS)));
        let records = Arc::clone(&stores.records);
        let service = Service::new(settings, stores, clock, Arc::new(NoJobs));
        Self { service, records, master_key, _data: data }
    }

    async fn key(&self, scopes: &[Scope]) -> Key {
        let scopes: Scopes = scopes.iter().copied().collect();
        let new = keys::create(&*self.records, &self.master_key, scopes, "", NOW_MS).await.unwrap();
        Key { id: new.id, secret: new.secret }
    }

    async fn ask<B: Body>(&self, request: Request<B>) -> Answer
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Answer::read(self.service.handle(request).await).await
    }
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: String,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    code: String,
    message: String,
}

impl Answer {
    async fn read(response: Response<Full<Bytes>>) -> Self {
        let status = response.status().as_u16();
        let code = response.headers().get("x-amzn-errortype").map(|code| code.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!(body["__type"].as_str(), code.as_deref(), "{body}");
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        Self { status, code: code.unwrap_or_default(), message }
    }

    fn is(&self, code: &str, message: &str) {
        assert_eq!((self.status, self.code.as_str()), (403, code), "{self:?}");
        assert!(self.message.contains(message), "{self:?}");
    }

    /// Let in: what then happens is the operation's own.
    fn is_in(&self) {
        assert_ne!(self.status, 403, "{self:?}");
    }
}

/// A request that a client would sign.
#[derive(Clone)]
struct Call {
    key: Key,
    at_ms: u64,
    region: &'static str,
    service: &'static str,
    path: &'static str,
    target: Option<&'static str>,
    body: &'static str,
}

impl Call {
    fn list_recipes(key: &Key) -> Self {
        let target = Some("AmazonPersonalize.ListRecipes");
        Self {
            key: key.clone(),
            at_ms: NOW_MS,
            region: "eu-west-1",
            service: "personalize",
            path: "/",
            target,
            body: "{}",
        }
    }

    fn rest(key: &Key, path: &'static str) -> Self {
        Self { path, target: None, ..Self::list_recipes(key) }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut builder = Request::post(format!("http://palate.test{}", self.path))
            .header("host", "palate.test")
            .header("content-type", "application/x-amz-json-1.1");
        if let Some(target) = self.target {
            builder = builder.header("x-amz-target", target);
        }
        let mut request = builder.body(Full::from(self.body)).unwrap();
        let identity = Credentials::new(&self.key.id, &self.key.secret, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(UNIX_EPOCH + Duration::from_millis(self.at_ms))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let uri = request.uri().to_string();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable = SignableRequest::new("POST", &uri, headers, SignableBody::Bytes(self.body.as_bytes())).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let (headers, query) = instructions.into_parts();
        assert!(query.is_empty());
        for header in headers {
            let value = HeaderValue::try_from(header.value()).unwrap();
            request.headers_mut().insert(HeaderName::try_from(header.name()).unwrap(), value);
        }
        request
    }
}

fn with_header(mut request: Request<Full<Bytes>>, name: &'static str, value: &str) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    request
}

fn without_header(mut request: Request<Full<Bytes>>, name: &str) -> Request<Full<Bytes>> {
    request.headers_mut().remove(name);
    request
}

/// The request with a changed Authorization header.
fn resigned(request: Request<Full<Bytes>>, change: impl Fn(&str) -> String) -> Request<Full<Bytes>> {
    let value = change(request.headers()["authorization"].to_str().unwrap());
    with_header(request, "authorization", &value)
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided.";
const INVALID: &str = "InvalidSignatureException";
const INCOMPLETE: &str = "IncompleteSignatureException";

#[tokio::test]
async fn a_signed_request_is_answered() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let answer = palate.ask(Call::list_recipes(&key).request()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_unsigned_request_is_refused_by_each_api() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    for call in [Call::list_recipes(&key), Call::rest(&key, "/recommendations"), Call::rest(&key, "/events")] {
        let answer = palate.ask(without_header(call.request(), "authorization")).await;
        answer.is("MissingAuthenticationTokenException", "Missing Authentication Token");
    }
}

#[tokio::test]
async fn an_unknown_key_is_not_recognised_and_a_wrong_secret_does_not_match() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let unknown = "The security token included in the request is invalid.";
    for id in ["AKIAIOSFODNN7EXAMPLE", "PALATEAAAAAAAAAAAAAA"] {
        let call = Call::list_recipes(&Key { id: id.into(), ..key.clone() });
        palate.ask(call.request()).await.is("UnrecognizedClientException", unknown);
    }
    let wrong = Key { secret: palate.key(&[Scope::Admin]).await.secret, ..key };
    palate.ask(Call::list_recipes(&wrong).request()).await.is(INVALID, MISMATCH);
}

#[tokio::test]
async fn a_session_token_is_refused_since_none_is_issued() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let request = with_header(Call::list_recipes(&key).request(), "x-amz-security-token", "token");
    palate.ask(request).await.is("UnrecognizedClientException", "security token");
}

#[tokio::test]
async fn a_request_is_good_for_five_minutes_either_way() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let at = |at_ms| Call { at_ms, ..Call::list_recipes(&key) }.request();
    for at_ms in [NOW_MS - 5 * MINUTE_MS, NOW_MS + 5 * MINUTE_MS] {
        palate.ask(at(at_ms)).await.is_in();
    }
    let expired =
        "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 min.)";
    palate.ask(at(NOW_MS - 5 * MINUTE_MS - 1000)).await.is(INVALID, expired);
    let early =
        "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z (20150830T123600Z + 5 min.)";
    palate.ask(at(NOW_MS + 5 * MINUTE_MS + 1000)).await.is(INVALID, early);
}

#[tokio::test]
async fn the_scope_has_the_day_of_the_request_the_service_and_a_region() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let call = Call::list_recipes(&key);
    let changed = |from: &'static str, to: &'static str| resigned(call.request(), move |value| value.replace(from, to));
    palate.ask(changed("/20150830/", "/20150831/")).await.is(INVALID, "Date in Credential scope does not match");
    palate.ask(changed("/eu-west-1/", "//")).await.is(INVALID, "Credential should be scoped to a valid region.");
    palate.ask(changed("aws4_request", "aws5_request")).await.is(INVALID, "valid terminator");
    // Another region in the scope than the one that was signed.
    palate.ask(changed("/eu-west-1/", "/us-east-1/")).await.is(INVALID, MISMATCH);
    let other = Call { service: "execute-api", ..call.clone() };
    palate.ask(other.request()).await.is(INVALID, "Credential should be scoped to correct service: 'personalize'.");
}

#[tokio::test]
async fn an_installation_with_a_region_takes_no_other() {
    let palate = Installation::new(Some("eu-west-1"));
    let key = palate.key(&[Scope::Admin]).await;
    palate.ask(Call::list_recipes(&key).request()).await.is_in();
    let elsewhere = Call { region: "us-east-1", ..Call::list_recipes(&key) };
    palate.ask(elsewhere.request()).await.is(INVALID, "Credential should be scoped to a valid region.");
}

#[tokio::test]
async fn a_request_that_was_changed_on_the_way_does_not_match() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let request = || Call::list_recipes(&key).request();
    palate.ask(request().map(|_| Full::<Bytes>::from("{ }"))).await.is(INVALID, MISMATCH);
    palate.ask(with_header(request(), "host", "elsewhere.test")).await.is(INVALID, MISMATCH);
    palate.ask(with_header(request(), "content-type", "text/plain")).await.is(INVALID, MISMATCH);
    palate.ask(with_header(request(), "x-amz-date", "20150830T123601Z")).await.is(INVALID, MISMATCH);
    let target = "AmazonPersonalize.ListSchemas";
    palate.ask(with_header(request(), "x-amz-target", target)).await.is(INVALID, MISMATCH);
    let mut queried = request();
    *queried.uri_mut() = "http://palate.test/?a=1".parse().unwrap();
    palate.ask(queried).await.is(INVALID, MISMATCH);
    // Headers that were not signed may come and go: proxies add them.
    palate.ask(with_header(request(), "x-forwarded-for", "192.0.2.1")).await.is_in();
}

#[tokio::test]
async fn what_decides_over_a_request_must_be_signed() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    for header in ["host", "x-amz-date", "x-amz-target"] {
        let request = resigned(Call::list_recipes(&key).request(), |value| {
            value.replace(&format!("{header};"), "").replace(&format!(";{header}"), "")
        });
        palate.ask(request).await.is(INVALID, &format!("'{header}' must be a 'SignedHeader'"));
    }
    // A target that somebody else put there would turn a request into another operation.
    let request = with_header(Call::rest(&key, "/events").request(), "x-amz-target", "AmazonPersonalize.ListSchemas");
    palate.ask(request).await.is(INVALID, "'x-amz-target' must be a 'SignedHeader'");
    let request = with_header(Call::list_recipes(&key).request(), "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    palate.ask(request).await.is(INVALID, "'x-amz-content-sha256' must be a 'SignedHeader'");
}

#[tokio::test]
async fn an_authorization_that_lacks_something_is_incomplete() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let request = || Call::list_recipes(&key).request();
    let cut = resigned(request(), |value| value.split(", Signature=").next().unwrap().to_owned());
    palate.ask(cut).await.is(INCOMPLETE, "Authorization header requires 'Signature' parameter.");
    palate.ask(with_header(request(), "authorization", "Bearer x:y")).await.is(INCOMPLETE, "AWS4-HMAC-SHA256");
    palate.ask(without_header(request(), "x-amz-date")).await.is(INCOMPLETE, "'X-Amz-Date' or a 'Date' header");
    palate.ask(with_header(request(), "x-amz-date", "yesterday")).await.is(INCOMPLETE, "ISO-8601 'basic format'");
    let mut twice = request();
    twice.headers_mut().append("authorization", HeaderValue::from_static("AWS4-HMAC-SHA256 x"));
    palate.ask(twice).await.is(INCOMPLETE, "one Authorization header");
    let mut presigned = without_header(request(), "authorization");
    *presigned.uri_mut() = "/recommendations?X-Amz-Signature=ab".parse().unwrap();
    palate.ask(presigned).await.is(INCOMPLETE, "Presigned requests are not taken");
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let palate = Installation::new(None);
    for (scopes, admin, read, events) in [
        (&[Scope::Read][..], false, true, false),
        (&[Scope::Events], false, false, true),
        (&[Scope::Read, Scope::Events], false, true, true),
        (&[Scope::Admin], true, true, true),
    ] {
        let key = palate.key(scopes).await;
        for (call, allowed, action) in [
            (Call::list_recipes(&key), admin, "personalize:ListRecipes"),
            (Call::rest(&key, "/recommendations"), read, "personalize:GetRecommendations"),
            (Call::rest(&key, "/personalize-ranking"), read, "personalize:GetPersonalizedRanking"),
            (Call::rest(&key, "/events"), events, "personalize:PutEvents"),
        ] {
            let answer = palate.ask(call.request()).await;
            if allowed {
                answer.is_in();
            } else {
                let user = format!("User: arn:aws:iam::000000000000:user/{} is not authorized", key.id);
                answer.is("AccessDeniedException", &user);
                answer.is("AccessDeniedException", &format!("to perform: {action}"));
            }
        }
    }
}

/// A body that must not be read.
struct Untouched;

impl Body for Untouched {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        panic!("the body of a request that cannot be let in was read");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let palate = Installation::new(None);
    let key = palate.key(&[Scope::Admin]).await;
    let stranger = Key { id: "PALATEAAAAAAAAAAAAAA".into(), ..key.clone() };
    let expired = Call { at_ms: NOW_MS - 6 * MINUTE_MS, ..Call::list_recipes(&key) };
    for (request, code) in [
        (without_header(Call::list_recipes(&key).request(), "authorization"), "MissingAuthenticationTokenException"),
        (Call::list_recipes(&stranger).request(), "UnrecognizedClientException"),
        (expired.request(), INVALID),
    ] {
        palate.ask(request.map(|_| Untouched)).await.is(code, "");
    }
}

#[tokio::test]
async fn own_endpoints_take_a_signature_or_a_key_with_its_secret() {
    let palate = Installation::new(None);
    let (admin, reader) = (palate.key(&[Scope::Admin]).await, palate.key(&[Scope::Read]).await);
    let refusal = async |request: Request<Full<Bytes>>| {
        let (head, _) = request.into_parts();
        match palate.service.authorize(&head, b"{}", Scope::Admin).await {
            Ok(()) => None,
            Err(response) => Some(Answer::read(response).await.code),
        }
    };
    let bearer = |key: &Key, secret: &str| {
        let value = format!("Bearer {}:{secret}", key.id);
        Request::get("/_palate/metrics").header("authorization", value).body(Full::default()).unwrap()
    };
    assert_eq!(refusal(Call::rest(&admin, "/_palate/metrics").request()).await, None);
    assert_eq!(refusal(bearer(&admin, &admin.secret)).await, None);
    let denied = Some("AccessDeniedException".to_owned());
    assert_eq!(refusal(Call::rest(&reader, "/_palate/metrics").request()).await, denied);
    assert_eq!(refusal(bearer(&reader, &reader.secret)).await, denied);
    let unknown = Some("UnrecognizedClientException".to_owned());
    for secret in ["", "wrong", &reader.secret] {
        assert_eq!(refusal(bearer(&admin, secret)).await, unknown);
    }
    let nobody = Request::get("/_palate/metrics").body(Full::default()).unwrap();
    assert_eq!(refusal(nobody).await, Some("MissingAuthenticationTokenException".to_owned()));
}

#[tokio::test]
async fn without_keys_anyone_may_call() {
    let data = tempfile::tempdir().unwrap();
    let stores = palate_store::embedded::open(data.path()).unwrap();
    let clock = Arc::new(Held(AtomicU64::new(NOW_MS)));
    let service = Service::new(Settings::default(), stores, clock, Arc::new(NoJobs));
    let request = || {
        let target = "AmazonPersonalize.ListRecipes";
        Request::post("/").header("x-amz-target", target).body(Full::from(&b"{}"[..])).unwrap()
    };
    assert_eq!(service.handle(request()).await.status(), 200);
    assert_eq!(service.handle(with_header(request(), "authorization", "nonsense")).await.status(), 200);
    assert!(service.authorize(&request().into_parts().0, b"", Scope::Admin).await.is_ok());
    assert!(service.access_key("PALATEAAAAAAAAAAAAAA").await.unwrap().is_none());
}
