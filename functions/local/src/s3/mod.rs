//! The local S3 endpoint: `s3s` for the wire, `s3s-fs` for the files, no credentials checked.

mod chunked;
mod files;
mod keys;
mod unsign;
mod upload;
mod uploads;

use std::{path::PathBuf, sync::Arc};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use palate_store::Buckets;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::route::scope;

pub use uploads::{NewObject, Note, Uploads};

/// Where a request is signed for, which its signature takes along when it is removed.
#[derive(Clone)]
struct Region(Option<String>);

/// S3 over a folder of buckets.
#[derive(Clone)]
pub struct Endpoint(S3Service);

impl Endpoint {
    /// Serves the buckets below `root`, the folder that `buckets` reads.
    pub fn new(root: PathBuf, buckets: Arc<dyn Buckets>, uploads: Uploads) -> Result<Self, s3s_fs::Error> {
        let files = files::Files::new(root, buckets, uploads)?;
        Ok(Self(S3ServiceBuilder::new(files).build()))
    }

    /// Answers a request, signed by whomever or not at all.
    pub async fn answer(&self, request: Request<Incoming>) -> Response<s3s::Body> {
        let (mut parts, body) = request.into_parts();
        let region = scope(&parts).and_then(|scope| scope.region);
        parts.extensions.insert(Region(region));
        let body = match unsign::unsign(&mut parts) {
            Some(promise) => s3s::Body::http_body_unsync(upload::Upload::new(body, &promise)),
            None => s3s::Body::from(body),
        };
        match self.0.call(Request::from_parts(parts, body)).await {
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
