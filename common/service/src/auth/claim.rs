//! What a request's head says of its signature, and what no signature could make right.

use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;

use super::authorization::Authorization;
use super::canonical::{Signed, canonical_request};
use super::keys::AccessKey;
use super::{date, signature};
use crate::error::OpError;

/// How far a request's time may be from the service's, either way.
const MAX_SKEW_MS: u64 = 5 * 60 * 1000;
const SERVICE: &str = "personalize";

/// Headers that decide over the request: if they are there, they must be signed. Others may have been added
/// on the way, by a proxy or a load balancer.
const DECISIVE: [&str; 3] = ["x-amz-target", "x-amz-content-sha256", "x-amz-date"];

/// A claim to have signed a request, which the body has yet to prove.
#[derive(Debug)]
pub(super) struct Claim {
    pub authorization: Authorization,
    at_ms: u64,
}

impl Claim {
    /// Reads a request's head. `region` is the only one to sign for, if there is only one.
    ///
    /// # Errors
    /// The exception that AWS gives.
    pub fn read(head: &Parts, now_ms: u64, region: Option<&str>) -> Result<Self, OpError> {
        let authorization = Authorization::parse(authorization(head)?)?;
        if head.headers.contains_key("x-amz-security-token") {
            // Palate issues none.
            return Err(OpError::UnrecognizedClient);
        }
        let (name, at_ms) = time(head)?;
        check_time(at_ms, now_ms)?;
        check_scope(&authorization, at_ms, region)?;
        let present = DECISIVE.into_iter().filter(|header| head.headers.contains_key(*header));
        if let Some(unsigned) = present.chain(["host", name]).find(|header| !authorization.signs(header)) {
            let message = format!("'{unsigned}' must be a 'SignedHeader' in the AWS Authorization.");
            return Err(OpError::InvalidSignature(message));
        }
        Ok(Self { authorization, at_ms })
    }

    /// Proves the claim by the whole request.
    pub fn prove(&self, head: &Parts, content: &[u8], key: &AccessKey) -> Result<(), OpError> {
        let hash = signature::body_hash(content);
        if head.headers.get("x-amz-content-sha256").is_some_and(|said| said.as_bytes() != hash.as_bytes()) {
            let message = "The x-amz-content-sha256 header does not match the SHA-256 of the request body.";
            return Err(OpError::InvalidSignature(message.into()));
        }
        let signed = Signed {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            authority: head.uri.authority().map(|authority| authority.as_str()),
        };
        let canonical = canonical_request(&signed, &self.authorization.signed_headers, &hash);
        if signature::is_right(&self.authorization, key.secret(), self.at_ms, &canonical) {
            return Ok(());
        }
        Err(OpError::InvalidSignature(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .into(),
        ))
    }
}

/// The one Authorization header.
fn authorization(head: &Parts) -> Result<&str, OpError> {
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value
            .to_str()
            .map_err(|_| OpError::IncompleteSignature("The Authorization header must be plain ASCII.".into())),
        (Some(_), Some(_)) => {
            Err(OpError::IncompleteSignature("A request has one Authorization header, not several.".into()))
        }
        _ if is_presigned(head) => Err(OpError::IncompleteSignature(
            "Presigned requests are not taken: sign in the Authorization header.".into(),
        )),
        _ => Err(OpError::MissingAuthenticationToken),
    }
}

fn is_presigned(head: &Parts) -> bool {
    let mut parameters = head.uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("x-amz-signature") || name.eq_ignore_ascii_case("x-amz-credential")
    })
}

/// The header that tells when the request was signed, and the time.
fn time(head: &Parts) -> Result<(&'static str, u64), OpError> {
    let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    if let Some(text) = text("x-amz-date") {
        let at_ms = date::parse_basic(text).ok_or_else(|| {
            OpError::IncompleteSignature(
                "Date must be in ISO-8601 'basic format' (20150830T123600Z) in the 'X-Amz-Date' header.".into(),
            )
        })?;
        return Ok(("x-amz-date", at_ms));
    }
    let Some(text) = text(DATE.as_str()) else {
        let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
        return Err(OpError::IncompleteSignature(message.into()));
    };
    let at_ms = date::parse_http(text).or_else(|| date::parse_basic(text)).ok_or_else(|| {
        OpError::IncompleteSignature("The 'Date' header is no date (Sun, 30 Aug 2015 12:36:00 GMT).".into())
    })?;
    Ok(("date", at_ms))
}

fn check_time(at_ms: u64, now_ms: u64) -> Result<(), OpError> {
    let (at, now) = (date::basic(at_ms), date::basic(now_ms));
    let (earliest, latest) = (now_ms.saturating_sub(MAX_SKEW_MS), now_ms.saturating_add(MAX_SKEW_MS));
    let message = if at_ms < earliest {
        format!("Signature expired: {at} is now earlier than {} ({now} - 5 min.)", date::basic(earliest))
    } else if at_ms > latest {
        format!("Signature not yet current: {at} is still later than {} ({now} + 5 min.)", date::basic(latest))
    } else {
        return Ok(());
    };
    Err(OpError::InvalidSignature(message))
}

fn check_scope(authorization: &Authorization, at_ms: u64, region: Option<&str>) -> Result<(), OpError> {
    let at = date::basic(at_ms);
    if !at.starts_with(&format!("{}T", authorization.date)) {
        let message = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP, '{}'.",
            &at[..8]
        );
        return Err(OpError::InvalidSignature(message));
    }
    if authorization.service != SERVICE {
        let message = format!("Credential should be scoped to correct service: '{SERVICE}'.");
        return Err(OpError::InvalidSignature(message));
    }
    let given = authorization.region.as_str();
    let well_formed =
        (1..=32).contains(&given.len()) && given.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
    if !well_formed || region.is_some_and(|region| region != given) {
        return Err(OpError::InvalidSignature("Credential should be scoped to a valid region.".into()));
    }
    Ok(())
}
