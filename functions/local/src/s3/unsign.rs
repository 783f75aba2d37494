//! Takes the signature off a request. The local endpoint takes any credentials, and `s3s` refuses signed
//! requests whose secret key it does not know.

use http::{
    HeaderMap, HeaderValue, Uri,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
    uri::PathAndQuery,
};

use super::upload::Promise;

/// What a presigned URL carries in its query, in lower case; with the old form (version 2) last.
const SIGNING_PARAMETERS: [&str; 11] = [
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "awsaccesskeyid",
    "expires",
    "signature",
];

/// Makes a request anonymous. `Some` if its body is `aws-chunked`: the headers then describe the content,
/// which the caller gets by decoding the body.
pub fn unsign(parts: &mut Parts) -> Option<Promise> {
    if let Some(uri) = unsigned_uri(&parts.uri) {
        parts.uri = uri;
    }
    let headers = &mut parts.headers;
    headers.remove(AUTHORIZATION);
    headers.remove("x-amz-security-token");
    let payload = headers.remove("x-amz-content-sha256");
    let streaming = payload.is_some_and(|hash| hash.as_bytes().starts_with(b"STREAMING-"));
    let encoded = strip_aws_chunked(headers);
    (streaming || encoded).then(|| describe_content(headers))
}

/// The URI without what signs it; `None` if nothing does.
fn unsigned_uri(uri: &Uri) -> Option<Uri> {
    let signs = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default();
        SIGNING_PARAMETERS.iter().any(|signing| name.eq_ignore_ascii_case(signing))
    };
    let query = uri.query()?;
    if !query.split('&').any(|parameter| signs(&parameter)) {
        return None;
    }
    let kept: Vec<&str> = query.split('&').filter(|parameter| !signs(parameter)).collect();
    let question = if kept.is_empty() { "" } else { "?" };
    let path = PathAndQuery::try_from(format!("{}{question}{}", uri.path(), kept.join("&"))).ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// Removes `aws-chunked` from the content encodings: it is not one that the object has.
fn strip_aws_chunked(headers: &mut HeaderMap) -> bool {
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_owned())
        .collect();
    let kept: Vec<&str> =
        encodings.iter().map(String::as_str).filter(|encoding| !encoding.eq_ignore_ascii_case("aws-chunked")).collect();
    if kept.len() == encodings.len() {
        return false;
    }
    headers.remove(CONTENT_ENCODING);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::try_from(kept.join(","))) {
        headers.insert(CONTENT_ENCODING, value);
    }
    true
}

/// Moves what the headers say of the wrapped body over to the content. A checksum that follows in a
/// trailing header is checked where the body is decoded, so the object's store is not asked for one.
fn describe_content(headers: &mut HeaderMap) -> Promise {
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    let length = headers.remove("x-amz-decoded-content-length");
    let length = length.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    let trailers: Vec<String> = headers
        .get_all("x-amz-trailer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    headers.remove("x-amz-trailer");
    if !trailers.is_empty() {
        headers.remove("x-amz-sdk-checksum-algorithm");
    }
    Promise { length, trailers }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method("PUT").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_presigned_url_keeps_what_does_not_sign_it() {
        let query = "x-id=GetObject&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2F\
                     aws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&\
                     X-Amz-Signature=ab&response-content-type=text%2Fcsv";
        let mut parts = parts(&format!("/bucket/a%2Bb.csv?{query}"), &[]);
        assert_eq!(unsign(&mut parts), None);
        assert_eq!(parts.uri, "/bucket/a%2Bb.csv?x-id=GetObject&response-content-type=text%2Fcsv");
    }

    #[test]
    fn a_url_signed_in_the_old_way_loses_its_query() {
        let mut parts = parts("http://127.0.0.1:1/b/k?AWSAccessKeyId=a&Signature=b%3D&Expires=1", &[]);
        unsign(&mut parts);
        assert_eq!(parts.uri, "http://127.0.0.1:1/b/k");
    }

    #[test]
    fn a_plain_upload_keeps_its_body() {
        let headers = [("authorization", "AWS4-HMAC-SHA256 …"), ("content-length", "5"), ("content-encoding", "gzip")];
        let mut parts = parts("/b/k?uploads", &headers[1..]);
        parts.headers.insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD"));
        parts.headers.insert(AUTHORIZATION, HeaderValue::from_static("AWS4-HMAC-SHA256 x"));
        assert_eq!(unsign(&mut parts), None);
        assert_eq!(parts.uri, "/b/k?uploads");
        assert_eq!(parts.headers.len(), 2);
    }

    #[test]
    fn a_streaming_upload_is_described_by_its_content() {
        let headers = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-length", "52"),
            ("content-encoding", "gzip,aws-chunked"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-CRC32"),
            ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ];
        let mut parts = parts("/b/k", &headers);
        let promise = Promise { length: Some(5), trailers: vec!["x-amz-checksum-crc32".into()] };
        assert_eq!(unsign(&mut parts), Some(promise));
        assert_eq!(parts.headers.get(CONTENT_LENGTH).unwrap(), "5");
        assert_eq!(parts.headers.get(CONTENT_ENCODING).unwrap(), "gzip");
        assert_eq!(parts.headers.len(), 2);
    }

    #[test]
    fn either_header_tells_that_a_body_is_chunked() {
        assert!(unsign(&mut parts("/b/k", &[("content-encoding", "aws-chunked")])).is_some());
        let hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
        assert!(unsign(&mut parts("/b/k", &[("x-amz-content-sha256", hash)])).is_some());
    }
}
