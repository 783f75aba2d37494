//! Which of the services on the one port a request is for.

use http::{Method, header::AUTHORIZATION, request::Parts};
use percent_encoding::percent_decode_str;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `personalize`, `personalize-runtime` or `personalize-events`.
    Personalize,
    S3,
    /// `/_palate/…`, which no bucket's name can begin with.
    Own,
    /// Another AWS service, by the name in the credential scope.
    Other(String),
}

/// The paths of `personalize-runtime` and `personalize-events`, for clients that sign nothing.
const REST_PATHS: [&str; 8] = [
    "/recommendations",
    "/personalize-ranking",
    "/action-recommendations",
    "/events",
    "/items",
    "/users",
    "/actions",
    "/action-interactions",
];

/// What a request is signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub service: String,
    /// Signatures of version 2 name none.
    pub region: Option<String>,
}

/// Tells the services apart by the credential scope and the target header; by the path if there is neither.
pub fn destination(request: &Parts) -> Destination {
    let path = request.uri.path();
    if path == "/_palate" || path.starts_with("/_palate/") {
        return Destination::Own;
    }
    if request.headers.contains_key("x-amz-target") {
        return match scope(request) {
            Some(scope) if scope.service != "personalize" => Destination::Other(scope.service),
            _ => Destination::Personalize,
        };
    }
    match scope(request).as_ref().map(|scope| scope.service.as_str()) {
        Some("personalize") => Destination::Personalize,
        Some("s3" | "s3express" | "s3-outposts" | "s3-object-lambda") => Destination::S3,
        Some(other) => Destination::Other(other.to_owned()),
        // A bucket is created with PUT and listed with GET, so a POST to one of these is no S3 operation
        // without a query.
        None if request.method == Method::POST && request.uri.query().is_none() && REST_PATHS.contains(&path) => {
            Destination::Personalize
        }
        None if request.method == Method::POST && path == "/" => Destination::Personalize,
        None => Destination::S3,
    }
}

/// What a request is signed for, from the credential scope in its header or query. Signatures of version 2
/// have none: only S3 ever took them.
pub fn scope(request: &Parts) -> Option<Scope> {
    let unscoped = || Scope { service: "s3".into(), region: None };
    if let Some(value) = request.headers.get(AUTHORIZATION) {
        let value = value.to_str().ok()?;
        if value.starts_with("AWS ") {
            return Some(unscoped());
        }
        let credential = value.split_once("Credential=")?.1;
        return scope_of(credential.split([',', ' ']).next()?);
    }
    let query = request.uri.query()?;
    let mut parameters = query.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.find_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "x-amz-credential" => scope_of(&percent_decode_str(value).decode_utf8().ok()?),
        "awsaccesskeyid" => Some(unscoped()),
        _ => None,
    })
}

/// The scope of a credential `access key/date/region/service/aws4_request`; an access key may hold slashes.
fn scope_of(credential: &str) -> Option<Scope> {
    let mut parts = credential.rsplit('/');
    if parts.next()? != "aws4_request" {
        return None;
    }
    let service = parts.next()?.to_owned();
    Some(Scope { service, region: parts.next().map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn to(method: &str, uri: &str, headers: &[(&str, &str)]) -> Destination {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        destination(&request.body(()).unwrap().into_parts().0)
    }

    fn signed(service: &str) -> String {
        let scope = format!("A/K/20260101/eu-central-1/{service}/aws4_request");
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature=ab")
    }

    #[test]
    fn the_credential_scope_decides() {
        let (s3, personalize, sts) = (signed("s3"), signed("personalize"), signed("sts"));
        assert_eq!(to("POST", "/events", &[("authorization", &s3)]), Destination::S3);
        assert_eq!(to("POST", "/events", &[("authorization", &personalize)]), Destination::Personalize);
        assert_eq!(to("POST", "/", &[("authorization", &sts)]), Destination::Other("sts".into()));
    }

    #[test]
    fn the_scope_has_a_region() {
        let request = Request::get("/").header("authorization", signed("s3")).body(()).unwrap();
        let scope = scope(&request.into_parts().0);
        assert_eq!(scope, Some(Scope { service: "s3".into(), region: Some("eu-central-1".into()) }));
    }

    #[test]
    fn the_target_header_is_for_personalize() {
        let target = ("x-amz-target", "AmazonPersonalize.ListRecipes");
        let (personalize, kinesis) = (signed("personalize"), signed("kinesis"));
        assert_eq!(to("POST", "/", &[target]), Destination::Personalize);
        assert_eq!(to("POST", "/", &[target, ("authorization", &personalize)]), Destination::Personalize);
        assert_eq!(to("POST", "/", &[target, ("authorization", &kinesis)]), Destination::Other("kinesis".into()));
    }

    #[test]
    fn a_presigned_url_says_its_service_in_the_query() {
        let credential = "X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request";
        assert_eq!(to("PUT", &format!("/events?{credential}"), &[]), Destination::S3);
        assert_eq!(to("GET", "/b/k?AWSAccessKeyId=a&Signature=b&Expires=1", &[]), Destination::S3);
    }

    #[test]
    fn unsigned_requests_go_by_their_path() {
        assert_eq!(to("POST", "/recommendations", &[]), Destination::Personalize);
        assert_eq!(to("GET", "/recommendations", &[]), Destination::S3);
        assert_eq!(to("POST", "/events?delete", &[]), Destination::S3);
        assert_eq!(to("POST", "/", &[]), Destination::Personalize);
        assert_eq!(to("GET", "/", &[]), Destination::S3);
        assert_eq!(to("GET", "/bucket/key", &[]), Destination::S3);
    }

    #[test]
    fn own_paths_are_own_whoever_signs() {
        assert_eq!(to("GET", "/_palate/health", &[("authorization", &signed("s3"))]), Destination::Own);
        assert_eq!(to("GET", "/_palate", &[]), Destination::Own);
        assert_eq!(to("GET", "/_palatelike", &[]), Destination::S3);
    }

    #[test]
    fn a_malformed_authorization_is_left_to_the_path() {
        for value in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c"] {
            assert_eq!(to("POST", "/events", &[("authorization", value)]), Destination::Personalize, "{value}");
        }
    }
}
