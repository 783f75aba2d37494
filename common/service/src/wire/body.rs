//! A request's body: bounded in bytes, in values and in depth before anything is made of it.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::error::OpError;

/// Requests are at most as large as what a Lambda function takes.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// JSON values in a body. No valid request comes near; in memory a value takes some fifty times what it takes
/// on the wire (`{},`), so the bytes alone bound too little. (Depth is bounded by `serde_json`: 128.)
const MAX_VALUES: usize = 100_000;

/// The error of a body whose client stopped sending: the service answers `RequestTimeoutException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client stopped sending the request body")]
pub struct BodyStalled;

/// Reads the whole body, unless it is larger than any request may be. One that says so in advance is not read
/// at all.
pub(crate) async fn read_body<B: Body>(body: B) -> Result<Bytes, OpError>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_large = || OpError::TooLarge(format!("The request body is larger than {MAX_BODY_BYTES} bytes"));
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(content) => Ok(content.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) if error.is::<BodyStalled>() => {
            let message = "The request body did not arrive in time: the client stopped sending. Send it again.";
            Err(OpError::Timeout(message.into()))
        }
        Err(error) => Err(OpError::Serialization(format!("The request body could not be read: {error}"))),
    }
}

/// Reads the JSON object of a body; an empty body is an empty object.
pub(crate) fn parse_input(content: &[u8]) -> Result<Map<String, Value>, OpError> {
    if content.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    if content.len() > MAX_VALUES && count_values(content) > MAX_VALUES {
        let message = format!("The request body holds more than {MAX_VALUES} JSON values");
        return Err(OpError::Serialization(message));
    }
    match serde_json::from_slice(content) {
        Ok(Value::Object(input)) => Ok(input),
        Ok(_) => Err(OpError::Serialization("The request body must be a JSON object".into())),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(OpError::Serialization(format!("The request body is not JSON (line {line}, column {column})")))
        }
    }
}

/// An upper bound of the values that JSON text holds: every value but the first follows a comma or an opening
/// bracket that stands outside of strings.
fn count_values(content: &[u8]) -> usize {
    let (mut values, mut in_string, mut escaped) = (1, false, false);
    for byte in content {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};
    use http_body_util::Full;

    use super::*;

    /// A body that announces its length and fails the test when it is read.
    struct Unread(u64);

    impl Body for Unread {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("the body was read")
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    /// A body whose client stops after the first piece.
    struct Stopping(bool);

    impl Body for Stopping {
        type Data = Bytes;
        type Error = BodyStalled;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyStalled>>> {
            let first = std::mem::take(&mut self.0);
            Poll::Ready(Some(if first { Ok(Frame::data(Bytes::from_static(b"{"))) } else { Err(BodyStalled) }))
        }
    }

    async fn read_input<B: Body>(body: B) -> Result<Map<String, Value>, OpError>
    where
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        parse_input(&read_body(body).await?)
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_unread() {
        let error = read_input(Unread(MAX_BODY_BYTES as u64 + 1)).await.unwrap_err();
        assert!(matches!(error, OpError::TooLarge(_)));
    }

    #[tokio::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        let body = |length: usize| {
            let mut text = String::from("{\"a\":\"");
            text.extend(std::iter::repeat_n('x', length - text.len() - 2));
            text.push_str("\"}");
            Full::new(Bytes::from(text))
        };
        assert_eq!(read_input(body(MAX_BODY_BYTES)).await.unwrap().len(), 1);
        // Without an announcement it is cut off while it is read.
        let error = read_input(body(MAX_BODY_BYTES + 1).map_frame(|frame| frame)).await.unwrap_err();
        assert!(matches!(error, OpError::TooLarge(_)));
    }

    #[tokio::test]
    async fn a_client_that_stops_sending_is_told_so() {
        let error = read_input(Stopping(true)).await.unwrap_err();
        assert!(matches!(error, OpError::Timeout(_)), "{error}");
    }

    #[test]
    fn json_that_would_swell_in_memory_is_refused_before_it_is_parsed() {
        let many = |element: &str| format!("{{\"a\":[{}0]}}", element.repeat(MAX_VALUES));
        for element in ["0,", "{},", "[],", "\"\","] {
            let error = parse_input(many(element).as_bytes()).unwrap_err();
            assert!(error.to_string().contains("100000 JSON values"), "{error}");
        }
        // Commas within strings are no values, whatever is escaped in them.
        let text = serde_json::json!({ "a": ",\"[{\\".repeat(MAX_VALUES) }).to_string();
        assert_eq!(parse_input(text.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn json_that_is_too_deep_is_refused() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{{\"a\":{}0{}}}", open.repeat(40_000), close.repeat(40_000));
            assert!(matches!(parse_input(deep.as_bytes()).unwrap_err(), OpError::Serialization(_)));
        }
    }
}
