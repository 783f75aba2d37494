use std::{error::Error, time::Duration};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::StoreError;

pub(super) fn backend(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Backend { doing: doing.into(), source: source.into() }
}

/// What a request's failure means where the operation gives it no other meaning.
pub(super) fn failed<E>(doing: impl Into<String>, key: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let denied = matches!(error.code(), Some("AccessDenied" | "AccessDeniedException")) || status(&error) == Some(403);
    if denied {
        return StoreError::Denied { key: key.into(), source: error.into() };
    }
    backend(doing, error)
}

pub(super) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// The pauses between tries that ran into somebody else's write: from 20 ms to 2 s, about 5 s together.
/// `spread` (any number, another for each writer) keeps two that met from meeting again.
pub(super) fn pauses(spread: u64) -> impl Iterator<Item = Duration> {
    (0..8).map(move |n| {
        let longest = 20 << n.min(7);
        Duration::from_millis(longest / 2 + (spread >> (8 * (n % 8)) & 0xff) * longest / 512)
    })
}
