//! The canonical form of a request, which client and service must agree on to the byte.

use http::HeaderMap;

/// What of a request is signed.
pub(super) struct Signed<'a> {
    pub method: &'a str,
    /// As it was sent, encoded.
    pub path: &'a str,
    /// As it was sent, without the question mark.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    /// Stands in for a Host header that is not there, as in HTTP/2 and in process.
    pub authority: Option<&'a str>,
}

/// The canonical request of AWS Signature Version 4, for every service but S3: the path is normalised and
/// encoded once more, the query sorted, and of the headers those count that `signed_headers` names.
pub(super) fn canonical_request(request: &Signed<'_>, signed_headers: &[String], body_hash: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_bytes());
    text.push(b'\n');
    encode(normal_path(request.path).as_bytes(), b"/", &mut text);
    text.push(b'\n');
    text.extend_from_slice(&canonical_query(request.query));
    text.push(b'\n');
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        let mut values = request.headers.get_all(name.as_str()).iter().peekable();
        if values.peek().is_none() && name == "host" {
            text.extend_from_slice(request.authority.unwrap_or_default().as_bytes());
        }
        for (n, value) in values.enumerate() {
            if n > 0 {
                text.push(b',');
            }
            trimmed(value.as_bytes(), &mut text);
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(signed_headers.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(body_hash.as_bytes());
    text
}

/// The path without empty parts, `.` and `..`, as RFC 3986 removes them.
fn normal_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// The parameters, encoded in the one way and sorted by name, then value.
fn canonical_query(query: &str) -> Vec<u8> {
    let encoded = |text: &str| {
        let mut to = Vec::with_capacity(text.len());
        encode(&decode(text), b"", &mut to);
        to
    };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let mut parameters: Vec<(Vec<u8>, Vec<u8>)> = parameters
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parameters.sort();
    let pairs: Vec<Vec<u8>> = parameters.into_iter().map(|(name, value)| [name, value].join(&b'=')).collect();
    pairs.join(&b'&')
}

/// Percent-encodes everything but what RFC 3986 leaves unreserved, and `kept`.
fn encode(bytes: &[u8], kept: &[u8], to: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            to.push(*byte);
        } else {
            to.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// Undoes percent-encoding; a percent sign that begins none stays.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// A header's value without outer spaces, inner ones made single.
fn trimmed(value: &[u8], to: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (n, word) in words.enumerate() {
        if n > 0 {
            to.push(b' ');
        }
        to.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_encoded_is_encoded_again() {
        let mut path = Vec::new();
        encode(normal_path("/test/@connections/JBDvjfGEIAMCERw%3D").as_bytes(), b"/", &mut path);
        // The example `double-encode-path` of the AWS SDK for Rust's signing tests.
        assert_eq!(String::from_utf8_lossy(&path), "/test/%40connections/JBDvjfGEIAMCERw%253D");
    }

    #[test]
    fn a_query_is_the_same_however_it_was_encoded() {
        for query in ["b=%7e&a=1%2F2", "a=1/2&b=~", "&a=1%2f2&&b=%7E"] {
            assert_eq!(String::from_utf8_lossy(&canonical_query(query)), "a=1%2F2&b=~", "{query}");
        }
        assert_eq!(canonical_query("delete"), b"delete=");
        assert_eq!(canonical_query("%&%4"), b"%25=&%254=");
    }

    #[test]
    fn the_authority_stands_in_for_an_absent_host() {
        let headers = HeaderMap::new();
        let signed =
            Signed { method: "POST", path: "/", query: "", headers: &headers, authority: Some("palate.invalid") };
        let text = canonical_request(&signed, &["host".into()], "hash");
        assert_eq!(String::from_utf8_lossy(&text), "POST\n/\n\nhost:palate.invalid\n\nhost\nhash");
    }
}
