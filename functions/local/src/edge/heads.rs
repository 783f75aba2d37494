//! The size of a request's head. hyper refuses twice as much by itself, without an answer that a client could
//! read.

use http::{StatusCode, request::Parts};

use super::refusal::Refusal;

/// Headers of a request; every AWS client is content with a third of them.
pub const MAX_HEADERS: usize = 100;
/// All headers and the URI.
pub const MAX_BYTES: usize = 48 << 10;
/// A key of 1,024 bytes, percent-encoded, and a presigned query with a long session token.
const MAX_URI: usize = 16 << 10;

/// Refuses a head that is larger than any client's of good will.
pub fn check(request: &Parts) -> Result<(), Refusal> {
    let uri = request.uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > MAX_URI {
        let message = format!("The URI is {uri} bytes long; at most {MAX_URI} are allowed.");
        return Err(Refusal::new(StatusCode::URI_TOO_LONG, "RequestUriTooLongException", message));
    }
    let too_large = |message| {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Err(Refusal::new(status, "RequestHeaderFieldsTooLargeException", message))
    };
    let count = request.headers.len();
    if count > MAX_HEADERS {
        return too_large(format!("The request has {count} headers; at most {MAX_HEADERS} are allowed."));
    }
    let bytes: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if uri + bytes > MAX_BYTES {
        return too_large(format!("The headers are {bytes} bytes long; at most {MAX_BYTES} are allowed."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    fn refused(headers: usize, value: &str, uri: &str) -> Option<u16> {
        let mut request = Request::builder().uri(uri);
        for number in 0..headers {
            request = request.header(format!("x-{number}"), value);
        }
        check(&request.body(()).unwrap().into_parts().0).err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn heads_are_bounded_in_every_direction() {
        assert_eq!(refused(MAX_HEADERS, "a", "/"), None);
        assert_eq!(refused(MAX_HEADERS + 1, "a", "/"), Some(431));
        assert_eq!(refused(10, &"a".repeat(4_000), "/"), None);
        assert_eq!(refused(13, &"a".repeat(4_000), "/"), Some(431));
        assert_eq!(refused(0, "", &format!("/{}", "a".repeat(MAX_URI - 1))), None);
        assert_eq!(refused(0, "", &format!("/{}", "a".repeat(MAX_URI))), Some(414));
    }
}
