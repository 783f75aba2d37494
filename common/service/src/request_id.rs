use std::fmt;

use http::{Extensions, HeaderName, HeaderValue};

/// What one request is called in its response and in every line of the log about it.
///
/// A server that answers more than the service does gives the request its name, as an extension; the service
/// itself makes one up where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

/// The header that tells a client what its request is called.
const HEADER: HeaderName = HeaderName::from_static("x-amzn-requestid");

impl RequestId {
    /// A name that no other request has.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The name that the request came with, or a new one.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::random)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The header of the response.
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        (HEADER, HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
