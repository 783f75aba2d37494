//! What a caller did wrong, or what we could not do: the one place that knows codes and statuses.

use palate_store::StoreError;

use crate::wire::{Api, Violation};

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpError {
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    InvalidNextToken(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    InUse(String),
    /// Something that the operation had read was changed before it could commit. The operation is done
    /// again; a caller sees this only if that goes on and on.
    #[error("A resource that this request depends on keeps changing: {0}. Try again.")]
    Changed(String),
    #[error("{0}")]
    AlreadyExists(String),
    /// A quota on the number of resources is used up.
    #[error("{0}")]
    LimitExceeded(String),
    #[error("{0}")]
    TooManyTags(String),
    #[error("{0}")]
    TooManyTagKeys(String),
    /// The body is not JSON.
    #[error("{0}")]
    Serialization(String),
    #[error("{0}")]
    UnknownOperation(String),
    #[error("{0}")]
    TooLarge(String),
    /// The request is not signed.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// The Authorization header lacks something.
    #[error("{0}")]
    IncompleteSignature(String),
    /// The request is not what was signed, or was signed for another time, region or service.
    #[error("{0}")]
    InvalidSignature(String),
    /// There is no such access key.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// The access key is not for this.
    #[error("{0}")]
    AccessDenied(String),
    /// The client stopped sending.
    #[error("{0}")]
    Timeout(String),
    #[error("The service failed. The request may be tried again.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OpError {
    /// `Invalid { name, .. }` with a formatted message is common enough for a short word.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The exception's name and the status of `api`'s response.
    pub fn code(&self, api: Api) -> (&'static str, u16) {
        let control = api == Api::Control;
        match self {
            Self::InvalidInput(_) => ("InvalidInputException", 400),
            Self::InvalidNextToken(_) => ("InvalidNextTokenException", 400),
            Self::NotFound(_) => ("ResourceNotFoundException", if control { 400 } else { 404 }),
            Self::InUse(_) | Self::Changed(_) => ("ResourceInUseException", if control { 400 } else { 409 }),
            Self::AlreadyExists(_) => ("ResourceAlreadyExistsException", 400),
            Self::LimitExceeded(_) => ("LimitExceededException", 400),
            Self::TooManyTags(_) => ("TooManyTagsException", 400),
            Self::TooManyTagKeys(_) => ("TooManyTagKeysException", 400),
            Self::Serialization(_) => ("SerializationException", 400),
            Self::UnknownOperation(_) => ("UnknownOperationException", 404),
            Self::MissingAuthenticationToken => ("MissingAuthenticationTokenException", 403),
            Self::IncompleteSignature(_) => ("IncompleteSignatureException", 403),
            Self::InvalidSignature(_) => ("InvalidSignatureException", 403),
            Self::UnrecognizedClient => ("UnrecognizedClientException", 403),
            Self::AccessDenied(_) => ("AccessDeniedException", 403),
            Self::TooLarge(_) => ("RequestEntityTooLargeException", 413),
            Self::Timeout(_) => ("RequestTimeoutException", 408),
            Self::Internal(_) => ("InternalFailure", 500),
        }
    }
}

impl From<StoreError> for OpError {
    /// Conditional failures that mean something to the caller are handled where they are expected; what is
    /// left is ours.
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<Violation> for OpError {
    fn from(violation: Violation) -> Self {
        Self::InvalidInput(violation.0)
    }
}

/// An error and what caused it, in one line for the log.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
