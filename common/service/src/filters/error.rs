/// Why a filter cannot be made or applied, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    pub message: String,
    /// The place in the expression: how many characters stand before it. `None` where no one place is wrong.
    pub at: Option<usize>,
}

impl FilterError {
    /// An expression that is not written as the grammar has it.
    pub(super) fn syntax(at: usize, problem: impl AsRef<str>) -> Self {
        let (position, problem) = (at + 1, problem.as_ref());
        Self::refused(at, format!("Invalid Expression at position {position}: {problem}"))
    }

    /// An expression that is refused in words of its own.
    pub(super) fn refused(at: usize, problem: impl AsRef<str>) -> Self {
        Self { message: format!("Could not create filter. {}", problem.as_ref()), at: Some(at) }
    }

    /// An expression that does not suit the schemas.
    pub(super) fn unsuited(problem: impl AsRef<str>) -> Self {
        Self { message: format!("Could not create filter. Invalid Expression: {}", problem.as_ref()), at: None }
    }

    /// A request that does not go with the filter.
    pub(super) fn asked(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None }
    }
}
