//! The arithmetic of a signature: `aws-sigv4`'s, compared in constant time.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::authorization::Authorization;
use super::{date, hex};

/// The hexadecimal SHA-256 of a body.
pub(super) fn body_hash(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// Whether `authorization` is what `secret` makes of the canonical request at this time.
pub(super) fn is_right(authorization: &Authorization, secret: &str, at_ms: u64, canonical_request: &[u8]) -> bool {
    let text = string_to_sign(authorization, at_ms, canonical_request);
    let at = UNIX_EPOCH + Duration::from_millis(at_ms);
    let key = generate_signing_key(secret, at, &authorization.region, &authorization.service);
    let right = calculate_signature(key, text.as_bytes());
    right.as_bytes().ct_eq(authorization.signature.as_bytes()).into()
}

fn string_to_sign(authorization: &Authorization, at_ms: u64, canonical_request: &[u8]) -> String {
    let (time, scope) = (date::basic(at_ms), authorization.scope());
    format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", body_hash(canonical_request))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::super::canonical::{Signed, canonical_request};
    use super::*;

    /// 27 requests of AWS's signing test suite, as the AWS SDK for Rust carries it
    /// (`aws-sigv4/aws-signing-test-suite/v4`, from awslabs/aws-c-auth, Apache-2.0), and the example of the IAM
    /// guide, "Create a signed AWS API request": the signed request, then its canonical form.
    const EXAMPLES: &str = include_str!("../../testdata/sigv4-examples.txt");
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    struct Example {
        name: &'static str,
        method: &'static str,
        path: &'static str,
        query: &'static str,
        headers: HeaderMap,
        body: &'static str,
        canonical: &'static str,
    }

    fn examples() -> Vec<Example> {
        let read = |text: &'static str| {
            let (name, rest) = text.split_once('\n').unwrap();
            let (request, canonical) = rest.split_once("--- canonical request\n").unwrap();
            let (head, body) = request.split_once("\n\n").unwrap();
            let (first, lines) = head.split_once('\n').unwrap();
            let (method, target) = first.strip_suffix(" HTTP/1.1").unwrap().split_once(' ').unwrap();
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let mut headers = HeaderMap::new();
            for line in lines.lines() {
                let (name, value) = line.split_once(':').unwrap();
                headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
            }
            let (body, canonical) = (body.trim_end_matches('\n'), canonical.trim_end_matches('\n'));
            Example { name, method, path, query, headers, body, canonical }
        };
        EXAMPLES.split("=== ").skip(1).map(read).collect()
    }

    fn canonical(example: &Example, authorization: &Authorization) -> Vec<u8> {
        let Example { method, path, query, headers, .. } = example;
        let signed = Signed { method, path, query, headers, authority: None };
        canonical_request(&signed, &authorization.signed_headers, &body_hash(example.body.as_bytes()))
    }

    fn read(example: &Example) -> (Authorization, u64) {
        let authorization = Authorization::parse(example.headers["authorization"].to_str().unwrap().trim()).unwrap();
        let at_ms = date::parse_basic(example.headers["x-amz-date"].to_str().unwrap().trim()).unwrap();
        (authorization, at_ms)
    }

    #[test]
    fn the_published_examples_have_the_published_canonical_form_and_signature() {
        let examples = examples();
        assert_eq!(examples.len(), 28);
        for example in &examples {
            let (authorization, at_ms) = read(example);
            let canonical = canonical(example, &authorization);
            assert_eq!(String::from_utf8_lossy(&canonical), example.canonical, "{}", example.name);
            assert!(is_right(&authorization, SECRET, at_ms, &canonical), "{}", example.name);
        }
    }

    #[test]
    fn no_published_example_holds_with_anything_changed() {
        for example in &examples() {
            let (authorization, at_ms) = read(example);
            let canonical = canonical(example, &authorization);
            let changed = |change: &dyn Fn(&mut Authorization)| {
                let mut authorization = authorization.clone();
                change(&mut authorization);
                is_right(&authorization, SECRET, at_ms, &canonical)
            };
            assert!(!is_right(&authorization, "another secret", at_ms, &canonical));
            assert!(!is_right(&authorization, SECRET, at_ms + 1000, &canonical));
            assert!(!is_right(&authorization, SECRET, at_ms, b"POST"));
            assert!(!changed(&|authorization| authorization.region = "eu-west-1".into()));
            assert!(!changed(&|authorization| authorization.service = "personalize".into()));
            assert!(!changed(&|authorization| authorization.date = "20150831".into()));
            assert!(!changed(&|authorization| authorization.signature.truncate(63)));
            assert!(!changed(&|authorization| authorization.signature.clear()));
        }
    }
}
