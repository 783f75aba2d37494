//! Times the check of one signed request with a body of 2 KB, as every request with a key goes through it.
//!
//! ```text
//! cargo bench -p palate-service --bench sigv4
//! ```

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use criterion::{Criterion, criterion_group, criterion_main};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use palate_service::auth::{Access, MasterKey, Scope, keys};
use palate_service::{Clock, JobRef, JobStarter, Service, Settings};

const NOW_MS: u64 = 1_440_938_160_000;

struct Held;

impl Clock for Held {
    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}

struct NoJobs;

#[async_trait]
impl JobStarter for NoJobs {
    async fn start(&self, _job: &JobRef) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("a benchmark runs no jobs".into())
    }
}

/// The head of a request as botocore sends it.
fn signed(key: &keys::NewKey, body: &[u8]) -> Parts {
    let uri = "http://palate.test/recommendations";
    let request = Request::post(uri)
        .header("host", "palate.test")
        .header("content-type", "application/json")
        .header("content-length", body.len());
    let mut head = request.body(()).unwrap().into_parts().0;
    let identity = Credentials::new(&key.id, &key.secret, None, None, "bench").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("personalize")
        .time(UNIX_EPOCH + Duration::from_millis(NOW_MS))
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    for header in instructions.into_parts().0 {
        let value = HeaderValue::try_from(header.value()).unwrap();
        head.headers.insert(HeaderName::try_from(header.name()).unwrap(), value);
    }
    head
}

fn verification(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let data = tempfile::tempdir().unwrap();
    let stores = palate_store::embedded::open(data.path()).unwrap();
    let master_key = MasterKey::from_text(&MasterKey::new_text().unwrap()).unwrap();
    let scopes = keys::parse_scopes("read").unwrap();
    let key = runtime.block_on(keys::create(&*stores.records, &master_key, scopes, "", NOW_MS)).unwrap();
    let settings = Settings { access: Access::Keys { master_key, region: None }, ..Settings::default() };
    let service = Service::new(settings, stores, Arc::new(Held), Arc::new(NoJobs));
    let body = vec![b'x'; 2048];
    let head = signed(&key, &body);
    criterion.bench_function("sigv4: one request with a body of 2 KB", |bencher| {
        bencher.iter(|| {
            let admitted = runtime.block_on(service.authorize(black_box(&head), black_box(&body), Scope::Read));
            assert!(admitted.is_ok());
        });
    });
}

criterion_group!(benches, verification);
criterion_main!(benches);
