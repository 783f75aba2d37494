//! The content of an upload, out of its wrapping.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::{StdError, checksum::ChecksumHasher};

use super::chunked::Decoder;

/// Why an upload is refused at its end.
#[derive(Debug, thiserror::Error)]
enum UploadError {
    #[error("the upload holds {got} bytes, its x-amz-decoded-content-length says {said}")]
    Length { said: u64, got: u64 },
    #[error("the {name} of the upload is {got}, its trailing header says {said}")]
    Checksum { name: &'static str, said: String, got: String },
}

/// What the headers of an `aws-chunked` upload promise.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Bytes of content.
    pub length: Option<u64>,
    /// Names of headers that come after it, in lower case.
    pub trailers: Vec<String>,
}

/// A body that decodes `aws-chunked` as it is read. It fails, instead of ending, if the length or a
/// checksum is not the promised one: what reads it then publishes nothing.
pub struct Upload<B> {
    inner: B,
    decoder: Option<Decoder>,
    decoded: VecDeque<Bytes>,
    hasher: ChecksumHasher,
    length: Option<u64>,
    got: u64,
}

impl<B> Upload<B> {
    pub fn new(inner: B, promise: &Promise) -> Self {
        let promised = |name: &str| promise.trailers.iter().any(|trailer| trailer == name);
        let hasher = ChecksumHasher {
            crc32: promised("x-amz-checksum-crc32").then(Default::default),
            crc32c: promised("x-amz-checksum-crc32c").then(Default::default),
            sha1: promised("x-amz-checksum-sha1").then(Default::default),
            sha256: promised("x-amz-checksum-sha256").then(Default::default),
            crc64nvme: promised("x-amz-checksum-crc64nvme").then(Default::default),
        };
        let decoder = Some(Decoder::default());
        Self { inner, decoder, decoded: VecDeque::new(), hasher, length: promise.length, got: 0 }
    }

    fn check_end(&mut self, trailers: &[(String, String)]) -> Result<(), UploadError> {
        if let Some(said) = self.length.filter(|said| *said != self.got) {
            return Err(UploadError::Length { said, got: self.got });
        }
        let sums = std::mem::take(&mut self.hasher).finalize();
        let sums = [
            ("x-amz-checksum-crc32", sums.checksum_crc32),
            ("x-amz-checksum-crc32c", sums.checksum_crc32c),
            ("x-amz-checksum-sha1", sums.checksum_sha1),
            ("x-amz-checksum-sha256", sums.checksum_sha256),
            ("x-amz-checksum-crc64nvme", sums.checksum_crc64nvme),
        ];
        for (name, got) in sums {
            let Some(got) = got else { continue };
            let said = trailers.iter().find(|(trailer, _)| trailer == name).map(|(_, value)| value.clone());
            let said = said.unwrap_or_else(|| "missing".into());
            if said != got {
                return Err(UploadError::Checksum { name, said, got });
            }
        }
        Ok(())
    }
}

impl<B> Body for Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        loop {
            if let Some(piece) = this.decoded.pop_front() {
                this.got += piece.len() as u64;
                this.hasher.update(&piece);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(decoder) = this.decoder.as_mut() else { return Poll::Ready(None) };
            match ready!(Pin::new(&mut this.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data()
                        && let Err(error) = decoder.feed(piece, &mut this.decoded)
                    {
                        this.decoder = None;
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
                Some(Err(error)) => {
                    this.decoder = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    let trailers = this.decoder.take().map(Decoder::finish).transpose();
                    let end = trailers
                        .map_err(StdError::from)
                        .and_then(|trailers| this.check_end(&trailers.unwrap_or_default()).map_err(StdError::from));
                    return Poll::Ready(end.err().map(Err));
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, |length| SizeHint::with_exact(length.saturating_sub(self.got)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http_body_util::{BodyExt, Full};

    use super::*;

    const BODY: &str = "5\r\nHello\r\n0\r\nx-amz-checksum-crc32:99GJgg==\r\n\r\n";

    async fn read(body: &str, promise: Promise) -> Result<Bytes, String> {
        let upload = Upload::new(Full::new(Bytes::from(body.to_owned())), &promise);
        upload.collect().await.map(|all| all.to_bytes()).map_err(|error| error.to_string())
    }

    fn promise(length: Option<u64>, trailer: &str) -> Promise {
        Promise { length, trailers: vec![trailer.into()] }
    }

    #[tokio::test]
    async fn an_upload_with_the_promised_length_and_checksum_is_read() {
        assert_eq!(read(BODY, promise(Some(5), "x-amz-checksum-crc32")).await.unwrap(), "Hello");
        assert_eq!(read(BODY, Promise::default()).await.unwrap(), "Hello");
    }

    #[tokio::test]
    async fn an_upload_with_another_checksum_fails_at_its_end() {
        let error = read(&BODY.replace("99GJgg", "AAAAAA"), promise(None, "x-amz-checksum-crc32")).await.unwrap_err();
        assert!(error.contains("x-amz-checksum-crc32"), "{error}");
        let error = read(BODY, promise(None, "x-amz-checksum-sha256")).await.unwrap_err();
        assert!(error.contains("missing"), "{error}");
    }

    #[tokio::test]
    async fn an_upload_of_another_length_fails_at_its_end() {
        assert!(read(BODY, promise(Some(6), "x")).await.unwrap_err().contains("5 bytes"));
    }

    #[tokio::test]
    async fn an_upload_that_is_cut_off_fails() {
        assert!(read("5\r\nHel", Promise::default()).await.unwrap_err().contains("ends within"));
    }
}
