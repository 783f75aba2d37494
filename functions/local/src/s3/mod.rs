//! The local S3 endpoint: `s3s` for the wire, `s3s-fs` for the files. Credentials are checked where the
//! service's are.

mod chunked;
mod credentials;
mod files;
mod keys;
mod unsign;
mod upload;
mod uploads;

use std::{path::PathBuf, sync::Arc};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use palate_service::Service;
use palate_store::Buckets;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::{edge::body::Timed, route::scope};

pub use uploads::{NewObject, Note, Uploads};

/// Where a request is signed for, which its signature takes along when it is removed.
#[derive(Clone)]
struct Region(Option<String>);

/// S3 over a folder of buckets.
#[derive(Clone)]
pub struct Endpoint {
    s3: S3Service,
    /// Whether `s3s` checks signatures.
    signed: bool,
}

impl Endpoint {
    /// Serves the buckets below `root`, the folder that `buckets` reads: to whoever signs with an access key of
    /// `service`, or to anyone without one.
    pub fn new(
        root: PathBuf,
        buckets: Arc<dyn Buckets>,
        uploads: Uploads,
        service: Option<Arc<Service>>,
    ) -> Result<Self, s3s_fs::Error> {
        let mut builder = S3ServiceBuilder::new(files::Files::new(root, buckets, uploads)?);
        let signed = service.is_some();
        if let Some(service) = service {
            builder.set_auth(credentials::AccessKeys(service));
        }
        Ok(Self { s3: builder.build(), signed })
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Timed<Incoming>>) -> Response<s3s::Body> {
        let (mut parts, body) = request.into_parts();
        let region = scope(&parts).and_then(|scope| scope.region);
        parts.extensions.insert(Region(region));
        // What is to be checked is left as it is.
        let promise = if self.signed { None } else { unsign::unsign(&mut parts) };
        let body = match promise {
            Some(promise) => s3s::Body::http_body_unsync(upload::Upload::new(body, &promise)),
            None => s3s::Body::http_body_unsync(body),
        };
        match self.s3.call(Request::from_parts(parts, body)).await {
            Ok(response) => response,
            Err(error) => {
                let error = s3s::StdError::from(error);
                tracing::error!(%error, "the local S3 endpoint failed");
                let mut response = Response::new(s3s::Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}
