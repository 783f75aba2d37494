//! `aws-chunked`: how SDKs wrap an upload whose checksum or signature is only known at its end.
//!
//! ```text
//! 5;chunk-signature=…\r\n
//! Hello\r\n
//! 0;chunk-signature=…\r\n
//! x-amz-checksum-crc32:94IR0g==\r\n
//! \r\n
//! ```
//!
//! Signatures are not looked at: the local endpoint takes any credentials.

use bytes::{Buf, Bytes};

/// A chunk's head or a trailing header; everything known is far shorter.
const MAX_LINE: usize = 16 * 1024;
/// All trailing headers together.
const MAX_TRAILERS: usize = 64 * 1024;

/// Why an upload is not in the form that its headers say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("aws-chunked body: a chunk begins with its size in hexadecimal digits")]
    Size,
    #[error("aws-chunked body: a chunk does not end where its size says")]
    End,
    #[error("aws-chunked body: a trailing header has no colon")]
    Trailer,
    #[error("aws-chunked body: a line or the trailing headers are too long")]
    TooLong,
    #[error("aws-chunked body: it ends within a chunk")]
    Truncated,
}

/// Takes the wrapping off, whatever pieces the body arrives in.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    trailers: Vec<(String, String)>,
    trailer_bytes: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// Bytes of this chunk still to come.
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

impl Decoder {
    /// Decodes the next piece of the body; appends what it holds of the content to `content`, uncopied.
    pub fn feed(&mut self, mut piece: Bytes, content: &mut impl Extend<Bytes>) -> Result<(), ChunkError> {
        while !piece.is_empty() {
            match self.state {
                State::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    content.extend([piece.split_to(length)]);
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                }
                // What follows the last empty line means nothing.
                State::Done => return Ok(()),
                State::Head | State::DataEnd | State::Trailers => {
                    if let Some(line) = self.take_line(&mut piece)? {
                        self.read_line(&line)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The trailing headers, names in lower case; fails if the body ended too early. Some clients leave out
    /// the empty line at the end.
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.state {
            State::Done => Ok(self.trailers),
            State::Trailers if self.line.is_empty() => Ok(self.trailers),
            _ => Err(ChunkError::Truncated),
        }
    }

    /// Takes a line from `piece`, without its end; `None` if it goes on in the next piece.
    fn take_line(&mut self, piece: &mut Bytes) -> Result<Option<Vec<u8>>, ChunkError> {
        let (length, ended) = match piece.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at, true),
            None => (piece.len(), false),
        };
        if self.line.len() + length > MAX_LINE {
            return Err(ChunkError::TooLong);
        }
        self.line.extend_from_slice(&piece[..length]);
        piece.advance(length + usize::from(ended));
        if !ended {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop_if(|byte| *byte == b'\r');
        Ok(Some(line))
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        match self.state {
            State::Head => {
                self.state = match chunk_size(line)? {
                    0 => State::Trailers,
                    size => State::Data(size),
                };
            }
            State::DataEnd if line.is_empty() => self.state = State::Head,
            State::DataEnd => return Err(ChunkError::End),
            State::Trailers if line.is_empty() => self.state = State::Done,
            State::Trailers => {
                self.trailer_bytes += line.len();
                if self.trailer_bytes > MAX_TRAILERS {
                    return Err(ChunkError::TooLong);
                }
                let line = str::from_utf8(line).map_err(|_| ChunkError::Trailer)?;
                let (name, value) = line.split_once(':').ok_or(ChunkError::Trailer)?;
                self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            State::Data(_) | State::Done => {}
        }
        Ok(())
    }
}

/// Reads the head of a chunk: its size in bytes, then extensions that mean nothing here.
fn chunk_size(line: &[u8]) -> Result<u64, ChunkError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = str::from_utf8(digits).map_err(|_| ChunkError::Size)?.trim();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(ChunkError::Size);
    }
    u64::from_str_radix(digits, 16).map_err(|_| ChunkError::Size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SIGNED: &str = "5;chunk-signature=ab\r\nHello\r\n1;chunk-signature=cd\r\n!\r\n0;chunk-signature=ef\r\n\r\n";
    const WITH_TRAILERS: &str =
        "6\r\nHello!\r\n0\r\nX-Amz-Checksum-CRC32: 5G6yQg==\r\nx-amz-trailer-signature:aa\r\n\r\n";

    type Decoded = Result<(String, Vec<(String, String)>), ChunkError>;

    fn decode(body: &str, piece: usize) -> Decoded {
        let mut decoder = Decoder::default();
        let mut content: Vec<Bytes> = Vec::new();
        for piece in body.as_bytes().chunks(piece) {
            decoder.feed(Bytes::copy_from_slice(piece), &mut content)?;
        }
        Ok((String::from_utf8(content.concat()).unwrap(), decoder.finish()?))
    }

    #[test]
    fn the_content_is_the_same_in_whatever_pieces_the_body_arrives() {
        for body in [SIGNED, WITH_TRAILERS] {
            for piece in 1..=body.len() {
                assert_eq!(decode(body, piece).unwrap().0, "Hello!");
            }
        }
    }

    #[test]
    fn trailing_headers_are_read() {
        for piece in 1..=WITH_TRAILERS.len() {
            let (_, trailers) = decode(WITH_TRAILERS, piece).unwrap();
            assert_eq!(trailers[0], ("x-amz-checksum-crc32".into(), "5G6yQg==".into()));
            assert_eq!(trailers.len(), 2);
        }
    }

    #[test]
    fn an_empty_upload_is_empty() {
        assert_eq!(decode("0\r\n\r\n", 1).unwrap(), (String::new(), vec![]));
        assert_eq!(decode("0;chunk-signature=ab\r\n", 3).unwrap(), (String::new(), vec![]));
    }

    #[test]
    fn a_body_that_is_cut_off_anywhere_is_refused() {
        let needed = WITH_TRAILERS.find("x-amz-trailer").unwrap() - 2;
        for end in 0..needed {
            let cut = decode(&WITH_TRAILERS[..end], 4);
            // Between two trailing headers nothing tells that one is missing; the checksum then is.
            assert!(cut.is_err() || end == 14, "{end}: {cut:?}");
        }
    }

    #[test]
    fn content_may_look_like_a_chunk() {
        let body = "7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n";
        assert_eq!(decode(body, 2).unwrap().0, "0\r\n\r\n5\r");
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert_eq!(decode("4\r\nHello\r\n0\r\n\r\n", 99), Err(ChunkError::End));
        for head in ["", "x", "-1", "+1", "0x5", "11111111111111111"] {
            assert_eq!(decode(&format!("{head}\r\nHello\r\n0\r\n\r\n"), 99), Err(ChunkError::Size), "{head}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert_eq!(decode(&"1".repeat(MAX_LINE + 1), 1000), Err(ChunkError::TooLong));
        let many = format!("0\r\n{}", format!("a:{}\r\n", "b".repeat(1000)).repeat(70));
        assert_eq!(decode(&many, 1000), Err(ChunkError::TooLong));
    }
}
