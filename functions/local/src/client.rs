//! A small client of one's own port: what an SDK would send, without the SDK.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What S3 leaves plain in a path.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service said no, and why.
    #[error("{operation}: {code}: {message}")]
    Refused { operation: String, code: String, message: String },
    #[error("{operation}: no answer")]
    Broken {
        operation: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// The name of the exception, if it is one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Broken { .. } => None,
        }
    }
}

/// Talks to one Palate as any program would.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    /// `http://host:port`
    url: String,
}

impl Client {
    pub fn new(url: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { http: HttpClient::builder(TokioExecutor::new()).build(connector), url: url.to_owned() }
    }

    /// Calls an operation of `personalize` (AWS JSON 1.1).
    pub async fn control(&self, operation: &str, input: &Value) -> Result<Value, ClientError> {
        let target = (HeaderName::from_static("x-amz-target"), format!("AmazonPersonalize.{operation}"));
        self.json(operation, "/", "application/x-amz-json-1.1", Some(target), input).await
    }

    /// Calls an operation of `personalize-runtime` or `personalize-events` (REST-JSON) by its path.
    pub async fn rest(&self, path: &str, input: &Value) -> Result<Value, ClientError> {
        self.json(path, path, "application/json", None, input).await
    }

    /// Reads from an own endpoint (`/_palate/…`).
    pub async fn own(&self, path: &str, authorization: Option<&str>) -> Result<Bytes, ClientError> {
        let mut request = Request::get(format!("{}{path}", self.url));
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let (status, content) = self.send(path, request.body(Full::new(Bytes::new()))).await?;
        if status.is_success() {
            return Ok(content);
        }
        let answer: Value = serde_json::from_slice(&content).unwrap_or_default();
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Err(ClientError::Refused {
            operation: path.to_owned(),
            code: text("__type").unwrap_or_else(|| status.to_string()),
            message: text("message").unwrap_or_default(),
        })
    }

    /// Creates a bucket, unless it is there.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), ClientError> {
        self.s3(Method::PUT, &format!("/{bucket}"), Bytes::new()).await.map(|_| ())
    }

    pub async fn put_object(&self, bucket: &str, key: &str, content: Bytes) -> Result<(), ClientError> {
        self.s3(Method::PUT, &object_path(bucket, key), content).await.map(|_| ())
    }

    /// An object's content; `None` if there is no such object.
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Option<Bytes>, ClientError> {
        match self.s3(Method::GET, &object_path(bucket, key), Bytes::new()).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn json(
        &self,
        operation: &str,
        path: &str,
        kind: &'static str,
        target: Option<(HeaderName, String)>,
        input: &Value,
    ) -> Result<Value, ClientError> {
        let mut request = Request::post(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, HeaderValue::from_static(kind))
            .header(AUTHORIZATION, authorization("personalize"));
        if let Some((name, value)) = target {
            request = request.header(name, value);
        }
        let (status, content) = self.send(operation, request.body(Full::from(input.to_string()))).await?;
        let answer: Value = match content.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&content).map_err(|error| broken(operation, error))?,
        };
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Err(ClientError::Refused {
            operation: operation.to_owned(),
            code: text("__type").unwrap_or_else(|| status.to_string()),
            message: text("message").unwrap_or_default(),
        })
    }

    async fn s3(&self, method: Method, path: &str, content: Bytes) -> Result<Bytes, ClientError> {
        let operation = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, authorization("s3"))
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .body(Full::new(content));
        let (status, content) = self.send(&operation, request).await?;
        if status.is_success() {
            return Ok(content);
        }
        let text = String::from_utf8_lossy(&content);
        let between = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        Err(ClientError::Refused {
            operation,
            code: between("Code").unwrap_or_else(|| status.to_string()),
            message: between("Message").unwrap_or_default(),
        })
    }

    async fn send(
        &self,
        operation: &str,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = request.map_err(|error| broken(operation, error))?;
        let response = self.http.request(request).await.map_err(|error| broken(operation, error))?;
        let status = response.status();
        let content = response.into_body().collect().await.map_err(|error| broken(operation, error))?;
        Ok((status, content.to_bytes()))
    }
}

/// Looks like a signature; the local process takes any.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=palate/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn object_path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", utf8_percent_encode(key, KEY))
}

fn broken(operation: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
    ClientError::Broken { operation: operation.to_owned(), source: source.into() }
}
